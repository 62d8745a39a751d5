#!/usr/bin/env bash
# neuroCombat: one scanner with a single study, or one missing value, and every value of every patient is NaN.
#
# Expected: what the R original (sva::ComBat) does: a batch of one sample is adjusted in its mean only, with a note; a missing
#   value concerns its feature. Or an error. Cohorts of many hospitals nearly always hold a scanner with a single patient.
# Seen: one study of a third scanner among 31 turns all 31 × 20 values into NaN, those of the two large scanners too; so does a
#   single missing value. No error and no warning of its own: the variance of one value (n - 1 = 0 in the denominator) is
#   NaN, and the prior that all features share carries it everywhere. A feature that is the same for all patients is no NaN, but
#   moves the values of all other features.
# Versions: neuroCombat 0.2.12, numpy 1.26.4, pandas 2.2.3, Python 3.11, 2026-11-28.
# Here: containers/survival fits ComBat in each fold on scanners with five cases and more, takes the others as they are, and keeps
#   features without variance out of the prior; missing values are filled first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check neuroCombat==0.2.12 numpy==1.26.4 pandas==2.2.3 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import contextlib
import io
import sys

import numpy as np
import pandas as pd
from neuroCombat import neuroCombat

values = np.random.default_rng(7).normal(size=(20, 31))
scanners = ["A"] * 15 + ["B"] * 16


def harmonised(features, batches):
    with contextlib.redirect_stdout(io.StringIO()):
        return neuroCombat(features, pd.DataFrame({"scanner": batches}), "scanner")["data"]


usual = harmonised(values, scanners)
lone = harmonised(values, [*scanners[:-1], "C"])
missing, constant = values.copy(), values.copy()
missing[4, 2] = np.nan
constant[0] = 5.0
moved = float(np.abs(harmonised(constant, scanners)[1:] - usual[1:]).max())
counts = {"two scanners": usual, "one more with a single study": lone, "one missing value": harmonised(missing, scanners)}
for name, result in counts.items():
    print(f"{name}: {int(np.isnan(result).sum())} of {result.size} values are NaN")
print("expected: 0, 0 (its mean adjusted only) and at most 31 (the feature with the missing value)")
print(f"one of 20 features made constant: the other 19 move by up to {moved:.3f} standard deviations; expected 0")
still = [int(np.isnan(result).sum()) for result in counts.values()] == [0, 620, 620] and moved > 0.01
sys.exit(0 if still else 1)
PY
