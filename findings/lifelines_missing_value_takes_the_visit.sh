#!/usr/bin/env bash
# lifelines, values over time: one value that was not measured takes the whole visit with it; the other values of that day never existed.
#
# Expected: a visit at which CEA was measured and CRP was not changes CEA and leaves CRP as it was. The function merges visits into a
#   timeline and carries each column's last known value forward (its code; pandas' combine_first and ffill, which go by column),
#   and the covariates' table is "(possibly more than) one covariate" (its docstring).
# Seen: add_covariate_to_timeline drops every row of the table in which any value is missing. Of a patient whose CEA rises from 2 to 90 while
#   CRP is measured at the first visit alone, the model sees 2 until death. The same columns added one by one give 90. Laboratory
#   tables are rarely complete: which tests were ordered decides what is known. No error, no warning.
# Versions: lifelines 0.30.3, pandas 2.3.3, numpy 2.4.6, Python 3.11, 2026-11-29.
# Here: a case has one row, in which what is missing is null (docs/joined-datasets.md).
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

patients = to_long_format(pd.DataFrame({"case": ["R01-001"], "days": [400.0], "died": [1]}), "days")
visits = pd.DataFrame(
    {"case": ["R01-001"] * 3, "day": [0.0, 90.0, 180.0], "cea": [2.0, 15.0, 90.0], "crp": [4.0, None, None]}
)
columns = ["cea", "crp"]
at_once = add_covariate_to_timeline(patients, visits.copy(), "case", "day", "died")
one_by_one = patients
for column in columns:
    one_by_one = add_covariate_to_timeline(one_by_one, visits[["case", "day", column]].copy(), "case", "day", "died")
expected = one_by_one[["start", "stop", *columns]].values.tolist()
seen = at_once[["start", "stop", *columns]].values.tolist()
print("visits:              ", visits[["day", *columns]].values.tolist())
print("expected (one by one), from, to, CEA, CRP:", expected)
print("seen (at once):                           ", seen)
right = expected == [[0.0, 90.0, 2.0, 4.0], [90.0, 180.0, 15.0, 4.0], [180.0, 400.0, 90.0, 4.0]]
sys.exit(0 if right and seen == [[0.0, 400.0, 2.0, 4.0]] else 1)
PY
