"""A chest in Hounsfield units: simple solids, the texture of real tissue only as far as features need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from local.synthetic.specs import FIELD_OF_VIEW_MM, StudySpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Axes = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


AIR, LUNG, FAT, MUSCLE, BLOOD, MARROW, BONE, TUMOUR, TABLE = -1000, -860, -95, 50, 45, 180, 620, 35, -250


@dataclass(frozen=True, slots=True)
class Phantom:
    """One chest on its grid.

    Attributes
    ----------
    ct
        HU, indexed (i, j, k) = (column, row, slice); k runs from inferior to superior.
    mask
        Voxels of the tumour.
    affine
        4×4, (i, j, k) to RAS mm.
    origin_lps_mm
        Centre of voxel (0, 0, 0) in the patient's frame as DICOM counts it.
    """

    ct: NDArray[np.int16]
    mask: NDArray[np.bool_]
    affine: NDArray[np.float64]
    origin_lps_mm: tuple[float, float, float]


def make_phantom(spec: StudySpec) -> Phantom:
    """Build the chest of a study; the same spec gives the same voxels."""
    step = spec.pixel_spacing_mm
    edge = (step - FIELD_OF_VIEW_MM) / 2
    origin = (edge, edge, -spec.slice_spacing_mm * (spec.slices - 1) / 2)
    axes = _axes(spec, origin)
    mask = _ellipsoid(axes, spec.tumour_centre_mm, spec.tumour_semi_axes_mm) <= 1
    random = np.random.default_rng(spec.seed)
    hu = _chest(axes, random, mask.shape)
    _add_tumour(hu, mask, axes, spec, random)
    hu += random.normal(0, 9, mask.shape)  # what a scanner adds everywhere
    affine = np.diag([-step, -step, spec.slice_spacing_mm, 1.0])
    affine[:3, 3] = (-origin[0], -origin[1], origin[2])
    return Phantom(np.clip(np.rint(hu), -1024, 3071).astype(np.int16), mask, affine, origin)


def _axes(spec: StudySpec, origin: tuple[float, float, float]) -> Axes:
    steps = (spec.pixel_spacing_mm, spec.pixel_spacing_mm, spec.slice_spacing_mm)
    sizes = (spec.matrix, spec.matrix, spec.slices)
    x, y, z = np.ogrid[: sizes[0], : sizes[1], : sizes[2]]
    return origin[0] + x * steps[0], origin[1] + y * steps[1], origin[2] + z * steps[2]


def _ellipsoid(axes: Axes, centre: tuple[float, float, float], semi: tuple[float, float, float]) -> NDArray[np.float64]:
    """Squared distance from the centre in units of the semi-axes: at most 1 inside."""
    total: NDArray[np.float64] = sum(  # type: ignore[assignment]  # sum() starts from the integer 0
        ((axis - middle) / half) ** 2 for axis, middle, half in zip(axes, centre, semi, strict=True)
    )
    return total


_INFINITE: Final = 1e6


def _chest(axes: Axes, random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    x, y, z = axes
    hu = np.full(shape, float(AIR))
    hu[np.broadcast_to((np.abs(y - 131 - (x / 190) ** 2 * -18) < 3.5) & (np.abs(x) < 165), shape)] = TABLE
    skin = _ellipsoid(axes, (0, 0, 0), (156, 116, _INFINITE))
    hu[np.broadcast_to(skin <= 1, shape)] = FAT
    wall = _ellipsoid(axes, (0, 0, 0), (143, 103, _INFINITE))
    hu[np.broadcast_to(wall <= 1, shape)] = MUSCLE
    _add_ribs(hu, axes, wall)
    _add_lungs(hu, axes, random)
    hu[_ellipsoid(axes, (18, -28, -40), (52, 44, 62)) <= 1] = BLOOD
    hu[np.broadcast_to(_ellipsoid(axes, (-12, 20, 0), (14, 14, _INFINITE)) <= 1, shape)] = BLOOD
    hu[np.broadcast_to(_ellipsoid(axes, (0, 2, 0), (8, 8, _INFINITE)) <= 1, shape)] = AIR  # the trachea
    spine = _ellipsoid(axes, (0, 68, 0), (21, 18, _INFINITE)) + 0.0 * z
    hu[spine <= 1] = BONE
    hu[spine <= 0.62] = MARROW
    hu[np.broadcast_to(_ellipsoid(axes, (0, -88, 0), (17, 6, _INFINITE)) <= 1, shape)] = BONE  # the sternum
    return hu


def _add_ribs(hu: NDArray[np.float64], axes: Axes, wall: NDArray[np.float64]) -> None:
    """Slanted rings in the chest wall, a rib about every 24 mm."""
    _, y, z = axes
    slanted = (z + 0.35 * y) % 24.0
    ribs = (wall <= 0.9) & (wall >= 0.79) & (slanted < 9.0) & (np.abs(y) < 92)
    hu[ribs] = BONE * 0.7


def _add_lungs(hu: NDArray[np.float64], axes: Axes, random: np.random.Generator) -> None:
    """Two lungs. Vessels run where two smooth noises are both near zero: thin, branching curves."""
    near_zero = [np.clip(1 - np.abs(_smooth_noise(random, hu.shape, 0.035)) / 0.3, 0, 1) for _ in range(2)]
    tissue = LUNG + 18 * _smooth_noise(random, hu.shape, 0.2) + 1100 * near_zero[0] * near_zero[1]
    for side in (-1, 1):
        inside = _ellipsoid(axes, (side * 72, 2, 0), (56, 82, 120)) <= 1
        hu[inside] = np.minimum(tissue, BLOOD)[inside]


def _add_tumour(
    hu: NDArray[np.float64], mask: NDArray[np.bool_], axes: Axes, spec: StudySpec, random: np.random.Generator
) -> None:
    """Solid tissue with a darker core and its own texture."""
    depth = 1 - _ellipsoid(axes, spec.tumour_centre_mm, spec.tumour_semi_axes_mm)
    tissue = TUMOUR - 45 * np.clip(depth, 0, 1) ** 2 + 24 * _smooth_noise(random, hu.shape, 0.22)
    hu[mask] = tissue[mask]


def _smooth_noise(random: np.random.Generator, shape: tuple[int, ...], cutoff: float) -> NDArray[np.float64]:
    """Gaussian noise of unit deviation whose detail ends at about `cutoff` cycles per voxel."""
    spectrum = np.fft.rfftn(random.standard_normal(shape))
    squares = [np.fft.fftfreq(size) ** 2 for size in shape[:2]] + [np.fft.rfftfreq(shape[2]) ** 2]
    radius = squares[0][:, None, None] + squares[1][None, :, None] + squares[2][None, None, :]
    noise: NDArray[np.float64] = np.fft.irfftn(spectrum * np.exp(-radius / (2 * cutoff**2)), s=shape, axes=(0, 1, 2))
    deviation = float(noise.std())
    return noise / deviation
