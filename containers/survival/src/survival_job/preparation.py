"""Preparation of features, fitted on training cases alone: what is dropped, imputed, harmonised and scaled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from survival_job.dataset import Floats

MOST_MISSING: Final = 0.5
"""A feature that more of the training cases lack is left out."""

CLIP: Final = 5.0
"""Standard deviations beyond which a value counts as that many: one outlier must not carry a linear model."""


@dataclass(frozen=True)
class Preparation:
    """What was learnt from training cases; arrays are by kept feature.

    Parameters
    ----------
    kept : array of int
        Columns that are used.
    median, mean, scale : array of float
        For missing values, and for scaling.
    harmony : Harmony or None
        Shifts between scanners.
    """

    kept: np.ndarray
    median: Floats
    mean: Floats
    scale: Floats
    harmony: "Harmony | None" = None

    def apply(self, values: Floats, batches: Sequence[str] | None = None) -> Floats:
        """Return values of any cases as a model takes them: no gaps, mean 0 and deviation 1 of the training cases."""
        kept = values[:, self.kept]
        filled = np.where(np.isnan(kept), self.median, kept)
        if self.harmony is not None and batches is not None:
            filled = self.harmony.apply(filled, batches)
        return np.clip((filled - self.mean) / self.scale, -CLIP, CLIP)


def prepare(
    values: Floats, batches: Sequence[str] | None = None, scanned: NDArray[np.bool_] | None = None
) -> Preparation:
    """Learn from training cases.

    Parameters
    ----------
    values : array
        Cases × features, NaN where missing.
    batches : sequence of str, optional
        Each case's scanner; given, features are harmonised between them.
    scanned : array of bool, optional
        Which features a scanner measured; all by default. Age is no matter of the scanner.
    """
    missing = np.isnan(values).mean(axis=0)
    highest = np.where(np.isnan(values), -np.inf, values).max(axis=0)
    lowest = np.where(np.isnan(values), np.inf, values).min(axis=0)
    kept = np.flatnonzero((missing <= MOST_MISSING) & (highest > lowest))
    chosen = values[:, kept]
    median = np.nanmedian(chosen, axis=0) if len(kept) else np.empty(0)
    filled = np.where(np.isnan(chosen), median, chosen)
    measured = np.ones(values.shape[1], bool) if scanned is None else scanned
    harmony = fit_harmony(filled, batches, measured[kept]) if batches is not None else None
    if harmony is not None and batches is not None:
        filled = harmony.apply(filled, batches)
    scale = filled.std(axis=0)
    return Preparation(kept, median, filled.mean(axis=0), np.where(_varies(scale, filled), scale, 1.0), harmony)


def scanned_by(columns: Sequence[str], column: str | None) -> NDArray[np.bool_]:
    """Return which columns are of the modality whose scanners a context column names."""
    modality = (column or "").partition("__")[0]
    return np.array([name.partition("__")[0] == modality for name in columns], bool)


def batches_of(context: pd.DataFrame, column: str | None, rows: np.ndarray | None = None) -> list[str] | None:
    """Return the scanner of each case, or of some; None without a column that names them."""
    if column is None:
        return None
    names = context[column].fillna("")
    return [str(name) for name in (names if rows is None else names.iloc[rows])]


LEAST_OF_A_BATCH: Final = 5
"""Fewer training cases of a scanner say too little of it; they are taken as they are."""
ROUNDING: Final = 1e-9
"""A spread below this share of a feature's size is rounding: the feature is constant."""


def _varies(spread: Floats, values: Floats) -> NDArray[np.bool_]:
    varies: NDArray[np.bool_] = spread > ROUNDING * np.abs(values).max(axis=0, initial=0.0)
    return varies


@dataclass(frozen=True)
class Harmony:
    """ComBat's shift and width of each batch (Johnson 2007, doi:10.1093/biostatistics/kxj037), without covariates."""

    mean: Floats
    scale: Floats
    shifts: dict[str, tuple[Floats, Floats]]
    """Batch → additive and multiplicative effect, in pooled standard deviations."""

    def apply(self, values: Floats, batches: Sequence[str]) -> Floats:
        """Return values without the effects of batches that were learnt; others stay."""
        found = values.copy()
        names = np.asarray(batches)
        for batch, (shift, width) in self.shifts.items():
            rows = names == batch
            found[rows] = ((values[rows] - self.mean) / self.scale - shift) / width * self.scale + self.mean
        return found


def fit_harmony(values: Floats, batches: Sequence[str], scanned: NDArray[np.bool_]) -> Harmony | None:
    """Estimate the batches' effects on some features, shrunk over these by empirical Bayes.

    None with fewer than two batches or features. Other features have no effects.
    """
    found = _fit(values[:, scanned], batches)
    if found is None:
        return None

    def whole(part: Floats, neutral: float) -> Floats:
        every = np.full(len(scanned), neutral)
        every[scanned] = part
        return every

    shifts = {name: (whole(shift, 0.0), whole(width, 1.0)) for name, (shift, width) in found.shifts.items()}
    return Harmony(whole(found.mean, 0.0), whole(found.scale, 1.0), shifts)


def _fit(values: Floats, batches: Sequence[str]) -> Harmony | None:
    names = np.asarray(batches)
    sizes = {name: int((names == name).sum()) for name in np.unique(names)}
    usable = [name for name, size in sizes.items() if size >= LEAST_OF_A_BATCH]
    if len(usable) < 2 or values.shape[1] < 2:
        return None
    mean = values.mean(axis=0)
    residual = values - np.stack([values[names == name].mean(axis=0) for name in names])
    scale = np.sqrt((residual**2).mean(axis=0))
    varies = _varies(scale, values)
    scale = np.where(varies, scale, 1.0)
    standard = (values - mean) / scale
    return Harmony(mean, scale, {str(name): _effects(standard[names == name], varies) for name in usable})


def _effects(values: Floats, varies: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return a batch's shift and width; a feature that is constant within each batch says nothing of the others."""
    shift, width = values.mean(axis=0), np.ones(values.shape[1])
    if varies.sum() > 1:
        shift[varies], width[varies] = _shrunk(values[:, varies])
    return shift, width


def _shrunk(values: Floats) -> tuple[Floats, Floats]:
    """Return a batch's shift and width for each feature, drawn towards what features have in common."""
    size, shift, variance = len(values), values.mean(axis=0), values.var(axis=0, ddof=1)
    centre, spread = shift.mean(), shift.var(ddof=1)
    average, second = variance.mean(), variance.var(ddof=1)
    if spread == 0 or second == 0:
        return shift, np.sqrt(np.where(variance > 0, variance, 1.0))
    shape = (2 * second + average**2) / second
    rate = (average * second + average**3) / second
    found, width = shift, variance
    for _ in range(50):
        found = (size * spread * shift + width * centre) / (size * spread + width)
        width = (rate + ((values - found) ** 2).sum(axis=0) / 2) / (size / 2 + shape - 1)
    return found, np.sqrt(width)
