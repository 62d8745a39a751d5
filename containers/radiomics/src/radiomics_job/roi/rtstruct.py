"""What an RTSTRUCT holds: its regions with their contours, and what of them is no area."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from radiomics_job.dicom.series import CtSeries
from radiomics_job.errors import ReasonCode, StudyRejectedError
from radiomics_job.geometry.grid import slice_normal
from radiomics_job.limits import Limits

CONTOUR_PLANE_TOLERANCE = 0.1
"""How far, in slices, a contour point may lie from a CT plane. Planning systems write millimetres with two decimals."""

_XOR = "CLOSEDPLANAR_XOR"
_AREA_TYPES = {"CLOSED_PLANAR", _XOR}
_OTHER_TYPES = {"POINT", "OPEN_PLANAR", "OPEN_NONPLANAR"}


@dataclass(frozen=True, eq=False)
class ClosedContour:
    """One closed planar contour as it is written."""

    points: NDArray[np.float64]
    """LPS millimetres; shape (n, 3). A lone voxel's contour may have one point."""
    exclusive: bool
    """CLOSEDPLANAR_XOR rather than CLOSED_PLANAR."""
    rounding_mm: float
    """Half a unit of the last decimal that was written; 0 when the text is not known."""


@dataclass(frozen=True, eq=False)
class ContourSet:
    """One region of an RTSTRUCT."""

    number: int
    """ROINumber."""
    label: str
    """ROIName."""
    property_code: str
    """RT ROI interpreted type (for instance `GTV`) when stated."""
    contours: tuple[ClosedContour, ...]
    """What encloses an area."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Number of contours of each type that encloses no area: `POINT`, `OPEN_PLANAR`, `OPEN_NONPLANAR`."""
    open_areas_mm2: tuple[float, ...] = ()
    """What each open contour would enclose if it were closed."""
    images: tuple[tuple[NDArray[np.float64], Sequence[Dataset]], ...] = ()
    """A point of each contour that names images, and the items of its ContourImageSequence."""
    neighbours: tuple[NDArray[np.float64], ...] = ()
    """A point of each closed contour of the same frame of reference: which slices its author drew on."""
    frame_of_reference_uid: str = ""
    """ReferencedFrameOfReferenceUID: the space of its coordinates. Empty when absent."""


def read_structure_set(dataset: Dataset, limits: Limits) -> list[ContourSet]:
    """Read the regions of an RTSTRUCT.

    Raises
    ------
    StudyRejectedError
        `INPUT_TOO_LARGE`.
    ValueError, AttributeError, …
        When the object is damaged.
    """
    rois = [*(dataset.get("StructureSetROISequence") or [])]
    stated = {int(roi.ROINumber): roi for roi in rois}
    if len(stated) < len(rois):
        raise _numbered_twice()
    frames = {number: str(roi.get("ReferencedFrameOfReferenceUID") or "") for number, roi in stated.items()}
    types = {
        int(i.ReferencedROINumber): str(i.get("RTROIInterpretedType") or "")
        for i in dataset.get("RTROIObservationsSequence") or []
        if i.get("ReferencedROINumber") is not None
    }
    read = {number: _Contours() for number in stated}
    points = 0
    for item in dataset.get("ROIContourSequence") or []:
        points += read.setdefault(int(item.ReferencedROINumber), _Contours()).add(item)
        _check_points(points, limits)
    drawn: dict[str, list[NDArray[np.float64]]] = {}
    for number, contours in read.items():
        drawn.setdefault(frames.get(number, ""), []).extend(contour.points[0] for contour in contours.closed)
    return [
        ContourSet(
            number,
            str(stated[number].get("ROIName") or "").strip() if number in stated else "",
            types.get(number, ""),
            tuple(found.closed),
            dict(found.left_out),
            tuple(found.open_areas),
            tuple(found.images),
            tuple(drawn[frames.get(number, "")]),
            frames.get(number, ""),
        )
        for number, found in read.items()
    ]


