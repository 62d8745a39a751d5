"""What the comparison found, as `results.json`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sksurv.nonparametric import kaplan_meier_estimator

from survival_job import __version__
from survival_job.comparison import COMMON, OWN, REFERENCE, Evaluation, Plan, difference
from survival_job.dataset import Dataset, Survival
from survival_job.intervals import corrected_interval, over_folds
from survival_job.measures import GROUPS
from survival_job.preparation import LEAST_OF_A_BATCH, batches_of

SCHEMA = 2
"""Of `results.json`. In 1, Brier scores were numbers; now they are estimates with intervals, as all else."""

_NOT_POOLED = "Nothing is pooled"


def results_document(
    dataset: Dataset,
    evaluations: Sequence[Evaluation],
    plan: Plan,
    controls: Mapping[str, Any],
    baseline: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Return everything that the report, the card and the command show."""
    sets = [_set(dataset, evaluation, evaluations, plan) for evaluation in evaluations]
    common = dataset.with_all(dataset.modalities)
    return {
        "schema": SCHEMA,
        "job_version": __version__,
        "dataset": dataset.name,
        "build": dataset.build,
        "settings": dict(settings),
        "facts": dict(dataset.facts),
        "cases": len(dataset.cases),
        "events": int(dataset.survival.event.sum()),
        "follow_up_days": _median_follow_up(dataset.survival),
        "modalities": {
            name: {"cases": int(dataset.present[name].sum()), "features": dataset.count([name])}
            for name in dataset.modalities
        },
        "common": {"cases": len(common), "events": int(dataset.survival.event[common].sum())},
        "sets": sets,
        "calibration": [found for evaluation in evaluations for found in _calibration(dataset, evaluation)],
        "controls": dict(controls),
        "baseline": dict(baseline),
        "findings": [*findings(sets, controls, baseline, len(dataset.modalities)), *not_harmonised(dataset, plan)],
    }


def _set(dataset: Dataset, evaluation: Evaluation, others: Sequence[Evaluation], plan: Plan) -> dict[str, Any]:
    task, survival = evaluation.task, dataset.survival.of(evaluation.task.rows)
    against = _reference_of(evaluation, others)
    gain = difference(evaluation, against, plan) if against is not None else None
    return {
        "name": task.name,
        "modalities": list(task.modalities),
        "model": task.model,
        "stratum": task.stratum,
        "cases": len(survival),
        "events": int(survival.event.sum()),
        "features": dataset.count(task.modalities),
        "c_index": corrected_interval(evaluation.c_index, plan.parts).document(),
        "c_ipcw": corrected_interval(evaluation.c_ipcw, plan.parts).document(),
        **_predictions(evaluation, plan),
        "difference": gain.document() if gain is not None else None,
        "compared_with": against.task.name if against is not None else None,
        "importance": {
            name: corrected_interval(values, plan.parts, lowest=-1.0).document()
            for name, values in evaluation.importance.items()
        },
    }


def _reference_of(evaluation: Evaluation, others: Sequence[Evaluation]) -> Evaluation | None:
    """Return the same model of clinical data alone on the same cases."""
    task = evaluation.task
    if task.modalities == (REFERENCE,):
        return None
    strata = {COMMON} if task.stratum == COMMON else {f"{OWN}: {task.name}"}
    found = (o for o in others if o.task.modalities == (REFERENCE,) and o.task.stratum in strata)
    return next((o for o in found if o.task.model == task.model), None)


def _predictions(evaluation: Evaluation, plan: Plan) -> dict[str, Any]:
    """Return AUC and Brier score of each horizon, as means over folds: pooled cases have no one scale (models-7)."""
    days, folds = list(evaluation.brier), np.array(list(evaluation.brier.values()))
    several = len(days) > 1
    whole: np.ndarray = np.trapezoid(folds, days, axis=0) / (days[-1] - days[0]) if several else np.empty(0)
    return {
        "auc": over_folds(evaluation.auc, plan.parts),
        "brier": over_folds(evaluation.brier, plan.parts),
        "integrated_brier": corrected_interval(whole, plan.parts).document(),
    }


