"""What is beside the images: screen saves, copies, packed files, files without preamble, backgrounds, patients."""

import gzip
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import UID

from radiomics_job.cli import main
from radiomics_job.roi.rule import RoiPolicy, RoiRule
from tests.builders.dicom import (
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
)
from tests.unit.radiomics.support import Result, run_study

SCAN = Scan(slices=12, step=3.1)


def _screen_save(series: str) -> Dataset:
    dataset = ct_slice(SCAN, 0)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(uid("screen", series))
    dataset.SeriesInstanceUID, dataset.ImageType = series, ["DERIVED", "SECONDARY", "SCREEN SAVE"]
    for keyword in (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "RescaleSlope",
        "RescaleIntercept",
    ):
        delattr(dataset, keyword)
    return dataset


@pytest.mark.parametrize("series", [uid("dose report"), SCAN.series_uid], ids=["own_series", "in_the_series"])
@pytest.mark.parametrize("references", ["series", "none"])
def test_a_screen_save_stored_as_ct_is_set_aside(tmp_path: Path, series: str, references: str) -> None:
    study = save_study(tmp_path / "in", SCAN, SegOptions(references=references))
    save(_screen_save(series), study / "999")
    result = run_study(study, tmp_path / "out")
    result.assert_right_in_patient_space()
    assert (result.status, result.qc["ct_images_unusable"]) == ("accept", 1)


