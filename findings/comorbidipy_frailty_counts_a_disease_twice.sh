#!/usr/bin/env bash
# comorbidipy: the frailty of a patient grows with the detail of the coding, and a patient of unknown age is a newborn.
#
# Expected: each of the 109 three-character codes of the Hospital Frailty Risk Score has its points once, whether it was coded once or in
#   many forms (Gilbert et al. 2018, doi:10.1016/S0140-6736(18)30668-8); the code of the package drops duplicates for it. Without an age there
#   is no age-adjusted Charlson score and no chance to live ten years.
# Seen: duplicates are dropped before codes are cut to three characters, and the full code stays in the row: dementia as F000 and
#   as F001, or a urinary infection as N390 and N39.0 from two wards, has its points twice: 14.2 instead of 7.1, and high risk begins above 15. A
#   missing age is filled with 0, as missing comorbidities are: no points for age, 98 % to live ten years, the age itself is 0 in
#   the result. A patient of 70 with the same codes has 77 %. No warning.
# Versions: comorbidipy 0.8.0, polars 2.1.0, Python 3.13 (which it asks for) and 3.11 (as the script installs it), 2026-11-29.
# Here: no score is made of codes; a missing age stays missing (docs/features.md).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --ignore-requires-python comorbidipy==0.8.0 polars==2.1.0 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/venv/bin/python" - <<'PY'
import sys

import polars as pl
from comorbidipy import comorbidity, hfrs

coded = pl.DataFrame({"id": ["once", "same code twice", "same code twice", "two forms", "two forms"], "code": ["F000", "F000", "F000", "F000", "F001"]})
scores = {row["id"]: row["hfrs_score"] for row in hfrs(coded).iter_rows(named=True)}
for patient, score in scores.items():
    print(f"frailty, dementia coded as {patient:16} expected: 7.1   seen: {score:.1f}")
aged = pl.DataFrame({"id": ["70", "unknown"], "code": ["I10", "I10"], "age": [70, None]})
rows = {row["id"]: row for row in comorbidity(aged, age_col="age", weighting="charlson").iter_rows(named=True)}
for patient, row in rows.items():
    print(f"age {patient:8} age {row['age']}, points with age {row['age_adj_comorbidity_score']:.0f}, ten years {row['survival_10yr']:.0%}")
print("expected for the unknown age: nothing")
twice = abs(scores["two forms"] - 14.2) < 1e-9 and abs(scores["once"] - 7.1) < 1e-9 and scores["same code twice"] == scores["once"]
sys.exit(0 if twice and rows["unknown"]["age"] == 0 and rows["unknown"]["survival_10yr"] > 0.98 else 1)
PY
