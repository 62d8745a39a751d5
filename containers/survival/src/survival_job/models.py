"""The models: ridge and elastic-net Cox regression, and gradient boosting of Cox's likelihood.

Each chooses its own strength of regularisation within the training cases, by cross-validated partial likelihood.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import numpy as np
import xgboost
from sksurv.linear_model import CoxnetSurvivalAnalysis

from survival_job.cox import RidgeCox
from survival_job.dataset import Floats, Survival
from survival_job.folds import Rows, assign

INNER_PARTS: Final = 5

_Fit = TypeVar("_Fit")


def outcome(survival: Survival) -> Any:  # noqa: ANN401 - NumPy's structured array
    """Return labels as scikit-survival takes them; times of 0 are half a day, which its models need."""
    found = np.empty(len(survival), dtype=[("event", bool), ("time", float)])
    found["event"], found["time"] = survival.event, np.maximum(survival.time, 0.5)
    return found


def weighed_outcome(survival: Survival) -> Any:  # noqa: ANN401 - NumPy's structured array
    """Return labels for measures that weigh cases by the inverse of their chance of being uncensored.

    A case censored on a day was alive on it, so censored times move behind the deaths of that day (decision models-6).
    """
    found = outcome(survival)
    found["time"] = np.where(found["event"], found["time"], np.nextafter(found["time"], np.inf))
    return found


def partial_likelihood(risk: Floats, survival: Survival) -> float:
    """Return Cox's log partial likelihood by Breslow's approximation, for risks on the log scale."""
    order = np.argsort(-survival.time, kind="stable")
    risk, event, time = risk[order], survival.event[order], survival.time[order]
    sums = np.logaddexp.accumulate(risk)
    last = np.searchsorted(-time, -time, side="right") - 1  # of equal times all are at risk
    return float((risk - sums[last])[event].sum())


class Fitted(Protocol):
    """A model that was fitted."""

    def risk(self, values: Floats) -> Floats:
        """Return the log of each case's relative hazard."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""


Trainer = Callable[[Floats, Survival, Sequence[str], str], Fitted]
"""Fits a model to prepared values, labels, case ids and a seed."""


@dataclass(frozen=True)
class Linear:
    """A linear predictor."""

    weights: Floats
    penalty: float

    def risk(self, values: Floats) -> Floats:
        """Return the linear predictor."""
        return np.asarray(values @ self.weights, float)

    def document(self) -> dict[str, Any]:
        """Return weights and penalty."""
        return {"kind": "linear", "weights": self.weights.tolist(), "penalty": self.penalty}


@dataclass(frozen=True)
class Boosted:
    """Trees."""

    booster: xgboost.Booster
    rounds: int

    def risk(self, values: Floats) -> Floats:
        """Return the margin."""
        return np.asarray(_margin(self.booster, values, self.rounds), float)

    def document(self) -> dict[str, Any]:
        """Return XGBoost's own JSON."""
        raw = self.booster[: self.rounds].save_raw("json")
        return {"kind": "trees", "rounds": self.rounds, "xgboost": bytes(raw).decode("utf-8")}


def _once(fit: Callable[[Rows], _Fit]) -> Callable[[Rows], _Fit]:
    """Return a function that fits to the same rows once: strengths are many, and share what is fitted."""
    fitted: dict[bytes, _Fit] = {}

    def of(rows: Rows) -> _Fit:
        key = rows.tobytes()
        if key not in fitted:
            fitted[key] = fit(rows)
        return fitted[key]

    return of


PENALTIES: Final = tuple(float(p) for p in np.logspace(1.5, -2.5, 9))
"""Of ridge regression, strongest first."""


def ridge(values: Floats, survival: Survival, cases: Sequence[str], seed: str) -> Fitted:
    """Fit Cox regression with a quadratic penalty."""
    cox = _once(lambda rows: RidgeCox(values[rows], survival.of(rows)))
    penalty = _chosen(lambda rows, p: values @ cox(rows).weights(p), PENALTIES, survival, cases, seed)
    return Linear(cox(np.arange(len(values))).weights(penalty), penalty)


MIXTURE: Final = 0.5


def elastic_net(values: Floats, survival: Survival, cases: Sequence[str], seed: str) -> Fitted:
    """Fit Cox regression with a mixed penalty, which leaves features out."""
    options = {"l1_ratio": MIXTURE, "max_iter": 20_000, "tol": 1e-5}
    path = CoxnetSurvivalAnalysis(n_alphas=20, alpha_min_ratio=0.05, **options).fit(values, outcome(survival))
    penalties = [float(p) for p in path.alphas_]

    def path_of(rows: Rows) -> Floats:
        model = CoxnetSurvivalAnalysis(alphas=penalties, **options)
        return np.asarray(values @ model.fit(values[rows], outcome(survival.of(rows))).coef_, float)

    risks = _once(path_of)

    def risk(rows: Rows, penalty: float) -> Floats:
        # scikit-survival ends a path early where weaker penalties change nothing: they stand for the last one.
        return risks(rows)[:, min(penalties.index(penalty), risks(rows).shape[1] - 1)]

    penalty = _chosen(risk, penalties, survival, cases, seed)
    return Linear(np.asarray(path.coef_[:, penalties.index(penalty)], float), penalty)


