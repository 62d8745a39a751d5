"""How far a value is from the rest of its cohort, by median and median absolute deviation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log10
from statistics import fmean, median, quantiles

OUTLIER = 3.5
"""A value whose robust z-score is beyond this in absolute value is an outlier (Iglewicz and Hoaglin 1993)."""

LEAST_VALUES = 5
"""Of fewer values none is judged: their median and its deviation are the values themselves."""

_MAD_TO_SD = 1.4826
"""Standard deviation of a normal distribution per median absolute deviation."""

_MEAN_AD_TO_SD = 1.2533
"""The same per mean absolute deviation (square root of pi/2)."""


@dataclass(frozen=True)
class Distribution:
    """A number of each member of a cohort.

    Parameters
    ----------
    values : mapping
        Member → value; a member without one is left out.
    centre, spread : float
        Median and estimate of the standard deviation on the scale; the latter is 0 when nothing can be judged.
    scale : callable
        Value → place on the scale on which it is judged.
    """

    values: Mapping[str, float]
    centre: float
    spread: float
    scale: Callable[[float], float] = float

    def z(self, value: float) -> float | None:
        """Return the robust z-score of a value; None when nothing can be judged."""
        return (self.scale(value) - self.centre) / self.spread if self.spread else None

    def place(self, value: float) -> float:
        """Return where a value lies between the lowest (0) and the highest (1), on the scale."""
        low, high = self.scale(min(self.values.values())), self.scale(max(self.values.values()))
        return (self.scale(value) - low) / ((high - low) or 1.0)

    @property
    def middle(self) -> float:
        """Median of the values."""
        return median(self.values.values())

    @cached_property
    def outliers(self) -> list[tuple[str, float]]:
        """Members beyond `OUTLIER` and their scores, the farthest first."""
        scores = ((name, self.z(value)) for name, value in self.values.items())
        beyond = [(name, score) for name, score in scores if score is not None and abs(score) > OUTLIER]
        return sorted(beyond, key=lambda pair: (-abs(pair[1]), pair[0]))

    @property
    def is_logarithmic(self) -> bool:
        """Whether values are judged and drawn by their logarithm."""
        return self.scale is log10

    @property
    def is_constant(self) -> bool:
        """Whether all values are the same."""
        return len(set(self.values.values())) == 1

    def quantiles(self) -> tuple[float, float, float, float, float]:
        """Return the 5th, 25th, 50th, 75th and 95th percentile."""
        ordered = sorted(self.values.values())
        if len(ordered) == 1:
            return (ordered[0],) * 5
        cuts = quantiles(ordered, n=20, method="inclusive")
        return cuts[0], cuts[4], cuts[9], cuts[14], cuts[18]


def distribution(
    values: Mapping[str, float], *, logarithmic: bool = False, precision: float = 0.0
) -> Distribution | None:
    """Return the distribution of a number, or None when no member has it.

    Parameters
    ----------
    logarithmic : bool
        Judge the logarithm, as is right for what grows by factors; not where a value is 0 or less.
    precision : float
        Share of the median within which values are as good as equal: the standard deviation is taken as no smaller.

    Where more than half of the values are the same, their median absolute deviation is 0; the mean absolute deviation
    takes its place (decision `page-2`).

    Examples
    --------
    >>> [(key, round(score, 2)) for key, score in distribution({"a": 1, "b": 2, "c": 3, "d": 4, "e": 40}).outliers]
    [('e', 24.96)]
    """
    if not values:
        return None
    scale = log10 if logarithmic and min(values.values()) > 0 else float
    scaled = [scale(value) for value in values.values()]
    centre = median(scaled)
    least = log10(1 + precision) if scale is log10 else precision * abs(centre)
    spread = _spread(scaled, centre)
    return Distribution(values, centre, spread and max(spread, least), scale)


def _spread(values: Sequence[float], centre: float) -> float:
    if len(values) < LEAST_VALUES:
        return 0.0
    deviations = [abs(value - centre) for value in values]
    return _MAD_TO_SD * median(deviations) or _MEAN_AD_TO_SD * fmean(deviations)
