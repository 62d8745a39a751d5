"""CT slices into series: grouping, sorting by position, gap checks and the affine."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiomics_job.dicom.ct_slice import CtSlice
from radiomics_job.errors import Detail, ReasonCode, StudyRejectedError
from radiomics_job.geometry.grid import (
    DUPLICATE_TOLERANCE_MM,
    LPS_TO_RAS,
    SPACING_TOLERANCE_MM,
    Grid,
    grid_tolerance_mm,
    is_orthonormal,
    nearest_planes,
    plane_affine,
    rounded,
    same_orientation,
    slice_normal,
)
from radiomics_job.parameters import GeometryPolicies

LARGEST_GAP_RATIO = 4.0
"""Largest gap over smallest gap that resampling accepts: beyond it, the slices are hardly one acquisition (two phases
interleaved, a block of thin slices in a thick series)."""

ROUNDED_TOLERANCE_FRACTION = 0.05
"""Residual, as a share of the slice spacing, that rounding of positions to a tenth of a millimetre explains. Up to it a
stack is taken as even, with a warning; the same share as a segmentation's frames are allowed."""

_GAPS_OF_A_PROTOCOL = 3
"""Wide gaps in a row from which a second slice spacing is the reason."""

_TWO_SPACINGS = "The CT series has two slice spacings, one after the other"

NO_COMMON_FRAME = "one for each image"
"""Stands for the frame of reference of a series whose images share none; equal to no UID."""


@dataclass(frozen=True, eq=False)
class CtSeries:
    """Parallel CT slices of one series with one matrix."""

    slices: tuple[CtSlice, ...]
    """In file order."""
    instance_uids: frozenset[str]
    """Every instance of the *series*, also those that this group leaves out (localizers)."""

    @property
    def uid(self) -> str:
        """SeriesInstanceUID."""
        return self.slices[0].series_uid

    @property
    def frame_of_reference_uid(self) -> str:
        """FrameOfReferenceUID; empty when absent."""
        return self.slices[0].frame_of_reference_uid


@dataclass(frozen=True, eq=False)
class SliceStack:
    """Sorted slices and the grid they lie on."""

    slices: tuple[CtSlice, ...]
    """By increasing position along row × column direction."""
    grid: Grid
    """Affine from the first and last position. Its slices are these slices, unless they were resampled."""
    gaps_mm: NDArray[np.float64]
    """Distance between neighbouring slices along the normal; shape (n - 1,)."""
    residual_mm: float
    """Largest distance between a slice's own position and the affine's."""
    duplicates: int
    """Slices that were left out because an identical one is at the same position."""
    rounded_positions: bool = False
    """The positions lie farther from the grid than an exact writer's, but not farther than rounding explains."""


def group_series(slices: Sequence[CtSlice]) -> list[CtSeries]:
    """Group CT slices by series, frame of reference, kernel, orientation, spacing and matrix; no localizers.

    A series may hold two reconstructions, even one between the slices of the other: the kernel tells them apart.

    Raises
    ------
    StudyRejectedError
        `NO_CT` when nothing but localizers remains.
    """
    images = [ct for ct in slices if not ct.localizer]
    if not images:
        raise StudyRejectedError(
            ReasonCode.NO_CT,
            "The study has no CT image. Upload the CT series together with its segmentation.",
            {"ct_images": 0, "localizers": len(slices)},
        )
    groups: list[list[CtSlice]] = []
    for ct in _completed(_with_common_frames(images)):
        group = next((g for g in groups if _same_group(g[0], ct)), None)
        if group is None:
            groups.append([ct])
        else:
            group.append(ct)
    members: dict[str, set[str]] = {}
    for ct in slices:
        members.setdefault(ct.series_uid, set()).update(ct.uids)
    return [CtSeries(tuple(group), frozenset(members[group[0].series_uid])) for group in groups]


def _with_common_frames(images: Sequence[CtSlice]) -> list[CtSlice]:
    """Ignore frames of reference that an anonymiser wrote anew for each image of a series: they tell nothing apart."""
    frames: dict[str, dict[str, str]] = {}
    for ct in images:  # by image: it may be here twice
        frames.setdefault(ct.series_uid, {})[ct.instance_uid] = ct.frame_of_reference_uid
    scattered = {uid for uid, found in frames.items() if 2 < len(found) == len({*found.values()})}
    return [replace(ct, frame_of_reference_uid=NO_COMMON_FRAME) if ct.series_uid in scattered else ct for ct in images]


