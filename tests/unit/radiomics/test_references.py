"""Which CT a region was drawn on: what its object lists, what its frames name, and images that an export renamed."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import UID

from local.synthetic.dicom import ct_reference, item
from radiomics_job.parameters import Threshold, load_params
from radiomics_job.roi.rule import RoiRule
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
    tumour,
    uid,
    vessel,
)
from tests.builders.volumes import affine_of, mask_of, nifti
from tests.unit.radiomics.support import Result, run_study

PET_IMAGE = UID("1.2.840.10008.5.1.4.1.1.128")
SCAN = Scan(slices=12, step=3.1)
OTHER = replace(SCAN, name="b")
PET = replace(SCAN, name="pet", columns=20, rows=18, spacing=(2.4, 2.4))
HALF = replace(SCAN, centre=(SCAN.centre[0], SCAN.centre[1], SCAN.centre[2] + SCAN.step / 2))


def _save_pet(folder: Path) -> None:
    for k in range(PET.slices):
        image = ct_slice(PET, k)
        image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = PET_IMAGE
        image.Modality = "PT"
        save(image, folder / "pet" / str(k))


def _pet_reference(k: int) -> Dataset:
    return item(ReferencedSOPClassUID=PET_IMAGE, ReferencedSOPInstanceUID=PET.instance_uid(k))


def _contours(scan: Scan) -> list[np.ndarray]:
    half = np.array([scan.spacing[1], scan.spacing[0], 0]) / 2
    return [scan.points(k)[[20, 20, 30, 30], [15, 33, 33, 15]] - half for k in (5, 6)]


def _named_by_contours(rt: Dataset, scan: Scan) -> None:
    for contour, k in zip(rt.ROIContourSequence[0].ContourSequence, (5, 6), strict=True):
        contour.ContourImageSequence = [ct_reference(scan.instance_uid(k))]


def _run(tmp_path: Path, *objects: Dataset, rule: RoiRule | None = None) -> Result:
    for number, dataset in enumerate(objects):
        save(dataset, tmp_path / "in" / f"object-{number}")
    return run_study(tmp_path / "in", tmp_path / "out", rule=rule)


@pytest.mark.parametrize("uploaded", [True, False])
def test_pet_images_listed_beside_the_ct_are_not_missing(tmp_path: Path, uploaded: bool) -> None:
    save_ct(tmp_path / "in", SCAN)
    if uploaded:
        _save_pet(tmp_path / "in")
    seg = segmentation(SCAN)
    pet = [_pet_reference(k) for k in range(PET.slices)]
    seg.ReferencedSeriesSequence.append(item(SeriesInstanceUID=PET.series_uid, ReferencedInstanceSequence=pet))
    result = _run(tmp_path, seg)
    assert (result.status, result.qc["pairing"]["referenced_instances"]) == ("accept", SCAN.slices)
    result.assert_right_in_patient_space()


@pytest.mark.parametrize(("withheld", "status"), [(2, "warn"), (9, "INCOMPLETE_STUDY")])
def test_localizers_that_an_archive_keeps_back_are_told(tmp_path: Path, withheld: int, status: str) -> None:
    save_ct(tmp_path / "in", SCAN)
    rt = structure_set(SCAN, {"GTV": _contours(SCAN)})
    listed = rt.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    listed.ContourImageSequence.extend(ct_reference(uid("scout", n)) for n in range(withheld))
    _named_by_contours(rt, SCAN)
    result = _run(tmp_path, rt)
    assert result.status == status
    if status == "warn":
        assert result.qc["warnings"] == ["REFERENCED_SLICES_MISSING"]


def _by_source_images(scan: Scan) -> Dataset:
    seg = segmentation(scan, SegOptions(references="none"))
    seg.SourceImageSequence = [ct_reference(scan.instance_uid(k)) for k in range(scan.slices)]
    return seg


def _by_frames(scan: Scan) -> Dataset:
    return segmentation(scan, SegOptions(references="instances"))


def _by_contours(scan: Scan) -> Dataset:
    rt = structure_set(scan, {"GTV": _contours(scan)})
    del rt.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence
    _named_by_contours(rt, scan)
    return rt


def _by_frames_among_two_listed(scan: Scan) -> Dataset:
    seg = _by_frames(scan)
    seg.ReferencedSeriesSequence = [
        item(
            SeriesInstanceUID=each.series_uid,
            ReferencedInstanceSequence=[ct_reference(each.instance_uid(k)) for k in range(each.slices)],
        )
        for each in (SCAN, OTHER)
    ]
    return seg


@pytest.mark.parametrize("build", [_by_source_images, _by_frames, _by_contours, _by_frames_among_two_listed])
@pytest.mark.parametrize("least_found", [1.0, None])
def test_each_way_to_name_one_of_two_series_is_read(
    tmp_path: Path, build: Callable[[Scan], Dataset], least_found: float | None
) -> None:
    save_ct(tmp_path / "in", SCAN)
    save_ct(tmp_path / "in", OTHER)
    save(build(OTHER), tmp_path / "in" / "object")
    params = load_params("ct")
    limits = replace(params.qc, min_referenced_slices_fraction=Threshold(None, least_found))
    result = run_study(tmp_path / "in", tmp_path / "out", replace(params, qc=limits))
    assert (result.status, result.features["series_uid"]) == ("accept", OTHER.series_uid)


def test_a_list_and_frames_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    save_ct(tmp_path / "in", SCAN)
    save_ct(tmp_path / "in", OTHER)
    seg = _by_frames(OTHER)
    seg.ReferencedSeriesSequence = [item(SeriesInstanceUID=SCAN.series_uid)]
    assert _run(tmp_path, seg).status == "CT_AMBIGUOUS"


def test_a_region_on_the_pet_says_so(tmp_path: Path) -> None:
    save_ct(tmp_path / "in", SCAN)
    _save_pet(tmp_path / "in")
    seg = segmentation(PET)
    pet = [_pet_reference(k) for k in range(PET.slices)]
    seg.ReferencedSeriesSequence = [item(SeriesInstanceUID=PET.series_uid, ReferencedInstanceSequence=pet)]
    result = _run(tmp_path, seg)
    assert (result.status, result.rejection["details"]["referenced_modalities"]) == (
        "SEG_REFERENCES_OTHER_SERIES",
        ["PT"],
    )
    assert "another kind (PT)" in result.rejection["message"]
    both = _run(tmp_path, structure_set(SCAN, {"GTV": _contours(SCAN)}), seg)
    assert [roi["source"] for roi in both.features["rois"]] == ["RTSTRUCT"]


def test_the_kind_of_object_that_has_a_match_is_taken(tmp_path: Path) -> None:
    save_ct(tmp_path / "in", SCAN)
    organs = segmentation(SCAN, SegOptions(regions={"Lung": vessel}))
    result = _run(tmp_path, organs, structure_set(SCAN, {"GTV": _contours(SCAN)}), rule=RoiRule(label="^GTV"))
    assert [roi["label"] for roi in result.features["rois"]] == ["GTV"]


def _renamed(folder: Path, scan: Scan, **changes: str) -> None:
    """The CT as an export wrote it anew: every image with another UID."""
    for k in range(scan.slices):
        image = ct_slice(scan, k)
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = UID(uid("renamed", k))
        for keyword, value in changes.items():
            setattr(image, keyword, value)
        save(image, folder / "ct" / str(k))


@pytest.mark.parametrize("build", [segmentation, lambda scan: structure_set(scan, {"GTV": _contours(scan)})])
def test_images_with_new_uids_are_recognised_by_series_frame_and_place(
    tmp_path: Path, build: Callable[[Scan], Dataset]
) -> None:
    _renamed(tmp_path / "in", SCAN)
    result = _run(tmp_path, build(SCAN))
    assert (result.status, result.qc["warnings"]) == ("warn", ["REFERENCES_REWRITTEN"])
    if not isinstance(build, type(_contours)) or build is segmentation:
        result.assert_right_in_patient_space()


@pytest.mark.parametrize(
    ("ct", "changes"), [(HALF, {}), (SCAN, {"FrameOfReferenceUID": uid("elsewhere")})], ids=["place", "frame"]
)
def test_images_with_new_uids_elsewhere_are_refused_with_what_to_do(
    tmp_path: Path, ct: Scan, changes: dict[str, str]
) -> None:
    _renamed(tmp_path / "in", ct, **changes)
    result = _run(tmp_path, segmentation(SCAN))
    assert result.status == "INCOMPLETE_STUDY"
    assert "min_referenced_slices_fraction" in result.rejection["message"]
    assert "Upload the rest" not in result.rejection["message"]


def _phase(scan: Scan, k: int, number: int) -> Dataset:
    image = ct_slice(scan, k)
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = UID(uid("phase", number, k))
    image.AcquisitionNumber = number
    if number == 2:
        image.PixelData = bytes(len(image.PixelData))
    return image


def _phases(scan: Scan, other: Scan) -> Iterator[Dataset]:
    for k in range(scan.slices):
        yield _phase(scan, k, 1)
    for k in range(other.slices):
        yield _phase(other, k, 2)


def _on_phase_one(seg: Dataset, slices: Iterable[int]) -> Dataset:
    images = [ct_reference(uid("phase", 1, k)) for k in slices]
    seg.ReferencedSeriesSequence = [item(SeriesInstanceUID=SCAN.series_uid, ReferencedInstanceSequence=images)]
    return seg


def _frames_on_phase_one(seg: Dataset) -> Dataset:
    for group in seg.PerFrameFunctionalGroupsSequence:
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        k = next(k for k in range(SCAN.slices) if SCAN.instance_uid(k) == source.ReferencedSOPInstanceUID)
        source.ReferencedSOPInstanceUID = uid("phase", 1, k)
    return seg


@pytest.mark.parametrize("other", [SCAN, HALF, replace(SCAN, slices=5)], ids=["same", "between", "part"])
def test_of_several_phases_in_a_series_the_named_one_is_measured(tmp_path: Path, other: Scan) -> None:
    for number, image in enumerate(_phases(SCAN, other)):
        save(image, tmp_path / "in" / str(number))
    result = _run(tmp_path, _on_phase_one(segmentation(SCAN), range(SCAN.slices)))
    result.assert_right_in_patient_space()
    pairing = result.qc["pairing"]
    assert (pairing["images_taken_by"], pairing["images_set_aside"]) == ("instances", other.slices)


@pytest.mark.parametrize("source", ["SEG", "RTSTRUCT"])
@pytest.mark.parametrize("shift", [1, -1])
@pytest.mark.parametrize("third", [False, True])
def test_a_region_that_names_no_image_is_on_the_phase_whose_slices_it_lies_on(
    tmp_path: Path, source: str, shift: int, third: bool
) -> None:
    scan, other = (SCAN, HALF)[::shift]
    for number, image in enumerate(_phases(scan, other)):
        save(image, tmp_path / "in" / str(number))
    if third:
        quarter = replace(SCAN, centre=(SCAN.centre[0], SCAN.centre[1], SCAN.centre[2] + SCAN.step / 4))
        for k in range(SCAN.slices):
            save(_phase(quarter, k, 3), tmp_path / "in" / f"third-{k}")
    region = segmentation(scan, SegOptions(references="none"))
    if source == "RTSTRUCT":
        region = structure_set(scan, {"Tumour": _contours(scan)})
        del region.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence
    result = _run(tmp_path, region)
    pairing = result.qc["pairing"]
    assert (pairing["images_taken_by"], pairing["images_set_aside"]) == ("acquisition", SCAN.slices * (1 + third))
    assert not {"MASK_RESAMPLED", "CONTOURS_ON_THICKER_SLICES"} & {*result.qc["warnings"]}
    ct, _ = result.volume("ct.nii.gz")
    assert ct.any(axis=(0, 1)).all(), "the other phase is 0 everywhere"
    if source == "SEG":
        result.assert_right_in_patient_space()


@pytest.mark.parametrize("other", [SCAN, HALF], ids=["same", "between"])
@pytest.mark.parametrize("references", ["instances", "none"], ids=["frames", "nothing"])
def test_a_list_of_the_whole_series_does_not_mix_its_phases(tmp_path: Path, references: str, other: Scan) -> None:
    for number, image in enumerate(_phases(SCAN, other)):
        save(image, tmp_path / "in" / str(number))
    seg = segmentation(SCAN, SegOptions(references=references))
    if references == "instances":
        seg = _frames_on_phase_one(seg)
    images = [ct_reference(uid("phase", number, k)) for number in (1, 2) for k in range(SCAN.slices)]
    seg.ReferencedSeriesSequence = [item(SeriesInstanceUID=SCAN.series_uid, ReferencedInstanceSequence=images)]
    result = _run(tmp_path, seg)
    if references == "none" and other is SCAN:
        assert result.status == "DUPLICATE_SLICES"  # on the planes of both
        return
    assert (result.status, result.qc["pairing"]["images_taken_by"]) == ("accept", "acquisition")
    result.assert_right_in_patient_space()


@pytest.mark.parametrize("keyword", ["TemporalPositionIdentifier", "NominalPercentageOfCardiacPhase"])
def test_time_points_and_phases_tell_the_images_of_a_series_apart(tmp_path: Path, keyword: str) -> None:
    for number, image in enumerate(_phases(SCAN, SCAN)):
        setattr(image, keyword, image.AcquisitionNumber * 30)
        del image.AcquisitionNumber
        save(image, tmp_path / "in" / str(number))
    result = _run(tmp_path, _frames_on_phase_one(segmentation(SCAN, SegOptions(references="instances"))))
    result.assert_right_in_patient_space()
    assert (result.status, result.qc["ct_slices"]) == ("accept", SCAN.slices)


@pytest.mark.parametrize("shifts", [(1 / 2,), (1 / 3, 2 / 3)], ids=["two", "three"])
def test_one_frame_tells_which_of_interleaved_phases_it_is_on(tmp_path: Path, shifts: tuple[float, ...]) -> None:
    """Together the slices are even: nothing but the acquisition of the image named tells them apart."""
    for number, shift in enumerate((0, *shifts), 1):
        x, y, z = SCAN.centre
        for k in range(SCAN.slices):
            save(
                _phase(replace(SCAN, centre=(x, y, z + shift * SCAN.step)), k, number),
                tmp_path / "in" / f"{number}-{k}",
            )
    drawn = [k for k in range(SCAN.slices) if SCAN.mask()[k].any()]
    seg = segmentation(SCAN, SegOptions(references="instances", skip_slices=tuple(drawn[1:])))
    result = _run(tmp_path, _frames_on_phase_one(seg))
    assert result.qc["pairing"]["images_taken_by"] == "acquisition"
    assert result.qc["ct_slices"] == SCAN.slices
    assert np.array_equal(result.volume("ct.nii.gz")[0], hounsfield(result.places()))


def test_a_mask_file_is_on_the_phase_whose_slices_it_lies_on(tmp_path: Path) -> None:
    for number, image in enumerate(_phases(SCAN, HALF)):
        save(image, tmp_path / "in" / str(number))
    (tmp_path / "in" / "tumour_mask.nii").write_bytes(nifti(mask_of(SCAN), affine_of(SCAN)))
    result = run_study(tmp_path / "in", tmp_path / "out")
    assert (result.status, result.qc["pairing"]["images_set_aside"]) == ("accept", SCAN.slices)
    result.assert_right_in_patient_space()


def test_frames_name_some_images_and_the_acquisition_gives_the_rest(tmp_path: Path) -> None:
    for number, image in enumerate(_phases(SCAN, SCAN)):
        save(image, tmp_path / "in" / str(number))
    result = _run(tmp_path, _frames_on_phase_one(segmentation(SCAN, SegOptions(references="instances"))))
    result.assert_right_in_patient_space()
    assert result.qc["pairing"]["images_taken_by"] == "acquisition"
    assert result.qc["ct_slices"] == SCAN.slices


@pytest.mark.parametrize(
    ("names", "numbered", "acquisition"),
    [("list", False, "1"), ("list", True, "1"), ("frames", True, "x"), ("contours", True, "1"), ("nothing", True, "1")],
)
def test_phases_of_one_acquisition_number_are_told_apart_by_list_or_order(
    tmp_path: Path, names: str, numbered: bool, acquisition: str
) -> None:
    for number, image in enumerate(_phases(SCAN, HALF)):
        image[0x00200012] = RawDataElement(Tag(0x00200012), "IS", 2, acquisition.ljust(2).encode(), 0, False, True)
        if numbered:
            image.InstanceNumber = number + 1
        save(image, tmp_path / "in" / str(number))
    region = segmentation(SCAN, SegOptions(references="instances" if names == "frames" else "none"))
    if names == "frames":
        region = _frames_on_phase_one(region)
    elif names == "list":
        region = _on_phase_one(region, range(SCAN.slices))
    elif names == "contours":
        region = structure_set(SCAN, {"Tumour": _contours(SCAN)})
        del region.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence
    result = _run(tmp_path, region)
    pairing = result.qc["pairing"]
    assert (pairing["images_taken_by"], pairing["images_set_aside"]) == (
        "instances" if names == "list" else "acquisition",
        HALF.slices,
    )
    assert not {"MASK_RESAMPLED", "CONTOURS_ON_THICKER_SLICES"} & {*result.qc["warnings"]}
    if names != "contours":
        result.assert_right_in_patient_space()


def test_a_region_on_every_other_slice_of_one_pass_keeps_the_whole_ct(tmp_path: Path) -> None:
    scan = replace(SCAN, slices=2 * SCAN.slices, step=SCAN.step / 2)
    for k in range(scan.slices):
        image = ct_slice(scan, k)
        image.InstanceNumber = k + 1
        save(image, tmp_path / "in" / str(k))
    seg = segmentation(scan, SegOptions(references="instances", skip_slices=tuple(range(1, scan.slices, 2))))
    result = _run(tmp_path, seg)
    assert "images_taken_by" not in result.qc["pairing"]
    assert result.qc["ct_slices"] == scan.slices


def test_phases_that_nothing_tells_apart_are_refused(tmp_path: Path) -> None:
    for number, image in enumerate(_phases(SCAN, SCAN)):
        save(image, tmp_path / "in" / str(number))
    assert _run(tmp_path, segmentation(SCAN, SegOptions(references="none"))).status == "DUPLICATE_SLICES"


def test_a_frame_beside_the_image_that_it_names_is_told(tmp_path: Path) -> None:
    save_ct(tmp_path / "in", SCAN)
    result = _run(tmp_path, segmentation(SCAN, SegOptions(references="instances"), on=HALF))
    assert result.qc["warnings"] == ["MASK_RESAMPLED", "FRAME_POSITIONS_CONTRADICT"]
    distances = {finding["check"]: finding["value"] for finding in result.qc["findings"]}
    assert distances["FRAME_POSITIONS_CONTRADICT"] == pytest.approx(SCAN.step / 2, abs=1e-3)
    assert distances["MASK_RESAMPLED"] == pytest.approx(SCAN.step / 2, abs=1e-3)


def test_half_a_pixel_off_is_told(tmp_path: Path) -> None:
    save_ct(tmp_path / "in", SCAN)
    shifted = replace(SCAN, centre=(SCAN.centre[0] + SCAN.spacing[1] / 2, *SCAN.centre[1:]))
    result = _run(tmp_path, segmentation(SCAN, SegOptions(references="instances"), on=shifted))
    assert result.qc["warnings"] == ["MASK_RESAMPLED"]
    assert result.qc["resampled_distance_mm"] == pytest.approx(SCAN.spacing[1] / 2, abs=1e-3)


def test_a_frame_on_another_plane_than_its_image_goes_by_its_position(tmp_path: Path) -> None:
    save_ct(tmp_path / "in", SCAN)
    seg = segmentation(SCAN, SegOptions(references="instances"))
    for n, group in enumerate(seg.PerFrameFunctionalGroupsSequence):
        group.DerivationImageSequence[0].SourceImageSequence = [ct_reference(SCAN.instance_uid(n))]
    result = _run(tmp_path, seg)
    result.assert_right_in_patient_space()
    assert result.qc["warnings"] == ["FRAME_POSITIONS_CONTRADICT"]


@pytest.mark.parametrize(("off", "warnings"), [(0, []), (1, ["FRAME_POSITIONS_CONTRADICT"])])
def test_a_contour_on_another_plane_than_its_image_is_told(tmp_path: Path, off: int, warnings: list[str]) -> None:
    save_ct(tmp_path / "in", SCAN)
    rt = structure_set(SCAN, {"GTV": _contours(SCAN)})
    for contour, k in zip(rt.ROIContourSequence[0].ContourSequence, (5, 6), strict=True):
        contour.ContourImageSequence = [ct_reference(SCAN.instance_uid(k + off))]
    result = _run(tmp_path, rt)
    assert result.qc["warnings"] == warnings
    assert [k for k in range(SCAN.slices) if result.volume("seg.nii.gz")[0][:, :, k].any()] == [5, 6]


def test_a_converted_ct_is_known_by_its_original_images(tmp_path: Path) -> None:
    ct = enhanced_ct(OTHER, range(OTHER.slices))
    for k, group in enumerate(ct.PerFrameFunctionalGroupsSequence):
        group.ConversionSourceAttributesSequence = [ct_reference(SCAN.instance_uid(k))]
    save(ct, tmp_path / "in" / "converted")
    result = _run(tmp_path, segmentation(SCAN))
    assert result.qc["pairing"]["method"] == "referenced_instances"
    result.assert_right_in_patient_space()


@pytest.mark.parametrize("copies", [1, 2])
def test_a_frame_of_reference_for_each_image_tells_nothing_apart(tmp_path: Path, copies: int) -> None:
    for n in range(copies * SCAN.slices):
        image = ct_slice(SCAN, k := n % SCAN.slices)
        image.FrameOfReferenceUID = uid("frame", k)
        save(image, tmp_path / "in" / str(n))
    result = _run(tmp_path, segmentation(SCAN))
    assert result.qc["warnings"][0] == "FRAME_OF_REFERENCE_DIFFERS"
    result.assert_right_in_patient_space()


ELSEWHERE = uid("frame", "elsewhere")


def _in_two_frames(*, listed: bool = True, named: bool = False) -> Dataset:
    """A structure set with a region in the CT's frame of reference and one in another, as of fused images."""
    rt = structure_set(SCAN, {"GTV": _contours(SCAN), "Elsewhere": _contours(SCAN)})
    rt.ReferencedFrameOfReferenceSequence.append(item(FrameOfReferenceUID=ELSEWHERE))
    for roi, frame in zip(rt.StructureSetROISequence, (uid("frame"), ELSEWHERE), strict=True):
        roi.ReferencedFrameOfReferenceUID = frame
    if not listed:
        rt.ReferencedFrameOfReferenceSequence = rt.ReferencedFrameOfReferenceSequence[:1]
    if named:
        for contour, k in zip(rt.ROIContourSequence[1].ContourSequence, (5, 6), strict=True):
            contour.ContourImageSequence = [ct_reference(SCAN.instance_uid(k))]
    return rt


