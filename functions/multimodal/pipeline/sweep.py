"""The minute's round: look at every unit whose look is due and start those that are ready."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from multimodal.ledger.claim import LEASE_SECONDS, Starter
from multimodal.ledger.errors import MultimodalError, RetryableError
from multimodal.ledger.evaluate import ReadyUnit, UnitEvaluator
from multimodal.ledger.outcome import Outcome, OutcomeRecorder
from multimodal.ledger.ports import Clock, Ledger, Metrics, ParallelMap
from multimodal.ledger.reasons import Reason
from multimodal.ledger.schedule import schedule_check
from multimodal.ledger.unit import TABLES, LedgerItem, Modality, Status
from multimodal.observability import Metric, logger

MAX_LOOKS = 2000
"""Most units looked at in one round; the rest are still due in the next."""


MAX_LOST_RUNS = 3
"""A unit whose run vanished without a result this often is FAILED and waits for a person."""


PUT_OFF_SECONDS = 900
"""A unit whose look failed is looked at again after this long."""


@dataclass(frozen=True)
class _Look:
    """What a look came to."""

    ready: ReadyUnit | None = None
    failed: bool = False


class Sweep:
    """One round over the units that are due.

    Parameters
    ----------
    ledger, clock, meter, spread
        Ports.
    review, settle
        What is done with a unit whose look is due, and with one whose run left it.
    starters : mapping
        Pipeline of units → what starts them.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        meter: Metrics,
        review: UnitEvaluator,
        starters: Mapping[str, Starter],
        settle: OutcomeRecorder,
        spread: ParallelMap = map,
    ) -> None:
        self._ledger, self._clock, self._meter = ledger, clock, meter
        self._review, self._starters, self._settle, self._spread = review, starters, settle, spread

    def __call__(self, time_is_left: Callable[[], bool]) -> dict[str, int | str | None]:
        """Look at due units while time is left, start what is ready, and report.

        Parameters
        ----------
        time_is_left : callable
            False when the round should end and start what it has.

        Raises
        ------
        MultimodalError
            When units could not be started, or every look failed: the fault is not a unit's.
        """
        due = self._ledger.due(self._clock(), MAX_LOOKS)
        looks = list(self._spread(lambda unit_id: self._guarded_look(unit_id, time_is_left), due))
        ready = [look.ready for look in looks if look.ready]
        faults: list[MultimodalError] = []
        runs = {pipeline: self._start(pipeline, ready, faults) for pipeline in self._starters}
        waiting = self._measure()
        if faults:
            raise faults[0]
        if looks and all(look.failed for look in looks):
            raise RetryableError(f"all {len(looks)} looks at units failed; see the log")
        run = next(iter(runs[Modality.IMAGING]), None)
        jobs, tables = (len(runs.get(pipeline, ())) for pipeline in (Modality.GENOMICS.value, TABLES))
        started = sum(not r.item.unit.is_table for r in ready) + tables
        return {"due": len(due), "started": started, "run_id": run, "jobs": jobs, "tables": tables, "waiting": waiting}

    def _guarded_look(self, unit_id: str, time_is_left: Callable[[], bool]) -> _Look:
        """Look at one unit; whatever is wrong with it must not end the round for all others."""
        if not time_is_left():
            return _Look()
        try:
            item = self._ledger.get(unit_id)
            return _Look(self._look_at(item) if item else None)
        except Exception as error:  # noqa: BLE001 – logged, metered, put off, and raised if no look succeeds
            return self._put_off(unit_id, error)

    def _put_off(self, unit_id: str, error: Exception) -> _Look:
        logger().error("look failed", error=type(error).__name__, reason=str(error)[:500])
        self._meter(Metric.EVALUATIONS_FAILED, modality=_modality_of(unit_id))
        with suppress(RetryableError):
            item = self._ledger.get(unit_id)
            if item is not None:
                self._ledger.update(item, schedule_check(item.unit, self._clock() + PUT_OFF_SECONDS))
        return _Look(failed=True)

    def _look_at(self, item: LedgerItem) -> ReadyUnit | None:
        if item.status is not Status.PROCESSING:
            return self._review(item)
        self._check_lease(item)
        return None

    def _check_lease(self, item: LedgerItem) -> None:
        """Ask what became of a claim: still held, run still at work, or lost."""
        now = self._clock()
        if item.lease_until > now:
            self._ledger.update(item, schedule_check(item.unit, item.lease_until))
        elif item.run_id and self._starters[item.unit.pipeline].is_running(item.run_id):
            lease_until = now + LEASE_SECONDS
            self._ledger.update(item, {"lease_until": lease_until, **schedule_check(item.unit, lease_until)})
        elif self._settle.result_of(item) is None and item.lost_runs + 1 < MAX_LOST_RUNS:
            self._take_back(item, now)
        else:
            message = f"{MAX_LOST_RUNS} runs ended without a result; look at the executions' errors, then retry"
            lost = Outcome(Status.FAILED, Reason.RUN_LOST, message, {"run_id": item.run_id})
            self._settle(item.unit_id, str(item.run_id), lost)

    def _take_back(self, item: LedgerItem, now: int) -> None:
        logger().warning("run lost, unit ready again", correlation_id=item.unit.correlation_id, run_id=item.run_id)
        changes = {"status": Status.READY.value, "lost_runs": item.lost_runs + 1, "lease_until": None}
        self._ledger.update(item, changes | schedule_check(item.unit, now))

    def _start(self, pipeline: str, ready: Sequence[ReadyUnit], faults: list[MultimodalError]) -> list[str]:
        """Start a pipeline's units; trouble with one pipeline's service does not keep the others from starting."""
        try:
            return self._starters[pipeline]([r for r in ready if r.item.unit.pipeline == pipeline])
        except MultimodalError as error:
            # Units that were claimed are taken back when their lease ends.
            faults.append(error)
            return []

    def _measure(self) -> int:
        now, since = self._clock(), {modality.value: list[int]() for modality in Modality}
        for unit_id, first_seen in self._ledger.open_units():
            since.setdefault(_modality_of(unit_id), []).append(first_seen)
        for modality, times in since.items():
            self._meter(Metric.UNITS_INCOMPLETE, len(times), modality)
            age = max(now - min(times), 0) if times else 0
            self._meter(Metric.OLDEST_INCOMPLETE_UNIT_SECONDS, age, modality)
        return sum(len(times) for times in since.values())


def _modality_of(unit_id: str) -> str:
    return unit_id.split("#", 1)[0]
