"""Record how a run ended for a unit, read from the result objects that its job wrote."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.evaluate import NO_REASON
from multimodal.ledger.ports import Changes, ObjectStore, Ports
from multimodal.ledger.text import cut_at_word
from multimodal.ledger.unit import LedgerItem, Status, Unit, schedule_after_end, schedule_check
from multimodal.observability import Metric, logger

GOOD_STATUSES = frozenset({Status.PROCESSED, Status.COMPLETED})

INGEST_RECHECK_SECONDS = 900

_METRICS = {
    Status.PROCESSED: Metric.UNITS_PROCESSED,
    Status.QUARANTINED: Metric.UNITS_QUARANTINED,
    Status.FAILED: Metric.UNITS_FAILED,
    Status.COMPLETED: Metric.UNITS_COMPLETED,
}

_COUNTED = {
    "rows": Metric.ROWS_READ,
    "rejected_rows": Metric.ROWS_REJECTED,
    "unchanged": Metric.RECORDS_UNCHANGED,
    "held": Metric.TABLES_HELD,
}
"""Counts of a table that are metrics too."""

_SHORTAGES = {
    Reason.QUOTA: ("SageMaker.ResourceLimitExceeded", "SageMaker.Throttling", "Throttling"),
    Reason.CAPACITY: ("CapacityError", "InternalServerError"),
}
"""How the reasons of jobs begin that no machine was found for: no fault of the unit, and no attempt (`aws-5`).

`CapacityError: Unable to provision requested ML compute capacity` is a failure reason of a job; the others are the
names that Step Functions gives to errors of CreateProcessingJob.
"""

SHORTAGE_RECHECK_SECONDS = 1800

_TRIES = 5

MAX_MESSAGE = 500
"""Longest reason message kept in the ledger, in characters."""

_FILES = frozenset({"file", "files"})
"""Names that stay in `rejection.json`, beside the patient's results: files may be called by the patient (`prove-3`)."""


@dataclass(frozen=True)
class Outcome:
    """The status a unit gets, why when it has no features, what quality control warns of, and a table's counts."""

    status: Status
    reason: str | None = None
    message: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    warnings: Sequence[str] = ()


def belongs_to_run(document: Mapping[str, Any] | None, run_id: str | None) -> bool:
    """Whether a result was written by the given run and is not left over from an earlier one."""
    return document is not None and run_id is not None and (document.get("run") or {}).get("run_id") == run_id


def missing_artifacts(processed: ObjectStore, unit: Unit, document: Mapping[str, Any]) -> list[str]:
    """Return the names of files that a result lists and that are not in ProcessedBucket with their size.

    SageMaker uploads the files of a job in no promised order, and an upload may break off: `features.json` alone does
    not say that the volumes are there (decision `aws-13`).

    Parameters
    ----------
    processed : ObjectStore
        ProcessedBucket; it is listed, and only when the result lists files.
    unit : Unit
        Whose result it is.
    document : mapping
        The result, with `artifacts`: `name`, `bytes` and `sha256` of each other file. Without, nothing is missing.
    """
    listed = document.get("artifacts") or []
    if not listed:
        return []
    sizes = {found.key: found.size for found in processed.objects_under(unit.result_folder)}
    return [file["name"] for file in listed if sizes.get(unit.result_key(file["name"])) != file["bytes"]]


def quality_warnings(result: Mapping[str, Any]) -> list[str]:
    """Return what quality control warns of in a `features.json` (codes) or a `run.json` (sentences): `page-6`."""
    parts = (result.get(name) for name in ("qc", "library"))
    return [str(warning) for part in parts if isinstance(part, Mapping) for warning in part.get("warnings") or ()]


def outcome_of(
    features: Mapping[str, Any] | None, rejection: Mapping[str, Any] | None, run_id: str | None
) -> Outcome | None:
    """Return what the run decided for a unit, or None when it wrote no result.

    Parameters
    ----------
    features, rejection : mapping or None
        The final result (`features.json`, `run.json`) and `rejection.json` as they are in ProcessedBucket, from
        whichever run.
    run_id : str or None
        The run whose results count.
    """
    if features is not None and belongs_to_run(features, run_id):
        return Outcome(Status.PROCESSED, warnings=quality_warnings(features))
    if rejection is None or not belongs_to_run(rejection, run_id):
        return None
    reason = str(rejection.get("reason_code", "UNKNOWN"))
    waits = reason == Reason.INCOMPLETE_STUDY
    message = cut_at_word(str(rejection.get("message", "")), MAX_MESSAGE)
    given = (rejection.get("details") or {}).items()
    details = {key: value for key, value in given if key not in _FILES or isinstance(value, int)}
    return Outcome(Status.RECEIVING if waits else Status.QUARANTINED, reason, message, details)


def outcome_without_result(completed: bool, reason: str) -> Outcome:
    """Return the outcome of a unit whose job ended and wrote no result; `reason` says why a job failed."""
    shortage = next((code for code, starts in _SHORTAGES.items() if not completed and reason.startswith(starts)), None)
    if shortage:
        message = f"waits for the account's quota or for AWS's capacity and is tried again: {reason}"
        return Outcome(Status.READY, shortage, cut_at_word(message, MAX_MESSAGE))
    if completed:
        message = "the job succeeded but its result is missing or incomplete; look at the job's log, then retry"
        return Outcome(Status.FAILED, Reason.RESULT_MISSING, message)
    return Outcome(Status.FAILED, Reason.JOB_FAILED, cut_at_word(f"the job failed: {reason}", MAX_MESSAGE))


