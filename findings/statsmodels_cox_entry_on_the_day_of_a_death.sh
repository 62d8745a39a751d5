#!/usr/bin/env bash
# statsmodels, Cox regression with entry times: who enters on the day of a death was at risk in it; the curve of the same package says no.
#
# Expected: "the subject is not in the risk set on or before the entry time" (docstring of SurvfuncRight), the interval open on the left
#   that R's Surv(start, stop), lifelines and Andersen et al. (Statistical Models Based on Counting Processes, III.4) use. A patient's
#   months as one row each (0 to 1, 1 to 2, …) then are at risk once in every month, and say what the single row says.
# Seen: PHReg takes the entry as part of the interval. In month 6 the rows 5 to 6 and 6 to 7 are both at risk, so that who lives on
#   counts double beside who dies. Of 120 patients the effect of a marker is 0.704 from single rows and 0.736 from the same months as rows;
#   lifelines gives 0.704 both times. Days with many deaths, as in whole months, make it larger. No warning.
# Versions: statsmodels 0.15.0, lifelines 0.30.3, numpy 2.4.6, pandas 2.3.3, Python 3.11, 2026-11-29.
# Here: no case enters late, each has one row (containers/survival).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check statsmodels==0.15.0 lifelines==0.30.3 numpy==2.4.6 pandas==2.3.3 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter
from statsmodels.duration.hazard_regression import PHReg

chance = np.random.default_rng(3)
marker = chance.normal(size=120)
months = np.clip(np.ceil(chance.exponential(8 * np.exp(-0.7 * marker))), 1, 12)
whole = pd.DataFrame({"start": 0.0, "stop": months, "died": (months < 12).astype(int), "marker": marker})
pieces = [
    whole[whole["stop"] > start].assign(start=float(start), stop=np.minimum(whole["stop"], start + 1.0))
    for start in range(12)
]
cut = pd.concat(pieces)
cut["died"] = cut["died"] * (cut["stop"] == whole["stop"][cut.index])


def by_statsmodels(rows: pd.DataFrame) -> float:
    return float(PHReg(rows["stop"], rows[["marker"]], status=rows["died"], entry=rows["start"], ties="efron").fit().params[0])


def by_lifelines(rows: pd.DataFrame) -> float:
    fitted = CoxPHFitter().fit(rows, duration_col="stop", event_col="died", entry_col="start")
    return float(fitted.params_["marker"])


print(f"{len(whole)} patients, {int(whole['died'].sum())} deaths; a row for each month: {len(cut)} rows, {int(cut['died'].sum())} deaths")
seen = {fit.__name__: (fit(whole), fit(cut)) for fit in (by_lifelines, by_statsmodels)}
for name, (uncut, after) in seen.items():
    print(f"{name:15} expected: {uncut:.4f} both times   seen: {uncut:.4f} and {after:.4f}")
same = np.isclose(*seen["by_lifelines"], atol=1e-4) and np.isclose(seen["by_lifelines"][0], seen["by_statsmodels"][0], atol=1e-4)
sys.exit(0 if same and abs(np.subtract(*seen["by_statsmodels"])) > 0.02 else 1)
PY
