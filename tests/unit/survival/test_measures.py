"""AUC, Brier score and calibration are taken within folds: between them, predictions have no common level."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sksurv.metrics import brier_score, cumulative_dynamic_auc

from survival_job.comparison import OWN, Evaluation, Plan, Task, evaluate_all
from survival_job.dataset import Dataset, Survival, read_dataset
from survival_job.intervals import over_folds
from survival_job.measures import auc_at, brier_at, risk_groups
from survival_job.models import weighed_outcome
from survival_job.results import _calibration, _predictions
from tests.builders.builds import make_build

PLAN = Plan(repeats=2, workers=1)
YEAR = 365.0


def small(folder: Path, seed: int, signal: float) -> tuple[Dataset, Evaluation]:
    """Return 56 cases of three clinical features, and what the folds of ridge regression gave."""
    build = make_build(folder, cases=56, features={"clinical": 3}, signal={"clinical": signal}, seed=seed)
    dataset = read_dataset(build, "surgery")
    task = Task(("clinical",), "ridge", OWN, np.arange(len(dataset.cases)))
    return dataset, evaluate_all(dataset, [task], PLAN, lambda _done, _all: None)[0]


def over_horizons(evaluation: Evaluation) -> float:
    return float(np.mean([area["estimate"] for area in _predictions(evaluation, PLAN)["auc"].values()]))


def pooled(survival: Survival, evaluation: Evaluation) -> float:
    """Return the AUC of the cases of all folds ranked together, as it must not be."""
    labels = weighed_outcome(survival)
    by_repeat = [(day, chances) for day, repeats in evaluation.survival_at.items() for chances in repeats]
    return float(np.mean([cumulative_dynamic_auc(labels, labels, 1 - s, [day])[0][0] for day, s in by_repeat]))


def test_with_nothing_to_find_auc_is_one_half_and_would_be_less_if_folds_were_pooled(tmp_path: Path) -> None:
    found = [small(tmp_path / str(seed), seed, 0.0) for seed in range(40)]
    within = np.mean([over_horizons(evaluation) for _, evaluation in found])
    assert within == pytest.approx(0.5, abs=0.03)
    assert np.mean([pooled(dataset.survival, evaluation) for dataset, evaluation in found]) < within - 0.03


def test_a_signal_raises_auc(tmp_path: Path) -> None:
    assert over_horizons(small(tmp_path / "b", 1, 2.0)[1]) > 0.8


def made(cases: int, seed: int) -> Survival:
    generator = np.random.default_rng(seed)
    return Survival(generator.uniform(1, 1000, cases).round(), generator.uniform(size=cases) < 0.6)


def test_the_brier_score_is_that_of_scikit_survival_where_it_judges() -> None:
    learnt, judged = made(200, 1), made(50, 2)
    chance = np.random.default_rng(3).uniform(size=50)
    labels = (weighed_outcome(each) for each in (learnt, judged))
    assert brier_at(YEAR, chance, learnt, judged) == pytest.approx(brier_score(*labels, chance, [YEAR])[1][0])


def test_a_fold_that_nobody_left_has_a_brier_score_and_no_auc() -> None:
    learnt, judged = Survival(np.array([100.0, 900.0]), np.array([True, True])), made(20, 1)
    judged = replace(judged, time=judged.time + YEAR)
    assert brier_at(YEAR, np.full(20, 0.9), learnt, judged) == pytest.approx(0.01)
    assert np.isnan(auc_at(YEAR, np.arange(20.0), learnt, judged))


def test_test_cases_may_be_followed_longer_than_training_cases() -> None:
    learnt, judged = made(100, 1), made(20, 2)
    later = replace(judged, time=np.where(judged.time > YEAR, judged.time + 5000, judged.time))
    risk = np.random.default_rng(3).normal(size=20)
    assert auc_at(YEAR, risk, learnt, later) == auc_at(YEAR, risk, learnt, judged)
    assert 0 < brier_at(YEAR, np.full(20, 0.5), learnt, later) < 1


def test_training_cases_that_were_not_followed_as_long_judge_nothing() -> None:
    judged = made(20, 2)
    learnt = Survival(np.array([10.0, 20.0, 30.0]), np.array([True, False, True]))
    assert np.isnan(auc_at(YEAR, np.arange(20.0), learnt, judged))
    assert np.isnan(brier_at(YEAR, np.full(20, 0.5), learnt, judged))


def test_folds_that_cannot_be_judged_are_left_out_and_counted() -> None:
    found = over_folds({YEAR: [0.5, float("nan"), 0.7, 0.6]}, 5)["365"]
    assert (found["estimate"], found["folds_left_out"]) == (0.6, 1)
    nobody = {"estimate": None, "low": None, "high": None, "folds_left_out": 2}
    assert over_folds({YEAR: [float("nan")] * 2}, 5)["365"] == nobody


@pytest.mark.parametrize("turn", [1, -1])
def test_cases_of_one_risk_are_in_one_group_in_any_order(turn: int) -> None:
    """A model of a stage has few risks (findings/survivaleval_calibration_by_the_order_of_rows.sh)."""
    risk = np.array([2.0] * 3 + [1.0] * 8 + [0.0] * 9)[::turn]
    assert dict(zip(risk.tolist(), risk_groups(risk).tolist(), strict=True)) == {2.0: 0, 1.0: 0, 0.0: 2}
    assert len(set(zip(risk.tolist(), risk_groups(risk).tolist(), strict=True))) == 3


def test_calibration_groups_cases_within_their_fold(tmp_path: Path) -> None:
    """One fold is told 0.9 and dies, the other 0.1 and lives: pooled, who is told more would seem to live less."""
    dataset = read_dataset(make_build(tmp_path / "b", cases=40), "surgery")
    early = np.arange(40) < 20
    dataset = replace(dataset, survival=Survival(np.where(early, 100.0, 500.0), early))
    risk = np.random.default_rng(1).normal(size=40)
    told = np.where(early, 0.9, 0.1) - risk / 100
    group = np.concatenate([risk_groups(risk[:20]), risk_groups(risk[20:])])
    task = Task(("clinical",), "ridge", OWN, np.arange(40))
    (found,) = _calibration(dataset, Evaluation(task, survival_at={YEAR: told[None]}, group=group[None]))
    assert [(each["observed"], each["cases"]) for each in found["groups"]] == [(0.5, 10)] * 4
    predicted = [each["predicted"] for each in found["groups"]]
    assert predicted == sorted(predicted)
