#!/usr/bin/env bash
# combatlearn: a new patient's sex is read from the company: a man who is harmonised without women is harmonised as a woman.
#
# Expected: what `fit` learnt holds for each patient that `transform` gets: combatlearn offers method="fortin" as inductive ("fit on train,
#   apply to held-out data, cross-validation-safe", its README). The model of Fortin et al. 2018 (doi:10.1016/j.neuroimage.2017.11.024)
#   keeps what belongs to sex and removes what belongs to the scanner.
# Seen: `transform` codes the covariate anew from the rows of the call and leaves its first level out. A call with men only, or one
#   man, has "male" as first level: the column is missing and counts as 0, which is female. Part of the difference between the sexes, which
#   should be kept, is scaled as if it came from the scanner: men's values move by up to 1.7 standard deviations. Women are right.
#   With three stages, a fold without the first takes the second for it. No warning.
# Versions: combatlearn 2.3.0, scikit-learn 1.9.1, pandas 2.3.3, numpy 2.4.6, Python 3.11, 2026-11-29.
# Here: containers/survival harmonises by scanner alone, one patient as many.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check combatlearn==2.3.0 scikit-learn==1.9.1 pandas==2.3.3 numpy==2.4.6 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import pandas as pd
from combatlearn import ComBat

chance = np.random.default_rng(0)
names = [f"R01-{number:03}" for number in range(1, 81)]
scanner = pd.Series(["old", "new"] * 40, index=names)
sex = pd.Series(["female"] * 40 + ["male"] * 40, index=names)
noise = chance.normal(size=(80, 6)) * np.where(scanner == "old", 1.0, 2.0)[:, None]
features = pd.DataFrame(noise, index=names, columns=[f"feature_{n}" for n in range(6)])
features.loc[scanner == "new"] += 1.0
features.loc[sex == "male"] += 4.0

model = ComBat(batch=scanner, discrete_covariates=sex.to_frame("sex"), method="fortin").fit(features)
together = model.transform(features)
for group in ("female", "male"):
    alone = pd.concat([model.transform(features.loc[[name]]) for name in names if sex[name] == group])
    moved = ((alone - together.loc[alone.index]).abs() / together.loc[sex == group].std()).max().max()
    print(f"expected: {group} patients one by one as all together   seen: moved by up to {moved:.2f} standard deviations")
men = model.transform(features.loc[sex == "male"])
renamed = ComBat(batch=scanner, discrete_covariates=sex.to_frame("sex"), method="fortin").fit(features)
renamed.discrete_covariates = pd.DataFrame({"sex": "female"}, index=names)
as_women = renamed.transform(features.loc[sex == "male"])
print("men only, as men and as women: same values:", bool(np.allclose(men, as_women)))
sys.exit(0 if moved > 0.5 and np.allclose(men, as_women) else 1)
PY