def test_an_image_of_the_series_without_a_place_is_named(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", SCAN)
    bad = ct_slice(SCAN, 3)
    del bad.ImagePositionPatient
    next(path for path in (study / "ct-a").iterdir() if path.name.endswith("003")).unlink()
    save(bad, study / "no-place.dcm")
    result = run_study(study, tmp_path / "out")
    assert (result.status, result.rejection["details"]["file"]) == ("UNSUPPORTED_DICOM", "no-place.dcm")


@pytest.mark.parametrize("kind", ["localizer", "presentation"])
def test_damage_of_what_is_not_needed_rejects_nothing(tmp_path: Path, kind: str) -> None:
    study = save_study(tmp_path / "in", SCAN)
    beside = _screen_save(uid("beside"))
    if kind == "localizer":
        beside.ImageType = ["DERIVED", "PRIMARY", "LOCALIZER"]
    else:
        beside.SOPClassUID = beside.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.11.1")
    file = save(beside, study / "999")
    file.write_bytes(file.read_bytes().replace(b"\x28\0\x10\0US", b"\x28\0\x10\0FD"))  # Rows: two bytes are no double
    result = run_study(study, tmp_path / "out")
    result.assert_right_in_patient_space()
    assert result.status == "accept"


def test_nothing_but_a_screen_save_says_why(tmp_path: Path) -> None:
    save(_screen_save(SCAN.series_uid), tmp_path / "in" / "screen")
    save(segmentation(SCAN), tmp_path / "in" / "seg")
    result = run_study(tmp_path / "in", tmp_path / "out")
    assert (result.status, result.rejection["details"]["file"]) == ("UNSUPPORTED_DICOM", "screen")


@pytest.mark.parametrize("kind", ["SEG", "RTSTRUCT"])
@pytest.mark.parametrize("policy", ["single", "each", "union"])
def test_one_object_in_two_downloads_counts_once(tmp_path: Path, kind: str, policy: str) -> None:
    save_ct(tmp_path / "in", SCAN)
    half = np.array([SCAN.spacing[1], SCAN.spacing[0], 0]) / 2
    square = [SCAN.points(k)[[20, 20, 30, 30], [15, 33, 33, 15]] - half for k in (5, 6)]
    build = segmentation(SCAN) if kind == "SEG" else structure_set(SCAN, {"Tumour": square})
    for copy, preamble in {"a": b"\0" * 128, "b": b"again" + b"\0" * 123}.items():
        build.preamble = preamble
        save(build, tmp_path / "in" / copy)
    result = run_study(tmp_path / "in", tmp_path / "out", rule=RoiRule(policy=RoiPolicy(policy)))
    assert [roi["label"] for roi in result.features["rois"]] == ["Tumour"]


def test_each_takes_the_region_of_a_second_export_once(tmp_path: Path) -> None:
    save_ct(tmp_path / "in", SCAN)
    for name in ("s", "exported again"):
        save(segmentation(SCAN, SegOptions(name=name)), tmp_path / "in" / name)
    result = run_study(tmp_path / "in", tmp_path / "out", rule=RoiRule(policy=RoiPolicy.EACH))
    assert [roi["label"] for roi in result.features["rois"]] == ["Tumour"]


def test_an_undrawn_segment_is_no_candidate(tmp_path: Path) -> None:
    regions = {"Tumour": tumour, "Necrosis": lambda points: np.zeros(points.shape[:-1], bool)}
    for skip_empty in (True, False):
        options = SegOptions(regions=regions, skip_empty=skip_empty)
        study = save_study(tmp_path / str(skip_empty), SCAN, options)
        run_study(study, tmp_path / "out").assert_right_in_patient_space()


@pytest.mark.parametrize("background", [None, 0, 7])
def test_the_background_of_a_label_map_is_what_it_says(tmp_path: Path, background: int | None) -> None:
    save_ct(tmp_path / "in", SCAN)
    seg = segmentation(SCAN, SegOptions(kind="LABELMAP", skip_empty=False))
    if background is not None:
        seg.PixelPaddingValue = background
    if background == 7:  # the tumour is segment 0
        stored = np.frombuffer(seg.PixelData, np.uint8)
        seg.PixelData = np.where(stored == 1, 0, 7).astype(np.uint8).tobytes()
        seg.SegmentSequence[0].SegmentNumber = 0
    save(seg, tmp_path / "in" / "seg")
    result = run_study(tmp_path / "in", tmp_path / "out")
    result.assert_right_in_patient_space()
    assert result.features["rois"][0]["segment_number"] == (0 if background == 7 else 1)


def test_a_described_background_is_no_region(tmp_path: Path) -> None:
    def nowhere(points: np.ndarray) -> np.ndarray:
        return np.zeros(points.shape[:-1], np.bool_)

    save_ct(tmp_path / "in", SCAN)
    seg = segmentation(SCAN, SegOptions(kind="LABELMAP", skip_empty=False, regions={"Tumour": tumour, "Air": nowhere}))
    stored = np.frombuffer(seg.PixelData, np.uint8)
    seg.PixelData = np.where(stored == 1, 1, 2).astype(np.uint8).tobytes()
    seg.PixelPaddingValue = 2
    save(seg, tmp_path / "in" / "seg")
    run_study(tmp_path / "in", tmp_path / "out").assert_right_in_patient_space()


def test_each_region_has_a_value_and_overlapping_ones_a_file(tmp_path: Path) -> None:
    def core(points: np.ndarray) -> np.ndarray:
        return np.asarray((((points - [3.1, -2.3, 1.7]) / [4, 3, 5]) ** 2).sum(axis=-1) < 1)

    study = save_study(tmp_path / "in", SCAN, SegOptions(regions={"Tumour": tumour, "Core": core}))
    result = run_study(study, tmp_path / "out", rule=RoiRule(policy=RoiPolicy.EACH))
    assert [(roi["seg_value"], roi["label"]) for roi in result.qc["rois"]] == [(1, "Tumour"), (2, "Core")]
    for number, inside in {1: tumour, 2: core}.items():
        mask, _ = result.volume(f"seg_region_{number}.nii.gz")
        assert np.array_equal(mask == 1, inside(result.places()))
    alone = run_study(study, tmp_path / "out", rule=RoiRule(label="Tumour"))
    assert not any(name.startswith("seg_region") for name in alone.files)


def _with_syntax(file: Path, syntax: str) -> None:
    """Write a file as another program would: pydicom refuses to write what it does not know."""
    dataset, meta, data = pydicom.dcmread(file), DicomBytesIO(), DicomBytesIO()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    write_file_meta_info(meta, dataset.file_meta)
    data.is_little_endian, data.is_implicit_VR = True, False
    write_dataset(data, dataset)
    file.write_bytes(bytes(128) + b"DICM" + meta.getvalue() + data.getvalue())


@pytest.mark.parametrize(
    ("syntax", "name"), [("1.2.840.10008.1.2.4.110", "JPEG XL"), ("1.2.840.10008.1.2.8.1", "Deflated")]
)
@pytest.mark.parametrize("place", ["ct", "seg", "elsewhere"])
def test_an_unknown_transfer_syntax_is_named(tmp_path: Path, place: str, syntax: str, name: str) -> None:
    study = save_study(tmp_path / "in", SCAN)
    if place == "elsewhere":
        victim = save(ct_slice(replace(SCAN, name="other"), 0), study / "other")
    else:
        victim = study / "seg" / "1-1.dcm" if place == "seg" else next((study / "ct-a").iterdir())
    _with_syntax(victim, syntax)
    result = run_study(study, tmp_path / "out")
    if place == "elsewhere":
        result.assert_right_in_patient_space()
        return
    assert result.status == "UNSUPPORTED_DICOM"
    assert name in result.rejection["message"]
    assert result.rejection["details"]["file"] == victim.relative_to(study).as_posix()


def _without_preamble(file: Path, *, implicit: bool) -> None:
    dataset, buffer = pydicom.dcmread(file), DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, implicit
    write_dataset(buffer, dataset)
    file.write_bytes(buffer.getvalue())


def _bare_implicit(file: Path) -> None:
    _without_preamble(file, implicit=True)


def _bare_explicit(file: Path) -> None:
    _without_preamble(file, implicit=False)


def _mark_cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[132:])


