"""The join of a dataset: time and memory of many cases, against a join as it is often written."""

from statistics import median

from benchmarks.comparison import Bar, BenchmarkError, Comparison, Cost, Row, Setup
from benchmarks.runs import Runs, helper, work
from cli.terminal import Steps, plural

CASES, VERSIONS = 100_000, 2
FEATURES = {"imaging": 250, "rna": 250, "clinical": 250}
"""Features of each group."""

SECONDS_LIMIT, BYTES_LIMIT = 10.0, 2e9


def run(setup: Setup) -> Comparison:
    """Measure both ways in turns."""
    steps = Steps(setup.console, setup.runs + 1)
    with steps.step("Make an offline store") as step:
        helper("benchmarks.dataset_join_work", "make", str(setup.folder))
        size = sum(path.stat().st_size for path in setup.folder.glob("*.parquet"))
        step.detail = f"{CASES:,} cases × {len(FEATURES)} groups × {VERSIONS} versions, {size / 1e6:.0f} MB"
    theirs, ours = Runs(), Runs()
    seconds: dict[str, list[float]] = {"plain": [], "ours": []}
    texts: dict[str, list[float]] = {"plain": [], "ours": []}
    for number in range(1, setup.runs + 1):
        with steps.step(f"Run {number} of {setup.runs}") as step:
            for side, runs in (("plain", theirs), ("ours", ours)):
                text, joined = _measure(side, setup, runs)
                seconds[side].append(joined)
                texts[side].append(text)
            step.detail = f"{seconds['ours'][-1]:.1f} s"
    shown, peak = f"{median(seconds['ours']):.1f} s", ours.peak_bytes
    csv = [Cost(median(texts[side]), None) for side in ("plain", "ours")]
    return Comparison(
        title=f"Joined dataset: {CASES:,} cases, {sum(FEATURES.values())} features of {len(FEATURES)} groups",
        sides=("plain join", "this build"),
        stages=(Row("The result as CSV", *csv),),
        total=Row("Join", theirs.cost, ours.cost),
        wall_s=(median(seconds["plain"]), median(seconds["ours"])),
        bars=(
            Bar("Wall clock", median(seconds["ours"]), SECONDS_LIMIT, shown, f"at most {SECONDS_LIMIT:.0f} s"),
            Bar("Memory", peak, BYTES_LIMIT, f"{peak / 1e9:.2f} GB", "at most 2 GB, CSV included"),
        ),
        notes=(
            f"Medians of {plural(setup.runs, 'run')} in turns, 1.5 GB for the engine (plain 3), two threads at most.",
            "The join is from the offline store's Parquet to one sorted Parquet file, without start and imports.",
            "Plain: all columns ranked in one statement, nothing said of deletions and ties; its CSV by one COPY.",
            f"The join's seconds run by run: {', '.join(f'{run:.1f}' for run in seconds['ours'])}.",
        ),
    )


def _measure(side: str, setup: Setup, runs: Runs) -> tuple[float, float]:
    """Run a side; return the CPU seconds of the CSV and the join's seconds of wall clock."""
    rows, measurement, (text, joined) = work("dataset_join_work", side, setup.folder, folder=setup.folder)
    runs.totals.append(measurement)
    if int(rows) != CASES:
        raise BenchmarkError(f"{side} wrote {rows} rows, not {CASES}.")
    return text, joined
