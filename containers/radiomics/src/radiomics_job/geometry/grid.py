"""Coordinates: the only place where DICOM's LPS becomes NIfTI's RAS, and every tolerance by name.

Conventions used throughout the package
---------------------------------------
* Arrays are indexed `(i, j, k)` = (column, row, slice).
* An affine is 4×4 and maps `(i, j, k, 1)` to millimetres in RAS, NIfTI's coordinates: +x right, +y anterior,
  +z superior. DICOM's own coordinates are LPS: +x left, +y posterior, +z superior.
* `PixelSpacing` is (between rows, between columns): its second value belongs to `i`, its first to `j`.
* The position of a voxel is its centre.

pyradiomics' directional features (Maximum2DDiameterRow, -Column, -Slice), the names of wavelet bands and the
corner at which a resampling grid starts all depend on how a volume happens to be stored. For features and
pictures every volume is therefore turned, without interpolation, so that its axes run as nearly as possible to
the patient's left, posterior and superior (LPS): its canonical orientation.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Intensity = np.int16 | np.float32
Voxel = TypeVar("Voxel", np.int16, np.float32)
"""A voxel of an image: Hounsfield units, or the SUV of a PET."""

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Sign change from DICOM patient coordinates to NIfTI world coordinates; its own inverse."""

ORIENTATION_TOLERANCE = 1e-4
"""Largest difference of direction cosines that still counts as one orientation: about 0.03 mm across 300 mm.
DICOM decimal strings carry at least six significant digits, so writers stay far below it."""

SPACING_TOLERANCE_MM = 1e-3
"""Largest difference of in-plane pixel spacing within one series. For a segmentation's frames the bound is tighter: all
four corners of the frame must meet the CT's pixel grid within `FRAME_TOLERANCE_FRACTION`."""

DUPLICATE_TOLERANCE_MM = 1e-3
"""Two slices closer than this along the normal have the same position."""

GRID_TOLERANCE_MM = 0.01
"""Smallest residual that is allowed between a slice's own position and the affine's."""

GRID_TOLERANCE_FRACTION = 0.01
"""Residual allowed as a share of the slice spacing; the larger of the two tolerances holds."""

FRAME_TOLERANCE_FRACTION = 0.05
"""How far, in voxels, a segmentation frame may lie from a CT plane or pixel grid and still be *the same* plane or grid.
Beyond it the frame stack is a grid of its own and is resampled by nearest neighbour."""

TIE_VOXELS = 1e-4
"""In voxels: half-way between two voxels means within this of it, so that rounding does not decide; positions have
thousandths of millimetres at best. Of two equally near voxels or planes the one with the higher index is taken."""

_HOLE = 0.75
"""In slices: a position farther than this from every acquired slice is one at which a slice is missing."""


@dataclass(frozen=True)
class Grid:
    """A regular voxel grid in patient space."""

    shape: tuple[int, int, int]
    """Number of columns, rows and slices."""
    affine: NDArray[np.float64]
    """Voxel index (i, j, k) to RAS millimetres; shape (4, 4)."""
    acquired_k: tuple[float, ...] | None = None
    """Where the acquired slices lie, in units of k, when they are not the grid's own slices; None when they are."""

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along i, j and k in millimetres."""
        columns = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(columns[0]), float(columns[1]), float(columns[2])

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel, right also for a sheared (gantry-tilted) grid."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def shear_degrees(self) -> float:
        """Largest deviation of two axes from a right angle: the gantry tilt, or shear within the slices (sform)."""
        units = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        normal = np.cross(units[:, 0], units[:, 1])
        across = float(np.linalg.norm(np.cross(normal / np.linalg.norm(normal), units[:, 2])))
        within = abs(float(units[:, 0] @ units[:, 1]))
        return float(np.degrees(np.arcsin(min(1.0, max(across, within)))))


def slice_normal(orientation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the unit normal of a plane.

    Parameters
    ----------
    orientation : ndarray, shape (6,)
        `ImageOrientationPatient`: direction of a row (increasing column), then of a column (increasing row), LPS.

    Returns
    -------
    ndarray, shape (3,)
        Row direction × column direction, LPS.
    """
    normal = np.cross(orientation[:3], orientation[3:])
    return np.asarray(normal / np.linalg.norm(normal), dtype=np.float64)