def _calibration(dataset: Dataset, evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return predicted and observed survival of groups of cases, for ridge regression."""
    task, survival = evaluation.task, dataset.survival.of(evaluation.task.rows)
    if task.model != "ridge" or task.stratum not in {COMMON, OWN}:
        return []
    members = [evaluation.group == number for number in range(GROUPS)]
    return [
        {
            "set": task.name,
            "stratum": task.stratum,
            "horizon_days": day,
            "groups": [_group(predicted, rows, survival, day) for rows in members if rows.any()],
        }
        for day, predicted in evaluation.survival_at.items()
    ]


def _group(predicted: np.ndarray, members: np.ndarray, survival: Survival, day: float) -> dict[str, Any]:
    """Return what a group's cases of all folds were told and what came; `cases` is their mean number in a repeat."""
    return {
        "predicted": round(float(predicted[members].mean()), 4),
        "observed": _observed(survival.of(np.nonzero(members)[1]), day),
        "cases": round(members.sum() / len(members)),
    }


def _observed(survival: Survival, day: float) -> float | None:
    if survival.time.max() < day and not survival.event[np.argmax(survival.time)]:
        return None  # nobody of the group was followed so long
    days, share = kaplan_meier_estimator(survival.event, survival.time)
    before = share[days <= day]
    return round(float(before[-1]), 4) if len(before) else 1.0


def _median_follow_up(survival: Survival) -> float | None:
    days, share = kaplan_meier_estimator(~survival.event, survival.time)
    below = days[share <= 0.5]
    return float(below[0]) if len(below) else None


def findings(
    sets: Sequence[Mapping[str, Any]], controls: Mapping[str, Any], baseline: Mapping[str, Any], modalities: int
) -> list[str]:
    """Return plain sentences; the first one says whether pooling helps, or what clinical data tells where none is.

    `modalities` are those of the build; some of them may be in no set, for want of cases.
    """
    pooling, alone = _pooling(sets, modalities), _reference_alone(sets)
    return [
        *([*alone, pooling] if pooling.startswith(_NOT_POOLED) else [pooling, *alone]),
        *(_control(name, found) for name, found in controls.items()),
        *([_one_split(baseline)] if baseline else []),
    ]


def not_harmonised(dataset: Dataset, plan: Plan) -> list[str]:
    """Say which scanners have too few cases to be harmonised with the others; nothing when all have enough."""
    column = plan.batch
    if column is None:
        return []
    modality = column.partition("__")[0]
    rows = np.flatnonzero(dataset.present[modality]) if modality in dataset.present else None
    sizes = Counter(batches_of(dataset.context, column, rows) or ())
    least = -(-LEAST_OF_A_BATCH * plan.parts // (plan.parts - 1))  # so that a fold's training cases have enough
    few = [f"{name or 'no name'} ({size})" for name, size in sorted(sizes.items()) if size < least]
    rule = f"a scanner needs about {least} cases, of which {LEAST_OF_A_BATCH} are left for training"
    if len(sizes) - len(few) < 2 or dataset.count([modality]) < 2:
        return [f"Harmonisation by {column} did nothing, or only in some folds: it needs two scanners; {rule}."]
    return [f"Not harmonised, or only in some folds: {', '.join(few)}; {rule}."] if few else []


def _control(name: str, found: Mapping[str, Any]) -> str:
    c = found["c_index"]
    if c["low"] is None:
        return f"Control with {name.replace('_', ' ')}: too few cases can be compared to measure it."
    told = f"Control with {name.replace('_', ' ')}: concordance {_with_bounds(c)}"
    areas = [f"AUC at {day} days {_with_bounds(a)}." for day, a in found["auc"].items() if a["low"] is not None]
    holds = "holds 0.5 as it must."
    leaks = "does not hold 0.5: test cases leak into training. Do not use these results."
    return " ".join([f"{told}, which {holds if found['holds_half'] else leaks}", *areas])


def _with_bounds(values: Mapping[str, Any]) -> str:
    return f"{values['estimate']:.3f} ({values['low']:.3f} to {values['high']:.3f})"


def _one_split(baseline: Mapping[str, Any]) -> str:
    right, auc = baseline["accuracy"], baseline["auc"]
    if right["p5"] is None or auc["p5"] is None:
        return "No single 80/20 split has both outcomes among its test cases."
    return (
        f"One 80/20 split, as often reported, gives an accuracy between {right['p5']:.2f} and {right['p95']:.2f} and "
        f"an AUC between {auc['p5']:.2f} and {auc['p95']:.2f} (5 to 95 % of {baseline['seeds']} seeds) by chance alone."
    )


def _reference_alone(sets: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what clinical data alone tells, of its most cases."""
    alone = [s for s in sets if s["model"] == "ridge" and list(s["modalities"]) == [REFERENCE]]
    largest = max(alone, key=lambda s: int(s["cases"]), default=None)
    if largest is None or largest["c_index"]["low"] is None:
        return []
    c = largest["c_index"]
    told = "no better than chance as far as these cases can tell"
    if c["low"] > 0.5:
        told = "better than chance"
    elif c["high"] < 0.5:
        told = "worse than chance"
    return [f"Clinical data alone is {told}: concordance {_with_bounds(c)} on {largest['cases']} cases."]


def _pooling(sets: Sequence[Mapping[str, Any]], modalities: int) -> str:
    """Say which pooled sets beat clinical data alone, and of the largest one whether it does."""
    pooled = [
        s
        for s in sets
        if s["model"] == "ridge" and len(s["modalities"]) > 1 and s["difference"] and s["difference"]["low"] is not None
    ]
    shared = [s for s in pooled if s["stratum"] == COMMON] or pooled
    if modalities == 1:
        return f"{_NOT_POOLED}: the build has one modality."
    if not shared:
        return f"{_NOT_POOLED}: too few cases have clinical data and another modality."
    largest = max(shared, key=lambda s: len(s["modalities"]))
    better = [s for s in shared if s["difference"]["low"] > 0]
    if better:
        best = max(better, key=lambda s: float(s["difference"]["estimate"]))
        told = f"Pooling {best['name']} helps: {_gain(best)}."
        return told if largest in better else f"{told} Of {largest['name']} that cannot be said: {_gain(largest)}."
    if largest["difference"]["high"] < 0:
        return f"Pooling {largest['name']} harms: {_gain(largest)}."
    return f"Pooling {largest['name']} does not help as far as these cases can tell: {_gain(largest)}; that holds 0."


def _gain(each: Mapping[str, Any]) -> str:
    gain = each["difference"]
    return (
        f"concordance changes by {gain['estimate']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f}) against clinical "
        f"data alone, on {each['cases']} cases"
    )
