"""Records into the laptop's Feature Store, against another checkout's: `BASE=path make bench BENCH=dataset`."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.comparison import Bar, BenchmarkError, Comparison, Cost, Row, Setup
from benchmarks.dataset_work import FEATURES
from benchmarks.runs import ROOT, base_checkout, environment
from cli.terminal import Steps, plural

RECORDS = 4000
SPEED_UP, FEWER_CALLS = 10, 20
_SCRIPT = Path(__file__).with_name("dataset_work.py")


@dataclass(frozen=True)
class Ingest:
    """One run: seconds until records were accepted and until a query had counted them, CPU seconds, API calls."""

    accepted_s: float
    seen_s: float
    client_cpu_s: float
    emulator_cpu_s: float
    calls: int


def run(setup: Setup) -> Comparison:
    """Measure both checkouts in turns.

    Raises
    ------
    BenchmarkError
        When `BASE` names no checkout with its environments.
    """
    base = base_checkout("dataset")
    steps, theirs, ours = Steps(setup.console, setup.runs), list[Ingest](), list[Ingest]()
    for number in range(1, setup.runs + 1):
        with steps.step(f"Run {number} of {setup.runs}") as step:
            theirs.append(_ingest(base, setup.folder))
            ours.append(_ingest(ROOT, setup.folder))
            step.detail = f"{RECORDS / ours[-1].accepted_s:,.0f} records/s"
    speed = _median(theirs, "accepted_s") / _median(ours, "accepted_s")
    cpu = _cpu(theirs) / _cpu(ours)
    fewer = _median(theirs, "calls") / _median(ours, "calls")
    rates = ", ".join(f"{RECORDS / _median(side, 'accepted_s'):,.0f}" for side in (theirs, ours))
    return Comparison(
        title=f"Dataset: {RECORDS:,} records of {FEATURES} features into the laptop's Feature Store",
        sides=(f"{base.name}", "this checkout"),
        stages=(
            Row("Client", *(Cost(_median(side, "client_cpu_s"), None) for side in (theirs, ours))),
            Row("Emulator", *(Cost(_median(side, "emulator_cpu_s"), None) for side in (theirs, ours))),
        ),
        total=Row("Together", Cost(_cpu(theirs), None), Cost(_cpu(ours), None)),
        wall_s=(_median(theirs, "seen_s"), _median(ours, "seen_s")),
        bars=(
            Bar("Records per second", speed, SPEED_UP, f"{speed:.1f} ×", f"at least {SPEED_UP} ×", at_least=True),
            Bar("API calls", 1 / fewer, 1 / FEWER_CALLS, f"1/{fewer:.0f}", f"at most 1/{FEWER_CALLS}"),
            Bar("CPU time", 1 / cpu, 1 / SPEED_UP, f"1/{cpu:.1f}", f"at most 1/{SPEED_UP}", required=False),
        ),
        notes=(
            f"Medians of {plural(setup.runs, 'run')} in turns; each with a cloud of its own and its own adapter and",
            f"threads. Records per second until all are accepted: {rates}. Wall: until a query has counted them.",
        ),
    )


def _ingest(checkout: Path, folder: Path) -> Ingest:
    """Let a checkout's own code write the records, in a process of its interpreter."""
    done = subprocess.run(
        [str(checkout / ".venv/bin/python"), "-P", str(_SCRIPT), str(checkout), str(RECORDS), str(folder)],
        cwd=checkout,
        env=environment() | {"PYTHONPATH": f"{checkout}:{checkout / 'functions'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BenchmarkError(f"{checkout} took no records.", details=(done.stderr or done.stdout)[-2000:])
    accepted, seen, client, emulator, calls = done.stdout.splitlines()[-1].split()
    return Ingest(float(accepted), float(seen), float(client), float(emulator), int(calls))


def _median(runs: list[Ingest], name: str) -> float:
    return float(median(getattr(run, name) for run in runs))


def _cpu(runs: list[Ingest]) -> float:
    return median(run.client_cpu_s + run.emulator_cpu_s for run in runs)
