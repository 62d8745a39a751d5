"""Shape features of spheres of ten to a thousand times a tumour's size, against pyradiomics' own class."""

import math

from benchmarks.comparison import Bar, BenchmarkError, Comparison, Cost, Row, Setup
from benchmarks.runs import ROOT, Runs, work
from cli.terminal import Steps, plural

SIZES = (1_000, 10_000, 100_000, 1_000_000, 3_053_000, 10_000_000)
"""Voxels of the spheres."""
THEIRS = SIZES[:-1]
"""pyradiomics takes a quarter of an hour for the largest."""
SPEED_UP, TOLERANCE = 20, 1e-9
GROWTH = 1.15
"""Exponent of the CPU time from a hundred thousand voxels to ten million; n·log n would be 1.07."""


def run(setup: Setup) -> Comparison:
    """Measure spheres of all sizes; pyradiomics' class runs once, for it takes minutes."""
    steps, theirs, ours = Steps(setup.console, setup.runs), {n: Runs() for n in SIZES}, {n: Runs() for n in SIZES}
    differences: list[float] = []
    for number in range(1, setup.runs + 1):
        with steps.step(f"Run {number} of {setup.runs}"):
            for size in SIZES:
                found = _work("mesh", setup, size, ours[size])
                if number == 1 and size in THEIRS:
                    differences.append(_difference(found, _work("pyradiomics", setup, size, theirs[size])))
    slow, large = THEIRS[-1], SIZES[-1]
    ratio = theirs[slow].cpu_s / ours[slow].cpu_s
    growth = math.log(ours[large].cpu_s / ours[100_000].cpu_s) / math.log(large / 100_000)
    return Comparison(
        title="Shape: the features of spheres",
        sides=("pyradiomics", "this job"),
        stages=tuple(
            Row(f"{n:,} voxels", theirs[n].cost if n in THEIRS else Cost(None, None), ours[n].cost)
            for n in SIZES
            if n != slow
        ),
        total=Row(f"{slow:,} voxels", theirs[slow].cost, ours[slow].cost),
        wall_s=(theirs[slow].wall_s, ours[slow].wall_s),
        bars=(
            Bar("Speed", ratio, SPEED_UP, f"{ratio:.0f} ×", f"at least {SPEED_UP} ×", at_least=True),
            Bar("Values", max(differences), TOLERANCE, f"{max(differences):.0e} apart", f"at most {TOLERANCE:g}"),
            Bar("Growth", growth, GROWTH, f"n^{growth:.2f}", f"at most n^{GROWTH}"),
        ),
        notes=(
            f"CPU: user + system of the feature class alone; this job's are medians of {plural(setup.runs, 'run')}.",
            "Values: the largest relative difference of any feature of any sphere.",
        ),
    )


def _work(kind: str, setup: Setup, size: int, into: Runs) -> list[float]:
    source = {"PYTHONPATH": str(ROOT / "containers" / "radiomics" / "src")}
    found, measurement, _ = work("shape_work", kind, str(size), folder=setup.folder, also=source)
    into.totals.append(measurement)
    return [float(value) for value in found.split(",")]


def _difference(ours: list[float], theirs: list[float]) -> float:
    if len(ours) != len(theirs):
        raise BenchmarkError(f"{len(ours)} features against {len(theirs)}.")
    return max(abs(one - other) / abs(other) for one, other in zip(ours, theirs, strict=True))