def outcome_line(job_name: str, statuses: Counter[Status | None]) -> str:
    """Summarize a job's units in one line."""
    good = sum(statuses[s] for s in GOOD_STATUSES)
    return f"{job_name} processed={good} quarantined={statuses[Status.QUARANTINED]} failed={statuses[Status.FAILED]}"


@dataclass(frozen=True)
class OutcomeRecorder:
    """Reads a unit's results and moves the unit out of PROCESSING."""

    ports: Ports

    def result_of(self, item: LedgerItem) -> Outcome | None:
        """Return what the item's present run decided; None when it wrote no result, or not all of its files."""
        unit = item.unit
        if unit.is_table:
            # Its own run says how it ended, and does so last.
            return None
        # A built reference has no document of its run: that its job ended well says enough.
        result = None if unit.is_reference else self._document(unit, unit.result_name)
        if not belongs_to_run(result, item.run_id):
            return outcome_of(None, self._document(unit, "rejection.json"), item.run_id)
        if result and missing_artifacts(self.ports.processed, unit, result):
            return None  # the job is over, so that what is missing will not come
        return outcome_of(result, None, item.run_id)

    def _document(self, unit: Unit, name: str) -> Mapping[str, Any] | None:
        """Return a document of a result; one that cannot be read is none, or its unit would never end."""
        try:
            found = self.ports.processed.read_json(unit.result_key(name))
        except (ValueError, BadInputError) as error:
            logger().error(
                "result cannot be read", correlation_id=unit.correlation_id, document=name, error=type(error).__name__
            )
            return None
        return found if isinstance(found, dict) else None

    def record_outcome(self, unit_id: str, run: str, otherwise: Outcome) -> Status | None:
        """Record how a run ended for a unit; `otherwise` is its outcome when the run wrote no result.

        Returns
        -------
        Status or None
            The status the unit has now as far as this run is concerned; None when another run holds it.
        """
        for _ in range(_TRIES):
            item = self.ports.ledger.get(unit_id)
            if item is None or item.run_id != run:
                return None
            if item.status is not Status.PROCESSING:
                return item.status
            outcome = self.result_of(item) or otherwise
            if self.ports.ledger.update(item, self._changes(item, outcome)):
                return self._announce(item, outcome)
        return Status.PROCESSING

    def _changes(self, item: LedgerItem, outcome: Outcome) -> Changes:
        now = self.ports.clock()
        changes = {
            **NO_REASON,
            "status": outcome.status.value,
            "lease_until": None,
            "lost_runs": None,
            "warnings": list(outcome.warnings) or None,
            **_next_check(item, outcome, now),
        }
        if outcome.status in _METRICS:
            changes[f"{outcome.status.value.lower()}_at"] = now
        if outcome.counts:
            changes["counts"] = dict(outcome.counts)
        if outcome.reason:
            changes |= {
                "reason_code": outcome.reason,
                "reason_message": outcome.message,
                "reason_details": outcome.details,
            }
        return changes

    def _announce(self, item: LedgerItem, outcome: Outcome) -> Status:
        modality = item.unit.modality
        if outcome.status in _METRICS:
            self.ports.metrics.count(_METRICS[outcome.status], modality=modality)
        for name in _COUNTED.keys() & outcome.counts.keys():
            self.ports.metrics.count(_COUNTED[name], outcome.counts[name], modality)
        if outcome.status is Status.COMPLETED:  # a table, whose records the run wrote itself, or a reference
            self.ports.metrics.count(Metric.UNITS_PROCESSED, modality=modality)
        if item.unit.is_table and outcome.status is Status.COMPLETED:
            self.ports.metrics.count(
                Metric.UPLOAD_TO_FEATURE_SECONDS, max(self.ports.clock() - item.last_arrival, 0), modality
            )
        logger().info(
            "outcome recorded",
            correlation_id=item.unit.correlation_id,
            status=outcome.status.value,
            reason_code=outcome.reason,
            run_id=item.run_id,
        )
        return outcome.status


def _next_check(item: LedgerItem, outcome: Outcome, now: int) -> Changes:
    if outcome.reason in _SHORTAGES:
        return schedule_check(item.unit, now + SHORTAGE_RECHECK_SECONDS)
    if outcome.status in {Status.QUARANTINED, Status.FAILED} or (
        item.unit.is_table and outcome.status is Status.COMPLETED
    ):
        return schedule_after_end(item, now)
    if outcome.status in {Status.COMPLETED, Status.READY}:
        # A reference is built: the next round requeues the samples that wait for it. Or the run found other content.
        return schedule_check(item.unit, now)
    if item.arrived_since_listing or item.rerun_requested or outcome.reason == Reason.INCOMPLETE_STUDY:
        return schedule_check(item.unit, now)
    return schedule_check(item.unit, now + INGEST_RECHECK_SECONDS)
