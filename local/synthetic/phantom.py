"""What each generated study looks like: its scanner, its grid, its tumour and the layout of its segmentation."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

FIELD_OF_VIEW_MM: Final = 360.0
FIRST_SCAN: Final = datetime(2001, 3, 2, 8, 15, 30, tzinfo=UTC)
"""In the past, as the event time of a feature record has to be."""
SCANNED_FOR: Final = timedelta(days=6_600)
"""Of a thousand studies none is dated in the future either."""

# Radius, side (-1 right lung, +1 left), matrix, slices, slice spacing: from a nodule of half a millilitre to
# a mass of 90.
_SHAPES: Final = (
    (12.0, -1, 160, 48, 2.5),
    (20.0, +1, 144, 56, 3.0),
    (5.5, -1, 192, 40, 2.0),
    (28.0, +1, 128, 60, 3.0),
    (9.0, +1, 176, 44, 2.5),
    (16.0, -1, 144, 64, 2.5),
)

Axes = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
Point = tuple[float, float, float]
AIR, LUNG, FAT, MUSCLE, BLOOD, MARROW, BONE, TUMOUR, TABLE = -1000, -860, -95, 50, 45, 180, 620, 35, -250
_INFINITE: Final = 1e6


@dataclass(frozen=True, slots=True)
class StudySpec:
    """One study to generate. Positions and lengths in mm, in the patient's frame (LPS).

    Attributes
    ----------
    matrix, slices, slice_spacing_mm
        The CT grid; pixels are square and span `FIELD_OF_VIEW_MM`.
    tumour_centre_mm, tumour_semi_axes_mm
        The tumour is this ellipsoid: a voxel belongs to it when its centre lies inside.
    frames_descending
        SEG frames run from superior to inferior, as most writers order them.
    cropped
        The SEG holds only the slices that the tumour covers.
    segment_in_shared_groups
        The SEG names its segment once for all frames rather than per frame.
    signed_pixels
        The CT stores HU as signed numbers rather than with an offset of 1024.
    extensionless
        Files are named `1-01` instead of `1-01.dcm`.
    """

    subject: str
    seed: int
    matrix: int
    slices: int
    slice_spacing_mm: float
    tumour_centre_mm: tuple[float, float, float]
    tumour_semi_axes_mm: tuple[float, float, float]
    acquired_at: datetime
    frames_descending: bool = True
    cropped: bool = True
    segment_in_shared_groups: bool = False
    signed_pixels: bool = False
    extensionless: bool = False
    model: str = "Phantom One"
    kernel: str = "SYN-SOFT"
    kvp: int = 120
    contrast: str | None = None

    @property
    def pixel_spacing_mm(self) -> float:
        """Edge of a pixel."""
        return FIELD_OF_VIEW_MM / self.matrix


def cohort_specs(seed: int = 7, studies: int = 6) -> list[StudySpec]:
    """Describe a cohort: every layout of the SEG, several tumour sizes, a different scan time per subject.

    Examples
    --------
    >>> [spec.subject for spec in cohort_specs(studies=2)]
    ['R01-901', 'R01-902']
    """
    return [_spec(seed, index) for index in range(studies)]


def _spec(seed: int, index: int) -> StudySpec:
    random = np.random.default_rng([seed, index])
    radius, side, matrix, slices, spacing = _SHAPES[index % len(_SHAPES)]
    stretch = random.uniform(0.85, 1.1, 3)
    shift = random.uniform(-1, 1, 3) * (6.0, 10.0, 8.0)
    centre = np.array([side * 74.0, 4.0, 0.0]) + shift
    return StudySpec(
        subject=f"R01-{901 + index}",
        seed=seed * 1000 + index,
        matrix=matrix,
        slices=slices,
        slice_spacing_mm=spacing,
        tumour_centre_mm=_rounded(centre),
        tumour_semi_axes_mm=_rounded(radius * stretch),
        acquired_at=FIRST_SCAN + timedelta(days=23 * index, minutes=47 * index, seconds=11 * index) % SCANNED_FOR,
        frames_descending=index % 2 == 0,
        cropped=index % 4 in (0, 1),
        segment_in_shared_groups=index % 3 == 2,
        signed_pixels=index % 4 == 3,
        extensionless=index % 5 == 2,
        model=("Phantom One", "Phantom Two")[index % 2],
        kernel=("SYN-SOFT", "SYN-SHARP", "SYN-LUNG")[index % 3],
        kvp=(120, 100, 120, 140)[index % 4],
        contrast="SYNTHETIC CONTRAST" if index % 3 == 0 else None,
    )


def _rounded(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, float, float]:
    x, y, z = (round(float(value), 1) for value in values)
    return x, y, z


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
    origin, affine = grid_of(spec)
    axes, mask = _axes(spec, origin), tumour_of(spec, origin)
    random = np.random.default_rng(spec.seed)
    hu = _chest(axes, random, mask.shape)
    _add_tumour(hu, mask, axes, spec, random)
    hu += random.normal(0, 9, mask.shape)  # what a scanner adds everywhere
    return Phantom(np.clip(np.rint(hu), -1024, 3071).astype(np.int16), mask, affine, origin)


def grid_of(spec: StudySpec) -> tuple[Point, NDArray[np.float64]]:
    """Return the centre of voxel (0, 0, 0) in LPS mm, and the 4×4 matrix from (i, j, k) to RAS mm."""
    step = spec.pixel_spacing_mm
    edge = (step - FIELD_OF_VIEW_MM) / 2
    origin = (edge, edge, -spec.slice_spacing_mm * (spec.slices - 1) / 2)
    affine = np.diag([-step, -step, spec.slice_spacing_mm, 1.0])
    affine[:3, 3] = (-origin[0], -origin[1], origin[2])
    return origin, affine


def tumour_of(spec: StudySpec, origin: Point) -> NDArray[np.bool_]:
    """Return the voxels of the tumour; `origin` is that of the grid."""
    return _ellipsoid(_axes(spec, origin), spec.tumour_centre_mm, spec.tumour_semi_axes_mm) <= 1


def _axes(spec: StudySpec, origin: Point) -> Axes:
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
