"""Files that lie about lengths, counts, scales or geometry end in a reason, not in a wrong mask."""

import errno
import gzip
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless

from local.synthetic.dicom import item
from radiomics_job.dicom.sources import SourceCounts, read_source
from radiomics_job.errors import ReasonCode, StudyRejectedError
from radiomics_job.limits import MEBIBYTE, Limits
from radiomics_job.roi.rule import RoiRule
from tests.builders.dicom import (
    OBLIQUE,
    Points,
    Scan,
    SegOptions,
    ct_slice,
    save,
    save_ct,
    save_study,
    segmentation,
    structure_set,
    tumour,
    uid,
    vessel,
)
from tests.fuzz import tree
from tests.unit.radiomics.support import run_study

SCAN = Scan(slices=12, step=3.1)
SQUARES = [SCAN.points(k)[[5, 5, 25, 25], [5, 35, 35, 5]] for k in (3, 4, 5)]
FOREIGN = Scan(columns=30, rows=29, slices=22, spacing=(1.31, 1.27), step=1.7)

CtEdit = Callable[[Dataset, int], object]
SegEdit = Callable[[Dataset], object]


def _set(keyword: str, value: object) -> CtEdit:
    return lambda dataset, k: setattr(dataset, keyword, value)


def _save_edited(folder: Path, edit: CtEdit) -> Path:
    for k in range(SCAN.slices):
        dataset = ct_slice(SCAN, k)
        edit(dataset, k)
        save(dataset, folder / "ct" / str(k))
    save(segmentation(SCAN), folder / "seg")
    return folder


def _one_fewer_column(dataset: Dataset, k: int) -> None:
    dataset.Columns -= 1


def _left_aligned(dataset: Dataset, k: int) -> None:
    dataset.PixelData = (np.frombuffer(dataset.PixelData, "<u2") << 4).tobytes()
    dataset.BitsStored, dataset.HighBit = 12, 15


def _thirty_two_bits(dataset: Dataset, k: int) -> None:
    stored = np.frombuffer(dataset.PixelData, "<u2").astype("<u4")
    stored[5] = 2**32 - 1  # would wrap round to −1025 HU
    dataset.PixelData = stored.tobytes()
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 32, 32, 31


def _far_apart(dataset: Dataset, k: int) -> None:
    dataset.ImagePositionPatient = ["0", "0", f"{k}e300"]


def _no_frames(dataset: Dataset, k: int) -> None:
    if k == 0:
        dataset.NumberOfFrames = -1


def _second_kernel(dataset: Dataset, k: int) -> None:
    dataset.ConvolutionKernel = "B70f" if k % 2 else "B30f"


def _second_frame(dataset: Dataset, k: int) -> None:
    dataset.FrameOfReferenceUID = uid("frame", k % 2)


CT_CASES: dict[str, tuple[CtEdit, str]] = {
    "columns_lie": (_one_fewer_column, "UNREADABLE_DICOM"),
    "no_frames": (_no_frames, "UNREADABLE_DICOM"),
    "high_bit": (_left_aligned, "UNSUPPORTED_DICOM"),
    "thirty_two_bits": (_thirty_two_bits, "UNSUPPORTED_DICOM"),
    "infinite_hu": (_set("RescaleSlope", "1e306"), "UNSUPPORTED_DICOM"),
    "slope_of_zero": (_set("RescaleSlope", 0), "UNSUPPORTED_DICOM"),
    "spectral_map": (_set("RescaleType", "Z_EFF"), "UNSUPPORTED_DICOM"),
    "spectral_map_without_unit": (
        _set("ImageType", ["DERIVED", "PRIMARY", "AXIAL", "EFF_ATOMIC_NUM"]),
        "UNSUPPORTED_DICOM",
    ),
    "palette": (_set("PhotometricInterpretation", "PALETTE COLOR"), "UNSUPPORTED_DICOM"),
    "subnormal_spacing": (_set("PixelSpacing", ["1e-300", "1e-300"]), "UNSUPPORTED_DICOM"),
    "infinite_gaps": (_far_apart, "UNSUPPORTED_DICOM"),
    "two_kernels_interleaved": (_second_kernel, "CT_AMBIGUOUS"),
    "two_frames_of_reference": (_second_frame, "CT_AMBIGUOUS"),
}


@pytest.mark.parametrize(("edit", "code"), CT_CASES.values(), ids=CT_CASES.keys())
def test_a_ct_that_contradicts_itself_is_refused(tmp_path: Path, edit: CtEdit, code: str) -> None:
    result = run_study(_save_edited(tmp_path / "in", edit), tmp_path / "out")
    assert (result.status, result.files) == (code, {"rejection.json"})


