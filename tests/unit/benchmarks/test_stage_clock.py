"""Stages of one process."""

import json
import sys
import time
from pathlib import Path

import pytest

from benchmarks.stage_clock import REST, START_UP, StageClock


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def cpu(clock: StageClock, stage: str) -> float:
    return clock.stages[stage]["cpu_s"]


def test_what_was_used_before_is_the_start_up() -> None:
    before = time.process_time()
    assert cpu(StageClock(), START_UP) >= before


def test_a_stage_inside_another_interrupts_it() -> None:
    clock = StageClock()
    with clock.stage("outer"):
        burn(0.05)
        with clock.stage("inner"):
            burn(0.2)
    assert cpu(clock, "inner") >= 0.2
    assert 0.05 <= cpu(clock, "outer") < 0.2


def test_stages_add_up_to_the_whole() -> None:
    clock = StageClock()
    with clock.stage("work"):
        burn(0.05)
    burn(0.05)
    with clock.stage("work"):
        burn(0.05)
    total = sum(entry["cpu_s"] for entry in clock.stages.values())
    assert cpu(clock, "work") >= 0.1
    assert cpu(clock, REST) >= 0.05
    assert total == pytest.approx(time.process_time(), abs=0.05)


def test_a_stage_that_fails_is_charged_and_closed() -> None:
    clock = StageClock()

    def fail() -> None:
        burn(0.05)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        clock.timed("work", fail)()
    burn(0.05)
    with clock.stage("next"):
        pass
    assert cpu(clock, REST) >= 0.05
    assert cpu(clock, "work") >= 0.05


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of resident memory")
def test_the_peak_belongs_to_the_stage_that_had_it() -> None:
    clock = StageClock()
    with clock.stage("large"):
        held = bytearray(b"x") * 200_000_000
        del held
    with clock.stage("small"):
        pass
    assert clock.stages["large"]["peak_bytes"] - clock.stages["small"]["peak_bytes"] > 150_000_000


def test_a_timed_function_does_what_it_did() -> None:
    clock = StageClock()
    assert clock.timed("division", divmod)(17, 5) == (3, 2)
    assert "division" in clock.stages


def test_stages_are_written_as_json(tmp_path: Path) -> None:
    clock = StageClock()
    clock.write(tmp_path / "stages.json")
    assert set(json.loads((tmp_path / "stages.json").read_text())) == {START_UP, REST}
