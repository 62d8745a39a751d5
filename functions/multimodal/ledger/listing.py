"""A unit's objects as S3 lists them, and when they are complete: decided from a listing and a clock, not events."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from multimodal.ledger.errors import BadInputError, ConfigurationError, Reason
from multimodal.ledger.ports import ObjectStore, StoredObject
from multimodal.ledger.unit import LedgerItem, Unit
from multimodal.ledger.upload_key import MARKER_NAME

MAX_OBJECTS = 20_000
"""Most objects of one study; a whole download uploaded one level too deep has more."""

CONTENT_VERSION_LENGTH = 16


@dataclass(frozen=True)
class Listing:
    """The data objects of a unit, sorted by key, and the marker beside them, if any."""

    objects: tuple[StoredObject, ...]
    marker: StoredObject | None = None

    @property
    def bytes(self) -> int:
        """Sum of the sizes in bytes."""
        return sum(o.size for o in self.objects)

    @cached_property
    def content_version(self) -> str:
        """Name of exactly this content: a hash over every key, ETag and size.

        The same objects give the same content_version in any order of arrival; a late, replaced or removed object gives
        another. The marker does not count: it says something about the objects and is not one of them.
        """
        lines = (f"{o.key}\t{o.etag}\t{o.size}\n" for o in self.objects)
        return hashlib.sha256("".join(lines).encode()).hexdigest()[:CONTENT_VERSION_LENGTH]

    @property
    def event_time(self) -> str | None:
        """When the facts were true, where what was uploaded beside the objects says so."""
        return None

    @property
    def is_marked_last(self) -> bool:
        """Whether nothing came after the marker, by S3's clock of whole seconds."""
        return self.marker is not None and all(o.modified_at <= self.marker.modified_at for o in self.objects)

    def archives_of(self, unit: Unit) -> int:
        """How many zips of the study are there; `t.zip` and `t.ZIP` are two."""
        return sum(is_archive_of(unit, o.key) for o in self.objects)

    def holds_folder_of(self, unit: Unit) -> bool:
        """Whether the study is there as a folder."""
        return any(o.key.startswith(unit.folder) for o in self.objects)


def is_archive_of(unit: Unit, key: str) -> bool:
    """Whether `key` is the unit's zip, whatever the case of its ending."""
    stem = unit.archive[: -len(".zip")]
    return key.startswith(stem) and key[len(stem) :].lower() == ".zip"


def make_listing(unit: Unit, found: Iterable[StoredObject]) -> Listing:
    """Sort what S3 listed into data objects and the marker; folder keys are dropped.

    Parameters
    ----------
    unit : Unit
        The unit that was listed.
    found : iterable of StoredObject
        Whatever was found under the unit's folder and at its archive key, in any order.
    """
    marker_key = unit.folder + MARKER_NAME
    by_key = {o.key: o for o in found if not o.key.endswith("/")}
    marker = by_key.pop(marker_key, None)
    return Listing(tuple(by_key[k] for k in sorted(by_key)), marker)


def expected_object_count(raw: ObjectStore, listing: Listing) -> int | None:
    """Return the number in the unit's marker, or None when there is no marker.

    Raises
    ------
    BadInputError
        `MARKER_INVALID` when it cannot be read or declares nothing.
    """
    if listing.marker is None:
        return None
    try:
        text = raw.read_text(listing.marker.key)
    except ConfigurationError as error:
        message = "_COMPLETE.json cannot be read (is it encrypted with another key?); replace it"
        raise BadInputError(Reason.MARKER_INVALID, message) from error
    return None if text is None else read_marker(text)


def list_folder(raw: ObjectStore, unit: Unit) -> list[StoredObject]:
    """List a case's or a reference's folder, up to one object more than it may have."""
    return list(islice(raw.objects_under(unit.folder), MAX_OBJECTS + 2))


def find(objects: ObjectStore, key: str) -> StoredObject | None:
    """Return the object at exactly this key, or None; of all keys that start so, it is listed first."""
    first = next(iter(objects.objects_under(key)), None)
    return first if first is not None and first.key == key else None


def read_marker(text: str) -> int:
    """Return how many objects a `_COMPLETE.json` declares.

    Raises
    ------
    BadInputError
        `MARKER_INVALID` when it is not `{"objects": N}` with a positive whole number.
    """
    try:
        declared = json.loads(text)["objects"]
    except (ValueError, KeyError, TypeError, RecursionError):
        declared = None
    if not isinstance(declared, int) or isinstance(declared, bool) or not 1 <= declared <= MAX_OBJECTS:
        message = f'_COMPLETE.json must be {{"objects": N}} with N, the other objects, from 1 to {MAX_OBJECTS}'
        raise BadInputError(Reason.MARKER_INVALID, message)
    return declared


@dataclass(frozen=True)
class CompletionTimeouts:
    """How long to wait, in seconds.

    Parameters
    ----------
    quiet_period : int
        A study without a marker is complete when nothing has arrived for this long.
    max_wait : int
        The most that is waited after the first arrival, for whatever is still expected.
    """

    quiet_period: int
    max_wait: int


@dataclass(frozen=True)
class Complete:
    """The listed objects are the study."""


@dataclass(frozen=True)
class Wait:
    """Check again at `until` (epoch seconds)."""

    until: int


@dataclass(frozen=True)
class Quarantine:
    """The unit cannot be processed as it was uploaded."""

    reason: Reason
    message: str
    details: dict[str, object]


@dataclass(frozen=True)
class FanOut:
    """The unit is not run itself: it has other `units` evaluated. `quarantine` says what is wrong with it."""

    units: tuple[Unit, ...]
    quarantine: Quarantine | None = None


@dataclass(frozen=True)
class Blocked:
    """A complete unit cannot start yet, for a reason outside of it; `depends_on` names a unit to run again first."""

    reason: Reason
    message: str
    depends_on: Unit | None = None


Decision = Complete | Wait | Quarantine | FanOut


def deadlines(item: LedgerItem, timeouts: CompletionTimeouts) -> tuple[int, int]:
    """Return when waiting ends whatever is missing, and when the upload counts as quiet (epoch seconds)."""
    limit = (item.waiting_since or item.last_arrival) + timeouts.max_wait
    return limit, min(item.last_arrival + timeouts.quiet_period, limit)


def quarantine_archived(listing: Listing) -> Quarantine | None:
    """Quarantine objects that must be restored before they can be read."""
    archived = sum(o.archived for o in listing.objects)
    if not archived:
        return None
    message = "objects are in an archive storage class; restore them, then retry"
    return Quarantine(Reason.OBJECTS_ARCHIVED, message, {"objects": archived})


def quarantine_removed() -> Quarantine:
    """Quarantine a unit whose objects are gone."""
    return Quarantine(Reason.UPLOAD_REMOVED, "the objects are gone; upload them again", {})


def decide_by_marker(listing: Listing, declared: int, until: tuple[int, int], now: int, others: int = 0) -> Decision:
    """Decide by the number of objects that a marker declares, of which `others` are not in the listing.

    A marker that is older than an object says nothing of what still comes: the quiet period does (`ledger-13`).
    `until` are the two deadlines.
    """
    (limit, quiet_at), found = until, len(listing.objects) + others
    if found >= declared:
        return Complete() if listing.is_marked_last or now >= quiet_at else Wait(quiet_at)
    if now < limit:
        return Wait(limit)
    message = f"_COMPLETE.json declares {declared} objects, {found} are there; upload the rest, then retry"
    return Quarantine(Reason.INCOMPLETE_UPLOAD, message, {"promised": declared, "found": found})
