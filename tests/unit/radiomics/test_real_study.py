"""A real study, when MULTIMODAL_REAL_DATA names the folder that holds imaging/LUNG1-001 (TCIA NSCLC-Radiomics)."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radiomics_job.parameters import load_params
from radiomics_job.roi.rule import RoiRule
from tests.unit.radiomics.support import run_study

pytestmark = pytest.mark.skipif("MULTIMODAL_REAL_DATA" not in os.environ, reason="MULTIMODAL_REAL_DATA is not set")

CONTOURS_FIRST = replace(load_params("ct"), roi_source=("RTSTRUCT", "SEG"))


def _study() -> Path:
    return Path(os.environ["MULTIMODAL_REAL_DATA"]) / "imaging" / "LUNG1-001"


def test_the_tumour_has_its_known_voxels(tmp_path: Path) -> None:
    result = run_study(_study(), tmp_path / "out")
    (roi,) = result.features["rois"]
    assert (roi["label"], roi["voxels"], roi["slices"]) == ("GTV-1", 54_639, 21)
    assert roi["volume_ml"] == pytest.approx(156.3, rel=1e-3)
    assert result.status == "accept"


def test_contours_and_segmentation_agree(tmp_path: Path) -> None:
    """The SEG was made from these contours: every voxel, and so every feature, has to be the same."""
    drawn = run_study(_study(), tmp_path / "rtstruct", CONTOURS_FIRST, RoiRule(label="^GTV"))
    voxels = run_study(_study(), tmp_path / "seg")
    assert [result.features["rois"][0]["source"] for result in (drawn, voxels)] == ["RTSTRUCT", "SEG"]
    assert np.array_equal(drawn.volume("seg.nii.gz")[0], voxels.volume("seg.nii.gz")[0])
    assert drawn.features["rois"][0]["features"] == voxels.features["rois"][0]["features"]


def test_without_a_pattern_the_structures_are_ambiguous(tmp_path: Path) -> None:
    result = run_study(_study(), tmp_path / "out", CONTOURS_FIRST)
    assert result.status == "ROI_AMBIGUOUS"
    assert result.rejection["details"]["regions"] == 4
