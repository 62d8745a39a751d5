"""Uploads of CT studies: what a key means, what belongs to a study, and when it is complete."""

from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath

from multimodal.imaging.layouts import COLLECTION_RULE, is_below_collection
from multimodal.imaging.series_manifest import is_manifest
from multimodal.ledger.errors import Reason
from multimodal.ledger.listing import (
    MAX_OBJECTS,
    Blocked,
    Complete,
    CompletionTimeouts,
    Decision,
    Listing,
    Quarantine,
    Wait,
    deadlines,
    decide_by_marker,
    expected_object_count,
    is_archive_of,
    make_listing,
    quarantine_archived,
    quarantine_removed,
    quarantine_unknown_dataset,
)
from multimodal.ledger.ports import Ledger, ObjectStore
from multimodal.ledger.unit import LedgerItem, Unit, study_unit
from multimodal.ledger.upload_key import (
    MARKER_NAME,
    KeyKind,
    UploadKey,
    is_companion,
    is_safe_segment,
    parse_segments,
    safe_dataset,
    shown_key,
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


def decide(
    item: LedgerItem, listing: Listing, declared: int | None, timeouts: CompletionTimeouts, now: int
) -> Decision:
    """Decide whether the listed objects are the whole study.

    A request for another run overrules the marker, but not the quiet period: what still arrives is not half run.

    Parameters
    ----------
    item : LedgerItem
        The unit's ledger item; its arrival times are used.
    listing : Listing
        What S3 lists now.
    declared : int or None
        The marker's number, when there is a marker.
    timeouts : CompletionTimeouts
        Quiet period and limit.
    now : int
        Epoch seconds.
    """
    invalid = quarantine_invalid(item.unit, listing)
    if invalid is not None:
        return invalid
    if listing.archives_of(item.unit):
        return Complete()
    limit, quiet_at = deadlines(item, timeouts)
    if not listing.objects:
        return Wait(limit) if listing.marker and now < limit else quarantine_removed()
    if declared is not None and not item.rerun_requested:
        return decide_by_marker(listing, declared, (limit, quiet_at), now)
    return Complete() if now >= quiet_at else Wait(quiet_at)


def quarantine_invalid(unit: Unit, listing: Listing) -> Quarantine | None:
    """Quarantine objects that no job could be given, whatever their number and age."""
    if len(listing.objects) > MAX_OBJECTS:
        message = f"more than {MAX_OBJECTS} objects in one study; expected imaging/<dataset>/<subject>/<study>/…"
        return Quarantine(Reason.INPUT_TOO_LARGE, message, {"objects_at_least": len(listing.objects)})
    if listing.archives_of(unit) + listing.holds_folder_of(unit) > 1:
        message = "the study is there more than once, as a folder and as a .zip or as two of them; remove all but one"
        return Quarantine(Reason.AMBIGUOUS_UPLOAD, f"{message}, then retry", {"objects": len(listing.objects)})
    return quarantine_archived(listing) or _quarantine_keys(unit, [o.key for o in listing.objects])


def _quarantine_keys(unit: Unit, keys: list[str]) -> Quarantine | None:
    """One key that is no file name would fail the download of every study in its job."""
    known = set(keys)
    wrong = [
        k
        for k in keys
        if parse_segments(k, parse_imaging_key).unit != unit or any(str(p) in known for p in PurePosixPath(k).parents)
    ]
    if not wrong:
        return None
    message = "keys of the study hold what is not accepted, or name a file and a folder alike; rename them"
    return Quarantine(Reason.KEY_NOT_ACCEPTED, message, {"objects": len(wrong), "example_key": shown_key(wrong[0])})


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


@dataclass(frozen=True)
class ImagingRules:
    """`Rules` of imaging studies.

    Parameters
    ----------
    raw : ObjectStore
        RawBucket.
    image_uri : str
        The radiomics image; empty while none was given.
    datasets : frozenset of str
        Names of the datasets that have an imaging section.
    """

    raw: ObjectStore
    image_uri: str
    datasets: frozenset[str]

    def list_objects(self, unit: Unit) -> Listing:
        """List the study's folder and its zip."""
        return list_study(self.raw, unit)

    def decide(self, item: LedgerItem, listing: Listing, timeouts: CompletionTimeouts, now: int) -> Decision:
        """Decide by zip, marker or quiet period."""
        if item.unit.dataset not in self.datasets:
            return quarantine_unknown_dataset(item.unit)
        return decide(item, listing, expected_object_count(self.raw, listing), timeouts, now)

    def blocked(self, unit: Unit) -> Blocked | None:
        """Say that no image is deployed."""
        if self.image_uri:
            return None
        message = (
            "no radiomics image is deployed; push one, deploy with RadiomicsImageUri, and the unit starts by itself"
        )
        return Blocked(Reason.IMAGE_NOT_SET, message)


def list_study(raw: ObjectStore, unit: Unit) -> Listing:
    """List the study's folder and its zip; S3 lists strongly consistently, so this is the truth."""
    stem = unit.archive[: -len(".zip")]
    archives = (o for o in raw.objects_under(stem + ".") if is_archive_of(unit, o.key))
    # One more than a study may have, and a marker: enough to know that there are too many.
    folder = islice(raw.objects_under(unit.folder), MAX_OBJECTS + 2)
    return make_listing(unit, [*folder, *islice(archives, 2)])


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