def _gzipped(file: Path) -> None:
    file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()


@pytest.mark.parametrize("change", [_bare_implicit, _bare_explicit, _mark_cut_off, _gzipped])
def test_files_are_read_however_they_are_written(tmp_path: Path, change: Callable[[Path], None]) -> None:
    study = save_study(tmp_path / "in", SCAN)
    for file in [path for path in study.rglob("*") if path.is_file()]:
        change(file)
    run_study(study, tmp_path / "out").assert_right_in_patient_space()


@pytest.mark.parametrize("linked", [False, True])
def test_a_zip_or_a_linked_folder_inside_a_study_is_read(tmp_path: Path, linked: bool) -> None:
    plain = save_study(tmp_path / "elsewhere", SCAN)
    study = tmp_path / "in"
    study.mkdir()
    if linked:
        (study / "link").symlink_to(plain)
        (plain / "back").symlink_to(study)  # no end, if each were followed
    else:
        shutil.make_archive(str(study / "download"), "zip", plain)
    run_study(study, tmp_path / "out").assert_right_in_patient_space()


@pytest.mark.parametrize("name", ["._image.nii.gz", "sub/._a.nrrd", "._1.dcm", "._b.raw", "notes.xlsx", "list.docx"])
def test_files_that_only_look_like_input_by_their_name_are_ignored(tmp_path: Path, name: str) -> None:
    study = save_study(tmp_path / "in", SCAN)
    (study / "sub").mkdir()
    if name.startswith(("._", "sub")):  # what macOS leaves beside each file
        (study / name).write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X" + bytes(4000))
    else:
        with zipfile.ZipFile(study / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/sheet1.xml", bytes(5_000_000))
    result = run_study(study, tmp_path / "out")
    result.assert_right_in_patient_space()
    assert result.features["provenance"]["files"]["ignored"] == 1


@pytest.mark.parametrize("left", [0, 100, 131])
def test_an_image_of_which_next_to_nothing_arrived_is_named(tmp_path: Path, left: int) -> None:
    study = save_study(tmp_path / "in", SCAN, SegOptions(references="none"))
    last = ct_slice(SCAN, SCAN.slices - 1)
    (file,) = (
        path for path in (study / "ct-a").iterdir() if pydicom.dcmread(path).SOPInstanceUID == last.SOPInstanceUID
    )
    file.with_name("last.dcm").write_bytes(file.read_bytes()[:left])
    file.unlink()
    result = run_study(study, tmp_path / "out")
    assert result.status == "UNREADABLE_DICOM"
    assert result.rejection["details"]["files"] == ["ct-a/last.dcm"]


def test_what_was_left_aside_is_counted_when_nothing_is_found(tmp_path: Path) -> None:
    study = tmp_path / "in"
    study.mkdir()
    (study / "notes.txt").write_text("text")
    (study / "table.csv.gz").write_bytes(gzip.compress(b"a,b"))
    with zipfile.ZipFile(study / "outer.zip", "w") as archive:
        archive.writestr("inner.zip", b"PK\x03\x04 and so on")
    result = run_study(study, tmp_path / "out")
    assert result.status == "EMPTY_STUDY"
    assert result.rejection["details"]["ignored_files"] == {"not_dicom": 1, "other_archive": 1, "zip_in_zip": 1}


@pytest.mark.parametrize(
    "damage", [lambda packed: packed[:-30], lambda packed: packed[:200] + bytes(50) + packed[250:]]
)
def test_a_damaged_gzip_file_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    study = save_study(tmp_path / "in", SCAN)
    file = next((study / "ct-a").iterdir())
    file.with_suffix(".gz").write_bytes(damage(gzip.compress(file.read_bytes())))
    file.unlink()
    assert run_study(study, tmp_path / "out").status == "ZIP_INVALID"


@pytest.mark.parametrize(
    ("digits", "step", "status"), [(1, 1.25, "warn"), (2, 1.25, "accept"), (0, 3.3, "UNEVEN_SLICES")]
)
def test_positions_rounded_to_a_tenth_are_one_grid(tmp_path: Path, digits: int, step: float, status: str) -> None:
    scan = Scan(slices=30, step=step)
    for k in range(scan.slices):
        image = ct_slice(scan, k)
        image.ImagePositionPatient = [*map(str, scan.position(k)[:2]), f"{scan.position(k)[2]:.{digits}f}"]
        save(image, tmp_path / "in" / str(k))
    save(segmentation(scan), tmp_path / "in" / "seg")
    result = run_study(tmp_path / "in", tmp_path / "out")
    assert result.status == status
    if status == "warn":
        assert "SLICE_POSITIONS_ROUNDED" in result.qc["warnings"]
    if status != "UNEVEN_SLICES":
        assert result.qc["voxels"] == int(scan.mask().sum())
        assert result.qc["ct_slices_interpolated"] == 0


def test_a_protocol_with_two_spacings_is_called_that(tmp_path: Path) -> None:
    scan = Scan(slices=14, step=1.5, places=(*range(8), *range(9, 20, 2)))
    result = run_study(save_study(tmp_path / "in", scan), tmp_path / "out")
    assert result.status == "UNEVEN_SLICES"
    assert "two slice spacings" in result.rejection["message"]


def _job(folder: Path, units: list[tuple[str, str]]) -> list[str]:
    described = [{"dataset": "d", "subject": s, "study": p, "path": p} for s, p in units]
    (folder / "job.json").write_text(json.dumps({"schema": 1, "datasets": {"d": {}}, "units": described}))
    return ["--input-dir", str(folder), "--output-dir", str(folder / "out"), "--workers", "1"]


def _patient_study(folder: Path, patient: str) -> None:
    for k in range(SCAN.slices):
        save(ct_slice(SCAN, k, patient), folder / str(k))
    save(segmentation(SCAN, patient=patient), folder / "seg")


@pytest.mark.parametrize(
    ("patient", "warnings"), [("R01-001", []), ("r01 001", []), ("R01-002", ["PATIENT_ID_DIFFERS"])]
)
def test_the_patient_of_the_files_is_held_against_the_subject(
    tmp_path: Path, patient: str, warnings: list[str]
) -> None:
    _patient_study(tmp_path / "a", patient)
    assert main(_job(tmp_path, [("R01-001", "a")])) == 0
    result = Result(tmp_path / "out" / "d" / "R01-001" / "a", "")
    assert result.qc["warnings"] == warnings
    assert patient not in (result.folder / "qc.json").read_text() or patient == "R01-001"


def test_a_series_whose_images_name_two_studies_is_told(tmp_path: Path) -> None:
    for k in range(SCAN.slices):
        image = ct_slice(SCAN, k)
        image.StudyInstanceUID = f"{image.StudyInstanceUID}.{k % 2}"
        save(image, tmp_path / "in" / str(k))
    save(segmentation(SCAN), tmp_path / "in" / "seg")
    result = run_study(tmp_path / "in", tmp_path / "out")
    assert result.qc["warnings"] == ["SERIES_OF_SEVERAL_STUDIES"]
    assert result.qc["studies_in_series"] == 2


def test_studies_of_two_patients_under_one_subject_are_rejected(tmp_path: Path) -> None:
    for study, patient in {"a": "R01-001", "b": "R01-002", "c": "R01-003"}.items():
        _patient_study(tmp_path / study, patient)
    assert main(_job(tmp_path, [("collection", "a"), ("collection", "b"), ("R01-003", "c")])) == 0
    for study in ("a", "b"):
        result = Result(tmp_path / "out" / "d" / "collection" / study, "")
        assert result.files == {"rejection.json"}
        assert result.rejection["reason_code"] == "MIXED_PATIENTS"
        assert result.rejection["details"] == {"patients": 2, "studies": 2}
    assert "features.json" in Result(tmp_path / "out" / "d" / "R01-003" / "c", "").files
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"d"}
