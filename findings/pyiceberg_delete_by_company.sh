#!/usr/bin/env bash
# pyiceberg: whether `delete` removes a record whose value is NaN depends on the records in its file, not on the filter.
#
# Expected: delete(f) removes the rows that scan(f) gives. NaN differs from 60, so "volume != 60" selects a record whose volume could
#   not be computed; Iceberg's own evaluator says so (pyiceberg.expressions.visitors.expression_evaluator), and so does the scan.
# Seen: of one file with 60, 70 and NaN the scan gives the last two and the deletion removes 70; the same records written in two
#   batches (60; 70 and NaN) lose both; a file with the NaN alone keeps it. A file of which every row matches is removed as a
#   whole; others are rewritten with the complement of the filter, to which "or is NaN" is added, as it must be for `<` and `=`. `overwrite` with
#   such a filter leaves the old record beside the new one. No error, no warning.
# Versions: pyiceberg 0.12.0, pyarrow 26.0.1, SQLAlchemy 2.1.9, Python 3.11, 2026-11-29.
# Here: the laptop's tables are erased by record id, in SQL (local/emulator/iceberg); pyiceberg's delete is not used.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pyiceberg[sql-sqlite]==0.12.0' pyarrow==26.0.1 SQLAlchemy==2.1.9 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys
from pathlib import Path

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

catalog = SqlCatalog("made_up", uri=f"sqlite:///{Path.cwd()}/catalog.db", warehouse=Path.cwd().as_uri())
catalog.create_namespace("features")
records = pa.table({"case": ["R01-001", "R01-002", "R01-003"], "volume": pa.array([60.0, 70.0, float("nan")])})
chosen = "volume != 60"
layouts = {"one_file": [records], "two_batches": [records[:1], records[1:]], "each_alone": [records[i : i + 1] for i in range(3)]}


def cases(scan: object) -> list[str]:
    return sorted(scan.to_arrow()["case"].to_pylist())


seen = {}
for name, batches in layouts.items():
    table = catalog.create_table(f"features.{name}", schema=records.schema)
    for batch in batches:
        table.append(batch)
    found = cases(table.scan(row_filter=chosen))
    table.delete(chosen)
    seen[name] = (found, cases(table.scan()))
    print(f"{name:12} the scan finds {found}, expected to be left: ['R01-001']   seen: {seen[name][1]}")
left = {name: after for name, (_, after) in seen.items()}
sys.exit(0 if left == {"one_file": ["R01-001", "R01-003"], "two_batches": ["R01-001"], "each_alone": ["R01-001", "R01-003"]} else 1)
PY
