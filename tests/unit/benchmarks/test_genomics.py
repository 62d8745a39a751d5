"""The genomics benchmarks' parts: their reads, what they measure, and the bars."""

import doctest
import gzip
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import genomics
from benchmarks.genomics import mapped_bar, overhead_bar
from benchmarks.reads import LONG_LINE_REFUSED, MEMORY_LIMIT_BYTES, memory_bar, speed_bars
from benchmarks.reads_data import READ_LENGTH, write_reads, write_reference
from benchmarks.runs import ROOT, Runs, environment

FRAGMENTS = 3_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reads")
    write_reads(folder, write_reference(folder / "source", genes=30), FRAGMENTS)
    return folder


def content(folder: Path, mate: int) -> bytes:
    return gzip.decompress((folder / f"reads_R{mate}.fastq.gz").read_bytes())


def work(*arguments: str) -> list[str]:
    command = [sys.executable, "-m", "benchmarks.reads_work", *arguments]
    ended = subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True, text=True)
    return ended.stdout.split()


def test_the_reads_are_the_same_every_time(data: Path, tmp_path: Path) -> None:
    write_reads(tmp_path, write_reference(tmp_path / "source", genes=30), FRAGMENTS)
    assert [content(tmp_path, mate) for mate in (1, 2)] == [content(data, mate) for mate in (1, 2)]


def test_the_reads_are_as_hard_to_unpack_as_a_sequencers(data: Path) -> None:
    stored = (data / "reads_R1.fastq.gz").stat().st_size
    assert 4 < len(content(data, 1)) / stored < 6
    qualities = content(data, 1).split(b"\n")[3::4]
    assert len(set(qualities)) > 0.9 * FRAGMENTS
    assert all(len(quality) == READ_LENGTH for quality in qualities)


def test_the_checks_find_every_pair(data: Path) -> None:
    found, seconds = work("checks", *(str(data / f"reads_R{mate}.fastq.gz") for mate in (1, 2)))
    assert int(found) == FRAGMENTS
    assert 0 < float(seconds) < 30


def test_a_refusal_is_printed(tmp_path: Path) -> None:
    (tmp_path / "line").write_bytes(b"@r\n" + b"A" * 1_000_000)
    assert work("checks", str(tmp_path / "line"))[0] == LONG_LINE_REFUSED


def test_inflating_goes_to_the_end(data: Path) -> None:
    assert int(work("inflate", str(data / "reads_R1.fastq.gz"))[0]) == len(content(data, 1))


@pytest.mark.skipif(shutil.which("salmon") is None, reason="salmon is not installed (Debian: apt-get install salmon)")
def test_both_sides_map_the_same_fragments(data: Path) -> None:
    theirs, ours = Runs(), Runs()
    bare = genomics._bare(data, genomics._build(data))
    genomics._round(data, bare, theirs, ours)
    ours_mapped, theirs_mapped = genomics.found_counts(data)
    assert mapped_bar(theirs_mapped, ours_mapped).met
    assert theirs_mapped > 0.9 * FRAGMENTS
    log = (data / "output.txt").read_text(encoding="utf-8")
    assert "reads checked" in genomics.steps_of(log)
    assert "quantified" in genomics.steps_of(log)


@pytest.mark.parametrize(("ours", "met"), [(100.0, True), (114.9, True), (115.1, False)])
def test_overhead(ours: float, met: bool) -> None:
    assert overhead_bar("Overhead", 100.0, ours).met is met


def test_mapped_fragments_may_differ_by_a_thousandth() -> None:
    assert mapped_bar(100_000, 100_090).met
    assert not mapped_bar(100_000, 99_800).met


@pytest.mark.parametrize(
    ("gzip_cpu", "inflate_cpu", "our_cpu", "met"),
    [(2.0, 0.5, 1.0, [True, True, True]), (1.0, 0.5, 1.0, [False, True, True]), (2.0, 0.2, 1.2, [True, False, False])],
)
def test_speed(gzip_cpu: float, inflate_cpu: float, our_cpu: float, met: list[bool]) -> None:
    bars = speed_bars(115.0, gzip_cpu, inflate_cpu, our_cpu)
    assert [bar.met for bar in bars] == met
    assert [bar.required for bar in bars] == [True, True, False]


def test_memory() -> None:
    assert memory_bar("Peak memory", MEMORY_LIMIT_BYTES).met
    assert not memory_bar("Peak memory", MEMORY_LIMIT_BYTES + 1).met


def test_examples_in_docstrings_are_true() -> None:
    assert doctest.testmod(genomics).failed == 0
