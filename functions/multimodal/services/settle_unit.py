"""What a run left for a unit, brought into the ledger."""

from multimodal.domain.reasons import Reason
from multimodal.domain.results import Outcome, outcome_of
from multimodal.domain.units import LedgerItem, Status
from multimodal.observability import Metric, logger
from multimodal.ports import Changes, Clock, Ledger, Meter, ObjectStore
from multimodal.services.due import ended, look_at
from multimodal.services.review_unit import NO_REASON

INGEST_RECHECK_SECONDS = 900
_METRICS = {
    Status.PROCESSED: Metric.UNITS_PROCESSED,
    Status.QUARANTINED: Metric.UNITS_QUARANTINED,
    Status.FAILED: Metric.UNITS_FAILED,
    Status.COMPLETED: Metric.UNITS_COMPLETED,
}
_TIMES = {
    Status.PROCESSED: "processed_at",
    Status.QUARANTINED: "quarantined_at",
    Status.FAILED: "failed_at",
    Status.COMPLETED: "completed_at",
}
_COUNTED = {
    "rows": Metric.ROWS_READ,
    "rejected_rows": Metric.ROWS_REJECTED,
    "unchanged": Metric.RECORDS_UNCHANGED,
    "held": Metric.TABLES_HELD,
}
"""Counts of a table that are metrics too."""
_TRIES = 5


class SettleUnit:
    """Reads a unit's results and moves the unit out of PROCESSING.

    Parameters
    ----------
    ledger, processed, clock, meter
        Ports.
    """

    def __init__(self, ledger: Ledger, processed: ObjectStore, clock: Clock, meter: Meter) -> None:
        self._ledger, self._processed, self._clock, self._meter = ledger, processed, clock, meter

    def result_of(self, item: LedgerItem) -> Outcome | None:
        """Return what the item's present run decided, or None when it left no result."""
        unit = item.unit
        if unit.is_table:
            # Its own run says how it ended, and does so last.
            return None
        # A built reference has no document of its run: that its job ended well says enough.
        result = None if unit.is_reference else self._processed.read_json(unit.result_key(unit.result_name))
        rejection = self._processed.read_json(unit.result_key("rejection.json"))
        return outcome_of(result, rejection, item.run_id)

    def __call__(self, unit_id: str, run: str, otherwise: Outcome) -> Status | None:
        """Settle a unit of a run; ``otherwise`` is its outcome when the run left no result.

        Returns
        -------
        Status or None
            The status the unit has now as far as this run is concerned; None when another run holds it.
        """
        for _ in range(_TRIES):
            item = self._ledger.get(unit_id)
            if item is None or item.run_id != run:
                return None
            if item.status is not Status.PROCESSING:
                return item.status
            outcome = self.result_of(item) or otherwise
            if self._ledger.update(item, self._changes(item, outcome)):
                return self._announce(item, outcome)
        return Status.PROCESSING

    def _changes(self, item: LedgerItem, outcome: Outcome) -> Changes:
        now = self._clock()
        changes = {
            **NO_REASON,
            "status": outcome.status.value,
            "lease_until": None,
            "lost_runs": None,
            **self._look(item, outcome, now),
        }
        if outcome.status in _TIMES:
            changes[_TIMES[outcome.status]] = now
        if outcome.counts:
            changes["counts"] = dict(outcome.counts)
        if outcome.reason:
            changes |= {
                "reason_code": outcome.reason,
                "reason_message": outcome.message,
                "reason_details": outcome.details,
            }
        return changes

    def _look(self, item: LedgerItem, outcome: Outcome, now: int) -> Changes:
        if outcome.status in {Status.QUARANTINED, Status.FAILED} or (
            item.unit.is_table and outcome.status is Status.COMPLETED
        ):
            return ended(item, now)
        if outcome.status in {Status.COMPLETED, Status.READY}:
            # A reference is there: the next round tells those that wait for it. Or the run found other content.
            return look_at(item.unit, now)
        if item.arrived_since_listing or item.rerun_requested or outcome.reason == Reason.INCOMPLETE_STUDY:
            return look_at(item.unit, now)
        return look_at(item.unit, now + INGEST_RECHECK_SECONDS)

    def _announce(self, item: LedgerItem, outcome: Outcome) -> Status:
        modality = item.unit.modality
        if outcome.status in _METRICS:
            self._meter(_METRICS[outcome.status], modality=modality)
        for name in _COUNTED.keys() & outcome.counts.keys():
            self._meter(_COUNTED[name], outcome.counts[name], modality)
        if item.unit.is_table and outcome.status is Status.COMPLETED:
            # Its records were written by the run itself.
            self._meter(Metric.UNITS_PROCESSED, modality=modality)
            self._meter(Metric.UPLOAD_TO_FEATURE_SECONDS, max(self._clock() - item.last_arrival, 0), modality)
        logger().info(
            "unit settled",
            correlation_id=item.unit.correlation_id,
            status=outcome.status.value,
            reason_code=outcome.reason,
            run_id=item.run_id,
        )
        return outcome.status