@pytest.mark.parametrize("listed", [True, False])
def test_a_region_in_another_frame_of_reference_is_not_put_on_the_ct(tmp_path: Path, listed: bool) -> None:
    save_ct(tmp_path / "in", SCAN)
    both = _run(tmp_path, _in_two_frames(listed=listed))
    assert [roi["label"] for roi in both.features["rois"]] == ["GTV"]
    assert both.qc["warnings"] == []
    assert both.qc["pairing"]["regions_elsewhere"] == 1
    alone = _in_two_frames(listed=listed)
    del alone.StructureSetROISequence[0], alone.ROIContourSequence[0]
    refused = _run(tmp_path, alone)
    assert refused.status == "SEG_REFERENCES_OTHER_SERIES"
    assert "another frame of reference" in refused.rejection["message"]


def test_contours_that_name_the_images_they_lie_on_outdo_a_rewritten_frame_of_reference(tmp_path: Path) -> None:
    save_ct(tmp_path / "in", SCAN)
    rt = _in_two_frames(named=True)
    del rt.StructureSetROISequence[0], rt.ROIContourSequence[0]
    assert _run(tmp_path, rt).qc["warnings"] == ["FRAME_OF_REFERENCE_DIFFERS"]
    for contour in rt.ROIContourSequence[0].ContourSequence:  # half a slice off the images named
        contour.ContourData = [*np.add(np.reshape(contour.ContourData, (-1, 3)), [0, 0, SCAN.step / 2]).ravel()]
    assert _run(tmp_path, rt).status == "SEG_REFERENCES_OTHER_SERIES"


