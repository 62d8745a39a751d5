"""The comparison: every set of modalities with every model on the same repeated nested folds.

Two strata of cases. On the *common* cases, which have all modalities, all sets meet the same patients. On a set's *own*
cases, which have its modalities, it meets clinical data alone: those who lack another modality are not left out.
A missing modality is never a zero.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

import numpy as np
from joblib import Parallel, delayed
from sksurv.metrics import concordance_index_censored, concordance_index_ipcw

from survival_job.dataset import LEAST_EVENTS, Dataset, Floats, Survival
from survival_job.folds import Fold, digest, repeated_folds
from survival_job.intervals import Interval, corrected_interval
from survival_job.measures import auc_at, brier_at, risk_groups
from survival_job.models import TRAINERS, baseline_hazard, trained, weighed_outcome
from survival_job.preparation import batches_of, prepare, scanned_by

REFERENCE: Final = "clinical"
"""What others are compared with: what a physician has anyway."""

COMMON, OWN = "common", "own"


@dataclass(frozen=True)
class Plan:
    """How to compare.

    Parameters
    ----------
    repeats, parts : int
        Repeats of the folds, and folds of each.
    seed : str
    batch : str, optional
        Column of the dataset's context that names the scanner; given, its effects are removed within the folds.
    workers : int
        Processes.
    """

    repeats: int = 10
    parts: int = 5
    seed: str = "0"
    batch: str | None = None
    workers: int = 2


@dataclass(frozen=True)
class Task:
    """One set of modalities with one model on some cases."""

    modalities: tuple[str, ...]
    model: str
    stratum: str
    rows: np.ndarray

    @property
    def name(self) -> str:
        """Name of the set."""
        return " + ".join(self.modalities)


@dataclass
class Evaluation:
    """What the folds of a task gave; arrays are by fold, or by repeat and case."""

    task: Task
    c_index: list[float] = field(default_factory=list)
    c_ipcw: list[float] = field(default_factory=list)
    importance: dict[str, list[float]] = field(default_factory=dict)
    auc: dict[float, list[float]] = field(default_factory=dict)
    """Of each horizon, in days; so is `brier`. NaN where a fold cannot be judged."""
    brier: dict[float, list[float]] = field(default_factory=dict)
    survival_at: dict[float, np.ndarray] = field(default_factory=dict)
    """Horizon in days → repeats × cases of the stratum: predicted survival when the case was not trained with."""
    group: np.ndarray = field(default_factory=lambda: np.empty((0, 0), int))
    """Repeats × cases of the stratum: the case's group by predicted survival among the test cases of its fold."""


def sets_of(modalities: Sequence[str]) -> list[tuple[str, ...]]:
    """Return each modality alone, each pair, and all."""
    singles = [(name,) for name in modalities]
    pairs = list(combinations(modalities, 2))
    return singles + pairs + ([tuple(modalities)] if len(modalities) > 2 else [])


def tasks_of(dataset: Dataset) -> list[Task]:
    """Return what is compared; cases of too few events make no stratum."""
    modalities = dataset.modalities
    common = dataset.with_all(modalities)
    tasks = []
    if _has_events(dataset, common):
        tasks += [Task(names, model, COMMON, common) for names in sets_of(modalities) for model in TRAINERS]
    for names in sets_of(modalities):
        needed = list(dict.fromkeys((*names, *([REFERENCE] if REFERENCE in modalities else []))))
        rows = dataset.with_all(needed)
        if (len(rows) > len(common) or not tasks) and _has_events(dataset, rows):
            tasks.append(Task(names, "ridge", OWN, rows))
            if REFERENCE in modalities and names != (REFERENCE,):
                tasks.append(Task((REFERENCE,), "ridge", f"{OWN}: {' + '.join(names)}", rows))
    return tasks


def _has_events(dataset: Dataset, rows: np.ndarray) -> bool:
    return int(dataset.survival.event[rows].sum()) >= LEAST_EVENTS


def horizons_of(survival: Survival) -> list[float]:
    """Return the times at which predictions are judged: one, three and five years, while enough are followed.

    They are those of the datasets' labels (`os_horizon_1095d`).
    """
    years = [365.0, 1095.0, 1825.0]
    found = [day for day in years if (survival.time > day).sum() >= LEAST_EVENTS and _events_by(survival, day) >= 5]
    return found or [float(np.median(survival.time[survival.event]))]


def _events_by(survival: Survival, day: float) -> int:
    return int((survival.event & (survival.time <= day)).sum())


