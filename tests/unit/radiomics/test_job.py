"""The command line: folder mode, job.json mode, exit codes."""

import csv
import gzip
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from radiomics_job.cli import main
from radiomics_job.dicom.study_folder import is_one_study
from tests.builders.dicom import Scan, save, save_ct, save_study, segmentation, uid

SCAN = Scan(slices=10, step=3.7)


def _run(tmp_path: Path, *more: str) -> int:
    return main(["--input-dir", str(tmp_path / "in"), "--output-dir", str(tmp_path / "out"), "--workers", "2", *more])


def _job(**changes: Any) -> dict[str, Any]:
    unit = {
        "unit_id": "imaging#d#s#t",
        "dataset": "d",
        "subject": "s",
        "study": "t",
        "path": "d/s/t",
        "content_version": "g1",
    }
    job = {
        "schema": 1,
        "job_id": "img-0123456789ab",
        "run_id": "r",
        "image": "uri",
        "units": [unit, unit | {"study": "absent", "path": "d/s/absent.zip"}],
        "datasets": {"d": {"params": "ct", "roi": {"label": None, "property_code": None, "policy": "single"}}},
    }
    return job | changes


def _write_job(path: Path, job: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(job))


def test_every_folder_is_a_study_and_none_touches_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_study(tmp_path / "in" / "good", SCAN)
    save_ct(tmp_path / "in" / "bad", SCAN)
    (tmp_path / "in" / "readme.txt").write_text("not a study")
    (tmp_path / "in" / "__MACOSX" / "good").mkdir(parents=True)
    assert _run(tmp_path) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"good", "bad", "features.csv"}
    assert (tmp_path / "out" / "good" / "features.json").exists()
    assert json.loads((tmp_path / "out" / "bad" / "rejection.json").read_text())["reason_code"] == "NO_SEGMENTATION"
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [event["event"] for event in events] == ["job_started", "study_ended", "study_ended", "job_ended"]
    assert events[-1] | {"accept": 1, "rejected": 1, "results": str(tmp_path / "out")} == events[-1]
    reasons = {event["subject"]: event.get("reason_code") for event in events[1:3]}
    assert reasons == {"good": None, "bad": "NO_SEGMENTATION"}
    with (tmp_path / "out" / "features.csv").open() as table:
        (row,) = csv.DictReader(table)
    features = json.loads((tmp_path / "out" / "good" / "features.json").read_text())["rois"][0]
    assert (row["subject"], row["label"], row["status"]) == ("good", features["label"], "accept")
    assert {name: float(row[name]) for name in features["features"]} == features["features"]


@pytest.mark.parametrize("study", ["1.3.6.1.4.1.32722.99.1", "09-06-1990-NA-CT CHEST-12345"])
@pytest.mark.parametrize("given", ["R01-001", "R01-001/{study}"])
def test_studies_as_archives_name_them_are_of_the_patient_whose_folder_they_lie_in(
    study: str, given: str, tmp_path: Path
) -> None:
    save_study(tmp_path / "in" / "R01-001" / study, SCAN)
    arguments = ["--input-dir", str(tmp_path / "in" / given.format(study=study)), "--output-dir", str(tmp_path / "out")]
    assert main(arguments) == 0
    with (tmp_path / "out" / "features.csv").open() as table:
        (row,) = csv.DictReader(table)
    assert (row["subject"], row["study"]) == ("R01-001", study)


