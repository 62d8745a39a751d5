"""RTSTRUCT contours onto the CT's grid.

Rule: a voxel belongs to the region when its centre is inside an odd number of the slice's contours (even-odd), which
gives holes and keyholes their meaning. Contours lie on CT planes; slices between contours stay empty.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from radiomics_job.dicom.series import CtSeries
from radiomics_job.errors import ReasonCode, StudyRejectedError
from radiomics_job.geometry.grid import Grid, fill_planes, lps_to_voxels, slice_normal, source_planes
from radiomics_job.limits import Limits
from radiomics_job.roi.placement import PlacedMask, empty_mask

CONTOUR_PLANE_TOLERANCE = 0.1
"""How far, in slices, a contour point may lie from a CT plane. Planning systems write millimetres with two decimals."""

_AREA_TYPES = {"CLOSED_PLANAR", "CLOSEDPLANAR_XOR"}
_OTHER_TYPES = {"POINT", "OPEN_PLANAR", "OPEN_NONPLANAR"}


@dataclass(frozen=True, eq=False)
class ContourSet:
    """One region of an RTSTRUCT."""

    number: int
    """ROINumber."""
    label: str
    """ROIName."""
    property_code: str
    """RT ROI interpreted type (for instance `GTV`) when stated."""
    contours: tuple[NDArray[np.float64], ...]
    """Closed planar contours, LPS millimetres; shape (n, 3)."""


def read_structure_set(dataset: Dataset, limits: Limits) -> list[ContourSet]:
    """Read the regions of an RTSTRUCT.

    Raises
    ------
    StudyRejectedError
        `INPUT_TOO_LARGE`.
    ValueError, AttributeError, …
        When the object is damaged.
    """
    names = {int(i.ROINumber): str(i.get("ROIName") or "") for i in dataset.get("StructureSetROISequence") or []}
    types = {
        int(i.ReferencedROINumber): str(i.get("RTROIInterpretedType") or "")
        for i in dataset.get("RTROIObservationsSequence") or []
        if i.get("ReferencedROINumber") is not None
    }
    regions, points = [], 0
    for item in dataset.get("ROIContourSequence") or []:
        number = int(item.ReferencedROINumber)
        contours = tuple(_contours(item))
        points += sum(len(contour) for contour in contours)
        _check_points(points, limits)
        regions.append(ContourSet(number, names.get(number, ""), types.get(number, ""), contours))
    return regions


def _contours(item: Dataset) -> Iterator[NDArray[np.float64]]:
    for contour in item.get("ContourSequence") or []:
        kind = str(contour.get("ContourGeometricType") or "").strip().upper()
        if kind in _AREA_TYPES:
            points = _points(contour)
            if len(points) >= 3:
                yield points
        elif kind not in _OTHER_TYPES:  # left out, an area would be lost
            raise ValueError("a contour of an unknown type")


def _points(contour: Dataset) -> NDArray[np.float64]:
    points = _coordinates(contour).reshape(-1, 3)
    if not np.isfinite(points).all():
        raise ValueError("a contour point is not a number")
    if int(contour.get("NumberOfContourPoints") or len(points)) != len(points):
        raise ValueError("a contour does not have as many points as it says")
    return points


def _coordinates(contour: Dataset) -> NDArray[np.float64]:
    """Read ContourData from its bytes: pydicom would make an object of a third of a kilobyte of each number."""
    raw = contour.get_item("ContourData") if "ContourData" in contour else None
    if isinstance(raw, RawDataElement) and raw.VR in {"DS", None} and raw.value:
        return np.array(raw.value.rstrip(b" \0").split(b"\\"), dtype=np.float64)
    return np.asarray(contour.ContourData, dtype=np.float64)


def _check_points(points: int, limits: Limits) -> None:
    if points > limits.contour_points:
        raise StudyRejectedError(
            ReasonCode.INPUT_TOO_LARGE,
            "The structure set exceeds the budget of contour points.",
            {"points": points, "limit": limits.contour_points},
        )


def rasterise(region: ContourSet, grid: Grid) -> PlacedMask:
    """Fill a region's contours on the CT's grid.

    Raises
    ------
    StudyRejectedError
        `EMPTY_MASK`; `GEOMETRY_MISMATCH` when a contour is not on a CT plane or leaves the volume.
    """
    # The same contour twice would cancel itself out.
    contours = {contour.tobytes(): contour for contour in region.contours}.values()
    voxels = [lps_to_voxels(grid.affine, contour) for contour in contours]
    planes = source_planes(grid, (float(np.median(v[:, 2])) for v in voxels), CONTOUR_PLANE_TOLERANCE)
    crossings: dict[int, NDArray[np.int32]] = {}
    residual = 0.0
    for polygon in voxels:
        plane = int(np.abs(planes - np.median(polygon[:, 2])).argmin())
        offset = float(np.abs(polygon[:, 2] - planes[plane]).max())
        _check_plane(float(planes[plane]), offset, polygon, grid)
        residual = max(residual, offset * grid.spacing[2])
        counts = crossings.setdefault(plane, np.zeros((grid.shape[0] + 1, grid.shape[1]), np.int32))
        _count_crossings(polygon[:, :2], counts)
    drawn = np.zeros((*grid.shape[:2], len(planes)), np.bool_, order="F")
    for plane, counts in crossings.items():
        drawn[:, :, plane] = np.cumsum(counts, axis=0)[:-1] % 2 == 1
    if not drawn.any():
        raise empty_mask(contours=len(region.contours))
    return PlacedMask(fill_planes(drawn, planes, grid), "contours", residual)


def _check_plane(k: float, offset: float, voxels: NDArray[np.float64], grid: Grid) -> None:
    low, high = voxels[:, :2].min(axis=0), voxels[:, :2].max(axis=0)
    beyond = bool((low < -0.5).any() or (high > np.asarray(grid.shape[:2]) - 0.5).any())
    if beyond or offset > CONTOUR_PLANE_TOLERANCE:
        raise StudyRejectedError(
            ReasonCode.GEOMETRY_MISMATCH,
            "A contour does not lie on a slice of the CT. Upload the CT series that the contours were drawn on.",
            {"slice": round(k, 4), "slices": grid.shape[2], "offset_slices": round(offset, 4), "outside": beyond},
        )


def _count_crossings(polygon: NDArray[np.float64], counts: NDArray[np.int32]) -> None:
    """Count, for every row of voxel centres, where the polygon's edges cross it.

    A crossing at x toggles every centre from ceil(x) on, so a running sum along the row gives the parity. Edges are
    half open in y, so that a vertex on a row counts once.
    """
    start, end = polygon, np.roll(polygon, -1, axis=0)
    rows_low = np.ceil(np.minimum(start[:, 1], end[:, 1])).astype(np.int64)
    rows_high = np.ceil(np.maximum(start[:, 1], end[:, 1])).astype(np.int64)
    rows_low, rows_high = np.maximum(rows_low, 0), np.minimum(rows_high, counts.shape[1])
    for a, b, low, high in zip(start, end, rows_low, rows_high, strict=True):
        if low < high:
            rows = np.arange(low, high)
            x = a[0] + (rows - a[1]) * (b[0] - a[0]) / (b[1] - a[1])
            columns = np.clip(np.ceil(x), 0, counts.shape[0] - 1).astype(np.int64)
            np.add.at(counts, (columns, rows), 1)


def contours_lie_on(region: ContourSet, ct: CtSeries) -> bool:
    """Tell whether every contour lies in the plane of a CT slice; asked only when nothing else names the series."""
    normal = slice_normal(ct.slices[0].orientation)
    planes = np.array([s.position @ normal for s in ct.slices])
    tolerance = CONTOUR_PLANE_TOLERANCE * (float(np.median(np.diff(np.unique(planes)))) if len(planes) > 1 else 1.0)
    return all(
        bool(np.abs(contour @ normal - planes[np.abs(planes - contour[0] @ normal).argmin()]).max() <= tolerance)
        for contour in region.contours
    )
