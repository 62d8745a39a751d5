"""The events benchmark: what it compares with, and that its work is done."""

from pathlib import Path

import pytest

from benchmarks import events
from benchmarks.cli import BENCHMARKS, _runnable
from benchmarks.comparison import BenchmarkError, Setup
from benchmarks.runs import ROOT
from tests.screen import Screen


def test_it_needs_another_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BASE", raising=False)
    assert "events" not in _runnable(BENCHMARKS)
    for base in ("", str(tmp_path)):
        monkeypatch.setenv("BASE", base)
        with pytest.raises(BenchmarkError, match="no checkout"):
            events.run(Setup(Screen(), 3, tmp_path))
    assert "events" in _runnable(BENCHMARKS)


def test_every_study_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "STUDIES", 3)
    monkeypatch.setattr(events, "OBJECTS", 2)
    found = events._take(ROOT)
    assert (found["events"], found["started"], found["writes_above_studies"]) == (6, 3, 0)
