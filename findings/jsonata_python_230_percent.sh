#!/usr/bin/env bash
# jsonata-python: 2.3 × 100 is 230 in JSONata, and as text "2.3e+2": keys, names and messages of a state machine differ on a laptop.
#
# Expected: what JSONata's own implementation gives (npm: jsonata, which its documentation, and that of AWS Step Functions, describe): numbers become text
#   with 15 digits as in JavaScript, "230". jsonata-python is "a Python port" of it, behind ministack, an emulator of AWS, among others.
# Seen: a number whose 16th digit is off by rounding (2.3 × 100 = 229.99999999999997) and whose 15 digits end in a zero before
#   the point gets an exponent: "2.3e+2", "1.1e+2" for 1.1 × 100, "6e+1" for a sum of three weights. 253 and 36.3 are right, and so is the
#   number itself, so that only joined text shows it ("dose-" & $dose, part of a key in S3). No error.
# Versions: jsonata-python 0.7.1, Python 3.11; jsonata 2.2.2 (node 20), 2026-11-29.
# Here: the state machines are written in JSONPath (statemachines/).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jsonata-python==0.7.1 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
npm install --silent --no-audit --no-fund jsonata@2.2.2 >"$folder/npm.log" 2>&1 || { cat "$folder/npm.log"; exit 2; }
cat >expressions.json <<'JSON'
["'dose-' & 2.3 * 100", "'dose-' & 1.1 * 100", "'dose-' & $sum([19.9, 20.2, 19.9])", "'dose-' & 230 * 1.1", "'dose-' & 33 * 1.1"]
JSON
node -e '
const jsonata = require("jsonata");
const expressions = JSON.parse(require("fs").readFileSync("expressions.json"));
Promise.all(expressions.map((one) => jsonata(one).evaluate({}))).then((all) => console.log(JSON.stringify(all)));
' >expected.json
"$folder/venv/bin/python" - <<'PY'
import json
import sys
from pathlib import Path

from jsonata import Jsonata

expressions, expected = (json.loads(Path(name).read_text()) for name in ("expressions.json", "expected.json"))
seen = [Jsonata(one).evaluate({}) for one in expressions]
for one, right, got in zip(expressions, expected, seen, strict=True):
    print(f"{one:42} expected: {right:10} seen: {got}")
wrong = [got for right, got in zip(expected, seen, strict=True) if got != right]
sys.exit(0 if expected[0] == "dose-230" and wrong == ["dose-2.3e+2", "dose-1.1e+2", "dose-6e+1"] else 1)
PY
