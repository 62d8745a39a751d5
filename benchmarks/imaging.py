"""The radiomics job against the article's imaging pipeline, on one large study.

Both sides run as whole processes in turns, in the same environment: the job as its image starts it, the article's
pipeline as a script. Whatever each imports, reads and writes counts.
"""

import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.comparison import Bar, BenchmarkError, Comparison, Cost, Row, Setup
from benchmarks.runs import ROOT, Runs, helper, measured
from benchmarks.stage_clock import REST, STAGES
from cli.terminal import Steps, plural

CPU_LIMIT, CPU_AIM, MEMORY_LIMIT = 1 / 8, 1 / 10, 1 / 4
MEMORY_LIMIT_BYTES = 900e6

MATRIX, SLICES = 512, 300
_WARM_UP = (64, 20)

ARTICLE_PYTHON = ROOT / ".venv-bench/bin/python"

Stages = dict[str, dict[str, float]]


@dataclass(slots=True)
class _Side(Runs):
    """The runs of one side, whole and by stages."""

    stages: list[Stages] = field(default_factory=list)

    def stage(self, name: str) -> Cost:
        """Median of a stage; the last one is what the totals have beyond the others."""
        if name == REST:
            known = sum(self.stage(other).cpu_s or 0.0 for other in STAGES if other != REST)
            return Cost(max(0.0, self.cpu_s - known), None)
        found = [run[name] for run in self.stages if name in run]
        if not found:
            return Cost(None, None)
        return Cost(median(entry["cpu_s"] for entry in found), median(entry["peak_bytes"] for entry in found) or None)


def run(setup: Setup) -> Comparison:
    """Measure both sides."""
    if not ARTICLE_PYTHON.exists():
        raise BenchmarkError(f"{ARTICLE_PYTHON.relative_to(ROOT)} is missing.", hint="Run: make bench")
    steps = Steps(setup.console, setup.runs + 3)
    study, warm_up = setup.folder / "study", setup.folder / "warm-up"
    with steps.step("Generate the study") as step:
        _generate(study, MATRIX, SLICES)
        megabytes = sum(path.stat().st_size for path in study.rglob("*.dcm")) / 1e6
        step.detail = f"{MATRIX}×{MATRIX}×{SLICES}, {megabytes:.0f} MB"
    with steps.step("Warm up both sides") as step:
        _generate(warm_up, *_WARM_UP)
        _round(setup.folder, warm_up, _Side(), _Side())
        step.detail = "not counted"
    theirs, ours = _Side(), _Side()
    for number in range(1, setup.runs + 1):
        with steps.step(f"Run {number} of {setup.runs}") as step:
            _round(setup.folder, study, theirs, ours)
            step.detail = f"CPU: article {theirs.totals[-1].cpu_s:.1f} s, this job {ours.totals[-1].cpu_s:.1f} s"
    with steps.step("Compare the results") as step:
        agreement = _compare(setup.folder)
        step.detail = f"{agreement['agreeing']} of {agreement['features']} features agree"
    return _comparison(
        f"Imaging: one CT study of {MATRIX}×{MATRIX}×{SLICES}, {megabytes:.0f} MB", theirs, ours, agreement
    )


def _generate(folder: Path, matrix: int, slices: int) -> None:
    helper("benchmarks.imaging_study", str(folder), "--matrix", str(matrix), "--slices", str(slices))


def _compare(folder: Path) -> dict[str, Any]:
    agreement: dict[str, Any] = json.loads(
        helper("benchmarks.imaging_agreement", str(folder / "article"), str(folder / "job" / "study"))
    )
    return agreement


def _round(folder: Path, study: Path, theirs: _Side, ours: _Side) -> None:
    """Run each side once, and this job once more for its stages."""
    article, job, stages = folder / "article", folder / "job", folder / "stages.json"
    arguments = ["--input-dir", str(study), "--output-dir", str(job)]
    for results in (article, job):
        shutil.rmtree(results, ignore_errors=True)
    plain = [str(ARTICLE_PYTHON), "-m", "benchmarks.article_pipeline", "--stages", str(stages)]
    theirs.totals.append(measured([*plain, "--input-dir", str(study / "study"), "--output-dir", str(article)], folder))
    theirs.stages.append(_read(stages))
    measured([sys.executable, "-m", "benchmarks.job_stages", "--stages", str(stages), "--", *arguments], folder)
    ours.stages.append(_read(stages))
    shutil.rmtree(job)
    ours.totals.append(measured([sys.executable, "-m", "radiomics_job", *arguments], folder))


def _read(path: Path) -> Stages:
    stages: Stages = json.loads(path.read_text(encoding="utf-8"))
    return stages


def _comparison(title: str, theirs: _Side, ours: _Side, agreement: dict[str, Any]) -> Comparison:
    return Comparison(
        title=title,
        sides=("article", "this job"),
        stages=tuple(Row(name, theirs.stage(name), ours.stage(name)) for name in STAGES),
        total=Row("Whole run", theirs.cost, ours.cost),
        wall_s=(theirs.wall_s, ours.wall_s),
        bars=(*cost_bars(theirs.cpu_s, ours.cpu_s, theirs.peak_bytes, ours.peak_bytes), *agreement_bars(agreement)),
        notes=(
            f"Medians of {plural(len(ours.totals), 'run')} in turns. CPU: user + system of the whole process tree,",
            "imports included. Memory: highest sum of resident memory over the tree, looked at every 20 ms;",
            "pages that parent and child share count twice. Stages of this job: from runs of their own, in one",
            "process, with a clock around its functions. Everything else: what whole runs have beyond the stages.",
            f"CPU seconds run by run: article {theirs.spread()}; this job {ours.spread()}.",
        ),
    )


def cost_bars(their_cpu: float, our_cpu: float, their_peak: float, our_peak: float) -> tuple[Bar, ...]:
    """Judge CPU time and memory."""
    cpu, memory = our_cpu / their_cpu, our_peak / their_peak
    return (
        Bar("CPU time", cpu, CPU_LIMIT, f"1/{1 / cpu:.1f} of the article's", "at most 1/8"),
        Bar("CPU time", cpu, CPU_AIM, f"1/{1 / cpu:.1f} of the article's", "at most 1/10", required=False),
        Bar("Peak memory", memory, MEMORY_LIMIT, f"1/{1 / memory:.1f} of the article's", "at most 1/4"),
        Bar("Peak memory", our_peak, MEMORY_LIMIT_BYTES, f"{our_peak / 1e6:,.0f} MB", "at most 900 MB"),
    )


def agreement_bars(agreement: dict[str, Any]) -> tuple[Bar, ...]:
    """Judge whether the job did all of the work, and rightly."""
    features, agreeing, results = agreement["features"], agreement["agreeing"], agreement["results"]
    same = agreement["same_ct"] + agreement["same_mask"]
    return (
        Bar("Features", agreeing, features, f"{agreeing} agree within 1e-6", f"all {features}", at_least=True),
        Bar("CT and mask", same, 2, f"{same} of 2 have the same voxels", "both", at_least=True),
        Bar("Result files", len(results), 5, ", ".join(name.split(".")[0] for name in results), "all 5", at_least=True),
    )
