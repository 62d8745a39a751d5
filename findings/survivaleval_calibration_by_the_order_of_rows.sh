#!/usr/bin/env bash
# SurvivalEVAL: a right model fails the test of calibration at p = 2e-9 or passes at 0.66: it depends on the order of the patients.
#
# Expected: one result for one set of patients. Groups are made of the predicted probabilities (docstring of one_calibration: "divided into
#   equal-sized bins based on the predicted probabilities"); patients of one prediction are alike, as in Hosmer and Lemeshow's test.
# Seen: patients are sorted by their prediction and cut into ten of one size, and those with the same prediction stay as they stood in the
#   table. A model by stage has four predictions; where the table is sorted by follow-up, a group holds the early deaths of a
#   stage and the next one its survivors, although the same is predicted for both. 400 patients whose times are drawn from the very curves
#   that are tested: p = 0.66 as they came, 2e-9 by follow-up, 0.31 by outcome. Tables of cohorts are sorted by date or outcome often. No warning.
# Versions: SurvivalEVAL 0.9.0 (which needs torch, here 2.14.1: some gigabytes while the script runs), numpy 2.4.6, Python 3.11, 2026-11-29.
# Here: cases of one predicted risk are in one group (survival_job.measures.risk_groups).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-compile SurvivalEVAL==0.9.0 numpy==2.4.6 pandas==2.3.3 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
from SurvivalEVAL import SurvivalEvaluator

chance = np.random.default_rng(1)
stage = chance.integers(1, 5, 400)
death, left = chance.exponential(50 / stage), chance.uniform(5, 40, 400)
months, died = np.minimum(death, left), (death <= left).astype(int)
months_ahead = np.arange(0, 41.0)
curves = np.exp(-np.outer(stage / 50, months_ahead))
orders = {
    "as they came": np.arange(400),
    "by stage": np.argsort(stage, kind="stable"),
    "by outcome": np.argsort(died, kind="stable"),
    "by follow-up": np.argsort(months),
}


def p_value(order: np.ndarray) -> float:
    """Return the p-value of the test at 12 months of the patients in an order."""
    evaluator = SurvivalEvaluator(curves[order], months_ahead, months[order], died[order])
    return float(evaluator.one_calibration(12.0)[0])


seen = {name: p_value(order) for name, order in orders.items()}
print(f"400 patients, {died.sum()} deaths, 4 predictions, all of them true; expected: the same four times")
for name, p in seen.items():
    print(f"{name:13} p = {p:.2g}")
sys.exit(0 if seen["as they came"] > 0.5 and seen["by follow-up"] < 1e-6 else 1)
PY