def _completed(images: Sequence[CtSlice]) -> Sequence[CtSlice]:
    """Give images without a frame of reference or kernel that of their series, where the others state only one."""
    for attribute in ("frame_of_reference_uid", "kernel"):
        stated: dict[str, set[str]] = {}
        for ct in images:
            stated.setdefault(ct.series_uid, set()).add(getattr(ct, attribute))
        common: dict[str, Any] = {uid: max(found) for uid, found in stated.items() if len(found) == 2 and "" in found}
        images = [replace(ct, **{attribute: common[ct.series_uid]}) if ct.series_uid in common else ct for ct in images]
    return images


def _same_group(first: CtSlice, second: CtSlice) -> bool:
    return (
        (first.series_uid, first.frame_of_reference_uid) == (second.series_uid, second.frame_of_reference_uid)
        and first.kernel == second.kernel
        and (first.rows, first.columns) == (second.rows, second.columns)
        and np.abs(np.subtract(first.spacing, second.spacing)).max() <= SPACING_TOLERANCE_MM
        and same_orientation(first.orientation, second.orientation)
    )


def sort_slices(series: CtSeries) -> list[CtSlice]:
    """Sort by ImagePositionPatient along the normal; InstanceNumber and SliceLocation play no part.

    Raises
    ------
    StudyRejectedError
        `GEOMETRY_MISMATCH` when the direction cosines are not two perpendicular unit vectors.
    """
    orientation = series.slices[0].orientation
    if not is_orthonormal(orientation):
        raise StudyRejectedError(
            ReasonCode.GEOMETRY_MISMATCH,
            "ImageOrientationPatient is not two perpendicular unit vectors. Export the CT series again.",
            {"orientation": [float(value) for value in orientation]},
        )
    normal = slice_normal(orientation)
    return sorted(series.slices, key=lambda ct: (float(ct.position @ normal), ct.instance_uid, ct.name))


def is_one_stack(slices: Sequence[CtSlice]) -> bool:
    """Tell whether slices make one regular stack in which no two different images lie at one position."""
    if len(slices) < 2 or not is_orthonormal(slices[0].orientation):
        return True  # judged where they are stacked
    normal = slice_normal(slices[0].orientation)
    ordered = sorted(slices, key=lambda ct: float(ct.position @ normal))
    unique = ordered[:1]
    for ct in ordered[1:]:
        if not same_position(unique[-1], ct):
            unique.append(ct)
        elif (unique[-1].instance_uid, unique[-1].frame) != (ct.instance_uid, ct.frame):
            return False
    if len(unique) < 2:
        return False
    try:
        regular_stack(unique)
    except StudyRejectedError:
        return False
    return True


def acquisitions(images: Sequence[CtSlice]) -> dict[CtSlice, str]:
    """Tell the acquisitions of a series apart: by AcquisitionNumber, and by passes along the stack.

    Two phases or reconstructions are numbered one after the other, so that InstanceNumber runs along the stack twice.

    Returns
    -------
    dict of CtSlice to str
        What the images of one acquisition share; empty where nothing is stated.
    """
    passes = _passes(images)
    if len(passes) == 1:
        return {image: image.acquisition for image in images}
    return {image: f"{image.acquisition}#{index}" for index, part in enumerate(passes) for image in part}


def _passes(images: Sequence[CtSlice]) -> list[list[CtSlice]]:
    """Split images where their numbers jump back along the stack; one part where the numbers tell nothing."""
    numbers = {image: image.number for image in images}
    if len(images) < 2 or None in numbers.values() or len({*numbers.values()}) < len(images):
        return [[*images]]
    ordered = sorted(images, key=lambda image: numbers[image] or (0, 0))
    steps = np.diff(np.array([image.position for image in ordered]) @ slice_normal(images[0].orientation))
    steps *= np.sign(np.median(steps))
    starts = [0, *(np.flatnonzero(steps < -DUPLICATE_TOLERANCE_MM) + 1).tolist(), len(ordered)]
    parts = [ordered[start:end] for start, end in pairwise(starts)]
    return parts if all(len(part) > 1 and is_one_stack(part) for part in parts) else [ordered]


def same_position(first: CtSlice, second: CtSlice) -> bool:
    """Tell whether two slices of one series lie at the same place."""
    return bool(np.linalg.norm(first.position - second.position) <= DUPLICATE_TOLERANCE_MM)


