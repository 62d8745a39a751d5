"""A real study, when MULTIMODAL_REAL_DATA names the folder that holds LUNG1-001 (TCIA NSCLC-Radiomics)."""

import os
from pathlib import Path

import pytest

from radiomics_job.roi import RoiRule
from tests.unit.radiomics.support import run_study

pytestmark = pytest.mark.skipif("MULTIMODAL_REAL_DATA" not in os.environ, reason="MULTIMODAL_REAL_DATA is not set")


def test_the_tumour_has_its_known_voxels(tmp_path: Path) -> None:
    study = Path(os.environ["MULTIMODAL_REAL_DATA"]) / "LUNG1-001"
    result = run_study(study, tmp_path / "out")
    (roi,) = result.features["rois"]
    assert (roi["label"], roi["voxels"], roi["slices"]) == ("GTV-1", 54_639, 21)
    assert roi["volume_ml"] == pytest.approx(156.3, rel=1e-3)
    assert result.status == "accept"


def test_contours_and_segmentation_agree(tmp_path: Path) -> None:
    study = Path(os.environ["MULTIMODAL_REAL_DATA"]) / "LUNG1-001"
    linked = tmp_path / "in"
    for file in study.rglob("*.dcm"):
        if b"1.2.840.10008.5.1.4.1.1.66.4" not in file.read_bytes()[:512]:
            target = linked / file.relative_to(study)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(file)
    result = run_study(linked, tmp_path / "out", rule=RoiRule(label="^GTV"))
    assert result.features["rois"][0]["volume_ml"] == pytest.approx(156.3, rel=0.02)
    assert result.features["rois"][0]["source"] == "RTSTRUCT"
