"""The minute's round: look at every unit whose look is due and start one run for all that are ready."""

from collections.abc import Callable

from multimodal.domain.reasons import Reason
from multimodal.domain.results import Outcome
from multimodal.domain.units import LedgerItem, Status
from multimodal.observability import Metric, logger
from multimodal.ports import Clock, Ledger, Meter, Runs
from multimodal.services.due import look_at
from multimodal.services.review_unit import ReadyUnit, ReviewUnit
from multimodal.services.settle_unit import SettleUnit
from multimodal.services.start_run import LEASE_SECONDS, ClaimUnits

MAX_LOOKS = 2000
"""Most units looked at in one round; the rest are still due in the next."""
MAX_LOST_RUNS = 3
"""A unit whose run vanished without a result this often is FAILED and waits for a person."""


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
    ) -> None:
        self._ledger, self._runs, self._clock, self._meter = ledger, runs, clock, meter
        self._review, self._claim, self._settle = review, claim, settle

    def __call__(self, time_is_left: Callable[[], bool]) -> dict[str, int | str | None]:
        """Look at due units while time is left, start a run, and report.

        Parameters
        ----------
        time_is_left : callable
            False when the round should end and start what it has.
        """
        ready, looked_at = self._look(time_is_left)
        run = self._start(ready)
        waiting = self._measure()
        return {"looked_at": looked_at, "started": len(ready), "run_id": run, "waiting": waiting}

    def _look(self, time_is_left: Callable[[], bool]) -> tuple[list[ReadyUnit], int]:
        ready, looked_at = [], 0
        for unit_id in self._ledger.due(self._clock(), MAX_LOOKS):
            if not time_is_left():
                logger().warning("round ends early; the rest is due in the next", looked_at=looked_at)
                break
            item = self._ledger.get(unit_id)
            looked_at += 1
            found = self._look_at(item) if item else None
            ready += [found] if found else []
        return ready, looked_at

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
