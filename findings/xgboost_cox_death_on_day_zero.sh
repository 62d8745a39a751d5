#!/usr/bin/env bash
# XGBoost, survival:cox: a death on day 0 is taken for a censored patient.
#
# Expected: a death. The documentation says that "negative values are considered right censored", and 0 is not negative. A day 0
#   is common: the time runs from surgery, and patients die on the day of it; months that are rounded down give it too.
# Seen: labels of 0 and of -0.0 give the same model as a patient censored at once: such a patient is in no risk set, so that the
#   earliest deaths, the most telling ones, count for nothing. With 0.5 in place of 0 the same marker has a large effect. No warning.
# Versions: xgboost-cpu 3.2.0, numpy 2.4.6, Python 3.11, 2026-11-28.
# Here: containers/survival gives XGBoost half a day for day 0 (survival_job.models.boosting).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xgboost-cpu==3.2.0 numpy==2.4.6 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import xgboost

random = np.random.default_rng(0)
marker = random.normal(size=(200, 1))
marker[:30] = random.normal(3, 0.3, (30, 1))
days, event = np.round(random.exponential(300, 200)) + 1, random.random(200) < 0.6
cox = {"objective": "survival:cox", "max_depth": 2, "eta": 0.1, "nthread": 1, "seed": 0}


def log_hazard_ratio(early, died):
    """Of marker 3 against marker 0, where the 30 patients of marker 3 end on the given day."""
    time, dead = days.copy(), event.copy()
    time[:30], dead[:30] = early, died
    labels = np.where(dead, time, -time)
    model = xgboost.train(cox, xgboost.DMatrix(marker, label=labels), 30)
    low, high = model.predict(xgboost.DMatrix(np.array([[0.0], [3.0]])), output_margin=True)
    return float(high - low)


half, zero, censored = log_hazard_ratio(0.5, True), log_hazard_ratio(0.0, True), log_hazard_ratio(0.5, False)
print(f"30 deaths on day 0.5:           log hazard ratio {half:.2f}")
print(f"30 deaths on day 0:             log hazard ratio {zero:.2f}; expected the same, {half:.2f}")
print(f"30 patients censored, day 0.5:  log hazard ratio {censored:.2f}")
sys.exit(0 if abs(zero - censored) < 1e-6 and half > 4 * abs(zero) else 1)
PY