def test_a_side_longer_than_nifti_allows_is_refused(tmp_path: Path) -> None:
    long = Scan(columns=40_000, rows=3, slices=3, spacing=(5.0, 0.001), step=5.0, centre=(3.1, -2.3, 1.7))
    assert run_study(save_study(tmp_path / "in", long), tmp_path / "out").status == "INPUT_TOO_LARGE"


def test_the_segmentation_chooses_between_two_reconstructions_of_one_series(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", SCAN)
    for k in range(SCAN.slices):
        other = ct_slice(SCAN, k)
        other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = UID(uid("sharp", k))
        other.ConvolutionKernel, other.PixelData = "B70f", bytes(len(other.PixelData))
        save(other, study / "sharp" / str(k))
    run_study(study, tmp_path / "out").assert_right_in_patient_space()


def test_unused_bits_are_dropped_from_compressed_slices_too(tmp_path: Path) -> None:
    def overlaid(dataset: Dataset, k: int) -> None:
        dataset.PixelData = (np.frombuffer(dataset.PixelData, "<u2") | 0x4000).tobytes()
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.BitsStored, dataset.HighBit = 12, 11

    run_study(_save_edited(tmp_path / "in", overlaid), tmp_path / "out").assert_right_in_patient_space()


def _frame_nearly_at_another(seg: Dataset) -> None:
    groups = seg.PerFrameFunctionalGroupsSequence
    x, y, z = groups[5].PlanePositionSequence[0].ImagePositionPatient
    groups[6].PlanePositionSequence[0].ImagePositionPatient = [x + 0.01, y, z]


def _empty_frame_at_a_full_one(seg: Dataset) -> None:
    groups = seg.PerFrameFunctionalGroupsSequence
    groups[0].PlanePositionSequence = groups[6].PlanePositionSequence


def _skewed(seg: Dataset) -> None:
    plane = seg.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    plane.ImageOrientationPatient = [1, 0, 0, 0.4, 1, 0]


def _half_the_spacing(seg: Dataset) -> None:
    measures = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    measures.SpacingBetweenSlices = float(measures.SpacingBetweenSlices) / 2


def _fewer_frames(seg: Dataset) -> None:
    seg.NumberOfFrames -= 2


def _fewer_columns(seg: Dataset) -> None:
    seg.Columns -= 1


def _two_segments_of_one_number(seg: Dataset) -> None:
    seg.SegmentSequence.insert(0, item(SegmentNumber=1, SegmentLabel="Liver"))


SEG_CASES: dict[str, tuple[SegEdit, Scan, str]] = {
    "frame_nearly_at_another": (_frame_nearly_at_another, SCAN, "DUPLICATE_SLICES"),
    "empty_frame_at_a_full_one": (_empty_frame_at_a_full_one, SCAN, "DUPLICATE_SLICES"),
    "skewed": (_skewed, SCAN, "UNSUPPORTED_DICOM"),
    "fewer_frames": (_fewer_frames, SCAN, "UNREADABLE_DICOM"),
    "fewer_columns": (_fewer_columns, SCAN, "UNREADABLE_DICOM"),
    "two_segments_of_one_number": (_two_segments_of_one_number, SCAN, "UNSUPPORTED_DICOM"),
    "half_the_spacing": (_half_the_spacing, FOREIGN, "GEOMETRY_MISMATCH"),
}


@pytest.mark.parametrize(("edit", "grid", "code"), SEG_CASES.values(), ids=SEG_CASES.keys())
def test_a_segmentation_that_contradicts_itself_is_refused(
    tmp_path: Path, edit: SegEdit, grid: Scan, code: str
) -> None:
    save_ct(tmp_path / "in", SCAN)
    seg = segmentation(SCAN, SegOptions(skip_empty=False), on=grid)
    edit(seg)
    save(seg, tmp_path / "in" / "seg")
    assert run_study(tmp_path / "in", tmp_path / "out").status == code


def test_lesions_on_frames_apart_are_not_joined_to_a_thicker_stack(tmp_path: Path) -> None:
    def spots(points: Points) -> NDArray[np.bool_]:
        centres = [SCAN.points(k)[20, 10 + 2 * k] for k in (4, 6, 8)]
        return np.asarray(np.any([np.linalg.norm(points - c, axis=-1) < 1.5 for c in centres], axis=0))

    seg = segmentation(SCAN, SegOptions(regions={"Spots": spots}))
    del seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices
    save_ct(tmp_path / "in", SCAN)
    save(seg, tmp_path / "in" / "seg")
    run_study(tmp_path / "in", tmp_path / "out").assert_right_in_patient_space(spots)


@pytest.mark.parametrize("stated", [True, False])
def test_a_thicker_stack_on_the_same_planes_leaves_no_slice_empty(tmp_path: Path, stated: bool) -> None:
    thin = Scan(slices=18, step=2.2)
    thick = replace(thin, slices=9, step=4.4, centre=(1.03, -0.91, 0.77 - 1.1))  # every second plane of the CT
    save_ct(tmp_path / "in", thin)
    seg = segmentation(thin, on=thick)
    if not stated:
        del seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices
    save(seg, tmp_path / "in" / "seg")
    result = run_study(tmp_path / "in", tmp_path / "out")
    assert (result.qc["placement"], result.qc["connected_parts"]) == ("nearest_neighbour", 1)
    assert result.qc["voxels"] == 2 * int(thick.mask().sum())


@pytest.mark.parametrize("vr", ["OB", "OW"])
def test_a_big_endian_segmentation_has_the_same_voxels(tmp_path: Path, vr: str) -> None:
    save_ct(tmp_path / "in", SCAN)
    seg = segmentation(SCAN)
    if vr == "OW":
        seg.PixelData = np.frombuffer(seg.PixelData, "<u2").astype(">u2").tobytes()
    seg["PixelData"].VR, seg.file_meta.TransferSyntaxUID = vr, ExplicitVRBigEndian
    save(seg, tmp_path / "in" / "seg")
    run_study(tmp_path / "in", tmp_path / "out").assert_right_in_patient_space()


def test_objects_that_share_an_instance_uid_are_paired_each_for_itself(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", SCAN)
    foreign = segmentation(replace(SCAN, name="b"), SegOptions(regions={"Vessel": vessel}))
    save(foreign, study / "seg2")
    assert run_study(study, tmp_path / "out", rule=RoiRule(label="Vessel")).status == "ROI_NOT_FOUND"


def _structure_set(folder: Path, contours: list[np.ndarray], edit: SegEdit = lambda contour: None) -> Path:
    save_ct(folder, SCAN)
    dataset = structure_set(SCAN, {"GTV": contours})
    edit(dataset.ROIContourSequence[0].ContourSequence[1])
    save(dataset, folder / "rt")
    return folder


def test_a_contour_that_is_there_twice_does_not_cancel_itself(tmp_path: Path) -> None:
    once = run_study(_structure_set(tmp_path / "once", SQUARES), tmp_path / "a")
    twice = run_study(_structure_set(tmp_path / "twice", [*SQUARES, SQUARES[1]]), tmp_path / "b")
    assert twice.qc["voxels"] == once.qc["voxels"]


def _unknown_type(contour: Dataset) -> None:
    contour.ContourGeometricType = "CLOSED PLANAR"


def _a_point_lost(contour: Dataset) -> None:
    contour.ContourData = contour.ContourData[:9]


@pytest.mark.parametrize("edit", [_unknown_type, _a_point_lost])
def test_no_contour_is_lost_silently(tmp_path: Path, edit: SegEdit) -> None:
    study = _structure_set(tmp_path / "in", SQUARES, edit)
    assert run_study(study, tmp_path / "out").status == "UNREADABLE_DICOM"


def test_texts_of_several_lines_are_put_on_one(tmp_path: Path) -> None:
    """Feature Store refuses a line break, and the study with it."""
    study = save_study(tmp_path / "in", SCAN, SegOptions(regions={"Neo\nplasm": tumour}))
    for file in (study / "ct-a").iterdir():
        file.write_bytes(file.read_bytes().replace(b"LO\x08\x00Phantoms", b"LO\x08\x00Phan\r\nms"))
    features = run_study(study, tmp_path / "out").features
    assert features["acquisition"]["manufacturer"] == "Phan ms"
    assert features["rois"][0]["label"] == "Neo plasm"


def test_a_damaged_element_that_no_voxel_needs_is_null(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", SCAN)
    for file in (study / "ct-a").iterdir():
        text = b"\x08\x00\x70\x00LO\x08\x00Phantoms"
        number = b"\x08\x00\x70\x00SS\x07\x00Phantom"  # two bytes each
        file.write_bytes(file.read_bytes().replace(text, number))
    assert run_study(study, tmp_path / "out").features["acquisition"]["manufacturer"] is None


def test_a_placeholder_date_is_no_time_of_a_scan(tmp_path: Path) -> None:
    study = _save_edited(tmp_path / "in", _set("AcquisitionDate", "00010101"))
    document = run_study(study, tmp_path / "out").features
    assert (document["acquired_at"], document["acquired_at_source"]) == ("2020-01-02T03:04:05Z", "StudyDate")


def test_a_name_that_is_not_text_is_no_crash(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", SCAN)
    (study / "\udcff").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 400)
    result = run_study(study, tmp_path / "out")
    assert result.rejection["details"] == {"count": 1, "files": ["?"]}


def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(PermissionError):
        list(read_source(tmp_path, Limits(), SourceCounts()))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_random_damage_to_a_zip_is_typed(tmp_path: Path, method: int) -> None:
    path, generator = tmp_path / "in.zip", np.random.default_rng(1)
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a", b"\0" * 128 + b"DICM" + bytes(range(256)))
    whole = path.read_bytes()
    for _ in range(150):
        damaged = bytearray(whole)
        for at in generator.integers(len(whole), size=6).tolist():
            damaged[at] = int(generator.integers(256))
        path.write_bytes(damaged)
        assert _code(path) in {None, ReasonCode.ZIP_INVALID}


def _code(path: Path) -> ReasonCode | None:
    try:
        list(read_source(path, Limits(), SourceCounts()))
    except StudyRejectedError as error:
        return error.code
    return None


SECRETS = {"PatientName": "Doe^Secret", "PatientID": "ID-Secret", "PatientBirthDate": "19401231"}


@pytest.mark.parametrize("damaged", [False, True])
def test_no_result_names_the_patient(tmp_path: Path, damaged: bool, capfd: pytest.CaptureFixture[str]) -> None:
    for number, dataset in enumerate([*(ct_slice(SCAN, k) for k in range(SCAN.slices)), segmentation(SCAN)]):
        for keyword, value in SECRETS.items():
            setattr(dataset, keyword, value)
        content = save(dataset, tmp_path / "in" / str(number)).read_bytes()
        (tmp_path / "in" / str(number)).write_bytes(content[:-300] if damaged and number == 3 else content)
    result = run_study(tmp_path / "in", tmp_path / "out")
    assert result.files >= ({"rejection.json"} if damaged else {"features.json", "ct.nii.gz", "overlay.png"})
    written = {path.name: path.read_bytes() for path in result.folder.iterdir()}
    plain = [gzip.decompress(data) if name.endswith(".gz") else data for name, data in written.items()]
    everything = b"".join([*plain, "".join(capfd.readouterr()).encode()])
    assert not [value for value in SECRETS.values() if value.encode() in everything]


@pytest.mark.parametrize("hidden", [False, True])
def test_a_deflated_file_is_bounded_wherever_its_data_set_begins(tmp_path: Path, hidden: bool) -> None:
    study = save_study(tmp_path / "in", SCAN)
    file = tree.read((study / "seg" / "1-1.dcm").read_bytes())
    file.syntax, file.zeros = DeflatedExplicitVRLittleEndian, 64 * MEBIBYTE
    file.body.append(tree.Element(0x7FE10010, b"OB", stated=file.zeros))
    if hidden:  # a look at the stated place finds a harmless stream, the data set comes after it
        file.meta_length = len(tree.encode_items(file.meta)) + 12
        file.meta.append(tree.Element(0x00020102, b"OB", tree.deflated(b"")))
    else:  # far into the file
        file.meta.insert(0, tree.Element(0x00020003, b"UI", b"1." * 15_000))
    (study / "seg" / "1-1.dcm").write_bytes(tree.write(file))
    tracemalloc.start()
    result = run_study(study, tmp_path / "out", limits=Limits(file_bytes=MEBIBYTE))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.status == "INPUT_TOO_LARGE"
    assert peak < 48 * MEBIBYTE


def test_a_decoder_that_panics_makes_no_crash(tmp_path: Path) -> None:
    def cut(dataset: Dataset, k: int) -> None:
        dataset.compress(RLELossless, generate_instance_uid=False)
        frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
        dataset.PixelData = encapsulate([frame[:512] + frame[514:]])  # then a count is read where a value was

    assert run_study(_save_edited(tmp_path / "in", cut), tmp_path / "out").status == "UNREADABLE_DICOM"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_cannot_be_unpacked_piece_by_piece_is_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w", method) as archive:
        archive.writestr("a", b"\0" * 128 + b"DICM" + bytes(50 * MEBIBYTE))
    whole = (tmp_path / "in.zip").read_bytes()
    assert len(whole) < MEBIBYTE // 8
    size = struct.pack("<I", 132 + 50 * MEBIBYTE)
    (tmp_path / "in.zip").write_bytes(whole.replace(size, struct.pack("<I", 1000)))  # what its size is said to be
    tracemalloc.start()
    assert _code(tmp_path / "in.zip") is ReasonCode.ZIP_INVALID
    assert tracemalloc.get_traced_memory()[1] < MEBIBYTE
    tracemalloc.stop()


def test_all_frames_of_one_segment_stay_within_the_voxel_budget(tmp_path: Path) -> None:
    save_ct(tmp_path / "in", SCAN)
    fine = replace(SCAN, slices=24, step=SCAN.step / 2)  # twice as many frames as the CT has slices
    save(segmentation(SCAN, SegOptions(skip_empty=False), on=fine), tmp_path / "in" / "seg")
    voxels = fine.slices * fine.rows * fine.columns
    result = run_study(tmp_path / "in", tmp_path / "out", limits=Limits(voxels=voxels))
    assert (result.status, result.qc["warnings"]) == ("warn", ["MASK_RESAMPLED"])
    result = run_study(tmp_path / "in", tmp_path / "out", limits=Limits(voxels=voxels - 1))
    assert result.rejection["details"]["voxels"] == voxels


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("deflated", [False, True])
@pytest.mark.parametrize("kind", ["items", "values"])
def test_a_file_of_nothing_but_items_or_values_is_bounded(
    tmp_path: Path, kind: str, deflated: bool, undefined: bool
) -> None:
    study = save_study(tmp_path / "in", SCAN)
    file = tree.read((study / "seg" / "1-1.dcm").read_bytes())
    series = tree.find(file.body, 0x00081115)
    assert series
    assert series.items
    if kind == "items":
        series.items.extend([] for _ in range(100_000))
    else:
        uid_element = tree.find(series.items[0], 0x0020000E)
        assert uid_element
        uid_element.vr, uid_element.value = b"UN", b"1\\" * 400_000
    file.undefined_lengths = undefined
    if deflated:
        file.syntax = DeflatedExplicitVRLittleEndian
    (study / "seg" / "1-1.dcm").write_bytes(tree.write(file))
    tracemalloc.start()
    result = run_study(study, tmp_path / "out", limits=Limits(items=10_000, contour_points=10_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.status == "INPUT_TOO_LARGE"
    assert peak < 8 * MEBIBYTE


def test_pixels_are_not_counted_as_values(tmp_path: Path) -> None:
    def backslashes(dataset: Dataset, k: int) -> None:
        dataset.PixelData = b"\\\\" * (len(dataset.PixelData) // 2)
        dataset.RescaleSlope, dataset.RescaleIntercept = "0.1", "-2000"

    study = _save_edited(tmp_path / "in", backslashes)
    values = 2 * SCAN.rows * SCAN.columns
    result = run_study(study, tmp_path / "out", limits=Limits(contour_points=values // 8))
    assert result.status in {"accept", "warn"}


def _far_away(dataset: Dataset) -> None:
    """Move an image, or all frames, by more than single precision can say."""
    groups = dataset.get("PerFrameFunctionalGroupsSequence")
    for plane in [group.PlanePositionSequence[0] for group in groups] if groups else [dataset]:
        plane.ImagePositionPatient = ["1e39", *plane.ImagePositionPatient[1:]]


def _vast_pixels(dataset: Dataset) -> None:
    dataset.PixelSpacing = ["1e150", "1e150"]


@pytest.mark.parametrize(("edit", "edited"), [(_far_away, "both"), (_vast_pixels, "ct"), (_far_away, "seg")])
def test_places_beyond_any_room_are_refused(tmp_path: Path, edit: SegEdit, edited: str) -> None:
    oblique = replace(SCAN, orientation=OBLIQUE)
    images, seg = [ct_slice(oblique, k) for k in range(SCAN.slices)], segmentation(oblique)
    for dataset in {"both": [*images, seg], "ct": images, "seg": [seg]}[edited]:
        edit(dataset)
    for number, dataset in enumerate([*images, seg]):
        save(dataset, tmp_path / "in" / str(number))
    assert run_study(tmp_path / "in", tmp_path / "out").status == "UNSUPPORTED_DICOM"
