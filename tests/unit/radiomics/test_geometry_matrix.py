"""The geometry matrix: each way of storing a study against truth in patient coordinates."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID, RLELossless

from radiomics_job.geometry.grid import GRID_TOLERANCE_MM
from radiomics_job.roi.rule import RoiRule
from tests.builders.dicom import (
    AXIAL,
    CORONAL,
    MIRRORED,
    OBLIQUE,
    PRONE,
    SAGITTAL,
    Points,
    Scan,
    SegOptions,
    ct_slice,
    enhanced_ct,
    save,
    save_ct,
    save_study,
    segmentation,
    tumour,
    vessel,
)
from tests.unit.radiomics.support import run_study

OFF_GRID = (1.0337, -0.9171, 0.7789)
"""A centre for which no voxel of one grid lies half-way between two of another: there rounding would decide."""

ORIENTATIONS = {
    "axial": AXIAL,
    "prone": PRONE,
    "mirrored": MIRRORED,
    "oblique": OBLIQUE,
    "coronal": CORONAL,
    "sagittal": SAGITTAL,
    "upside_down": (1.0, 0.0, 0.0, 0.0, -1.0, 0.0),
}

STORAGE = {
    "ascending": SegOptions(),
    "descending": SegOptions(order="descending"),
    "shuffled": SegOptions(order="shuffled"),
    "empty_frames_kept": SegOptions(skip_empty=False, order="descending"),
    "cropped": SegOptions(crop=(5, 37, 7, 41)),
    "cropped_descending": SegOptions(crop=(5, 37, 7, 41), order="descending"),
    "shared_segment_number": SegOptions(shared_segment=True, order="shuffled"),
    "referenced_by_frames": SegOptions(references="instances", order="descending"),
    "without_references": SegOptions(references="none", order="descending"),
    "off_by_less_than_the_tolerance": SegOptions(jitter=1e-4),
    "fractional": SegOptions(kind="FRACTIONAL", order="descending"),
    "label_map": SegOptions(kind="LABELMAP", order="descending"),
}


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS.keys())
def test_every_orientation_is_right_in_patient_space(tmp_path: Path, orientation: tuple[float, ...]) -> None:
    scan = Scan(orientation=orientation, columns=46, rows=42, slices=20, spacing=(0.9, 1.0), step=1.9)
    study = save_study(tmp_path / "in", scan, SegOptions(order="shuffled", crop=(2, 40, 3, 44)))
    result = run_study(study, tmp_path / "out")
    assert result.status in {"accept", "warn"}
    result.assert_right_in_patient_space()
    assert result.qc["placement"] == "frames"


@pytest.mark.parametrize("options", STORAGE.values(), ids=STORAGE.keys())
def test_every_way_of_storing_a_segmentation_is_right_in_patient_space(tmp_path: Path, options: SegOptions) -> None:
    result = run_study(save_study(tmp_path / "in", Scan(), options), tmp_path / "out")
    result.assert_right_in_patient_space()
    assert result.qc["placement"] == "frames"
    assert result.features["rois"][0]["voxels"] == int(Scan().mask().sum())


def test_a_flipped_mask_fails_the_comparison(tmp_path: Path) -> None:
    scan = Scan()
    save_ct(tmp_path / "in", scan)
    wrong = segmentation(scan, SegOptions(skip_empty=False))
    groups = wrong.PerFrameFunctionalGroupsSequence
    wrong.PerFrameFunctionalGroupsSequence = groups[::-1]  # positions reversed, pixels not
    save(wrong, tmp_path / "in" / "seg")
    result = run_study(tmp_path / "in", tmp_path / "out")
    with pytest.raises(AssertionError):
        result.assert_right_in_patient_space()


def test_slices_between_frames_stay_empty(tmp_path: Path) -> None:
    scan, skipped = Scan(), (8, 9)
    result = run_study(save_study(tmp_path / "in", scan, SegOptions(skip_slices=skipped)), tmp_path / "out")
    gaps = [scan.position(k)[2] for k in skipped]

    def with_gap(points: Points) -> NDArray[np.bool_]:
        return np.asarray(tumour(points) & ~np.isclose(points[..., 2:3], gaps, atol=0.1).any(axis=-1))

    result.assert_right_in_patient_space(with_gap)
    assert result.qc["connected_parts"] == 2


def test_tilted_gantry_keeps_the_mask_right_and_says_so(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", Scan(shift=(0.0, 0.5)), SegOptions(order="descending"))
    result = run_study(study, tmp_path / "out")
    result.assert_right_in_patient_space()
    assert "GANTRY_TILT" in result.qc["warnings"]
    assert result.qc["gantry_tilt_degrees"] == pytest.approx(np.degrees(np.arctan(0.5 / 2.2)), abs=1e-3)


@pytest.mark.parametrize(
    "grid",
    [
        Scan(columns=30, rows=29, slices=22, spacing=(1.31, 1.27), step=1.7, centre=OFF_GRID),
        Scan(columns=44, rows=18, slices=40, spacing=(2.2, 0.9), step=0.8, orientation=CORONAL, centre=OFF_GRID),
        Scan(columns=44, rows=40, slices=20, spacing=(0.9, 1.0), step=2.1, orientation=OBLIQUE, centre=OFF_GRID),
    ],
    ids=["other_matrix", "coronal", "oblique"],
)
@pytest.mark.parametrize(
    "scan", [Scan(), Scan(shift=(0.2, 0.5)), Scan(orientation=SAGITTAL)], ids=["on_axial", "on_tilted", "on_sagittal"]
)
def test_a_foreign_grid_is_resampled_by_nearest_neighbour(tmp_path: Path, grid: Scan, scan: Scan) -> None:
    save_ct(tmp_path / "in", scan)
    save(segmentation(scan, SegOptions(order="shuffled"), on=grid), tmp_path / "in" / "seg")
    result = run_study(tmp_path / "in", tmp_path / "out")
    seg, _ = result.volume("seg.nii.gz")
    assert result.qc["placement"] == "nearest_neighbour"
    assert np.array_equal(seg == 1, _nearest(grid, result.places()))
    result.assert_near_truth(tumour, coarse_mm=(*np.maximum(grid.spacing, scan.spacing), max(grid.step, scan.step)))


def _nearest(grid: Scan, places: Points) -> NDArray[np.bool_]:
    """Independent reference: project on the grid's own axes and round, half-way (to 1e-4) up."""
    row, column, normal = grid.axes()
    offset = places - grid.position(0)
    c = np.floor(offset @ row / grid.spacing[1] + 0.5001).astype(int)
    r = np.floor(offset @ column / grid.spacing[0] + 0.5001).astype(int)
    k = np.floor(offset @ normal / grid.step + 0.5001).astype(int)
    inside = (c >= 0) & (c < grid.columns) & (r >= 0) & (r < grid.rows) & (k >= 0) & (k < grid.slices)
    values = grid.mask()[np.clip(k, 0, grid.slices - 1), np.clip(r, 0, grid.rows - 1), np.clip(c, 0, grid.columns - 1)]
    return np.asarray(values & inside)


