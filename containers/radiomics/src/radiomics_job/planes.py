"""Acquired slices that are not the slices of the grid: a stack with missing or uneven slices, put on even positions.

The CT is interpolated linearly between the two acquired slices around a position; a mask takes the nearest slice on
which somebody drew or could have drawn. Positions along the stack are counted in slices of the grid, ``k``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from radiomics_job.geometry import Grid, grid_tolerance_mm

__all__ = [
    "fill_planes",
    "interpolate_planes",
    "interpolated_slices",
    "nearest_planes",
    "source_planes",
    "with_holes_drawn_on",
]

_HOLE = 0.75
"""In slices: a position farther than this from every acquired slice is one at which a slice is missing."""


def source_planes(grid: Grid, drawn_k: Iterable[float], tolerance: float) -> NDArray[np.float64]:
    """List the planes that a mask may be drawn on.

    Parameters
    ----------
    grid : Grid
        The CT's grid.
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
    planes : ndarray
        From `source_planes`.
    grid : Grid
        The CT's grid.

    Returns
    -------
    ndarray of bool, shape ``grid.shape``, Fortran order
        ``drawn`` itself for a regular grid.
    """
    if grid.acquired_k is None:
        return drawn
    return np.asfortranarray(drawn[:, :, nearest_planes(planes, grid.shape[2])])


def nearest_planes(planes: NDArray[np.float64], slices: int) -> NDArray[np.intp]:
    """Give the index of the plane nearest to each slice 0, 1, …; of two equally near ones, the higher."""
    middles = (planes[1:] + planes[:-1]) / 2
    # Half a micro-slice: rounding of positions must not decide which of two equally near planes is taken.
    return np.searchsorted(middles, np.arange(slices) + 5e-7, side="right")


def interpolate_planes(acquired: NDArray[np.int16], grid: Grid) -> NDArray[np.int16]:
    """Interpolate Hounsfield units linearly along the stack.

    Parameters
    ----------
    acquired : ndarray of int16, shape (columns, rows, slices)
        The slices at ``grid.acquired_k``.
    grid : Grid
        The even grid.

    Returns
    -------
    ndarray of int16, shape ``grid.shape``, Fortran order
        An acquired slice is copied where it lies on a slice of the grid.
    """
    planes = np.array(grid.acquired_k)
    volume = np.empty(grid.shape, np.int16, order="F")
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


def _between(acquired: NDArray[np.int16], planes: NDArray[np.float64], upper: int, k: int) -> NDArray[np.int16]:
    weight = (k - planes[upper - 1]) / (planes[upper] - planes[upper - 1])
    low, high = acquired[:, :, upper - 1].astype(np.float64), acquired[:, :, upper].astype(np.float64)
    return np.asarray(np.rint(low + weight * (high - low)), dtype=np.int16)


def interpolated_slices(grid: Grid, slices: Sequence[int]) -> int:
    """Count those of some slices of the grid at which nothing was acquired."""
    if grid.acquired_k is None:
        return 0
    planes = np.array(grid.acquired_k)
    return sum(not _on_slice(planes[np.abs(planes - k).argmin()], k, grid) for k in slices)
