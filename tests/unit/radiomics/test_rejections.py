"""Each reason code, with its numbers, and never a result beside it."""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from local.synthetic.dicom import ct_reference
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
OTHER = replace(SCAN, name="b")


Build = Callable[[Path], None]


def _apart(
    ct: Scan | None = SCAN,
    seg: Scan | None = SCAN,
    skip: Iterable[int] = (),
    edit: Callable[[Dataset], object] | None = None,
    **options: Any,
) -> Build:
    """Save a CT without some slices and an edited segmentation: each may be absent, or of another scan."""

    def build(folder: Path) -> None:
        if ct is not None:
            save_ct(folder, ct, skip=[*skip])
        if seg is not None:
            dataset = segmentation(seg, SegOptions(**options))
            if edit is not None:
                edit(dataset)
            save(dataset, folder / "seg")

    return build


def _without(keyword: str) -> Callable[[Dataset], None]:
    return lambda dataset: delattr(dataset, keyword)


def _added(k: int, edit: Callable[[Dataset], object], **changes: Any) -> Build:
    """Save a whole study and one edited CT slice beside it."""

    def build(folder: Path) -> None:
        save_study(folder, SCAN)
        dataset = ct_slice(SCAN, k, **changes)
        edit(dataset)
        save(dataset, folder / "added")

    return build


def _replaced(edit: Callable[[Dataset], object]) -> Build:
    """Save a whole study with one edited CT slice."""

    def build(folder: Path) -> None:
        save_study(folder, SCAN)
        dataset = ct_slice(SCAN, 4)
        edit(dataset)
        for file in (folder / "ct-a").iterdir():
            if file.name.endswith("004"):
                save(dataset, file)

    return build


def _moved(axis: int) -> Build:
    def move(dataset: Dataset) -> None:
        dataset.ImagePositionPatient[axis] += 0.4

    return _replaced(move)


def _shortened(place: str) -> Build:
    def build(folder: Path) -> None:
        save_study(folder, SCAN)
        victim = next(path for path in sorted((folder / place).iterdir()))
        victim.write_bytes(victim.read_bytes()[:-500])

    return build


def _file(name: str | None, content: bytes = b"") -> Build:
    """Save a folder that holds one file, or none."""

    def build(folder: Path) -> None:
        folder.mkdir()
        if name is not None:
            (folder / name).write_bytes(content)

    return build


def _only_localizers(folder: Path) -> None:
    scout = ct_slice(SCAN, 0)
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    save(scout, folder / "scout")
    save(segmentation(SCAN), folder / "seg")


