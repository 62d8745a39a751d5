"""The checks of reads against `gzip -t`, which proves less, and against inflating alone."""

import gzip
import shutil
from pathlib import Path

from benchmarks.comparison import Bar, BenchmarkError, Comparison, Cost, Row, Setup
from benchmarks.process_tree import Measurement
from benchmarks.runs import Runs, helper, measured, work
from cli.terminal import Steps, plural

FRAGMENTS = 1_000_000
LONG_LINE_BYTES = 300_000_000
LONG_LINE_REFUSED = "READS_TOO_LONG"

GZIP_LIMIT, INFLATE_LIMIT, SPEED_AIM = 1.25, 1 / 4, 100.0
MEMORY_LIMIT_BYTES = 300e6


def run(setup: Setup) -> Comparison:
    """Measure the checks."""
    if shutil.which("gzip") is None:
        raise BenchmarkError("gzip is not installed.", hint="apt-get install gzip")
    steps = Steps(setup.console, setup.runs + 2)
    with steps.step("Generate the reads") as step:
        helper("benchmarks.reads_data", str(setup.folder), "--fragments", str(FRAGMENTS))
        paths = [setup.folder / f"reads_R{mate}.fastq.gz" for mate in (1, 2)]
        megabytes = sum(path.stat().st_size for path in paths) / 1e6
        step.detail = f"{FRAGMENTS:,} pairs, {megabytes:.0f} MB"
    theirs, inflate, ours = Runs(), Runs(), Runs()
    for number in range(1, setup.runs + 1):
        with steps.step(f"Run {number} of {setup.runs}") as step:
            theirs.totals.append(measured(["gzip", "-t", *map(str, paths)], setup.folder))
            inflate.totals.append(_work("inflate", setup.folder, *paths))
            ours.totals.append(_work("checks", setup.folder, *paths, finds=str(FRAGMENTS)))
            step.detail = f"{megabytes / ours.totals[-1].cpu_s:.0f} MB/s"
    with steps.step("One line of 300 MB") as step:
        line = _long_line(setup.folder / "line.fastq.gz")
        long_line = _work("checks", setup.folder, line, finds=LONG_LINE_REFUSED)
        step.detail = f"rejected, {long_line.peak_bytes / 1e6:.0f} MB of memory"
    return Comparison(
        title=f"Reads: checks of {FRAGMENTS:,} pairs, {megabytes:.0f} MB as they are stored",
        sides=("gzip -t", "this job"),
        stages=(Row("Inflating alone", Cost(None, None), inflate.cost),),
        total=Row("All checks", theirs.cost, ours.cost),
        wall_s=(theirs.wall_s, ours.wall_s),
        bars=(
            *speed_bars(megabytes, theirs.cpu_s, inflate.cpu_s, ours.cpu_s),
            memory_bar("Peak memory", ours.peak_bytes),
            memory_bar("Peak memory, one line of 300 MB", long_line.peak_bytes),
        ),
        notes=(
            f"Medians of {plural(setup.runs, 'run')} in turns. CPU: user + system of all threads, so MB/s are those",
            "of one core; start and imports count in the wall clock only. Simulated reads of 2 × 100 bases, named as a",
            "sequencer names them, four quality values, gzip level 6. Inflating alone: by the library of the checks.",
            f"CPU seconds run by run: gzip -t {theirs.spread()}; inflating {inflate.spread()}; checks {ours.spread()}.",
        ),
    )


def speed_bars(megabytes: float, gzip_cpu: float, inflate_cpu: float, our_cpu: float) -> tuple[Bar, ...]:
    """Judge the speed of the checks in one core."""
    speed, to_gzip, to_inflate = megabytes / our_cpu, gzip_cpu / our_cpu, inflate_cpu / our_cpu
    return (
        Bar("Speed", to_gzip, GZIP_LIMIT, f"{to_gzip:.1f} × gzip -t", "at least 1.25 ×", at_least=True),
        Bar("Speed", to_inflate, INFLATE_LIMIT, f"{to_inflate:.2f} × inflating", "at least 1/4", at_least=True),
        Bar("Speed", speed, SPEED_AIM, f"{speed:.0f} MB/s", "at least 100 MB/s", at_least=True, required=False),
    )


def memory_bar(name: str, peak: float) -> Bar:
    """Judge the memory of the checks."""
    return Bar(name, peak, MEMORY_LIMIT_BYTES, f"{peak / 1e6:.0f} MB", "at most 300 MB")


def _work(kind: str, folder: Path, *paths: Path, finds: str = "") -> Measurement:
    found, measurement, _ = work("reads_work", kind, *paths, folder=folder)
    if finds and found != finds:
        raise BenchmarkError(f"The checks found {found}, not {finds}.")
    return measurement


def _long_line(path: Path) -> Path:
    with gzip.open(path, "wb", 1) as file:
        file.write(b"@r\n")
        for _ in range(LONG_LINE_BYTES // 1_000_000):
            file.write(b"A" * 1_000_000)
    return path
