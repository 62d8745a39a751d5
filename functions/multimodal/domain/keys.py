"""What an object key means. Only this, ``genomics_keys`` and ``clinical_keys`` know the layout of uploads."""

from collections.abc import Callable

from multimodal.domain.clinical_keys import parse_clinical_key
from multimodal.domain.genomics_keys import parse_genomics_key
from multimodal.domain.units import Modality, Unit
from multimodal.domain.upload_key import (
    MARKER_NAME,
    SEGMENT_RULE,
    KeyKind,
    UploadKey,
    is_companion,
    is_safe_segment,
    safe_dataset,
)

__all__ = ["COHORT_NAME", "KeyKind", "UploadKey", "parse_key", "unit_of_result"]

COHORT_NAME = "_cohort.json"


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
    if segments[0] not in set(Modality):
        return UploadKey(KeyKind.REFUSED, problem="the key starts with none of imaging/, genomics/ and clinical/")
    if not all(is_safe_segment(s) for s in segments[1:]):
        return UploadKey(KeyKind.REFUSED, safe_dataset(segments), problem=SEGMENT_RULE, modality=segments[0])
    return _PARSERS[segments[0]](segments)


def unit_of_result(key: str) -> Unit | None:
    """Return the unit whose final result lies at a key of ProcessedBucket, or None when it is something else."""
    match key.split("/"):
        case ["imaging", dataset, subject, study, _]:
            unit = Unit(dataset, subject, study)
        case ["genomics", dataset, case, _]:
            unit = Unit(dataset, case, "", Modality.GENOMICS.value)
        case _:
            return None
    return unit if key == unit.result_key(unit.result_name) else None


def _parse_imaging(segments: list[str]) -> UploadKey:
    dataset, rest = safe_dataset(segments), segments[2:]
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
    if is_companion(segments[-1]):
        return UploadKey(KeyKind.IGNORED, dataset)
    return UploadKey(KeyKind.REFUSED, dataset, problem=_LAYOUT_RULE)


def _is_archive(name: str) -> bool:
    return name.lower().endswith(".zip") and is_safe_segment(name[: -len(".zip")])


_ZIP_FOLDER_RULE = "a study's folder is named like a zip; rename it and upload again"
_LAYOUT_RULE = (
    "the object is not inside a study; expected imaging/<dataset>/<subject>/<study>/… or "
    "imaging/<dataset>/<subject>/<study>.zip"
)
_PARSERS: dict[str, Callable[[list[str]], UploadKey]] = {
    Modality.IMAGING: _parse_imaging,
    Modality.GENOMICS: parse_genomics_key,
    Modality.CLINICAL: parse_clinical_key,
}
