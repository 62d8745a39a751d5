"""Write the records of a table that was checked, and record how its run ended."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from multimodal.features.group import FeatureRecords
from multimodal.ledger import errors
from multimodal.ledger.errors import BadInputError, MultimodalError, Reason, RetryableError
from multimodal.ledger.outcome import MAX_MESSAGE, Outcome, OutcomeRecorder
from multimodal.ledger.ports import Ports
from multimodal.ledger.run_paths import RunPaths
from multimodal.ledger.text import cut_at_word
from multimodal.ledger.unit import Status
from multimodal.observability import Metric, logger
from multimodal.tables.run import BATCH_RECORDS, CHUNK_RECORDS, INGEST_NAME, TableRun, TableRuns
from multimodal.tables.state import DatasetState, from_line


@dataclass(frozen=True)
class IngestPart:
    """The step that the state machine takes for every part, again while there is more.

    `chunk_records` is after how many records progress is saved.
    """

    ports: Ports
    features: FeatureRecords
    chunk_records: int = CHUNK_RECORDS

    def ingest(self, run: str, number: int, time_is_left: Callable[[], bool]) -> dict[str, Any]:
        """Write the part's records while time is left; resume where an earlier call, or an earlier run, ended.

        Parameters
        ----------
        run : str
            Name of the run.
        number : int
            Number of the part.
        time_is_left : callable
            False when the call should end; the state machine calls again.

        Returns
        -------
        dict
            `more` says whether records are left.
        """
        runs = TableRuns(self.ports)
        found = runs.find(run)
        answer = {"run_id": run, "part": number, "more": False}
        if not runs.holds(found):
            logger().warning("table not held, nothing written", run_id=run, part=number)
            return answer
        part = runs.check(run)["parts"][number]
        done = self._write(found, number, part["hash"], time_is_left)
        return answer | {"more": done < part["records"]}

    def _write(self, found: TableRun, number: int, part_hash: str, time_is_left: Callable[[], bool]) -> int:
        runs, unit = TableRuns(self.ports), found.unit
        done = runs.written(found, part_hash)
        lines = islice(runs.lines(RunPaths(found.run).part(number)), done, None)
        while chunk := list(islice(lines, self.chunk_records)):
            list(self.ports.parallel_map(self._write_batch, batched(chunk)))
            done += len(chunk)
            self.ports.processed.write_json(found.progress_key(part_hash), {"done": done})
            self.ports.metrics.count(Metric.FEATURE_RECORDS_WRITTEN, len(chunk), unit.modality)
            if not time_is_left():
                break
        logger().info("records written", correlation_id=unit.correlation_id, run_id=found.run, part=number, done=done)
        return done

    def _write_batch(self, lines: Sequence[str]) -> None:
        entries = [from_line(line) for line in lines]
        try:
            self.features.write(entries)
            return
        except BadInputError as error:
            code = error.reason_code
        groups = ", ".join(sorted({group for group, _ in entries}))
        # Without Feature Store's own words, which quote the value.
        message = (
            f"Feature Store rejected a record of {groups}; deploy the stack again, so that the group fits it, and retry"
        )
        raise BadInputError(code, message)


def batched(lines: Sequence[str]) -> list[Sequence[str]]:
    """Return lines in batches that one request takes."""
    return [lines[start : start + BATCH_RECORDS] for start in range(0, len(lines), BATCH_RECORDS)]


@dataclass(frozen=True)
class FinishTable:
    """The last step of a run that wrote its table: the dataset's state, then the ledger."""

    ports: Ports

    def finish(self, run: str) -> dict[str, Any]:
        """Make the new state the dataset's and the unit COMPLETED.

        Raises
        ------
        RetryableError
            When a part is not written wholly.
        MultimodalError
            When another table changed the state meanwhile.
        """
        runs = TableRuns(self.ports)
        found = runs.find(run)
        if not runs.holds(found):
            return {"run_id": run, "counts": {}}
        check = runs.check(run)
        self._require_all_parts(found, check)
        self._advance(found, check)
        counts, warnings = check["counts"], check.get("warnings", ())
        document = {"schema": 1, "run_id": run, "status": Status.COMPLETED.value, "counts": counts}
        self.ports.processed.write_json(found.report_key(INGEST_NAME), document)
        outcome = Outcome(Status.COMPLETED, counts=counts, warnings=warnings)
        OutcomeRecorder(self.ports).record_outcome(found.unit.unit_id, run, outcome)
        return {"run_id": run, "counts": counts}

    def _require_all_parts(self, found: TableRun, check: Mapping[str, Any]) -> None:
        for number, part in enumerate(check["parts"]):
            done = TableRuns(self.ports).written(found, part["hash"])
            if done < part["records"]:
                raise RetryableError(f"part {number} is written to {done} of {part['records']} records")

    def _advance(self, found: TableRun, check: Mapping[str, Any]) -> None:
        now = TableRuns(self.ports).state(found)
        if now.run == found.run:
            return
        if now.run != check["base"]:
            raise MultimodalError("another table of the dataset was taken while this one was at work; retry")
        known = {*check["accounted"], found.run}
        following = DatasetState.from_document(check["state"])
        still = tuple(p for p in now.pending if p.run not in known)
        self.ports.processed.write_json(found.state_key, replace(following, pending=still).document())


@dataclass(frozen=True)
class FailTable:
    """The last step of a run that broke off."""

    ports: Ports

    def fail(self, run: str, error: Mapping[str, Any]) -> dict[str, Any]:
        """Make the unit FAILED.

        Parameters
        ----------
        run : str
            Name of the run.
        error : mapping
            `Error` and `Cause`, as Step Functions tells them.
        """
        found = TableRuns(self.ports).find(run)
        cause = f"the table was not taken: {explain(error)}; look at the execution {run}, then retry"
        outcome = Outcome(Status.FAILED, Reason.TABLE_FAILED, cut_at_word(cause, MAX_MESSAGE))
        OutcomeRecorder(self.ports).record_outcome(found.unit.unit_id, run, outcome)
        return {"run_id": run, "cause": cut_at_word(f"{Reason.TABLE_FAILED}: {cause}", MAX_MESSAGE)}


def explain(error: Mapping[str, Any]) -> str:
    """Return an error's message; that of an error that is not the project's own may quote a cell and is left out."""
    name = str(error.get("Error", "unknown error"))
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, MultimodalError)):
        return name
    try:
        return str(json.loads(str(error.get("Cause")))["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return name