def fit_stack(slices: Sequence[CtSlice], policies: GeometryPolicies, duplicates: int = 0) -> SliceStack:
    """Fit one grid to sorted slices without duplicates.

    Raises
    ------
    StudyRejectedError
        `MISSING_SLICES` or `UNEVEN_SLICES` with the gaps in millimetres.
    """
    try:
        return regular_stack(slices, duplicates)
    except StudyRejectedError as error:
        allowed = {ReasonCode.MISSING_SLICES: policies.missing_slices, ReasonCode.UNEVEN_SLICES: policies.uneven_slices}
        # A stack may be both uneven and incomplete: each fault needs its own permission.
        faults = (*gap_faults(_gaps(slices)), error) if len(slices) > 1 else (error,)
        for fault in faults:
            if len(slices) < 2 or allowed.get(fault.code) != "resample":
                raise fault from error
        return even_stack(slices, policies.largest_gap_mm, error, duplicates)


def even_stack(
    slices: Sequence[CtSlice], largest_gap_mm: float, fault: StudyRejectedError, duplicates: int = 0
) -> SliceStack:
    """Lay an even grid from the first to the last of sorted slices.

    Its spacing is the usual gap, or the smallest one where an acquired slice would otherwise be nearest to no slice of
    the grid and be lost.

    Parameters
    ----------
    fault : StudyRejectedError
        Why the slices are no regular stack; raised again when they cannot be resampled either.

    Returns
    -------
    SliceStack
        `grid.acquired_k` says where the slices lie on the grid.

    Raises
    ------
    StudyRejectedError
        `fault`, with the limits, when a gap is too wide or gaps are too different, or when the slices are not stacked
        along one line.
    """
    first, gaps = slices[0], _gaps(slices)
    positions = np.array([ct.position for ct in slices])
    together = gaps.min() <= DUPLICATE_TOLERANCE_MM
    if together or not np.isfinite(gaps).all() or gaps.max() > min(largest_gap_mm, LARGEST_GAP_RATIO * gaps.min()):
        limits: dict[str, Detail] = {
            "largest_gap_allowed_mm": largest_gap_mm,
            "largest_gap_ratio_allowed": LARGEST_GAP_RATIO,
        }
        raise StudyRejectedError(
            fault.code, fault.message, {**fault.details, "smallest_gap_mm": _mm(gaps.min()), **limits}
        )
    along = np.concatenate([[0.0], np.cumsum(gaps)])
    steps = max(1, round(float(along[-1] / np.median(gaps))))
    if _loses_slices(along, steps):
        steps = round(float(along[-1] / gaps.min()))
    if _loses_slices(along, steps):
        steps = math.ceil(float(along[-1] / gaps.min()))
    acquired_k = along / along[-1] * steps
    affine = plane_affine(first.orientation, first.spacing, positions[0], (positions[-1] - positions[0]) / steps)
    residual = _residual(affine, positions, acquired_k)
    if residual > grid_tolerance_mm(float(np.median(gaps))):
        raise fault
    acquired = tuple(float(k) for k in acquired_k)
    grid = Grid((first.columns, first.rows, steps + 1), affine, acquired)
    return SliceStack(tuple(slices), grid, gaps, residual, duplicates)


def _loses_slices(along: NDArray[np.float64], steps: int) -> bool:
    """Tell whether some slice would be nearest to no slice of an even grid."""
    return len(np.unique(nearest_planes(along / along[-1] * steps, steps + 1))) < len(along)


def _gaps(slices: Sequence[CtSlice]) -> NDArray[np.float64]:
    """Distances between neighbouring slices along the normal, in millimetres."""
    normal = slice_normal(slices[0].orientation)
    return np.diff(np.array([ct.position for ct in slices]) @ normal)


def regular_stack(slices: Sequence[CtSlice], duplicates: int = 0) -> SliceStack:
    """Fit one affine to sorted slices without duplicates and check every gap.

    The slice step is (last − first) / (n − 1), which covers gantry tilt; SliceThickness is never used.

    Raises
    ------
    StudyRejectedError
        `MISSING_SLICES` or `UNEVEN_SLICES` with the gaps in millimetres.
    """
    if len(slices) < 2:
        raise StudyRejectedError(
            ReasonCode.MISSING_SLICES,
            "The CT series has a single slice, so that no volume can be made. Upload the whole series.",
            {"slices": len(slices)},
        )
    positions, gaps = np.array([ct.position for ct in slices]), _gaps(slices)
    if faults := gap_faults(gaps):
        raise faults[-1]
    spacing = float(np.median(gaps))
    origin, step = positions[0], (positions[-1] - positions[0]) / (len(slices) - 1)
    residual = _off_line(positions, origin, step)
    rounded_off = residual > grid_tolerance_mm(spacing)
    if rounded_off:  # the ends are rounded too: all slices together know better where the grid lies
        origin, step = _fitted_line(positions)
        residual = _off_line(positions, origin, step)
        if residual > max(grid_tolerance_mm(spacing), ROUNDED_TOLERANCE_FRACTION * spacing):
            raise _uneven(gaps, residual, grid_tolerance_mm(spacing))
    first = slices[0]
    grid = Grid((first.columns, first.rows, len(slices)), plane_affine(first.orientation, first.spacing, origin, step))
    return SliceStack(tuple(slices), grid, gaps, residual, duplicates, rounded_off)


