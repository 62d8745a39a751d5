"""What every benchmark does: run things that are measured, and things that are not, in an environment that is known."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from benchmarks.comparison import BenchmarkError, Cost
from benchmarks.process_tree import Measurement, measure

ROOT = Path(__file__).parents[1]

THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"}
"""As the radiomics job's image sets them; given to both sides, which costs the plain one no CPU time."""


def base_checkout(name: str) -> Path:
    """Return the checkout that `BASE` names.

    Raises
    ------
    BenchmarkError
        When there is none with its environments.
    """
    base = Path(os.environ.get("BASE", ""))
    if not os.environ.get("BASE") or not (base / ".venv" / "bin" / "python").exists():
        raise BenchmarkError(
            "There is no checkout to compare with.",
            hint=f"Name one that was set up: BASE=path/to/checkout make bench BENCH={name}",
        )
    return base.resolve()


@dataclass(slots=True)
class Runs:
    """The runs of one side; its numbers are medians."""

    totals: list[Measurement] = field(default_factory=list)

    @property
    def cpu_s(self) -> float:
        """User and system time in seconds."""
        return median(run.cpu_s for run in self.totals)

    @property
    def wall_s(self) -> float:
        """From start to end, in seconds."""
        return median(run.wall_s for run in self.totals)

    @property
    def peak_bytes(self) -> float:
        """Resident memory."""
        return median(run.peak_bytes for run in self.totals)

    @property
    def cost(self) -> Cost:
        """Time and memory, for a table."""
        return Cost(self.cpu_s, self.peak_bytes)

    def spread(self) -> str:
        """Return the CPU seconds run by run."""
        return ", ".join(f"{run.cpu_s:.2f}" for run in self.totals)


def environment() -> dict[str, str]:
    """Return the environment of both sides: this one without what would make Python or the libraries differ."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return kept | THREADS


def measured(command: Sequence[str], folder: Path, also: Mapping[str, str] | None = None) -> Measurement:
    """Run and measure a command; what it prints goes to `output.txt` in a folder.

    Parameters
    ----------
    command
        Program and arguments.
    folder
        Receives the output.
    also
        What its environment has besides.
    """
    return measure(command, env=environment() | dict(also or {}), cwd=ROOT, log=folder / "output.txt")


def work(
    name: str, *arguments: str | Path, folder: Path, also: Mapping[str, str] | None = None
) -> tuple[str, Measurement, list[float]]:
    """Measure a process of this package that prints what it found and the CPU seconds of the work, then of other parts.

    Returns
    -------
    tuple of str, Measurement and list of float
        What was found; the measurement, whose CPU time is that of the work alone; CPU seconds of other parts.
    """
    result = measured([sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)], folder, also)
    found, seconds, *others = (folder / "output.txt").read_text(encoding="utf-8").splitlines()[-1].split()
    return found, replace(result, cpu_s=float(seconds)), [float(other) for other in others]


def helper(module: str, *arguments: str) -> str:
    """Run a module that is not measured, and give what it prints."""
    command = [sys.executable, "-m", module, *arguments]
    result = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BenchmarkError(f"{module} failed.", details=(result.stderr or result.stdout)[-2000:])
    return result.stdout
