"""Missing and uneven slices under the policy `resample`: against an independent reference in patient coordinates."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.uid import UID

from radiomics_job.parameters import Params, Threshold, load_params
from radiomics_job.roi.rule import RoiRule
from tests.builders.dicom import (
    AXIAL,
    OBLIQUE,
    SAGITTAL,
    Inside,
    Points,
    Scan,
    SegOptions,
    ct_slice,
    hounsfield,
    save,
    save_ct,
    save_study,
    segmentation,
    structure_set,
    tumour,
    uid,
    vessel,
)
from tests.unit.radiomics.support import Result, run_study

CT = load_params("ct")
RESAMPLE = replace(
    CT,
    geometry=replace(CT.geometry, missing_slices="resample", uneven_slices="resample"),
    qc=replace(CT.qc, min_referenced_slices_fraction=Threshold(1.0, 0.5)),
)

STACKS: dict[str, tuple[float, ...]] = {
    "one_missing": (*range(7), *range(8, 16)),
    "two_together_missing": (*range(9), *range(11, 16)),
    "holes_here_and_there": (0, 1, 3, 4, 5, 7, 8, 10, 11, 12, 13, 15),
    "jittered": tuple(k + 0.31 * np.sin(3.7 * k) for k in range(16)),
    "thick_then_thin": (0, 1, 2, 3, 4, 5, 6, 7, 8, 8.5, 9, 9.5, 10, 10.5, 11, 11.5, 12, 13, 14, 15),
    "half_a_step": (*range(8), *(k + 0.5 for k in range(8, 15))),
}
WAYS: dict[str, dict[str, Any]] = {
    "axial": {"orientation": AXIAL},
    "oblique": {"orientation": OBLIQUE},
    "sagittal": {"orientation": SAGITTAL},
    "tilted": {"shift": (0.0, 0.4)},
}


def _scan(places: tuple[float, ...], **changes: Any) -> Scan:
    scan = Scan(columns=50, rows=48, step=1.9, **changes)
    # The centre is that of a stack of `slices` even steps; uneven stacks are moved back to where the tumour is.
    middle = (scan.position(places[-1]) - scan.position(0)) / 2 - (
        scan.position(len(places) - 1) - scan.position(0)
    ) / 2
    centre = np.array(scan.centre) - middle
    return replace(scan, slices=len(places), places=places, centre=(centre[0], centre[1], centre[2]))


def _planes(scan: Scan, extra: tuple[float, ...] = ()) -> NDArray[np.float64]:
    """Distance of each plane from the first slice along the normal."""
    return np.array(sorted({*(scan.places or ()), *extra})) * scan.step


def _along(scan: Scan, places: Points) -> NDArray[np.float64]:
    return np.asarray((places - scan.position(0)) @ scan.axes()[2])


def _moved(scan: Scan, places: Points, to: NDArray[np.float64]) -> Points:
    """The points of the same pixel on planes at other distances: along the stack, sheared under gantry tilt."""
    row, column, normal = scan.axes()
    step = (normal * scan.step + row * scan.shift[0] + column * scan.shift[1]) / scan.step
    return np.asarray(places + (to - _along(scan, places))[..., None] * step)


def _nearest_plane(scan: Scan, places: Points, planes: NDArray[np.float64]) -> Points:
    distance = np.abs(_along(scan, places)[..., None] - planes)
    # Of two equally near planes the higher one: look from the top.
    best = len(planes) - 1 - np.round(distance[..., ::-1], 5).argmin(axis=-1)
    return _moved(scan, places, planes[best])


def _assert_mask(result: Result, scan: Scan, extra: tuple[float, ...] = ()) -> None:
    seg, _ = result.volume("seg.nii.gz")
    drawn = _nearest_plane(scan, result.places(), _planes(scan, extra))
    assert np.array_equal(seg == 1, tumour(drawn))


def _assert_ct(result: Result, scan: Scan) -> None:
    ct, _ = result.volume("ct.nii.gz")
    places = result.places()
    # The written affine has single precision: a voxel exactly on the body's edge may fall on either side.
    tolerance = max(0.01, 0.01 * result.spacing_k)  # within it a slice is copied, not interpolated
    either = [_interpolated(scan, places + shift, tolerance) for shift in (0.0, 1e-4, -1e-4)]
    assert (np.min([np.abs(ct - expected) for expected in either], axis=0) <= 1.01).all()


def _interpolated(scan: Scan, places: Points, tolerance: float) -> NDArray[np.float64]:
    planes = _planes(scan)
    along = np.clip(_along(scan, places), planes[0], planes[-1])
    nearest = planes[np.abs(along[..., None] - planes).argmin(axis=-1)]
    along = np.where(np.abs(along - nearest) <= tolerance, nearest, along)
    upper = np.clip(np.searchsorted(planes, along), 1, len(planes) - 1)
    low, high = planes[upper - 1], planes[upper]
    weight = (along - low) / (high - low)
    values = [hounsfield(_moved(scan, places, at)) for at in (low, high)]
    return np.asarray((1 - weight) * values[0] + weight * values[1])


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("places", STACKS.values(), ids=STACKS.keys())
def test_ct_and_mask_are_put_on_even_positions(tmp_path: Path, places: tuple[float, ...], way: dict[str, Any]) -> None:
    scan = _scan(places, **way)
    result = run_study(save_study(tmp_path / "in", scan, SegOptions(order="shuffled")), tmp_path / "out", RESAMPLE)
    assert result.status in {"accept", "warn"}
    _assert_mask(result, scan)
    _assert_ct(result, scan)
    result.assert_near_truth(tumour, coarse_mm=(*scan.spacing, float(np.diff(places).max() * scan.step)))
    assert result.qc["ct_slices"] == len(places)


@pytest.mark.parametrize("places", STACKS.values(), ids=STACKS.keys())
def test_without_the_policy_they_are_refused(tmp_path: Path, places: tuple[float, ...]) -> None:
    result = run_study(save_study(tmp_path / "in", _scan(places)), tmp_path / "out")
    assert result.status in {"MISSING_SLICES", "UNEVEN_SLICES"}
    assert result.files == {"rejection.json"}


def test_one_policy_does_not_stand_for_the_other(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", _scan(STACKS["one_missing"]))
    uneven_only = replace(RESAMPLE, geometry=replace(RESAMPLE.geometry, missing_slices="refuse"))
    assert run_study(study, tmp_path / "out", uneven_only).status == "MISSING_SLICES"


def test_a_frame_where_no_ct_slice_is_left_is_kept(tmp_path: Path) -> None:
    whole, missing = Scan(slices=16), 8
    save_ct(tmp_path / "in", whole, skip=[missing])
    save(segmentation(whole, SegOptions(order="descending")), tmp_path / "in" / "seg")
    result = run_study(tmp_path / "in", tmp_path / "out", RESAMPLE)
    seg, _ = result.volume("seg.nii.gz")
    assert np.array_equal(seg == 1, tumour(result.places()))
    assert {"REFERENCED_SLICES_MISSING", "SLICES_INTERPOLATED"} <= set(result.qc["warnings"])
    assert [result.qc[name] for name in ("ct_slices", "ct_slices_expected", "ct_slices_interpolated")] == [15, 16, 1]
    assert result.qc["slices_interpolated"] == 1


def test_contours_reach_the_even_positions_too(tmp_path: Path) -> None:
    scan = _scan(STACKS["holes_here_and_there"])
    ring = ([20, 20, 30, 30], [15, 33, 33, 15])
    half = np.array([scan.spacing[1], scan.spacing[0], 0]) / 2
    contours = [scan.points(k)[ring] - half for k in (3, 4, 5, 6)]
    save_ct(tmp_path / "in", scan)
    save(structure_set(scan, {"GTV": contours}), tmp_path / "in" / "rt")
    result = run_study(tmp_path / "in", tmp_path / "out", RESAMPLE)
    seg, _ = result.volume("seg.nii.gz")
    # Slices at 4, 5, 7, 8; the hole at 6 is as near to 5 as to 7, the one at 9 as near to 8 as to the empty 10.
    assert np.flatnonzero(seg.any(axis=(0, 1))).tolist() == [4, 5, 6, 7, 8]
    assert seg.sum() == 5 * 10 * 18


def test_a_segmentation_of_another_matrix_is_sampled_on_the_even_grid(tmp_path: Path) -> None:
    scan = _scan(STACKS["jittered"])
    grid = Scan(columns=30, rows=29, slices=26, spacing=(1.31, 1.27), step=1.7)
    save_ct(tmp_path / "in", scan)
    save(segmentation(scan, SegOptions(order="shuffled"), on=grid), tmp_path / "in" / "seg")
    result = run_study(tmp_path / "in", tmp_path / "out", RESAMPLE)
    assert result.qc["placement"] == "nearest_neighbour"
    result.assert_near_truth(tumour, coarse_mm=(*grid.spacing, grid.step))


def test_a_gap_beyond_the_limit_is_refused_with_its_width(tmp_path: Path) -> None:
    places = (*range(5), *range(11, 16))
    result = run_study(save_study(tmp_path / "in", _scan(places)), tmp_path / "out", RESAMPLE)
    assert result.status == "MISSING_SLICES"
    details = result.rejection["details"]
    assert (details["largest_gap_mm"], details["largest_gap_allowed_mm"]) == (13.3, 10.0)


def test_slices_that_lie_beside_the_stack_are_refused_all_the_same(tmp_path: Path) -> None:
    scan = Scan()
    for k in range(scan.slices):
        dataset = ct_slice(scan, k)
        if k == 5:
            dataset.ImagePositionPatient[0] += 3
        save(dataset, tmp_path / "in" / str(k))
    save(segmentation(scan), tmp_path / "in" / "seg")
    assert run_study(tmp_path / "in", tmp_path / "out", RESAMPLE).status == "UNEVEN_SLICES"


def test_a_regular_stack_is_the_same_under_either_policy(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in")
    first, second = run_study(study, tmp_path / "a"), run_study(study, tmp_path / "b", RESAMPLE)
    for name in ("ct.nii.gz", "seg.nii.gz"):
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()
    assert second.qc["ct_slices_interpolated"] == 0


def test_a_slice_nearly_at_another_is_refused(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", _scan((*range(9), 8.1, *range(9, 16))))
    result = run_study(study, tmp_path / "out", RESAMPLE)
    assert result.status == "UNEVEN_SLICES"
    assert result.rejection["details"]["largest_gap_ratio_allowed"] == 4.0


def test_no_slice_is_lost_in_a_finer_part(tmp_path: Path) -> None:
    places = (*range(0, 24, 3), *range(22, 30))  # most gaps are 1, the thick part's are 3; and the reverse
    for name, stack in (("thin", places), ("thick", (*range(0, 8), *range(7 + 3, 50, 3)))):
        scan = replace(_scan(tuple(stack)), step=1.0)
        result = run_study(save_study(tmp_path / name, scan), tmp_path / f"{name}-out", RESAMPLE)
        k = (np.array(scan.places) - scan.places[0]) / result.spacing_k * scan.step  # type: ignore[index]
        assert len(np.unique(np.rint(k))) == len(stack)


def _above(limit: float) -> Inside:
    return lambda points: np.asarray(tumour(points) & (points[..., 2] > limit))


@pytest.mark.parametrize(
    "options",
    [
        SegOptions(skip_empty=False),
        SegOptions(kind="LABELMAP", regions={"Vessel": vessel}),
        SegOptions(regions={"Vessel": vessel}),
    ],
    ids=["empty_frame", "label_map", "other_segment"],
)
def test_an_empty_slice_whose_ct_is_missing_stays_empty(tmp_path: Path, options: SegOptions) -> None:
    whole, missing = Scan(slices=16), 8
    inside = _above(float(whole.position(missing)[2]) + 0.3)
    save_ct(tmp_path / "in", whole, skip=[missing])
    options = replace(options, regions={**options.regions, "Tumour": inside})
    save(segmentation(whole, options), tmp_path / "in" / "seg")
    result = run_study(tmp_path / "in", tmp_path / "out", RESAMPLE, RoiRule(label="Tumour"))
    seg, _ = result.volume("seg.nii.gz")
    assert np.array_equal(seg == 1, inside(result.places()))


def _study_with_a_hole(folder: Path, inside: Inside) -> Path:
    save_ct(folder, Scan(slices=16), skip=[8])
    save(segmentation(Scan(slices=16), SegOptions(regions={"Tumour": inside})), folder / "seg")
    return folder


def test_a_hole_that_nobody_can_judge_is_refused(tmp_path: Path) -> None:
    """A referenced image is missing and no frame lies there: empty, or never drawn on?"""
    inside = _above(float(Scan(slices=16).position(8)[2]) + 0.3)
    result = run_study(_study_with_a_hole(tmp_path / "in", inside), tmp_path / "out", RESAMPLE)
    assert result.status == "INCOMPLETE_STUDY"


def test_a_hole_beside_which_nothing_is_drawn_is_no_obstacle(tmp_path: Path) -> None:
    inside = _above(float(Scan(slices=16).position(9)[2]) + 0.3)
    result = run_study(_study_with_a_hole(tmp_path / "in", inside), tmp_path / "out", RESAMPLE)
    assert np.array_equal(result.volume("seg.nii.gz")[0] == 1, inside(result.places()))


def _lobes(points: Points) -> NDArray[np.bool_]:
    return np.asarray(tumour(points) & ~(np.abs(points[..., 2] - 2.97) < 1.1))


def test_images_named_frame_by_frame_do_not_make_a_second_acquisition(tmp_path: Path) -> None:
    scan = _scan((*range(13), *range(14, 16)))
    options = SegOptions(regions={"Tumour": _lobes}, references="instances")
    result = run_study(save_study(tmp_path / "in", scan, options), tmp_path / "out", RESAMPLE)
    assert result.status in {"accept", "warn"}


def test_slices_that_take_turns_are_refused_without_references(tmp_path: Path) -> None:
    first = Scan(slices=18)
    second = replace(first, centre=(*first.centre[:2], first.centre[2] + 1.0))
    save_ct(tmp_path / "in", first)
    for k in range(second.slices):
        dataset = ct_slice(second, k)
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(uid("second phase", k))
        save(dataset, tmp_path / "in" / f"second-{k}")
    seg = segmentation(first, SegOptions(references="none"))
    del seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices
    save(seg, tmp_path / "in" / "seg")
    assert run_study(tmp_path / "in", tmp_path / "out", RESAMPLE).status == "CT_AMBIGUOUS"


@pytest.mark.parametrize("gap", [0.0, 0.0005])
def test_slices_at_one_place_are_refused(tmp_path: Path, gap: float) -> None:
    scan = Scan(slices=4)
    for k in range(scan.slices):
        dataset = ct_slice(scan, k)
        dataset.ImagePositionPatient = [k * 5.0, 0.0, k * gap]
        save(dataset, tmp_path / "in" / str(k))
    save(segmentation(scan), tmp_path / "in" / "seg")
    assert run_study(tmp_path / "in", tmp_path / "out", RESAMPLE).status == "UNEVEN_SLICES"


def test_half_steps_double_the_grid_and_no_more(tmp_path: Path) -> None:
    for step in (0.7, 1.1, 1.9, 2.3):
        places = (*range(8), *(7 + k / 2 for k in range(1, 24)))
        scan = replace(_scan(places), step=step)
        save_ct(tmp_path / str(step), scan)
        save(segmentation(scan, SegOptions(regions={"All": lambda p: p[..., 0] ** 2 < 60})), tmp_path / str(step) / "s")
        result = run_study(tmp_path / str(step), tmp_path / f"{step}-out", RESAMPLE)
        assert result.volume("ct.nii.gz")[0].shape[2] == round((places[-1] - places[0]) * 2) + 1
        assert result.qc["ct_slices_interpolated"] == 7


def test_each_fault_needs_its_own_permission(tmp_path: Path) -> None:
    jittered = tuple(k + (0.13 if k == 3 else 0) for k in STACKS["one_missing"])
    study = save_study(tmp_path / "in", _scan(jittered))
    no_holes = replace(RESAMPLE, geometry=replace(RESAMPLE.geometry, missing_slices="refuse"))
    no_jitter = replace(RESAMPLE, geometry=replace(RESAMPLE.geometry, uneven_slices="refuse"))
    assert run_study(study, tmp_path / "a", no_holes).status == "MISSING_SLICES"
    assert run_study(study, tmp_path / "b", no_jitter).status == "UNEVEN_SLICES"
    assert run_study(study, tmp_path / "both", RESAMPLE).status == "warn"


@pytest.mark.parametrize("offset", [0.3, 1.0])
def test_of_two_phases_between_each_other_the_named_one_is_measured(tmp_path: Path, offset: float) -> None:
    first = Scan(slices=18)
    second = replace(first, centre=(*first.centre[:2], first.centre[2] + offset))
    save_ct(tmp_path / "in", first)
    for k in range(second.slices):
        dataset = ct_slice(second, k)
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(uid("second phase", k))
        save(dataset, tmp_path / "in" / f"second-{k}")
    save(segmentation(first), tmp_path / "in" / "seg")
    result = run_study(tmp_path / "in", tmp_path / "out", RESAMPLE)
    result.assert_right_in_patient_space()
    assert (result.status, result.qc["ct_slices_interpolated"]) == ("accept", 0)


def test_a_thick_part_of_an_uneven_stack_keeps_its_own_slices(tmp_path: Path) -> None:
    scan = replace(_scan((*range(0, 21), *range(23, 36, 3))), step=1.0)
    low = float(scan.position(20)[2]) - 0.4

    def inside(points: Points) -> NDArray[np.bool_]:
        lump = ((points - [1, -1, low + 4.4]) / [8, 8, 9]) ** 2
        return np.asarray((lump.sum(axis=-1) < 1) & (points[..., 2] > low))

    seg = segmentation(scan, SegOptions(regions={"T": inside}))
    seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = 3.0
    save_ct(tmp_path / "in", scan)
    save(seg, tmp_path / "in" / "seg")
    result = run_study(tmp_path / "in", tmp_path / "out", RESAMPLE)
    assert result.qc["placement"] == "frames"
    assert not result.volume("seg.nii.gz")[0][:, :, 19].any()  # acquired, and nobody drew on it


def _refusing(params: Params) -> Params:
    return replace(params, qc=replace(params.qc, interpolated_slices_fraction=Threshold(0.0, 0.05)))


def test_interpolated_slices_can_refuse(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", _scan(STACKS["holes_here_and_there"]))
    result = run_study(study, tmp_path / "out", _refusing(RESAMPLE))
    assert result.status == "QC_REFUSED"
    assert result.rejection["details"]["check"] == "SLICES_INTERPOLATED"
