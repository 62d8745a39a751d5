#!/usr/bin/env bash
# gseapy: single-sample gene-set scores change with the order of the genes in the file, because genes that are not expressed tie.
#
# Expected: a score of a sample and a set is the same whatever the order of the matrix's rows (Barbie et al. 2009,
#   doi:10.1038/nature08460, ranks genes by expression). Tables of one cohort come sorted by id, by symbol or by position.
# Seen: equal values get ranks by where they stand, not a shared one. In RNA-seq a third or more of all genes is 0. For a set of
#   20 genes, half of them 0, among 400 genes, 160 of them 0, the scores of all patients move by 5.8 when the rows
#   are reversed, where patients lie 11 apart: two files of one cohort do not compare. No warning.
# Versions: gseapy 1.3.1, numpy 2.4.6, pandas 2.3.3, Python 3.11, 2026-11-28.
# Here: gene-set scores use shared ranks (multimodal.genomics.gene_sets) and do not depend on other samples either.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check gseapy==1.3.1 numpy==2.4.6 pandas==2.3.3 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys

import gseapy
import numpy as np
import pandas as pd

random = np.random.default_rng(0)
genes = [f"G{number:03d}" for number in range(400)]
expression = pd.DataFrame(random.lognormal(2, 1, (400, 3)), index=genes, columns=["case-1", "case-2", "case-3"])
silent = random.permutation(genes)[:160]
expression.loc[silent] = 0.0
expressed = random.permutation([gene for gene in genes if gene not in set(silent)])
sets = {"half expressed": [*silent[:10], *expressed[:10]], "all expressed": [*expressed[10:30]], "silent": [*silent[10:30]]}


def scores(matrix):
    found = gseapy.ssgsea(data=matrix, gene_sets=sets, outdir=None, min_size=2).res2d
    return found.pivot(index="Name", columns="Term", values="ES").astype(float)


sorted_by_id = scores(expression)
orders = {"reversed": expression.iloc[::-1], "shuffled": expression.sample(frac=1, random_state=1)}
print("sorted by id\n", sorted_by_id.round(2), sep="")
moved = {}
for name, matrix in orders.items():
    other = scores(matrix)
    moved[name] = (other - sorted_by_id).abs().max()
    print(f"{name}\n", other.round(2), sep="")
print("largest difference between orders, by set:")
print(pd.DataFrame(moved).max(axis=1).round(2).to_string())
print("expected: 0 for all")
largest = pd.DataFrame(moved).max(axis=1)
still = largest["all expressed"] < 1e-6 and largest["half expressed"] > 1 and largest["silent"] > 1
sys.exit(0 if still else 1)
PY
