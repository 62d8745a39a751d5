"""Every file that pydicom ships, many of them malformed, as a study and beside a good one: a result or a reason."""

import resource
import shutil
import sys
import zipfile
from pathlib import Path

import pydicom
import pytest

from radiomics_job.dicom.sources import DICOM_MARK
from radiomics_job.errors import ReasonCode
from radiomics_job.limits import MEBIBYTE, Limits
from tests.builders.dicom import Scan, save_study
from tests.fuzz.oracle import ACCEPTED, NOT_THE_STUDYS, REJECTED, memory_bound, watched
from tests.unit.radiomics.support import Result, run_study

CORPUS = Path(pydicom.__file__).parent / "data"
FILES = sorted(path for path in CORPUS.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"})
"""Those inside the package: pydicom.data would also offer files that it downloads."""

LIMITS = Limits(file_bytes=8 * MEBIBYTE, study_bytes=32 * MEBIBYTE, frames=500, voxels=4_000_000)
SCAN = Scan(columns=22, rows=19, slices=6, spacing=(2.1, 1.9), step=5.3)
SLOWEST_SECONDS = 20

WITHOUT_MARK = {"ExplVR_LitEndNoMeta.dcm", "rtstruct.dcm", "zipMR.gz"}
"""DICOM all the same: two have no preamble, one is packed."""

BROKEN_BESIDE = {ReasonCode.UNREADABLE_DICOM, ReasonCode.UNSUPPORTED_DICOM, ReasonCode.MIXED_PATIENTS}
"""What a file of someone else's may do to a good study; never change its voxels."""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_study(tmp_path_factory.mktemp("good") / "in", SCAN)


@pytest.fixture(autouse=True)
def _memory_stays_bounded() -> object:
    before = _peak_bytes()
    yield
    assert _peak_bytes() - before <= memory_bound(LIMITS)


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _identity(path: Path) -> str:
    return path.relative_to(CORPUS).as_posix()


def _run(source: Path) -> Result:
    """Process a study; whatever happens, it ends in exactly one kind of result and touches nothing else."""
    place = source.parent
    with watched(place / "out", place / ".scratch") as writes:
        result = run_study(source, place / "out", limits=LIMITS)
    assert writes == []
    if result.status in {"accept", "warn"}:
        assert result.files == ACCEPTED
    else:
        assert result.status in set(ReasonCode) - NOT_THE_STUDYS
        assert result.files == REJECTED
        assert result.rejection["reason_code"] == result.status
        assert result.rejection["message"]
    return result


def _is_dicom(path: Path) -> bool:
    return path.name in WITHOUT_MARK or path.read_bytes()[128:132] == DICOM_MARK


def test_the_corpus_is_there() -> None:
    names = {path.name for path in FILES}
    assert {"badVR.dcm", "no_meta.dcm", "rtplan_truncated.dcm", "rtstruct.dcm", "MR_truncated.dcm"} <= names
    assert sum(map(_is_dicom, FILES)) >= 70


@pytest.mark.timeout(SLOWEST_SECONDS)
@pytest.mark.parametrize("file", FILES, ids=_identity)
def test_alone_it_is_refused_for_a_reason(tmp_path: Path, file: Path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copyfile(file, tmp_path / "in" / file.name)
    result = _run(tmp_path / "in")
    assert result.files == REJECTED  # none is a CT with its segmentation
    if not _is_dicom(file):
        assert result.status == "EMPTY_STUDY"


@pytest.mark.timeout(SLOWEST_SECONDS)
@pytest.mark.parametrize("file", FILES, ids=_identity)
def test_beside_a_good_study_it_changes_no_voxel(tmp_path: Path, good: Path, file: Path) -> None:
    shutil.copytree(good, tmp_path / "in")
    shutil.copyfile(file, tmp_path / "in" / file.name)
    result = _run(tmp_path / "in")
    if result.files == ACCEPTED:
        result.assert_right_in_patient_space()
    else:
        assert _is_dicom(file)
        assert result.status in BROKEN_BESIDE


@pytest.mark.timeout(SLOWEST_SECONDS)
@pytest.mark.parametrize("archived", [False, True])
def test_all_of_them_together_are_refused(tmp_path: Path, good: Path, archived: bool) -> None:
    shutil.copytree(good, tmp_path / "in")
    for number, file in enumerate(FILES):
        shutil.copyfile(file, tmp_path / "in" / f"{number:03d}-{file.name}")
    if archived:
        with zipfile.ZipFile(tmp_path / "in.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted((tmp_path / "in").rglob("*")):
                archive.write(path, path.relative_to(tmp_path / "in"))
    result = _run(tmp_path / ("in.zip" if archived else "in"))
    assert result.status == "UNREADABLE_DICOM"
    assert result.rejection["details"]["count"] >= 1


@pytest.mark.timeout(SLOWEST_SECONDS)
def test_half_of_each_file_is_no_surprise_either(tmp_path: Path) -> None:
    for number, file in enumerate(filter(_is_dicom, FILES)):
        content = file.read_bytes()
        folder = tmp_path / str(number) / "in"
        folder.mkdir(parents=True)
        for part in (2, 3):
            (folder / f"{part}").write_bytes(content[: len(content) // part])
        assert _run(folder).files == REJECTED
