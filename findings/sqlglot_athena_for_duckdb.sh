#!/usr/bin/env bash
# sqlglot, Athena to DuckDB: translated queries run and give another age, an older value and other whole numbers.
#
# Expected: the translation of a query gives what the query gave. Athena (Trino) returns for date_diff the whole units between two
#   times, from max_by(x, y) the x of the row with the largest y, NULL as well, and rounds a half up when a double becomes a
#   whole number (Trino documentation, "Date and time functions", "Aggregate functions"; sqlglot's own generator for Presto says
#   the first, in pull request 7911).
# Seen: DATE_DIFF stays DATE_DIFF, which in DuckDB counts borders of the calendar: a patient of 69 is 70, and 2 hours around midnight are a
#   day. MAX_BY becomes ARG_MAX, which passes over NULL: the newest record withdrew a value, the query returns the one before.
#   CAST(2.5 AS INTEGER) is 2, not 3. No error and no note, also with unsupported_level=RAISE.
# Versions: sqlglot 30.30.0, duckdb 2.0.1, Python 3.11, 2026-11-28.
# Here: local/emulator/athena/dialect.py replaces these nodes, and tests hold each to what Athena documents (docs/laptop.md).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check sqlglot==30.30.0 duckdb==2.0.1 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/venv/bin/python" - <<'PY'
import sys

import duckdb
import sqlglot

queries = {
    "age on 1 January 2020, born 31 December 1950": ("date_diff('year', DATE '1950-12-31', DATE '2020-01-01')", 69, 70),
    "days from 23:00 to 01:00": ("date_diff('day', TIMESTAMP '2020-01-01 23:00:00', TIMESTAMP '2020-01-02 01:00:00')", 0, 1),
    "newest value, which is NULL": ("max_by(suv, version) FROM (VALUES (4, 1), (NULL, 2)) AS t(suv, version)", None, 4),
    "2.5 as a whole number": ("CAST(2.5e0 AS INTEGER)", 3, 2),
}
still = True
for name, (text, expected, seen) in queries.items():
    translated = sqlglot.transpile(f"SELECT {text}", read="athena", write="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)[0]
    (given,) = duckdb.execute(translated).fetchone()
    print(f"{name}: {given}, expected {expected}\n    {translated}")
    still = still and given == seen
sys.exit(0 if still else 1)
PY
