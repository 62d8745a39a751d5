"""When is a study complete? Decided from a listing and a clock, never from events."""

from dataclasses import dataclass

from multimodal.ledger.listing import Listing
from multimodal.ledger.reasons import Reason
from multimodal.ledger.unit import LedgerItem, Unit


@dataclass(frozen=True)
class CompletionTimeouts:
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
class Quarantine:
    """The unit cannot be processed as it lies there."""

    reason: Reason
    message: str
    details: dict[str, object]


@dataclass(frozen=True)
class FanOut:
    """The unit is not run itself: it says something about others, which are looked at.

    ``problem`` is what is wrong with the unit all the same.
    """

    units: tuple[Unit, ...]
    problem: Quarantine | None = None


@dataclass(frozen=True)
class Blocked:
    """A complete unit cannot start yet, for a reason outside of it; ``needs`` is a unit that has to run again first."""

    reason: Reason
    message: str
    needs: Unit | None = None


Decision = Complete | Wait | Quarantine | FanOut


def deadlines(item: LedgerItem, timeouts: CompletionTimeouts) -> tuple[int, int]:
    """Return when waiting ends whatever is missing, and when the upload counts as quiet (epoch seconds)."""
    limit = (item.waiting_since or item.last_arrival) + timeouts.max_wait
    return limit, min(item.last_arrival + timeouts.quiet_period, limit)


def quarantine_archived(listing: Listing) -> Quarantine | None:
    """Refuse objects that must be restored before anybody can read them."""
    archived = sum(o.archived for o in listing.objects)
    if not archived:
        return None
    message = "objects lie in an archive storage class; restore them, then retry"
    return Quarantine(Reason.OBJECTS_ARCHIVED, message, {"objects": archived})


def quarantine_removed() -> Quarantine:
    """Refuse a unit of which nothing is left."""
    return Quarantine(Reason.UPLOAD_REMOVED, "the objects are gone; upload them again", {})


def decide_by_marker(found: int, promised: int, limit: int, now: int) -> Decision:
    """Decide by the number of objects that a marker promises."""
    if found >= promised:
        return Complete()
    if now < limit:
        return Wait(limit)
    message = f"_COMPLETE.json promises {promised} objects, {found} are there; upload the rest, then retry"
    return Quarantine(Reason.INCOMPLETE_UPLOAD, message, {"promised": promised, "found": found})


def quarantine_unknown_dataset(unit: Unit) -> Quarantine:
    """Refuse a unit for whose dataset nothing is configured."""
    message = (
        f"no {unit.modality} configuration for dataset {unit.dataset!r} is deployed; add functions/datasets/"
        f"{unit.dataset}.yaml, name it in DatasetNames, deploy, then retry"
    )
    return Quarantine(Reason.DATASET_UNKNOWN, message, {})
