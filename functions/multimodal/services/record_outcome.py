"""What became of a job's units, and of a run."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from multimodal.domain.jobs import RunPaths, next_attempt
from multimodal.domain.reasons import Reason
from multimodal.domain.results import MAX_MESSAGE, Outcome
from multimodal.domain.rna_jobs import JOB_NAME
from multimodal.domain.units import LedgerItem, Status
from multimodal.observability import logger
from multimodal.ports import Ledger, ObjectStore
from multimodal.services.settle_unit import SettleUnit

_BAD = ("quarantined", "failed", "unresolved", "not_started", "without_study")
_WORDS = {
    "unresolved": "without an outcome",
    "not_started": "not started",
    "without_study": "subjects without a study",
}
_GOOD = frozenset({Status.PROCESSED, Status.COMPLETED})


class RecordJob:
    """Settles the units of a job that ended."""

    def __init__(self, processed: ObjectStore, ledger: Ledger, settle: SettleUnit) -> None:
        self._processed, self._ledger, self._settle = processed, ledger, settle

    def __call__(self, job: Mapping[str, Any], outcome: Mapping[str, Any]) -> dict[str, Any]:
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
        statuses = self._settle_all(job, _when_no_result(completed, str(outcome.get("reason") or "no reason given")))
        return {"decision": "done", "job": dict(job), "line": _line(str(job["job_name"]), statuses)}

    def _units(self, job: Mapping[str, Any]) -> list[str]:
        key = RunPaths(job["run_id"]).job_folder(job["job_id"]) + "job.json"
        document = self._processed.read_json(key) or {"units": []}
        return [unit["unit_id"] for unit in document["units"]]

    def _unfinished(self, job: Mapping[str, Any]) -> bool:
        items = (self._ledger.get(unit_id) for unit_id in self._units(job))
        return any(self._owes_result(item, job["run_id"]) for item in items)

    def _owes_result(self, item: LedgerItem | None, run: str) -> bool:
        if item is None or item.run_id != run or item.status is not Status.PROCESSING:
            return False
        return self._settle.result_of(item) is None

    def _settle_all(self, job: Mapping[str, Any], otherwise: Outcome) -> Counter[Status | None]:
        return Counter(self._settle(unit_id, job["run_id"], otherwise) for unit_id in self._units(job))


class RecordBatchJob:
    """Settles the unit of a Batch job that ended."""

    def __init__(self, processed: ObjectStore, settle: SettleUnit) -> None:
        self._processed, self._settle = processed, settle

    def __call__(self, detail: Mapping[str, Any]) -> dict[str, Any]:
        """Record a job's end.

        Parameters
        ----------
        detail : mapping
            ``detail`` of a ``Batch Job State Change``. Jobs of others on the queues and states that end nothing are
            left alone.

        Returns
        -------
        dict
            ``line`` says in one line what became of the job.
        """
        name, status = str(detail.get("jobName", "")), detail.get("status")
        if not JOB_NAME.fullmatch(name) or status not in {"SUCCEEDED", "FAILED"}:
            return {"decision": "ignored", "line": f"{name[:128]} {status} is not the end of a job of this stack"}
        plan = self._processed.read_json(RunPaths(name).plan) or {"units": []}
        outcomes = Counter(self._settle(u["unit_id"], name, _batch_outcome(name, detail)) for u in plan["units"])
        return {"decision": "done", "line": _line(name, outcomes)}


def _batch_outcome(name: str, detail: Mapping[str, Any]) -> Outcome:
    """Return what a job's end means when it left no result of its run."""
    if detail["status"] == "SUCCEEDED" and name.startswith("ref-"):
        return Outcome(Status.COMPLETED)
    container = detail.get("container") or {}
    parts = [detail.get("statusReason") or "no reason given", container.get("reason")]
    if container.get("exitCode") is not None:
        parts.append(f"exit code {container['exitCode']}")
    return _when_no_result(detail["status"] == "SUCCEEDED", "; ".join(str(part) for part in parts if part))


def _when_no_result(completed: bool, reason: str) -> Outcome:
    if completed:
        message = "the job ended well but left no result for the unit; look at the job's log, then retry"
        return Outcome(Status.FAILED, Reason.RESULT_MISSING, message)
    return Outcome(Status.FAILED, Reason.JOB_FAILED, f"the job failed: {reason}"[:MAX_MESSAGE])


def _line(job_name: str, statuses: Counter[Status | None]) -> str:
    good = sum(statuses[s] for s in _GOOD)
    return f"{job_name} processed={good} quarantined={statuses[Status.QUARANTINED]} failed={statuses[Status.FAILED]}"


class SummarizeRun:
    """Says honestly how a run ended, from the ledger."""

    def __init__(self, processed: ObjectStore, ledger: Ledger) -> None:
        self._processed, self._ledger = processed, ledger

    def __call__(self, run: str) -> dict[str, Any]:
        """Return ``status`` (``SUCCEEDED`` or ``FAILED``), ``cause`` and ``counts`` of a run.

        A run succeeds when every unit has features or waits for the rest of its study, and every subject that was
        asked for had a study.
        """
        plan = self._processed.read_json(RunPaths(run).plan) or {"units": []}
        items = [self._ledger.get(unit["unit_id"]) for unit in plan["units"]]
        idle = [self._ledger.get(unit_id) for unit_id in plan.get("not_started") or []]
        missing = len(plan.get("missing_subjects") or [])
        counts = Counter(_verdict(item, run) for item in items)
        counts += Counter({"not_started": len(idle), "without_study": missing})
        failed = [i for i in items if i and _verdict(i, run) in {"quarantined", "failed"}]
        bad = sum(counts[verdict] for verdict in _BAD)
        cause = _cause(bad, sum(counts.values()), Counter(i.reason_code for i in [*failed, *idle] if i), counts)
        logger().info("run ended", run_id=run, failed=bad, counts=dict(counts))
        return {"run_id": run, "status": "FAILED" if bad else "SUCCEEDED", "cause": cause, "counts": dict(counts)}


def _verdict(item: LedgerItem | None, run: str) -> str:
    if item is None or (item.run_id == run and item.status is Status.PROCESSING):
        return "unresolved"
    if item.run_id != run:
        return "superseded"
    if item.status in {Status.QUARANTINED, Status.FAILED}:
        return item.status.value.lower()
    return "processed" if item.status in _GOOD else "waiting"


def _cause(bad: int, total: int, reasons: Counter[str | None], counts: Counter[str]) -> str:
    if not bad:
        return f"all {total} units are accounted for"
    named = sorted(reasons.items(), key=lambda r: (-r[1], str(r[0])))
    parts = [f"{count} {reason}" for reason, count in named if reason]
    parts += [f"{counts[verdict]} {words}" for verdict, words in _WORDS.items() if counts[verdict]]
    return f"{bad} of {total} units did not succeed: {', '.join(parts)}; see the ledger, then retry"
