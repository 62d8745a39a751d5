#!/usr/bin/env bash
# statsmodels, Cox regression: each step of the baseline hazard comes one death late, and the last death never counts.
#
# Expected: the baseline cumulative hazard at a day holds the deaths up to and on that day (Breslow; R's basehaz, lifelines), a survival
#   function is one minus a distribution function, and the martingale residuals of a fitted model add up to 0 (Therneau and
#   Grambsch 2000, 4.2).
# Seen: PHReg's `baseline_cumulative_hazard`, the step function made of it and `predict` give the value *before* each death: 0 from the
#   first death on until the second, and the last, largest step is nowhere. Of six patients the survival of an average one to
#   the end is 0.33 instead of 0.09; residuals add up to 2.5. Coefficients are right. No warning.
# Versions: statsmodels 0.15.0, numpy 2.3.5, Python 3.11, 2026-11-28.
# Here: containers/survival sums Breslow's estimator itself (survival_job.models.baseline_hazard; docs/decisions.md, models-5).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check statsmodels==0.15.0 numpy==2.3.5 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import statsmodels.api as sm

days = np.array([10.0, 20, 30, 40, 50, 60])
died = np.array([1, 1, 0, 1, 1, 1])
marker = np.array([0.1, -0.3, 0.5, 0.2, -0.6, 0.4])
fitted = sm.PHReg(days, marker[:, None], status=died, ties="breslow").fit()

risk = np.exp(fitted.params[0] * marker)
breslow = np.cumsum([died[day] / risk[day:].sum() for day in range(6)])
asked = np.array([15.0, 45, 60])
given = fitted.predict(exog=np.zeros((3, 1)), endog=asked, pred_type="cumhaz").predicted_values
expected = breslow[np.searchsorted(days, asked, side="right") - 1]
for day, hazard, right in zip(asked, given, expected, strict=True):
    print(f"day {day:.0f}: cumulative hazard {hazard:.3f}, survival {np.exp(-hazard):.2f}; expected {right:.3f}, {np.exp(-right):.2f}")
residuals = float(fitted.martingale_residuals.sum())
print(f"martingale residuals add up to {residuals:.2f}; expected {(died - breslow * risk).sum():.2f}")
late = given[0] == 0 and np.isclose(given[2], breslow[4]) and given[2] < 0.6 * expected[2] and residuals > 2
sys.exit(0 if late else 1)
PY
