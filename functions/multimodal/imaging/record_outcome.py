"""What became of a job's units, and of a run."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from multimodal.imaging.jobs import next_attempt
from multimodal.ledger.claim import RunPaths
from multimodal.ledger.outcome import GOOD_STATUSES, Outcome, OutcomeRecorder, outcome_line, outcome_without_result
from multimodal.ledger.ports import Ports
from multimodal.ledger.unit import LedgerItem, Status
from multimodal.observability import logger

_BAD = ("quarantined", "failed", "unresolved", "not_started", "without_study")


_WORDS = {
    "unresolved": "without an outcome",
    "not_started": "not started",
    "without_study": "subjects without a study",
}


@dataclass(frozen=True)
class JobRecorder:
    """Records the outcome of the units of a job that ended."""

    ports: Ports
    recorder: OutcomeRecorder

    def record_job(self, job: Mapping[str, Any], outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Record a job's end.

        Parameters
        ----------
        job : mapping
            The Map's item.
        outcome : mapping
            ``status`` (``Completed`` or anything else) and ``reason``, as SageMaker told them.

        Returns
        -------
        dict
            ``decision`` is ``retry`` with the next attempt's item when the machine or the program failed and tries
            are left, else ``done``; ``line`` says in one line what became of the job.
        """
        completed = outcome.get("status") == "Completed"
        again = None if completed else next_attempt(job)
        if again is not None and self._unfinished(job):
            return {"decision": "retry", "job": again, "line": f"{job['job_name']} failed, next attempt"}
        statuses = self._record_all(
            job, outcome_without_result(completed, str(outcome.get("reason") or "no reason given"))
        )
        return {"decision": "done", "job": dict(job), "line": outcome_line(str(job["job_name"]), statuses)}

    def _units(self, job: Mapping[str, Any]) -> list[str]:
        key = RunPaths(job["run_id"]).job_folder(job["job_id"]) + "job.json"
        document = self.ports.processed.read_json(key) or {"units": []}
        return [unit["unit_id"] for unit in document["units"]]

    def _unfinished(self, job: Mapping[str, Any]) -> bool:
        items = (self.ports.ledger.get(unit_id) for unit_id in self._units(job))
        return any(self._lacks_result(item, job["run_id"]) for item in items)

    def _lacks_result(self, item: LedgerItem | None, run: str) -> bool:
        if item is None or item.run_id != run or item.status is not Status.PROCESSING:
            return False
        return self.recorder.result_of(item) is None

    def _record_all(self, job: Mapping[str, Any], otherwise: Outcome) -> Counter[Status | None]:
        return Counter(self.recorder.record_outcome(unit_id, job["run_id"], otherwise) for unit_id in self._units(job))


@dataclass(frozen=True)
class RunSummarizer:
    """Summarizes how a run ended, from the ledger."""

    ports: Ports

    def summarize(self, run: str) -> dict[str, Any]:
        """Return ``status`` (``SUCCEEDED`` or ``FAILED``), ``cause`` and ``counts`` of a run.

        A run succeeds when every unit has features or waits for the rest of its study, and every subject that was
        asked for had a study.
        """
        plan = self.ports.processed.read_json(RunPaths(run).plan) or {"units": []}
        items = [self.ports.ledger.get(unit["unit_id"]) for unit in plan["units"]]
        idle = [self.ports.ledger.get(unit_id) for unit_id in plan.get("not_started") or []]
        missing = len(plan.get("missing_subjects") or [])
        counts = Counter(_state_in(item, run) for item in items)
        counts += Counter({"not_started": len(idle), "without_study": missing})
        failed = [i for i in items if i and _state_in(i, run) in {"quarantined", "failed"}]
        bad = sum(counts[verdict] for verdict in _BAD)
        cause = _cause(bad, sum(counts.values()), Counter(i.reason_code for i in [*failed, *idle] if i), counts)
        logger().info("run ended", run_id=run, failed=bad, counts=dict(counts))
        return {"run_id": run, "status": "FAILED" if bad else "SUCCEEDED", "cause": cause, "counts": dict(counts)}


def _state_in(item: LedgerItem | None, run: str) -> str:
    if item is None or (item.run_id == run and item.status is Status.PROCESSING):
        return "unresolved"
    if item.run_id != run:
        return "superseded"
    if item.status in {Status.QUARANTINED, Status.FAILED}:
        return item.status.value.lower()
    return "processed" if item.status in GOOD_STATUSES else "waiting"


def _cause(bad: int, total: int, reasons: Counter[str | None], counts: Counter[str]) -> str:
    if not bad:
        return f"all {total} units are accounted for"
    named = sorted(reasons.items(), key=lambda r: (-r[1], str(r[0])))
    parts = [f"{count} {reason}" for reason, count in named if reason]
    parts += [f"{counts[verdict]} {words}" for verdict, words in _WORDS.items() if counts[verdict]]
    return f"{bad} of {total} units did not succeed: {', '.join(parts)}; see the ledger, then retry"
