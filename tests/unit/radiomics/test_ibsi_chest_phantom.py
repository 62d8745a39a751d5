"""The IBSI 1 chest phantom, when MULTIMODAL_REAL_DATA names the folder that holds `ibsi/` (CC BY-NC 3.0: not here).

`ibsi/ct_phantom` is the CT with its RTSTRUCT, `ibsi/ibsi_1_ct_reference.csv` has config, tag, value and tolerance.
"""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from radiomics_job.features.extract import extract_features
from radiomics_job.parameters import load_params
from tests.unit.radiomics.ibsi.mapping import BASELINES, SHIFTED
from tests.unit.radiomics.ibsi.tags import tag
from tests.unit.radiomics.support import Result, run_study

pytestmark = pytest.mark.skipif("MULTIMODAL_REAL_DATA" not in os.environ, reason="MULTIMODAL_REAL_DATA is not set")

CODES = {**BASELINES, **{name: shift.code for name, shift in SHIFTED.items()}}
KURTOSIS = "IPH6"
WITHIN = 1 + 1e-9
"""The tolerances are closed; 0.3 is not a binary number."""


def ibsi() -> Path:
    return Path(os.environ["MULTIMODAL_REAL_DATA"]) / "ibsi"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Result:
    result = run_study(ibsi() / "ct_phantom", tmp_path_factory.mktemp("phantom") / "out")
    assert result.features["rois"][0]["voxels"] == 125_256
    return result


def deviations(config: str, study: Result) -> Iterator[str]:
    """Yield the tags of a configuration that are outside IBSI's tolerance."""
    volume, affine = study.volume("ct.nii.gz")
    values = extract_features(
        volume, study.volume("seg.nii.gz")[0] > 0, np.asarray(affine, np.float64), load_params(f"ibsi_{config.lower()}")
    ).values
    gathered = "2_5D" if config in "AB" else "3D"
    with (ibsi() / "ibsi_1_ct_reference.csv").open(encoding="utf-8", newline="") as file:
        published = {row["tag"]: row for row in csv.DictReader(file) if row["config"] == config}
    for name, code in CODES.items():
        row, value = published[tag(code, gathered)], values[name]
        if value is None:
            yield f"{row['tag']}: null"
        elif abs(value - 3 * (code == KURTOSIS) - float(row["value"])) > WITHIN * float(row["tolerance"]):
            yield f"{row['tag']}: {value} instead of {row['value']} ± {row['tolerance']}"


@pytest.mark.parametrize("config", list("ABCDE"))
def test_every_tag_is_within_its_tolerance(config: str, study: Result) -> None:
    assert len(CODES) == 104
    assert list(deviations(config, study)) == []
