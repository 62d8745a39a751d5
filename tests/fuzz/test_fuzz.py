"""A short, repeatable run of the fuzzer, and proof that it finds what it looks for."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiomics_job import study as job
from radiomics_job.errors import ReasonCode, StudyRejectedError
from radiomics_job.limits import MEBIBYTE
from radiomics_job.roi.placement import PlacedMask
from tests.fuzz import worker
from tests.fuzz.cases import PARSERS, build
from tests.fuzz.damage import Expected
from tests.fuzz.oracle import LIMITS, memory_bound
from tests.fuzz.oracle import truth_of as truth_without_defect
from tests.fuzz.report import Tally, tables
from tests.fuzz.worker import Ended, Plan, run

SEED, CASES = 2026, 150


@pytest.mark.parametrize("parser", PARSERS)
def test_every_damaged_study_ends_in_a_result_or_a_reason(parser: str) -> None:
    ended = list(run(Plan(parser, SEED, cases=CASES)))
    assert [(case.number, case.verdict.failure) for case in ended if case.verdict.failure] == []
    assert [case.number for case in ended] == list(range(CASES))
    outcomes = Counter(case.verdict.outcome for case in ended)
    assert len(outcomes) >= 5  # it does not die of the same thing every time
    assert outcomes["accept"] + outcomes["warn"] >= CASES // 10
    assert ended[-1].peak_bytes < memory_bound(LIMITS)


def test_a_case_depends_on_its_seed_and_number_only() -> None:
    first, again = ([build("seg", 5, number) for number in numbers] for numbers in (range(20), reversed(range(20))))
    assert [case.content for case in first] == [case.content for case in reversed(again)]
    assert len({case.changes for case in first}) > 5


@pytest.mark.parametrize("parser", PARSERS)
def test_every_kind_of_case_is_built(parser: str) -> None:
    cases = [build(parser, SEED, number) for number in range(40)]
    assert {case.expected for case in cases} == set(Expected) - ({Expected.TYPED} if parser == "zip" else set())


Planted = Callable[..., Any]


def _bug(*_: object) -> Any:
    raise KeyError("planted")


def _greedy(*_: object) -> Any:
    return np.ones(2**29).sum()  # 4 GiB


def _sleepy(*_: object) -> Any:
    time.sleep(30)


def _segfault(*_: object) -> Any:
    import ctypes
    import faulthandler

    faulthandler.disable()  # pytest's, which would print the expected fault
    ctypes.string_at(0)


def _outside(*_: object) -> Any:
    Path("/tmp/fuzz-planted").write_text("planted")
    Path("/tmp/fuzz-planted").unlink()
    raise StudyRejectedError(ReasonCode.NO_CT, "planted")


def _program(*_: object) -> Any:
    import subprocess

    subprocess.run(["true"], check=True)
    raise StudyRejectedError(ReasonCode.NO_CT, "planted")


def _hides_memory(*_: object) -> Any:
    raise StudyRejectedError(ReasonCode.MEMORY_LIMIT, "planted")


@pytest.mark.parametrize(
    ("planted", "outcome", "words"),
    [
        (_bug, "escaped", "KeyError"),
        (_greedy, "escaped", "MemoryError"),
        (_sleepy, "hung", "no end after"),
        (_segfault, "died", "SIGSEGV"),
        (_outside, "wrong result", "/tmp/fuzz-planted"),
        (_program, "wrong result", "subprocess.Popen"),
        (_hides_memory, "wrong result", "MEMORY_LIMIT"),
    ],
)
def test_a_planted_defect_is_found(monkeypatch: pytest.MonkeyPatch, planted: Planted, outcome: str, words: str) -> None:
    if planted is _sleepy:
        monkeypatch.setattr(worker, "TIMEOUT_SECONDS", 1.5)
    found = _fuzz_with(monkeypatch, "list_candidates", planted)
    caught = [case for case in found if case.verdict.outcome == outcome]
    assert caught
    assert all(words in str(case.verdict.failure) for case in caught)
    assert [case.number for case in found] == list(range(len(found)))  # it goes on after each


def test_a_mask_that_is_quietly_smaller_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = getattr(job, "place_regions")  # noqa: B009  # the name as the job looks it up

    def smaller(*arguments: Any) -> Any:
        (members, placed), *rest = honest(*arguments)
        mask = placed.mask.copy(order="F")
        mask[tuple(np.argwhere(mask)[0])] = False
        return [(members, PlacedMask(mask, placed.method, placed.residual_mm)), *rest]

    found = _fuzz_with(monkeypatch, "place_regions", smaller, cases=12)
    assert {case.verdict.failure for case in found} >= {"a loss was accepted, with other voxels in the region"}


def test_the_tables_count_every_case() -> None:
    tally = Tally("seg")
    for ended in run(Plan("seg", SEED, cases=5)):
        tally.add(ended)
    text = tables([tally])
    assert [line.split()[:2] for line in text.splitlines() if line.startswith("  seg")] == [["seg", "5"]]
    assert tally.cases == 5
    assert 0 < memory_bound(LIMITS) < 512 * MEBIBYTE


def _fuzz_with(monkeypatch: pytest.MonkeyPatch, name: str, planted: Planted, cases: int = 3) -> list[Ended]:
    """Fuzz structure sets with a defect in the job; what undamaged studies give is found out before."""
    honest = truth_without_defect

    def truth_of(*arguments: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(job, name, original)
            return honest(*arguments)

    original = getattr(job, name)
    with monkeypatch.context() as patch:
        patch.setattr(worker, "truth_of", truth_of)
        patch.setattr(job, name, planted)
        return list(run(Plan("rtstruct", SEED, cases=cases)))
