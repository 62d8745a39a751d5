"""The dataset benchmark: what it compares with, and how its numbers become bars."""

from pathlib import Path

import pytest

from benchmarks import dataset
from benchmarks.cli import BENCHMARKS, _runnable
from benchmarks.comparison import BenchmarkError, Setup
from benchmarks.dataset import Ingest
from tests.screen import Screen


def _setup(tmp_path: Path) -> Setup:
    return Setup(Screen(), 3, tmp_path)


def test_it_needs_another_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BASE", raising=False)
    assert "dataset" not in _runnable(BENCHMARKS)
    with pytest.raises(BenchmarkError, match="no checkout"):
        dataset.run(_setup(tmp_path))
    monkeypatch.setenv("BASE", str(tmp_path))
    assert "dataset" in _runnable(BENCHMARKS)
    with pytest.raises(BenchmarkError, match="no checkout"):
        dataset.run(_setup(tmp_path))


@pytest.mark.parametrize(("ours_s", "calls", "met"), [(2.0, 160, [True, True]), (4.0, 250, [False, False])])
def test_bars_are_medians_of_both_sides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours_s: float, calls: int, met: list[bool]
) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").touch()
    monkeypatch.setenv("BASE", str(tmp_path))
    slow = iter([Ingest(t, t + 1, 1, 9, 4000) for t in (10, 30, 500)])
    fast = iter([Ingest(t, t + 1, 1, 1, calls) for t in (ours_s, ours_s, 90)])
    monkeypatch.setattr(dataset, "_ingest", lambda checkout, _: next(slow if checkout == tmp_path.resolve() else fast))
    found = dataset.run(_setup(tmp_path))
    assert [bar.met for bar in found.bars if bar.required] == met
    assert found.wall_s == (31, ours_s + 1)
