"""Imaging runs: claimed and started, planned as jobs, their outcome recorded and summarized."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from multimodal.imaging.config import imaging_config
from multimodal.imaging.jobs import (
    JobSettings,
    Lane,
    job_document,
    job_id,
    manifest_document,
    map_item,
    next_attempt,
    pack,
    share_lanes,
)
from multimodal.imaging.uploads import record_subject_without_study, studies_of
from multimodal.ledger.claim import PlannedUnit, UnitClaims
from multimodal.ledger.errors import InvalidRequestError, Reason
from multimodal.ledger.evaluate import ReadyUnit, UnitEvaluator
from multimodal.ledger.outcome import GOOD_STATUSES, OutcomeRecorder, outcome_line, outcome_without_result
from multimodal.ledger.ports import JobCounter, Ports, Runs
from multimodal.ledger.run_paths import RunPaths, listing_from
from multimodal.ledger.unit import LedgerItem, Status, Unit
from multimodal.ledger.upload_key import is_safe_segment
from multimodal.observability import Metric, logger

_BAD = ("quarantined", "failed", "unresolved", "not_started", "without_study")

_WORDS = {"unresolved": "without an outcome", "not_started": "not started", "without_study": "subjects without a study"}


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
            `status` (`Completed` or anything else) and `reason`, as SageMaker told them.

        Returns
        -------
        dict
            `decision` is `retry` with the next attempt's item when the machine or the program failed and tries
            are left, else `done`; `line` summarizes the job. A shortage of the account's or of AWS's is no attempt.
        """
        if job.get("lane") in {Lane.FUNCTION, Lane.FALLBACK}:
            self.ports.metrics.count(Metric.FAST_LANE_FALLBACKS, int(job["lane"] == Lane.FALLBACK))
        completed = outcome.get("status") == "Completed"
        otherwise = outcome_without_result(completed, str(outcome.get("reason") or "no reason given"))
        again = next_attempt(job) if otherwise.reason == Reason.JOB_FAILED else None
        if again is not None and self._unfinished(job):
            return {"decision": "retry", "job": again, "line": f"{job['job_name']} failed, next attempt"}
        statuses = Counter(self.recorder.record_outcome(unit, job["run_id"], otherwise) for unit in self._units(job))
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


