#!/usr/bin/env bash
# rnanorm: after `fit`, a new patient's upper-quartile expression depends on who else is in the same call of `transform`.
#
# Expected: what is learnt is learnt by `fit`; `transform` then takes each sample as it is (scikit-learn's contract, for which rnanorm
#   offers these classes: pipelines, folds and patients that come later one at a time).
# Seen: UQ and CUF leave out the genes that are 0 in all samples of the *call*. Alone, a patient loses all genes that are 0 in that patient, the
#   quartile moves up, and all values are 22 to 31 % lower than in a call with four others; a test fold is scaled by its own size. TMM
#   and CTF leave genes out in the same way, and stop ("could not be broadcast") unless as many happen to be left.
# Versions: rnanorm 2.2.0, scikit-learn 1.9.1, numpy 2.4.6, pandas 2.3.3, Python 3.11, 2026-11-28.
# Here: a gene's feature is log2(TPM + 1) of one sample, and needs no other.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rnanorm==2.2.0 scikit-learn==1.9.1 numpy==2.4.6 pandas==2.3.3 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import pandas as pd
from rnanorm import CPM, UQ

random = np.random.default_rng(0)
mean = np.where(random.random(20000) < 0.55, random.lognormal(4, 1.5, 20000), random.lognormal(-1.5, 1.2, 20000))
reads = pd.DataFrame(
    random.poisson(mean * random.uniform(0.5, 2, 20)[:, None]).astype(float),
    index=[f"patient-{number}" for number in range(20)],
    columns=[f"gene-{number}" for number in range(20000)],
)
train, later = reads.iloc[:15], reads.iloc[15:]
print(f"genes that are 0: {(reads == 0).mean(axis=1).mean():.0%} of a patient's, {(reads == 0).all().mean():.0%} in all patients")
ratios = {}
for method in (CPM, UQ):
    fitted = method().set_output(transform="pandas").fit(train)
    together = fitted.transform(later)
    alone = pd.concat([fitted.transform(later.iloc[[row]]) for row in range(5)])
    ratios[method.__name__] = (alone.sum(axis=1) / together.sum(axis=1)).to_numpy()
    print(f"{method.__name__}, alone / together with four others:", *ratios[method.__name__].round(2), "; expected 1")
sys.exit(0 if np.allclose(ratios["CPM"], 1) and ratios["UQ"].max() < 0.85 else 1)
PY
