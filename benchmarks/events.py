"""A cohort's object events through arrivals and sweep, against another checkout: BASE=path make bench BENCH=events."""

import json
import os
import subprocess
from pathlib import Path
from statistics import median

from benchmarks.comparison import Bar, BenchmarkError, Comparison, Cost, Row, Setup
from benchmarks.runs import ROOT, base_checkout, environment
from cli.terminal import Steps, plural

STUDIES, OBJECTS, SPEED_UP = int(os.environ.get("STUDIES", "2000")), int(os.environ.get("OBJECTS", "5")), 3
WRITE_SECONDS = "0.004"
"""What a write of the ledger takes: DynamoDB answers within some milliseconds, and waiting for it is most of the
work."""
_SCRIPT = Path(__file__).with_name("events_work.py")


def run(setup: Setup) -> Comparison:
    """Measure both checkouts in turns.

    Raises
    ------
    BenchmarkError
        When `BASE` names no checkout with its environments, or a count is not exact.
    """
    base = base_checkout("events")
    steps, theirs, ours = Steps(setup.console, setup.runs), list[dict[str, float]](), list[dict[str, float]]()
    for number in range(1, setup.runs + 1):
        with steps.step(f"Run {number} of {setup.runs}") as step:
            theirs.append(_take(base))
            ours.append(_take(ROOT))
            step.detail = f"{ours[-1]['events'] / ours[-1]['seconds']:,.0f} events/s"
    rates = [median(each["events"] / each["seconds"] for each in side) for side in (theirs, ours)]
    speed, above = rates[1] / rates[0], max(each["writes_above_studies"] for each in ours)
    growth = max(each["growth_kib"] for each in ours) / 1024
    return Comparison(
        title=f"Events: {STUDIES:,} studies of {OBJECTS} objects, shuffled, one in twenty twice",
        sides=(base.name, "this checkout"),
        stages=tuple(
            Row(name, *(Cost(median(each[key] for each in side), None) for side in (theirs, ours)))
            for name, key in (("Arrivals", "seconds"), ("Sweep", "sweep_seconds"))
        ),
        total=Row("Together", *(Cost(_both(side), None) for side in (theirs, ours))),
        wall_s=(_both(theirs), _both(ours)),
        bars=(
            Bar("Events per second", speed, SPEED_UP, f"{speed:.1f} ×", f"at least {SPEED_UP} ×", at_least=True),
            Bar("Ledger writes of a batch above its studies", above, 0, f"{above:.0f}", "0"),
            Bar("Memory in the second half", growth, 16, f"{growth:.0f} MiB more", "at most 16 MiB more"),
        ),
        notes=(
            f"Medians of {plural(setup.runs, 'run')} in turns.",
            f"Events per second of arrivals: {rates[0]:,.0f}, {rates[1]:,.0f}.",
            f"Events per second of processor time: {_per_cpu(theirs):,.0f}, {_per_cpu(ours):,.0f}.",
            f"A write of the ledger takes {WRITE_SECONDS} s. {os.cpu_count()} processors.",
            "Every study is in the ledger once, started once and processing.",
        ),
    )


def _both(side: list[dict[str, float]]) -> float:
    return median(each["seconds"] + each["sweep_seconds"] for each in side)


def _per_cpu(side: list[dict[str, float]]) -> float:
    return median(each["events"] / each["cpu_seconds"] for each in side)


def _take(checkout: Path) -> dict[str, float]:
    done = subprocess.run(
        [str(checkout / ".venv/bin/python"), "-P", str(_SCRIPT), str(STUDIES), str(OBJECTS)],
        cwd=checkout,
        env=environment() | {"WRITE_SECONDS": WRITE_SECONDS, "PYTHONPATH": f"{checkout}:{checkout / 'functions'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BenchmarkError(f"{checkout} took no events.", details=(done.stderr or done.stdout)[-2000:])
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if not found["started"] == found["processing"] == STUDIES:
        raise BenchmarkError(f"{checkout} started {found['started']} of {STUDIES} studies.")
    return found
