"""Evaluate a unit whose check is due: wait, make it ready, quarantine it, or leave it unchanged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.listing import Blocked, Complete, CompletionTimeouts, Decision, FanOut, Listing, Quarantine, Wait
from multimodal.ledger.ports import Changes, Ports
from multimodal.ledger.reupload import is_same_content
from multimodal.ledger.unit import (
    END_STATUSES,
    UNSCHEDULED,
    LedgerItem,
    Modality,
    Status,
    Unit,
    next_check_at,
    schedule_check,
)
from multimodal.observability import Metric, logger

NO_REASON: Mapping[str, None] = {"reason_code": None, "reason_message": None, "reason_details": None}

BLOCKED_RECHECK_SECONDS, MAX_BLOCKED_RECHECK_SECONDS = 300, 3600
"""A complete unit that cannot start yet is checked again after a quarter of the time waited, within these bounds."""


class Rules(Protocol):
    """How units of one kind are evaluated."""

    def list_objects(self, unit: Unit) -> Listing:
        """List the unit's objects as they are now."""

    def decide(self, item: LedgerItem, listing: Listing, timeouts: CompletionTimeouts, now: int) -> Decision:
        """Decide whether the listed objects are the complete unit."""

    def blocked(self, unit: Unit) -> Blocked | None:
        """Return why a complete unit cannot start yet, or None."""


@dataclass(frozen=True)
class ReadyUnit:
    """A unit that a run may claim: its item as it stands in the ledger and the objects that make it up."""

    item: LedgerItem
    listing: Listing


