"""What became of a job's units, and of a run."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from multimodal.genomics.jobs import JOB_NAME
from multimodal.ledger.claim import RunPaths
from multimodal.ledger.outcome import Outcome, OutcomeRecorder, outcome_line, outcome_without_result
from multimodal.ledger.ports import Ports
from multimodal.ledger.unit import Status


@dataclass(frozen=True)
class BatchJobRecorder:
    """Records the outcome of the unit of a Batch job that ended."""

    ports: Ports
    recorder: OutcomeRecorder

    def record_job(self, detail: Mapping[str, Any]) -> dict[str, Any]:
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
        plan = self.ports.processed.read_json(RunPaths(name).plan) or {"units": []}
        outcomes = Counter(
            self.recorder.record_outcome(u["unit_id"], name, _batch_outcome(name, detail)) for u in plan["units"]
        )
        return {"decision": "done", "line": outcome_line(name, outcomes)}


def _batch_outcome(name: str, detail: Mapping[str, Any]) -> Outcome:
    """Return what a job's end means when it left no result of its run."""
    if detail["status"] == "SUCCEEDED" and name.startswith("ref-"):
        return Outcome(Status.COMPLETED)
    container = detail.get("container") or {}
    parts = [detail.get("statusReason") or "no reason given", container.get("reason")]
    if container.get("exitCode") is not None:
        parts.append(f"exit code {container['exitCode']}")
    return outcome_without_result(detail["status"] == "SUCCEEDED", "; ".join(str(part) for part in parts if part))
