"""RTSTRUCT contours onto the CT's grid, slice by slice; `radiomics_job.roi.contour_filling` fills each slice."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from radiomics_job.errors import Detail, ReasonCode, StudyRejectedError
from radiomics_job.geometry.grid import Grid, fill_planes, lps_to_voxels, source_planes
from radiomics_job.roi.contour_filling import (
    Contour,
    centre_tolerance,
    distinct,
    fill,
    open_polygon,
    vertices_on_centres,
)
from radiomics_job.roi.placement import PlacedMask, empty_mask
from radiomics_job.roi.rtstruct import CONTOUR_PLANE_TOLERANCE, ClosedContour, ContourSet

MOST_ON_CENTRES = 0.95
"""Share of a region's vertices on voxel centres from which all its contours are taken to pass through centres. It was
1 in files of such writers and 0 in all others."""

WIDEST_CONTOUR_STEP_MM = 10.0
"""Contours farther apart than this are not filled in between: nothing is known of what lies there."""

MOST_SKIPS = 2
"""Places where a region may skip slices and go on over the same pixels; more would be stripes."""

Planes = dict[int, list[Contour]]


def rasterise(region: ContourSet, grid: Grid) -> PlacedMask:
    """Fill a region's contours on the CT's grid.

    Returns
    -------
    PlacedMask
        Its `facts` say which rule was used and what was left out.

    Raises
    ------
    StudyRejectedError
        `EMPTY_MASK`; `GEOMETRY_MISMATCH` when a contour is not on a CT plane or leaves the volume, or when contours
        skip slices irregularly.
    """
    voxels = [lps_to_voxels(grid.affine, contour.points) for contour in region.contours]
    _check_parallel(voxels)
    contours = [_contour(each, place, grid) for each, place in zip(region.contours, voxels, strict=True)]
    contours, used = _by_rule(contours)
    voxels = [place for place, taken in zip(voxels, used, strict=True) if taken]
    facts = _facts(region, contours, used, grid)
    planes = source_planes(grid, (float(np.median(v[:, 2])) for v in voxels), CONTOUR_PLANE_TOLERANCE)
    slices, residual = _sorted_by_plane(contours, voxels, planes, grid)
    drawn = np.zeros((*grid.shape[:2], len(planes)), np.bool_, order="F")
    united = 0
    for plane, members in slices.items():
        drawn[:, :, plane], overlapping = fill(distinct(members), grid.shape[:2])
        united += overlapping
    facts["contours_united"] = united
    if not drawn.any():
        raise empty_mask(contours=len(region.contours), **{k.lower(): n for k, n in region.left_out.items()})
    if grid.acquired_k is None:
        drawn, between = _filled_between(drawn, _drawn_slices(region, grid), grid)
        facts |= between
    return PlacedMask(fill_planes(drawn, planes, grid), "contours", residual, facts)


def _contour(contour: ClosedContour, voxels: NDArray[np.float64], grid: Grid) -> Contour:
    # All three coordinates were rounded; how far that moves a point along a column or a row depends on the axes.
    rounding = contour.rounding_mm * float(np.abs(np.linalg.inv(grid.affine)[:2, :3]).sum(axis=1).max())
    return Contour(open_polygon(voxels[:, :2]), centre_tolerance(rounding), contour.exclusive)


def _by_rule(contours: Sequence[Contour]) -> tuple[list[Contour], list[bool]]:
    """Decide which contours pass through voxel centres, and drop those that enclose nothing.

    Returns
    -------
    contours : list of Contour
        Those that are filled.
    used : list of bool
        For every given contour, whether it is among them. One or two points drawn around voxels enclose nothing;
        through centres they are a lone voxel, or a line of them.
    """
    judged = [each for each in contours if len(each.points) >= 3] or contours
    share = sum(map(vertices_on_centres, judged)) / max(1, sum(len(each.points) for each in judged))
    through = [
        share >= MOST_ON_CENTRES or (len(each.points) >= 3 and vertices_on_centres(each) == len(each.points))
        for each in contours
    ]
    used = [centres or len(each.points) >= 3 for each, centres in zip(contours, through, strict=True)]
    kept = zip(contours, through, used, strict=True)
    return [replace(each, through_centres=centres) for each, centres, taken in kept if taken], used


def _facts(region: ContourSet, contours: Sequence[Contour], used: Sequence[bool], grid: Grid) -> dict[str, Detail]:
    """Say by which rule the contours were filled, and what was left out, for `qc.json`."""
    through = sum(contour.through_centres for contour in contours)
    rule = {0: "centres_inside", len(contours): "centres_inside_or_on_contour"}.get(through, "mixed")
    pixel_mm2 = grid.spacing[0] * grid.spacing[1]
    left_out: dict[str, Detail] = dict(sorted(region.left_out.items()))
    if unused := used.count(False):
        left_out["CLOSED_PLANAR"] = unused
    lost = unused + sum(area >= pixel_mm2 / 2 for area in region.open_areas_mm2)
    return {"contour_rule": rule, "contours_left_out": left_out, "contours_left_out_with_area": lost}


def _sorted_by_plane(
    contours: Sequence[Contour], voxels: Sequence[NDArray[np.float64]], planes: NDArray[np.float64], grid: Grid
) -> tuple[Planes, float]:
    """Give the contours of each plane, and the largest distance from it in millimetres."""
    slices: Planes = {}
    residual = 0.0
    for contour, place in zip(contours, voxels, strict=True):
        plane = int(np.abs(planes - np.median(place[:, 2])).argmin())
        offset = float(np.abs(place[:, 2] - planes[plane]).max())
        _check_plane(float(planes[plane]), offset, place, grid, contour.tolerance)
        residual = max(residual, offset * grid.spacing[2])
        slices.setdefault(plane, []).append(contour)
    return slices, residual


def _check_parallel(voxels: Sequence[NDArray[np.float64]]) -> None:
    across = max((float(np.ptp(place[:, 2])) for place in voxels), default=0.0)
    if across > 2 * CONTOUR_PLANE_TOLERANCE:
        raise StudyRejectedError(
            ReasonCode.GEOMETRY_MISMATCH,
            "A contour runs through several slices of the CT: it was drawn in another plane. Draw the region on the "
            "slices of the CT, or export it as a SEG.",
            {"slices_crossed": round(across, 4)},
        )


def _check_plane(k: float, offset: float, voxels: NDArray[np.float64], grid: Grid, tolerance: float) -> None:
    """Refuse a contour that lies between slices, or that reaches the centres of voxels beyond the CT's."""
    low, high = voxels[:, :2].min(axis=0), voxels[:, :2].max(axis=0)
    beyond = bool((low <= tolerance - 1).any() or (high >= np.asarray(grid.shape[:2]) - tolerance).any())
    if beyond or offset > CONTOUR_PLANE_TOLERANCE:
        where = "leaves the CT's slices at the side" if beyond else "does not lie on a slice of the CT"
        raise StudyRejectedError(
            ReasonCode.GEOMETRY_MISMATCH,
            f"A contour {where}. Upload the CT series that the contours were drawn on.",
            {"slice": round(k, 4), "slices": grid.shape[2], "offset_slices": round(offset, 4), "outside": beyond},
        )


