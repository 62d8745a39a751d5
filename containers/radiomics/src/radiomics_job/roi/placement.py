"""Segmentation frames onto the CT's grid: every frame by its own position, or nearest neighbour for a foreign grid."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, product
from typing import Self

import numpy as np
from numpy.typing import NDArray

from radiomics_job.dicom.series import CtSeries
from radiomics_job.errors import Detail, ReasonCode, StudyRejectedError
from radiomics_job.geometry.grid import (
    FRAME_TOLERANCE_FRACTION,
    LPS_TO_RAS,
    Grid,
    fill_planes,
    lps_to_voxels,
    nearest_voxels,
    plane_affine,
    rounded,
    same_orientation,
    slice_normal,
    source_planes,
)
from radiomics_job.limits import Limits
from radiomics_job.roi.segmentation import FRACTIONAL_THRESHOLD, Frame, Segmentation

MaskedFrame = tuple[Frame, NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class PlacedMask:
    """A region on the CT's grid."""

    mask: NDArray[np.bool_]
    """True inside; shape (columns, rows, slices), Fortran order."""
    method: str
    """`frames` (every frame met a CT plane and its pixel grid), `nearest_neighbour` (a foreign grid was resampled),
    `contours`, or `volume` (a mask file on the image's own voxels)."""
    residual_mm: float
    """Largest distance between a frame's own position and the voxels it was given."""
    facts: Mapping[str, Detail] = field(default_factory=dict)
    """What else `qc.json` says about how the mask was made."""

    def with_facts(self, **facts: Detail) -> Self:
        """Return the same mask about which more is said."""
        return replace(self, facts={**self.facts, **facts})


def place_segment(
    segmentation: Segmentation, segment: int, grid: Grid, limits: Limits, threshold: float = FRACTIONAL_THRESHOLD
) -> PlacedMask:
    """Put one segment on the CT's grid.

    Parameters
    ----------
    threshold : float
        For FRACTIONAL: share of MaximumFractionalValue.

    Raises
    ------
    StudyRejectedError
        `EMPTY_MASK`; `GEOMETRY_MISMATCH` when part of the region lies outside the CT or the frames make no regular
        grid; `DUPLICATE_SLICES` when two frames of the segment contradict each other.
    """
    keyed = ((_micrometres(frame), (frame, mask)) for frame, mask in segmentation.masks(segment, threshold))
    frames = _without_duplicates(keyed)
    if not frames:
        raise empty_mask(segment=segment, frames=len(segmentation.frames_of(segment)))
    corners = [_corner_voxels(frame, mask.shape, grid) for frame, mask in frames]
    # Empty frames and those of other segments too: there was a slice to draw on.
    drawn_k = lps_to_voxels(grid.affine, np.array([frame.position for frame in segmentation.frames]))[:, 2]
    planes = source_planes(grid, drawn_k.tolist(), FRAME_TOLERANCE_FRACTION)
    places = [_nearest_place(corner, planes) for corner in corners]
    meets = all(
        _meets_grid(corner - place, mask.shape)
        for corner, place, (_, mask) in zip(corners, places, frames, strict=True)
    )
    if meets and not _has_thicker_slices(segmentation, frames, grid):
        return _place_frames(frames, corners, places, planes, grid)
    return _resample(frames, segmentation, grid, limits)


def empty_mask(**details: int | str) -> StudyRejectedError:
    """Build the rejection for a region without a voxel."""
    return StudyRejectedError(
        ReasonCode.EMPTY_MASK,
        "The chosen region holds no voxel. Upload a segmentation with the region drawn.",
        {"voxels": 0, **details},
    )


def _micrometres(frame: Frame) -> Hashable:
    return tuple(np.rint(frame.position * 1000).tolist())


