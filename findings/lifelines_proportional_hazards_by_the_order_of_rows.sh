#!/usr/bin/env bash
# lifelines, Cox regression: whether an effect is constant over time depends on the order of the patients in the table: p = 0.01 or 0.95.
#
# Expected: a test has one result for one set of patients. R's cox.zph has: patients who died on the same day have the same time, and with
#   transform="rank" the same rank (Grambsch and Therneau 1994, doi:10.1093/biomet/81.3.515). So have lifelines' own "km", "identity" and "log".
# Seen: with "rank" patients of one day are numbered as they stand in the table. Of 200 patients with times in whole months and 114 deaths,
#   p is 0.01 when those of a month are sorted by the marker, 0.95 when sorted the other way, and anything in between in other
#   orders; R gives 0.18 for all. `check_assumptions` tests with "rank" first, and a table that is sorted by outcome and then by a marker or a
#   site is a usual one. The residuals behind robust standard errors are numbered so too: 0.0937 or 0.0889 where three visits
#   are all the times (R: 0.0885 both times); the effect itself is the same. No warning.
# Versions: lifelines 0.30.3, numpy 2.4.6, pandas 2.3.3, Python 3.11, R 4.2.2 with survival 3.5-3 (by hand), 2026-11-29.
# Here: proportional hazards are not tested; lifelines is a peer in tests alone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lifelines==0.30.3 numpy==2.4.6 pandas==2.3.3 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter
from lifelines.statistics import proportional_hazard_test

chance = np.random.default_rng(9)
months = np.minimum(np.ceil(chance.exponential(6, 200)), 12)
died = (months < 12) & (chance.random(200) < 0.7)
cohort = pd.DataFrame({"months": months, "died": died.astype(int), "marker": chance.normal(size=200)})
tables = {
    "by month, marker rising": cohort.sort_values(["months", "marker"]),
    "by month, marker falling": cohort.sort_values(["months", "marker"], ascending=[True, False]),
    "as they came": cohort,
}


def p_value(table: pd.DataFrame, transform: str) -> float:
    """Return the p-value of the test of proportional hazards of the marker."""
    fitted = CoxPHFitter().fit(table, "months", "died")
    return float(proportional_hazard_test(fitted, table, time_transform=transform).p_value[0])


def robust_error(ascending: bool) -> float:
    """Return the robust standard error of a marker's effect among patients who were seen at three visits."""
    chance = np.random.default_rng(9)
    marker = chance.normal(size=200)
    visit = np.minimum(np.ceil(chance.exponential(1.5, 200) * np.exp(-0.5 * marker)), 3)
    seen_dead = (visit < 3) & (chance.random(200) < 0.8)
    table = pd.DataFrame({"visit": visit, "died": seen_dead.astype(int), "marker": marker})
    table = table.sort_values(["visit", "marker"], ascending=[True, ascending])
    return float(CoxPHFitter().fit(table, "visit", "died", robust=True).standard_errors_["marker"])


seen = {transform: [p_value(table, transform) for table in tables.values()] for transform in ("rank", "km", "identity", "log")}
print(f"{len(cohort)} patients, {int(died.sum())} deaths; the same table in three orders: {', '.join(tables)}")
for transform, values in seen.items():
    print(f"{transform:9} p = " + ", ".join(f"{value:.3f}" for value in values) + "   expected: three times the same")
errors = [robust_error(ascending) for ascending in (True, False)]
print(f"robust standard error, three visits: {errors[0]:.4f} and {errors[1]:.4f}   expected: twice the same")
steady = all(np.ptp(values) < 1e-6 for transform, values in seen.items() if transform != "rank")
sys.exit(0 if steady and seen["rank"][0] < 0.05 < 0.8 < seen["rank"][1] and np.ptp(errors) > 0.003 else 1)
PY
