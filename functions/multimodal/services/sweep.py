"""The minute's round: look at every unit whose look is due and start one run for all that are ready."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from multimodal.domain.errors import RetryableError
from multimodal.domain.reasons import Reason
from multimodal.domain.results import Outcome
from multimodal.domain.units import LedgerItem, Status
from multimodal.observability import Metric, logger
from multimodal.ports import Clock, Ledger, Meter, Runs, Spread
from multimodal.services.due import look_at
from multimodal.services.review_unit import ReadyUnit, ReviewUnit
from multimodal.services.settle_unit import SettleUnit
from multimodal.services.start_run import LEASE_SECONDS, ClaimUnits

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
    """One round over the units that are due."""

    def __init__(
        self,
        ledger: Ledger,
        runs: Runs,
        clock: Clock,
        meter: Meter,
        review: ReviewUnit,
        claim: ClaimUnits,
        settle: SettleUnit,
        spread: Spread = map,
    ) -> None:
        self._ledger, self._runs, self._clock, self._meter = ledger, runs, clock, meter
        self._review, self._claim, self._settle, self._spread = review, claim, settle, spread

    def __call__(self, time_is_left: Callable[[], bool]) -> dict[str, int | str | None]:
        """Look at due units while time is left, start a run, and report.

        Parameters
        ----------
        time_is_left : callable
            False when the round should end and start what it has.

        Raises
        ------
        RetryableError
            When every look failed: the fault is not a unit's.
        """
        due = self._ledger.due(self._clock(), MAX_LOOKS)
        looks = list(self._spread(lambda unit_id: self._guarded_look(unit_id, time_is_left), due))
        ready = [look.ready for look in looks if look.ready]
        run = self._start(ready)
        waiting = self._measure()
        if looks and all(look.failed for look in looks):
            raise RetryableError(f"all {len(looks)} looks at units failed; see the log")
        return {"due": len(due), "started": len(ready), "run_id": run, "waiting": waiting}

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
        self._meter(Metric.LOOKS_FAILED)
        with suppress(RetryableError):
            item = self._ledger.get(unit_id)
            if item is not None:
                self._ledger.update(item, look_at(item.unit, self._clock() + PUT_OFF_SECONDS))
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
            self._ledger.update(item, look_at(item.unit, item.lease_until))
        elif item.run_id and self._runs.is_running(item.run_id):
            lease_until = now + LEASE_SECONDS
            self._ledger.update(item, {"lease_until": lease_until, **look_at(item.unit, lease_until)})
        elif self._settle.result_of(item) is None and item.lost_runs + 1 < MAX_LOST_RUNS:
            self._take_back(item, now)
        else:
            message = f"{MAX_LOST_RUNS} runs ended without a result; look at the executions' errors, then retry"
            lost = Outcome(Status.FAILED, Reason.RUN_LOST, message, {"run_id": item.run_id})
            self._settle(item.unit_id, str(item.run_id), lost)

    def _take_back(self, item: LedgerItem, now: int) -> None:
        logger().warning("run lost, unit ready again", correlation_id=item.unit.correlation_id, run_id=item.run_id)
        changes = {"status": Status.READY.value, "lost_runs": item.lost_runs + 1, "lease_until": None}
        self._ledger.update(item, changes | look_at(item.unit, now))

    def _start(self, ready: list[ReadyUnit]) -> str | None:
        if not ready:
            return None
        run = self._claim.name_of(ready)
        if not self._claim(run, ready):
            return None
        self._runs.start(run)
        logger().info("run started", run_id=run, units=len(ready))
        return run

    def _measure(self) -> int:
        waiting, oldest = self._ledger.waiting()
        self._meter(Metric.UNITS_INCOMPLETE, waiting)
        age = max(self._clock() - oldest, 0) if oldest is not None else 0
        self._meter(Metric.OLDEST_INCOMPLETE_UNIT_SECONDS, age)
        return waiting
