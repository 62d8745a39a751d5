"""What a DICOM SEG holds: its segments, and where each frame lies. Tolerant of absent optional attributes (files of the
target cohort lack some), strict about geometry.

Decoding is our own: highdicom refuses real files of the target cohort (its issue 344 ends in a KeyError).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from radiomics_job.dicom.ct_slice import (
    LARGEST_MM,
    SMALLEST_SPACING_MM,
    check_length,
    decode_frame,
    frame_count,
    functional_group,
)
from radiomics_job.errors import ReasonCode, StudyRejectedError
from radiomics_job.geometry.grid import is_orthonormal
from radiomics_job.limits import Limits

LABELMAP_CLASS = "1.2.840.10008.5.1.4.1.1.66.7"

FRACTIONAL_THRESHOLD = 0.5
"""Share of MaximumFractionalValue from which a FRACTIONAL pixel belongs to the segment, when nothing else is said."""


@dataclass(frozen=True)
class Segment:
    """One segment as its object describes it."""

    number: int
    """SegmentNumber."""
    label: str
    """SegmentLabel; empty when absent."""
    property_code: str
    """Segmented property type as `<scheme>:<value> <meaning>`; empty when absent."""


@dataclass(frozen=True, eq=False)
class Frame:
    """Geometry of one SEG frame."""

    index: int
    """Index within the object's pixel data."""
    segment: int | None
    """Segment number; None in a label map, where a frame holds every segment."""
    orientation: NDArray[np.float64]
    """Direction cosines, LPS; shape (6,)."""
    position: NDArray[np.float64]
    """Centre of the first pixel, LPS millimetres; shape (3,)."""
    spacing: tuple[float, float]
    """Between rows, between columns, in millimetres."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A DICOM SEG object, its pixels not yet decoded."""

    dataset: Dataset
    """The object."""
    name: str
    """File name relative to the study."""
    uid: str
    """SOPInstanceUID."""
    kind: str
    """`BINARY`, `FRACTIONAL` or `LABELMAP`."""
    segments: tuple[Segment, ...]
    """As listed in SegmentSequence."""
    frames: tuple[Frame, ...]
    """In stored order."""
    rows: int
    columns: int
    """Matrix size of every frame."""
    spacing_between_slices: float | None
    """From the pixel measures; None when absent."""

    def frames_of(self, segment: int) -> list[Frame]:
        """List the frames that may hold a segment."""
        return [frame for frame in self.frames if frame.segment in (segment, None)]

    @cached_property
    def _labels_used(self) -> frozenset[int]:
        """Every pixel value of a label map."""
        return frozenset(int(v) for frame in self.frames for v in np.unique(self._pixels(frame.index)))

    @cached_property
    def undescribed(self) -> tuple[int, ...]:
        """Numbers in pixels or frames that SegmentSequence lacks: regions too, though PS3.3 C.8.20.2 forbids them."""
        if not self.segments:  # nothing is described: nobody knows what the frames hold
            return ()
        used = self._labels_used if self.kind == "LABELMAP" else {frame.segment or 0 for frame in self.frames}
        background = {0, int(self.dataset.get("PixelPaddingValue") or 0)} if self.kind == "LABELMAP" else {0}
        return tuple(sorted(used - background - {segment.number for segment in self.segments}))

    def is_drawn(self, segment: int, threshold: float = FRACTIONAL_THRESHOLD) -> bool:
        """Tell whether a segment has a pixel in any frame."""
        if self.kind == "LABELMAP":
            return segment in self._labels_used
        return any(bool(mask.any()) for _, mask in self.masks(segment, threshold))

    def masks(self, segment: int, threshold: float = FRACTIONAL_THRESHOLD) -> Iterator[tuple[Frame, NDArray[np.bool_]]]:
        """Decode the frames of one segment, empty ones included.

        Parameters
        ----------
        threshold : float
            For FRACTIONAL: share of MaximumFractionalValue from which a pixel belongs.

        Yields
        ------
        frame : Frame
        mask : ndarray of bool, shape (rows, columns)
        """
        for frame in self.frames_of(segment):
            values = self._pixels(frame.index)
            yield frame, self._membership(values, segment, threshold)

    def _membership(self, values: NDArray[np.integer], segment: int, threshold: float) -> NDArray[np.bool_]:
        if self.kind == "LABELMAP":
            return np.asarray(values == segment, dtype=np.bool_)
        if self.kind == "FRACTIONAL":
            maximum = int(self.dataset.MaximumFractionalValue)
            return np.asarray(values >= max(threshold * maximum, np.finfo(float).tiny), dtype=np.bool_)
        return np.asarray(values != 0, dtype=np.bool_)

    def _pixels(self, index: int) -> NDArray[np.integer]:
        if self.dataset.BitsAllocated == 1 and not self.dataset.file_meta.TransferSyntaxUID.is_encapsulated:
            return self._unpacked(index)
        return decode_frame(self.dataset, index).reshape(self.rows, self.columns)

    def _unpacked(self, index: int) -> NDArray[np.uint8]:
        """Unpack one bit-packed frame; frames need not start on a byte."""
        size = self.rows * self.columns
        first, last = index * size, (index + 1) * size
        packed = self._bytes()[first // 8 : (last + 7) // 8]
        bits = np.unpackbits(packed, bitorder="little")[first % 8 : first % 8 + size]
        return bits.reshape(self.rows, self.columns)

    def _bytes(self) -> NDArray[np.uint8]:
        """Give the packed bits in little-endian order: big-endian files swap the bytes of 16-bit words (VR OW)."""
        stored = np.frombuffer(self.dataset.PixelData, np.uint8)
        swapped = not self.dataset.file_meta.TransferSyntaxUID.is_little_endian and self.dataset["PixelData"].VR == "OW"
        return stored.reshape(-1, 2)[:, ::-1].ravel() if swapped else stored


def read_segmentation(dataset: Dataset, limits: Limits) -> Segmentation:
    """Read a SEG object's description.

    Parameters
    ----------
    dataset : pydicom.Dataset
        Of a Segmentation or Label Map Segmentation class; `filename` is its name within the study.

    Raises
    ------
    StudyRejectedError
        `UNSUPPORTED_DICOM` when a frame cannot be placed or identified; `INPUT_TOO_LARGE`.
    ValueError, AttributeError, …
        When the object is damaged; see `radiomics_job.dicom.reading.PARSER_ERRORS`.
    """
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    count = frame_count(dataset)
    _check_budget(rows, columns, count, limits)
    _check_length(dataset, rows * columns * count)
    kind = _kind(dataset)
    frames = tuple(_frame(dataset, index, kind) for index in range(count))
    _check_budget(rows, columns, count, limits, _largest_stack(frames))
    return Segmentation(
        dataset=dataset,
        name=str(dataset.filename),
        uid=str(dataset.get("SOPInstanceUID") or ""),
        kind=kind,
        segments=tuple(_segments(dataset, kind)),
        frames=frames,
        rows=rows,
        columns=columns,
        spacing_between_slices=_spacing_between_slices(dataset),
    )


def _kind(dataset: Dataset) -> str:
    kind = str(dataset.get("SegmentationType") or "").upper()
    if dataset.get("SOPClassUID") == LABELMAP_CLASS:
        kind = "LABELMAP"
    if kind not in {"BINARY", "FRACTIONAL", "LABELMAP"}:
        raise _unsupported("SegmentationType", kind=kind)
    if kind == "FRACTIONAL" and not dataset.get("MaximumFractionalValue"):
        raise _unsupported("MaximumFractionalValue")
    return kind


def _segments(dataset: Dataset, kind: str) -> Iterator[Segment]:
    background = int(dataset.get("PixelPaddingValue") or 0) if kind == "LABELMAP" else None
    seen: set[int] = set()
    for item in dataset.get("SegmentSequence") or []:
        number = int(item.get("SegmentNumber") or 0)
        if number == background:
            continue  # a label map may describe its background, which PixelPaddingValue names
        if number in seen:
            raise _unsupported("SegmentNumber", number=number)
        seen.add(number)
        yield Segment(number, str(item.get("SegmentLabel") or "").strip(), _property_code(item))


def _property_code(item: Dataset) -> str:
    codes = item.get("SegmentedPropertyTypeCodeSequence")
    if not codes:
        return ""
    code = codes[0]
    parts = [str(code.get(keyword) or "") for keyword in ("CodingSchemeDesignator", "CodeValue", "CodeMeaning")]
    return f"{parts[0]}:{parts[1]} {parts[2]}".strip()


def _frame(dataset: Dataset, index: int, kind: str) -> Frame:
    spacing = _vector(dataset, index, "PixelMeasuresSequence", "PixelSpacing", 2)
    if not SMALLEST_SPACING_MM <= min(spacing) <= max(spacing) <= LARGEST_MM:
        raise _unsupported("PixelSpacing")
    orientation = _vector(dataset, index, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
    if not is_orthonormal(orientation):
        raise _unsupported("ImageOrientationPatient", frame=index)
    position = _vector(dataset, index, "PlanePositionSequence", "ImagePositionPatient", 3)
    if np.abs(position).max() > LARGEST_MM:
        raise _unsupported("ImagePositionPatient", frame=index)
    return Frame(
        index=index,
        segment=None if kind == "LABELMAP" else _segment_number(dataset, index),
        orientation=orientation,
        position=position,
        spacing=(float(spacing[0]), float(spacing[1])),
    )


def _segment_number(dataset: Dataset, index: int) -> int:
    group = functional_group(dataset, index, "SegmentIdentificationSequence")
    if group is not None and group.get("ReferencedSegmentNumber") is not None:
        return int(group.ReferencedSegmentNumber)
    segments = dataset.get("SegmentSequence") or []
    if len(segments) == 1:  # only one answer is possible
        return int(segments[0].get("SegmentNumber") or 1)
    raise _unsupported("SegmentIdentificationSequence")


def _vector(dataset: Dataset, index: int, sequence: str, keyword: str, count: int) -> NDArray[np.float64]:
    group = functional_group(dataset, index, sequence)
    value = group.get(keyword) if group is not None else None
    if value is None:
        raise _unsupported(keyword, frame=index)
    numbers = np.asarray(value, dtype=np.float64)
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise _unsupported(keyword, frame=index)
    return numbers


def _spacing_between_slices(dataset: Dataset) -> float | None:
    group = functional_group(dataset, 0, "PixelMeasuresSequence")
    value = group.get("SpacingBetweenSlices") if group is not None else None
    return abs(float(value)) if value else None


def _largest_stack(frames: Sequence[Frame]) -> int:
    """Count the frames of the segment that has most: they are held together when it is placed."""
    return max(Counter(frame.segment for frame in frames).values())


def _check_budget(rows: int, columns: int, frames: int, limits: Limits, stack: int = 1) -> None:
    if frames > limits.frames or rows * columns * stack > limits.voxels:
        raise StudyRejectedError(
            ReasonCode.INPUT_TOO_LARGE,
            "The segmentation exceeds the frame or voxel budget; store only the frames that hold the region.",
            {"frames": frames, "limit_frames": limits.frames, "voxels": rows * columns * stack, "limit": limits.voxels},
        )


def _check_length(dataset: Dataset, pixels: int) -> None:
    if not dataset.get("PixelData"):
        raise ValueError("no pixel data")
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return
    check_length(len(dataset.PixelData), (pixels * int(dataset.BitsAllocated) + 7) // 8)


def _unsupported(attribute: str, **details: int | str) -> StudyRejectedError:
    return StudyRejectedError(
        ReasonCode.UNSUPPORTED_DICOM,
        f"The segmentation has no usable {attribute}, so that its frames cannot be placed or identified. "
        "Export the segmentation again.",
        {"attribute": attribute, **details},
    )
