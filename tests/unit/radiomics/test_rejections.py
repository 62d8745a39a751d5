"""Each reason code, with its numbers, and never a result beside it."""

import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from radiomics_job.dicom.reading import read_study
from radiomics_job.dicom.sources import SourceFile
from radiomics_job.errors import ReasonCode, StudyRejectedError
from radiomics_job.limits import Limits
from radiomics_job.roi.rule import RoiPolicy, RoiRule
from tests.builders.dicom import (
    Points,
    Scan,
    SegOptions,
    ct_slice,
    save,
    save_ct,
    save_study,
    segmentation,
    tumour,
    uid,
    vessel,
)
from tests.unit.radiomics.support import Result, run_study

SCAN = Scan(slices=12, step=3.1)
FAR_AWAY = replace(SCAN, centre=(500.0, 0.0, 0.0))


def _no_ct(folder: Path) -> None:
    save(segmentation(SCAN), folder / "seg")


def _only_localizers(folder: Path) -> None:
    scout = ct_slice(SCAN, 0)
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    save(scout, folder / "scout")
    save(segmentation(SCAN), folder / "seg")


def _no_segmentation(folder: Path) -> None:
    save_ct(folder, SCAN)


def _damaged_file(folder: Path) -> None:
    save_study(folder, SCAN)
    (folder / "bad.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 400)


def _truncated_pixels(folder: Path) -> None:
    save_study(folder, SCAN)
    victim = next((folder / "ct-a").iterdir())
    victim.write_bytes(victim.read_bytes()[:-500])


def _truncated_segmentation(folder: Path) -> None:
    save_study(folder, SCAN)
    seg = folder / "seg" / "1-1.dcm"
    seg.write_bytes(seg.read_bytes()[:-500])


def _other_series(folder: Path) -> None:
    save_ct(folder, SCAN)
    save(segmentation(replace(SCAN, name="b")), folder / "seg")


def _empty_mask(folder: Path) -> None:
    save_study(folder, SCAN, SegOptions(regions={"Tumour": _nowhere}, skip_empty=False))


def _nowhere(points: Points) -> NDArray[np.bool_]:
    return np.zeros(points.shape[:-1], np.bool_)


def _no_segment(folder: Path) -> None:
    save_ct(folder, SCAN)
    seg = segmentation(SCAN)
    del seg.SegmentSequence
    save(seg, folder / "seg")


def _outside_the_ct(folder: Path) -> None:
    save_ct(folder, FAR_AWAY)
    save(segmentation(SCAN), folder / "seg")


def _partly_outside_the_ct(folder: Path) -> None:
    save_ct(folder, replace(SCAN, centre=(1.03, -0.91, 17.0)))
    save(segmentation(SCAN), folder / "seg")


def _half_uploaded(folder: Path) -> None:
    save_ct(folder, SCAN, skip=(0, 1, 2))
    save(segmentation(SCAN), folder / "seg")


def _missing_slice(folder: Path) -> None:
    save_ct(folder, SCAN, skip=(4,))
    save(segmentation(SCAN, SegOptions(references="none")), folder / "seg")


def _single_slice(folder: Path) -> None:
    save_ct(folder, SCAN, skip=range(1, SCAN.slices))
    save(segmentation(SCAN, SegOptions(references="none")), folder / "seg")


def _uneven_slice(folder: Path) -> None:
    save_study(folder, SCAN)
    moved = ct_slice(SCAN, 4)
    moved.ImagePositionPatient[2] += 0.4
    for file in (folder / "ct-a").iterdir():
        if file.name.endswith("004"):
            save(moved, file)


def _sideways_slice(folder: Path) -> None:
    save_study(folder, SCAN)
    moved = ct_slice(SCAN, 4)
    moved.ImagePositionPatient[0] += 0.4
    for file in (folder / "ct-a").iterdir():
        if file.name.endswith("004"):
            save(moved, file)


def _contradicting_slices(folder: Path) -> None:
    save_study(folder, SCAN)
    twin = ct_slice(SCAN, 4)
    twin.SOPInstanceUID = twin.file_meta.MediaStorageSOPInstanceUID = UID(uid("twin"))
    twin.PixelData = bytes(len(twin.PixelData))
    save(twin, folder / "twin")


def _contradicting_frames(folder: Path) -> None:
    save_ct(folder, SCAN)
    seg = segmentation(SCAN)
    groups = seg.PerFrameFunctionalGroupsSequence
    groups[1].PlanePositionSequence = groups[0].PlanePositionSequence
    save(seg, folder / "seg")


def _mixed_patients(folder: Path) -> None:
    save_study(folder, SCAN)
    save(ct_slice(SCAN, 0, patient="P2"), folder / "other")


def _two_equal_series(folder: Path) -> None:
    save_ct(folder, replace(SCAN, name="b"))
    save_study(folder, SCAN, SegOptions(references="none"))


def _regions_on_two_series(folder: Path) -> None:
    other = replace(SCAN, name="b")
    save_ct(folder, other)
    save_study(folder, SCAN)
    save(segmentation(other, SegOptions(name="t")), folder / "seg2")


def _two_segments(folder: Path) -> None:
    save_study(folder, SCAN, SegOptions(regions={"Tumour": tumour, "Vessel": vessel}))


def _no_position(folder: Path) -> None:
    save_study(folder, SCAN)
    unplaced = ct_slice(SCAN, 0)
    del unplaced.ImagePositionPatient
    save(unplaced, folder / "unplaced")


def _unplaced_frames(folder: Path) -> None:
    save_ct(folder, SCAN)
    seg = segmentation(SCAN)
    del seg.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence
    save(seg, folder / "seg")


def _no_rescale(folder: Path) -> None:
    save_study(folder, SCAN)
    raw = ct_slice(SCAN, 0)
    del raw.RescaleIntercept
    save(raw, folder / "raw")


def _beyond_int16(folder: Path) -> None:
    save_study(folder, SCAN)
    for file in (folder / "ct-a").iterdir():
        if file.name.endswith("004"):
            bright = ct_slice(SCAN, 4)
            bright.PixelData = b"\xff\xff" * (len(bright.PixelData) // 2)
            save(bright, file)


def _mask_in_air(folder: Path) -> None:
    save_study(folder, SCAN, SegOptions(regions={"Air": lambda points: np.asarray(points[..., 0] > 18.5)}))


def _nothing(folder: Path) -> None:
    folder.mkdir()


def _nothing_dicom(folder: Path) -> None:
    folder.mkdir()
    (folder / "readme.dcm").write_text("not DICOM")


CASES: dict[str, tuple[Callable[[Path], None], str]] = {
    "no_ct": (_no_ct, "NO_CT"),
    "only_localizers": (_only_localizers, "NO_CT"),
    "no_segmentation": (_no_segmentation, "NO_SEGMENTATION"),
    "damaged_file": (_damaged_file, "UNREADABLE_DICOM"),
    "truncated_pixels": (_truncated_pixels, "UNREADABLE_DICOM"),
    "truncated_segmentation": (_truncated_segmentation, "UNREADABLE_DICOM"),
    "other_series": (_other_series, "SEG_REFERENCES_OTHER_SERIES"),
    "empty_mask": (_empty_mask, "EMPTY_MASK"),
    "no_segment": (_no_segment, "EMPTY_MASK"),
    "outside_the_ct": (_outside_the_ct, "GEOMETRY_MISMATCH"),
    "partly_outside_the_ct": (_partly_outside_the_ct, "GEOMETRY_MISMATCH"),
    "half_uploaded": (_half_uploaded, "INCOMPLETE_STUDY"),
    "missing_slice": (_missing_slice, "MISSING_SLICES"),
    "single_slice": (_single_slice, "MISSING_SLICES"),
    "uneven_slice": (_uneven_slice, "UNEVEN_SLICES"),
    "sideways_slice": (_sideways_slice, "UNEVEN_SLICES"),
    "contradicting_slices": (_contradicting_slices, "DUPLICATE_SLICES"),
    "contradicting_frames": (_contradicting_frames, "DUPLICATE_SLICES"),
    "mixed_patients": (_mixed_patients, "MIXED_PATIENTS"),
    "two_equal_series": (_two_equal_series, "CT_AMBIGUOUS"),
    "two_segments": (_two_segments, "ROI_AMBIGUOUS"),
    "no_position": (_no_position, "UNSUPPORTED_DICOM"),
    "unplaced_frames": (_unplaced_frames, "UNSUPPORTED_DICOM"),
    "no_rescale": (_no_rescale, "UNSUPPORTED_DICOM"),
    "beyond_int16": (_beyond_int16, "UNSUPPORTED_DICOM"),
    "mask_in_air": (_mask_in_air, "QC_REFUSED"),
    "nothing": (_nothing, "EMPTY_STUDY"),
    "nothing_dicom": (_nothing_dicom, "EMPTY_STUDY"),
}


def _assert_rejected(result: Result, code: str) -> None:
    assert result.files == {"rejection.json"}
    assert result.status == code
    document = result.rejection
    assert (document["schema"], document["subject"], document["reason_code"]) == (1, "R01-001", code)
    assert document["message"]
    assert document["details"]


@pytest.mark.parametrize(("build", "code"), CASES.values(), ids=CASES.keys())
def test_a_study_that_cannot_be_processed_honestly_is_refused(
    tmp_path: Path, build: Callable[[Path], None], code: str
) -> None:
    build(tmp_path / "in")
    _assert_rejected(run_study(tmp_path / "in", tmp_path / "out"), code)


def test_a_damaged_file_is_named_and_counted(tmp_path: Path) -> None:
    _damaged_file(tmp_path / "in")
    details = run_study(tmp_path / "in", tmp_path / "out").rejection["details"]
    assert details == {"count": 1, "files": ["bad.dcm"]}


def test_an_incomplete_study_says_how_much_is_here(tmp_path: Path) -> None:
    _half_uploaded(tmp_path / "in")
    details = run_study(tmp_path / "in", tmp_path / "out").rejection["details"]
    assert details == {"referenced": 12, "found": 9}


def test_regions_on_different_series_are_not_mixed(tmp_path: Path) -> None:
    _regions_on_two_series(tmp_path / "in")
    result = run_study(tmp_path / "in", tmp_path / "out", rule=RoiRule(policy=RoiPolicy.UNION))
    _assert_rejected(result, "CT_AMBIGUOUS")


def test_a_pattern_that_matches_nothing(tmp_path: Path) -> None:
    save_study(tmp_path / "in", SCAN)
    result = run_study(tmp_path / "in", tmp_path / "out", rule=RoiRule(label="^GTV"))
    _assert_rejected(result, "ROI_NOT_FOUND")
    assert result.rejection["details"]["labels"] == ["Tumour"]


@pytest.mark.parametrize(
    "limits",
    [Limits(files=3), Limits(study_bytes=9_000), Limits(file_bytes=900), Limits(voxels=5_000), Limits(frames=2)],
)
def test_budgets_are_checked(tmp_path: Path, limits: Limits) -> None:
    save_study(tmp_path / "in", SCAN)
    _assert_rejected(run_study(tmp_path / "in", tmp_path / "out", limits=limits), "INPUT_TOO_LARGE")


def _deflated(plain: bytes) -> bytes:
    meta_end = 144 + int.from_bytes(plain[140:144], "little")
    syntax = b"UI\x14\x001.2.840.10008.1.2.1\0", b"UI\x16\x00" + DeflatedExplicitVRLittleEndian.encode()
    meta = plain[:meta_end].replace(*syntax)
    deflate = zlib.compressobj(wbits=-15)
    length = (len(meta) - 144).to_bytes(4, "little")
    return meta[:140] + length + meta[144:] + deflate.compress(plain[meta_end:]) + deflate.flush()


def test_a_deflated_file_is_read(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", SCAN)
    for file in (study / "ct-a").iterdir():
        file.write_bytes(_deflated(file.read_bytes()))
    run_study(study, tmp_path / "out").assert_right_in_patient_space()


def test_a_deflated_file_is_inflated_within_the_budget(tmp_path: Path) -> None:
    content = _deflated(save(ct_slice(SCAN, 0), tmp_path / "plain").read_bytes())
    assert len(content) < 3_000
    with pytest.raises(StudyRejectedError) as caught:
        read_study([SourceFile("deflated", content)], Limits(file_bytes=3_000))
    assert caught.value.code is ReasonCode.INPUT_TOO_LARGE


def test_a_rejection_replaces_the_result_of_an_earlier_run(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", SCAN)
    assert run_study(study, tmp_path / "out").files > {"features.json"}
    _damaged_file(study)
    _assert_rejected(run_study(study, tmp_path / "out"), "UNREADABLE_DICOM")
