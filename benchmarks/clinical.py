"""The transform of clinical tables: its speed on one core, and that its memory does not grow with the table."""

from itertools import count, islice
from pathlib import Path

from benchmarks.comparison import Bar, BenchmarkError, Comparison, Cost, Row, Setup
from benchmarks.runs import ROOT, Runs, work
from cli.terminal import Steps, plural
from local.synthetic.clinical import write_clinical_table

SIZES = (162, 10_000, 1_000_000)
_SEED_ROWS = 20_000
"""Rows that are made up; larger tables repeat them under other ids."""

SPEED_LIMIT, SPEED_AIM = 20_000, 40_000
MEMORY_LIMIT = 1.2


def run(setup: Setup) -> Comparison:
    """Measure tables of all sizes."""
    steps = Steps(setup.console, setup.runs + 1)
    with steps.step("Generate the tables") as step:
        tables = {size: write_table(setup.folder / f"{size}.csv", size) for size in SIZES}
        step.detail = f"up to {SIZES[-1]:,} rows × 40 columns, {tables[SIZES[-1]].stat().st_size / 1e6:.0f} MB"
    theirs = {size: Runs() for size in SIZES}
    ours = {size: Runs() for size in SIZES}
    reports: list[float] = []
    for number in range(1, setup.runs + 1):
        with steps.step(f"Run {number} of {setup.runs}") as step:
            for size, path in tables.items():
                _work("csv", setup.folder, path, size, theirs[size])
                reports.append(_work("transform", setup.folder, path, size, ours[size]))
            step.detail = f"{SIZES[-1] / ours[SIZES[-1]].totals[-1].cpu_s:,.0f} rows/s"
    small, middle, large = SIZES
    return Comparison(
        title="Clinical: tables of 40 columns into records, with gate, labels and profile",
        sides=("csv alone", "this reader"),
        stages=(
            *(Row(f"{size:,} rows", theirs[size].cost, ours[size].cost) for size in (small, middle)),
            Row("Reports of the largest", Cost(None, None), Cost(reports[-1], None)),
        ),
        total=Row(f"{large:,} rows", theirs[large].cost, ours[large].cost),
        wall_s=(theirs[large].wall_s, ours[large].wall_s),
        bars=(*speed_bars(large / ours[large].cpu_s), memory_bar(ours[middle].peak_bytes, ours[large].peak_bytes)),
        notes=(
            f"Medians of {plural(setup.runs, 'run')} in turns. CPU: user + system of the work alone, without start and",
            "imports, which the wall clock has. Made-up tables with the collection's columns and levels; above",
            f"{_SEED_ROWS:,} rows they repeat under other ids. csv alone: Python's csv module, cells read and let go.",
            f"Rows per second: {', '.join(f'{size / ours[size].cpu_s:,.0f} ({size:,})' for size in SIZES)}.",
            f"CPU seconds run by run: csv {theirs[large].spread()}; this reader {ours[large].spread()}.",
        ),
    )


def speed_bars(rows_per_second: float) -> tuple[Bar, Bar]:
    """Judge the speed on one core."""
    shown = f"{rows_per_second:,.0f} rows/s"
    limit, aim = (f"at least {n:,} rows/s" for n in (SPEED_LIMIT, SPEED_AIM))
    return (
        Bar("Speed", rows_per_second, SPEED_LIMIT, shown, limit, at_least=True),
        Bar("Speed", rows_per_second, SPEED_AIM, shown, aim, at_least=True, required=False),
    )


def memory_bar(middle: float, large: float) -> Bar:
    """Judge the memory of the largest table against that of one a hundredth as long."""
    shown = f"{large / middle:.2f} × ({large / 1e6:.0f} MB)"
    return Bar("Memory, 1,000,000 to 10,000 rows", large / middle, MEMORY_LIMIT, shown, f"at most {MEMORY_LIMIT:g} ×")


def write_table(path: Path, rows: int) -> Path:
    """Write a made-up table of any length, every row with an id of its own."""
    write_clinical_table(path, [], rows=min(rows, _SEED_ROWS))
    if rows > _SEED_ROWS:
        header, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        bodies = [line.partition(",")[2] for line in lines]
        numbered = (f"R01-{n:07},{bodies[n % len(bodies)]}" for n in count())
        with path.open("w", encoding="utf-8", newline="") as stream:
            stream.write(header)
            stream.writelines(islice(numbered, rows))
    return path


def _work(kind: str, folder: Path, path: Path, rows: int, into: Runs) -> float:
    """Measure the reading of a table; return the CPU seconds of its reports."""
    found, measurement, reports = work(
        "clinical_work", kind, path, folder=folder, also={"PYTHONPATH": str(ROOT / "functions")}
    )
    if int(found) != rows:
        raise BenchmarkError(f"{kind} read {found} rows of {rows}.")
    into.totals.append(measurement)
    return reports[0]
