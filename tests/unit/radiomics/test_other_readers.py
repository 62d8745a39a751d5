"""What SimpleITK makes of the files that this job writes: every voxel in its place, or a refusal that the docs name."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from tests.builders.dicom import OBLIQUE, SAGITTAL, Scan, SegOptions, hounsfield, save_study, tumour
from tests.unit.radiomics.support import run_study

SMALL = {"columns": 30, "rows": 28, "slices": 14, "spacing": (1.3, 1.4), "step": 2.6}


@pytest.mark.parametrize("orientation", [OBLIQUE, SAGITTAL])
def test_simpleitk_finds_every_voxel_in_its_place(tmp_path: Path, orientation: tuple[float, ...]) -> None:
    study = save_study(tmp_path / "in", Scan(orientation=orientation, **SMALL), SegOptions(order="descending"))  # type: ignore[arg-type]
    result = run_study(study, tmp_path / "out")

    ct: Any = sitk.ReadImage(result.folder / "ct.nii.gz")
    seg: Any = sitk.ReadImage(result.folder / "seg.nii.gz")

    indices = list(product(*map(range, ct.GetSize())))
    places = np.array([ct.TransformIndexToPhysicalPoint(index) for index in indices])  # LPS, as ITK has it
    assert np.allclose(places, [seg.TransformIndexToPhysicalPoint(index) for index in indices])
    assert np.array_equal(np.array([seg[index] == 1 for index in indices]), tumour(places))
    assert np.abs(np.array([ct[index] for index in indices]) - hounsfield(places)).max() <= 1
    assert (ct.GetPixelIDTypeAsString(), seg.GetPixelIDTypeAsString()) == (
        "16-bit signed integer",
        "8-bit unsigned integer",
    )


def test_itk_refuses_a_tilted_scan(tmp_path: Path) -> None:
    result = run_study(save_study(tmp_path / "in", Scan(shift=(0.0, 0.5), **SMALL)), tmp_path / "out")  # type: ignore[arg-type]

    with pytest.raises(RuntimeError, match="orthonormal"):
        sitk.ReadImage(result.folder / "ct.nii.gz")
