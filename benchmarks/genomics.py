"""The RNA-seq job against bare salmon, on the same reads, with the same index, options and threads.

What the job does beside running salmon is its overhead: staging, checks of all reads, tables, outcome. Both sides run
as whole processes in turns.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks.comparison import Bar, BenchmarkError, Comparison, Row, Setup
from benchmarks.reads_data import GENES, ISOFORMS
from benchmarks.runs import Runs, helper, measured
from cli.terminal import Steps, plural
from rnaseq_job.quantifiers.quantifier import QuantifierOptions, read_genes, write_gene_map
from rnaseq_job.quantifiers.salmon import DETECT, quant_arguments
from rnaseq_job.reads.lanes import Lane, Sample

FRAGMENTS = 1_500_000
CASE = "BENCH"
OVERHEAD_LIMIT = 1.15
MAPPED_TOLERANCE = 1e-3


def run(setup: Setup) -> Comparison:
    """Measure both sides."""
    if shutil.which("salmon") is None:
        raise BenchmarkError("salmon is not installed.", hint="apt-get install salmon")
    steps = Steps(setup.console, setup.runs + 2)
    with steps.step("Generate the reads") as step:
        helper("benchmarks.reads_data", str(setup.folder), "--fragments", str(FRAGMENTS))
        megabytes = sum(path.stat().st_size for path in setup.folder.glob("reads_R?.fastq.gz")) / 1e6
        step.detail = f"{FRAGMENTS:,} pairs, {megabytes:.0f} MB"
    with steps.step("Build the reference") as step:
        bare = _bare(setup.folder, _build(setup.folder))
        step.detail = "once for both sides"
    theirs, ours = Runs(), Runs()
    for number in range(1, setup.runs + 1):
        with steps.step(f"Run {number} of {setup.runs}") as step:
            _round(setup.folder, bare, theirs, ours)
            step.detail = f"CPU: salmon {theirs.totals[-1].cpu_s:.1f} s, this job {ours.totals[-1].cpu_s:.1f} s"
    our_count, their_count = found_counts(setup.folder)
    return Comparison(
        title=f"Genomics: {FRAGMENTS:,} pairs, {megabytes:.0f} MB, to the expression of {GENES:,} genes",
        sides=("salmon", "this job"),
        stages=(),
        total=Row("Whole run", theirs.cost, ours.cost),
        wall_s=(theirs.wall_s, ours.wall_s),
        bars=(
            overhead_bar("Overhead, CPU time", theirs.cpu_s, ours.cpu_s),
            overhead_bar("Overhead, wall clock", theirs.wall_s, ours.wall_s),
            mapped_bar(their_count, our_count),
        ),
        notes=(
            f"Medians of {plural(setup.runs, 'run')} in turns. CPU: user + system of the whole process tree, imports",
            f"included. Both sides: one index of {GENES * ISOFORMS:,} transcripts, {_threads()} threads, library type",
            "detected, GC and sequence bias. Simulated reads of 2 × 100 bases, gzip level 6, on this machine's disk.",
            f"This job's steps in its last run, wall clock: {steps_of((setup.folder / 'output.txt').read_text())}.",
            f"CPU seconds run by run: salmon {theirs.spread()}; this job {ours.spread()}.",
        ),
    )


def overhead_bar(name: str, theirs: float, ours: float) -> Bar:
    """Judge what the job costs beyond salmon."""
    ratio = ours / theirs
    return Bar(name, ratio, OVERHEAD_LIMIT, f"{100 * (ratio - 1):+.1f}% of salmon's", "at most +15%")


def mapped_bar(theirs: int, ours: int) -> Bar:
    """Judge whether both mapped the same fragments (salmon's own runs differ by a few)."""
    difference = abs(ours - theirs) / theirs
    return Bar("Mapped fragments", difference, MAPPED_TOLERANCE, f"{ours:,} and {theirs:,}", "the same within 0.1%")


def found_counts(folder: Path) -> tuple[int, int]:
    """Return how many fragments the job and bare salmon mapped in their last run."""
    ours = _read(folder / "job" / "run.json")["metrics"]["mapped_reads"]
    return int(ours), int(_read(folder / "bare" / "aux_info" / "meta_info.json")["num_mapped"])


def steps_of(log: str) -> str:
    """List the steps that a job's log speaks of.

    Examples
    --------
    >>> steps_of('{"event": "reads_checked", "seconds": 1.24}')
    'reads checked 1.2 s'
    """
    events = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return ", ".join(
        f"{event['event'].replace('_', ' ')} {event['seconds']:.1f} s" for event in events if "seconds" in event
    )


def _build(folder: Path) -> Path:
    built = folder / "reference"
    arguments = ["--engine", "salmon", "--name", "bench", "--source", str(folder / "source"), "--output", str(built)]
    helper("rnaseq_job", "build-reference", *arguments)
    return built


def _bare(folder: Path, reference: Path) -> list[str]:
    """Build salmon's command from the job's own, so that the two cannot part."""
    gene_map = folder / "genes.tsv"
    write_gene_map(read_genes(_only(reference, "transcripts.tsv")), gene_map)
    lane = Lane("rg1", "lib1", 1, folder / "reads_R1.fastq.gz", folder / "reads_R2.fastq.gz")
    options = QuantifierOptions(DETECT, _threads(), folder)
    index = _only(reference, "info.json").parent
    return quant_arguments("salmon", Sample(CASE, (lane,)), index, gene_map, options, folder / "bare")


def _only(folder: Path, name: str) -> Path:
    found = list(folder.rglob(name))
    if len(found) != 1:
        raise BenchmarkError(f"{len(found)} files {name} in the built reference, expected one.")
    return found[0]


def _round(folder: Path, bare: list[str], theirs: Runs, ours: Runs) -> None:
    for results in ("bare", "job"):
        shutil.rmtree(folder / results, ignore_errors=True)
    theirs.totals.append(measured(bare, folder))
    options = {
        "engine": "salmon",
        "sample": CASE,
        "fastq-list": folder / "lanes.csv",
        "reference": folder / "reference",
        "output": folder / "job",
        "threads": _threads(),
        "scratch": folder / "scratch",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    ours.totals.append(measured([sys.executable, "-m", "rnaseq_job", *words], folder))


def _threads() -> int:
    return len(os.sched_getaffinity(0))


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