def test_a_ct_that_a_rewritten_frame_of_reference_still_lists_is_taken_and_told(tmp_path: Path) -> None:
    save_ct(tmp_path / "in", SCAN)
    rt = structure_set(SCAN, {"GTV": _contours(SCAN)})
    rt.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = ELSEWHERE
    rt.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = ELSEWHERE
    assert _run(tmp_path, rt).qc["warnings"] == ["FRAME_OF_REFERENCE_DIFFERS"]


@pytest.mark.parametrize("references", ["none", "instances"])
def test_frames_in_another_frame_of_reference_need_a_reference_to_the_ct(tmp_path: Path, references: str) -> None:
    save_ct(tmp_path / "in", SCAN)
    result = _run(tmp_path, segmentation(SCAN, SegOptions(references=references, frame_uid=ELSEWHERE)))
    if references == "none":
        assert result.status == "SEG_REFERENCES_OTHER_SERIES"
    else:
        assert result.qc["warnings"] == ["FRAME_OF_REFERENCE_DIFFERS"]
        result.assert_right_in_patient_space()


def test_two_readers_are_told_apart_by_their_objects(tmp_path: Path) -> None:
    save_ct(tmp_path / "in", SCAN)
    readers = []
    for name, inside in {"Reader 1": tumour, "Reader 2": vessel}.items():
        seg = segmentation(SCAN, SegOptions(regions={"Tumour": inside}, name=name))
        seg.ContentCreatorName = name
        readers.append(seg)
    assert _run(tmp_path, *readers).status == "ROI_AMBIGUOUS"
    _run(tmp_path, *readers, rule=RoiRule(object="Reader 2$")).assert_right_in_patient_space(vessel)
    _run(tmp_path, *readers, rule=RoiRule(object=readers[0].SOPInstanceUID)).assert_right_in_patient_space()


