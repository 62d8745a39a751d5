"""Whatever happens to one study's process is that study's rejection, and nobody else's."""

import ctypes
import errno
import faulthandler
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from radiomics_job.errors import HostFaultError
from radiomics_job.isolation import Outcome, process_all
from radiomics_job.limits import MEBIBYTE, Limits
from radiomics_job.study import StudyTask, process_study
from tests.unit.radiomics.support import task_for

LIMITS = Limits(seconds=1.0, memory_bytes=4096 * MEBIBYTE)


def _segfault(task: StudyTask) -> str:
    faulthandler.disable()  # pytest's, which would print the expected fault
    ctypes.string_at(0)
    return "accept"


def _bug(task: StudyTask) -> str:
    raise KeyError("a bug")


def _endless(task: StudyTask) -> str:
    time.sleep(60)
    return "accept"


def _greedy(task: StudyTask) -> str:
    return str(np.ones(2**33).sum())


def _leave(task: StudyTask) -> str:
    raise SystemExit(7)


def _host(task: StudyTask) -> str:
    raise HostFaultError("disk full")


def _run(tmp_path: Path, bad: Callable[[StudyTask], str]) -> dict[str, Outcome]:
    """Run a bad study between two good ones."""

    def work(task: StudyTask) -> str:
        return bad(task) if task.folder.name == "bad" else "accept"

    tasks = [task_for(tmp_path / "in", tmp_path / name, limits=LIMITS) for name in ("first", "bad", "last")]
    return {outcome.task.folder.name: outcome for outcome in process_all(tasks, workers=2, work=work)}


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (_segfault, "CRASHED"),
        (_bug, "CRASHED"),
        (_leave, "CRASHED"),
        (_endless, "TIME_LIMIT"),
        (_greedy, "MEMORY_LIMIT"),
    ],
)
def test_a_study_that_dies_is_rejected_alone(tmp_path: Path, bad: Callable[[StudyTask], str], code: str) -> None:
    outcomes = _run(tmp_path, bad)
    assert {name: outcome.status for name, outcome in outcomes.items()} == {
        "first": "accept",
        "bad": "rejected",
        "last": "accept",
    }
    rejection = json.loads((tmp_path / "bad" / "rejection.json").read_text())
    assert rejection["reason_code"] == code
    assert rejection["details"]


def test_a_fault_of_the_machine_is_no_rejection(tmp_path: Path) -> None:
    assert _run(tmp_path, _host)["bad"].status == "host_fault"
    assert not (tmp_path / "bad").exists()


def test_a_full_disk_is_a_fault_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("radiomics_job.study.write_json", full)
    with pytest.raises(HostFaultError):
        process_study(task_for(tmp_path / "absent", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_result_that_cannot_be_written_harms_no_other_study(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("a file where the result folder goes")
    outcomes = _run(tmp_path, _bug)
    assert {name: outcome.status for name, outcome in outcomes.items()} == {
        "first": "accept",
        "bad": "host_fault",
        "last": "accept",
    }
