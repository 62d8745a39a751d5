"""Start what is ready: one run for all studies, one job for each case and each reference."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Protocol

from multimodal.ledger.evaluate import NO_REASON, ReadyUnit
from multimodal.ledger.ports import Clock, Ledger, Metrics, ObjectStore, ParallelMap
from multimodal.ledger.run import PlannedUnit, RunPaths, listing_document, run_id
from multimodal.ledger.schedule import schedule_check
from multimodal.ledger.unit import Status
from multimodal.observability import Metric, logger


class Starter(Protocol):
    """Starts ready units of one modality."""

    def __call__(self, ready: Sequence[ReadyUnit]) -> list[str]:
        """Claim and start units; return the names of the runs that were started."""

    def is_running(self, run_id: str) -> bool:
        """Return whether a run is still at work; False also when it never started."""


LEASE_SECONDS = 900
"""How long a claim holds before ``sweep`` asks what became of it. A run still at work gets another lease."""


class UnitClaims:
    """Takes units for a run: a lease in the ledger, then the run's plan in ProcessedBucket.

    Two claimers cannot take the same unit: the claim is a write on the condition that the item is as it was read.
    """

    def __init__(
        self, ledger: Ledger, processed: ObjectStore, clock: Clock, meter: Metrics, spread: ParallelMap = map
    ) -> None:
        self._ledger, self._processed, self._clock, self._meter = ledger, processed, clock, meter
        self._spread = spread

    def name_of(self, ready: Sequence[ReadyUnit]) -> str:
        """Return the deterministic name of a run over these units."""
        return run_id([(r.item.unit_id, r.listing.content_version, r.item.attempt + 1) for r in ready])

    def __call__(
        self,
        run: str,
        ready: Sequence[ReadyUnit],
        missing_subjects: Sequence[str] = (),
        not_started: Sequence[str] = (),
    ) -> list[PlannedUnit]:
        """Claim units and write ``plan.json``; return those that were claimed.

        Parameters
        ----------
        run : str
            Name of the run.
        ready : sequence of ReadyUnit
            Candidates; those that somebody else moved meanwhile are left out.
        missing_subjects, not_started : sequence of str
            Subjects and unit ids that were asked for and are not in the run: it does not end as a success.
        """
        planned = [p for p in self._spread(lambda r: self._take(run, r), ready) if p is not None]
        plan = {
            "schema": 1,
            "run_id": run,
            "units": [asdict(p) for p in planned],
            "missing_subjects": list(missing_subjects),
            "not_started": list(not_started),
        }
        self._processed.write_json(RunPaths(run).plan, plan)
        return planned

    def _take(self, run: str, ready: ReadyUnit) -> PlannedUnit | None:
        return self._store_listing(run, ready) if self._claim(run, ready) else None

    def _claim(self, run: str, ready: ReadyUnit) -> bool:
        item, now = ready.item, self._clock()
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
        claimed = self._ledger.update(item, changes)
        if claimed:
            self._meter(Metric.UNITS_STARTED, modality=item.unit.modality)
            logger().info("unit claimed", correlation_id=item.unit.correlation_id, run_id=run)
        return claimed

    def _store_listing(self, run: str, ready: ReadyUnit) -> PlannedUnit:
        unit, listing = ready.item.unit, ready.listing
        key = RunPaths(run).listing(unit.correlation_id)
        self._processed.write_json(key, listing_document(unit, listing))
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