@dataclass(frozen=True)
class RunSummarizer:
    """Summarizes how a run ended, from the ledger."""

    ports: Ports

    def summarize(self, run: str) -> dict[str, Any]:
        """Return `status` (`SUCCEEDED` or `FAILED`), `cause` and `counts` of a run.

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


@dataclass(frozen=True)
class SubjectClaims:
    """The article's request: process these subjects of a dataset now.

    Source: AWS for Industries, "Building Scalable Machine Learning Pipelines for Multimodal Health Data on AWS",
    whose state machine takes `{"Subject": [...]}`.
    """

    ports: Ports
    evaluator: UnitEvaluator
    claims: UnitClaims

    def claim(self, run: str, dataset: str, subjects: Sequence[str]) -> None:
        """Claim every study of the subjects for `run`; what cannot be started is named in the plan."""
        studies = {subject: studies_of(self.ports.raw, dataset, subject) for subject in dict.fromkeys(subjects)}
        missing = [subject for subject, units in studies.items() if not units]
        for subject in missing:
            record_subject_without_study(self.ports.ledger, dataset, subject)
        found = [(unit, self._ready(run, unit)) for units in studies.values() for unit in units]
        not_started = [unit.unit_id for unit, ready in found if ready is None]
        self.claims.claim(run, [ready for _, ready in found if ready is not None], missing, not_started)

    def _ready(self, run: str, unit: Unit) -> ReadyUnit | None:
        now = self.ports.clock()
        self.ports.ledger.request_rerun(unit, now, now)
        item = self.ports.ledger.get(unit.unit_id)
        if item and item.status is Status.PROCESSING and item.run_id == run:
            # An earlier try of this very planning claimed the unit and did not get as far as writing the plan.
            self.ports.ledger.update(item, {"status": Status.READY.value, "handled_rerun_at": 0})
            item = self.ports.ledger.get(unit.unit_id)
        return self.evaluator.evaluate(item) if item and item.status is not Status.PROCESSING else None


@dataclass(frozen=True)
class RunPlanner:
    """Turns a run's plan into jobs, of which at most `max_concurrency` run at once over all runs."""

    ports: Ports
    job_counter: JobCounter
    subject_claims: SubjectClaims
    settings: JobSettings
    max_concurrency: int

    def plan(self, execution_name: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Plan a run and return what the state machine goes on with.

        Parameters
        ----------
        execution_name : str
            Name of the execution; it names the run when the request does not.
        request : mapping
            `{"run_id": …}` from `sweep`, or `{"Subject": [...], "Dataset": …}`.

        Raises
        ------
        InvalidRequestError
            When the request is neither.
        """
        run = self._run_of(execution_name, request)
        plan = self.ports.processed.read_json(RunPaths(run).plan)
        if plan is None:
            raise InvalidRequestError(f"run {run} has no plan; start runs by upload, retry or the Subject form")
        planned = [PlannedUnit(**unit) for unit in plan["units"]]
        concurrency = max(1, self.max_concurrency - self.job_counter.in_flight())
        small, rest = share_lanes(planned, self.settings.fast_lane_megabytes)
        jobs = [(job, Lane.PROCESSING) for job in pack(rest, concurrency)] + [(job, Lane.FUNCTION) for job in small]
        items = list(self.ports.parallel_map(lambda job: self._write_job(run, *job), jobs))
        self.ports.processed.write_json(RunPaths(run).jobs, items)
        logger().info(
            "run planned", run_id=run, units=len(planned), jobs=len(items), fast=len(small), concurrency=concurrency
        )
        return {
            "run_id": run,
            "bucket": self.settings.processed_bucket,
            "jobs_key": RunPaths(run).jobs,
            "job_count": len(items),
            "concurrency": concurrency,
        }

    def _run_of(self, execution_name: str, request: Mapping[str, Any]) -> str:
        if isinstance(request.get("run_id"), str):
            return str(request["run_id"])
        subjects, dataset = request.get("Subject"), request.get("Dataset", request.get("dataset"))
        named = (
            isinstance(subjects, list) and subjects and all(isinstance(s, str) and is_safe_segment(s) for s in subjects)
        )
        if not named or not isinstance(dataset, str) or not dataset:
            raise InvalidRequestError(
                'the input must be {"run_id": "…"} or {"Subject": ["R01-001", …], "Dataset": "…"} with Subject a '
                "non-empty list of subject keys"
            )
        if self.ports.processed.read_json(RunPaths(execution_name).plan) is None:
            self.subject_claims.claim(execution_name, dataset, subjects)  # type: ignore[arg-type]
        return execution_name

    def _write_job(self, run: str, planned: Sequence[PlannedUnit], lane: Lane) -> dict[str, Any]:
        paths, identity = RunPaths(run), job_id(planned, self.settings.image_uri)
        listings = {u.unit_id: listing_from(self.ports.processed.read_json(u.listing_key) or {}) for u in planned}
        datasets = {u.dataset: imaging_config(u.dataset) for u in planned}
        manifest = manifest_document(self.settings.raw_bucket, list(listings.values()))
        self.ports.processed.write_json(paths.manifest(identity), manifest)
        document = job_document(run, self.settings.image_uri, planned, listings, datasets)
        self.ports.processed.write_json(paths.job_folder(identity) + "job.json", document)
        return map_item(run, planned, self.settings, lane)


@dataclass(frozen=True)
class StudyStarter:
    """Starts one run of the imaging state machine for all studies that are ready."""

    runs: Runs
    claims: UnitClaims

    def start(self, ready: Sequence[ReadyUnit]) -> list[str]:
        """Claim the studies for one run and start it."""
        run = self.claims.name_of(ready)
        if not self.claims.claim(run, ready):
            return []
        self.runs.start(run)
        logger().info("run started", run_id=run, units=len(ready))
        return [run]

    def is_running(self, run_id: str) -> bool:
        """Ask the state machine."""
        return self.runs.is_running(run_id)
