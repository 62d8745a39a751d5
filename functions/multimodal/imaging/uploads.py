"""Uploads of CT studies: what a key means, and which studies a subject has."""

from multimodal.imaging.layouts import COLLECTION_RULE, is_below_collection
from multimodal.imaging.series_manifest import is_manifest
from multimodal.ledger.errors import Reason
from multimodal.ledger.ports import Ledger, ObjectStore
from multimodal.ledger.unit import Unit, study_unit
from multimodal.ledger.upload_key import (
    MARKER_NAME,
    KeyKind,
    UploadKey,
    is_companion,
    is_safe_segment,
    parse_segments,
    safe_dataset,
)

COHORT_NAME = "_cohort.json"

_ZIP_FOLDER_RULE = "a study's folder is named like a zip; rename it and upload again"

_LAYOUT_RULE = (
    "the object is not inside a study; expected imaging/<dataset>/<subject>/<study>/… or "
    "imaging/<dataset>/<subject>/<study>.zip"
)

NO_NAME = "-"
"""Stands for the subject or the study of what the ledger notes about a dataset, so that no upload may be called so."""

_NO_NAME_RULE = f"a subject or a study is called {NO_NAME!r}; rename it and upload again"


def parse_imaging_key(segments: list[str]) -> UploadKey:
    """Say what an uploaded key under `imaging/` is; none of its `segments` is unsafe."""
    dataset, rest = safe_dataset(segments), segments[2:]
    match rest:
        case [name] if name == COHORT_NAME:
            return UploadKey(KeyKind.COHORT, dataset)
        case _ if _is_ignored(rest):
            return UploadKey(KeyKind.IGNORED, dataset)
        case [subject, study, *_] if NO_NAME in {subject, study, study.lower().removesuffix(".zip")}:
            return UploadKey(KeyKind.REJECTED, dataset, problem=_NO_NAME_RULE)
        case [_subject, name] if _is_archive(name):
            return UploadKey(KeyKind.ARCHIVE, dataset, Unit(dataset, rest[0], name[: -len(".zip")]))
        case [_subject, _study, name] if name == MARKER_NAME:
            return UploadKey(KeyKind.MARKER, dataset, Unit(dataset, rest[0], rest[1]))
        case [_subject, study, _, *_] if _is_archive(study):
            return UploadKey(KeyKind.REJECTED, dataset, problem=_ZIP_FOLDER_RULE)
        case [*folders, _] if is_below_collection(folders):
            return UploadKey(KeyKind.REJECTED, dataset, problem=COLLECTION_RULE)
        case [subject, study, _, *_]:
            return UploadKey(KeyKind.OBJECT, dataset, study_unit(dataset, subject, study))
    if is_companion(segments[-1]):
        return UploadKey(KeyKind.IGNORED, dataset)
    return UploadKey(KeyKind.REJECTED, dataset, problem=_LAYOUT_RULE)


def _is_ignored(rest: list[str]) -> bool:
    """Whether it is a manifest, which the state machine of fetches reads, or what macOS adds to zips."""
    return (len(rest) == 1 and is_manifest(rest[0])) or "__MACOSX" in rest[:2]


def _is_archive(name: str) -> bool:
    return name[-4:].lower() == ".zip" and is_safe_segment(name[: -len(".zip")])


def studies_of(raw: ObjectStore, dataset: str, subject: str) -> list[Unit]:
    """Return the studies under a subject's folder, whether as folders or as zips."""
    prefix = f"imaging/{dataset}/{subject}/"
    folders, objects = raw.folders(prefix)
    keys = [f"{prefix}{name}/object" for name in folders] + [prefix + name for name in objects]
    parsed = [parse_segments(key, parse_imaging_key) for key in keys]
    units = (p.unit for p in parsed if p.kind in {KeyKind.OBJECT, KeyKind.ARCHIVE})
    return list(dict.fromkeys(u for u in units if u is not None))


def record_subject_without_study(ledger: Ledger, dataset: str, subject: str) -> None:
    """Make a request that names an unknown subject visible in the ledger."""
    message = f"nothing is uploaded under imaging/{dataset}/{subject[:128]}/; check the subject key and the dataset"
    ledger.record_invalid_upload(Unit(dataset, subject[:128], NO_NAME), Reason.SUBJECT_HAS_NO_STUDY.value, message)