def _without_duplicates(frames: Iterable[tuple[Hashable, MaskedFrame]]) -> list[MaskedFrame]:
    """Keep one of identical frames at one place and leave empty ones out.

    Contradicting ones are refused, also an empty one beside one that is not.
    """
    kept: dict[Hashable, MaskedFrame | None] = {}
    for key, (frame, mask) in frames:
        found = (frame, mask) if mask.any() else None
        first = kept.setdefault(key, found)
        if (first is None) != (found is None) or (first is not None and not np.array_equal(first[1], mask)):
            raise StudyRejectedError(
                ReasonCode.DUPLICATE_SLICES,
                "Two frames of one segment share a position but not their pixels. Export the segmentation again.",
                {"position_mm": [rounded(float(value), 3) for value in frame.position]},
            )
    return [masked for masked in kept.values() if masked is not None]


def _has_thicker_slices(segmentation: Segmentation, frames: Sequence[MaskedFrame], grid: Grid) -> bool:
    """Tell whether the frames are slices of a thicker stack whose planes happen to be CT planes: both the spacing that
    is stated and the frames' own positions say so. Placed one by one they would leave every other CT slice empty.

    Where none is stated, a region that goes on over the same pixels from frame to frame says it.
    """
    stated, gap = segmentation.spacing_between_slices, _smallest_gap(segmentation)
    if stated is None and grid.acquired_k is None and _goes_on(frames):  # uneven: perhaps two phases
        stated = gap
    spacing = abs(float(slice_normal(segmentation.frames[0].orientation) @ (LPS_TO_RAS @ grid.affine)[:3, 2]))
    tolerance = FRAME_TOLERANCE_FRACTION * spacing
    if stated is None or gap is None or stated < 1.5 * spacing:
        return False
    thicker = abs(gap / stated - round(gap / stated)) * stated <= tolerance and gap >= stated - tolerance
    return thicker and (grid.acquired_k is None or _skips_slices(segmentation, grid, stated / spacing))


def _goes_on(frames: Sequence[MaskedFrame]) -> bool:
    """Tell whether three frames or more are drawn, and the region shares a pixel with the next one in each."""
    normal = slice_normal(frames[0][0].orientation)
    ordered = sorted(frames, key=lambda masked: float(masked[0].position @ normal))
    return len(ordered) > 2 and all(bool((low & high).any()) for (_, low), (_, high) in pairwise(ordered))


def _skips_slices(segmentation: Segmentation, grid: Grid, stated_k: float) -> bool:
    """Tell whether acquired slices lie between frames that are one stated spacing apart.

    In a thick part of an uneven stack none do; frames farther apart left an empty one out.
    """
    frames = np.unique(lps_to_voxels(grid.affine, np.array([f.position for f in segmentation.frames]))[:, 2])
    acquired = np.array(grid.acquired_k)
    return any(
        high - low <= stated_k + FRAME_TOLERANCE_FRACTION
        and bool(((acquired > low + FRAME_TOLERANCE_FRACTION) & (acquired < high - FRAME_TOLERANCE_FRACTION)).any())
        for low, high in pairwise(frames.tolist())
    )


def _smallest_gap(segmentation: Segmentation) -> float | None:
    """Give the smallest distance between planes of all frames of the object, empty ones included."""
    normal = slice_normal(segmentation.frames[0].orientation)
    planes = np.unique(np.round([frame.position @ normal for frame in segmentation.frames], 3))
    return float(np.diff(planes).min()) if len(planes) > 1 else None


def _corner_voxels(frame: Frame, shape: tuple[int, ...], grid: Grid) -> NDArray[np.float64]:
    """Give the frame's first, end-of-row and end-of-column pixel centres in CT voxel indices, shape (3, 3)."""
    along_row = frame.orientation[:3] * frame.spacing[1] * (shape[1] - 1)
    along_column = frame.orientation[3:] * frame.spacing[0] * (shape[0] - 1)
    points = np.array([frame.position, frame.position + along_row, frame.position + along_column])
    return lps_to_voxels(grid.affine, points)


