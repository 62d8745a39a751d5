"""Cuts the part of a volume that feature extraction needs, and puts it on the grid that the settings ask for.

Extraction on the cut equals extraction on the whole volume, value for value; how much of the surroundings is
kept depends on the filters that will run over it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pywt
import SimpleITK as sitk  # noqa: N813 - the name everybody knows it by
from numpy.typing import NDArray
from radiomics import imageoperations

from radiomics_job.geometry.grid import Intensity, box_of
from radiomics_job.parameters import ExtractionSettings, Resampling
from radiomics_job.roi.resampling import ITK_INTERPOLATORS, Axis, grid_axes, resample

Box = tuple[slice, slice, slice]
Spacing = tuple[float, float, float]
SitkImage = Any  # SimpleITK ships no types

LOG_REACH_SIGMAS: Final = 20.0
"""Voxels farther than this many widths change a Laplacian of Gaussian by less than its float32 result can
hold.
"""

WAVELET_SLACK_VOXELS: Final = 2
"""One level of a wavelet looks at most as far as it has taps, and this much for rounding to even sizes."""

NEIGHBOUR_REACH_VOXELS: Final = 2
"""Gradients and local binary patterns look at the next voxel."""

SCALED_FILTERS: Final = frozenset({"square", "squareroot", "logarithm", "exponential"})
"""Filters that scale by the largest absolute HU."""

SPLINE_REACH_VOXELS: Final = 40
"""A cubic B-spline's pre-filter fades by 0.27 per voxel: beyond this distance it is below float64's
resolution.
"""

SPLINE_SUPPORT_VOXELS: Final = 4
"""Along an axis shorter than a cubic B-spline's support ITK reads memory outside the image."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A CT and its mask in canonical orientation, arrays indexed (left, posterior, superior), spacing in mm."""

    ct: NDArray[Intensity]
    mask: NDArray[np.bool_]
    spacing: Spacing


@dataclass(frozen=True, slots=True)
class Region:
    """Image and mask of one ROI on the extraction grid, with the surroundings that the filters need."""

    image: SitkImage
    mask: SitkImage
    largest: float = 0.0
    """Largest absolute HU of the whole scan, by which some filters scale; 0 where none of them runs."""

    def mask_array(self) -> NDArray[np.bool_]:
        """Mask as an array indexed (left, posterior, superior)."""
        return _array(self.mask) > 0

    def image_array(self) -> NDArray[Any]:
        """Image as an array indexed (left, posterior, superior)."""
        return _array(self.image)


def cut_region(volume: Volume, settings: ExtractionSettings) -> Region:
    """Cut the part of a volume that extraction needs, resampled when the settings say so.

    Parameters
    ----------
    volume
        CT and mask; the mask has at least one voxel.
    settings
        Decide the grid and, through the filters, the margin.

    Returns
    -------
    Region
        HU as stored on the scanned grid, or as float64 on a resampled one. The mask may be empty after
        resampling.

    Raises
    ------
    ValueError
        When the volume is too small to be resampled.
    """
    largest = max(float(volume.ct.max()), -float(volume.ct.min())) if set(settings.filters) & SCALED_FILTERS else 0.0
    if settings.resampling is not None:
        return Region(*_resampled(volume, settings, settings.resampling), largest)
    box = _filter_box(volume, settings)
    mask = as_image(volume.mask[box].astype(np.uint8), volume.spacing)
    return Region(as_image(volume.ct[box], volume.spacing), mask, largest)


def _filter_box(volume: Volume, settings: ExtractionSettings) -> Box:
    tight = box_of(volume.mask)
    margins = _filter_margins(settings, volume.spacing)
    box = _grown(tight, margins, volume.mask.shape)
    if not settings.wavelet_levels:
        return box
    # The wavelet wraps round: near the volume's edge it reads the opposite one, so that axis is kept whole.
    wrapped = (t.start < m or t.stop + m > size for t, m, size in zip(tight, margins, volume.mask.shape, strict=True))
    x, y, z = (slice(0, size) if wraps else b for wraps, b, size in zip(wrapped, box, volume.mask.shape, strict=True))
    return x, y, z


def _filter_margins(settings: ExtractionSettings, spacing: Spacing) -> tuple[int, int, int]:
    widest = max(settings.log_sigma_mm, default=0.0)
    least = max(_wavelet_reach(settings), NEIGHBOUR_REACH_VOXELS if settings.filters else 0)
    x, y, z = (max(math.ceil(LOG_REACH_SIGMAS * widest / step), least) for step in spacing)
    return x, y, z


