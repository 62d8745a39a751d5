#!/usr/bin/env bash
# statsmodels, survival curve: counting every patient once, by freq_weights, widens the interval: the standard error is another quantity's.
#
# Expected: frequency weights of 1 change nothing, and a weight of 2 is the patient twice; `surv_prob_se` is the standard error "for the
#   values in surv_prob" (docstring of SurvfuncRight), by Greenwood's formula.
# Seen: with weights it is the standard error of the cumulative hazard (Tsiatis 1981), which nobody multiplied by the survival as the branch
#   without weights does. The lower the curve, the worse: 0.22 instead of 0.08 where 33 % live. Curve and counts are right, so a table of both
#   looks sound; `quantile_ci` and the simultaneous bands take the error: the 95 % interval of the median is 8 to 12 months, with
#   weights of 1 it has no upper end. No warning.
# Versions: statsmodels 0.15.0, numpy 2.4.6, pandas 2.3.3, Python 3.11, 2026-11-29.
# Here: Greenwood's sum goes into an interval on the scale of log(−log S) (functions/multimodal/clinical/report/survival.py); nothing is weighted.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check statsmodels==0.15.0 numpy==2.4.6 pandas==2.3.3 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
from statsmodels.duration.survfunc import SurvfuncRight

chance = np.random.default_rng(0)
months, died = chance.integers(1, 15, 60).astype(float), chance.integers(0, 2, 60)
counts = chance.integers(1, 4, 60)

plain = SurvfuncRight(months, died)
ones = SurvfuncRight(months, died, freq_weights=np.ones(60))
repeated = SurvfuncRight(np.repeat(months, counts), np.repeat(died, counts))
weighted = SurvfuncRight(months, died, freq_weights=counts)
at = -3
for name, curve in {"plain": plain, "weights of 1": ones, "repeated": repeated, "weighted": weighted}.items():
    print(
        f"{name:13} month {curve.surv_times[at]:.0f}: alive {curve.surv_prob[at]:.3f}, standard error {curve.surv_prob_se[at]:.3f},",
        "median's interval", [float(limit) for limit in curve.quantile_ci(0.5)],
    )
greenwood = plain.surv_prob * np.sqrt(np.cumsum(plain.n_events / (plain.n_risk * (plain.n_risk - plain.n_events))))
right = np.allclose(plain.surv_prob, ones.surv_prob) and np.allclose(plain.surv_prob_se, greenwood)
hazard = np.sqrt(np.cumsum(ones.n_events / ones.n_risk**2))
sys.exit(0 if right and np.allclose(ones.surv_prob_se, hazard) and ones.surv_prob_se[at] > 2 * plain.surv_prob_se[at] else 1)
PY
