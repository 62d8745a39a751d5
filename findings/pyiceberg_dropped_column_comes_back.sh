#!/usr/bin/env bash
# pyiceberg: a column that was dropped and added again has its old values back, for rows whose file was taken over by `add_files`.
#
# Expected: "added columns never read existing values from another column" (Apache Iceberg, "Evolution": correctness), which is why Iceberg
#   gives each column a number. A column is dropped because its values were wrong or withdrawn (a stage of another edition, an ancestry).
# Seen: rows that were written through the table have NULL in the new column. A Parquet file that `add_files` took over carries no numbers; its
#   columns are found by names (schema.name-mapping.default), and the new column takes the old one's name with it: the dropped values are
#   the new column's. A table that is partly the one and partly the other has values of both editions in one column. No warning.
# Versions: pyiceberg 0.12.0, pyarrow 26.0.1, Python 3.11, 2026-11-29.
# Here: no file is taken over by name, columns are only ever added, and rows are erased by rewriting them (docs/decisions.md, forget-2).
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
from pyarrow import parquet
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.types import IntegerType

catalog = SqlCatalog("made-up", uri="sqlite:///catalog.db", warehouse=f"file://{Path.cwd()}")
catalog.create_namespace("cohort")


def patients(subjects: list[str], stages: list[int]) -> pa.Table:
    """Return patients with their stage."""
    return pa.table({"subject": subjects, "stage": pa.array(stages, pa.int32())})


written = patients(["written A", "written B"], [1, 3])
table = catalog.create_table("cohort.patients", schema=written.schema)
table.append(written)
parquet.write_table(patients(["taken over C", "taken over D"], [2, 4]), "earlier.parquet")
table.add_files([f"{Path.cwd()}/earlier.parquet"])
with table.update_schema() as schema:
    schema.delete_column("stage")
dropped = table.scan().to_arrow().column_names
with table.update_schema() as schema:
    schema.add_column("stage", IntegerType())
rows = table.scan().to_arrow().to_pydict()
seen = dict(zip(rows["subject"], rows["stage"], strict=True))
print(f"columns after the drop: {dropped}; after `stage` was added again, expected: None for all four")
for subject, stage in sorted(seen.items()):
    print(f"{subject:13} seen: {stage}")
sys.exit(0 if seen == {"written A": None, "written B": None, "taken over C": 2, "taken over D": 4} else 1)
PY
