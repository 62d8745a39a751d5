"""Claim units for a run: a lease in the ledger, then the run's documents in ProcessedBucket."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from multimodal.ledger.evaluate import NO_REASON, ReadyUnit
from multimodal.ledger.ports import Ports
from multimodal.ledger.run_paths import RunPaths, listing_document
from multimodal.ledger.unit import LedgerItem, Status, schedule_check
from multimodal.observability import Metric, logger

LEASE_SECONDS = 900
"""How long a claim holds before `sweep` asks whether its run still exists. A run still at work gets another lease."""


@dataclass(frozen=True)
class PlannedUnit:
    """A unit that was claimed for a run."""

    unit_id: str
    dataset: str
    subject: str
    study: str
    content_version: str
    attempt: int
    objects: int
    bytes: int
    listing_key: str


def run_id(units: Sequence[tuple[str, str, int]]) -> str:
    """Name of a run from the (unit id, content_version, attempt) of its units, in any order."""
    lines = [f"{unit_id}\t{content_version}\t{attempt}\n" for unit_id, content_version, attempt in sorted(units)]
    return f"run-{hashlib.sha256(''.join(lines).encode()).hexdigest()[:16]}"


class Starter(Protocol):
    """Starts ready units of one pipeline."""

    def start(self, ready: Sequence[ReadyUnit]) -> list[str]:
        """Claim and start units; return the names of the runs that were started."""

    def is_running(self, run_id: str) -> bool:
        """Return whether a run is still at work; False also when it never started."""


@dataclass(frozen=True)
class UnitClaims:
    """Takes units for a run.

    Two claimers cannot take the same unit: the claim is a write on the condition that the item is as it was read.
    """

    ports: Ports

    def name_of(self, ready: Sequence[ReadyUnit]) -> str:
        """Return the deterministic name of a run over these units."""
        return run_id([(r.item.unit_id, r.listing.content_version, r.item.attempt + 1) for r in ready])

    def claim(
        self,
        run: str,
        ready: Sequence[ReadyUnit],
        missing_subjects: Sequence[str] = (),
        not_started: Sequence[str] = (),
    ) -> list[PlannedUnit]:
        """Claim units and write `plan.json`; return those that were claimed.

        Parameters
        ----------
        run : str
            Name of the run.
        ready : sequence of ReadyUnit
            Candidates; those that another process moved meanwhile are left out.
        missing_subjects, not_started : sequence of str
            Subjects and unit ids that were requested and are not in the run: it does not end as a success.
        """
        planned = [p for p in self.ports.parallel_map(lambda r: self._claim_one(run, r), ready) if p is not None]
        plan = {
            "schema": 1,
            "run_id": run,
            "units": [asdict(p) for p in planned],
            "missing_subjects": list(missing_subjects),
            "not_started": list(not_started),
        }
        self.ports.processed.write_json(RunPaths(run).plan, plan)
        return planned

    def _claim_one(self, run: str, ready: ReadyUnit) -> PlannedUnit | None:
        if not self._take_lease(run, ready.item):
            return None
        unit, listing = ready.item.unit, ready.listing
        key = RunPaths(run).listing(unit.correlation_id)
        self.ports.processed.write_json(key, listing_document(unit, listing))
        return PlannedUnit(
            unit_id=unit.unit_id,
            dataset=unit.dataset,
            subject=unit.subject,
            study=unit.study,
            content_version=listing.content_version,
            attempt=ready.item.attempt + 1,
            objects=len(listing.objects),
            bytes=listing.bytes,
            listing_key=key,
        )

    def _take_lease(self, run: str, item: LedgerItem) -> bool:
        now = self.ports.clock()
        lease_until = now + LEASE_SECONDS
        changes = {
            **NO_REASON,
            "status": Status.PROCESSING.value,
            "run_id": run,
            "attempt": item.attempt + 1,
            "lease_until": lease_until,
            "waiting_since": None,
            "processing_at": now,
            **schedule_check(item.unit, lease_until),
        }
        claimed = self.ports.ledger.update(item, changes) is not None
        if claimed:
            self.ports.metrics.count(Metric.UNITS_STARTED, modality=item.unit.modality)
            if item.attempt:
                self.ports.metrics.count(Metric.UNITS_RETRIED, modality=item.unit.modality)
            logger().info("unit claimed", correlation_id=item.unit.correlation_id, run_id=run)
        return claimed
