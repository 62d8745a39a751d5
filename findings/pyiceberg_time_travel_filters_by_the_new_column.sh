#!/usr/bin/env bash
# pyiceberg: a scan of an old snapshot shows its rows by the old schema and filters them by the new one: patients with a stage have none.
#
# Expected: `table.scan(snapshot_id=…)` reads the table as it was, to get again the rows that a model was trained on. The spec takes "the
#   snapshot's schema" for it (Iceberg spec, "Point in Time Reads (Time Travel)"), and pyiceberg does for the columns that it returns.
# Seen: a name in `row_filter` is looked up in the present schema. After `stage` was renamed (stage_7th) and a new `stage` came, as with
#   another edition of a classification, the old snapshot's rows are returned with stage 1, 3 and 2, `stage is null` finds all three,
#   `stage is not null` none, and the column's later name works as a filter and is not in the result. With the same type for both
#   columns `stage > 1` is an empty training set. No error, no warning.
# Versions: pyiceberg 0.12.0, pyarrow 26.0.1, Python 3.11, 2026-11-29.
# Here: datasets of earlier times are made by event time in Athena's SQL; columns of a feature group are only ever added.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "pyiceberg[sql-sqlite]==0.12.0" pyarrow==26.0.1 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys
from pathlib import Path

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.types import IntegerType

catalog = SqlCatalog("made-up", uri="sqlite:///catalog.db", warehouse=f"file://{Path.cwd()}")
catalog.create_namespace("cohort")
patients = pa.table({"subject": ["A", "B", "C"], "stage": pa.array([1, 3, 2], pa.int32())})
table = catalog.create_table("cohort.patients", schema=patients.schema)
table.append(patients)
trained_on = table.current_snapshot().snapshot_id
with table.update_schema() as schema:
    schema.rename_column("stage", "stage_7th")
with table.update_schema() as schema:
    schema.add_column("stage", IntegerType())


def subjects(row_filter: str) -> list[str]:
    """Return the subjects of the old snapshot that `row_filter` leaves."""
    return table.scan(snapshot_id=trained_on, row_filter=row_filter).to_arrow()["subject"].to_pylist()


rows = table.scan(snapshot_id=trained_on).to_arrow()
print(f"the snapshot: {rows.to_pydict()}")
expected = {"stage is null": [], "stage is not null": ["A", "B", "C"], "stage > 1": ["B", "C"]}
seen = {row_filter: subjects(row_filter) for row_filter in expected}
for row_filter, right in expected.items():
    print(f"{row_filter:18} expected: {right!s:16} seen: {seen[row_filter]}")
print(f"stage_7th > 1      expected: an error         seen: {subjects('stage_7th > 1')}")
swapped = {"stage is null": ["A", "B", "C"], "stage is not null": [], "stage > 1": []}
sys.exit(0 if rows["stage"].to_pylist() == [1, 3, 2] and seen == swapped and subjects("stage_7th > 1") == ["B", "C"] else 1)
PY