def _fitted_line(positions: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit evenly spaced positions by least squares: the first one, and the step."""
    k = np.arange(len(positions)) - (len(positions) - 1) / 2
    step = k @ positions / (k @ k)
    return np.asarray(positions.mean(axis=0) + k[0] * step), np.asarray(step)


def _off_line(positions: NDArray[np.float64], origin: NDArray[np.float64], step: NDArray[np.float64]) -> float:
    """Largest distance between a slice's own position and the grid's, in millimetres."""
    return float(np.linalg.norm(positions - origin - np.arange(len(positions))[:, None] * step, axis=1).max())


def gap_faults(gaps: NDArray[np.float64]) -> list[StudyRejectedError]:
    """Say what is wrong with a stack's gaps.

    Returns
    -------
    list of StudyRejectedError
        `MISSING_SLICES` when a gap is nearer to two usual gaps than to one, `UNEVEN_SLICES` when gaps are no
        multiples of the usual one; both, or none.
    """
    usual = float(np.median(gaps))
    tolerance = grid_tolerance_mm(usual)
    if usual <= DUPLICATE_TOLERANCE_MM or not np.isfinite(gaps).all():
        return [_uneven(gaps, 0.0, tolerance)]
    multiples = np.rint(gaps / usual)
    off = np.abs(gaps - np.maximum(multiples, 1) * usual)
    faults = []
    if _has_two_spacings(multiples):
        faults.append(_uneven(gaps, _uneven_by(gaps), tolerance, _TWO_SPACINGS))
    elif (multiples > 1).any():
        faults.append(_missing(gaps, usual, int(np.maximum(multiples - 1, 0).sum())))
    # Both ends of a gap may be rounded; whether the positions are near enough to one grid is judged by the residual.
    if (off > 2 * max(tolerance, ROUNDED_TOLERANCE_FRACTION * usual) * np.maximum(multiples, 1)).any():
        faults.append(_uneven(gaps, _uneven_by(gaps), tolerance))
    return faults


def _uneven_by(gaps: NDArray[np.float64]) -> float:
    """Return the largest distance, in millimetres, between a slice and the even grid from the first to the last."""
    along = np.concatenate([[0.0], np.cumsum(gaps)])
    return float(np.abs(along - np.linspace(0.0, along[-1], len(along))).max())


def _has_two_spacings(multiples: NDArray[np.float64]) -> bool:
    """Tell whether wide gaps follow one another: a protocol with two spacings rather than slices that were lost."""
    changes = np.flatnonzero(np.diff(multiples)) + 1
    blocks = np.split(multiples, changes)
    return any(block[0] > 1 and len(block) >= _GAPS_OF_A_PROTOCOL for block in blocks)


def _missing(gaps: NDArray[np.float64], usual: float, missing: int) -> StudyRejectedError:
    return StudyRejectedError(
        ReasonCode.MISSING_SLICES,
        f"Slices missing inside the CT series: {missing}. Upload the whole series.",
        {"missing": missing, "slices": len(gaps) + 1, "spacing_mm": _mm(usual), "largest_gap_mm": _mm(gaps.max())},
    )


def _residual(
    affine: NDArray[np.float64], positions: NDArray[np.float64], k: NDArray[np.float64] | NDArray[np.int64]
) -> float:
    predicted = affine[:3, 3] + k[:, None] * affine[:3, 2]
    actual = positions @ LPS_TO_RAS[:3, :3]
    return float(np.linalg.norm(actual - predicted, axis=1).max())


def _uneven(
    gaps: NDArray[np.float64], residual: float, tolerance: float, what: str = "The CT slices are not evenly spaced"
) -> StudyRejectedError:
    return StudyRejectedError(
        ReasonCode.UNEVEN_SLICES,
        f"{what}, so that one affine would misplace them. Upload an evenly spaced series.",
        {
            "slices": len(gaps) + 1,
            "smallest_gap_mm": _mm(gaps.min()),
            "largest_gap_mm": _mm(gaps.max()),
            "residual_mm": _mm(residual),
            "tolerance_mm": _mm(tolerance),
        },
    )


def _mm(value: float) -> float | None:
    return rounded(float(value), 4)
