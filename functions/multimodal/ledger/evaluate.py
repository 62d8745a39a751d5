"""What to do with a unit whose look is due: wait, make it ready, refuse it, or let it be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from multimodal.ledger.completeness import Blocked, Complete, Decision, CompletionTimeouts, Quarantine, FanOut, Wait
from multimodal.ledger.errors import BadInputError
from multimodal.ledger.listing import Listing
from multimodal.ledger.ports import Changes, Clock, Ledger, Metrics
from multimodal.ledger.reasons import Reason
from multimodal.ledger.schedule import schedule_check, unschedule, next_check_at
from multimodal.ledger.unit import END_STATUSES, LedgerItem, Modality, Status, Unit
from multimodal.observability import Metric, logger

NO_REASON: Mapping[str, None] = {"reason_code": None, "reason_message": None, "reason_details": None}


BLOCKED_RECHECK_SECONDS = 300
"""A complete unit that cannot start yet is looked at again after this long."""


class Rules(Protocol):
    """What is particular about one kind of unit."""

    def list_objects(self, unit: Unit) -> Listing:
        """List what lies there now."""

    def decide(self, item: LedgerItem, listing: Listing, timeouts: CompletionTimeouts, now: int) -> Decision:
        """Decide what that means."""

    def blocked(self, unit: Unit) -> Blocked | None:
        """Say why a complete unit cannot start yet."""


@dataclass(frozen=True)
class ReadyUnit:
    """A unit that a run may claim: its item as it stands in the ledger and the objects that make it up."""

    item: LedgerItem
    listing: Listing


class UnitEvaluator:
    """Looks at one unit and moves it in the ledger.

    Parameters
    ----------
    ledger, clock, meter
        Ports.
    timeouts : CompletionTimeouts
        Quiet period and limit.
    rules_of : callable
        Unit → the rules for its kind.
    """

    def __init__(
        self, ledger: Ledger, clock: Clock, meter: Metrics, timeouts: CompletionTimeouts, rules_of: Callable[[Unit], Rules]
    ) -> None:
        self._ledger, self._clock, self._meter = ledger, clock, meter
        self._timeouts, self._rules_of = timeouts, rules_of

    def __call__(self, item: LedgerItem) -> ReadyUnit | None:
        """Review a unit that is not being processed; return it when a run may claim it now."""
        now, rules = self._clock(), self._rules_of(item.unit)
        try:
            listing = rules.list_objects(item.unit)
            if self._nothing_new(item, listing):
                self._let_be(item, now)
                return None
            decision = rules.decide(item, listing, self._timeouts, now)
        except BadInputError as error:
            decision = Quarantine(Reason(error.reason_code), error.message, error.details)
        match decision:
            case Complete():
                return self._make_ready(item, listing, rules.blocked(item.unit), now)
            case Wait(until):
                look = schedule_check(item.unit, next_check_at(now, until, self._timeouts.quiet_period))
                self._ledger.update(item, {"status": Status.RECEIVING.value, **look})
            case FanOut() as relay:
                self._relay(item, listing, relay, now)
            case Quarantine() as refusal:
                self._refuse(item, refusal, now)
        return None

    def _nothing_new(self, item: LedgerItem, listing: Listing) -> bool:
        answered = item.status in END_STATUSES or item.status is Status.PROCESSED
        waits_for_rest = item.reason_code == Reason.INCOMPLETE_STUDY and item.status is Status.RECEIVING
        same = item.content_version == listing.content_version and not item.rerun_requested
        return same and (answered or waits_for_rest)

    def _let_be(self, item: LedgerItem, now: int) -> None:
        """Nothing changed: a duplicate event, an unanswered wait, or features that are still to be ingested."""
        if item.status is Status.RECEIVING:
            self._wait_for_rest(item, now)
        elif item.status is Status.PROCESSED:
            self._ledger.update(item, schedule_check(item.unit, now + self._timeouts.max_wait) | {"listed_at": now})
        else:
            self._ledger.update(item, unschedule() | {"listed_at": now})
            if item.unit.is_reference and item.status is Status.COMPLETED:
                self._wake_those_that_wait(now)

    def _wake_those_that_wait(self, now: int) -> None:
        """Let cases that wait for a reference be looked at in the next round instead of at their next look."""
        for unit_id, _ in self._ledger.open_units():
            item = self._ledger.get(unit_id) if unit_id.startswith(f"{Modality.GENOMICS}#") else None
            if item and item.status is Status.READY and item.reason_code == Reason.REFERENCE_NOT_READY:
                self._ledger.update(item, schedule_check(item.unit, now))

    def _relay(self, item: LedgerItem, listing: Listing, relay: FanOut, now: int) -> None:
        for unit in relay.units:
            self._ledger.record_arrival(unit, now, now, at_once=True)
        if relay.problem is not None:
            self._refuse(item, relay.problem, now)
            return
        changes = {
            **NO_REASON,
            "status": Status.COMPLETED.value,
            "kind": "note",
            "content_version": listing.content_version,
            "listed_at": now,
            "handled_rerun_at": item.rerun_requested_at,
            **unschedule(),
        }
        self._ledger.update(item, changes)

    def _wait_for_rest(self, item: LedgerItem, now: int) -> None:
        limit = (item.open_since or item.last_arrival) + self._timeouts.max_wait
        if now < limit:
            self._ledger.update(item, schedule_check(item.unit, next_check_at(now, limit, self._timeouts.quiet_period)))
            return
        changes = {"status": Status.QUARANTINED.value, "quarantined_at": now, "listed_at": now}
        if self._ledger.update(item, changes | unschedule()):
            self._meter(Metric.UNITS_QUARANTINED, modality=item.unit.modality)

    def _make_ready(self, item: LedgerItem, listing: Listing, blocked: Blocked | None, now: int) -> ReadyUnit | None:
        changes: dict[str, Any] = {
            **NO_REASON,
            "status": Status.READY.value,
            "kind": None,
            "content_version": listing.content_version,
            "objects": len(listing.objects),
            "bytes": listing.bytes,
            "listed_at": now,
            "handled_rerun_at": item.rerun_requested_at,
            "ready_at": now,
            **schedule_check(item.unit, now if blocked is None else now + BLOCKED_RECHECK_SECONDS),
        }
        if blocked is not None:
            changes |= {"reason_code": blocked.reason.value, "reason_message": blocked.message}
        if not self._ledger.update(item, changes):
            return None
        if blocked is not None and blocked.depends_on is not None:
            self._ledger.request_rerun(blocked.depends_on, now, now)
        self._announce(item, listing)
        refreshed = self._ledger.get(item.unit_id) if blocked is None else None
        return ReadyUnit(refreshed, listing) if refreshed and refreshed.status is Status.READY else None

    def _announce(self, item: LedgerItem, listing: Listing) -> None:
        if item.status is not Status.READY:
            self._meter(Metric.UNITS_READY, modality=item.unit.modality)
        logger().info(
            "unit ready",
            correlation_id=item.unit.correlation_id,
            content_version=listing.content_version,
            objects=len(listing.objects),
        )

    def _refuse(self, item: LedgerItem, refusal: Quarantine, now: int) -> None:
        changes: Changes = {
            "status": Status.QUARANTINED.value,
            "reason_code": refusal.reason.value,
            "reason_message": refusal.message,
            "reason_details": refusal.details,
            # Nothing of this content was processed: the next look decides anew.
            "content_version": None,
            "listed_at": now,
            "handled_rerun_at": item.rerun_requested_at,
            "quarantined_at": now,
            **unschedule(),
        }
        if self._ledger.update(item, changes):
            self._meter(Metric.UNITS_QUARANTINED, modality=item.unit.modality)
            logger().warning(
                "unit quarantined", correlation_id=item.unit.correlation_id, reason_code=refusal.reason.value
            )