@pytest.mark.parametrize("orientation", [AXIAL, OBLIQUE, SAGITTAL], ids=["axial", "oblique", "sagittal"])
def test_half_way_between_two_voxels_is_the_higher_one_whatever_rounding_does(
    tmp_path: Path, orientation: tuple[float, ...]
) -> None:
    """Voxels twice as large, the first on the CT's first: every second CT voxel is half-way along each axis."""
    scan = Scan(orientation=orientation)
    coarse = replace(scan, columns=24, rows=22, slices=9, spacing=(1.6, 1.8), step=4.4)
    shift = scan.position(0) - coarse.position(0)
    coarse = replace(coarse, centre=tuple(np.array(coarse.centre) + shift))
    save_ct(tmp_path / "in", scan)
    save(segmentation(scan, SegOptions(order="shuffled"), on=coarse), tmp_path / "in" / "seg")
    seg, _ = run_study(tmp_path / "in", tmp_path / "out").volume("seg.nii.gz")
    k, r, c = (np.minimum((np.arange(2 * n) + 1) // 2, n) for n in (9, 22, 24))
    expected = np.pad(coarse.mask(), (0, 1))[np.ix_(k, r, c)]
    assert np.array_equal(seg == 1, expected.T)


def test_the_affine_meets_every_slice_position(tmp_path: Path) -> None:
    scan = Scan(orientation=OBLIQUE)
    result = run_study(save_study(tmp_path / "in", scan), tmp_path / "out")
    _, affine = result.volume("ct.nii.gz")
    written = np.array([affine[:3, 3] + k * affine[:3, 2] for k in range(scan.slices)]) * [-1, -1, 1]
    truth = np.array([scan.position(k) for k in range(scan.slices)])
    assert np.abs(written - truth).max() < 1e-3
    assert result.qc["slice_position_residual_mm"] < GRID_TOLERANCE_MM


def test_both_nifti_transforms_are_set(tmp_path: Path) -> None:
    result = run_study(save_study(tmp_path / "in", Scan(orientation=OBLIQUE)), tmp_path / "out")
    for name in ("ct.nii.gz", "seg.nii.gz"):
        header: Any = nibabel.load(result.folder / name).header
        assert (int(header["qform_code"]), int(header["sform_code"])) == (1, 1)
        assert np.allclose(header.get_qform(), header.get_sform(), atol=1e-4)


def test_frames_of_an_enhanced_ct_are_placed_by_position(tmp_path: Path) -> None:
    scan = Scan()
    save(enhanced_ct(scan, order=[*range(0, scan.slices, 2), *range(1, scan.slices, 2)]), tmp_path / "in" / "ct")
    save(segmentation(scan, SegOptions(references="none")), tmp_path / "in" / "seg")
    run_study(tmp_path / "in", tmp_path / "out").assert_right_in_patient_space()


def _with_own_rescale(enhanced: Dataset) -> None:
    """Every other frame with another intercept, and its pixels to match."""
    stored = enhanced.pixel_array.copy()
    stored[::2] += 500
    enhanced.PixelData = stored.tobytes()
    for index, group in enumerate(enhanced.PerFrameFunctionalGroupsSequence):
        rescale = Dataset()
        rescale.RescaleIntercept, rescale.RescaleSlope = (-1524 if index % 2 == 0 else -1024), 1
        group.PixelValueTransformationSequence = DicomSequence([rescale])


@pytest.mark.parametrize("compressed", [False, True], ids=["native", "rle"])
def test_frames_of_an_enhanced_ct_have_their_own_rescale(tmp_path: Path, compressed: bool) -> None:
    scan = Scan(orientation=OBLIQUE)
    enhanced = enhanced_ct(scan, order=range(scan.slices)[::-1])
    _with_own_rescale(enhanced)
    if compressed:
        enhanced.compress(RLELossless, generate_instance_uid=False)
    save(enhanced, tmp_path / "in" / "ct")
    save(segmentation(scan, SegOptions(references="none")), tmp_path / "in" / "seg")
    run_study(tmp_path / "in", tmp_path / "out").assert_right_in_patient_space()


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, -1024.0), (1.0, 0.0), (2.0, -1000.0)])
def test_rescale_is_applied_per_slice(tmp_path: Path, slope: float, intercept: float) -> None:
    scan = Scan()
    for k in range(scan.slices):
        odd = k % 2
        dataset = ct_slice(scan, k, slope=slope if odd else 1.0, intercept=intercept if odd else -1024.0)
        save(dataset, tmp_path / "in" / str(k))
    save(segmentation(scan), tmp_path / "in" / "seg")
    run_study(tmp_path / "in", tmp_path / "out").assert_right_in_patient_space()


