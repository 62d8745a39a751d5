"""What features are computed on: the unfiltered image and filtered ones, and the grey level of each voxel.

pyradiomics' filters, with two differences. Where pyradiomics scales by the largest absolute value of the image it is
given, the whole scan's is taken, so that a value does not depend on how a region was cut. And the Laplacian of
Gaussian can have IBSI 2's scale (`docs/decisions.md#features-17`).
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from radiomics import imageoperations
from radiomics.imageoperations import getBinEdges

from radiomics_job.parameters import Bins, ExtractionSettings
from radiomics_job.roi.regions import Region, SitkImage

_LBP_RADIUS: Final = 1
_LBP_POINTS: Final = 8

_SCALED: Final[dict[str, Callable[[NDArray[np.float64], float], NDArray[np.float64]]]] = {
    "square": lambda values, largest: (values / np.sqrt(largest)) ** 2,
    "squareroot": lambda values, largest: np.sign(values) * np.sqrt(np.abs(values) * largest),
    "logarithm": lambda values, largest: np.sign(values) * np.log(np.abs(values) + 1) * (largest / np.log(largest + 1)),
    "exponential": lambda values, largest: np.exp(np.log(largest) / largest * values),
}
"""Formulas of pyradiomics' documentation of `imageoperations`; the result has the range of the image."""


def images(region: Region, settings: ExtractionSettings, slice_axis: int) -> Iterator[tuple[str, SitkImage]]:
    """Yield the unfiltered image, then the filtered ones; a filter that the volume is too small for yields nothing.

    Parameters
    ----------
    slice_axis
        Canonical axis across the acquired slices, for filters within slices.
    """
    yield "original", region.image
    for sigma in settings.log_sigma_mm:
        for image, name, _ in imageoperations.getLoGImage(region.image, region.mask, sigma=[sigma]):
            yield name, image if settings.log_scale == "pyradiomics" else image / (sigma / image.GetSpacing()[0]) ** 2
    if settings.wavelet_levels:
        flat = flat_options(settings, slice_axis)
        options = {"wavelet": settings.wavelet, "level": settings.wavelet_levels, **flat}
        for image, name, _ in imageoperations.getWaveletImage(region.image, region.mask, **options):
            yield name, image
    for name in settings.filters:
        yield name, _filtered(name, region, slice_axis)


def flat_options(settings: ExtractionSettings, slice_axis: int) -> dict[str, Any]:
    """Return pyradiomics' options for slices; it counts axes the other way round: its 0 is the superior axis."""
    return {"force2D": True, "force2Ddimension": 2 - slice_axis} if settings.force_2d else {}


def _filtered(name: str, region: Region, slice_axis: int) -> SitkImage:
    if name == "gradient":
        return sitk.GradientMagnitude(sitk.Cast(region.image, sitk.sitkFloat64))  # type: ignore[no-untyped-call]
    values = sitk.GetArrayFromImage(region.image).astype(np.float64)
    if name == "lbp-2D":
        result = local_binary_patterns(values, 2 - slice_axis)
    else:
        result = _SCALED[name](values, region.largest)
    image: SitkImage = sitk.GetImageFromArray(result)
    image.CopyInformation(region.image)
    return image


def local_binary_patterns(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Compute uniform, rotation-invariant local binary patterns slice by slice.

    Eight points on a circle of one voxel are interpolated linearly and compared with the centre. A pattern of at most
    two changes around the circle counts its points that are not below the centre; any other is 9.
    Source: Ojala, Pietikäinen and Mäenpää 2002, doi:10.1109/TPAMI.2002.1017623.

    Parameters
    ----------
    values
        Three-dimensional; beyond its border lies 0.
    axis
        Across the slices.

    Returns
    -------
    ndarray of float64
        0 to 9, indexed as `values`.
    """
    slices = np.moveaxis(values, axis, 0)
    padded = np.pad(slices, ((0, 0), (2, 2), (2, 2)))
    angles = 2 * np.pi * np.arange(_LBP_POINTS) / _LBP_POINTS
    around = np.stack(
        [
            _shifted(padded, -_LBP_RADIUS * np.sin(angle), _LBP_RADIUS * np.cos(angle)) >= slices
            for angle in angles.tolist()
        ]
    )
    changes = (around != np.roll(around, 1, axis=0)).sum(axis=0)
    patterns = np.where(changes <= 2, around.sum(axis=0), _LBP_POINTS + 1).astype(np.float64)
    return np.moveaxis(patterns, 0, axis)


def _shifted(padded: NDArray[np.float64], row: float, column: float) -> NDArray[np.float64]:
    """Interpolate at a point beside each pixel; five decimals, so that whole steps hit pixels."""
    row, column = round(row, 5), round(column, 5)
    top, left = int(np.floor(row)), int(np.floor(column))
    down, right = row - top, column - left

    def at(i: int, j: int) -> NDArray[np.float64]:
        return padded[:, 2 + i : padded.shape[1] - 2 + i, 2 + j : padded.shape[2] - 2 + j]

    upper = (1 - right) * at(top, left) + right * at(top, left + 1)
    lower = (1 - right) * at(top + 1, left) + right * at(top + 1, left + 1)
    return (1 - down) * upper + down * lower


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
