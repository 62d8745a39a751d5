"""What to do with a unit whose look is due: wait, make it ready, refuse it, or let it be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from multimodal.domain.completeness import Complete, Patience, Refuse, Wait, decide
from multimodal.domain.errors import BadInputError
from multimodal.domain.listing import Listing
from multimodal.domain.reasons import Reason
from multimodal.domain.units import END_STATUSES, LedgerItem, Status
from multimodal.observability import Metric, logger
from multimodal.ports import Changes, Clock, Ledger, Meter, ObjectStore
from multimodal.services.due import look_at, looked, next_look
from multimodal.services.look_up import list_unit, promised_objects

NO_REASON: Mapping[str, None] = {"reason_code": None, "reason_message": None, "reason_details": None}
IMAGE_RECHECK_SECONDS = 300


@dataclass(frozen=True)
class Readiness:
    """What the deployment can process.

    Parameters
    ----------
    image_uri : str
        The radiomics image; empty while none was given.
    datasets : frozenset of str
        Names of the datasets that have an imaging configuration.
    """

    image_uri: str
    datasets: frozenset[str]


@dataclass(frozen=True)
class ReadyUnit:
    """A unit that a run may claim: its item as it stands in the ledger and the objects that make it up."""

    item: LedgerItem
    listing: Listing


class ReviewUnit:
    """Looks at one unit and moves it in the ledger.

    Parameters
    ----------
    ledger, raw, clock, meter
        Ports.
    patience : Patience
        Quiet period and limit.
    readiness : Readiness
        What the deployment can process.
    """

    def __init__(
        self,
        ledger: Ledger,
        raw: ObjectStore,
        clock: Clock,
        meter: Meter,
        patience: Patience,
        readiness: Readiness,
    ) -> None:
        self._ledger, self._raw, self._clock, self._meter = ledger, raw, clock, meter
        self._patience, self._readiness = patience, readiness

    def __call__(self, item: LedgerItem) -> ReadyUnit | None:
        """Review a unit that is not being processed; return it when a run may claim it now."""
        now = self._clock()
        listing = list_unit(self._raw, item.unit)
        if self._nothing_new(item, listing):
            self._let_be(item, now)
            return None
        match self._decide(item, listing, now):
            case Complete():
                return self._make_ready(item, listing, now)
            case Wait(until):
                look = look_at(item.unit, next_look(now, until, self._patience.quiet))
                self._ledger.update(item, {"status": Status.RECEIVING.value, **look})
            case Refuse() as refusal:
                self._refuse(item, refusal, now)
        return None

    def _nothing_new(self, item: LedgerItem, listing: Listing) -> bool:
        answered = item.status in END_STATUSES or item.status is Status.PROCESSED
        waits_for_rest = item.reason_code == Reason.INCOMPLETE_STUDY and item.status is Status.RECEIVING
        same = item.generation == listing.generation and not item.rerun_requested
        return same and (answered or waits_for_rest)

    def _let_be(self, item: LedgerItem, now: int) -> None:
        """Nothing changed: a duplicate event, an unanswered wait, or features that are still to be ingested."""
        if item.status is Status.RECEIVING:
            self._wait_for_rest(item, now)
        elif item.status is Status.PROCESSED:
            self._ledger.update(item, look_at(item.unit, now + self._patience.force) | {"listed_at": now})
        else:
            self._ledger.update(item, looked() | {"listed_at": now})

    def _wait_for_rest(self, item: LedgerItem, now: int) -> None:
        limit = (item.open_since or item.last_arrival) + self._patience.force
        if now < limit:
            self._ledger.update(item, look_at(item.unit, next_look(now, limit, self._patience.quiet)))
            return
        changes = {"status": Status.QUARANTINED.value, "quarantined_at": now, "listed_at": now}
        if self._ledger.update(item, changes | looked()):
            self._meter(Metric.UNITS_QUARANTINED)

    def _decide(self, item: LedgerItem, listing: Listing, now: int) -> Complete | Wait | Refuse:
        if item.unit.dataset not in self._readiness.datasets:
            message = (
                f"no imaging configuration for dataset {item.unit.dataset!r} is deployed; add functions/datasets/"
                f"{item.unit.dataset}.yaml, name it in DatasetNames, deploy, then retry"
            )
            return Refuse(Reason.DATASET_UNKNOWN, message, {})
        try:
            promised = promised_objects(self._raw, listing)
        except BadInputError as error:
            return Refuse(Reason.MARKER_INVALID, error.message, {})
        return decide(item, listing, promised, self._patience, now)

    def _make_ready(self, item: LedgerItem, listing: Listing, now: int) -> ReadyUnit | None:
        has_image = bool(self._readiness.image_uri)
        changes: dict[str, Any] = {
            **NO_REASON,
            "status": Status.READY.value,
            "generation": listing.generation,
            "objects": len(listing.objects),
            "bytes": listing.bytes,
            "listed_at": now,
            "served_request": item.requested_at,
            "ready_at": now,
            **look_at(item.unit, now if has_image else now + IMAGE_RECHECK_SECONDS),
        }
        if not has_image:
            changes |= _image_not_set()
        if not self._ledger.update(item, changes):
            return None
        self._announce(item, listing)
        refreshed = self._ledger.get(item.unit_id) if has_image else None
        return ReadyUnit(refreshed, listing) if refreshed and refreshed.status is Status.READY else None

    def _announce(self, item: LedgerItem, listing: Listing) -> None:
        if item.status is not Status.READY:
            self._meter(Metric.UNITS_READY)
        logger().info(
            "unit ready",
            correlation_id=item.unit.correlation_id,
            generation=listing.generation,
            objects=len(listing.objects),
        )

    def _refuse(self, item: LedgerItem, refusal: Refuse, now: int) -> None:
        changes: Changes = {
            "status": Status.QUARANTINED.value,
            "reason_code": refusal.reason.value,
            "reason_message": refusal.message,
            "reason_details": refusal.details,
            # Nothing of this content was processed: the next look decides anew.
            "generation": None,
            "listed_at": now,
            "served_request": item.requested_at,
            "quarantined_at": now,
            **looked(),
        }
        if self._ledger.update(item, changes):
            self._meter(Metric.UNITS_QUARANTINED)
            logger().warning(
                "unit quarantined", correlation_id=item.unit.correlation_id, reason_code=refusal.reason.value
            )


def _image_not_set() -> dict[str, str]:
    message = "no radiomics image is deployed; push one, deploy with RadiomicsImageUri, and the unit starts by itself"
    return {"reason_code": Reason.IMAGE_NOT_SET.value, "reason_message": message}
