#!/usr/bin/env bash
# conorm: "TMM-normalised" expression still has the sequencing depth in it: a sample read twice as deep has twice as much of every gene.
#
# Expected: `tmm` is to "normalize counts matrix" by the method that edgeR uses (README and docstring). In it (Robinson and Oshlack 2010,
#   doi:10.1186/gb-2010-11-3-r25) a factor corrects the library size, and counts are divided by both, as edgeR's cpm of a DGEList does.
#   GeTMM (Smid et al. 2018) and RPKM, per million by name, divide by the library size too.
# Seen: `tmm` and `getmm` divide counts by the factor alone, `rpkm` divides by the length and multiplies by a million. A tissue sequenced with 10
#   and with 20 million reads has twice the expression of itself. The factors are right, and so is `cpm` with norm_factors="TMM", so that
#   looking at the factors shows nothing. Clusters and models on such a table find the sequencing run. No warning.
# Versions: conorm 1.2.0, numpy 1.26.4, pandas 2.3.3, Python 3.11, 2026-11-29.
# Here: a gene's feature is log2(TPM + 1), which does not depend on the depth (docs/features.md).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check conorm==1.2.0 numpy==1.26.4 pandas==2.3.3 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys

import conorm
import numpy as np
import pandas as pd

chance = np.random.default_rng(1)
genes = [f"G{number}" for number in range(2000)]
expression = chance.gamma(0.8, 200, len(genes))
shallow = chance.poisson(expression)
counts = pd.DataFrame({"once": shallow, "twice": 2 * shallow, "other": chance.poisson(expression)}, index=genes)
lengths = chance.integers(500, 5000, len(genes))


def twice_over_once(table):
    """Return how many times the expression of the shallow sample the same sample read twice as deep has."""
    return float((table["twice"] / table["once"]).median())


right = {"conorm.cpm, TMM": conorm.cpm(counts, norm_factors="TMM")}
seen = {
    "conorm.tmm": conorm.tmm(counts),
    "conorm.getmm": conorm.getmm(counts, lengths),
    "conorm.rpkm": conorm.rpkm(counts, lengths),
}
print("factors:", conorm.tmm_norm_factors(counts)["norm.factors"].round(3).to_dict())
print("expected: 1 times the expression of itself")
for name, table in (right | seen).items():
    print(f"{name:16} {twice_over_once(table):.3f}")
same = all(np.isclose(twice_over_once(table), 1, atol=0.01) for table in right.values())
sys.exit(0 if same and all(np.isclose(twice_over_once(table), 2, atol=0.01) for table in seen.values()) else 1)
PY
