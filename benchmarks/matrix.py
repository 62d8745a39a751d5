"""An expression matrix of the article's size with genes as rows, against the same values with a row per case."""

import random
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.comparison import Bar, BenchmarkError, Comparison, Setup
from benchmarks.comparison import Row as Line
from benchmarks.runs import ROOT, Runs, helper, work
from cli.terminal import Steps, plural

GENES, CASES = 22_127, 130
"""Of GEO series GSE103584."""
RATIO_LIMIT, MEMORY_LIMIT = 2.0, 300e6
_MISSING = 0.05


def run(setup: Setup) -> Comparison:
    """Measure both orientations in turns."""
    steps, by_case, by_gene = Steps(setup.console, setup.runs + 1), Runs(), Runs()
    with steps.step("Generate the matrices"):
        helper("benchmarks.matrix", str(setup.folder))  # a process of its own: what it held is no part of the measure
    for number in range(1, setup.runs + 1):
        with steps.step(f"Run {number} of {setup.runs}"):
            if _read(setup, "cases.tsv", by_case) != _read(setup, "genes.tsv", by_gene):
                raise BenchmarkError("The two orientations gave different records.")
    ratio, memory = by_gene.cpu_s / by_case.cpu_s, by_gene.peak_bytes
    return Comparison(
        title=f"Matrix: {GENES:,} genes × {CASES} cases to records",
        sides=("cases as rows", "genes as rows"),
        stages=(),
        total=Line("Records", by_case.cost, by_gene.cost),
        wall_s=(by_case.wall_s, by_gene.wall_s),
        bars=(
            Bar("Time", ratio, RATIO_LIMIT, f"{ratio:.2f} ×", f"at most {RATIO_LIMIT:g} ×"),
            Bar("Memory", memory, MEMORY_LIMIT, f"{memory / 1e6:.0f} MB", f"at most {MEMORY_LIMIT / 1e6:.0f} MB"),
        ),
        notes=(
            f"CPU: user + system of reading alone, medians of {plural(setup.runs, 'run')} in turns.",
            f"Memory: of the whole process. {_MISSING:.0%} of the cells are NA. Both give the same records.",
        ),
    )


def write_both(folder: Path, genes: int = GENES, cases: int = CASES) -> None:
    """Write a matrix of made-up values in both orientations: `genes.tsv` and `cases.tsv`."""
    values = random.Random(1)
    rows = [list(_cells(values, cases)) for _ in range(genes)]
    names = ["VIM", "CD44", *(f"GENE{n}" for n in range(2, genes))]
    subjects = [f"R01-{n:03d}" for n in range(1, cases + 1)]
    with (folder / "genes.tsv").open("w") as file:
        file.write("\t".join(["", *subjects]) + "\n")
        file.writelines("\t".join([name, *row]) + "\n" for name, row in zip(names, rows, strict=True))
    with (folder / "cases.tsv").open("w") as file:
        file.write("\t".join(["case", *names]) + "\n")
        columns = zip(*rows, strict=True)
        file.writelines("\t".join([name, *column]) + "\n" for name, column in zip(subjects, columns, strict=True))


def _cells(values: random.Random, count: int) -> Iterator[str]:
    for _ in range(count):
        yield "NA" if values.random() < _MISSING else f"{values.expovariate(1 / 40):.6g}"


def _read(setup: Setup, name: str, into: Runs) -> str:
    source = {"PYTHONPATH": str(ROOT / "functions")}
    found, measurement, _ = work("matrix_work", setup.folder / name, folder=setup.folder, also=source)
    into.totals.append(measurement)
    return found


if __name__ == "__main__":
    write_both(Path(sys.argv[1]))