def evaluate_all(
    dataset: Dataset, tasks: Sequence[Task], plan: Plan, progress: Callable[[int, int], None]
) -> list[Evaluation]:
    """Evaluate every task; `progress` is told how many folds of how many are done."""
    jobs = [(number, fold) for number, task in enumerate(tasks) for fold in _folds(dataset, task, plan)]
    horizons = {number: horizons_of(dataset.survival.of(task.rows)) for number, task in enumerate(tasks)}
    found = [Evaluation(task) for task in tasks]
    for number, evaluation in enumerate(found):
        size = (plan.repeats, len(tasks[number].rows))
        evaluation.survival_at = {day: np.full(size, np.nan) for day in horizons[number]}
        evaluation.group = np.full(size, -1)
    results = Parallel(n_jobs=plan.workers, return_as="generator", batch_size=4)(
        delayed(_evaluate)(dataset, tasks[number], fold, horizons[number], plan) for number, fold in jobs
    )
    for done, ((number, fold), result) in enumerate(zip(jobs, results, strict=True), start=1):
        _add(found[number], fold, result)
        progress(done, len(jobs))
    return found


def _folds(dataset: Dataset, task: Task, plan: Plan) -> Iterator[Fold]:
    cases = [dataset.cases[row] for row in task.rows]
    event = dataset.survival.event[task.rows]
    return repeated_folds(cases, event, repeats=plan.repeats, parts=plan.parts, seed=plan.seed)


def _add(evaluation: Evaluation, fold: Fold, result: Mapping[str, Any]) -> None:
    evaluation.c_index.append(result["c_index"])
    evaluation.c_ipcw.append(result["c_ipcw"])
    for name, drop in result["importance"].items():
        evaluation.importance.setdefault(name, []).append(drop)
    evaluation.group[fold.repeat, fold.test] = result["group"]
    for day, values in result["survival_at"].items():
        evaluation.survival_at[day][fold.repeat, fold.test] = values
        evaluation.auc.setdefault(day, []).append(result["auc"][day])
        evaluation.brier.setdefault(day, []).append(result["brier"][day])


def _evaluate(dataset: Dataset, task: Task, fold: Fold, horizons: Sequence[float], plan: Plan) -> dict[str, Any]:
    """Train on a fold's training cases and judge on the others; all that is learnt is learnt within the first."""
    columns = dataset.columns(task.modalities)
    train, test = task.rows[fold.train], task.rows[fold.test]
    learnt, judged = dataset.survival.of(train), dataset.survival.of(test)
    values = dataset.features[columns].to_numpy(float)
    batches, others = (batches_of(dataset.context, plan.batch, rows) for rows in (train, test))
    preparation = prepare(values[train], batches, scanned_by(columns, plan.batch))
    ready, unseen = preparation.apply(values[train], batches), preparation.apply(values[test], others)
    seed = f"{plan.seed}:{fold.repeat}:{fold.number}"
    model = trained(task.model, ready, learnt, [dataset.cases[row] for row in train], seed)
    risk = model.risk(unseen)
    baseline = baseline_hazard(model.risk(ready), learnt)
    survival_at = {day: baseline.survival(day, risk) for day in horizons}
    kept = [columns[place] for place in preparation.kept]
    return {
        "c_index": c_index(risk, judged),
        "c_ipcw": _c_ipcw(risk, learnt, judged),
        "importance": _importance(model.risk, unseen, [dataset.modality_of[name] for name in kept], judged, seed),
        "auc": {day: auc_at(day, risk, learnt, judged) for day in horizons},
        "brier": {day: brier_at(day, chance, learnt, judged) for day, chance in survival_at.items()},
        "survival_at": survival_at,
        "group": risk_groups(risk),
    }


def c_index(risk: Floats, survival: Survival) -> float:
    """Return Harrell's concordance index; NaN where no pair can be compared."""
    try:
        return float(concordance_index_censored(survival.event, survival.time, risk)[0])
    except (ValueError, ZeroDivisionError):
        return float("nan")


def _c_ipcw(risk: Floats, learnt: Survival, judged: Survival) -> float:
    """Return Uno's concordance index, up to the last time that training cases were followed to."""
    tau = float(min(learnt.time.max(), judged.time.max())) - 1e-6
    within = Survival(np.minimum(judged.time, learnt.time.max() - 1e-6), judged.event)
    try:
        return float(concordance_index_ipcw(weighed_outcome(learnt), weighed_outcome(within), risk, tau=tau)[0])
    except (ValueError, ZeroDivisionError):
        return float("nan")


def _importance(
    risk: Callable[[Floats], Floats], values: Floats, modality: Sequence[str], survival: Survival, seed: str
) -> dict[str, float]:
    """Return how much concordance is lost when the cases' values of a modality are exchanged among them."""
    names = list(dict.fromkeys(modality))
    if len(names) < 2:
        return {}
    generator = np.random.default_rng(int.from_bytes(digest(seed)[:8], "big"))
    whole, lost = c_index(risk(values), survival), {}
    for name in names:
        mixed = values.copy()
        columns = [place for place, found in enumerate(modality) if found == name]
        mixed[:, columns] = values[generator.permutation(len(values))][:, columns]
        lost[name] = whole - c_index(risk(mixed), survival)
    return lost


def difference(one: Evaluation, other: Evaluation, plan: Plan) -> Interval:
    """Return the interval of the difference of two sets' concordance over the same folds."""
    paired = np.array(one.c_index) - np.array(other.c_index)
    return corrected_interval(paired, plan.parts, lowest=-1.0)
