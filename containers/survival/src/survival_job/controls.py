"""What a comparison is held against: labels and features that say nothing, and the protocol of one split."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import xgboost
from joblib import Parallel, delayed
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from survival_job.comparison import COMMON, OWN, Plan, Task, evaluate_all
from survival_job.dataset import Dataset, Floats, Survival
from survival_job.intervals import corrected_interval, over_folds
from survival_job.preparation import prepare

SEEDS: Final = 100
SHUFFLES: Final = 10
"""Orders that labels and features are shuffled into: one alone would be luck."""

Progress = Callable[[int, int], None]


def shuffled(dataset: Dataset, task: Task, plan: Plan, what: str, progress: Progress) -> dict[str, Any]:
    """Return concordance and AUC of a task whose labels, or whose features, were exchanged among its cases.

    Nothing is left to find, so the interval of concordance must hold one half. If it does not, test cases leak into
    training.

    Parameters
    ----------
    what : str
        `labels` or `features`.
    """
    generator = np.random.default_rng(0)
    values: list[float] = []
    areas: dict[float, list[float]] = {}
    once = replace(plan, repeats=1)
    for number in range(SHUFFLES):
        mixed = _shuffled(dataset, task, what, generator)
        seeded = replace(once, seed=f"{plan.seed}:{number}")
        (found,) = evaluate_all(mixed, [task], seeded, lambda _done, _all: None)
        values += found.c_index
        for day, by_fold in found.auc.items():
            areas.setdefault(day, []).extend(by_fold)
        progress(number + 1, SHUFFLES)
    interval = corrected_interval(values, plan.parts)
    holds = bool(interval.low <= 0.5 <= interval.high)
    return {
        "set": task.name,
        "model": task.model,
        "shuffles": SHUFFLES,
        "c_index": interval.document(),
        "auc": over_folds(areas, plan.parts),
        "holds_half": holds,
    }


def _shuffled(dataset: Dataset, task: Task, what: str, generator: np.random.Generator) -> Dataset:
    order = np.arange(len(dataset.cases))
    order[task.rows] = generator.permutation(task.rows)
    if what == "labels":
        return replace(dataset, survival=dataset.survival.of(order))
    features = dataset.features.copy()
    for name in dataset.columns(task.modalities):
        values = features[name].to_numpy(copy=True)
        values[task.rows] = values[generator.permutation(task.rows)]
        features[name] = values
    return replace(dataset, features=features)


def single_split(dataset: Dataset, task: Task, workers: int, progress: Progress) -> dict[str, Any]:
    """Return what the protocol of one split gives, over seeds that its author might have chosen.

    StandardScaler, PCA keeping 99 % of the variance, XGBoost with its defaults on the survival status,
    censoring ignored, one split 80/20, area under the ROC curve on the 20 %.
    """
    values = dataset.features[dataset.columns(task.modalities)].to_numpy(float)[task.rows]
    survival = dataset.survival.of(task.rows)
    found: list[tuple[float, float]] = []
    jobs = (delayed(_split_once)(values, survival, seed) for seed in range(SEEDS))
    for number, value in enumerate(Parallel(n_jobs=workers, return_as="generator", batch_size=5)(jobs), start=1):
        found += [value] if np.isfinite(value[0]) else []
        progress(number, SEEDS)
    areas, shares = ([pair[place] for pair in found] for place in (0, 1))
    return {
        "set": task.name,
        "cases": len(survival),
        "seeds": len(found),
        "auc": _spread(areas),
        "accuracy": _spread(shares),
        "values": [round(value, 4) for value in areas],
    }


def _spread(values: list[float]) -> dict[str, float | None]:
    """Return the 5th, 50th and 95th percentile; nulls where no split could be judged."""
    names = {"p5": 5, "median": 50, "p95": 95}
    return {name: round(float(np.percentile(values, p)), 4) if values else None for name, p in names.items()}


def _split_once(values: Floats, survival: Survival, seed: int) -> tuple[float, float]:
    """Return area under the curve and share of right answers of one split; NaN where a part has one status only."""
    rows = np.arange(len(values))
    train, test = train_test_split(rows, test_size=0.2, random_state=seed)
    if len(set(survival.event[test])) < 2 or len(set(survival.event[train])) < 2:
        return float("nan"), float("nan")
    preparation = prepare(values[train])
    ready, unseen = preparation.apply(values[train]), preparation.apply(values[test])
    reduction = PCA(n_components=0.99, random_state=0).fit(ready)
    model = xgboost.XGBClassifier(random_state=0, n_jobs=1)
    model.fit(reduction.transform(ready), survival.event[train].astype(int))
    chance = model.predict_proba(reduction.transform(unseen))[:, 1]
    died = survival.event[test]
    return float(roc_auc_score(died, chance)), float(((chance > 0.5) == died).mean())


def widest(tasks: list[Task]) -> Task:
    """Return the set of most modalities, by ridge regression, on the common cases where there are any."""
    ridge = [task for task in tasks if task.model == "ridge" and task.stratum in {COMMON, OWN}]
    return max(ridge, key=lambda task: (task.stratum == COMMON, len(task.modalities)))
