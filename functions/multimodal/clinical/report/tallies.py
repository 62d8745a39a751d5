"""Count one column, describe its numbers, and sample rows independently of their order, in bounded memory."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain
from math import floor, log10
from statistics import quantiles
from typing import Any, Protocol

NORMAL_95 = 1.959964
"""Quantile of the standard normal distribution that bounds 95 % intervals."""

DAYS_OF_YEAR = 365
"""As horizons of labels count them: at risk at five years is who is so on day 1,825."""

QUANTILES = (5, 25, 50, 75, 95)

MAX_BARS = 20
"""Bars of a histogram; of small tables fewer, twice the cube root of the numbers (the rule of Rice)."""


@dataclass(frozen=True)
class NumberShape:
    """How numbers are distributed.

    Parameters
    ----------
    quantiles : tuple of float
        At `QUANTILES`.
    tenths : tuple of float
        Distinct deciles: a value belongs to the interval whose upper end is the first one that is not smaller.
    shares : tuple of int
        Numbers in each of the `len(tenths) + 1` intervals.
    edges, counts : tuple
        Histogram: equal round steps; the first and the last bar also hold everything beyond the 1st and 99th
        percentile.
    """

    quantiles: tuple[float, ...]
    tenths: tuple[float, ...]
    shares: tuple[int, ...]
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "quantiles": {f"p{q}": value for q, value in zip(QUANTILES, self.quantiles, strict=True)},
            "tenths": list(self.tenths),
            "shares": list(self.shares),
            "histogram": {"edges": list(self.edges), "counts": list(self.counts)},
        }


def percentiles(values: Sequence[float]) -> list[float]:
    """Return the 1st to the 99th percentile by linear interpolation (type 7 of Hyndman and Fan, 1996)."""
    at_least_two = values if len(values) > 1 else [*values, *values]
    return [round(value, 6) for value in quantiles(at_least_two, n=100, method="inclusive")]


def deciles(values: Sequence[float]) -> list[float]:
    """Return the distinct deciles."""
    return sorted(set(percentiles(values)[9::10]))


def bin_counts(values: Sequence[float], tenths: Sequence[float]) -> tuple[int, ...]:
    """Return how many values fall in each interval that `tenths` end."""
    counts = [0] * (len(tenths) + 1)
    for value in values:
        counts[bisect_left(tenths, value)] += 1
    return tuple(counts)


def shape_of(values: Sequence[float]) -> NumberShape:
    """Return the shape of some numbers, at least one."""
    ordered = sorted(values)
    at, tenths = percentiles(ordered), tuple(deciles(ordered))
    bars = min(MAX_BARS, max(4, round(2 * len(ordered) ** (1 / 3))))
    edges = _edges(at[0], at[-1], bars)
    counts = [0] * (len(edges) - 1)
    for value in ordered:
        counts[min(max(bisect_right(edges, value) - 1, 0), len(counts) - 1)] += 1
    return NumberShape(tuple(at[q - 1] for q in QUANTILES), tenths, bin_counts(ordered, tenths), edges, tuple(counts))


def _edges(low: float, high: float, bars: int) -> tuple[float, ...]:
    step = _round_step((high - low) / bars) if high > low else max(abs(low), 1.0)
    first = floor(low / step)
    last = floor(high / step) + 1
    return tuple(float(f"{i * step:.12g}") for i in range(first, last + 1))


def _round_step(step: float) -> float:
    """Return the next of 1, 2, 5 × a power of ten that is not smaller."""
    power: float = 10.0 ** floor(log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * (1 - 1e-9))


Columns = Sequence[Sequence[Any]]


def case_hash(case_id: str) -> str:
    """Return 16 hexadecimal digits that depend on the case alone: the order in which a sample and folds are made."""
    return blake2b(case_id.encode(), digest_size=8).hexdigest()


class BottomSample:
    """The rows of the cases whose hashes are the smallest (a bottom-k sample).

    Every row is equally likely to be in it, as with a reservoir, but which rows are is decided by the cases alone: a
    shuffled file gives the same sample, hence the same verdict. Source: Cohen and Kaplan, "Summarizing data using
    bottom-k sketches", PODC 2007.

    Parameters
    ----------
    size : int
        Rows that are kept.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._parts: list[tuple[Sequence[str], Columns]] = []
        self._rows = 0
        self._limit = "g"  # Sorts after every hexadecimal digit: until the sample is full, everything is below it.

    def add(self, case_ids: Sequence[str], columns: Columns) -> None:
        """Offer some rows, given by columns of equal length, which are kept as they are when all of them are chosen."""
        hashes = [blake2b(case.encode(), digest_size=8).hexdigest() for case in case_ids]
        limit = self._limit
        chosen = [i for i, value in enumerate(hashes) if value < limit]
        self._parts.append((hashes, columns) if len(chosen) == len(hashes) else _picked(hashes, columns, chosen))
        self._rows += len(chosen)
        # Cut only now and then: sorting costs more than a few rows too many.
        if self._rows > 1.25 * self.size:
            self._limit = self.rows()[0][-1]

    def rows(self) -> tuple[Sequence[str], Columns]:
        """Return the hashes in their order, and the columns in the same."""
        parts = [part for part in self._parts if part[0]]
        if not parts:
            return (), ()
        hashes = list(chain.from_iterable(part[0] for part in parts))
        columns = [list(chain.from_iterable(pieces)) for pieces in zip(*(part[1] for part in parts), strict=True)]
        first = sorted(range(len(hashes)), key=hashes.__getitem__)[: self.size]
        self._parts, self._rows = [_picked(hashes, columns, first)], len(first)
        return self._parts[0]


def _picked(hashes: Sequence[str], columns: Columns, rows: Sequence[int]) -> tuple[Sequence[str], Columns]:
    return [hashes[i] for i in rows], [[column[i] for i in rows] for column in columns]


Values = Sequence[float | None]


@dataclass(frozen=True)
class NumberProfile:
    """A column's numbers, in the feature's unit.

    Parameters
    ----------
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
    levels : mapping
        Declared level → rows; empty for columns without levels.
    other : int
        Rows with a value that is no declared level. The values themselves are not kept.
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
        """Return the counts; `sampled` are the column's numbers in the sample."""


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
