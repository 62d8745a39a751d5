"""Slightly changed copies of an image and its region: how much does a feature owe to chance?

A turn, a shift by parts of a voxel, noise of the image's own strength, and a region that is a tenth larger or smaller,
as in Zwanenburg et al., *Assessing robustness of radiomic features by image perturbation*, Sci Rep 9 (2019) 614,
doi:10.1038/s41598-018-36938-4. Everything is fixed: the same study gives the same copies on every machine.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pywt
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from radiomics_job.geometry.grid import Grid, Intensity, box_of
from radiomics_job.roi.regions import LOG_REACH_SIGMAS, SitkImage, as_image
from radiomics_job.roi.resampling import INSIDE, SHARE_TOLERANCE

_MARGIN_MM: Final = 30.0
"""Kept around a region: farther than a turn by a few degrees moves its border."""

_NORMAL_QUARTILE: Final = 0.6745
"""Median of the absolute values of a normal distribution, in standard deviations."""


@dataclass(frozen=True, slots=True)
class Perturbation:
    """One way of changing an image and its region."""

    degrees: float
    """Turn about the axis across the slices, through the middle of the region."""
    shift: tuple[float, float, float]
    """Parts of a voxel along (column, row, slice)."""
    growth: float
    """Share of its volume that the region gains."""
    seed: int
    """Of the noise."""


PERTURBATIONS: Final = tuple(
    Perturbation(
        degrees=(-6.0, -4.0, -2.0, 2.0, 4.0, 6.0)[number % 6],
        shift=(number % 4 / 4, (number + 1) * 3 % 4 / 4, number // 2 % 4 / 4),
        growth=(-0.1, 0.0, 0.1)[number % 3],
        seed=number,
    )
    for number in range(10)
)
"""Ten copies: every turn, quarter of a voxel and growth occurs, in different company."""


@dataclass(frozen=True, eq=False)
class Copy:
    """An image and a region on one grid."""

    image: NDArray[Any]
    """HU or SUV, indexed (column, row, slice)."""
    mask: NDArray[np.bool_]
    affine: NDArray[np.float64]
    """Voxel index to RAS millimetres."""


def surroundings(image: NDArray[Intensity], mask: NDArray[np.bool_], grid: Grid, log_sigma_mm: float) -> Copy:
    """Cut a region with as much around it as perturbations and filters look at.

    Raises
    ------
    ValueError
        When the mask is empty.
    """
    box = box_of(mask)
    margin = _MARGIN_MM + LOG_REACH_SIGMAS * log_sigma_mm
    cut = tuple(
        slice(max(axis.start - math.ceil(margin / step), 0), axis.stop + math.ceil(margin / step))
        for axis, step in zip(box, grid.spacing, strict=True)
    )
    affine = grid.affine.copy()
    affine[:3, 3] += grid.affine[:3, :3] @ [axis.start for axis in cut]
    return Copy(image[cut], mask[cut], affine)


def perturbed(copy: Copy, spacing: tuple[float, float, float]) -> Iterator[Copy]:
    """Yield the copies of `PERTURBATIONS`, in order; a region may come out empty."""
    noise = noise_level(copy.image)
    image = as_image(copy.image.astype(np.float64), spacing)
    mask = as_image(copy.mask.astype(np.float64), spacing)
    centre = np.argwhere(copy.mask).mean(axis=0) * spacing
    for each in PERTURBATIONS:
        transform = _transform(each, centre, spacing)
        values = _moved(image, transform)
        values = values + np.random.default_rng(each.seed).normal(0, noise, values.shape)
        inside = _moved(mask, transform) >= INSIDE - SHARE_TOLERANCE
        yield Copy(_as_stored(values, copy.image.dtype), grown(inside, each.growth, spacing, each.seed), copy.affine)


def shuffled(copy: Copy) -> Copy:
    """Deal the values of a region out to its voxels at random: what a feature then still says is not texture."""
    image = copy.image.copy()
    image[copy.mask] = np.random.default_rng(0).permutation(image[copy.mask])
    return Copy(image, copy.mask, copy.affine)


def noise_level(image: NDArray[Any]) -> float:
    """Estimate the standard deviation of an image's noise.

    From the finest diagonal wavelet coefficients of its slices, of which anatomy makes few: Donoho and Johnstone 1994,
    doi:10.1093/biomet/81.3.425.
    """
    _, (_, _, diagonal) = pywt.dwt2(image.astype(np.float64), "coif1", mode="periodization", axes=(0, 1))
    return float(np.median(np.abs(diagonal)) / _NORMAL_QUARTILE)


def grown(mask: NDArray[np.bool_], growth: float, spacing: tuple[float, float, float], seed: int) -> NDArray[np.bool_]:
    """Move the border of a region outwards or inwards until its volume has changed by a share.

    Voxels join or leave by their distance to the border, those at equal distance in random order: a layer of voxels is
    often more than the share.
    """
    if growth == 0 or not mask.any():
        return mask
    distances = sitk.SignedMaurerDistanceMap(  # type: ignore[no-untyped-call]  # SimpleITK ships no types
        as_image(mask.astype(np.uint8), spacing), squaredDistance=False, useImageSpacing=True
    )
    apart = _array(distances)
    wanted = max(round(np.count_nonzero(mask) * (1 + growth)), 1)
    limit = np.partition(apart, wanted - 1, axis=None)[wanted - 1]
    result: NDArray[np.bool_] = apart < limit
    last = np.flatnonzero((apart == limit).ravel())
    chosen = np.random.default_rng(seed).permutation(last)[: wanted - np.count_nonzero(result)]
    result[np.unravel_index(chosen, result.shape)] = True
    return result


def _transform(each: Perturbation, centre: NDArray[np.float64], spacing: tuple[float, float, float]) -> Any:  # noqa: ANN401 – SimpleITK
    turn: Any = sitk.Euler3DTransform()  # type: ignore[no-untyped-call]
    turn.SetCenter(centre.tolist())
    turn.SetRotation(0.0, 0.0, math.radians(each.degrees))
    turn.SetTranslation([part * step for part, step in zip(each.shift, spacing, strict=True)])
    return turn


def _moved(image: SitkImage, transform: Any) -> NDArray[np.float64]:  # noqa: ANN401 – SimpleITK
    filled: Any = sitk.ResampleImageFilter()  # type: ignore[no-untyped-call]
    filled.SetReferenceImage(image)
    filled.SetTransform(transform)
    filled.SetInterpolator(sitk.sitkLinear)
    filled.UseNearestNeighborExtrapolatorOn()
    return _array(filled.Execute(image))


def _array(image: SitkImage) -> NDArray[np.float64]:
    values: NDArray[np.float64] = sitk.GetArrayFromImage(image)
    return values.transpose(2, 1, 0)


def _as_stored(values: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
    return values.astype(dtype)
