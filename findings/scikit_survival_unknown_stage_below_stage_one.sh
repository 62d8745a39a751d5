#!/usr/bin/env bash
# scikit-survival: a stage that nobody knows becomes a stage below the first one, if the column is a category.
#
# Expected: what is missing stays missing. `categorical_to_numeric` ("encode categorical columns to numeric by converting each category to
#   an integer value") keeps NaN in a column of texts, as `encode_categorical` and `OneHotEncoder` do in columns of either type; a model then
#   refuses the NaN, and somebody decides.
# Seen: in a column of pandas' type category, which is the one that can say the order of stages, missing is -1 (pandas' own code for it). I
#   to IV are 0 to 3, so the unknown are better than stage I by as much as II is worse. No estimator complains. Where the unknown were those who
#   were too ill to be staged, they get the best forecast of all.
# Versions: scikit-survival 0.28.0, pandas 2.3.3, Python 3.11, 2026-11-29.
# Here: nothing of the kind: levels and what stands for a missing one are declared in the dataset's file (docs/datasets.md).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-survival==0.28.0 pandas==2.3.3 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import pandas as pd
from sksurv.column import categorical_to_numeric, encode_categorical
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.util import Surv

stages = ["I", "II", "III", "IV"]
# The higher the stage, the earlier the death; those without a stage die as early as those of stage IV.
cohort = [(stage, 60 - 12 * level + month) for level, stage in enumerate(stages) for month in range(10)]
cohort += [(None, 24 + month) for month in range(4)]
text = pd.DataFrame({"stage": pd.Series([stage for stage, _ in cohort], dtype="object")})
ordered = text.astype({"stage": pd.CategoricalDtype(stages, ordered=True)})
died = Surv.from_arrays(np.ones(len(cohort), bool), [float(months) for _, months in cohort])

of_text, of_category = categorical_to_numeric(text), categorical_to_numeric(ordered)
print(f"texts: I is {of_text.stage[0]:g}, not known is {of_text.stage.iloc[-1]:g}")
print(f"category: I is {of_category.stage[0]:g}, not known is {of_category.stage.iloc[-1]:g}")
print(f"as indicators, not known is {encode_categorical(ordered).iloc[-1].tolist()}")
risk = CoxPHSurvivalAnalysis().fit(of_category, died).predict(of_category)
for name, place in (("I", 0), ("IV", 30), ("not known", 40)):
    print(f"median survival of {name}: {np.median([m for s, m in cohort if s == cohort[place][0]]):g} months; risk {risk[place]:+.2f}")
surprise = np.isnan(of_text.stage.iloc[-1]) and of_category.stage.iloc[-1] == -1 and risk[40] < risk[0]
sys.exit(0 if surprise else 1)
PY
