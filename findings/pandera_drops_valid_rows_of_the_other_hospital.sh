#!/usr/bin/env bash
# pandera: `drop_invalid_rows` also drops valid patients, those that carry the same row label in another hospital's table.
#
# Expected: of two tables put together by pandas.concat (which keeps each table's row numbers 0, 1, 2, …), the one row with an age of
#   400 is dropped ("invalid rows" are, says the documentation), and five valid rows stay.
# Seen: failures are gathered by row label and all rows of that label are dropped: for each invalid patient of one hospital a valid one of
#   the other is lost. No error, no warning; without `drop_invalid_rows` the error names exactly one failure case.
# Versions: pandera 0.35.0, pandas 2.3.3, Python 3.11, 2026-11-28.
# Here: rows of a clinical table are validated and rejected by their place in the file, one by one; `rejected.csv` lists each.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandera==0.35.0 pandas==2.3.3 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys

import pandas as pd
import pandera.pandas as pa

first = pd.DataFrame({"case_id": ["A1", "A2", "A3"], "age": [60, 70, 400]})
second = pd.DataFrame({"case_id": ["B1", "B2", "B3"], "age": [61, 71, 81]})
both = pd.concat([first, second])
columns = {"case_id": pa.Column(str), "age": pa.Column(int, pa.Check.in_range(0, 120))}
try:
    pa.DataFrameSchema(columns).validate(both, lazy=True)
except pa.errors.SchemaErrors as error:
    failures = error.failure_cases["failure_case"].tolist()
kept = pa.DataFrameSchema(columns, drop_invalid_rows=True).validate(both, lazy=True)["case_id"].tolist()
print("invalid values:", failures)
print("rows that stay:", kept)
print("expected:       ['A1', 'A2', 'B1', 'B2', 'B3']")
sys.exit(0 if failures == [400] and kept == ["A1", "A2", "B1", "B2"] else 1)
PY
