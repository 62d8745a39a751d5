#!/usr/bin/env bash
# scanpy: ComBat with a categorical covariate inverts a matrix that has no inverse: harmonised values are off by standard deviations.
#
# Expected: `covariates` keeps the variation that belongs to sex or stage while that of the batch is removed (docstring of sc.pp.combat), as
#   `mod` does in ComBat of R's sva, with which neuroCombat agrees to 1e-6. Without a covariate scanpy agrees too, to 0.01.
# Seen: the design has a column for each batch and one for *each* level of the covariate; both sets add up to one, so that the matrix of
#   the regression is singular. Whether its inverse is an error ("Singular matrix") or numbers is a matter of rounding: of eight
#   cohorts of 60 patients at 3 sites three raise, and five are harmonised to values 1.4 to 5.5 standard deviations off. The batches' names
#   decide it as well, since they give the columns their order. Numerical covariates are right. No warning.
# Versions: scanpy 1.11.5, anndata 0.12.19, neuroCombat 0.2.12, pandas 2.3.3, numpy 2.4.6, Python 3.11; sva 3.46.0 (by hand), 2026-11-29.
# Here: containers/survival harmonises by scanner alone, with no covariate.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scanpy==1.11.5 anndata==0.12.19 neuroCombat==0.2.12 pandas==2.3.3 \
  numpy==2.4.6 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import contextlib
import io
import sys

import numpy as np
import pandas as pd
import scanpy
from anndata import AnnData
from neuroCombat import neuroCombat


def cohort(seed: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Return values (patient, feature) and the site, sex and age of each of 60 patients."""
    chance = np.random.default_rng(seed)
    site, sex = chance.integers(1, 4, 60), chance.integers(0, 2, 60)
    values = chance.normal(size=(60, 40)) + 0.6 * site[:, None] + 0.5 * sex[:, None]
    patients = [f"patient {number}" for number in range(60)]
    table = {"site": [f"site {number}" for number in site], "sex": np.where(sex, "M", "F"), "age": chance.normal(60, 8, 60)}
    return values, pd.DataFrame(table, index=patients).astype({"site": "category", "sex": "category"})


def difference(seed: int, covariate: str | None) -> float:
    """Return by how much scanpy and neuroCombat differ at most; infinity when scanpy raises."""
    values, patients = cohort(seed)
    data = AnnData(values.copy(), obs=patients.copy())
    covariates = {"sex": {"categorical_cols": ["sex"]}, "age": {"continuous_cols": ["age"]}}.get(covariate, {})
    with contextlib.redirect_stdout(io.StringIO()):
        right = neuroCombat(dat=values.T, covars=patients, batch_col="site", **covariates)["data"].T
    try:
        scanpy.pp.combat(data, "site", covariates=[covariate] if covariate else None)
    except np.linalg.LinAlgError:
        return float("inf")
    return float(np.abs(data.X - right).max())


seen = {covariate: [difference(seed, covariate) for seed in range(8)] for covariate in (None, "age", "sex")}
for covariate, most in seen.items():
    cells = ", ".join("raises" if np.isinf(value) else f"{value:.2f}" for value in most)
    print(f"covariate {covariate!s:5} expected: below 0.03   scanpy − neuroCombat, eight cohorts: {cells}")
sys.exit(0 if max(seen[None] + seen["age"]) < 0.03 and min(seen["sex"]) > 0.3 else 1)
PY
