#!/usr/bin/env bash
# DuckDB: a macro with overloads by type takes the wrong one for an aggregate, and loses the fraction in silence.
#
# Expected: a macro with overloads for BIGINT and for DOUBLE uses that of its argument's type (DuckDB documentation,
#   "CREATE MACRO statement", overloading by types): ratio(avg(x), 2) of 1 and 2 is 0.75, as ratio(m, 2) is when m is
#   the same average from a subquery.
# Seen: ratio(avg(x), 2) is 1. The overload is chosen before the type of an aggregate is known, by the other argument
#   alone: that for whole numbers, to which the average is rounded. No error, no warning.
# Versions: duckdb 2.0.0, Python 3.11, 2026-11-28.
# Here: the macros of local/emulator/athena/functions.py that must know types look at typeof() instead; the one that
#   cannot refuses aggregates.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.0 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/venv/bin/python" - <<'PY'
import sys

import duckdb

db = duckdb.connect()
db.execute("CREATE TABLE t AS SELECT * FROM (VALUES (1), (2)) AS v(x)")
db.execute("CREATE MACRO ratio(a BIGINT, b BIGINT) AS a // b, (a DOUBLE, b DOUBLE) AS a / b")
direct = db.execute("SELECT ratio(avg(x), 2) FROM t").fetchone()[0]
through = db.execute("SELECT ratio(m, 2) FROM (SELECT avg(x) AS m FROM t)").fetchone()[0]
print("avg(x) is", db.execute("SELECT avg(x), typeof(avg(x)) FROM t").fetchone())
print("expected: ratio(avg(x), 2) = ratio(m, 2) = 0.75")
print(f"seen:     ratio(avg(x), 2) = {direct}, ratio(m, 2) = {through}")
sys.exit(0 if (direct, through) == (1, 0.75) else 1)
PY
