"""What an object key under ``imaging/`` means. The only place that knows the layout of uploads."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from multimodal.domain.units import Unit

MARKER_NAME = "_COMPLETE.json"
COHORT_NAME = "_cohort.json"
MAX_SEGMENT_BYTES = 255
"""Longest part of a key: jobs download objects to files of that name."""
_COMPANION_SUFFIXES = {
    ".csv",
    ".tsv",
    ".json",
    ".txt",
    ".md",
    ".tcia",
    ".xlsx",
    ".xls",
    ".pdf",
    ".html",
    ".xml",
}
_COMPANION_NAMES = {"license", "readme", ".ds_store", "thumbs.db"}


class KeyKind(StrEnum):
    """What the object is for."""

    OBJECT = "object"
    ARCHIVE = "archive"
    MARKER = "marker"
    COHORT = "cohort"
    IGNORED = "ignored"
    REFUSED = "refused"


@dataclass(frozen=True)
class UploadKey:
    """A parsed key: its kind, the dataset it names, the unit it belongs to and, if refused, why."""

    kind: KeyKind
    dataset: str = ""
    unit: Unit | None = None
    problem: str = ""


def parse_key(key: str) -> UploadKey:
    """Say what an uploaded key is.

    Parameters
    ----------
    key : str
        The raw (not URL-encoded) object key, as EventBridge carries it.

    Returns
    -------
    UploadKey
        ``REFUSED`` carries the problem in words; ``IGNORED`` is a folder marker or a companion file that downloads
        bring along (a licence, a metadata table).

    Examples
    --------
    >>> parse_key("imaging/nsclc/R01-001/1.2.3/series/1-01.dcm").unit
    Unit(dataset='nsclc', subject='R01-001', study='1.2.3')
    """
    if key.endswith("/"):
        return UploadKey(KeyKind.IGNORED)
    segments = key.split("/")
    if segments[0] != "imaging":
        return UploadKey(KeyKind.REFUSED, problem="the key does not start with imaging/")
    if not all(is_safe_segment(s) for s in segments[1:]):
        return UploadKey(KeyKind.REFUSED, _safe_dataset(segments), problem=_SEGMENT_RULE)
    return _parse_segments(segments)


_SEGMENT_RULE = (
    "a part of the key is empty, '.' or '..', longer than 255 bytes, or holds '#', a backslash or a control "
    "character; rename it and upload again"
)


def is_safe_segment(segment: str) -> bool:
    """Whether a part of a key can name a file, and a part of a unit id, without surprises."""
    if segment in {"", ".", ".."} or any(c in "#\\" or not c.isprintable() for c in segment):
        return False
    return len(segment.encode()) <= MAX_SEGMENT_BYTES


def _safe_dataset(segments: list[str]) -> str:
    return segments[1] if len(segments) > 1 and is_safe_segment(segments[1]) else "-"


def _parse_segments(segments: list[str]) -> UploadKey:
    dataset, rest = _safe_dataset(segments), segments[2:]
    match rest:
        case [name] if name == COHORT_NAME:
            return UploadKey(KeyKind.COHORT, dataset)
        case [_subject, name] if _is_archive(name):
            return UploadKey(KeyKind.ARCHIVE, dataset, Unit(dataset, rest[0], name[: -len(".zip")]))
        case [_subject, _study, name] if name == MARKER_NAME:
            return UploadKey(KeyKind.MARKER, dataset, Unit(dataset, rest[0], rest[1]))
        case [_subject, study, _, *_] if _is_archive(study):
            return UploadKey(KeyKind.REFUSED, dataset, problem=_ZIP_FOLDER_RULE)
        case [subject, study, _, *_]:
            return UploadKey(KeyKind.OBJECT, dataset, Unit(dataset, subject, study))
    if _is_companion(segments[-1]):
        return UploadKey(KeyKind.IGNORED, dataset)
    return UploadKey(KeyKind.REFUSED, dataset, problem=_LAYOUT_RULE)


def _is_archive(name: str) -> bool:
    return name.lower().endswith(".zip") and is_safe_segment(name[: -len(".zip")])


_ZIP_FOLDER_RULE = "a study's folder is named like a zip; rename it and upload again"
_LAYOUT_RULE = (
    "the object is not inside a study; expected imaging/<dataset>/<subject>/<study>/… or "
    "imaging/<dataset>/<subject>/<study>.zip"
)


def _is_companion(name: str) -> bool:
    lowered = name.lower()
    return lowered in _COMPANION_NAMES or PurePosixPath(lowered).suffix in _COMPANION_SUFFIXES
