#!/usr/bin/env bash
# scikit-survival: with times in whole months, the Brier score of the right forecast is 9 % too high.
#
# Expected: the score says how good a forecast is, whatever the censoring (Graf et al. 1999). A death in month t is weighed by the
#   inverse of the chance to be still under observation just before t (Gerds and Schumacher 2006, doi:10.1002/bimj.200610301), for
#   a patient censored in month t was alive in it; so does riskRegression in R.
# Seen: the weight is taken after month t, when those censored in that month are gone. In a population of 144 in which deaths and
#   censoring are independent and exactly as frequent as stated, the true chance scores 0.265 instead of 0.243; one that is
#   too low (0.38 for 0.42) scores better. Censor the same patients a day later and it is 0.243. Registries and public cohorts give months or
#   years. Times in days share few ties, so nobody notices. `cumulative_dynamic_auc` and `concordance_index_ipcw` use the weights too.
# Versions: scikit-survival 0.28.0, numpy 2.3.5, Python 3.11, 2026-11-28.
# Here: containers/survival moves censored times behind the deaths of their day (docs/decisions.md, models-6).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-survival==0.28.0 numpy==2.3.5 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
from sksurv.metrics import brier_score
from sksurv.util import Surv

months = np.repeat(np.arange(1.0, 7), [4, 3, 2, 1, 1, 1])
death, censoring = (times.ravel() for times in np.meshgrid(months, np.repeat(np.arange(1.0, 7), 2)))
died = death <= censoring


def score(event, time, chance):
    labels = Surv.from_arrays(event, time)
    return float(brier_score(labels, labels, np.full((len(time), 1), chance), [2])[1][0])


alive = float((months > 2).mean())
seen = np.minimum(death, censoring)
whole, complete = score(died, seen, alive), score(np.ones_like(died), death, alive)
later = score(died, np.where(died, seen, seen + 0.03), alive)
print(f"chance to survive month 2: {alive:.3f}; its variance, which the true forecast scores: {alive * (1 - alive):.4f}")
print(f"nobody censored: {complete:.4f}\ncensored, times in whole months: {whole:.4f}\nthe same, censored a day later: {later:.4f}")
right = alive * (1 - alive)
wrong = whole > 1.08 * right and np.isclose(complete, right) and np.isclose(later, right)
sys.exit(0 if wrong else 1)
PY
