"""A saved model as JSON – no pickle, so reading one runs nothing – and the scores that it gives new cases."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from survival_job import __version__
from survival_job.comparison import REFERENCE, Task
from survival_job.dataset import Dataset, Survival, has_modality
from survival_job.errors import InputRejectedError, ReasonCode
from survival_job.models import Linear, baseline_hazard, trained
from survival_job.preparation import Harmony, Preparation, batches_of, prepare, scanned_by

SCHEMA: Final = 1


def fit_final(dataset: Dataset, task: Task, seed: str, batch: str | None = None) -> dict[str, Any]:
    """Fit ridge regression to all cases of a task and return the model as JSON values.

    Parameters
    ----------
    dataset, task, seed : Dataset, Task, str
        As in the comparison.
    batch : str, optional
        Context column of the scanners; given, features are harmonised between them as they were in the comparison.
    """
    columns = dataset.columns(task.modalities)
    values = dataset.features[columns].to_numpy(float)[task.rows]
    survival = dataset.survival.of(task.rows)
    batches = batches_of(dataset.context, batch, task.rows)
    preparation = prepare(values, batches, scanned_by(columns, batch))
    ready = preparation.apply(values, batches)
    model = trained("ridge", ready, survival, [dataset.cases[row] for row in task.rows], seed)
    if not isinstance(model, Linear):
        raise TypeError("ridge regression gives a linear model")
    risk = model.risk(ready)
    kept = [columns[place] for place in preparation.kept]
    return {
        "schema": SCHEMA,
        "job_version": __version__,
        "dataset": dataset.name,
        "build": dataset.build,
        "modalities": list(task.modalities),
        "kind": "ridge Cox regression",
        "penalty": model.penalty,
        "features": [
            {"column": name, "median": float(m), "mean": float(a), "scale": float(s), "weight": float(w)}
            for name, m, a, s, w in zip(
                kept, preparation.median, preparation.mean, preparation.scale, model.weights, strict=True
            )
        ],
        "harmony": _harmony_document(preparation.harmony, batch),
        "risk_quantiles": [round(float(q), 6) for q in np.quantile(risk, np.linspace(0, 1, 101))],
        "baseline_survival": _baseline(risk, survival),
        "cases": len(survival),
        "events": int(survival.event.sum()),
    }


def _harmony_document(harmony: Harmony | None, batch: str | None) -> dict[str, Any] | None:
    """Return the scanners' effects as JSON values; arrays are by feature, as in `features`."""
    if harmony is None:
        return None
    shifts = {name: {"shift": s.tolist(), "width": w.tolist()} for name, (s, w) in harmony.shifts.items()}
    return {"column": batch, "mean": harmony.mean.tolist(), "scale": harmony.scale.tolist(), "scanners": shifts}


def _harmony_from(document: Mapping[str, Any] | None) -> Harmony | None:
    if document is None:
        return None
    shifts = {n: (np.array(one["shift"]), np.array(one["width"])) for n, one in document["scanners"].items()}
    return Harmony(np.array(document["mean"]), np.array(document["scale"]), shifts)


def _baseline(risk: np.ndarray, survival: Survival) -> dict[str, list[float]]:
    """Return survival at risk 0 on at most 100 days: S(t | risk) = S₀(t) ** exp(risk)."""
    hazard = baseline_hazard(risk, survival)
    places = np.unique(np.linspace(0, len(hazard.days) - 1, 100).astype(int))
    return {"days": hazard.days[places].tolist(), "survival": [round(float(s), 6) for s in hazard.curve()[places]]}


def read_model(folder: Path) -> dict[str, Any]:
    """Read `model.json`.

    Raises
    ------
    InputRejectedError
        When it is not there or not a model of this job.
    """
    try:
        model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError) as error:
        message = "model.json is not there or is no JSON; give the folder of a finished run of `models train`"
        raise InputRejectedError(ReasonCode.MODEL_MISMATCH, message) from error
    if not isinstance(model, dict) or model.get("schema") != SCHEMA or not model.get("features"):
        raise InputRejectedError(
            ReasonCode.MODEL_MISMATCH, "model.json is not a model of this job's version; train again"
        )
    return model


def scores(model: Mapping[str, Any], table: pd.DataFrame, modalities: Sequence[str]) -> list[dict[str, Any]]:
    """Return the risk of every case that has the model's modalities.

    Parameters
    ----------
    model : mapping
        Of `read_model`.
    table : DataFrame
        Of `table_numbers`, and the columns that say how values were made, as text.
    modalities : sequence of str
        Modalities of the dataset.

    Raises
    ------
    InputRejectedError
        When the dataset lacks a modality or a feature of the model, or no case has all of its modalities.
    """
    lacking = [m for m in model["modalities"] if m not in modalities]
    lacking += [f["column"] for f in model["features"] if f["column"] not in table]
    harmony = model.get("harmony")
    lacking += [harmony["column"]] if harmony and harmony["column"] not in table else []
    if lacking:
        message = f"the dataset lacks {lacking[0]}, which the model was trained with; build it with the same modalities"
        raise InputRejectedError(ReasonCode.MODEL_MISMATCH, message)
    columns = [f["column"] for f in model["features"]]
    present = [has_modality(table, columns, m) for m in model["modalities"]]
    complete = table[np.logical_and.reduce(present)]
    if complete.empty:
        needed = " and ".join(model["modalities"])
        message = f"none of the {len(table)} cases has {needed}, which the model needs; score another build or model"
        raise InputRejectedError(ReasonCode.MODEL_MISMATCH, message)
    median, mean, scale, weight = (
        np.array([f[k] for f in model["features"]]) for k in ("median", "mean", "scale", "weight")
    )
    values = complete[columns].to_numpy(float)
    preparation = Preparation(np.arange(len(columns)), median, mean, scale, _harmony_from(harmony))
    ready = preparation.apply(values, batches_of(complete, harmony["column"] if harmony else None))
    percentiles = np.searchsorted(model["risk_quantiles"], ready @ weight, side="right").clip(1, 100)
    return [
        {"case_id": str(case), "risk_score": round(float(risk), 6), "risk_percentile": int(percentile)}
        for case, risk, percentile in zip(complete["case_id"], ready @ weight, percentiles, strict=True)
    ]


def best_task(tasks: Sequence[Task], document: Mapping[str, Any]) -> Task:
    """Return the set that the saved model is of: pooling must have earned its place, or clinical data alone is kept."""
    helpful = [
        s for s in document["sets"] if s["model"] == "ridge" and s["difference"] and (s["difference"]["low"] or 0) > 0
    ]
    if helpful:
        chosen = max(helpful, key=lambda s: s["c_index"]["estimate"])
        return next(
            t for t in tasks if t.name == chosen["name"] and t.stratum == chosen["stratum"] and t.model == "ridge"
        )
    alone = [t for t in tasks if t.model == "ridge" and t.modalities == (REFERENCE,)]
    singles = alone or [t for t in tasks if t.model == "ridge"]
    return max(singles, key=lambda t: len(t.rows))