def test_localizers_and_a_second_series_are_left_aside(tmp_path: Path) -> None:
    scan, thick = Scan(), Scan(name="thick", step=5.0, slices=8)
    save_ct(tmp_path / "in", thick)
    scout = ct_slice(replace(scan, orientation=SAGITTAL), 0)
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    scout.SOPInstanceUID = scout.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.4")
    save(scout, tmp_path / "in" / "scout")
    save_study(tmp_path / "in", scan)
    result = run_study(tmp_path / "in", tmp_path / "out")
    result.assert_right_in_patient_space()
    assert result.features["series_uid"] == scan.series_uid
    assert result.qc["pairing"] == {
        "method": "referenced_series",
        "ct_series_candidates": 2,
        "referenced_instances": scan.slices,
        "found_instances": scan.slices,
        "frame_of_reference_matches": True,
    }


def test_geometry_decides_between_series_of_one_frame_of_reference(tmp_path: Path) -> None:
    scan, thick = Scan(), Scan(name="thick", step=5.0, slices=8)
    save_ct(tmp_path / "in", thick)
    save_study(tmp_path / "in", scan, SegOptions(references="none"))
    result = run_study(tmp_path / "in", tmp_path / "out")
    assert result.features["series_uid"] == scan.series_uid
    assert result.qc["pairing"]["method"] == "geometry"


def test_identical_slices_are_taken_once(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in")
    save(ct_slice(Scan(), 3), study / "again")
    result = run_study(study, tmp_path / "out")
    result.assert_right_in_patient_space()
    assert "DUPLICATE_SLICES_DROPPED" in result.qc["warnings"]


@pytest.mark.parametrize("label", ["Tumour", "Vessel"])
def test_overlapping_segments_keep_their_own_voxels(tmp_path: Path, label: str) -> None:
    options = SegOptions(regions={"Tumour": tumour, "Vessel": vessel}, order="shuffled")
    result = run_study(save_study(tmp_path / "in", Scan(), options), tmp_path / "out", rule=RoiRule(label=f"^{label}$"))
    result.assert_right_in_patient_space({"Tumour": tumour, "Vessel": vessel}[label])
