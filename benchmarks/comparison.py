"""What a benchmark found: stages of both sides, and bars that are met or missed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that a measurement has to meet.

    Attributes
    ----------
    name
        What is judged.
    measured, limit
        The measurement and where the bar lies; a measurement that is not a number misses.
    shown, demand
        Both in words, for the reader.
    at_least
        The measurement has to reach the limit rather than stay below it.
    required
        Missing it fails the benchmark; otherwise it is an aim.

    Examples
    --------
    >>> Bar("CPU time", 0.2, 1 / 8, "1/5", "at most 1/8").met
    False
    """

    name: str
    measured: float
    limit: float
    shown: str
    demand: str
    at_least: bool = False
    required: bool = True

    @property
    def met(self) -> bool:
        """Whether the measurement meets the bar."""
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
    """One benchmark's result.

    Attributes
    ----------
    title
        What was done, on what.
    sides
        Names of the two sides: the plain way, and this project.
    stages, total
        Medians over the runs.
    bars
        What they are judged by.
    notes
        How it was measured, a sentence each.
    """

    title: str
    sides: tuple[str, str]
    stages: tuple[Row, ...]
    total: Row
    wall_s: tuple[float, float]
    bars: tuple[Bar, ...]
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every required bar is met."""
        return all(bar.met for bar in self.bars if bar.required)


@dataclass(frozen=True, slots=True)
class Setup:
    """How to run a benchmark.

    Attributes
    ----------
    console
        Where progress is shown.
    runs
        How often each side runs, in turns.
    folder
        For everything that is written.
    """

    console: Console
    runs: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Benchmark:
    """An entry of the registry."""

    about: str
    run: Callable[[Setup], Comparison]
    runs: int = 3
