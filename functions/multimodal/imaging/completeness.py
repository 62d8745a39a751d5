"""When an imaging study is complete, and what of its objects no job could be given."""

from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath

from multimodal.imaging.uploads import parse_imaging_key
from multimodal.ledger.dataset_file import quarantine_unknown_dataset
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
)
from multimodal.ledger.ports import ObjectStore
from multimodal.ledger.unit import LedgerItem, Unit
from multimodal.ledger.upload_key import parse_segments, shown_key


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