def _numbered_twice() -> StudyRejectedError:
    return StudyRejectedError(
        ReasonCode.UNSUPPORTED_DICOM,
        "Two ROIs of the structure set have one number, so that nothing says whose contours are whose. Export the "
        "structure set again.",
        {"attribute": "ROINumber"},
    )


class _Contours:
    """The contours of one region, sorted by what they are."""

    def __init__(self) -> None:
        self.closed: list[ClosedContour] = []
        self.left_out: Counter[str] = Counter()
        self.open_areas: list[float] = []
        self.images: list[tuple[NDArray[np.float64], Sequence[Dataset]]] = []

    def add(self, item: Dataset) -> int:
        """Read an item of ROIContourSequence, of which a region may have several; return how many points it has."""
        before = len(self.closed)
        for contour in item.get("ContourSequence") or []:
            self._add(contour)
        return sum(len(contour.points) for contour in self.closed[before:])

    def _add(self, contour: Dataset) -> None:
        kind = str(contour.get("ContourGeometricType") or "").strip().upper()
        if kind not in _AREA_TYPES | _OTHER_TYPES:  # left out, an area would be lost
            raise ValueError("a contour of an unknown type")
        if kind == "POINT":
            self.left_out[kind] += 1
            return
        points, rounding = _points(contour)
        if kind in _AREA_TYPES and len(points):
            self.closed.append(ClosedContour(points, kind == _XOR, rounding))
            if contour.get("ContourImageSequence"):
                self.images.append((points[0], contour.ContourImageSequence))
        elif kind not in _AREA_TYPES:
            self.left_out[kind] += 1
            self.open_areas.append(_enclosed_mm2(points))


def _enclosed_mm2(points: NDArray[np.float64]) -> float:
    if len(points) < 3:
        return 0.0
    around = points - points[0]
    return float(np.linalg.norm(np.cross(around, np.roll(around, -1, axis=0)).sum(axis=0)) / 2)


def _points(contour: Dataset) -> tuple[NDArray[np.float64], float]:
    coordinates, rounding = _coordinates(contour)
    points = coordinates.reshape(-1, 3)
    if not np.isfinite(points).all():
        raise ValueError("a contour point is not a number")
    if int(contour.get("NumberOfContourPoints") or len(points)) != len(points):
        raise ValueError("a contour does not have as many points as it says")
    return points, rounding


def _coordinates(contour: Dataset) -> tuple[NDArray[np.float64], float]:
    """Read ContourData from its bytes: pydicom would make an object of a third of a kilobyte of each number.

    More than 64 kB of it have the value representation UN in explicit files, which has room for no more in DS.
    """
    raw = contour.get_item("ContourData") if "ContourData" in contour else None
    if isinstance(raw, RawDataElement) and raw.VR in {"DS", "UN", None} and raw.value:
        written = raw.value.rstrip(b" \0").split(b"\\")
        return np.array(written, dtype=np.float64), 0.5 * 10.0 ** -max(map(_decimals, written))
    return np.asarray(contour.ContourData, dtype=np.float64), 0.0


def _decimals(number: bytes) -> int:
    if b"e" in number.lower():  # 1.5e-05: as exact as one likes
        return 9
    return len(number.strip().partition(b".")[2])


def _check_points(points: int, limits: Limits) -> None:
    if points > limits.contour_points:
        raise StudyRejectedError(
            ReasonCode.INPUT_TOO_LARGE,
            "The structure set exceeds the budget of contour points.",
            {"points": points, "limit": limits.contour_points},
        )


def contours_lie_on(region: ContourSet, ct: CtSeries) -> bool:
    """Tell whether every contour lies in the plane of a CT slice; asked only when nothing else names the series."""
    normal = slice_normal(ct.slices[0].orientation)
    planes = np.array([s.position @ normal for s in ct.slices])
    tolerance = CONTOUR_PLANE_TOLERANCE * (float(np.median(np.diff(np.unique(planes)))) if len(planes) > 1 else 1.0)
    return all(
        bool(np.abs(along - planes[np.abs(planes - along[0]).argmin()]).max() <= tolerance)
        for along in (contour.points @ normal for contour in region.contours)
    )
