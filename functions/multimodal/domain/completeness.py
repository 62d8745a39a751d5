"""When is a study complete? Decided from a listing and a clock, never from events."""

import json
from dataclasses import dataclass

from multimodal.domain.errors import BadInputError
from multimodal.domain.listing import Listing
from multimodal.domain.reasons import Reason
from multimodal.domain.units import LedgerItem


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


Decision = Complete | Wait | Refuse


def read_marker(text: str) -> int:
    """Return how many objects a ``_COMPLETE.json`` promises.

    Raises
    ------
    BadInputError
        ``MARKER_INVALID`` when it is not ``{"objects": N}`` with a positive whole number.
    """
    try:
        promised = json.loads(text)["objects"]
    except (ValueError, KeyError, TypeError):
        promised = None
    if not isinstance(promised, int) or isinstance(promised, bool) or promised < 1:
        message = '_COMPLETE.json must be {"objects": N} with N, the number of other objects, at least 1'
        raise BadInputError(Reason.MARKER_INVALID, message)
    return promised


def decide(item: LedgerItem, listing: Listing, promised: int | None, patience: Patience, now: int) -> Decision:
    """Decide whether the listed objects are the whole study.

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
    if listing.holds_archive_of(item.unit) and listing.holds_folder_of(item.unit):
        message = "the study is there both as a folder and as a .zip; remove one of them"
        return Refuse(Reason.AMBIGUOUS_UPLOAD, message, {"objects": len(listing.objects)})
    if item.rerun_requested or listing.holds_archive_of(item.unit):
        return Complete()
    limit = (item.open_since or item.last_arrival) + patience.force
    if promised is not None:
        return _decide_by_marker(len(listing.objects), promised, limit, now)
    quiet_at = min(item.last_arrival + patience.quiet, limit)
    return Complete() if now >= quiet_at else Wait(quiet_at)


def _decide_by_marker(found: int, promised: int, limit: int, now: int) -> Decision:
    if found >= promised:
        return Complete()
    if now < limit:
        return Wait(limit)
    message = f"_COMPLETE.json promises {promised} objects, {found} are there; upload the rest, then retry"
    return Refuse(Reason.INCOMPLETE_UPLOAD, message, {"promised": promised, "found": found})