def _drawn_slices(region: ContourSet, grid: Grid) -> NDArray[np.int64]:
    """List the slices that any region of the object is drawn on."""
    return np.unique(np.rint(lps_to_voxels(grid.affine, np.array(region.neighbours))[:, 2]).astype(np.int64))


def _filled_between(
    drawn: NDArray[np.bool_], on_slices: NDArray[np.int64], grid: Grid
) -> tuple[NDArray[np.bool_], dict[str, Detail]]:
    """Fill a region that was drawn on every second (third, …) slice as a SEG of such thick slices is filled.

    Each slice takes the contours of the nearest drawn one within half a step; of two equally near ones, the higher.
    """
    own = np.flatnonzero(drawn.any(axis=(0, 1)))
    step = _step(drawn, own, on_slices)
    skips = [(low, high) for low, high in _going_on(drawn, own) if high - low > step]
    if step * grid.spacing[2] > WIDEST_CONTOUR_STEP_MM or (step == 1 and len(skips) > MOST_SKIPS):
        raise StudyRejectedError(
            ReasonCode.GEOMETRY_MISMATCH,
            "The contours leave out slices between others that they go on over, so that the region would be stripes. "
            "Interpolate the contours on every slice of the CT and export them again.",
            {"skips": len(skips), "step_mm": round(step * grid.spacing[2], 4), "limit_mm": WIDEST_CONTOUR_STEP_MM},
        )
    facts: dict[str, Detail] = {"contours_every_slices": step, "contour_skips": len(skips)}
    if step > 1:
        filled = np.zeros_like(drawn)
        for k in own:
            low = k - step // 2
            filled[:, :, max(low, 0) : low + step] |= drawn[:, :, k, None]
        drawn = filled
    return drawn, facts


def _step(drawn: NDArray[np.bool_], own: NDArray[np.intp], on_slices: NDArray[np.int64]) -> int:
    """Give the step at which a region is drawn: 1, or more where every drawn slice goes on over the next."""
    slices = own if len(own) >= 3 else on_slices
    step = int(np.diff(slices).min()) if len(slices) >= 3 else 1
    return step if any(high - low == step for low, high in _going_on(drawn, own)) else 1


def _going_on(drawn: NDArray[np.bool_], own: NDArray[np.intp]) -> list[tuple[int, int]]:
    """List the neighbouring drawn slices, with others between them, that share a pixel."""
    return [
        (int(low), int(high))
        for low, high in pairwise(own)
        if high - low > 1 and (drawn[:, :, low] & drawn[:, :, high]).any()
    ]
