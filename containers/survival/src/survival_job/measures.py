"""How right a forecast for one day was, in the test cases of one fold. Decision: models-7.

Each is weighted by the inverse of the chance to be under observation, which the fold's training cases tell.
"""

from typing import Final

import numpy as np
from sksurv.metrics import cumulative_dynamic_auc
from sksurv.nonparametric import CensoringDistributionEstimator

from survival_job.dataset import Floats, Survival
from survival_job.folds import Rows
from survival_job.models import weighed_outcome

GROUPS: Final = 4
"""Of equal size, into which a fold's cases are put by predicted survival to see whether it comes true."""


def auc_at(day: float, risk: Floats, learnt: Survival, judged: Survival) -> float:
    """Return the area under the time-dependent ROC curve (Uno 2007, doi:10.1198/016214507000000149).

    Parameters
    ----------
    day : float
        Deaths until then are told from cases who lived longer.
    risk : array
        Of the judged cases; of any scale, as they are ranked only.
    learnt, judged : Survival
        Of the fold's training and test cases.

    Returns
    -------
    float
        NaN where nobody is known to have died by that day, or nobody was followed longer.
    """
    labels = weighed_outcome(judged)
    alive = labels["time"] > day
    if not alive.any() or not (labels["event"] & ~alive).any():
        return float("nan")
    labels["time"][alive] = np.nextafter(day, np.inf)  # later times say nothing more, and training may end before
    try:
        return float(cumulative_dynamic_auc(weighed_outcome(learnt), labels, risk, [day])[0][0])
    except ValueError:  # no training case was followed as long
        return float("nan")


def brier_at(day: float, chance: Floats, learnt: Survival, judged: Survival) -> float:
    """Return the Brier score (Graf 1999, see the report) of the chances to survive a day.

    scikit-survival refuses folds that nobody left by that day. Without them, the score would be of the unlucky folds.

    Parameters
    ----------
    day : float
    chance : array
        Predicted survival of the judged cases, 0 to 1.
    learnt, judged : Survival
        Of the fold's training and test cases.

    Returns
    -------
    float
        NaN where no training case was followed as long.
    """
    labels = weighed_outcome(judged)
    alive = labels["time"] > day
    try:
        censoring = CensoringDistributionEstimator().fit(weighed_outcome(learnt))
        observed = censoring.predict_proba(np.minimum(labels["time"], day))
    except ValueError:
        return float("nan")
    known = alive | labels["event"]
    return float((known * np.square(chance - alive) / observed).mean()) if observed.all() else float("nan")


def risk_groups(risk: Floats) -> Rows:
    """Return each case's group in its fold, from 0: those least likely to survive. Equal risks share a group.

    Examples
    --------
    >>> risk_groups(np.array([0.3, -0.1, 2.0, 0.0, 0.2])).tolist()
    [0, 3, 0, 2, 1]
    >>> risk_groups(np.array([0.1, 0.3, 0.1, 0.3, 0.1])).tolist()
    [1, 0, 1, 0, 1]
    """
    riskier = np.searchsorted(np.sort(-risk), -risk)
    return np.asarray(riskier * GROUPS // len(risk), np.int64)