def _nearest_place(corners: NDArray[np.float64], planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the voxel place nearest to a frame's first pixel: a whole column and row, and the k of a plane (of a whole
    slice beyond the first and the last plane).
    """
    place = np.rint(corners[0])
    if planes[0] - 0.5 < corners[0, 2] < planes[-1] + 0.5:
        place[2] = planes[np.abs(planes - corners[0, 2]).argmin()]
    return np.asarray(place, dtype=np.float64)


def _meets_grid(corners: NDArray[np.float64], shape: tuple[int, ...]) -> bool:
    """Tell whether a frame's pixels are CT voxels: same axes, same spacing, whole offsets, one plane.

    `corners` are relative to the place of the first pixel.
    """
    ideal = np.array([[0, 0, 0], [shape[1] - 1, 0, 0], [0, shape[0] - 1, 0]])
    return bool(np.abs(corners - ideal).max() <= FRAME_TOLERANCE_FRACTION)


def _place_frames(
    frames: Sequence[MaskedFrame],
    corners: Sequence[NDArray[np.float64]],
    places: Sequence[NDArray[np.float64]],
    planes: NDArray[np.float64],
    grid: Grid,
) -> PlacedMask:
    drawn = np.zeros((*grid.shape[:2], len(planes)), np.bool_, order="F")
    outside, residual = 0, 0.0
    _without_duplicates((tuple(place.tolist()), frame) for place, frame in zip(places, frames, strict=True))
    for (_, mask), corner, place in zip(frames, corners, places, strict=True):
        rows, columns = np.divmod(np.flatnonzero(mask), mask.shape[1])  # ten times as fast as nonzero of a plane
        i, j = columns + int(place[0]), rows + int(place[1])
        plane = int(np.searchsorted(planes, place[2]))
        on_plane = plane < len(planes) and bool(planes[plane] == place[2])
        inside = (i >= 0) & (i < grid.shape[0]) & (j >= 0) & (j < grid.shape[1]) & on_plane
        outside += int((~inside).sum())
        if on_plane:
            drawn[i[inside], j[inside], plane] = True
        residual = max(residual, float(np.linalg.norm(grid.affine[:3, :3] @ (corner[0] - place))))
    _check_outside(outside, int(np.count_nonzero(drawn)))
    return PlacedMask(fill_planes(drawn, planes, grid), "frames", residual)


def _check_outside(outside: int, inside: int) -> None:
    if outside:
        raise StudyRejectedError(
            ReasonCode.GEOMETRY_MISMATCH,
            "Part of the segmented region is outside the CT volume. Upload the whole CT series it was drawn on.",
            {"voxels_outside": outside, "voxels_inside": inside},
        )


def _resample(frames: Sequence[MaskedFrame], segmentation: Segmentation, grid: Grid, limits: Limits) -> PlacedMask:
    """Sample a frame stack of another matrix or orientation at every CT voxel centre near it."""
    affine, indices, residual = _frame_grid(frames, segmentation)
    _without_duplicates((int(index), frame) for index, frame in zip(indices, frames, strict=True))
    source = np.zeros((segmentation.columns, segmentation.rows, _bounded(indices, segmentation, limits)), np.bool_)
    for (_, mask), index in zip(frames, indices, strict=True):
        source[:, :, index] |= mask.T
    volume, farthest = sample_onto(source, affine, grid)
    return PlacedMask(volume, "nearest_neighbour", residual, {"resampled_distance_mm": rounded(farthest)})


def sample_onto(source: NDArray[np.bool_], affine: NDArray[np.float64], grid: Grid) -> tuple[NDArray[np.bool_], float]:
    """Sample a mask of another grid at every voxel centre of this one.

    Parameters
    ----------
    source : ndarray of bool
        At least one voxel is true.
    affine : ndarray, shape (4, 4)
        Index in `source` to RAS millimetres.

    Returns
    -------
    mask : ndarray of bool, shape `grid.shape`, Fortran order
    distance : float
        The largest one, in millimetres, from a voxel inside to the source voxel that it was read from.

    Raises
    ------
    StudyRejectedError
        `GEOMETRY_MISMATCH` when part of the region leaves the grid, `EMPTY_MASK` when no voxel centre is inside.
    """
    to_source = np.linalg.inv(affine) @ grid.affine
    low, high = _reach(source, np.linalg.inv(grid.affine) @ affine, grid)
    volume = np.zeros(grid.shape, np.bool_, order="F")
    j, i = np.meshgrid(np.arange(low[1], high[1]), np.arange(low[0], high[0]))
    farthest = 0.0
    for k in range(low[2], high[2]):
        plane, distance = _sample(source, to_source, i, j, k, affine)
        volume[low[0] : high[0], low[1] : high[1], k] = plane
        farthest = max(farthest, distance)
    if not volume.any():
        raise empty_mask(method="nearest_neighbour")
    return volume, farthest


def _bounded(indices: NDArray[np.int64], segmentation: Segmentation, limits: Limits) -> int:
    depth = int(indices.max()) + 1
    voxels = depth * segmentation.rows * segmentation.columns
    if voxels > limits.voxels:
        raise StudyRejectedError(
            ReasonCode.INPUT_TOO_LARGE,
            "The segmentation's frames span more than the voxel budget.",
            {"voxels": voxels, "limit": limits.voxels},
        )
    return depth


def _sample(
    source: NDArray[np.bool_],
    to_source: NDArray[np.float64],
    i: NDArray[np.int64],
    j: NDArray[np.int64],
    k: int,
    affine: NDArray[np.float64],
) -> tuple[NDArray[np.bool_], float]:
    """Read the source voxel whose centre is nearest to each CT voxel (half-way goes to the higher index).

    Returns
    -------
    mask : ndarray of bool, shape of `i`
    distance : float
        The largest one, in millimetres, from a voxel inside to the source voxel that it was read from.
    """
    inside = np.ones(i.shape, np.bool_)
    indices, off = [], []
    for axis in range(3):
        place = to_source[axis, 0] * i + to_source[axis, 1] * j + (to_source[axis, 2] * k + to_source[axis, 3])
        index = nearest_voxels(place)
        off.append(place - index)
        inside &= (index >= 0) & (index < source.shape[axis])
        indices.append(np.clip(index, 0, source.shape[axis] - 1))
    mask = np.asarray(source[indices[0], indices[1], indices[2]] & inside, dtype=np.bool_)
    distances = np.linalg.norm(np.stack(off, axis=-1)[mask] @ affine[:3, :3].T, axis=-1)
    return mask, float(distances.max(initial=0.0))


def _reach(
    source: NDArray[np.bool_], to_grid: NDArray[np.float64], grid: Grid
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bound the CT voxels that the region can touch; refuse a region that leaves the CT."""
    filled = np.argwhere(source)
    edges = list(zip((filled.min(axis=0) - 0.5).tolist(), (filled.max(axis=0) + 0.5).tolist(), strict=True))
    corners = np.array([[x, y, z, 1.0] for x, y, z in product(*edges)])
    reach = (corners @ to_grid.T)[:, :3]
    _check_inside(filled, to_grid, grid)
    first = np.maximum(np.floor(reach.min(axis=0)), 0).astype(np.int64)
    last = np.minimum(np.ceil(reach.max(axis=0)) + 1, grid.shape).astype(np.int64)
    return first, np.maximum(last, first)


