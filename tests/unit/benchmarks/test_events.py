"""The events benchmark: what it compares with."""

from pathlib import Path

import pytest

from benchmarks import events
from benchmarks.cli import BENCHMARKS, _runnable
from benchmarks.comparison import BenchmarkError, Setup
from tests.screen import Screen


def test_it_needs_another_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BASE", raising=False)
    assert "events" not in _runnable(BENCHMARKS)
    for base in ("", str(tmp_path)):
        monkeypatch.setenv("BASE", base)
        with pytest.raises(BenchmarkError, match="no checkout"):
            events.run(Setup(Screen(), 3, tmp_path))
    assert "events" in _runnable(BENCHMARKS)
