"""What the chaos suite and the proof of permissions build on: faults by chance, and records of calls."""

import json
from pathlib import Path

from local.emulator.calls import Calls, role_name
from local.emulator.faults import LOG, SWITCH, Faults


def strikes(folder: Path, first: int, every: int) -> list[int]:
    """Meet ten occasions of a fault; give the numbers of those that fail."""
    faults = Faults(folder, {"throttled": [first, every]})
    return [number for number in range(1, 11) if faults.strike("throttled")]


def test_nothing_fails_unless_it_is_switched_on_and_planned(tmp_path: Path) -> None:
    assert strikes(tmp_path, 1, 1) == []
    (tmp_path / SWITCH).touch()
    assert strikes(tmp_path, 1, 1) == [*range(1, 11)]
    assert not Faults(tmp_path, {"throttled": [1, 1]}).strike("event_lost")


def test_the_plan_says_which_occasions_fail_and_every_fault_is_written_down(tmp_path: Path) -> None:
    (tmp_path / SWITCH).touch()
    assert strikes(tmp_path, 3, 4) == [3, 7]
    assert (tmp_path / LOG).read_text().split() == ["throttled"] * 2


def test_a_call_is_recorded_once(tmp_path: Path) -> None:
    (tmp_path / "calls.jsonl").write_text("of an earlier cloud\n")
    calls = Calls(tmp_path / "calls.jsonl")
    for resource in ("a", "b", "a"):
        calls.record(role="SweepRole", action="s3:GetObject", denied=resource)
    found = [json.loads(line)["denied"] for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    assert found == ["a", "b"]


def test_sessions_and_roles_have_the_name_of_the_role() -> None:
    assert role_name("arn:aws:sts::000000000000:assumed-role/stack-SweepRole/session") == "stack-SweepRole"
    assert role_name("arn:aws:iam::000000000000:role/stack-SweepRole") == "stack-SweepRole"


def test_a_fault_that_came_too_late_is_the_next_ones(tmp_path: Path) -> None:
    (tmp_path / SWITCH).touch()
    faults = Faults(tmp_path, {"job_memory": [2, 6]})
    assert [faults.is_due("job_memory") for _ in range(2)] == [False, True]
    faults.take_back("job_memory")
    assert [faults.is_due("job_memory") for _ in range(3)] == [True, False, False]
