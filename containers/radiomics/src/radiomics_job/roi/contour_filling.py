"""Polygons of one CT slice to a mask, in voxel coordinates: (column, row), whole numbers are voxel centres.

Two readings of a contour exist, and each is wrong for the other's files (`features-12`):

* Drawn *around* voxels (planning systems, drawing programs): a voxel belongs when its centre is inside.
* Drawn *through the centres* of the region's outermost voxels (rt-utils and others that trace masks with OpenCV):
  centres on the path belong too, as DICOM PS3.3 C.8.8.6.3 says of points on it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

CENTRE_TOLERANCE = 1e-3
"""In voxels: a vertex nearer than this to a voxel's centre lies on it, when coordinates have all their digits."""

LARGEST_CENTRE_TOLERANCE = 0.1
"""In voxels: rounding of coordinates that is made up for; beyond it, a vertex would be near some centre by chance."""

_ON_EDGE = 1e-6
"""In voxels: distance at which one vertex repeats another."""

_STICKS_OUT = 0.1
"""In voxels, besides rounding: a contour that is beyond another by no more still lies inside it. Holes that touch the
outline from within cross it by such parts, since both are polygons."""

_MOST_STARTS = 8
"""A path passes its smallest vertex once or twice; what passes it more often is compared from the first few passes."""

Polygon = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Contour:
    """One closed contour on a slice."""

    points: Polygon
    """(column, row) of its vertices; shape (n, 2), the first not repeated at the end."""
    tolerance: float
    """In voxels: how near to a centre a vertex lies on it; see `centre_tolerance`."""
    exclusive: bool
    """CLOSEDPLANAR_XOR: combined with the others by exclusive or."""
    through_centres: bool = False
    """Voxels whose centre is on the path belong to it."""

    @cached_property
    def area(self) -> float:
        """Enclosed area in voxels."""
        x, y = (self.points - self.points[0]).T
        return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)

    @cached_property
    def length(self) -> float:
        """Length of the path in voxels."""
        return float(np.linalg.norm(self.points - np.roll(self.points, 1, axis=0), axis=1).sum())


def vertices_on_centres(contour: Contour) -> int:
    """Count the vertices that lie on a voxel's centre."""
    off = np.abs(contour.points - np.rint(contour.points)).max(axis=1)
    return int((off <= contour.tolerance).sum())


def centre_tolerance(rounding: float) -> float:
    """Say how near to a voxel's centre a vertex lies on it; `rounding` is half a unit of its last digit, in voxels
    along a column or a row.

    Coordinates that were rounded too coarsely to tell must hit the centre as if they had all their digits.
    """
    return max(rounding, CENTRE_TOLERANCE) if rounding <= LARGEST_CENTRE_TOLERANCE else CENTRE_TOLERANCE


def open_polygon(points: Polygon) -> Polygon:
    """Drop points that repeat the one before, and a last one that repeats the first."""
    differs = np.abs(points - np.roll(points, 1, axis=0)).max(axis=1) > _ON_EDGE
    return points[differs] if differs.any() else points[:1]


def distinct(contours: Sequence[Contour]) -> list[Contour]:
    """Keep one of contours that are the same path, from whatever point and in whatever direction it was written."""
    if len(contours) == 1:
        return [*contours]
    return list({_signature(contour): contour for contour in contours}.values())


def _signature(contour: Contour) -> bytes:
    """Describe the path: its vertices in units of the tolerance, from the smallest one on, in the smaller direction."""
    cells = [tuple(cell) for cell in np.rint(contour.points / contour.tolerance).astype(np.int64).tolist()]
    smallest = min(cells)
    starts = [n for n, cell in enumerate(cells) if cell == smallest][:_MOST_STARTS]
    ways = [cells[n:] + cells[:n] for n in starts]
    ways += [[way[0], *way[:0:-1]] for way in ways]
    return repr(min(ways)).encode()


def fill(contours: Sequence[Contour], shape: tuple[int, int]) -> tuple[Mask, int]:
    """Fill the contours of one slice.

    A contour wholly inside another is a hole in it, and one inside a hole is an island; contours that overlap in part
    are united. CLOSEDPLANAR_XOR contours are combined by exclusive or, as their type says.

    Returns
    -------
    mask : ndarray of bool, shape (columns, rows)
    united : int
        Contours that overlap others in part: programs that take exclusive or for all contours leave that part out.
    """
    mask, united = np.zeros(shape, np.bool_), 0
    inclusive = [each for each in contours if not each.exclusive]
    inclusive.sort(key=lambda contour: -contour.area)
    within = [[_is_inside(inner, outer) for outer in inclusive] for inner in inclusive]
    depth: list[int] = []
    for row in within:  # nested, not merely inside several: a hole where two contours overlap is a hole in both
        depth.append(max((depth[m] + 1 for m, is_inside in enumerate(row[: len(depth)]) if is_inside), default=0))
    for n, contour in enumerate(inclusive):
        if depth[n] % 2 == 0:
            ring = _filled(contour, shape, border=contour.through_centres)
            for m, hole in enumerate(inclusive):
                if within[m][n] and depth[m] == depth[n] + 1:
                    ring &= ~_filled(hole, shape, border=False)
            united += bool((mask & ring).any())
            mask |= ring
    for contour in (each for each in contours if each.exclusive):  # also with the others: a hole in them
        mask ^= _filled(contour, shape, border=contour.through_centres)
    return mask, united


