"""Counts of one column, batch by batch at the speed of the interpreter's built-ins, and what is kept of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from multimodal.clinical.quantiles import NumberShape, shape_of

Values = Sequence[float | None]


@dataclass(frozen=True)
class NumberProfile:
    """A column's numbers, in the feature's unit.

    Parameters
    ----------
    count : int
    minimum, maximum, mean : float
        Of all rows.
    shape : NumberShape
        Quantiles and histogram, of the sample.
    """

    count: int
    minimum: float
    maximum: float
    mean: float
    shape: NumberShape

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        whole = {"count": self.count, "min": self.minimum, "max": self.maximum, "mean": float(f"{self.mean:.6g}")}
        return whole | self.shape.document()


@dataclass(frozen=True)
class ColumnProfile:
    """Counts of one column.

    Parameters
    ----------
    missing : int
    levels : mapping
        Declared level → rows; empty for columns without levels.
    other : int
        Rows with a value that is no declared level. The values themselves are not kept.
    number : NumberProfile, optional
    """

    missing: int
    levels: Mapping[str, int] = field(default_factory=dict)
    other: int = 0
    number: NumberProfile | None = None

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        number = self.number.document() if self.number else None
        return {"missing": self.missing, "levels": dict(self.levels), "other": self.other, "number": number}


class Tally(Protocol):
    """Counts one column: the numbers of number columns, the cells of all others."""

    def add(self, values: Sequence[Any]) -> None:
        """Count some rows."""

    def finish(self, sampled: Values) -> ColumnProfile:
        """Return the counts; ``sampled`` are the column's numbers in the sample."""


class PresenceTally:
    """Counts only whether there is a value."""

    def __init__(self) -> None:
        self._missing = 0

    def add(self, values: Sequence[Any]) -> None:
        """Count some rows."""
        self._missing += values.count(None)

    def finish(self, sampled: Values) -> ColumnProfile:
        """Return the counts."""
        return ColumnProfile(self._missing)


class LevelTally:
    """Counts declared levels; all other values together, so that no undeclared value is ever shown."""

    def __init__(self, levels: Sequence[str]) -> None:
        self._levels = dict.fromkeys(levels, 0)
        self._missing = 0
        self._other = 0

    def add(self, values: Sequence[Any]) -> None:
        """Count some rows."""
        counts = Counter(values)
        self._missing += counts.pop(None, 0)
        for cell, n in counts.items():
            if cell in self._levels:
                self._levels[cell] += n
            else:
                self._other += n

    def finish(self, sampled: Values) -> ColumnProfile:
        """Return the counts."""
        return ColumnProfile(self._missing, self._levels, self._other)


class NumberTally:
    """Counts, range and sum of numbers."""

    def __init__(self) -> None:
        self._missing = 0
        self._count = 0
        self._sum = 0.0
        self._min = float("inf")
        self._max = float("-inf")

    def add(self, values: Sequence[Any]) -> None:
        """Count some rows."""
        present = [value for value in values if value is not None]
        self._missing += len(values) - len(present)
        if present:
            self._count += len(present)
            self._sum += sum(present)
            self._min = min(self._min, min(present))
            self._max = max(self._max, max(present))

    def finish(self, sampled: Values) -> ColumnProfile:
        """Return the counts."""
        if not self._count:
            return ColumnProfile(self._missing)
        shape = shape_of([value for value in sampled if value is not None])
        number = NumberProfile(self._count, self._min, self._max, self._sum / self._count, shape)
        return ColumnProfile(self._missing, number=number)
