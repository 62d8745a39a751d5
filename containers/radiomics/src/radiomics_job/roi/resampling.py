"""The resampling grid, and image and mask on it.

pyradiomics' own resampling makes the combination of corner grid and nearest mask; everything else is made here, with
the same interpolators of ITK (`docs/decisions.md#features-16`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import SimpleITK as sitk  # noqa: N813

from radiomics_job.parameters import Resampling

SitkImage = Any  # SimpleITK ships no types

INSIDE: Final = 0.5
"""From this interpolated share on a voxel belongs to the mask (IBSI reference manual, 2.5)."""

SHARE_TOLERANCE: Final = 1e-6
"""Shares of exactly a half are common where spacings divide each other; rounding must not decide about them."""

ITK_INTERPOLATORS: Final = {
    "bspline": sitk.sitkBSpline,
    "linear": sitk.sitkLinear,
    "nearest": sitk.sitkNearestNeighbor,
}


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a resampling grid; positions in mm from the centre of the scan's first voxel."""

    first: float
    """Position of the grid's first voxel."""
    spacing: float
    size: int

    def part(self, low: float, high: float, pad: int) -> tuple[int, int]:
        """Give the first and last voxel of the part that covers two positions and `pad` voxels around them."""
        start = math.floor((low - self.first) / self.spacing) - pad
        stop = math.ceil((high - self.first) / self.spacing) + pad
        return max(start, 0), min(stop, self.size - 1)


def new_axis(size: int, spacing: float, wanted: float | None, grid: str) -> Axis:
    """Lay one axis of the grid.

    Parameters
    ----------
    size, spacing
        Of the scan: voxels, mm.
    wanted
        New spacing in mm; None keeps the axis.
    grid
        `corner`: the first voxels share their outer face; `centre`: both grids share their middle.

    Returns
    -------
    Axis
        As many voxels as cover the scan.
    """
    if wanted is None or wanted == spacing:
        return Axis(0.0, spacing, size)
    # A millionth of a voxel: 60 slices of 3 mm are 90 of 2 mm, whatever rounding makes of the product.
    new_size = max(math.ceil(size * spacing / wanted - 1e-6), 1)
    if grid == "corner":
        return Axis((wanted - spacing) / 2, wanted, new_size)
    return Axis(((size - 1) * spacing - (new_size - 1) * wanted) / 2, wanted, new_size)


def grid_axes(shape: Sequence[int], spacing: Sequence[float], grid: Resampling) -> list[Axis]:
    """Lay the whole grid: one axis for each of the scan's."""
    return [
        new_axis(size, step, wanted, grid.grid)
        for size, step, wanted in zip(shape, spacing, grid.spacing_mm, strict=True)
    ]


def resample(
    image: SitkImage, mask: SitkImage, axes: Sequence[Axis], parts: Sequence[tuple[int, int]], grid: Resampling
) -> tuple[SitkImage, SitkImage]:
    """Interpolate image and mask on a part of the grid.

    Parameters
    ----------
    image, mask
        Around the region, with their origin in mm from the centre of the scan's first voxel.
    parts
        First and last voxel of the part along each axis.

    Returns
    -------
    tuple
        Image (float64) and mask (uint8).
    """
    target: Any = sitk.ResampleImageFilter()  # type: ignore[no-untyped-call]  # SimpleITK ships no types
    target.SetSize([last - first + 1 for first, last in parts])
    target.SetOutputSpacing([axis.spacing for axis in axes])
    target.SetOutputOrigin([axis.first + part[0] * axis.spacing for axis, part in zip(axes, parts, strict=True)])
    target.SetOutputPixelType(sitk.sitkFloat64)
    target.UseNearestNeighborExtrapolatorOn()
    target.SetInterpolator(ITK_INTERPOLATORS[grid.image_interpolator])
    new_image = target.Execute(image)
    target.SetInterpolator(ITK_INTERPOLATORS[grid.mask_interpolator])
    shares = target.Execute(sitk.Cast(mask, sitk.sitkFloat64))  # type: ignore[no-untyped-call]  # SimpleITK ships no types
    return new_image, shares >= INSIDE - SHARE_TOLERANCE
