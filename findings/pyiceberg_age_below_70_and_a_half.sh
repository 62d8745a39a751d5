#!/usr/bin/env bash
# pyiceberg: a limit with a fraction loses it on a column of whole numbers, so that `age < 70.5` leaves those of 70 out.
#
# Expected: 69 and 70 are below 70.5, as in Athena, Spark and DuckDB; or an error, as pyiceberg itself gives for the same filter written
#   as an object (LessThan("age", 70.5): "Cannot convert DoubleLiteral into int") and for a limit finer than a decimal column's scale.
# Seen: a filter written as text, the first form of its documentation, holds a decimal, and a decimal becomes a whole number by
#   cutting: 70.5 is 70. `age < 70.5` gives 69 alone, `age >= 70.5` gives 70 too, `age == 70.5` finds patients of 70, and
#   `delete("age < 70.5")` leaves them. Limits with a half are usual for whole numbers (cut-offs of trees, medians of an even number). No warning.
# Versions: pyiceberg 0.12.0, pyarrow 26.0.1, Python 3.11, 2026-11-29.
# Here: rows are filtered by SQL, Athena's or DuckDB's (docs/laptop.md).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "pyiceberg[sql-sqlite]==0.12.0" pyarrow==26.0.1 duckdb==2.0.1 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import LessThan

catalog = SqlCatalog("made-up", uri="sqlite:///catalog.db", warehouse=f"file://{Path.cwd()}")
catalog.create_namespace("cohort")
patients = pa.table({"age": pa.array([69, 70, 71, 72], pa.int32())})
table = catalog.create_table("cohort.patients", schema=patients.schema)
table.append(patients)


def ages(row_filter: str) -> list[int]:
    """Return the ages that `row_filter` leaves, by pyiceberg."""
    return table.scan(row_filter=row_filter).to_arrow()["age"].to_pylist()


def by_sql(condition: str) -> list[int]:
    """Return the ages that `condition` leaves, by DuckDB."""
    return [age for (age,) in duckdb.sql(f"SELECT age FROM patients WHERE {condition} ORDER BY age").fetchall()]


limits = ("age < 70.5", "age >= 70.5", "age = 70.5")
seen = {limit: ages(limit) for limit in limits}
for limit in limits:
    print(f"{limit:12} expected (DuckDB): {by_sql(limit)!s:12} seen: {seen[limit]}")
try:
    as_object = str(table.scan(row_filter=LessThan("age", 70.5)).to_arrow()["age"].to_pylist())
except TypeError as error:
    as_object = f"TypeError: {error}"
print(f"LessThan('age', 70.5): {as_object}")
table.delete("age < 70.5")
left = table.scan().to_arrow()["age"].to_pylist()
print(f"after delete('age < 70.5')  expected: [71, 72]   seen: {left}")
sys.exit(0 if list(seen.values()) == [[69], [70, 71, 72], [70]] and left == [70, 71, 72] and "TypeError" in as_object else 1)
PY
