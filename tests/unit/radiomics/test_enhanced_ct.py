"""Multi-frame CT: what its functional groups say of the scale, the scanner and the time point of a frame."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import RLELossless

from local.synthetic.dicom import ct_reference, item, set_pixels
from tests.builders.dicom import (
    Scan,
    SegOptions,
    ct_slice,
    enhanced_ct,
    hounsfield,
    save,
    save_ct,
    segmentation,
    structure_set,
)
from tests.unit.radiomics.support import Result, run_study

SCAN = Scan(slices=12, step=3.1)


def _run(tmp_path: Path, ct: Dataset, seg: Dataset | None = None) -> Result:
    save(ct, tmp_path / "in" / "ct")
    save(seg or segmentation(SCAN, SegOptions(references="none")), tmp_path / "in" / "seg")
    return run_study(tmp_path / "in", tmp_path / "out")


def _groups(ct: Dataset, shared: bool) -> list[Dataset]:
    return [*(ct.SharedFunctionalGroupsSequence if shared else ct.PerFrameFunctionalGroupsSequence)]


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(
    ("kind", "status"), [("HU", "accept"), ("Z_EFF", "UNSUPPORTED_DICOM"), ("ED", "UNSUPPORTED_DICOM")]
)
def test_frames_of_another_quantity_are_no_hounsfield_units(
    tmp_path: Path, kind: str, status: str, shared: bool
) -> None:
    ct = enhanced_ct(SCAN, range(SCAN.slices))
    for group in _groups(ct, shared):
        group.PixelValueTransformationSequence = [item(RescaleIntercept=-1024, RescaleSlope=1, RescaleType=kind)]
    assert _run(tmp_path, ct).status == status


def test_frames_that_nothing_places_are_not_called_damaged(tmp_path: Path) -> None:
    ct = ct_slice(SCAN, 0)
    set_pixels(ct, np.array([hounsfield(SCAN.points(k)) + 1024 for k in range(SCAN.slices)]).astype(np.uint16))
    ct.NumberOfFrames = SCAN.slices
    result = _run(tmp_path, ct)
    assert result.status == "UNSUPPORTED_DICOM"
    assert result.rejection["details"]["attribute"] == "PerFrameFunctionalGroupsSequence"


def test_a_damaged_object_is_named_once(tmp_path: Path) -> None:
    ct = enhanced_ct(SCAN, range(SCAN.slices))
    ct.compress(RLELossless)
    ct.PixelData = encapsulate([get_frame(ct.PixelData, 0, number_of_frames=SCAN.slices)[:70]] * SCAN.slices)
    result = _run(tmp_path, ct)
    assert (result.status, result.rejection["details"]["files"]) == ("UNREADABLE_DICOM", ["ct"])


@pytest.mark.parametrize("shared", [True, False])
def test_the_scanner_is_described_by_the_functional_groups(tmp_path: Path, shared: bool) -> None:
    ct = enhanced_ct(SCAN, range(SCAN.slices))
    for group in _groups(ct, shared):
        group.CTReconstructionSequence = [item(ConvolutionKernel="B70f")]
        group.CTXRayDetailsSequence = [item(KVP=140.0)]
        group.PixelMeasuresSequence = [item(PixelSpacing=[*SCAN.spacing], SliceThickness="2.5")]
    acquisition = _run(tmp_path, ct).features["acquisition"]
    assert [acquisition[name] for name in ("kernel", "kvp", "slice_thickness_mm")] == ["B70f", 140.0, 2.5]


def test_a_converted_ct_keeps_what_no_functional_group_has(tmp_path: Path) -> None:
    ct = enhanced_ct(SCAN, range(SCAN.slices))
    ct.SharedFunctionalGroupsSequence[0].UnassignedSharedConvertedAttributesSequence = [item(ConvolutionKernel="B70f")]
    for group in ct.PerFrameFunctionalGroupsSequence:
        group.UnassignedPerFrameConvertedAttributesSequence = [item(KVP="100")]
    acquisition = _run(tmp_path, ct).features["acquisition"]
    assert [acquisition[name] for name in ("kernel", "kvp")] == ["B70f", 100.0]


TIME_BY_TIME = [*range(SCAN.slices), *range(SCAN.slices)]
PLACE_BY_PLACE = [k for k in range(SCAN.slices) for _ in range(2)]


def _times(order: Sequence[int], sequence: str, keyword: str) -> tuple[Dataset, list[int]]:
    """An object of two time points, the second of which is 100 HU brighter; and the frames of the first, by slice."""
    ct = enhanced_ct(SCAN, order)
    ct.InstanceNumber = 1
    stored, seen, first = ct.pixel_array.copy(), set[int](), dict[int, int]()
    for frame, k in enumerate(order):
        if k in seen:
            stored[frame] += 100
        else:
            first[k] = frame
        if sequence:
            setattr(ct.PerFrameFunctionalGroupsSequence[frame], sequence, [item(**{keyword: 2 if k in seen else 1})])
        seen.add(k)
    ct.PixelData = stored.tobytes()
    return ct, [first[k] for k in range(SCAN.slices)]


def _naming(frames: Sequence[int], listed: bool) -> Dataset:
    """A segmentation each of whose frames names the CT's frame that it was drawn on."""
    seg = segmentation(SCAN, SegOptions(references="instances"))
    drawn = [k for k in range(SCAN.slices) if SCAN.mask()[k].any()]
    for group, k in zip(seg.PerFrameFunctionalGroupsSequence, drawn, strict=True):
        reference = ct_reference(SCAN.instance_uid(0))
        reference.ReferencedFrameNumber = frames[k] + 1
        group.DerivationImageSequence[0].SourceImageSequence = [reference]
    if listed:
        seg.ReferencedSeriesSequence = [
            item(SeriesInstanceUID=SCAN.series_uid, ReferencedInstanceSequence=[ct_reference(SCAN.instance_uid(0))])
        ]
    return seg


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(
    ("order", "sequence", "keyword"),
    [
        (TIME_BY_TIME, "", ""),
        (TIME_BY_TIME, "FrameContentSequence", "FrameAcquisitionNumber"),
        (PLACE_BY_PLACE, "FrameContentSequence", "TemporalPositionIndex"),
        (PLACE_BY_PLACE, "CardiacSynchronizationSequence", "NominalPercentageOfCardiacPhase"),
    ],
    ids=["order", "acquisition", "time", "phase"],
)
def test_of_several_time_points_the_one_whose_frames_are_named_is_measured(
    tmp_path: Path, order: list[int], sequence: str, keyword: str, listed: bool
) -> None:
    ct, frames = _times(order, sequence, keyword)
    result = _run(tmp_path, ct, _naming(frames, listed))
    assert (result.status, result.qc["pairing"]["images_set_aside"]) == ("accept", SCAN.slices)
    result.assert_right_in_patient_space()
    first, _ = result.volume("ct.nii.gz")
    others = [frame for frame in range(len(order)) if frame not in frames]
    later = _run(tmp_path, ct, _naming(sorted(others, key=lambda frame: order[frame]), listed))
    assert np.array_equal(later.volume("ct.nii.gz")[0], first + 100)


