"""The imaging benchmark's parts: its study, its agreement check and the clock around the job."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from benchmarks.imaging_agreement import RESULTS, compare, different_features, same_volume
from benchmarks.imaging_study import TUMOUR_DIAMETER_MM, fine_phantom, study_spec, write_study
from benchmarks.job_stages import TIMED, find
from benchmarks.runs import ROOT, THREADS, environment
from benchmarks.stage_clock import REST, STAGES
from radiomics_job.feature_names import ORIGINAL_FEATURES


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_study(folder, 64, 40)
    return folder


@pytest.fixture(scope="module")
def job_results(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results and stages of the job on the study, with the clock around it."""
    folder = tmp_path_factory.mktemp("results")
    command = [sys.executable, "-m", "benchmarks.job_stages", "--stages", str(folder / "stages.json"), "--"]
    arguments = ["--input-dir", str(study), "--output-dir", str(folder)]
    subprocess.run([*command, *arguments], cwd=ROOT, env=environment(), check=True, capture_output=True)
    return folder


# --- the study --------------------------------------------------------------------------------------------------------


def _digest(folder: Path) -> str:
    files = sorted(folder.rglob("*.dcm"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def test_the_study_is_the_same_every_time(study: Path, tmp_path: Path) -> None:
    write_study(tmp_path, 64, 40)
    assert _digest(tmp_path) == _digest(study)


def test_the_tumour_is_a_sphere_of_the_stated_size() -> None:
    phantom = fine_phantom(study_spec(128, 100))
    volume = phantom.mask.sum() * abs(np.linalg.det(phantom.affine))
    assert volume == pytest.approx(np.pi / 6 * TUMOUR_DIAMETER_MM**3, rel=0.02)
    assert np.median(phantom.ct[phantom.mask]) == pytest.approx(20, abs=40)


def test_frames_run_from_inferior_to_superior_and_cover_the_tumour_only(study: Path) -> None:
    (path,) = (path for path in study.rglob("*.dcm") if pydicom.dcmread(path).Modality == "SEG")
    dataset = pydicom.dcmread(path)
    heights = [
        float(frame.PlanePositionSequence[0].ImagePositionPatient[2])
        for frame in dataset.PerFrameFunctionalGroupsSequence
    ]
    assert heights == sorted(heights)
    assert len(heights) < 10
    assert dataset.pixel_array.any(axis=(1, 2)).all()


# --- the job, clocked -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TIMED)
def test_every_timed_function_is_there(name: str) -> None:
    assert callable(find(name))
    assert TIMED[name] in STAGES


def test_every_stage_of_the_job_is_seen(job_results: Path) -> None:
    stages = json.loads((job_results / "stages.json").read_text())
    assert set(stages) == set(STAGES)
    work = {name: entry["cpu_s"] for name, entry in stages.items()}
    assert all(seconds > 0 for seconds in work.values())
    assert work[REST] < 0.5 * sum(work.values())


def test_the_clocked_job_does_the_whole_work(job_results: Path) -> None:
    results = job_results / "study"
    assert {path.name for path in results.iterdir()} == set(RESULTS)
    features = json.loads((results / "features.json").read_text())["rois"][0]["features"]
    assert all(features[name] is not None for name in ORIGINAL_FEATURES)


def test_both_sides_get_the_threads_of_the_image() -> None:
    dockerfile = (ROOT / "containers/radiomics/Dockerfile").read_text(encoding="utf-8")
    assert dict(re.findall(r"(\w*THREADS)=(\d+)", dockerfile)) == THREADS


def test_the_environment_leaves_out_what_changes_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    assert not [name for name in environment() if name.startswith("PYTHON")]


# --- agreement --------------------------------------------------------------------------------------------------------

SAME: dict[str, float | None] = dict.fromkeys(ORIGINAL_FEATURES, 2.0)
NAME = ORIGINAL_FEATURES[7]


@pytest.mark.parametrize(
    ("value", "differs"), [(2.0, False), (2.0 + 1e-7, False), (2.0001, True), (None, True), (float("nan"), True)]
)
def test_a_feature_agrees_within_the_tolerance(value: float | None, differs: bool) -> None:
    assert (NAME in different_features(SAME, SAME | {NAME: value})) is differs


def test_a_feature_that_is_not_there_differs() -> None:
    without = {name: value for name, value in SAME.items() if name != NAME}
    assert set(different_features(SAME, without)) == {NAME}
    assert set(different_features(without, SAME)) == {NAME}


def _save(path: Path, voxels: NDArray[np.generic], affine: NDArray[np.float64]) -> Path:
    nibabel.save(nibabel.Nifti1Image(voxels, affine), path)  # type: ignore[no-untyped-call]
    return path


@pytest.fixture
def volume() -> NDArray[np.int16]:
    return np.arange(60, dtype=np.int16).reshape(3, 4, 5)


def test_volumes_are_compared_where_they_lie_in_the_patient(tmp_path: Path, volume: NDArray[np.int16]) -> None:
    ours = _save(tmp_path / "ours.nii.gz", volume, np.eye(4))
    flipped = np.diag([1.0, -1.0, 1.0, 1.0])
    flipped[1, 3] = volume.shape[1] - 1
    theirs = _save(tmp_path / "theirs.nii.gz", volume[:, ::-1].astype(np.float64), flipped)
    assert same_volume(theirs, ours)


@pytest.mark.parametrize("change", ["voxel", "place", "shape", "order"])
def test_another_volume_is_noticed(tmp_path: Path, volume: NDArray[np.int16], change: str) -> None:
    ours = _save(tmp_path / "ours.nii.gz", volume, np.eye(4))
    affine, other = np.eye(4), volume.copy()
    if change == "voxel":
        other[1, 2, 3] += 1
    elif change == "place":
        affine[2, 3] = 0.1
    else:
        other = other[:, :, 1:] if change == "shape" else other[:, ::-1]
    assert not same_volume(_save(tmp_path / "theirs.nii.gz", other, affine), ours)


def test_results_compared_with_themselves_agree(job_results: Path, tmp_path: Path) -> None:
    results = job_results / "study"
    features = json.loads((results / "features.json").read_text())["rois"][0]["features"]
    (tmp_path / "features.json").write_text(json.dumps(features))
    for name in ("ct.nii.gz", "seg.nii.gz"):
        (tmp_path / name).symlink_to(results / name)
    agreement = compare(tmp_path, results)
    assert (agreement.agreeing, agreement.differing, agreement.results) == (120, {}, RESULTS)
    assert agreement.same_ct
    assert agreement.same_mask


@pytest.mark.parametrize(("name", "content"), [("overlay.png", b"GIF89a"), ("qc.json", b"{"), ("qc.json", b"")])
def test_a_result_file_that_is_not_whole_is_not_counted(
    job_results: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    for result in RESULTS:
        (ours / result).write_bytes((job_results / "study" / result).read_bytes())
        (theirs / result).write_bytes((job_results / "study" / result).read_bytes())
    (ours / name).write_bytes(content)
    assert set(compare(theirs, ours).results) == set(RESULTS) - {name}
