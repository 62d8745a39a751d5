"""The scheduled reconciler: check every unit whose check is due and start those that are ready."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from multimodal.ledger.claim import LEASE_SECONDS, Starter
from multimodal.ledger.errors import MultimodalError, Reason, RetryableError
from multimodal.ledger.evaluate import ReadyUnit, UnitEvaluator
from multimodal.ledger.outcome import Outcome, OutcomeRecorder
from multimodal.ledger.ports import BatchJobs, Ports
from multimodal.ledger.unit import TABLES, LedgerItem, Modality, Status, schedule_check
from multimodal.observability import TABLE_METRICS, Metric, logger

MAX_CHECKS = 2000
"""Most units checked in one round; the rest are still due in the next."""

MAX_LOST_RUNS = 3
"""A unit whose run vanished without a result this often is FAILED and needs an operator."""

POSTPONE_SECONDS = 900
"""A unit whose check failed is checked again after this long."""


LEASE_NAME, ROUND_SECONDS = "lease#sweep", 250
"""Rounds exclude each other by a lease in the ledger, for as long as the function may run (docs/decisions.md#aws-1)."""


@dataclass(frozen=True)
class _Check:
    """The result of checking a unit."""

    ready: ReadyUnit | None = None
    failed: bool = False


@dataclass(frozen=True)
class Sweep:
    """One round over the units whose check is due; `starters` has what starts the units of each pipeline.

    `announce` tells feature ingest of a result by its key; the jobs of `batch` are counted. While `paused`, nothing is
    checked and nothing starts; what is due stays so.
    """

    ports: Ports
    evaluator: UnitEvaluator
    recorder: OutcomeRecorder
    starters: Mapping[str, Starter]
    announce: Callable[[str], None]
    batch: BatchJobs
    paused: bool = False

    def run(self, time_is_left: Callable[[], bool]) -> dict[str, int | str | None]:
        """Check due units while time is left, start what is ready, and report; do nothing beside another round.

        Parameters
        ----------
        time_is_left : callable
            False when the round should end and start what it has.

        Raises
        ------
        MultimodalError
            When units could not be started, or every check failed: the fault is not a unit's.
        """
        holder, now = uuid4().hex, self.ports.clock()
        if not self.ports.ledger.take_lease(LEASE_NAME, holder, now, now + ROUND_SECONDS):
            logger().info("another round is at work")
            return {"due": 0, "started": 0, "run_id": None, "jobs": 0, "tables": 0, "waiting": None}
        try:
            return self._run_round(time_is_left)
        finally:
            self.ports.ledger.release_lease(LEASE_NAME, holder)

    def _run_round(self, time_is_left: Callable[[], bool]) -> dict[str, int | str | None]:
        due = [] if self.paused else self.ports.ledger.due(self.ports.clock(), MAX_CHECKS)
        checks = list(self.ports.parallel_map(lambda unit_id: self._guarded_check(unit_id, time_is_left), due))
        ready = [check.ready for check in checks if check.ready]
        faults: list[MultimodalError] = []
        runs = {pipeline: self._start(pipeline, units, faults) for pipeline, units in _by_pipeline(ready).items()}
        waiting = self._measure()
        if faults:
            raise faults[0]
        if checks and all(check.failed for check in checks):
            raise RetryableError(f"all {len(checks)} unit checks failed; see the log")
        run = next(iter(runs.get(Modality.IMAGING, ())), None)
        jobs, tables = (len(runs.get(pipeline, ())) for pipeline in (Modality.GENOMICS.value, TABLES))
        started = sum(not r.item.unit.is_table for r in ready) + tables
        return {"due": len(due), "started": started, "run_id": run, "jobs": jobs, "tables": tables, "waiting": waiting}

    def _guarded_check(self, unit_id: str, time_is_left: Callable[[], bool]) -> _Check:
        """Check one unit; whatever is wrong with it must not end the round for all others."""
        if not time_is_left():
            return _Check()
        try:
            item = self.ports.ledger.get(unit_id)
            return _Check(self._check_unit(item) if item else None)
        except Exception as error:  # noqa: BLE001 – logged, counted, postponed, and raised if no check succeeds
            return self._postpone(unit_id, error)

    def _postpone(self, unit_id: str, error: Exception) -> _Check:
        logger().error("evaluation failed", error=type(error).__name__, reason=str(error)[:500])
        self.ports.metrics.count(Metric.EVALUATIONS_FAILED, modality=_modality_of(unit_id))
        with suppress(RetryableError):
            item = self.ports.ledger.get(unit_id)
            if item is not None:
                self.ports.ledger.update(item, schedule_check(item.unit, self.ports.clock() + POSTPONE_SECONDS))
        return _Check(failed=True)

    def _check_unit(self, item: LedgerItem) -> ReadyUnit | None:
        if item.status is Status.PROCESSING:
            self._check_lease(item)
            return None
        if item.status is Status.PROCESSED and not (item.arrived_since_listing or item.rerun_requested):
            # Nothing else is due of such a unit: the event of its result was lost (docs/decisions.md#ledger-12).
            logger().warning("result not ingested, announced again", correlation_id=item.unit.correlation_id)
            self.announce(item.unit.result_key(item.unit.result_name))
        return self.evaluator.evaluate(item)

    def _check_lease(self, item: LedgerItem) -> None:
        """Check a claim: still held, run still at work, or lost."""
        now = self.ports.clock()
        if item.lease_until > now:
            self.ports.ledger.update(item, schedule_check(item.unit, item.lease_until))
        elif item.run_id and self.starters[item.unit.pipeline].is_running(item.run_id):
            lease_until = now + LEASE_SECONDS
            self.ports.ledger.update(item, {"lease_until": lease_until, **schedule_check(item.unit, lease_until)})
        elif self.recorder.result_of(item) is None and item.lost_runs + 1 < MAX_LOST_RUNS:
            self._release_claim(item, now)
        else:
            message = f"{MAX_LOST_RUNS} runs ended without a result; look at the executions' errors, then retry"
            lost = Outcome(Status.FAILED, Reason.RUN_LOST, message, {"run_id": item.run_id})
            self.recorder.record_outcome(item.unit_id, str(item.run_id), lost)

    def _release_claim(self, item: LedgerItem, now: int) -> None:
        logger().warning("run lost, unit ready again", correlation_id=item.unit.correlation_id, run_id=item.run_id)
        changes = {"status": Status.READY.value, "lost_runs": item.lost_runs + 1, "lease_until": None}
        self.ports.ledger.update(item, changes | schedule_check(item.unit, now))

    def _start(self, pipeline: str, ready: Sequence[ReadyUnit], faults: list[MultimodalError]) -> list[str]:
        """Start a pipeline's units; trouble with one pipeline's service does not keep the others from starting."""
        try:
            return self.starters[pipeline].start(ready)
        except MultimodalError as error:
            # Units that were claimed are released when their lease ends.
            faults.append(error)
            return []

    def _measure(self) -> int:
        now, since = self.ports.clock(), {modality.value: list[int]() for modality in Modality}
        for unit_id, first_seen in self.ports.ledger.open_units():
            since.setdefault(_modality_of(unit_id), []).append(first_seen)
        for modality, times in since.items():
            self.ports.metrics.count(Metric.UNITS_INCOMPLETE, len(times), modality)
            age = max(now - min(times), 0) if times else 0
            self.ports.metrics.count(Metric.OLDEST_INCOMPLETE_UNIT_SECONDS, age, modality)
            for metric in (*_SAID_WHEN_NONE, *(() if modality == Modality.IMAGING else TABLE_METRICS)):
                self.ports.metrics.count(metric, 0, modality)
        self._measure_queue(is_used=bool(since[Modality.GENOMICS.value]))
        return sum(len(times) for times in since.values())

    def _measure_queue(self, *, is_used: bool) -> None:
        try:
            jobs = self.batch.count_open() if is_used else {}
        except MultimodalError as error:  # a number on the dashboard is no reason to end a round
            logger().warning("jobs not counted", reason=str(error)[:500])
            return
        for metric, states in _BATCH_STATES.items():
            self.ports.metrics.count(metric, sum(jobs.get(state, 0) for state in states), Modality.GENOMICS)


_BATCH_STATES = {
    Metric.BATCH_JOBS_WAITING: ("SUBMITTED", "PENDING", "RUNNABLE"),
    Metric.BATCH_JOBS_STARTING: ("STARTING",),
    Metric.BATCH_JOBS_RUNNING: ("RUNNING",),
}
"""States of AWS Batch that each metric counts (`stack-8`)."""
_SAID_WHEN_NONE = (Metric.UNITS_RETRIED, Metric.UNITS_QUARANTINED, Metric.UNITS_FAILED, Metric.EVALUATIONS_FAILED)
"""Counted as 0 every minute, so that the dashboard says "none" and not "no data" (`page-3`)."""


def _by_pipeline(ready: Iterable[ReadyUnit]) -> Mapping[str, Sequence[ReadyUnit]]:
    found: dict[str, list[ReadyUnit]] = {}
    for unit in ready:
        found.setdefault(unit.item.unit.pipeline, []).append(unit)
    return found


def _modality_of(unit_id: str) -> str:
    return unit_id.split("#", 1)[0]
