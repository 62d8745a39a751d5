"""What a benchmark found: stages of both sides, and bars that are met or missed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from cli.errors import CommandError


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that a measurement has to meet.

    Examples
    --------
    >>> Bar("CPU time", 0.2, 1 / 8, "1/5", "at most 1/8").met
    False
    """

    name: str
    """What is judged."""
    measured: float
    limit: float
    """The measurement and where the bar lies; a measurement that is not a number misses."""
    shown: str
    demand: str
    """Both in words, for the reader."""
    at_least: bool = False
    """The measurement has to reach the limit rather than stay below it."""
    required: bool = True
    """Missing it fails the benchmark; otherwise it is an aim."""

    @property
    def met(self) -> bool:
        """Return whether the measurement meets the bar."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds and bytes of peak memory; None where a side has no such stage."""

    cpu_s: float | None
    peak_bytes: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """One stage, or a total, of both sides."""

    label: str
    theirs: Cost
    ours: Cost


@dataclass(frozen=True, slots=True)
class Comparison:
    """One benchmark's result."""

    title: str
    """What was done, on what."""
    sides: tuple[str, str]
    """Names of the two sides: the plain way, and this project."""
    stages: tuple[Row, ...]
    total: Row
    """Medians over the runs."""
    wall_s: tuple[float, float]
    bars: tuple[Bar, ...]
    """What they are judged by."""
    notes: tuple[str, ...] = ()
    """How it was measured, a sentence each."""

    @property
    def passed(self) -> bool:
        """Return whether every required bar is met."""
        return all(bar.met for bar in self.bars if bar.required)


@dataclass(frozen=True, slots=True)
class Setup:
    """How to run a benchmark."""

    console: Console
    """Where progress is shown."""
    runs: int
    """How often each side runs, in turns."""
    folder: Path
    """For everything that is written."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """An entry of the registry."""

    about: str
    run: Callable[[Setup], Comparison]
    runs: int = 3
    needs: str = ""
    """A variable without which it is left out, unless it is asked for by name."""


FAILED = 3
"""Exit code of a benchmark that could not be measured: neither met nor missed."""


class BenchmarkError(CommandError):
    """A benchmark could not be measured."""

    def __init__(self, message: str, *, hint: str = "", details: str = "") -> None:
        super().__init__(message, hint=hint, details=details, exit_code=FAILED)
