#!/usr/bin/env bash
# scikit-survival, Cox regression: the cumulative baseline hazard falls and is negative; patients who died are predicted to live.
#
# Expected: a cumulative hazard never falls, and survival falls from 1: everybody in this cohort died, and by the model's own weights
#   (Breslow's estimator, of which the documentation speaks) the last day is reached by almost nobody of average risk.
# Seen: CoxPHSurvivalAnalysis with a small penalty and a marker that predicts well (as a feature that leaks the outcome does). The
#   estimator takes the sum of all patients' relative hazards and subtracts those who left; once the early ones are gone, what is left
#   is rounding, also below 0. The weights are right; only hazard and survival are not. Warnings: none, or of an overflow.
# Versions: scikit-survival 0.28.0, numpy 2.4.6, Python 3.11, 2026-11-28.
# Here: containers/survival sums those at risk from the last day on (survival_job.models.baseline_hazard; docs/decisions.md, models-5).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-survival==0.28.0 numpy==2.4.6 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.util import Surv

days = np.arange(1.0, 101.0)
marker = ((days.mean() - days) / days.std())[:, None]
model = CoxPHSurvivalAnalysis(alpha=0.01).fit(marker, Surv.from_arrays(np.ones(100, bool), days))

risk = (marker - marker.mean(axis=0)) @ model.coef_
summed = np.cumsum(1 / np.cumsum(np.exp(risk)[::-1])[::-1])
given = model.cum_baseline_hazard_.y
print(f"weight {model.coef_[0]:.1f}; 100 deaths in 100 days")
print(f"summed from the last day:  the hazard falls on {(np.diff(summed) < 0).sum()} days; it ends at {summed[-1]:.3g}")
print(f"cum_baseline_hazard_:      the hazard falls on {(np.diff(given) < 0).sum()} days; it ends at {given[-1]:.3g}")
average = model.predict_survival_function(np.zeros((1, 1)))[0].y[-1]
print(f"survival of an average patient to the last day: {average:.3g}; expected {np.exp(-summed[-1]):.3g}")
sys.exit(0 if (np.diff(given) < 0).any() and given.min() < 0 and average > 0.99 and np.exp(-summed[-1]) < 0.01 else 1)
PY