def _is_inside(inner: Contour, outer: Contour) -> bool:
    """Tell whether a contour lies wholly inside another: it may touch it, but not stick out of it."""
    if inner is outer or inner.area >= outer.area:
        return False
    if outer.area - inner.area <= inner.tolerance * outer.length:  # one path, written twice
        return False
    slack = _STICKS_OUT + max(inner.tolerance, outer.tolerance)
    low, high = outer.points.min(axis=0) - slack, outer.points.max(axis=0) + slack
    if (inner.points < low).any() or (inner.points > high).any():
        return False
    points = np.concatenate([inner.points, (inner.points + np.roll(inner.points, -1, axis=0)) / 2])
    return bool(_contains(outer.points, points, slack).all()) and not _cross(inner.points, outer.points, slack)


def _contains(polygon: Polygon, points: Polygon, slack: float) -> Mask:
    """Tell which points are inside a polygon (even-odd) or as near to its path as `slack`."""
    (x, y), inside, on = points.T, np.zeros(len(points), np.bool_), np.zeros(len(points), np.bool_)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        on |= _distance(points, np.array([x1, y1]), np.array([x2, y2])) <= slack
        spans = (y1 > y) != (y2 > y)
        if spans.any():
            inside[spans] ^= x[spans] < x1 + (y[spans] - y1) * (x2 - x1) / (y2 - y1)
    return np.asarray(inside | on)


def _distance(points: Polygon, start: Polygon, end: Polygon) -> NDArray[np.float64]:
    along = end - start
    length = float(along @ along)
    share = np.clip((points - start) @ along / length, 0, 1) if length else np.zeros(len(points))
    return np.asarray(np.linalg.norm(points - start - share[:, None] * along, axis=1))


def _cross(first: Polygon, second: Polygon, slack: float) -> bool:
    """Tell whether an edge of one polygon passes through an edge of the other; touching, or a vertex that is beyond the
    other edge by no more than `slack`, does not count.
    """
    a, b = first, np.roll(first, -1, axis=0)
    for c, d in zip(second, np.roll(second, -1, axis=0), strict=True):
        sides = _side(a, c, d), _side(b, c, d), _side(c, a, b), _side(d, a, b)
        apart = np.logical_and.reduce([np.abs(side) > slack for side in sides])
        if (apart & (sides[0] * sides[1] < 0) & (sides[2] * sides[3] < 0)).any():
            return True
    return False


def _side(point: Polygon, start: Polygon, end: Polygon) -> NDArray[np.float64]:
    """How far a point is from a line, to one side of it or (negative) to the other."""
    along, to = end - start, point - start
    area = along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0]
    return np.asarray(area / np.linalg.norm(along, axis=-1))


def _filled(contour: Contour, shape: tuple[int, int], *, border: bool) -> Mask:
    """Fill one contour; its path belongs to it, or (a hole drawn through centres) does not."""
    low = np.clip(np.floor(contour.points.min(axis=0)).astype(np.int64), 0, shape)
    high = np.clip(np.ceil(contour.points.max(axis=0)).astype(np.int64) + 1, low, shape)
    counts = np.zeros((high[0] - low[0] + 1, high[1] - low[1]), np.int32)
    _count_crossings(contour.points, counts, low)
    mask = np.zeros(shape, np.bool_)
    mask[low[0] : high[0], low[1] : high[1]] = np.cumsum(counts, axis=0)[:-1] % 2 == 1
    if contour.through_centres:
        columns, rows = _on_path(contour, shape)
        mask[columns, rows] = border
    return mask


def _count_crossings(polygon: Polygon, counts: NDArray[np.int32], first: NDArray[np.int64]) -> None:
    """Count, for every row of voxel centres, where the polygon's edges cross it; `first` is the counts' first voxel.

    A crossing at x toggles every centre from ceil(x) on, so a running sum along the row gives the parity. Edges are
    half open in y, so that a vertex on a row counts once, and computed downwards, so that one that is passed twice (the
    slit of a keyhole) crosses at the same x both times.
    """
    down = (polygon[:, 1] <= np.roll(polygon[:, 1], -1))[:, None]
    following = np.roll(polygon, -1, axis=0)
    start, end = np.where(down, polygon, following), np.where(down, following, polygon)
    rows_low = np.ceil(start[:, 1]).astype(np.int64)
    rows_high = np.ceil(end[:, 1]).astype(np.int64)
    rows_low, rows_high = np.maximum(rows_low, first[1]), np.minimum(rows_high, first[1] + counts.shape[1])
    for a, b, low, high in zip(start, end, rows_low, rows_high, strict=True):
        if low < high:
            rows = np.arange(low, high)
            x = a[0] + (rows - a[1]) * (b[0] - a[0]) / (b[1] - a[1])
            columns = np.clip(np.ceil(x) - first[0], 0, counts.shape[0] - 1).astype(np.int64)
            np.add.at(counts, (columns, rows - first[1]), 1)


def _on_path(contour: Contour, shape: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List the voxels whose centres lie on a contour: looked for at every column and every row that an edge crosses."""
    nearest = np.rint(contour.points)
    on_centre = np.abs(contour.points - nearest).max(axis=1) <= contour.tolerance
    found = [nearest[on_centre].astype(np.int64)]
    for a, b in zip(contour.points, np.roll(contour.points, -1, axis=0), strict=True):
        axis = int(np.abs(b - a).argmax())
        steps = np.arange(np.ceil(min(a[axis], b[axis])), np.floor(max(a[axis], b[axis])) + 1)
        if len(steps) and b[axis] != a[axis]:
            share = (steps - a[axis]) / (b[axis] - a[axis])
            found.append(np.rint(a + share[:, None] * (b - a)).astype(np.int64))
            far = _distance(found[-1].astype(np.float64), a, b) > math.sqrt(2) * contour.tolerance
            found[-1] = found[-1][~far]
    cells = np.concatenate(found)
    cells = cells[((cells >= 0) & (cells < shape)).all(axis=1)]
    return cells[:, 0], cells[:, 1]
