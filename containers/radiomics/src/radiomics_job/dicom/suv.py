"""From stored PET values to SUV by body weight, or the attribute that is missing or contradicts.

Source: DICOM PS3.3 C.8.9.1 (PET Series: Units, DecayCorrection) and C.8.9.2; QIBA, "Computing SUV from PET Images with
DICOM: Vendor-neutral Pseudo-code, Happy Path Only" (2012). What that calls unhappy is refused here: decision record
`features-19`.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pydicom.dataset import Dataset

from radiomics_job.dicom.ct_slice import CtSlice
from radiomics_job.dicom.nuclides import half_life_fault
from radiomics_job.dicom.sources import one_line
from radiomics_job.errors import Detail, ReasonCode, StudyRejectedError

_PRIVATE_CREATORS: Final = {0x0009: "GEMS_PETD_01", 0x7053: "PHILIPS PET PRIVATE GROUP"}
"""Whose private elements these are: under another creator the same numbers mean something else (PS3.5, 7.8.1)."""

GE_SCAN_START: Final = (0x0009, 0x100D)
"""GEMS_PETD_01: the moment to which a GE scanner corrected decay, whatever SeriesTime has become."""

PHILIPS_SUV_FACTOR: Final = (0x7053, 0x1000)
PHILIPS_ACTIVITY_FACTOR: Final = (0x7053, 0x1009)
"""Philips PET Private Group: from counts to SUV, and from counts to Bq/ml."""

LONGEST_DECAY_HALF_LIVES = 5.0
"""More between injection and scan is a wrong clock: 3 % of the dose would be left."""

LONG_HALF_LIFE_SECONDS = 12 * 3600.0
"""From here on (Zr-89, I-124) the scan may be days after the injection, so that a time of day alone says nothing."""

WEIGHT_KG: Final = (0.5, 500.0)
LEAST_DOSE_BQ = 1e5
"""Below this the dose was written in MBq or kBq: a patient gets tens to hundreds of MBq."""

USUAL_UPTAKE_MINUTES: Final = (10, 240)
"""Between injection and scan of a tracer that is given for imaging after uptake (F-18, Ga-68)."""

UPTAKE_TRACERS_SECONDS: Final = (3600.0, 3 * 3600.0)
"""Half-lives of such tracers: shorter ones are imaged during the injection, longer ones also the next day."""

_SAME_CLOCK = timedelta(seconds=60)
"""How far the two attributes that both say when the tracer was given may lie apart."""

_SAME_SCAN = timedelta(seconds=60)
"""How far the scan starts that slices give by themselves may lie apart."""

_TIME = re.compile(r"(\d{2}):?(\d{2})?:?(\d{2})?(\.\d{1,6})?$")
_DATE_TIME = re.compile(r"(\d{8})(\d{2}.*?)([+-]\d{4})?$")
_ZONE = re.compile(r"[+-]\d{4}$")


@dataclass(frozen=True)
class SuvScale:
    """How values become SUV."""

    factor: float
    """From rescaled values to grams per millilitre."""
    rule: str
    """`BQML_START`, `BQML_ADMIN`, `GML`, `PHILIPS_SUV`, `PHILIPS_START` or `PHILIPS_ADMIN`."""
    facts: Mapping[str, Detail]
    """Tracer, uptake time and dose, for `features.json`."""
    usual_uptake_minutes: tuple[int, int] | None = None
    """Within which the uptake time of such a tracer lies; None where it is not known or says nothing."""


def suv_scale(slices: Sequence[CtSlice]) -> SuvScale:
    """Find the scale of a PET series.

    Raises
    ------
    StudyRejectedError
        `SUV_NOT_POSSIBLE`; `attribute` in its details is what is missing or not usable.

    Examples
    --------
    >>> suv_scale(series.slices).rule  # doctest: +SKIP
    'BQML_START'
    """
    datasets = [*{id(image.dataset): image.dataset for image in slices}.values()]
    if not all(image.slope > 0 for image in slices):
        raise impossible("RescaleSlope", "not above 0")
    for dataset in datasets:
        _check_corrections(dataset, "ATTN")
    units = _one(datasets, "Units")
    if units == "GML":
        _check_suv_type(datasets)
        return SuvScale(1.0, "GML", _tracer(datasets[0]))
    if units == "CNTS":
        factor = _private(datasets, PHILIPS_SUV_FACTOR)
        if factor:
            return SuvScale(factor, "PHILIPS_SUV", _tracer(datasets[0]))
        activity = _private(datasets, PHILIPS_ACTIVITY_FACTOR)
        if not activity:
            raise impossible("Units", "CNTS without Philips' factors (7053,1000) or (7053,1009)")
        return _by_dose(datasets, activity, "PHILIPS")
    if units != "BQML":
        raise impossible("Units", f"{units or 'absent'}; expected BQML, GML or CNTS")
    return _by_dose(datasets, 1.0, "BQML")


def impossible(attribute: str, why: str) -> StudyRejectedError:
    """Build the rejection that names the attribute in the way."""
    return StudyRejectedError(
        ReasonCode.SUV_NOT_POSSIBLE,
        f"No SUV can be computed of the PET series: {attribute} is {why}. Export the original PET series with it.",
        {"attribute": attribute},
    )


def _by_dose(datasets: Sequence[Dataset], to_bqml: float, units: str) -> SuvScale:
    correction = _one(datasets, "DecayCorrection")
    if correction not in ("START", "ADMIN"):
        why = "NONE, so that every frame has its own decay" if correction == "NONE" else (correction or "absent")
        raise impossible("DecayCorrection", f"{why}; expected START or ADMIN")
    for dataset in datasets:
        _check_corrections(dataset, "DECY")
    injections = [_injection(dataset) for dataset in datasets]
    injection = injections[0]
    weight = _same_number(datasets, "PatientWeight", *WEIGHT_KG)
    dose = _same_number(injections, "RadionuclideTotalDose", LEAST_DOSE_BQ, 1e11)
    half_life = _half_life(injections)
    seconds = _decay_seconds(datasets, injection, half_life) if correction == "START" else 0.0
    left = dose * 2.0 ** (-seconds / half_life)
    facts = _tracer(datasets[0]) | {"injected_dose_mbq": round(dose / 1e6, 6)}
    if correction == "START":
        facts["uptake_minutes"] = round(seconds / 60, 3)
    shortest, longest = UPTAKE_TRACERS_SECONDS
    usual = USUAL_UPTAKE_MINUTES if correction == "START" and shortest <= half_life <= longest else None
    return SuvScale(to_bqml * weight * 1000.0 / left, f"{units}_{correction}", facts, usual)


def corrections(dataset: Dataset) -> set[str]:
    """Give what an image was corrected for, by CorrectedImage: `ATTN`, `DECY` and others."""
    stated = dataset.get("CorrectedImage") or []
    values = [stated] if isinstance(stated, str) else stated  # pydicom gives a lone value by itself
    return {str(value).strip().upper() for value in values}


def _check_corrections(dataset: Dataset, needed: str) -> None:
    if needed not in corrections(dataset):
        raise impossible("CorrectedImage", f"without {needed}, so that values are no activity of the patient")


def _injection(dataset: Dataset) -> Dataset:
    items = dataset.get("RadiopharmaceuticalInformationSequence") or []
    if len(items) != 1:
        raise impossible("RadiopharmaceuticalInformationSequence", f"of {len(items)} items; expected one tracer")
    item: Dataset = items[0]
    return item


def _half_life(injections: Sequence[Dataset]) -> float:
    """Read the half-life in seconds, and refuse one that the nuclide does not have."""
    half_life = _same_number(injections, "RadionuclideHalfLife", 1.0, 1e8)
    codes = [str(code.get("CodeValue") or "") for code in injections[0].get("RadionuclideCodeSequence") or []]
    fault = half_life_fault(half_life, codes)
    if fault:
        raise impossible("RadionuclideHalfLife", fault)
    return half_life


def _tracer(dataset: Dataset) -> dict[str, Detail]:
    items = dataset.get("RadiopharmaceuticalInformationSequence") or []
    name = str(items[0].get("Radiopharmaceutical") or "") if items else ""
    return {"radiopharmaceutical": one_line(name)[:64] or None}


def _check_suv_type(datasets: Sequence[Dataset]) -> None:
    kind = _one(datasets, "SUVType") or "BW"
    if kind != "BW":
        raise impossible("SUVType", f"{kind[:10]}; expected BW (body weight)")


# -- when the tracer was given, and to which moment decay was corrected ---------------------------------------------


def _decay_seconds(datasets: Sequence[Dataset], injection: Dataset, half_life: float) -> float:
    """Give the time from injection to the moment that START corrected decay to."""
    for keyword in ("RadiopharmaceuticalStartDateTime", "RadiopharmaceuticalStartTime"):
        _one([_injection(dataset) for dataset in datasets], keyword)
    _check_clocks(datasets[0], injection)
    scan = _scan_start(datasets, half_life)
    for given in _injected(datasets[0], injection, scan, half_life):
        seconds = (scan - given).total_seconds()
        if 0 <= seconds <= LONGEST_DECAY_HALF_LIVES * half_life:
            return seconds
    raise impossible(
        "RadiopharmaceuticalStartTime", "absent, after the scan, or so long before it that the tracer has decayed"
    )


def _check_clocks(dataset: Dataset, injection: Dataset) -> None:
    """Refuse an injection that two attributes put at different times of day: one was shifted, and none says which.

    Their dates may differ: removing identities moves dates, and often forgets this one.
    """
    stated = _date_time(injection.get("RadiopharmaceuticalStartDateTime"), dataset)
    clock = _clock(injection.get("RadiopharmaceuticalStartTime"))
    if stated is None or clock is None:
        return
    apart = abs(stated - datetime(stated.year, stated.month, stated.day) - clock)
    if min(apart, timedelta(days=1) - apart) > _SAME_CLOCK:
        raise impossible("RadiopharmaceuticalStartDateTime", "another time of day than RadiopharmaceuticalStartTime")


def _injected(dataset: Dataset, injection: Dataset, scan: datetime, half_life: float) -> Iterable[datetime]:
    """Give the moments at which the tracer may have been given, the more certain first.

    A time of day belongs to the day of the scan, or to the day before when the scan was after midnight.
    """
    stated = _date_time(injection.get("RadiopharmaceuticalStartDateTime"), dataset)
    if stated is not None:
        yield stated
    clock = _clock(injection.get("RadiopharmaceuticalStartTime"))
    if clock is not None and half_life < LONG_HALF_LIFE_SECONDS:
        same_day = datetime(scan.year, scan.month, scan.day) + clock
        yield same_day if same_day <= scan else same_day - timedelta(days=1)


def _scan_start(datasets: Sequence[Dataset], half_life: float) -> datetime:
    """Find the moment to which decay was corrected.

    SeriesTime is it unless it is later than an acquisition: then the series was made anew, and the moment is in GE's
    private element or follows from the time to which each frame refers.
    """
    acquired = [_moment(dataset, "AcquisitionDate", "AcquisitionTime") for dataset in datasets]
    if not all(acquired):
        timed = all(_clock(dataset.get("AcquisitionTime")) is not None for dataset in datasets)
        raise impossible(*(("AcquisitionDate", "absent or no day") if timed else ("AcquisitionTime", "no time of day")))
    begun = [_moment(dataset, "SeriesDate", "SeriesTime") for dataset in datasets]
    stated = [moment for moment in begun if moment is not None]
    if stated and max(stated) - min(stated) > _SAME_SCAN:
        raise impossible("SeriesTime", "not the same in all images")
    series = begun[0]
    if series is not None and series <= min(filter(None, acquired)):
        return series
    stored = _date_time(_owned(datasets[0], GE_SCAN_START), datasets[0])
    if stored is not None:
        return stored
    starts = [
        _frame_start(dataset, moment, half_life) for dataset, moment in zip(datasets, acquired, strict=True) if moment
    ]
    if max(starts) - min(starts) > _SAME_SCAN:
        raise impossible(
            "SeriesTime", "absent or later than the acquisitions, and the frames refer to different moments"
        )
    return min(starts)


def _frame_start(dataset: Dataset, acquired: datetime, half_life: float) -> datetime:
    """Give the scan start that a frame refers to: FrameReferenceTime is when its mean activity occurred."""
    try:
        reference = _number(dataset, "FrameReferenceTime", 0.0, 1e9) / 1000
        duration = _number(dataset, "ActualFrameDuration", 1.0, 1e9) / 1000
    except StudyRejectedError as error:
        raise impossible(
            "SeriesTime", "absent or later than the acquisitions, without FrameReferenceTime and ActualFrameDuration"
        ) from error
    decayed = math.log(2) / half_life * duration
    mean_activity = half_life / math.log(2) * math.log(decayed / -math.expm1(-decayed))
    return acquired + timedelta(seconds=mean_activity - reference)


# -- reading ---------------------------------------------------------------------------------------------------------


def _one(datasets: Sequence[Dataset], keyword: str) -> str:
    """Give the one value that all images have."""
    values = {str(dataset.get(keyword) or "").strip().upper() for dataset in datasets}
    if len(values) > 1:
        raise impossible(keyword, "not the same in all images")
    return values.pop()


def _number(dataset: Dataset, keyword: str, lowest: float, highest: float) -> float:
    try:
        number = float(dataset.get(keyword))
    except (TypeError, ValueError):
        raise impossible(keyword, "absent or no number") from None
    if not lowest <= number <= highest:
        raise impossible(keyword, f"not within {lowest:g} to {highest:g}")
    return number


def _same_number(datasets: Sequence[Dataset], keyword: str, lowest: float, highest: float) -> float:
    numbers = {_number(dataset, keyword, lowest, highest) for dataset in datasets}
    if len(numbers) > 1:
        raise impossible(keyword, "not the same in all images")
    return numbers.pop()


def _owned(dataset: Dataset, tag: tuple[int, int]) -> Any:  # noqa: ANN401  # an element, as pydicom gives it
    """Give a private element when its block belongs to the vendor that defines it."""
    creator = _text(dataset.get((tag[0], tag[1] >> 8), None)).upper()
    return dataset.get(tag, None) if creator == _PRIVATE_CREATORS[tag[0]] else None


def _private(datasets: Sequence[Dataset], tag: tuple[int, int]) -> float | None:
    """Read a factor of a private element that must be the same in all images; None when absent or zero."""
    values = {_text(_owned(dataset, tag)) for dataset in datasets}
    try:
        factors = {float(value) for value in values if value}
    except ValueError:
        return None
    if len(values) > 1 or len(factors) > 1:
        raise impossible(f"({tag[0]:04x},{tag[1]:04x})", "not the same in all images")
    factor = factors.pop() if factors else 0.0
    return factor if math.isfinite(factor) and factor > 0 else None


def _text(value: Any) -> str:  # noqa: ANN401  # an element or its value, as pydicom gives it
    value = getattr(value, "value", value)
    return (value.decode("ascii", "ignore") if isinstance(value, bytes) else str(value or "")).strip("\0 ")


def _clock(value: Any) -> timedelta | None:  # noqa: ANN401  # as above
    match = _TIME.match(_text(value))
    if not match:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups()[:3])
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return timedelta(hours=hours, minutes=minutes, seconds=seconds + float(match[4] or 0))


def _moment(dataset: Dataset, date_keyword: str, time_keyword: str) -> datetime | None:
    day, clock = _text(dataset.get(date_keyword)).replace(".", ""), _clock(dataset.get(time_keyword))
    return None if clock is None else _on_day(day, clock)


def _on_day(day: str, clock: timedelta) -> datetime | None:
    try:
        return datetime.strptime(day, "%Y%m%d") + clock
    except (ValueError, OverflowError):
        return None


def _date_time(value: Any, dataset: Dataset) -> datetime | None:  # noqa: ANN401  # as above
    """Read a moment on the clock that the other times are told by; None when nothing says how far it is from that."""
    match = _DATE_TIME.match(_text(value))
    clock = _clock(match[2]) if match else None
    moment = _on_day(match[1], clock) if match and clock is not None else None
    if match is None or moment is None or not match[3]:
        return moment
    own = _text(dataset.get("TimezoneOffsetFromUTC"))
    return moment + _offset(own) - _offset(match[3]) if _ZONE.match(own) else None


def _offset(zone: str) -> timedelta:
    return int(f"{zone[0]}1") * timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