def _damaged_file(folder: Path) -> None:
    save_study(folder, SCAN)
    (folder / "bad.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 400)


def _nowhere(points: Points) -> NDArray[np.bool_]:
    return np.zeros(points.shape[:-1], np.bool_)


def _in_air(points: Points) -> NDArray[np.bool_]:
    return np.asarray(points[..., 0] > 18.5)


def _blackened_twin(dataset: Dataset) -> None:
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(uid("twin"))
    dataset.PixelData = bytes(len(dataset.PixelData))


def _two_images_of_one_place(folder: Path) -> None:
    """Both are named by the segmentation, so that it does not tell which is meant."""
    _added(4, _blackened_twin)(folder)
    seg = segmentation(SCAN)
    seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence.append(ct_reference(uid("twin")))
    save(seg, folder / "seg" / "1-1.dcm")


def _brightened(dataset: Dataset) -> None:
    dataset.PixelData = b"\xff\xff" * (len(dataset.PixelData) // 2)


def _two_frames_at_one_place(seg: Dataset) -> None:
    groups = seg.PerFrameFunctionalGroupsSequence
    groups[1].PlanePositionSequence = groups[0].PlanePositionSequence


def _first_frame_unplaced(seg: Dataset) -> None:
    del seg.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence


def _two_equal_series(folder: Path) -> None:
    save_ct(folder, OTHER)
    save_study(folder, SCAN, SegOptions(references="none"))


def _regions_on_two_series(folder: Path) -> None:
    save_ct(folder, OTHER)
    save_study(folder, SCAN)
    save(segmentation(OTHER, SegOptions(name="t")), folder / "seg2")


HALF_UPLOADED = _apart(skip=(0, 1, 2))
CASES: dict[str, tuple[Build, str]] = {
    "no_ct": (_apart(ct=None), "NO_CT"),
    "only_localizers": (_only_localizers, "NO_CT"),
    "no_segmentation": (_apart(seg=None), "NO_SEGMENTATION"),
    "damaged_file": (_damaged_file, "UNREADABLE_DICOM"),
    "truncated_pixels": (_shortened("ct-a"), "UNREADABLE_DICOM"),
    "truncated_segmentation": (_shortened("seg"), "UNREADABLE_DICOM"),
    "other_series": (_apart(seg=OTHER), "SEG_REFERENCES_OTHER_SERIES"),
    "empty_mask": (_apart(regions={"Tumour": _nowhere}, skip_empty=False), "EMPTY_MASK"),
    "no_segment": (_apart(edit=_without("SegmentSequence")), "EMPTY_MASK"),
    "outside_the_ct": (_apart(ct=FAR_AWAY), "GEOMETRY_MISMATCH"),
    "partly_outside_the_ct": (_apart(ct=replace(SCAN, centre=(1.03, -0.91, 17.0))), "GEOMETRY_MISMATCH"),
    "half_uploaded": (HALF_UPLOADED, "INCOMPLETE_STUDY"),
    "missing_slice": (_apart(skip=(4,), references="none"), "MISSING_SLICES"),
    "single_slice": (_apart(skip=range(1, SCAN.slices), references="none"), "MISSING_SLICES"),
    "uneven_slice": (_moved(axis=2), "UNEVEN_SLICES"),
    "sideways_slice": (_moved(axis=0), "UNEVEN_SLICES"),
    "contradicting_slices": (_two_images_of_one_place, "DUPLICATE_SLICES"),
    "contradicting_frames": (_apart(edit=_two_frames_at_one_place), "DUPLICATE_SLICES"),
    "mixed_patients": (_added(0, lambda dataset: None, patient="P2"), "MIXED_PATIENTS"),
    "two_equal_series": (_two_equal_series, "CT_AMBIGUOUS"),
    "two_segments": (_apart(regions={"Tumour": tumour, "Vessel": vessel}), "ROI_AMBIGUOUS"),
    "no_position": (_added(0, _without("ImagePositionPatient")), "UNSUPPORTED_DICOM"),
    "unplaced_frames": (_apart(edit=_first_frame_unplaced), "UNSUPPORTED_DICOM"),
    "no_rescale": (_added(0, _without("RescaleIntercept")), "UNSUPPORTED_DICOM"),
    "beyond_int16": (_replaced(_brightened), "UNSUPPORTED_DICOM"),
    "mask_in_air": (_apart(regions={"Air": _in_air}), "QC_REFUSED"),
    "nothing": (_file(None), "EMPTY_STUDY"),
    "nothing_dicom": (_file("readme.dcm", b"not DICOM"), "EMPTY_STUDY"),
}


def _assert_rejected(result: Result, code: str) -> None:
    assert result.files == {"rejection.json"}
    assert result.status == code
    document = result.rejection
    assert (document["schema"], document["subject"], document["reason_code"]) == (1, "R01-001", code)
    assert document["message"]
    assert document["details"]


@pytest.mark.parametrize(("build", "code"), CASES.values(), ids=CASES.keys())
def test_a_study_that_is_not_supported_is_rejected(tmp_path: Path, build: Build, code: str) -> None:
    build(tmp_path / "in")
    _assert_rejected(run_study(tmp_path / "in", tmp_path / "out"), code)


def test_a_damaged_file_is_named_and_counted(tmp_path: Path) -> None:
    _damaged_file(tmp_path / "in")
    details = run_study(tmp_path / "in", tmp_path / "out").rejection["details"]
    assert details == {"count": 1, "files": ["bad.dcm"]}


def test_an_incomplete_study_says_how_much_is_here(tmp_path: Path) -> None:
    HALF_UPLOADED(tmp_path / "in")
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