def _changed(folder: Path, change: Callable[[Dataset, int], None]) -> None:
    save_ct(folder, SCAN)
    for file in (folder / "ct-a").iterdir():
        image = pydicom.dcmread(file)
        change(image, next(k for k in range(SCAN.slices) if SCAN.instance_uid(k) == image.SOPInstanceUID))
        image.save_as(file)


def _turned_a_little(image: Dataset, k: int) -> None:
    image.ImageOrientationPatient = [1, 2e-4 * (k % 3), 0, -2e-4 * (k % 3), 1, 0]


def _spaced_a_little(image: Dataset, k: int) -> None:
    image.PixelSpacing = [0.8, 0.9 + 0.002 * (k % 3)]


def _kernels_in_turn(image: Dataset, k: int) -> None:
    image.ConvolutionKernel = f"B3{k % 2}f"


@pytest.mark.parametrize("references", ["series", "instances", "none"])
@pytest.mark.parametrize("change", [_turned_a_little, _spaced_a_little, _kernels_in_turn])
def test_a_region_is_never_cut_down_to_some_of_the_slices_it_was_drawn_on(
    tmp_path: Path, change: Callable[[Dataset, int], None], references: str
) -> None:
    _changed(tmp_path / "in", change)
    assert _run(tmp_path, segmentation(SCAN, SegOptions(references=references))).status == "CT_AMBIGUOUS"