def test_a_folder_of_files_is_a_study_itself(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, file in enumerate(path for path in save_study(tmp_path / "study", SCAN).rglob("*") if path.is_file()):
        file.rename(tmp_path / "in" / str(number))
    assert _run(tmp_path) == 0
    assert json.loads((tmp_path / "out" / "in" / "features.json").read_text())["subject"] == "in"


def test_a_job_by_hand_that_measures_nothing_ends_with_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    assert _run(tmp_path) == 2
    assert "no study in it" in json.loads(capsys.readouterr().err)["message"]
    save_ct(tmp_path / "in" / "bad", SCAN)
    assert _run(tmp_path) == 3
    ended = json.loads(capsys.readouterr().err.splitlines()[1])
    assert (ended["reason_code"], ended["message"][:28]) == ("NO_SEGMENTATION", "The study has a CT but no se")
    assert not (tmp_path / "out" / "features.csv").exists()
    _write_job(tmp_path / "job.json", _job(units=_job()["units"][1:]))
    assert _run(tmp_path, "--job", str(tmp_path / "job.json")) == 0  # whoever described it reads the rejections


def test_a_job_description_names_the_studies(tmp_path: Path) -> None:
    save_study(tmp_path / "in" / "d" / "s" / "t", SCAN)
    _write_job(tmp_path / "job" / "job.json", _job())
    assert _run(tmp_path, "--job", str(tmp_path / "job" / "job.json")) == 0
    features = json.loads((tmp_path / "out" / "d" / "s" / "t" / "features.json").read_text())
    run = {"run_id": "r", "job_id": "img-0123456789ab", "content_version": "g1"}
    assert (features["subject"], features["run"]) == ("s", run)
    rejection = json.loads((tmp_path / "out" / "d" / "s" / "absent" / "rejection.json").read_text())
    assert (rejection["reason_code"], rejection["run"]["content_version"]) == ("EMPTY_STUDY", "g1")


def test_log_lines_of_a_described_job_name_no_subject(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_study(tmp_path / "in" / "d" / "R01-777" / "t", SCAN)
    unit = _job()["units"][0] | {"subject": "R01-777", "path": "d/R01-777/t", "correlation_id": "d3389fb3e70c7714"}
    _write_job(tmp_path / "in" / "job.json", _job(units=[unit, unit | {"study": "u", "path": "d/R01-777/u"}]))
    assert _run(tmp_path) == 0
    said = capsys.readouterr().err
    assert "R01-777" not in said
    ended = [json.loads(line) for line in said.splitlines() if "study_ended" in line]
    assert [event["correlation_id"] for event in ended] == ["d3389fb3e70c7714"] * 2


def test_a_job_description_in_the_input_folder_is_found(tmp_path: Path) -> None:
    save_study(tmp_path / "in" / "d" / "s" / "t", SCAN)
    _write_job(tmp_path / "in" / "job.json", _job(units=_job()["units"][:1]))
    assert _run(tmp_path) == 0
    assert (tmp_path / "out" / "d" / "s" / "t" / "features.json").exists()


@pytest.mark.parametrize(
    "job",
    [
        _job(schema=2),
        _job(units="all"),
        _job(units=[_job()["units"][0] | {"path": "../elsewhere"}]),
        _job(units=[_job()["units"][0] | {"path": "/elsewhere"}]),
        _job(units=[_job()["units"][0] | {"path": "."}]),
        _job(units=[_job()["units"][0] | {"study": "../t"}]),
        _job(units=[_job()["units"][0] | {"subject": ".."}]),
        _job(units=[_job()["units"][0] | {"subject": "a\n"}]),
        _job(units=[_job()["units"][0] | {"subject": "\ud800"}]),
        _job(units=[_job()["units"][0], _job()["units"][0]]),
        _job(datasets={}),
        _job(datasets={"d": {"params": "no_such_parameters"}}),
        _job(datasets={"d": {"params": "ct", "roi": {"label": "("}}}),
        _job(datasets={"d": {"params": "ct", "roi": {"policy": "first"}}}),
    ],
    ids=[
        "schema",
        "units",
        "parent",
        "absolute",
        "whole",
        "name",
        "up",
        "control",
        "surrogate",
        "twice",
        "dataset",
        "params",
        "pattern",
        "policy",
    ],
)
def test_a_wrong_job_description_ends_the_job(
    tmp_path: Path, job: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    _write_job(tmp_path / "job.json", job)
    assert _run(tmp_path, "--job", str(tmp_path / "job.json")) == 2
    assert json.loads(capsys.readouterr().err)["event"] == "invalid_job"


def test_results_of_an_earlier_run_are_no_study(tmp_path: Path) -> None:
    (tmp_path / "in" / "out" / "earlier").mkdir(parents=True)
    assert main(["--input-dir", str(tmp_path / "in"), "--output-dir", str(tmp_path / "in" / "out")]) == 2
    assert [path.name for path in (tmp_path / "in" / "out").iterdir()] == ["earlier"]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("segmentation_beside", [False, True])
def test_a_study_of_series_folders_is_one_study(tmp_path: Path, segmentation_beside: bool, packed: bool) -> None:
    save_study(tmp_path / "in", SCAN)
    if segmentation_beside:
        shutil.move(tmp_path / "in" / "seg" / "1-1.dcm", tmp_path / "in" / "seg.dcm")
        (tmp_path / "in" / "seg").rmdir()
    for file in [path for path in (tmp_path / "in").rglob("*") if path.is_file() and packed]:
        file.write_bytes(gzip.compress(file.read_bytes()))
    assert _run(tmp_path) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"in", "features.csv"}


def test_a_zip_is_one_study(tmp_path: Path) -> None:
    save_study(tmp_path / "in", SCAN)
    archive = shutil.make_archive(str(tmp_path / "R01-001"), "zip", tmp_path / "in")
    assert main(["--input-dir", archive, "--output-dir", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "R01-001" / "features.json").exists()


@pytest.mark.parametrize("name", ["absent", "absent.zip", "a.dcm"])
def test_what_is_no_folder_and_no_zip_is_no_input(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.dcm").touch()
    assert main(["--input-dir", str(tmp_path / name), "--output-dir", str(tmp_path / "out")]) == 2


def test_folders_of_two_studies_are_not_one(tmp_path: Path) -> None:
    save_ct(tmp_path, SCAN)
    other = segmentation(SCAN)
    other.StudyInstanceUID = uid("another study")
    save(other, tmp_path / "seg" / "1.dcm")
    (images,) = tmp_path.glob("ct-*")
    assert not is_one_study([images, tmp_path / "seg"])
    assert not is_one_study([images])
    save(segmentation(SCAN), tmp_path / "seg" / "1.dcm")
    assert is_one_study([images, tmp_path / "seg"])
    assert not is_one_study([tmp_path, tmp_path / "seg"]), "a folder with both is a study"


def test_results_are_not_put_into_the_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_study(tmp_path / "in", SCAN)
    assert main(["--input-dir", str(tmp_path / "in"), "--output-dir", str(tmp_path / "in" / "out")]) == 2
    assert "Put it elsewhere" in capsys.readouterr().err


def test_another_job_on_the_same_output_folder_keeps_its_scratch_files(tmp_path: Path) -> None:
    save_study(tmp_path / "in" / "study", SCAN)
    other = tmp_path / "out" / ".radiomics-job" / "0" / "ct.nii.gz"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"half written by the other job")
    assert _run(tmp_path) == 0
    assert other.exists()


def test_a_study_whose_name_is_not_text_is_processed(tmp_path: Path) -> None:
    save_ct(tmp_path / "in" / "\udcff", SCAN)
    assert _run(tmp_path) == 3
    assert json.loads((tmp_path / "out" / "\udcff" / "rejection.json").read_text())["subject"] == "?"


def test_it_runs_as_a_module(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    _write_job(tmp_path / "in" / "job.json", _job(units=[]))
    command = [
        sys.executable,
        "-m",
        "radiomics_job",
        "--input-dir",
        str(tmp_path / "in"),
        "--output-dir",
        str(tmp_path),
    ]
    source = str(Path(__file__).parents[3] / "containers" / "radiomics" / "src")
    ended = subprocess.run(command, env={"PYTHONPATH": source}, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_behind(tmp_path: Path, kind: signal.Signals) -> None:
    script = (
        "import os, pathlib, sys, time\n"
        "from radiomics_job import cli\n"
        "def slow(task):\n"
        "    pathlib.Path(sys.argv[1], 'pid').write_text(str(os.getpid()))\n"
        "    time.sleep(60)\n"
        "cli.process_all.__defaults__ = (slow,)\n"
        "cli.main(['--input-dir', sys.argv[1] + '/in', '--output-dir', sys.argv[1] + '/out'])\n"
    )
    (tmp_path / "in" / "study").mkdir(parents=True)
    source = str(Path(__file__).parents[3] / "containers" / "radiomics" / "src")
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], env={"PYTHONPATH": source}) as job:
        _wait_until(lambda: (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text()))
        job.send_signal(kind)
    child = Path("/proc", (tmp_path / "pid").read_text())
    _wait_until(lambda: not child.exists() or "State:\tZ" in (child / "status").read_text())


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
