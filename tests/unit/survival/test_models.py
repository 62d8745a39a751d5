"""Models and intervals against other software and against truth that was planted."""

import numpy as np
import pytest
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.linear_model.coxph import BreslowEstimator

from survival_job.cox import RidgeCox
from survival_job.dataset import Survival
from survival_job.folds import assign, repeated_folds
from survival_job.intervals import corrected_interval
from survival_job.models import TRAINERS, baseline_hazard, outcome, partial_likelihood, trained
from survival_job.preparation import prepare


def made(cases: int, features: int, seed: int = 0, ties: int = 1) -> tuple[np.ndarray, Survival]:
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(cases, features))
    days = np.ceil(generator.exponential(900 * np.exp(-values[:, 0]) / ties)) * ties
    return values, Survival(days, generator.random(cases) < 0.6)


def ids(survival: Survival) -> list[str]:
    return [f"c{n}" for n in range(len(survival))]


@pytest.mark.parametrize("ties", [1, 200])
@pytest.mark.parametrize("penalty", [0.01, 1.0])
def test_ridge_regression_has_the_weights_of_scikit_survival(penalty: float, ties: int) -> None:
    values, survival = made(80, 6, ties=ties)
    theirs = CoxPHSurvivalAnalysis(alpha=penalty * 80, ties="breslow", tol=1e-12).fit(values, outcome(survival))
    assert RidgeCox(values, survival).weights(penalty) == pytest.approx(theirs.coef_, abs=1e-6)


def test_more_features_than_cases_have_the_same_solution() -> None:
    values, survival = made(30, 50)
    theirs = CoxPHSurvivalAnalysis(alpha=30 * 0.5, ties="breslow", tol=1e-12).fit(values, outcome(survival))
    assert RidgeCox(values, survival).weights(0.5) == pytest.approx(theirs.coef_, abs=1e-6)


def test_the_partial_likelihood_is_that_of_its_definition() -> None:
    risk, survival = np.array([0.2, -1.0, 0.7]), Survival(np.array([5.0, 3.0, 5.0]), np.array([True, True, True]))
    whole, late = np.exp(risk).sum(), np.exp(0.2) + np.exp(0.7)
    assert partial_likelihood(risk, survival) == pytest.approx(risk.sum() - np.log(whole) - 2 * np.log(late))


@pytest.mark.parametrize("name", TRAINERS)
def test_every_model_finds_a_planted_signal_and_repeats_itself(name: str) -> None:
    values, survival = made(150, 12)
    models = [TRAINERS[name](values[:100], survival.of(np.arange(100)), ids(survival)[:100], "s") for _ in range(2)]
    risks = [model.risk(values[100:]) for model in models]
    assert np.array_equal(risks[0], risks[1])
    assert np.corrcoef(risks[0], values[100:, 0])[0, 1] > (0.3 if name == "boosting" else 0.7)


def test_folds_part_all_cases_evenly_and_do_not_depend_on_their_order() -> None:
    _, survival = made(61, 1)
    names = ids(survival)
    found = dict(zip(names, assign(names, survival.event, 5, "s"), strict=True))
    other = dict(zip(names[::-1], assign(names[::-1], survival.event[::-1], 5, "s"), strict=True))
    assert found == other
    for part in range(5):
        deaths = sum(bool(e) for n, e in zip(names, survival.event, strict=True) if found[n] == part)
        assert abs(deaths - survival.event.sum() / 5) < 1
    folds = list(repeated_folds(names, survival.event, repeats=3, parts=5, seed="s"))
    assert len(folds) == 15
    for fold in folds:
        assert sorted([*fold.train, *fold.test]) == list(range(61))


def test_the_interval_is_that_of_nadeau_and_bengio() -> None:
    found = corrected_interval([0.5, 0.6, 0.7, 0.6], 5)
    spread = np.std([0.5, 0.6, 0.7, 0.6], ddof=1)
    assert found.estimate == pytest.approx(0.6)
    assert found.high - 0.6 == pytest.approx(3.182446 * spread * np.sqrt(1 / 4 + 1 / 4), rel=1e-5)


def test_an_interval_ends_where_concordance_does() -> None:
    values = [0.3, 0.7, 0.5]
    assert (corrected_interval(values, 3).low, corrected_interval(values, 3).high) == (0, 1)
    assert corrected_interval(values, 3, lowest=-1.0).low == pytest.approx(
        0.5 - 4.302653 * 0.2 * np.sqrt(1 / 3 + 1 / 2)
    )


