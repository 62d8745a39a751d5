#!/usr/bin/env bash
# lifelines, values over time: a second call with another delay starts from the delay of the first, so a study of delays is of their sums.
#
# Expected: add_covariate_to_timeline(…, delay=d) adds each measurement d days later than it was taken; `delay` is there for "checking for
#   reverse causality" (its docstring), so one tries 0, 30, 60 and 90 days on one table and compares the effects.
# Seen: the delay is added to the caller's table itself. The four calls delay by 0, 30, 90 and 180 days; measurements that so fall behind
#   the patient's death are left out, and the effect of the marker is lost on the way, as if it had been one of dying. Any later
#   call without a delay has them all. The results look like results: no error, no warning.
# Versions: lifelines 0.30.3, pandas 2.3.3, numpy 2.4.6, Python 3.11, 2026-11-29.
# Here: a case has one row; a feature that is known later than the question's time is left out, none is moved (docs/joined-datasets.md).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lifelines==0.30.3 pandas==2.3.3 numpy==2.4.6 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/venv/bin/python" - <<'PY'
import sys

import pandas as pd
from lifelines.utils import add_covariate_to_timeline, to_long_format

patients = pd.DataFrame({"case": ["R01-001", "R01-002"], "days": [400.0, 150.0], "died": [1, 1]})
markers = pd.DataFrame({"case": ["R01-001", "R01-002"], "taken_on": [10.0, 20.0], "ctdna": [1.2, 8.5]})
delays = [0, 30, 60, 90]


def begins(measured: pd.DataFrame, delay: int) -> list[float]:
    rows = add_covariate_to_timeline(to_long_format(patients, "days"), measured, "case", "taken_on", "died", delay=delay)
    known = rows[rows["ctdna"].notna()].groupby("case")["start"].min()
    return [float(known.get(case, float("nan"))) for case in patients["case"]]


expected = {delay: begins(markers.copy(), delay) for delay in delays}
seen = {delay: begins(markers, delay) for delay in delays}
for delay in delays:
    print(f"delay {delay:2}: expected from day {expected[delay]}   seen: {seen[delay]}")
print("the caller's table afterwards, taken on day:", markers["taken_on"].tolist(), "instead of [10.0, 20.0]")
right = expected == {delay: [10.0 + delay, 20.0 + delay] for delay in delays}
first = [days[0] for days in seen.values()]
sys.exit(0 if right and first == [10.0, 40.0, 100.0, 190.0] and markers["taken_on"].tolist() == [190.0, 200.0] else 1)
PY
