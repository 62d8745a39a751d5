"""What the chaos suite and the proof of permissions build on: faults by chance, and records of calls."""

import json
from pathlib import Path

from local.emulator.calls import Calls, role_name
from local.emulator.faults import LOG, SWITCH, Faults


def strikes(folder: Path, rate: float) -> list[bool]:
    faults = Faults(folder, {"seed": 7, "throttled": rate})
    return [faults.strike("throttled") for _ in range(200)]


def test_nothing_fails_unless_it_is_switched_on(tmp_path: Path) -> None:
    assert not any(strikes(tmp_path, 1))
    (tmp_path / SWITCH).touch()
    assert all(strikes(tmp_path, 1))
    assert not any(strikes(tmp_path, 0))


def test_the_same_seed_fails_the_same_and_every_fault_is_written_down(tmp_path: Path) -> None:
    (tmp_path / SWITCH).touch()
    first, second = strikes(tmp_path, 0.3), strikes(tmp_path, 0.3)
    assert first == second
    assert 30 < sum(first) < 90
    assert (tmp_path / LOG).read_text().split() == ["throttled"] * (sum(first) + sum(second))


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
