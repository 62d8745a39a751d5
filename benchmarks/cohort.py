"""Forty small studies through the laptop cloud, against the bare job on the same forty."""

import os
import shutil
import sys
from io import StringIO
from pathlib import Path
from statistics import median

import psutil
from rich.console import Console

from benchmarks.comparison import Bar, BenchmarkError, Comparison, Cost, Row, Setup
from benchmarks.process_tree import Measurement
from benchmarks.runs import Runs, measured
from cli.laptop import read_cloud
from cli.project import DATASET
from cli.sources.studies import read_studies
from cli.terminal import Steps, plural
from cli.upload import upload_source
from cli.wait import wait_for_units
from local.cloud.cloud import remove_folder, stop_cloud
from local.cloud.up import LAUNCH_STEPS, launch
from local.synthetic import write_cohort

STUDIES = int(os.environ.get("STUDIES", "40"))
LIMIT = 1.3
_TIMEOUT = 900.0


def run(setup: Setup) -> Comparison:
    """Measure both in turns, with a cloud of its own for each run."""
    cores, bare, walls, cpus = len(os.sched_getaffinity(0)), Runs(), list[float](), list[float]()
    steps = Steps(setup.console, setup.runs * (LAUNCH_STEPS + 2))
    write_cohort(setup.folder / "studies", studies=STUDIES)
    for _ in range(setup.runs):
        with steps.step("The job alone") as step:
            bare.totals.append(_measure_job(setup.folder))
            step.detail = f"{bare.totals[-1].cpu_s:.1f} s of processor time"
        wall, cpu = _measure_cloud(steps, setup.folder)
        walls.append(wall)
        cpus.append(cpu)
    wall, cpu = median(walls), median(cpus)
    ratio, of_all = wall / bare.cpu_s, wall * cores / bare.cpu_s
    return Comparison(
        title=f"Cohort: {STUDIES} small studies from the end of their upload to their features",
        sides=("the job alone", "laptop cloud"),
        stages=(),
        total=Row("All processes", bare.cost, Cost(cpu, None)),
        wall_s=(bare.wall_s, wall),
        bars=(
            Bar("Until all have features", ratio, LIMIT, f"{ratio:.2f} ×", f"{LIMIT} × the job's processor time"),
            Bar("That on all processors", of_all, LIMIT, f"{of_all:.2f} ×", f"{LIMIT} × the same", required=False),
        ),
        notes=(
            f"Medians of {plural(setup.runs, 'run')}. {plural(cores, 'processor')}; the job alone uses one.",
            "Laptop cloud: emulator, functions, jobs and this command, cold; its seconds by the clock.",
        ),
    )


def _measure_job(folder: Path) -> Measurement:
    flat, results = folder / "flat", folder / "results"
    for path in (flat, results):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
    for study in (folder / "studies").glob("*/*"):
        (flat / f"{study.parent.name}-{study.name}").symlink_to(study)
    job = [sys.executable, "-m", "radiomics_job", "--input-dir", str(flat), "--output-dir", str(results)]
    return measured(job, folder)


def _measure_cloud(steps: Steps, folder: Path) -> tuple[float, float]:
    """Return seconds by the clock, and of processor time, from the end of the upload to the last features."""
    root, quiet = folder / "cloud", Console(file=StringIO())
    root.mkdir(exist_ok=True)
    try:
        deployment, _ = launch(steps, root, die_with_parent=True)
        with steps.step("The laptop cloud") as step:
            uploaded = upload_source(quiet, deployment, read_studies(folder / "studies"), DATASET)
            before = _processor_seconds(root)
            outcome = wait_for_units(quiet, deployment, unit_ids=uploaded.unit_ids, timeout=_TIMEOUT)
            cpu = _processor_seconds(root) - before
            step.detail = f"{outcome.seconds:.1f} s by the clock"
        if not outcome.succeeded:
            raise BenchmarkError(f"{len(outcome.without_features)} of {STUDIES} studies have no features.")
        return outcome.seconds, cpu
    finally:
        stop_cloud(root)
        remove_folder(root)


def _processor_seconds(root: Path) -> float:
    """Return what the cloud's processes and this one have used, those that have ended included."""
    cloud = read_cloud(root)
    if cloud is None:
        raise BenchmarkError("The laptop cloud has ended.")
    emulator = psutil.Process(cloud.pid)
    used = [process.cpu_times() for process in (emulator, *emulator.children(recursive=True))]
    ours = psutil.Process().cpu_times()
    return sum(t.user + t.system + t.children_user + t.children_system for t in used) + ours.user + ours.system
