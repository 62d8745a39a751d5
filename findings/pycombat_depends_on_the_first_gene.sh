#!/usr/bin/env bash
# combat (pyComBat): how a gene is harmonised depends on the gene that stands first in the table.
#
# Expected: "the Python implementation of ComBat" (its README) gives what ComBat of R's sva gives, and the same for a gene wherever it stands:
#   the order of features says nothing (Johnson et al. 2007, doi:10.1093/biostatistics/kxj037). neuroCombat is within 1e-6 of sva.
# Seen: the spread of a gene in a batch is estimated around the additive effect of the *first* gene, not of its own (one element is
#   taken where the row is meant). Of 40 features of 60 patients at 3 sites values are up to 0.7 off (standard deviation about 1), and
#   with the features in another order every value moves by up to 0.5. Means are right, so that a plot by site looks harmonised. No warning.
# Versions: combat 0.3.3, neuroCombat 0.2.12, pandas 2.3.3, numpy 2.4.6, Python 3.11; sva 3.46.0 of R 4.2.2 (by hand), 2026-11-29.
# Here: containers/survival has its own ComBat, within 1e-6 of sva on this cohort (survival_job.preparation).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check combat==0.3.3 neuroCombat==0.2.12 pandas==2.3.3 numpy==2.4.6 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import contextlib
import io
import sys

import numpy as np
import pandas as pd
from combat.pycombat import pycombat
from neuroCombat import neuroCombat

chance = np.random.default_rng(0)
sites = np.array([f"site {number}" for number in chance.integers(1, 4, 60)])
offset = np.select([sites == "site 1", sites == "site 2"], [0.8, -0.5], 0.0)
values = chance.normal(size=(60, 40)) * np.linspace(0.5, 2, 40) + offset[:, None]
order = chance.permutation(40)


def by_pycombat(table: np.ndarray) -> np.ndarray:
    """Return `table` (patient, feature) harmonised by combat."""
    return pycombat(pd.DataFrame(table.T), list(sites)).to_numpy().T


def by_neurocombat(table: np.ndarray) -> np.ndarray:
    """Return `table` (patient, feature) harmonised by neuroCombat."""
    return neuroCombat(dat=table.T, covars=pd.DataFrame({"site": sites}), batch_col="site")["data"].T


with contextlib.redirect_stdout(io.StringIO()):
    one, other = by_pycombat(values), by_neurocombat(values)
    moved = {
        "combat": np.abs(by_pycombat(values[:, order]) - one[:, order]).max(),
        "neuroCombat": np.abs(by_neurocombat(values[:, order]) - other[:, order]).max(),
    }
for name, most in moved.items():
    print(f"{name:12} features in another order: values move by up to {most:.2g}   expected: 0")
print(f"combat and neuroCombat differ by up to {np.abs(one - other).max():.2f}   expected: 0")
sys.exit(0 if moved["neuroCombat"] < 1e-9 and moved["combat"] > 0.1 and np.abs(one - other).max() > 0.2 else 1)
PY
