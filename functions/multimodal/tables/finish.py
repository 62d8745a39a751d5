"""How a table's run ends: everything is written, or it broke off."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from multimodal.ledger import errors
from multimodal.ledger.errors import MultimodalError, Reason, RetryableError
from multimodal.ledger.outcome import MAX_MESSAGE, Outcome, OutcomeRecorder
from multimodal.ledger.ports import Ports
from multimodal.ledger.unit import Status
from multimodal.tables.paths import INGEST_NAME
from multimodal.tables.run import TableRun, TableRuns
from multimodal.tables.state import DatasetState


class FinishTable:
    """The last step of a run that wrote its table: the dataset's state, then the ledger."""

    def __init__(self, runs: TableRuns, recorder: OutcomeRecorder, ports: Ports) -> None:
        self._runs, self._recorder, self.ports = runs, recorder, ports

    def finish(self, run: str) -> dict[str, Any]:
        """Make the new state the dataset's and the unit COMPLETED.

        Raises
        ------
        RetryableError
            When a part is not written wholly.
        MultimodalError
            When another table changed the state meanwhile.
        """
        found = self._runs.find(run)
        if self._runs.holds(found) is None:
            return {"run_id": run, "counts": {}}
        check = self._runs.check(run)
        self._require_all_parts(found, check)
        self._advance(found, check)
        counts = check["counts"]
        document = {"schema": 1, "run_id": run, "status": Status.COMPLETED.value, "counts": counts}
        self.ports.processed.write_json(found.report_key(INGEST_NAME), document)
        self._recorder.record_outcome(found.unit.unit_id, run, Outcome(Status.COMPLETED, counts=counts))
        return {"run_id": run, "counts": counts}

    def _require_all_parts(self, found: TableRun, check: Mapping[str, Any]) -> None:
        for number, part in enumerate(check["parts"]):
            progress = self.ports.processed.read_json(found.paths.progress(found.upload_id, part["hash"])) or {
                "done": 0
            }
            if progress["done"] < part["records"]:
                raise RetryableError(f"part {number} is written to {progress['done']} of {part['records']} records")

    def _advance(self, found: TableRun, check: Mapping[str, Any]) -> None:
        now = self._runs.state(found)
        if now.run == found.run:
            return
        if now.run != check["base"]:
            raise MultimodalError("another table of the dataset was taken while this one was at work; retry")
        known = {*check["accounted"], found.run}
        following = DatasetState.from_document(check["state"])
        still = tuple(p for p in now.pending if p.run not in known)
        self.ports.processed.write_json(found.paths.state, replace(following, pending=still).document())


class FailTable:
    """The last step of a run that broke off."""

    def __init__(self, runs: TableRuns, recorder: OutcomeRecorder) -> None:
        self._runs, self._recorder = runs, recorder

    def fail(self, run: str, error: Mapping[str, Any]) -> dict[str, Any]:
        """Make the unit FAILED.

        Parameters
        ----------
        run : str
            Name of the run.
        error : mapping
            ``Error`` and ``Cause``, as Step Functions tells them.
        """
        found = self._runs.find(run)
        cause = f"the table was not taken: {explain(error)}; look at the execution {run}, then retry"
        self._recorder.record_outcome(
            found.unit.unit_id, run, Outcome(Status.FAILED, Reason.TABLE_FAILED, cause[:MAX_MESSAGE])
        )
        return {"run_id": run, "cause": f"{Reason.TABLE_FAILED}: {cause}"[:MAX_MESSAGE]}


def explain(error: Mapping[str, Any]) -> str:
    """Return an error in words; the text of an error that is not the project's own may quote a cell and is left out."""
    name = str(error.get("Error", "unknown error"))
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, MultimodalError)):
        return name
    try:
        return str(json.loads(str(error.get("Cause")))["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return name
