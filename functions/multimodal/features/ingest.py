"""Final results into Feature Store, once per content."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from multimodal.features.group import (
    FeatureGroupSpec,
    FeatureRecords,
    Record,
    RecordMaker,
    parse_json,
    record_hash,
    valid_document,
)
from multimodal.ledger.errors import BadInputError, RetryableError
from multimodal.ledger.evaluate import NO_REASON
from multimodal.ledger.outcome import belongs_to_run, missing_artifacts, quality_warnings
from multimodal.ledger.ports import Ports
from multimodal.ledger.unit import LedgerItem, Status, Unit, schedule_after_end, unit_of_result
from multimodal.observability import Metric, logger

_TRIES = 5

_UPLOAD_PAUSES = (1.0, 2.0, 4.0)
"""Seconds between looks for files of a result: a job uploads all within seconds, in no promised order."""


@dataclass(frozen=True)
class FeatureIngest:
    """Writes a unit's record to its feature group; `makers` has what makes the records of each modality."""

    ports: Ports
    features: FeatureRecords
    makers: Mapping[str, RecordMaker]
    sleep: Callable[[float], None] = time.sleep

    def ingest(self, key: str) -> None:
        """Ingest the final result at `key`; a content that was ingested before changes nothing.

        Raises
        ------
        RetryableError
            When a service is busy, or the ledger does not know the unit yet.
        """
        unit = unit_of_result(key)
        item = self.ports.ledger.get(unit.unit_id) if unit else None
        if unit is None or item is None:
            logger().warning("features without a unit in the ledger are left alone", key_depth=key.count("/"))
            return
        try:
            self._ingest(unit, item, key)
        except BadInputError as error:
            self._quarantine(item, error)

    def _ingest(self, unit: Unit, item: LedgerItem, key: str) -> None:
        maker = self.makers[unit.modality]
        found = parse_json(self.ports.processed.read_text(key), unit.result_name)
        document = (
            None if _is_of_another_run(item, found) else valid_document(maker.document_model, found, unit.result_name)
        )
        if document is None or not _is_awaited(item, document):
            # A second delivery, or the late result of a superseded run: the record in the store is newer.
            logger().info("features not awaited", correlation_id=unit.correlation_id, status=item.status.value)
            return
        self._require_artifacts(unit, document)
        made = [maker.make(item, document, key), *maker.beside(item, document, key)]
        digest = "+".join(record_hash(record, self.features.identity(spec.name)) for spec, record in made)
        if item.record_hash != digest:
            self._write(unit, made)
        self._complete(item, document, digest, made[0][0].name)

    def _require_artifacts(self, unit: Unit, document: Mapping[str, Any]) -> None:
        """Wait a little for the other files of the result; later ones are waited for by another delivery."""
        missing = missing_artifacts(self.ports.processed, unit, document)
        for pause in _UPLOAD_PAUSES:
            if not missing:
                return
            self.sleep(pause)
            missing = missing_artifacts(self.ports.processed, unit, document)
        if missing:
            raise RetryableError(
                f"the result's {', '.join(missing)} are missing or incomplete; they will be looked for again"
            )

    def _write(self, unit: Unit, made: Sequence[tuple[FeatureGroupSpec, Record]]) -> None:
        self.features.write([(spec.name, record) for spec, record in made])
        for spec, record in made:
            self.ports.metrics.count(Metric.FEATURE_RECORDS_WRITTEN, modality=unit.modality)
            logger().info("record written", correlation_id=unit.correlation_id, features=len(record), group=spec.name)

    def _complete(self, read: LedgerItem, document: Mapping[str, Any], digest: str, group: str) -> None:
        item: LedgerItem | None = read
        for _ in range(_TRIES):
            if item is None or not _is_awaited(item, document):
                return
            now = self.ports.clock()
            changes = {
                **NO_REASON,
                "status": Status.COMPLETED.value,
                "completed_at": now,
                "record_hash": digest,
                "feature_group": group,
                "lease_until": None,
                "lost_runs": None,
                # The job's end, which has them too, may be recorded later, and is then left as it is here.
                "warnings": quality_warnings(document) or None,
                **schedule_after_end(item, now),
            }
            if self.ports.ledger.update(item, changes):
                self._announce(item, now)
                return
            item = self.ports.ledger.get(item.unit_id)
        raise RetryableError("the ledger item kept changing; the message will be delivered again")

    def _announce(self, item: LedgerItem, now: int) -> None:
        modality = item.unit.modality
        if item.status is Status.PROCESSING:
            # The features came before the job's end was recorded: the unit passed PROCESSED unseen.
            self.ports.metrics.count(Metric.UNITS_PROCESSED, modality=modality)
        self.ports.metrics.count(Metric.UNITS_COMPLETED, modality=modality)
        self.ports.metrics.count(Metric.UPLOAD_TO_FEATURE_SECONDS, max(now - item.last_arrival, 0), modality)
        logger().info("unit completed", correlation_id=item.unit.correlation_id, run_id=item.run_id)

    def _quarantine(self, item: LedgerItem, error: BadInputError) -> None:
        """Quarantine the item as it was read: when it moved meanwhile, the message is delivered again."""
        if item.status not in {Status.PROCESSING, Status.PROCESSED}:
            return
        now = self.ports.clock()
        changes = {
            "status": Status.QUARANTINED.value,
            "reason_code": error.reason_code,
            "reason_message": error.message,
            "reason_details": error.details,
            "quarantined_at": now,
            "lease_until": None,
            **schedule_after_end(item, now),
        }
        if not self.ports.ledger.update(item, changes):
            raise RetryableError("the ledger item changed meanwhile; the message will be delivered again")
        self.ports.metrics.count(Metric.UNITS_QUARANTINED, modality=item.unit.modality)
        logger().warning("features rejected", correlation_id=item.unit.correlation_id, reason_code=error.reason_code)


def _is_awaited(item: LedgerItem, document: Mapping[str, Any]) -> bool:
    """Whether these features are the result of the unit's present run and not ingested yet."""
    return (
        item.status in {Status.PROCESSING, Status.PROCESSED}
        and isinstance(document, Mapping)
        and belongs_to_run(document, item.run_id)
    )


def _is_of_another_run(item: LedgerItem, document: object) -> bool:
    """Whether a result names a run, and not the unit's present one: whatever else it says does not matter."""
    match document:
        case {"run": {"run_id": str(run)}}:
            return run != item.run_id
    return False