def is_orthonormal(orientation: NDArray[np.float64]) -> bool:
    """Tell whether six direction cosines describe two perpendicular unit vectors."""
    axes = orientation.reshape(2, 3)
    return bool(np.isfinite(axes).all() and np.allclose(axes @ axes.T, np.eye(2), atol=10 * ORIENTATION_TOLERANCE))


def same_orientation(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    """Tell whether two `ImageOrientationPatient` agree within `ORIENTATION_TOLERANCE`."""
    return bool(np.abs(first - second).max() <= ORIENTATION_TOLERANCE)


def grid_tolerance_mm(spacing_mm: float) -> float:
    """Give the residual allowed for a grid of this slice spacing, in millimetres."""
    return max(GRID_TOLERANCE_MM, GRID_TOLERANCE_FRACTION * spacing_mm)


def plane_affine(
    orientation: NDArray[np.float64],
    spacing: tuple[float, float],
    origin: NDArray[np.float64],
    step: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Build the affine of a stack of parallel planes.

    Parameters
    ----------
    orientation : ndarray, shape (6,)
        `ImageOrientationPatient`, LPS.
    spacing : tuple of float
        `PixelSpacing`: between rows, between columns, in millimetres.
    origin : ndarray, shape (3,)
        `ImagePositionPatient` of the first slice, LPS millimetres.
    step : ndarray, shape (3,)
        From one slice's position to the next one's, LPS millimetres. It need not be along the normal.

    Returns
    -------
    ndarray, shape (4, 4)
        (column, row, slice) to RAS millimetres.
    """
    lps = np.eye(4)
    lps[:3, 0] = orientation[:3] * spacing[1]
    lps[:3, 1] = orientation[3:] * spacing[0]
    lps[:3, 2] = step
    lps[:3, 3] = origin
    return np.asarray(LPS_TO_RAS @ lps, dtype=np.float64)


def lps_to_voxels(grid_affine: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Express LPS points in a grid's continuous voxel indices.

    Parameters
    ----------
    grid_affine : ndarray, shape (4, 4)
        Voxel index to RAS millimetres.
    points : ndarray, shape (n, 3)
        LPS millimetres.

    Returns
    -------
    ndarray, shape (n, 3)
        Continuous (i, j, k); whole numbers are voxel centres.
    """
    to_voxel = np.linalg.inv(grid_affine) @ LPS_TO_RAS
    return np.asarray(points @ to_voxel[:3, :3].T + to_voxel[:3, 3], dtype=np.float64)


def source_planes(grid: Grid, drawn_k: Iterable[float], tolerance: float) -> NDArray[np.float64]:
    """List the planes that a mask may be drawn on.

    Parameters
    ----------
    drawn_k : iterable of float
        Where frames or contours lie.
    tolerance : float
        In slices: how far apart two positions may be and still be one plane.

    Returns
    -------
    ndarray, ascending
        Every slice of a regular grid. Otherwise the acquired slices, and those slices of the grid that carry a frame
        although no CT slice was acquired (or uploaded) there.
    """
    if grid.acquired_k is None:
        return np.arange(grid.shape[2], dtype=np.float64)
    acquired = np.array(grid.acquired_k)
    extra = {
        float(round(k))
        for k in drawn_k
        if abs(k - round(k)) <= tolerance and 0 <= round(k) < grid.shape[2] and np.abs(acquired - k).min() > tolerance
    }
    return np.array(sorted({*grid.acquired_k, *extra}))


def with_holes_drawn_on(grid: Grid) -> Grid:
    """Give the grid for a mask that was drawn on the whole series: where a CT slice is missing here, one was drawn on.

    A hole without a frame is then an empty slice, not one that takes its neighbour's mask.
    """
    if grid.acquired_k is None:
        return grid
    acquired = np.array(grid.acquired_k)
    holes = {float(k) for k in range(grid.shape[2]) if np.abs(acquired - k).min() > _HOLE}
    return replace(grid, acquired_k=tuple(sorted({*grid.acquired_k, *holes})))


def fill_planes(drawn: NDArray[np.bool_], planes: NDArray[np.float64], grid: Grid) -> NDArray[np.bool_]:
    """Give every slice of the grid the mask of the nearest plane; of two equally near ones, the higher.

    Parameters
    ----------
    drawn : ndarray of bool, shape (columns, rows, planes)
        The mask as it was drawn.

    Returns
    -------
    ndarray of bool, shape `grid.shape`, Fortran order
        `drawn` itself for a regular grid.
    """
    if grid.acquired_k is None:
        return drawn
    return np.asfortranarray(drawn[:, :, nearest_planes(planes, grid.shape[2])])


def nearest_planes(planes: NDArray[np.float64], slices: int) -> NDArray[np.intp]:
    """Give the index of the plane nearest to each slice 0, 1, …; of two equally near ones, the higher."""
    middles = (planes[1:] + planes[:-1]) / 2
    return np.searchsorted(middles, np.arange(slices) + TIE_VOXELS, side="right")


def nearest_voxels(places: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round continuous voxel indices; half-way (within `TIE_VOXELS`) goes to the higher index.

    Examples
    --------
    >>> nearest_voxels(np.array([1.4998, 1.49995, 2.5]))
    array([1, 2, 3])
    """
    return np.floor(places + (0.5 + TIE_VOXELS)).astype(np.int64)


def interpolate_planes(acquired: NDArray[Voxel], grid: Grid) -> NDArray[Voxel]:
    """Interpolate an image linearly along the stack.

    Parameters
    ----------
    acquired : ndarray of int16 or float32, shape (columns, rows, slices)
        The slices at `grid.acquired_k`.

    Returns
    -------
    ndarray of the same type, shape `grid.shape`, Fortran order
        Whole numbers stay such. An acquired slice is copied where it lies on a slice of the grid.
    """
    planes = np.array(grid.acquired_k)
    volume = np.empty(grid.shape, acquired.dtype, order="F")
    for k in range(grid.shape[2]):
        nearest = int(np.abs(planes - k).argmin())
        if _on_slice(planes[nearest], k, grid):
            volume[:, :, k] = acquired[:, :, nearest]
        else:
            upper = int(np.searchsorted(planes, k))
            volume[:, :, k] = _between(acquired, planes, upper, k)
    return volume


def _on_slice(plane: float, k: int, grid: Grid) -> bool:
    spacing = grid.spacing[2]
    return abs(plane - k) * spacing <= grid_tolerance_mm(spacing)


def _between(acquired: NDArray[Voxel], planes: NDArray[np.float64], upper: int, k: int) -> NDArray[Voxel]:
    weight = (k - planes[upper - 1]) / (planes[upper] - planes[upper - 1])
    low, high = acquired[:, :, upper - 1].astype(np.float64), acquired[:, :, upper].astype(np.float64)
    between = low + weight * (high - low)
    return np.asarray(np.rint(between) if acquired.dtype == np.int16 else between, dtype=acquired.dtype)


def interpolated_slices(grid: Grid, slices: Sequence[int]) -> int:
    """Count those of some slices of the grid at which nothing was acquired."""
    if grid.acquired_k is None:
        return 0
    planes = np.array(grid.acquired_k)
    return sum(not _on_slice(planes[np.abs(planes - k).argmin()], k, grid) for k in slices)


def rounded(value: float | None, digits: int = 6) -> float | None:
    """Round for display; null for what is not a number."""
    return None if value is None or not math.isfinite(value) else round(float(value), digits)


TIE_DECIMALS: Final = 6
"""Cosines are compared to this many decimals, so that rounding cannot decide between the axes of a 45°
volume.
"""


@dataclass(frozen=True, slots=True)
class Canonical:
    """How a stored volume maps to the canonical axes."""

    source_axes: tuple[int, int, int]
    """For each canonical axis (left, posterior, superior) the stored axis that becomes it."""
    flips: tuple[bool, bool, bool]
    """For each canonical axis, whether the stored axis runs against it."""
    directions: NDArray[np.float64]
    """3×3; column a is the unit vector (LPS) along which canonical axis a runs in the patient."""
    spacing: tuple[float, float, float]
    """Distance in mm between neighbouring voxels along each canonical axis."""

    def apply(self, volume: NDArray[Any]) -> NDArray[Any]:
        """Return the volume in canonical orientation, as a view of the same memory."""
        turned = volume.transpose(self.source_axes)
        return turned[tuple(slice(None, None, -1 if flip else None) for flip in self.flips)]

    def axis_of(self, stored_axis: int) -> int:
        """Which canonical axis a stored axis became."""
        return self.source_axes.index(stored_axis)

    def shear_degrees(self) -> float:
        """How far the axes are from right angles (the gantry tilt of a tilted scan)."""
        cosines = self.directions.T @ self.directions - np.eye(3)
        return float(np.degrees(np.arcsin(min(1.0, np.abs(cosines).max()))))


def canonical_orientation(affine: NDArray[np.float64]) -> Canonical:
    """Choose the canonical orientation of a stored volume.

    Parameters
    ----------
    affine
        4×4, (i, j, k) to RAS mm.

    Returns
    -------
    Canonical
        Depends on where the axes point, not on the order or direction in which they are stored: a volume and
        its flipped or permuted copy (with the matching affine) come out as the same array.

    Raises
    ------
    ValueError
        When the affine is singular or not finite.
    """
    columns = LPS_TO_RAS[:3, :3] @ np.asarray(affine, dtype=np.float64)[:3, :3]
    if not np.isfinite(columns).all() or abs(np.linalg.det(columns)) < 1e-12:
        raise ValueError(f"the affine does not span space: {np.asarray(affine).tolist()}")
    lengths = np.linalg.norm(columns, axis=0)
    units = columns / lengths
    source = max(permutations(range(3)), key=lambda axes: _closeness(units[:, list(axes)]))
    ordered = units[:, list(source)]
    signs = _signs(ordered)
    return Canonical(
        source_axes=(source[0], source[1], source[2]),
        flips=tuple(bool(sign < 0) for sign in signs),  # type: ignore[arg-type]  # three axes, three flips
        directions=ordered * signs,
        spacing=tuple(float(lengths[axis]) for axis in source),  # type: ignore[arg-type]  # as above
    )


def _closeness(ordered: NDArray[np.float64]) -> tuple[float, ...]:
    """Sort key of one axis order: nearest to the patient's axes first, then the off-diagonal cosines as a
    fixed tie rule.
    """
    directions = ordered * _signs(ordered)
    nearness = round(float(np.trace(directions)), TIE_DECIMALS)
    return (nearness, *np.round(directions.T.ravel(), TIE_DECIMALS).tolist())


def _signs(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    diagonal = np.round(np.diagonal(ordered), TIE_DECIMALS)
    return np.where(diagonal < 0, -1.0, 1.0)


def slice_areas(mask: NDArray[np.bool_], axis: int) -> tuple[int, NDArray[np.intp]]:
    """Count mask voxels per slice across `axis`, within the mask's box: the box's first slice, and the
    counts.

    Raises
    ------
    ValueError
        When the mask is empty.
    """
    box = box_of(mask)
    others = tuple(other for other in range(3) if other != axis)
    return box[axis].start, np.count_nonzero(mask[box], axis=others)


def largest_slice(mask: NDArray[np.bool_], axis: int) -> int:
    """Index of the slice across `axis` with most mask voxels; of equals, the first."""
    first, areas = slice_areas(mask, axis)
    return first + int(np.argmax(areas))


def box_of(mask: NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    """Smallest box that holds the mask; ValueError when the mask is empty."""
    box = bounding_box(mask)
    if box is None:
        raise ValueError("the mask has no voxel")
    return box


def bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, slice, slice] | None:
    """Smallest box that holds the mask, or None when the mask is empty.

    Each axis is looked at only within what the axes before it left, which makes this a single pass over a
    large volume.
    """
    box = [slice(0, size) for size in mask.shape]
    for axis in sorted(range(3), key=lambda axis: -abs(mask.strides[axis])):
        others = tuple(other for other in range(3) if other != axis)
        present = np.flatnonzero(mask[tuple(box)].any(axis=others))
        if present.size == 0:
            return None
        box[axis] = slice(int(present[0]), int(present[-1]) + 1)
    return box[0], box[1], box[2]
