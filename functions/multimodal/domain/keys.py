"""What an object key under ``imaging/`` means. The only place that knows the layout of uploads."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from multimodal.domain.units import Unit

MARKER_NAME = "_COMPLETE.json"
COHORT_NAME = "_cohort.json"
MAX_SEGMENT = 128
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
    bad = next((s for s in segments[1:] if not _is_safe(s)), None)
    if bad is not None:
        return UploadKey(KeyKind.REFUSED, _safe_dataset(segments), problem=_SEGMENT_RULE)
    return _parse_segments(segments)


_SEGMENT_RULE = (
    "a part of the key is empty, '.' or '..', longer than 128 characters, or holds '#', a backslash or a control "
    "character; rename it and upload again"
)


def _is_safe(segment: str) -> bool:
    if not segment or segment in {".", ".."} or len(segment) > MAX_SEGMENT:
        return False
    return not any(c in "#\\" or not c.isprintable() for c in segment)


def _safe_dataset(segments: list[str]) -> str:
    return segments[1] if len(segments) > 1 and _is_safe(segments[1]) else "-"


def _parse_segments(segments: list[str]) -> UploadKey:
    dataset, rest = _safe_dataset(segments), segments[2:]
    match rest:
        case [name] if name == COHORT_NAME:
            return UploadKey(KeyKind.COHORT, dataset)
        case [_subject, name] if name.lower().endswith(".zip") and len(name) > len(".zip"):
            return UploadKey(KeyKind.ARCHIVE, dataset, Unit(dataset, rest[0], name[: -len(".zip")]))
        case [_subject, _study, name] if name == MARKER_NAME:
            return UploadKey(KeyKind.MARKER, dataset, Unit(dataset, rest[0], rest[1]))
        case [subject, study, _, *_]:
            return UploadKey(KeyKind.OBJECT, dataset, Unit(dataset, subject, study))
    if _is_companion(segments[-1]):
        return UploadKey(KeyKind.IGNORED, dataset)
    return UploadKey(KeyKind.REFUSED, dataset, problem=_LAYOUT_RULE)


_LAYOUT_RULE = (
    "the object is not inside a study; expected imaging/<dataset>/<subject>/<study>/… or "
    "imaging/<dataset>/<subject>/<study>.zip"
)


def _is_companion(name: str) -> bool:
    lowered = name.lower()
    return lowered in _COMPANION_NAMES or PurePosixPath(lowered).suffix in _COMPANION_SUFFIXES
