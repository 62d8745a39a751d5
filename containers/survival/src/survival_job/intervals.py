"""Intervals of what repeated folds gave. Folds share cases, so their values are no independent sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student

from survival_job.dataset import Floats


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval."""

    estimate: float
    low: float
    high: float

    def document(self) -> dict[str, float | None]:
        """Return it as JSON values."""
        return {name: rounded(getattr(self, name)) for name in ("estimate", "low", "high")}


def rounded(value: float) -> float | None:
    """Return a number for JSON: four decimals, or nothing where it could not be measured."""
    return round(float(value), 4) if np.isfinite(value) else None


def corrected_interval(values: Floats | list[Any], parts: int, lowest: float = 0.0) -> Interval:
    """Return the mean over folds with the corrected resampled t interval, as far as values can be: `lowest` to 1.

    The variance of a mean of J folds is (1/J + 1/(parts − 1)) times theirs, since test and training cases are in the
    ratio 1 : parts − 1 (Nadeau and Bengio 2003, doi:10.1023/A:1024068626366). Differences of concordance are -1 to 1.
    """
    found = np.asarray(values, float)
    found = found[np.isfinite(found)]
    if len(found) < 2:
        return Interval(float(found.mean()) if len(found) else float("nan"), float("nan"), float("nan"))
    mean, spread = float(found.mean()), float(found.std(ddof=1))
    half = float(student.ppf(0.975, len(found) - 1)) * spread * float(np.sqrt(1 / len(found) + 1 / (parts - 1)))
    return Interval(mean, max(mean - half, lowest), min(mean + half, 1.0))


def over_folds(by_day: Mapping[float, Sequence[float]], parts: int) -> dict[str, dict[str, float | None]]:
    """Return a measure's interval at each horizon as JSON values, with how many folds could not be judged by it."""
    return {
        f"{day:.0f}": {
            **corrected_interval(list(values), parts).document(),
            "folds_left_out": int(np.isnan(values).sum()),
        }
        for day, values in by_day.items()
    }
