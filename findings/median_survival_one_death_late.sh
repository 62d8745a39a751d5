#!/usr/bin/env bash
# lifelines and scikit-survival: the median is one death late wherever the curve is exactly one half.
#
# Expected: of n patients who die at 10, 20, 30 … days without censoring, half are dead at day 10 n/2: the estimate of the
#   curve is exactly 1/2 there, and the median is the first time at which it is at most 1/2 (Klein and Moeschberger,
#   Survival Analysis, 4.5).
# Seen: the product of the factors (1 - d/n) in floating point ends a rounding step above 1/2 for many n, and the next
#   death is taken. lifelines is late for 24 of the 100 even n up to 200 (40 instead of 30 days for 6 patients); the first
#   time at which scikit-survival's curve is at most 0.5, for 49 (130 instead of 120 days for 24 patients).
# Versions: lifelines 0.30.0, scikit-survival 0.28.0, Python 3.11, 2026-11-28.
# Here: functions/multimodal/clinical/report/survival.py compares with exact fractions.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lifelines==0.30.0 scikit-survival==0.28.0 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
from lifelines import KaplanMeierFitter
from sksurv.nonparametric import kaplan_meier_estimator

late = {"lifelines": [], "scikit-survival": []}
for patients in range(2, 201, 2):
    days = np.arange(1, patients + 1) * 10.0
    expected = 10 * patients // 2
    fitted = KaplanMeierFitter().fit(days, np.ones(patients)).median_survival_time_
    times, curve = kaplan_meier_estimator(np.ones(patients, bool), days)
    for name, median in (("lifelines", fitted), ("scikit-survival", times[np.argmax(curve <= 0.5)])):
        if median != expected:
            late[name].append((patients, expected, float(median)))
for name, cohorts in late.items():
    print(f"{name}: late for {len(cohorts)} of 100 cohorts; the first (patients, expected, seen):", cohorts[:3])
print("expected: none")
sys.exit(0 if late["lifelines"] and late["scikit-survival"] and all(seen == day + 10 for rows in late.values() for _, day, seen in rows) else 1)
PY
