"""Grey levels: which bin a value falls into, and how many there are."""

from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from radiomics.imageoperations import getBinEdges

from radiomics_job.parameters import Bins, ExtractionSettings

MOST_BINS: Final = 1_000_000
"""First order makes an array of bin edges: beyond this the parameter file or the image is wrong."""

Binning: TypeAlias = float | Bins
"""A bin width with edges at its multiples, as pyradiomics bins; or one of IBSI's two ways."""


def binning_of(image: str, settings: ExtractionSettings) -> Binning:
    """Choose how an image is binned: filtered ones are on another scale than HU.

    Bins that start at some HU are for the unfiltered image alone; a fixed number of bins fits any image.
    """
    kind = image.split("-")[0].rstrip("0123456789") if image.startswith(("log-", "wavelet")) else image
    width = settings.filter_bin_widths.get(kind)
    if width is not None:
        return width
    if settings.bins is not None and (image == "original" or settings.bins.count is not None):
        return settings.bins
    return settings.bin_width if settings.bin_width is not None else _width(settings)


def _width(settings: ExtractionSettings) -> float:
    bins = settings.bins
    if bins is None or bins.width is None:
        raise ValueError("no bin width is set")  # the parameter file's validators see to it
    return bins.width


def highest_level(values: NDArray[Any], binning: Binning) -> float:
    """Give the number of grey levels; infinite when a value is not finite.

    Raises
    ------
    ValueError
        When a value lies below the HU at which the bins start.
    """
    lowest, highest = float(values.min()), float(values.max())
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        return np.inf
    if not isinstance(binning, Bins):
        return float(highest // binning - lowest // binning) + 1
    if binning.count is not None:
        return float(binning.count) if highest > lowest else 1.0
    start, width = float(binning.start or 0), float(binning.width or 1)
    if lowest < start:
        raise ValueError(
            f"the region holds {lowest:g} HU, below the start of the bins at {start:g} HU: "
            "set resegmentation.range_hu or bins.from"
        )
    return float((highest - start) // width) + 1


def levels_of(values: NDArray[Any], bins: Bins) -> NDArray[np.int64]:
    """Number values as IBSI does (reference manual, 2.7): level 1 is the lowest bin.

    Parameters
    ----------
    values
        Of the region; none below `bins.start`.

    Returns
    -------
    ndarray of int64
        For a fixed number of bins the highest value belongs to the last one.
    """
    exact = values.astype(np.float64)
    if bins.count is None:
        numbers: NDArray[np.int64] = np.floor((exact - (bins.start or 0)) / (bins.width or 1)).astype(np.int64)
        return numbers + 1
    lowest, highest = exact.min(), exact.max()
    if highest == lowest:
        return np.ones(exact.shape, np.int64)
    levels: NDArray[np.int64] = np.floor(bins.count * (exact - lowest) / (highest - lowest)).astype(np.int64) + 1
    return np.minimum(levels, bins.count)


class _Numbered:
    """Gives a feature class of pyradiomics its grey levels: IBSI's, or pyradiomics' own from the two extreme values.

    pyradiomics' edges follow from the lowest and the highest value; it looks for them with Python's `min` and `max`
    among all voxels, once for each class.
    """

    maskArray: NDArray[np.bool_]  # noqa: N815 - pyradiomics' name
    coefficients: dict[str, Any]
    settings: dict[str, Any]

    def _applyBinning(self, matrix: NDArray[Any]) -> NDArray[np.int64]:  # noqa: N802 - pyradiomics' name
        levels = np.zeros(matrix.shape, np.int64)
        values, bins = matrix[self.maskArray], self.settings.get("bins")
        if bins is None:
            edges = getBinEdges(np.array([values.min(), values.max()]), **self.settings)
            levels[self.maskArray] = np.digitize(values, edges)
        else:
            levels[self.maskArray] = levels_of(values, bins)
        self.coefficients["grayLevels"] = np.unique(levels[self.maskArray])
        self.coefficients["Ng"] = int(self.coefficients["grayLevels"][-1])
        return levels


@cache
def numbered(feature_class: type) -> type:
    """Return the class with this numbering of grey levels; its option `bins` or `binWidth` says which."""
    return type(feature_class.__name__, (_Numbered, feature_class), {})