def test_what_tells_the_images_of_a_series_apart_is_said(tmp_path: Path) -> None:
    _changed(tmp_path / "in", lambda image, k: _turned_a_little(image, k) if k < 11 else None)
    rejected = _run(tmp_path, segmentation(SCAN)).rejection
    assert rejected["details"] == {"slices": 5, "between": 4, "differ_in": ["ImageOrientationPatient"]}


@pytest.mark.parametrize("images", [3, 8, 20])
def test_tracking_of_a_bolus_that_is_listed_with_the_series_is_no_slice(tmp_path: Path, images: int) -> None:
    save_ct(tmp_path / "in", SCAN)
    seg = segmentation(SCAN)
    track = replace(SCAN, slices=1, spacing=(0.5, 0.5), centre=(0.0, 0.0, 3.3))
    for number in range(images):
        image = ct_slice(track, 0)
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = UID(uid("bolus", number))
        image.ConvolutionKernel = "B10f"
        save(image, tmp_path / "in" / f"bolus-{number}")
        seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence.append(ct_reference(uid("bolus", number)))
    result = _run(tmp_path, seg)
    result.assert_right_in_patient_space()
    assert result.qc["ct_slices"] == SCAN.slices


def test_a_list_of_every_other_image_is_not_believed_against_the_frames(tmp_path: Path) -> None:
    save_ct(tmp_path / "in", SCAN)
    seg = segmentation(SCAN)
    del seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence[1::2]
    result = _run(tmp_path, seg)
    result.assert_right_in_patient_space()
    assert result.qc["ct_slices"] == SCAN.slices


@pytest.mark.parametrize("keyword", ["ConvolutionKernel", "FrameOfReferenceUID"])
@pytest.mark.parametrize("silent", [(0, 1), (5,)])
def test_an_image_that_lacks_what_its_series_states_belongs_to_it(
    tmp_path: Path, keyword: str, silent: tuple[int, ...]
) -> None:
    _changed(tmp_path / "in", lambda image, k: setattr(image, keyword, "") if k in silent else None)
    result = _run(tmp_path, segmentation(SCAN))
    result.assert_right_in_patient_space()
    assert result.qc["ct_slices"] == SCAN.slices