def test_contours_name_frames_too(tmp_path: Path) -> None:
    ct, frames = _times(PLACE_BY_PLACE, "FrameContentSequence", "TemporalPositionIndex")
    half = np.array([SCAN.spacing[1], SCAN.spacing[0], 0]) / 2
    drawn = [SCAN.points(k)[[20, 20, 30, 30], [15, 33, 33, 15]] - half for k in (5, 6)]
    rt = structure_set(SCAN, {"GTV": drawn})
    listed = rt.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    listed.ContourImageSequence = [ct_reference(SCAN.instance_uid(0))]
    for contour, k in zip(rt.ROIContourSequence[0].ContourSequence, (5, 6), strict=True):
        contour.ContourImageSequence = [ct_reference(SCAN.instance_uid(0))]
        contour.ContourImageSequence[0].ReferencedFrameNumber = frames[k] + 1
    result = _run(tmp_path, ct, rt)
    assert (result.status, result.qc["pairing"]["images_set_aside"]) == ("accept", SCAN.slices)
    assert np.array_equal(result.volume("ct.nii.gz")[0], hounsfield(result.places()))


def test_time_points_that_no_frame_number_tells_apart_are_refused(tmp_path: Path) -> None:
    ct, frames = _times(PLACE_BY_PLACE, "FrameContentSequence", "TemporalPositionIndex")
    seg = _naming(frames, listed=True)
    for group in seg.PerFrameFunctionalGroupsSequence:
        del group.DerivationImageSequence
    assert _run(tmp_path, ct, seg).status == "DUPLICATE_SLICES"


def test_a_frame_that_lies_beside_the_frame_it_names_is_told(tmp_path: Path) -> None:
    ct = enhanced_ct(SCAN, range(SCAN.slices))
    result = _run(tmp_path, ct, _naming([(k + 1) % SCAN.slices for k in range(SCAN.slices)], listed=True))
    assert result.qc["warnings"] == ["FRAME_POSITIONS_CONTRADICT"]
    result.assert_right_in_patient_space()


def test_two_reconstructions_in_one_object_are_told_apart_by_kernel(tmp_path: Path) -> None:
    ct, frames = _times(TIME_BY_TIME, "", "")
    for frame, group in enumerate(ct.PerFrameFunctionalGroupsSequence):
        group.CTReconstructionSequence = [item(ConvolutionKernel="B30f" if frame in frames else "B70f")]
    result = _run(tmp_path, ct, _naming(frames, listed=True))
    assert result.features["acquisition"]["kernel"] == "B30f"
    result.assert_right_in_patient_space()


def test_frame_numbers_of_single_images_mean_nothing(tmp_path: Path) -> None:
    """Writers that convert to multi-frame in memory leave the number of that frame beside the image's own UID."""
    save_ct(tmp_path / "in", SCAN)
    seg = segmentation(SCAN, SegOptions(references="instances"))
    for n, group in enumerate(seg.PerFrameFunctionalGroupsSequence):
        group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber = n + 7
    save(seg, tmp_path / "in" / "seg")
    result = run_study(tmp_path / "in", tmp_path / "out")
    assert result.status == "accept"
    result.assert_right_in_patient_space()