def _check_inside(filled: NDArray[np.int64], to_grid: NDArray[np.float64], grid: Grid) -> None:
    centres = filled @ to_grid[:3, :3].T + to_grid[:3, 3]
    edge = np.asarray(grid.shape) - 0.5
    outside = ((centres < -0.5 - FRAME_TOLERANCE_FRACTION) | (centres > edge + FRAME_TOLERANCE_FRACTION)).any(axis=1)
    _check_outside(int(outside.sum()), int((~outside).sum()))


def _frame_grid(
    frames: Sequence[MaskedFrame], segmentation: Segmentation
) -> tuple[NDArray[np.float64], NDArray[np.int64], float]:
    """Find the regular grid of a frame stack, whose empty frames may be left out.

    Returns
    -------
    affine : ndarray, shape (4, 4)
        (column, row, frame step) to RAS millimetres.
    indices : ndarray of int, shape (n,)
        Each frame's step.
    residual_mm : float
        Largest distance between a frame's own position and the grid's.
    """
    first = frames[0][0]
    if not all(same_orientation(first.orientation, f.orientation) and f.spacing == first.spacing for f, _ in frames):
        raise _irregular(len(frames), "the frames differ in orientation or pixel spacing")
    positions = np.array([frame.position for frame, _ in frames])
    normal = slice_normal(first.orientation)
    along = positions @ normal
    origin = positions[int(along.argmin())]
    spacing = _frame_spacing(along, segmentation)
    indices = np.rint((along - along.min()) / spacing).astype(np.int64)
    step = _frame_step(positions, indices, normal * spacing)
    residual = float(np.linalg.norm(positions - origin - indices[:, None] * step, axis=1).max())
    if residual > FRAME_TOLERANCE_FRACTION * max(spacing, *first.spacing):
        raise _irregular(len(frames), "the frames are not on one regular grid", residual_mm=round(residual, 4))
    return plane_affine(first.orientation, first.spacing, origin, step), indices, residual