def _wavelet_reach(settings: ExtractionSettings) -> int:
    if not settings.wavelet_levels:
        return 0
    taps = int(pywt.Wavelet(settings.wavelet).dec_len)
    return (taps + WAVELET_SLACK_VOXELS) * settings.wavelet_levels


def _resampled(volume: Volume, settings: ExtractionSettings, grid: Resampling) -> tuple[SitkImage, SitkImage]:
    """Put image and mask on the new grid, with what the filters need around the mask."""
    if grid.image_interpolator == "bspline" and min(volume.mask.shape) < SPLINE_SUPPORT_VOXELS:
        raise ValueError(f"a B-spline needs at least {SPLINE_SUPPORT_VOXELS} voxels along each axis")
    axes = grid_axes(volume.mask.shape, volume.spacing, grid)
    pad = max(_filter_margins(settings, (axes[0].spacing, axes[1].spacing, axes[2].spacing)))
    x, y, z = (
        math.ceil((pad + 1) * axis.spacing / step) + SPLINE_REACH_VOXELS
        for axis, step in zip(axes, volume.spacing, strict=True)
    )
    around = _grown(box_of(volume.mask), (x, y, z), volume.mask.shape)
    origin = tuple(axis.start * step for axis, step in zip(around, volume.spacing, strict=True))
    # float64: ITK would cut the decimals of an integer image off instead of rounding them.
    image = as_image(volume.ct[around].astype(np.float64), volume.spacing, origin)
    if grid.grid == "corner" and grid.mask_interpolator == "nearest" and None not in grid.spacing_mm:
        image, mask = _resampled_by_pyradiomics(volume, image, around, pad, grid)
    else:
        mask = as_image(volume.mask[around].astype(np.uint8), volume.spacing, origin)
        image, mask = resample(image, mask, axes, _parts(volume, axes, pad), grid)
    if grid.round_intensities:
        image = sitk.Round(image)  # type: ignore[no-untyped-call]  # SimpleITK ships no types
    return image, mask


def _resampled_by_pyradiomics(
    volume: Volume, image: SitkImage, around: Box, pad: int, grid: Resampling
) -> tuple[SitkImage, SitkImage]:
    """Resample with pyradiomics, whose grid starts at the volume's first corner: the mask is kept from there on."""
    from_corner = tuple(slice(0, axis.stop) for axis in around)
    mask = as_image(volume.mask[from_corner].astype(np.uint8), volume.spacing)
    resampled: tuple[SitkImage, SitkImage] = imageoperations.resampleImage(
        image,
        mask,
        resampledPixelSpacing=list(grid.spacing_mm),
        interpolator=ITK_INTERPOLATORS[grid.image_interpolator],
        padDistance=pad,
        label=1,
    )
    return resampled


def _parts(volume: Volume, axes: Sequence[Axis], pad: int) -> list[tuple[int, int]]:
    """Give the part of the grid that covers the region's voxels and `pad` new voxels around them."""
    return [
        axis.part(step * (box.start - 0.5), step * (box.stop - 0.5), pad)
        for axis, box, step in zip(axes, box_of(volume.mask), volume.spacing, strict=True)
    ]


def crop_to_mask(image: SitkImage, mask: SitkImage) -> tuple[SitkImage, SitkImage]:
    """Cut image and mask to the mask's own box, as pyradiomics does before each class."""
    x, y, z = box_of(_array(mask) > 0)
    return image[x, y, z], mask[x, y, z]


def mask_image(mask: NDArray[np.bool_], like: SitkImage) -> SitkImage:
    """Wrap a mask, indexed (left, posterior, superior), as an image on the grid of another."""
    return as_image(mask.astype(np.uint8), like.GetSpacing(), like.GetOrigin())


def one_slice(mask: SitkImage, axis: int, index: int) -> SitkImage:
    """Cut one slice across an axis, kept three-dimensional."""
    box = [slice(None)] * 3
    box[axis] = slice(index, index + 1)
    return mask[tuple(box)]


def _grown(box: Box, margins: tuple[int, int, int], shape: tuple[int, ...]) -> Box:
    x, y, z = (
        slice(max(axis.start - margin, 0), min(axis.stop + margin, size))
        for axis, margin, size in zip(box, margins, shape, strict=True)
    )
    return x, y, z


def as_image(array: NDArray[Any], spacing: Spacing, origin: tuple[float, ...] = (0.0, 0.0, 0.0)) -> SitkImage:
    """Wrap an (x, y, z) array as an image whose axes are the identity.

    Features know only spacing, and the rounding of oblique directions would move voxels that lie exactly
    between two samples of a resampling grid.
    """
    image: SitkImage = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    return image


def _array(image: SitkImage) -> NDArray[Any]:
    return np.asarray(sitk.GetArrayViewFromImage(image)).transpose(2, 1, 0)
