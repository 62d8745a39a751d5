#!/usr/bin/env bash
# neuroHarmonize: covariates of new patients are taken by their place in the table, not by their names: age is used as sex.
#
# Expected: columns of a DataFrame count by name, as SITE does in the same call, or other columns are an error. harmonizationApply
#   is made for patients that come later, in tables of their own, whose columns stand in another order.
# Seen: a model learnt with AGE, SEX and applied to SEX, AGE multiplies the weight of age by sex and the other way round. Of 90 patients
#   the features (standard deviation 1) move by up to 3.7. The patients are those the model was learnt from, so that expected is no
#   difference at all. No error, no warning; the model keeps no names.
# Versions: neuroHarmonize 2.5.2, neuroCombat 0.2.12, numpy 1.26.4, pandas 2.3.3, Python 3.11, 2026-11-28.
# Here: containers/survival harmonises by scanner alone; a saved model takes features by name and refuses a table that lacks one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check neuroHarmonize==2.5.2 neuroCombat==0.2.12 numpy==1.26.4 pandas==2.3.3 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import contextlib
import io
import sys

import numpy as np
import pandas as pd
from neuroHarmonize import harmonizationApply, harmonizationLearn

random = np.random.default_rng(0)
covariates = pd.DataFrame(
    {"SITE": np.repeat(["A", "B", "C"], 30), "AGE": random.normal(60, 8, 90), "SEX": random.integers(0, 2, 90)}
)
values = random.normal(size=(90, 20)) + covariates["SITE"].map({"A": 0, "B": 3, "C": -3}).to_numpy()[:, None]
with contextlib.redirect_stdout(io.StringIO()):
    model, learnt = harmonizationLearn(values, covariates)
    same = harmonizationApply(values, covariates, model)
    moved = harmonizationApply(values, covariates[["SEX", "AGE", "SITE"]], model)
    front = harmonizationApply(values, covariates[["AGE", "SEX", "SITE"]], model)
for name, result in {"SITE, AGE, SEX": same, "AGE, SEX, SITE": front, "SEX, AGE, SITE": moved}.items():
    print(f"columns {name}: the same patients differ by up to {np.abs(result - learnt).max():.2f}; expected 0.00")
still = np.allclose(same, learnt) and np.allclose(front, learnt) and np.abs(moved - learnt).max() > 0.5
sys.exit(0 if still else 1)
PY