def _frame_spacing(along: NDArray[np.float64], segmentation: Segmentation) -> float:
    """Take the stated spacing, else the spacing of *all* frames of the object (empty ones included)."""
    stated, gap = segmentation.spacing_between_slices, _smallest_gap(segmentation)
    if stated and gap and gap > 1.5 * stated:  # half the truth, or frames left out everywhere: one would make holes
        raise _irregular(len(along), "no two frames are as near as it says", stated_mm=stated, nearest_mm=round(gap, 4))
    if stated or gap:
        return float(stated or gap or 0.0)
    group = segmentation.dataset.SharedFunctionalGroupsSequence[0].get("PixelMeasuresSequence")
    thickness = float(group[0].get("SliceThickness") or 0.0) if group else 0.0
    if thickness <= 0:
        raise _irregular(len(along), "a single frame without SpacingBetweenSlices or SliceThickness")
    return thickness


def _frame_step(
    positions: NDArray[np.float64], indices: NDArray[np.int64], default: NDArray[np.float64]
) -> NDArray[np.float64]:
    last, first = int(indices.argmax()), int(indices.argmin())
    steps = int(indices[last] - indices[first])
    return np.asarray((positions[last] - positions[first]) / steps if steps else default, dtype=np.float64)


def _irregular(frames: int, why: str, **details: float) -> StudyRejectedError:
    return StudyRejectedError(
        ReasonCode.GEOMETRY_MISMATCH,
        f"The segmentation is on another grid than the CT and cannot be resampled onto it: {why}. "
        "Export the segmentation on the CT's own slices.",
        {"frames": frames, **details},
    )


def lies_on(segmentation: Segmentation, ct: CtSeries) -> bool:
    """Tell whether every frame of a segmentation lies on a slice of a CT series.

    Used only when nothing else says which series the segmentation was drawn on: the planes must be parallel, and every
    frame's position must be that of a slice within 5% of the pixel spacing, apart from whole pixels.
    """
    first = ct.slices[0]
    if not all(same_orientation(first.orientation, frame.orientation) for frame in segmentation.frames):
        return False
    thin = slice_normal(first.orientation) * min(first.spacing)
    offsets = np.array([frame.position for frame in segmentation.frames])
    positions = np.array([s.position for s in ct.slices])
    distances = np.abs((offsets[:, None, :] - positions[None, :, :]) @ slice_normal(first.orientation))
    nearest = positions[distances.argmin(axis=1)]
    affines = (plane_affine(first.orientation, first.spacing, origin, thin) for origin in nearest)
    shape = (segmentation.rows, segmentation.columns)
    return all(
        _meets_slice(frame, shape, Grid((first.columns, first.rows, 1), affine))
        for frame, affine in zip(segmentation.frames, affines, strict=True)
    )


def _meets_slice(frame: Frame, shape: tuple[int, int], grid: Grid) -> bool:
    corners = _corner_voxels(frame, shape, grid)
    return _meets_grid(corners - np.rint(corners[0]), shape) and round(float(corners[0, 2])) == 0
