"""What the scanner says about the acquisition, and when it took place."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from pydicom.dataset import Dataset

from radiomics_job.dicom.ct_slice import CtSlice, as_written, frame_value
from radiomics_job.dicom.reading import PARSER_ERRORS
from radiomics_job.dicom.series import SliceStack
from radiomics_job.dicom.sources import one_line
from radiomics_job.errors import Detail

_SOURCES = (
    ("AcquisitionDateTime", None),
    ("AcquisitionDate", "AcquisitionTime"),
    ("SeriesDate", "SeriesTime"),
    ("StudyDate", "StudyTime"),
)

_EARLIEST = "19000101"
"""De-identification writes dates such as 00010101, which are no time of a scan."""

_STAMP = re.compile(r"^(\d{8})(\d{2})?(\d{2})?(\d{2})?(?:\.\d{1,6})?([+-]\d{4})?$")


def acquired_at(datasets: Iterable[Dataset]) -> tuple[str | None, str | None]:
    """Find when the scan began.

    Parameters
    ----------
    datasets : iterable of pydicom.Dataset
        The slices of the series; the earliest valid time of the best source counts.

    Returns
    -------
    time : str or None
        `yyyy-MM-ddTHH:mm:ssZ`. Without a stated offset the scanner's clock is taken as UTC.
    source : str or None
        The attribute the date came from.
    """
    stamp, source = _first(datasets)
    return (stamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if stamp else None), source


def acquired_on(datasets: Iterable[Dataset]) -> date | None:
    """Give the day of the scan as the scanner's own calendar has it: what other dates of the patient compare with."""
    stamp, _ = _first(datasets)
    return stamp.date() if stamp else None


def _first(datasets: Iterable[Dataset]) -> tuple[datetime | None, str | None]:
    items = list(datasets)
    for date_keyword, time_keyword in _SOURCES:
        stamps = [stamp for item in items if (stamp := _stamp(item, date_keyword, time_keyword)) is not None]
        if stamps:
            return min(stamps), date_keyword
    return None, None


def _stamp(dataset: Dataset, date_keyword: str, time_keyword: str | None) -> datetime | None:
    text = as_written(dataset, date_keyword)
    if time_keyword and text:
        text = text.replace(".", "") + as_written(dataset, time_keyword).replace(":", "")
    match = _STAMP.match(text)
    if not match or match[1] < _EARLIEST:
        return None
    date, *clock, offset = match.groups()
    offset = offset or as_written(dataset, "TimezoneOffsetFromUTC") or "+0000"
    hours, minutes, seconds = (int(part or 0) for part in clock)
    try:
        zone = _zone(offset)
        stamp = datetime.strptime(date, "%Y%m%d").replace(
            hour=hours, minute=minutes, second=min(seconds, 59), tzinfo=zone
        )
        stamp.astimezone(UTC)  # may be out of range
        return stamp
    except (ValueError, OverflowError):
        return None


def _zone(offset: str) -> timezone:
    sign = -1 if offset.startswith("-") else 1
    return timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[3:5])))


def describe_acquisition(stack: SliceStack) -> dict[str, Detail]:
    """Give the fields that confound features across scanners; null when the scanner does not say.

    Examples
    --------
    >>> describe_acquisition(stack)["kernel"]  # doctest: +SKIP
    'B19f'
    """
    first, spacing = stack.slices[0], stack.grid.spacing
    return {
        "manufacturer": _text(first, "Manufacturer"),
        "model": _text(first, "ManufacturerModelName"),
        "kernel": _text(first, "ConvolutionKernel"),
        "kvp": _number(first, "KVP"),
        "contrast": _text(first, "ContrastBolusAgent"),
        "pixel_spacing_mm": [round(spacing[1], 6), round(spacing[0], 6)],
        "slice_spacing_mm": round(spacing[2], 6),
        "slice_thickness_mm": _number(first, "SliceThickness"),
    }


_GROUPS = {
    "ConvolutionKernel": "CTReconstructionSequence",
    "KVP": "CTXRayDetailsSequence",
    "SliceThickness": "PixelMeasuresSequence",
}
"""Where a multi-frame CT says it of its frames (PS3.3 C.8.15.3)."""


def _text(image: CtSlice, keyword: str) -> str | None:
    value = _value(image, keyword)
    if value is None:
        return None
    values = value if not isinstance(value, str) and hasattr(value, "__iter__") else [value]
    return "\\".join(one_line(str(item)) for item in values)[:256] or None


def _number(image: CtSlice, keyword: str) -> float | None:
    try:
        value = _value(image, keyword)
        number = None if value is None or value == "" else float(value)
    except (TypeError, ValueError):
        return None
    return number if number is None or math.isfinite(number) else None


def _value(image: CtSlice, keyword: str) -> Any:  # noqa: ANN401  # as pydicom types it
    """Read an element that no voxel depends on; None when it is absent or damaged."""
    try:
        return frame_value(image.dataset, image.frame, _GROUPS.get(keyword, ""), keyword)
    except PARSER_ERRORS:
        return None