def test_preparation_is_learnt_from_training_cases_alone() -> None:
    train = np.array([[1.0, np.nan, 7.0, 1.0], [3.0, np.nan, 7.0, np.nan], [5.0, 2.0, 7.0, 4.0]])
    preparation = prepare(train)
    assert list(preparation.kept) == [0, 3], "mostly missing, and constant ones are left out"
    unseen = preparation.apply(np.array([[np.nan, 0.0, 0.0, np.nan], [1e9, 0.0, 0.0, 2.5]]))
    assert unseen[0] == pytest.approx([0.0, 0.0]), "a gap is the training cases' median"
    assert unseen[1, 0] == 5.0, "no value counts for more than five deviations"


def test_scanners_are_harmonised_without_looking_at_others() -> None:
    generator = np.random.default_rng(0)
    values, names = generator.normal(size=(80, 10)), ["a", "b"] * 40
    shifted = values + np.where(np.array(names) == "b", 3.0, 0.0)[:, None]
    preparation = prepare(shifted, names)
    ready = preparation.apply(shifted, names)
    gap = ready[::2].mean(axis=0) - ready[1::2].mean(axis=0)
    assert np.abs(gap).max() < 0.5, "of 3.0; what features differ in by chance is shrunk, and stays in part"
    assert abs(gap.mean()) < 0.1
    assert np.isfinite(preparation.apply(shifted[:1], ["never seen"])).all()


def test_what_no_scanner_measured_is_not_harmonised() -> None:
    generator = np.random.default_rng(0)
    values, names = generator.normal(size=(80, 6)), ["a", "b"] * 40
    values[1::2] += 3.0
    scanned = np.array([True, True, True, True, False, False])
    preparation = prepare(values, names, scanned)
    ready = preparation.apply(values, names)
    gap = np.abs(ready[::2].mean(axis=0) - ready[1::2].mean(axis=0))
    assert gap[:4].max() < 0.5
    assert gap[4:].min() > 1.0, "a difference between patients stays"
    assert prepare(values, names, np.zeros(6, bool)).harmony is None


def test_a_feature_that_only_tells_the_scanner_moves_no_other() -> None:
    """Such a feature has no spread of its own, so it says nothing of what scanners do to features that have."""
    generator = np.random.default_rng(0)
    values, names = generator.normal(size=(80, 6)), ["a", "b"] * 40
    telltale = np.where(np.array(names) == "b", 130.1, 70.3)[:, None]
    alone = prepare(values, names).apply(values, names)
    beside = np.hstack([values, telltale])
    ready = prepare(beside, names).apply(beside, names)
    assert ready[:, :6] == pytest.approx(alone, abs=1e-9)
    assert np.ptp(ready[:, 6]) < 1e-9, "nothing of the scanner is left in it"


def test_a_path_of_penalties_that_ends_early_is_no_fault() -> None:
    """scikit-survival 0.28 leaves out the weakest penalties of a path where they change nothing."""
    generator = np.random.default_rng(5)
    values = generator.normal(size=(48, 4))
    survival = Survival(generator.exponential(1000, 48), generator.uniform(size=48) > 0.4)
    cases = [str(number) for number in range(48)]
    assert np.isfinite(TRAINERS["elastic net"](values, survival, cases, "s").risk(values)).all()


def test_the_baseline_hazard_is_that_of_scikit_survival() -> None:
    generator = np.random.default_rng(4)
    survival = Survival(generator.integers(0, 40, 80).astype(float), generator.random(80) < 0.6)
    risk, labels = generator.normal(size=80), outcome(survival)
    found = baseline_hazard(risk, survival)
    curves = BreslowEstimator().fit(risk, labels["event"], labels["time"]).get_survival_function(risk)
    for day in (0.5, 7.0, 20.0, 39.0):
        assert found.survival(day, risk) == pytest.approx([curve(day) for curve in curves], rel=1e-9)
    assert found.survival(0.1, risk).tolist() == [1.0] * 80


@pytest.mark.parametrize("spread", [1.0, 40.0, 900.0])
def test_survival_falls_from_one_to_nothing_however_much_risks_differ(spread: float) -> None:
    time = np.arange(1.0, 101.0)
    risk = np.linspace(spread, -spread, 100)  # the first to die had by far the highest risk
    found = baseline_hazard(risk, Survival(time, np.ones(100, bool)))
    shares = np.array([found.survival(day, risk) for day in time])
    assert ((shares >= 0) & (shares <= 1)).all()
    assert (np.diff(shares, axis=0) <= 0).all()


@pytest.mark.parametrize("name", TRAINERS)
def test_without_features_nobody_is_told_apart(name: str) -> None:
    _, survival = made(30, 1)
    model = trained(name, np.empty((30, 0)), survival, ids(survival), "0")
    assert model.risk(np.empty((4, 0))).tolist() == [0.0] * 4
