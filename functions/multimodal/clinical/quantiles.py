"""The shape of a column's numbers: quantiles, tenths to compare uploads by, and a histogram to draw."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


MAX_BARS = 20
"""Bars of a histogram; of small tables fewer, twice the cube root of the numbers (the rule of Rice)."""


@dataclass(frozen=True)
class NumberShape:
    """How numbers are distributed.

    Parameters
    ----------
    quantiles : tuple of float
        At :data:`QUANTILES`.
    tenths : tuple of float
        Distinct deciles: a value belongs to the interval whose upper end is the first one that is not smaller.
    shares : tuple of int
        Numbers in each of the ``len(tenths) + 1`` intervals.
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
            "quantiles": {f"p{100 * q:g}": value for q, value in zip(QUANTILES, self.quantiles, strict=True)},
            "tenths": list(self.tenths),
            "shares": list(self.shares),
            "histogram": {"edges": list(self.edges), "counts": list(self.counts)},
        }


def quantile(ordered: Sequence[float], q: float) -> float:
    """Return a quantile of sorted numbers by linear interpolation (type 7 of Hyndman and Fan, 1996)."""
    position = q * (len(ordered) - 1)
    below = floor(position)
    above = min(below + 1, len(ordered) - 1)
    return round(ordered[below] + (ordered[above] - ordered[below]) * (position - below), 6)


def bin_counts(values: Sequence[float], tenths: Sequence[float]) -> tuple[int, ...]:
    """Return how many values fall in each interval that ``tenths`` end."""
    counts = [0] * (len(tenths) + 1)
    for value in values:
        counts[bisect_left(tenths, value)] += 1
    return tuple(counts)


def shape_of(values: Sequence[float]) -> NumberShape:
    """Return the shape of some numbers, at least one."""
    ordered = sorted(values)
    tenths = tuple(sorted({quantile(ordered, tenth / 10) for tenth in range(1, 10)}))
    bars = min(MAX_BARS, max(4, round(2 * len(ordered) ** (1 / 3))))
    edges = _edges(quantile(ordered, 0.01), quantile(ordered, 0.99), bars)
    counts = [0] * (len(edges) - 1)
    for value in ordered:
        counts[min(max(bisect_right(edges, value) - 1, 0), len(counts) - 1)] += 1
    quantiles = tuple(quantile(ordered, q) for q in QUANTILES)
    return NumberShape(quantiles, tenths, bin_counts(ordered, tenths), edges, tuple(counts))


def _edges(low: float, high: float, bars: int) -> tuple[float, ...]:
    step = _round_step((high - low) / bars) if high > low else max(abs(low), 1.0)
    first = floor(low / step)
    last = floor(high / step) + 1
    return tuple(float(f"{i * step:.12g}") for i in range(first, last + 1))


def _round_step(step: float) -> float:
    """Return the next of 1, 2, 5 × a power of ten that is not smaller."""
    power: float = 10.0 ** floor(log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * (1 - 1e-9))