ROUNDS: Final = (100, 60, 30, 10)
_TREES: Final = {
    "objective": "survival:cox",
    "max_depth": 2,
    "eta": 0.05,
    "subsample": 0.8,
    "colsample_bytree": 0.3,
    "tree_method": "hist",
    "max_bin": 16,
    "min_child_weight": 2,
    "lambda": 5,
    "nthread": 1,
    "seed": 0,
    "base_score": 1.0,
}


def boosting(values: Floats, survival: Survival, cases: Sequence[str], seed: str) -> Fitted:
    """Fit small trees by gradient boosting of Cox's partial likelihood."""
    labels = np.where(survival.event, 1.0, -1.0) * np.maximum(survival.time, 0.5)
    fit = _once(lambda rows: xgboost.train(_TREES, xgboost.DMatrix(values[rows], labels[rows]), max(ROUNDS)))
    chosen = int(_chosen(lambda rows, n: _margin(fit(rows), values, int(n)), sorted(ROUNDS), survival, cases, seed))
    return Boosted(fit(np.arange(len(values))), chosen)


def _margin(booster: xgboost.Booster, values: Floats, rounds: int) -> Floats:
    matrix = xgboost.DMatrix(values)
    return np.asarray(booster.predict(matrix, output_margin=True, iteration_range=(0, rounds)), float)


def _chosen(
    risk: Callable[[Rows, float], Floats],
    strengths: Sequence[float],
    survival: Survival,
    cases: Sequence[str],
    seed: str,
) -> float:
    """Return the strength with the best cross-validated partial likelihood; of equal ones the first.

    A fold's share is the likelihood of all cases less that of its training cases (Verweij and van Houwelingen 1993,
    doi:10.1002/sim.4780122407): folds of few events have no likelihood of their own.
    """
    parts = assign(cases, survival.event, INNER_PARTS, f"{seed}:inner")
    scores = np.zeros(len(strengths))
    for part in range(INNER_PARTS):
        rows = np.flatnonzero(parts != part)
        for place, strength in enumerate(strengths):
            try:
                found = risk(rows, strength)
            except (ArithmeticError, ValueError, np.linalg.LinAlgError):  # so weak a penalty that it does not converge
                scores[place] = -np.inf
                continue
            within = partial_likelihood(found[rows], survival.of(rows))
            scores[place] += partial_likelihood(found, survival) - within
    return strengths[int(np.argmax(np.where(np.isfinite(scores), scores, -np.inf)))]


TRAINERS: Final[Mapping[str, Trainer]] = {"ridge": ridge, "elastic net": elastic_net, "boosting": boosting}


def trained(name: str, values: Floats, survival: Survival, cases: Sequence[str], seed: str) -> Fitted:
    """Return a model by its name; without features (all are constant in a fold), one that tells nobody apart."""
    if not values.shape[1]:
        return Linear(np.empty(0), PENALTIES[0])
    return TRAINERS[name](values, survival, cases, seed)


@dataclass(frozen=True)
class BaselineHazard:
    """Breslow's estimator: on each day of `days`, ascending, the log of the hazard that had gathered at risk 0."""

    days: Floats
    log_cumulative: Floats

    def survival(self, day: float, risk: Floats) -> Floats:
        """Return the share that survives a day at each risk; before the first day all do, after the last it stays."""
        place = int(np.searchsorted(self.days, day, side="right")) - 1
        return np.ones(len(risk)) if place < 0 else _share(self.log_cumulative[place] + risk)

    def curve(self) -> Floats:
        """Return survival at risk 0 on each day."""
        return _share(self.log_cumulative)


def _share(log_hazard: Floats) -> Floats:
    with np.errstate(over="ignore"):  # a hazard beyond all numbers leaves nobody
        return np.asarray(np.exp(-np.exp(log_hazard)), float)


def baseline_hazard(risk: Floats, survival: Survival) -> BaselineHazard:
    """Return the baseline hazard at given risks, on the log scale.

    Who is at risk is summed from the last day on. scikit-survival 0.28 subtracts those who left: where risks differ by
    more than a double's digits, its hazard is negative and its survival above 1. Decision: models-5.
    """
    labels = outcome(survival)
    days, place = np.unique(labels["time"], return_inverse=True)
    leaving = np.full(len(days), -np.inf)
    np.logaddexp.at(leaving, place, risk)
    at_risk = np.logaddexp.accumulate(leaving[::-1])[::-1]
    with np.errstate(divide="ignore"):  # days on which nobody died
        steps = np.log(np.bincount(place, labels["event"], len(days))) - at_risk
    return BaselineHazard(days, np.logaddexp.accumulate(steps))
