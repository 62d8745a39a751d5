#!/usr/bin/env bash
# lifelines, Cox regression: a patient's expected survival is shorter than that of the first to die, and 19 % are dead on day 0.
#
# Expected: nobody of the cohort dies before month 6, so the predicted curve is 1 until then and the expected time at least 6. It is "the
#   area under the survival function" from 0 on, E[T] = ∫ P(T > t) dt (docstring of predict_expectation).
# Seen: the model's curve begins at the first duration, and what lies before it is no time: of a patient whose median is 8 months 2.5 are
#   expected. Whoever asks the curve for an earlier time (`times`) gets the value after the first deaths, also on day 0, so that the chance
#   to live beyond month 3 is 0.81; asked with conditional_after=0 it is 1. Cohorts that begin with a delay (landmark,
#   immortal time until a scan or a transplant) have such a gap. No warning.
# Versions: lifelines 0.30.3, pandas 2.3.3, numpy 2.4.6, Python 3.11, 2026-11-29.
# Here: a curve is 1 from 0 until the first death (functions/multimodal/clinical/report/survival.py, survival_job.models).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lifelines==0.30.3 pandas==2.3.3 numpy==2.4.6 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter

chance = np.random.default_rng(0)
marker = chance.normal(size=100)
months = np.round(6 + chance.exponential(20 * np.exp(-marker)))
model = CoxPHFitter().fit(pd.DataFrame({"months": months, "died": 1, "marker": marker}), "months", "died")
patient = pd.DataFrame({"marker": [2.0]})

curve = model.predict_survival_function(patient)[0]
days = np.concatenate([[0.0], curve.index])
area = float(np.sum(np.diff(days) * np.concatenate([[1.0], curve.to_numpy()[:-1]])))
expectation = float(model.predict_expectation(patient)[0])
median = float(model.predict_median(patient))
early = model.predict_survival_function(patient, times=[0.0, 3.0])[0].tolist()
conditional = model.predict_survival_function(patient, times=[3.0], conditional_after=[0.0])[0].tolist()
print(f"first death of all: month {months.min():.0f}, median of the patient: month {median:.0f}")
print(f"expected: area under the model's own steps {area:.2f} months   seen: predict_expectation {expectation:.2f}")
print("expected: alive at 0 and 3 months [1.0, 1.0]   seen:", np.round(early, 3).tolist(), "  with conditional_after=0:", conditional)
sys.exit(0 if area > 6 > expectation and max(early) < 0.9 and conditional == [1.0] else 1)
PY
