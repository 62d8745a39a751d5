"""When is a study complete? Decided from a listing and a clock, never from events."""

import json
from dataclasses import dataclass
from pathlib import PurePosixPath

from multimodal.domain.errors import BadInputError
from multimodal.domain.keys import parse_key
from multimodal.domain.listing import Listing
from multimodal.domain.reasons import Reason
from multimodal.domain.units import LedgerItem, Unit

MAX_OBJECTS = 20_000
"""Most objects of one study; a whole download uploaded one level too deep has more."""


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds.

    Parameters
    ----------
    quiet : int
        A study without a marker is complete when nothing has arrived for this long.
    force : int
        The most that is waited after the first arrival, for whatever is still expected.
    """

    quiet: int
    force: int


@dataclass(frozen=True)
class Complete:
    """The listed objects are the study."""


@dataclass(frozen=True)
class Wait:
    """Look again at ``until`` (epoch seconds)."""

    until: int


@dataclass(frozen=True)
class Refuse:
    """The unit cannot be processed as it lies there."""

    reason: Reason
    message: str
    details: dict[str, object]


@dataclass(frozen=True)
class Relay:
    """The unit is not run itself: it says something about others, which are looked at.

    ``problem`` is what is wrong with the unit all the same.
    """

    units: tuple[Unit, ...]
    problem: Refuse | None = None


@dataclass(frozen=True)
class Blocked:
    """A complete unit cannot start yet, for a reason outside of it; ``needs`` is a unit that has to run again first."""

    reason: Reason
    message: str
    needs: Unit | None = None


Decision = Complete | Wait | Refuse | Relay


def read_marker(text: str) -> int:
    """Return how many objects a ``_COMPLETE.json`` promises.

    Raises
    ------
    BadInputError
        ``MARKER_INVALID`` when it is not ``{"objects": N}`` with a positive whole number.
    """
    try:
        promised = json.loads(text)["objects"]
    except (ValueError, KeyError, TypeError, RecursionError):
        promised = None
    if not isinstance(promised, int) or isinstance(promised, bool) or not 1 <= promised <= MAX_OBJECTS:
        message = f'_COMPLETE.json must be {{"objects": N}} with N, the other objects, from 1 to {MAX_OBJECTS}'
        raise BadInputError(Reason.MARKER_INVALID, message)
    return promised


def decide(item: LedgerItem, listing: Listing, promised: int | None, patience: Patience, now: int) -> Decision:
    """Decide whether the listed objects are the whole study.

    A request for another run overrules the marker, but not the quiet period: what still arrives is not half run.

    Parameters
    ----------
    item : LedgerItem
        The unit's ledger item; its arrival times are used.
    listing : Listing
        What S3 lists now.
    promised : int or None
        The marker's number, when there is a marker.
    patience : Patience
        Quiet period and limit.
    now : int
        Epoch seconds.
    """
    refusal = refuse(item.unit, listing)
    if refusal is not None:
        return refusal
    if listing.archives_of(item.unit):
        return Complete()
    limit, quiet_at = deadlines(item, patience)
    if not listing.objects:
        return Wait(limit) if listing.marker and now < limit else removed()
    if promised is not None and not item.rerun_requested:
        return decide_by_marker(len(listing.objects), promised, limit, now)
    return Complete() if now >= quiet_at else Wait(quiet_at)


def deadlines(item: LedgerItem, patience: Patience) -> tuple[int, int]:
    """Return when waiting ends whatever is missing, and when the upload counts as quiet (epoch seconds)."""
    limit = (item.waiting_since or item.last_arrival) + patience.force
    return limit, min(item.last_arrival + patience.quiet, limit)


def refuse(unit: Unit, listing: Listing) -> Refuse | None:
    """Refuse objects that no job could be given, whatever their number and age."""
    if len(listing.objects) > MAX_OBJECTS:
        message = f"more than {MAX_OBJECTS} objects in one study; expected imaging/<dataset>/<subject>/<study>/…"
        return Refuse(Reason.INPUT_TOO_LARGE, message, {"objects_at_least": len(listing.objects)})
    if listing.archives_of(unit) + listing.holds_folder_of(unit) > 1:
        message = "the study is there more than once, as a folder and as a .zip or as two of them; remove all but one"
        return Refuse(Reason.AMBIGUOUS_UPLOAD, f"{message}, then retry", {"objects": len(listing.objects)})
    return refuse_archived(listing) or _refuse_keys(unit, [o.key for o in listing.objects])


def refuse_archived(listing: Listing) -> Refuse | None:
    """Refuse objects that must be restored before anybody can read them."""
    archived = sum(o.archived for o in listing.objects)
    if not archived:
        return None
    message = "objects lie in an archive storage class; restore them, then retry"
    return Refuse(Reason.OBJECTS_ARCHIVED, message, {"objects": archived})


def _refuse_keys(unit: Unit, keys: list[str]) -> Refuse | None:
    """One key that is no file name would fail the download of every study in its job."""
    known = set(keys)
    wrong = [k for k in keys if parse_key(k).unit != unit or any(str(p) in known for p in PurePosixPath(k).parents)]
    if not wrong:
        return None
    message = "keys of the study hold what is not accepted, or name a file and a folder alike; rename them"
    return Refuse(Reason.KEY_NOT_ACCEPTED, message, {"objects": len(wrong), "example_key": wrong[0][:300]})


def removed() -> Refuse:
    """Refuse a unit of which nothing is left."""
    return Refuse(Reason.UPLOAD_REMOVED, "the objects are gone; upload them again", {})


def decide_by_marker(found: int, promised: int, limit: int, now: int) -> Decision:
    """Decide by the number of objects that a marker promises."""
    if found >= promised:
        return Complete()
    if now < limit:
        return Wait(limit)
    message = f"_COMPLETE.json promises {promised} objects, {found} are there; upload the rest, then retry"
    return Refuse(Reason.INCOMPLETE_UPLOAD, message, {"promised": promised, "found": found})
