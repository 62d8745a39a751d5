#!/usr/bin/env bash
# lifelines: the restricted mean survival of a curve is an area under slanted lines, and ends at the last death before the limit.
#
# Expected: restricted_mean_survival_time(curve, t) takes "a model or a survival function" (its docstring), and the area under a
#   step function up to t is the sum of its rectangles (Royston and Parmar 2013, doi:10.1186/1471-2288-13-152), the same for both.
# Seen: the curve is joined by straight lines, and cut at its last row before t: the time from there to t counts as nothing. Of four
#   patients (deaths at 100, 200, 300 days) the mean up to 250 days is 150 instead of 200; the fitted model gives 200. A
#   Cox model's predict_survival_function gives a curve, so that its patients lose most when deaths are few. No warning.
# Versions: lifelines 0.30.3, pandas 2.3.3, numpy 2.3.5, Python 3.11, 2026-11-28.
# Here: no restricted mean is given; curves are steps everywhere (functions/multimodal/clinical/report/survival.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lifelines==0.30.3 pandas==2.3.3 numpy==2.3.5 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time

days, died, limit = [100.0, 200, 300, 400], [1, 1, 1, 0], 250
fitted = KaplanMeierFitter().fit(days, died)


def steps(curve):
    curve = pd.concat([pd.Series({0.0: 1.0}), curve[(curve.index > 0) & (curve.index < limit)]])
    return float(curve.to_numpy() @ np.diff([*curve.index, limit]))


of_curve = restricted_mean_survival_time(fitted.survival_function_, t=limit)
of_model = restricted_mean_survival_time(fitted, t=limit)
right = steps(fitted.survival_function_.iloc[:, 0])
print(f"Kaplan-Meier up to day {limit}: curve {of_curve:.1f}, model {of_model:.1f}; expected {right:.1f} (100 + 75 + 25)")
cohort = pd.DataFrame({"days": days, "died": died, "marker": [1.0, 0, 1, 0]})
cox = CoxPHFitter(penalizer=1).fit(cohort, "days", "died").predict_survival_function(pd.DataFrame({"marker": [0.0]}))
given, expected = restricted_mean_survival_time(cox, t=limit), steps(cox.iloc[:, 0])
print(f"Cox, one patient: {given:.1f}; expected {expected:.1f}")
still = np.isclose(of_model, 200) and np.isclose(right, 200) and np.isclose(of_curve, 150) and given < 0.9 * expected
sys.exit(0 if still else 1)
PY