@dataclass(frozen=True)
class UnitEvaluator:
    """Evaluates one unit by the rules for its kind and moves it in the ledger."""

    ports: Ports
    timeouts: CompletionTimeouts
    rules_of: Callable[[Unit], Rules]

    def evaluate(self, item: LedgerItem) -> ReadyUnit | None:
        """Evaluate a unit that is not being processed; return it when a run may claim it now."""
        now, rules, listing = self.ports.clock(), self.rules_of(item.unit), Listing(())
        try:
            if self._still_blocked(item, rules, now):
                return None
            listing = rules.list_objects(item.unit)
            if _is_unchanged(item, listing) or self._is_same_upload(item, listing):
                self._skip_unchanged(item, now)
                return None
            decision = rules.decide(item, listing, self.timeouts, now)
        except BadInputError as error:
            decision = Quarantine(Reason(error.reason_code), error.message, error.details)
        match decision:
            case Complete():
                return self._make_ready(item, listing, rules.blocked(item.unit), now)
            case Wait(until):
                self._update(item, {"status": Status.RECEIVING.value, **self._check_while_waiting(item, until, now)})
            case FanOut() as fan_out:
                self._fan_out(item, listing, fan_out, now)
            case Quarantine() as quarantine:
                self._quarantine(item, listing, quarantine, now)
        return None

    def _is_same_upload(self, item: LedgerItem, listing: Listing) -> bool:
        """Whether a unit that ended was uploaded again with the same bytes."""
        same = _is_answered(item) and not item.rerun_requested and is_same_content(self.ports, item, listing)
        if not same:
            return False
        logger().info("uploaded again unchanged", correlation_id=item.unit.correlation_id, objects=len(listing.objects))
        return True

    def _still_blocked(self, item: LedgerItem, rules: Rules, now: int) -> bool:
        """Reschedule a unit that still cannot start, without listing what nothing was added to (decision aws-6)."""
        if item.status is not Status.READY or item.arrived_since_listing or item.rerun_requested:
            return False
        blocked = rules.blocked(item.unit) if item.reason_code else None
        if blocked is None or blocked.reason != item.reason_code:
            return False
        if blocked.depends_on is not None:
            self.ports.ledger.request_rerun(blocked.depends_on, now, now)
        self._update(item, _recheck_blocked(item, now))
        return True

    def _update(self, item: LedgerItem, changes: Changes) -> LedgerItem | None:
        return self.ports.ledger.update(item, changes)

    def _check_while_waiting(self, item: LedgerItem, until: int, now: int) -> Changes:
        return schedule_check(item.unit, next_check_at(now, until, self.timeouts.quiet_period))

    def _skip_unchanged(self, item: LedgerItem, now: int) -> None:
        """Reschedule a unit after a duplicate event, while its study is incomplete or its features are not ingested."""
        if item.status is Status.RECEIVING:
            self._wait_for_rest(item, now)
        elif item.status is Status.PROCESSED:
            self._update(item, schedule_check(item.unit, now + self.timeouts.max_wait) | {"listed_at": now})
        else:
            self._update(item, {**UNSCHEDULED, "listed_at": now})
            if item.unit.is_reference and item.status is Status.COMPLETED:
                self._requeue_blocked(now)

    def _requeue_blocked(self, now: int) -> None:
        """Have samples that wait for a reference checked in the next round instead of at their next check."""
        for unit_id, _ in self.ports.ledger.open_units():
            item = self.ports.ledger.get(unit_id) if unit_id.startswith(f"{Modality.GENOMICS}#") else None
            if item and item.status is Status.READY and item.reason_code == Reason.REFERENCE_NOT_READY:
                self._update(item, schedule_check(item.unit, now))

    def _fan_out(self, item: LedgerItem, listing: Listing, fan_out: FanOut, now: int) -> None:
        for unit in fan_out.units:
            self.ports.ledger.record_arrival(unit, now, now, at_once=True)
        if fan_out.quarantine is not None:
            self._quarantine(item, listing, fan_out.quarantine, now)
            return
        changes = {
            **NO_REASON,
            "status": Status.COMPLETED.value,
            "kind": "note",
            "content_version": listing.content_version,
            "listed_at": now,
            "handled_rerun_at": item.rerun_requested_at,
            **UNSCHEDULED,
        }
        self._update(item, changes)

    def _wait_for_rest(self, item: LedgerItem, now: int) -> None:
        limit = (item.open_since or item.last_arrival) + self.timeouts.max_wait
        if now < limit:
            self._update(item, self._check_while_waiting(item, limit, now))
            return
        changes = {"status": Status.QUARANTINED.value, "quarantined_at": now, "listed_at": now}
        if self._update(item, {**changes, **UNSCHEDULED}):
            self.ports.metrics.count(Metric.UNITS_QUARANTINED, modality=item.unit.modality)

    def _make_ready(self, item: LedgerItem, listing: Listing, blocked: Blocked | None, now: int) -> ReadyUnit | None:
        changes: dict[str, Any] = {
            **NO_REASON,
            "status": Status.READY.value,
            "kind": None,
            "content_version": listing.content_version,
            "objects": len(listing.objects),
            "bytes": listing.bytes,
            "event_time": listing.event_time,
            "listed_at": now,
            "handled_rerun_at": item.rerun_requested_at,
            "ready_at": now,
            **(schedule_check(item.unit, now) if blocked is None else _recheck_blocked(item, now)),
        }
        if blocked is not None:
            changes |= {"reason_code": blocked.reason.value, "reason_message": blocked.message}
        refreshed = self._update(item, changes)
        if refreshed is None:
            return None
        if blocked is not None and blocked.depends_on is not None:
            self.ports.ledger.request_rerun(blocked.depends_on, now, now)
        self._announce(item, listing)
        return ReadyUnit(refreshed, listing) if blocked is None else None

    def _announce(self, item: LedgerItem, listing: Listing) -> None:
        if item.status is not Status.READY:
            self.ports.metrics.count(Metric.UNITS_READY, modality=item.unit.modality)
        logger().info(
            "unit ready",
            correlation_id=item.unit.correlation_id,
            content_version=listing.content_version,
            objects=len(listing.objects),
        )

    def _quarantine(self, item: LedgerItem, listing: Listing, quarantine: Quarantine, now: int) -> None:
        changes: Changes = {
            "status": Status.QUARANTINED.value,
            "reason_code": quarantine.reason.value,
            "reason_message": quarantine.message,
            "reason_details": quarantine.details,
            # Nothing of this content was processed: the next evaluation decides anew.
            "content_version": None,
            "objects": len(listing.objects),
            "bytes": listing.bytes,
            "listed_at": now,
            "handled_rerun_at": item.rerun_requested_at,
            "quarantined_at": now,
            **UNSCHEDULED,
        }
        if self._update(item, changes):
            self.ports.metrics.count(Metric.UNITS_QUARANTINED, modality=item.unit.modality)
            logger().warning(
                "unit quarantined", correlation_id=item.unit.correlation_id, reason_code=quarantine.reason.value
            )


def _recheck_blocked(item: LedgerItem, now: int) -> Changes:
    waited = now - (item.waiting_since or now)
    return schedule_check(item.unit, now + min(max(waited // 4, BLOCKED_RECHECK_SECONDS), MAX_BLOCKED_RECHECK_SECONDS))


def _is_unchanged(item: LedgerItem, listing: Listing) -> bool:
    waits_for_rest = item.reason_code == Reason.INCOMPLETE_STUDY and item.status is Status.RECEIVING
    same = item.content_version == listing.content_version and not item.rerun_requested
    return same and (_is_answered(item) or waits_for_rest)


def _is_answered(item: LedgerItem) -> bool:
    return item.status in END_STATUSES or item.status is Status.PROCESSED
