"""Read a table to its end and judge it before the first of its records is written."""

import json
import shlex
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import PurePath
from typing import Any, TypeVar

from multimodal.features.group import EVENT_TIME, RECORD_ID, FeatureRecords
from multimodal.ledger.errors import BadInputError, MultimodalError, Reason
from multimodal.ledger.outcome import MAX_MESSAGE, Outcome, OutcomeRecorder
from multimodal.ledger.ports import OpenObject, Ports
from multimodal.ledger.run_paths import RunPaths
from multimodal.ledger.text import cut_at_word
from multimodal.ledger.unit import Status
from multimodal.observability import logger
from multimodal.tables.run import (
    INGEST_NAME,
    MAX_PARTS,
    PART_RECORDS,
    REJECTED_NAME,
    REPORT_NAME,
    KindOf,
    TableRun,
    TableRuns,
)
from multimodal.tables.spool import SqliteSpool, sqlite_spool
from multimodal.tables.state import (
    DatasetState,
    Pending,
    StateEntry,
    check_definitions,
    from_line,
    merged_definitions,
    part_hash,
    spooled,
)
from multimodal.tables.table import PROFILE_NAME, TableReader, UploadContext, refused_part, rejected_lines

R = TypeVar("R")
Counts = dict[str, int]

ACCEPTED_COUNTS = ("written", "unchanged", "records_refused")
"""Counts of records that a file has when any of its rows is accepted."""

_MEDIA_TYPES = {".json": "application/json", ".html": "text/html; charset=utf-8"}
"""A report opens in the browser when it is opened from the console."""


@dataclass(frozen=True)
class CheckTable:
    """The first step of a table's run; `part_records` is the most records of a part."""

    ports: Ports
    kind_of: KindOf
    features: FeatureRecords
    part_records: int = PART_RECORDS

    def check(self, run: str, time_is_left: Callable[[], bool]) -> dict[str, Any]:
        """Read and judge the table, and store the records that are to be written.

        Parameters
        ----------
        run : str
            Name of the run.
        time_is_left : callable
            False when reading has to end so that there is time for the rest.

        Returns
        -------
        dict
            `decision`: `ingest` (with the numbers of the `parts`), `finish` when nothing changed, `refused` (with the
            `cause`), or `replaced` when the object is no longer what was claimed.

        Raises
        ------
        RetryableError
            When a service is busy.
        """
        runs = TableRuns(self.ports)
        found = runs.find(run)
        if not runs.holds(found):
            return _end(found, "replaced", "another run holds the table")
        content = self.ports.raw.open(found.source.key, found.source.etag)
        if content is None:
            OutcomeRecorder(self.ports).record_outcome(found.unit.unit_id, run, Outcome(Status.READY))
            return _end(found, "replaced", "the object was replaced or removed; what is there now is taken instead")
        try:
            with sqlite_spool() as spool:
                return self._check(found, content, spool, time_is_left)
        except BadInputError as error:
            document = {"schema": 1, "refused": refused_part(error)}
            return self._reject(found, error, {REPORT_NAME: json.dumps(document, ensure_ascii=False)})

    def _check(
        self, found: TableRun, content: OpenObject, spool: SqliteSpool, time_is_left: Callable[[], bool]
    ) -> dict[str, Any]:
        kind, dataset, state = self.kind_of(found.unit), found.unit.dataset, TableRuns(self.ports).state(found)
        definitions = kind.definitions(dataset)
        check_definitions(state.definitions, definitions)
        uploaded_at = datetime.fromtimestamp(content.modified_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        source = self.ports.raw.uri(found.source.key)
        upload = UploadContext(source, found.upload_id, found.unit.correlation_id, uploaded_at)
        previous = self.ports.processed.read_json(state.profile) if state.profile else None
        reader = kind.open(dataset, content.chunks, upload, previous)
        try:
            rows = redacting_errors(lambda: _read(reader, spool, time_is_left))
        except BadInputError as error:
            told = _with_removal(error, found.source.key)
            return self._reject(found, told, reader.refusal(told))
        identities = {name: self.features.identity(name) for name in spool.groups()}
        self._remember(spool, state, identities)
        counts = {"rows": rows, **spool.judge(uploaded_at)}
        verdict = redacting_errors(lambda: reader.verdict(spool.repeated(), spool.counts_by_group()))
        self._write_reports(found, verdict.reports)
        self.ports.processed.write_lines(found.report_key(REJECTED_NAME), rejected_lines(spool.problems()))
        if verdict.hold is not None:
            return self._quarantine(found, *verdict.hold, {}, {**counts, "written": 0, "unchanged": 0, "held": 1})
        if not any(counts[name] for name in ACCEPTED_COUNTS):
            return self._quarantine(found, Reason.NO_ROW_TAKEN, no_rows_message(counts), {}, counts)
        _check_size(counts["written"], self.part_records)
        profile = found.report_key(PROFILE_NAME) if PROFILE_NAME in verdict.reports else state.profile
        merged = merged_definitions(state.definitions, definitions)
        following = DatasetState(found.run, found.records_key, profile, merged, groups={**state.groups, **identities})
        return self._prepare(found, spool, state, counts, verdict.warnings, following, uploaded_at)

    def _remember(self, spool: SqliteSpool, state: DatasetState, identities: Mapping[str, str]) -> None:
        runs, lost = TableRuns(self.ports), state.lost(identities)
        if state.records:
            entries = map(StateEntry.from_line, runs.lines(state.records))
            spool.remember(entry for entry in entries if entry.group not in lost)
        for pending in state.pending:
            paths = RunPaths(pending.run)
            keys = [paths.part(number) for number in range(pending.parts)]
            if not {stored.key for stored in self.ports.processed.objects_under(paths.parts)}.issuperset(keys):
                # Documents of runs expire: nobody knows any more what it may have written (decision `tables-4`).
                spool.forget_all()
                continue
            lines = chain.from_iterable(map(runs.lines, keys))
            spool.forget(pending, ((g, r[RECORD_ID], r[EVENT_TIME]) for g, r in map(from_line, lines)))

    def _write_reports(self, found: TableRun, reports: Mapping[str, str]) -> None:
        for name, text in reports.items():
            self.ports.processed.write_text(found.report_key(name), text, _MEDIA_TYPES.get(PurePath(name).suffix))

    def _prepare(
        self,
        found: TableRun,
        spool: SqliteSpool,
        state: DatasetState,
        counts: Counts,
        warnings: Sequence[str],
        following: DatasetState,
        uploaded_at: str,
    ) -> dict[str, Any]:
        """Write parts and the state that will be; record beforehand that this run may have written its parts."""
        # Progress made in a group that was deleted meanwhile is none: the groups' identities name the parts too.
        base = "\n".join([state.base_of(found.upload_id), *sorted(following.groups.values())])
        parts = self._write_parts(found, base, spool.lines())
        self.ports.processed.write_lines(following.records, (entry.line() for entry in spool.entries()))
        check = {
            "schema": 1,
            "run_id": found.run,
            "base": state.run,
            "accounted": [p.run for p in state.pending],
            "counts": counts,
            "warnings": list(warnings),
            "parts": parts,
            "state": following.document(),
        }
        self.ports.processed.write_json(RunPaths(found.run).check, check)
        if parts:
            self.kind_of(found.unit).admit(found.unit.dataset)
            others = (p for p in state.pending if p.run != found.run)
            pending = (*others, Pending(found.run, len(parts), uploaded_at, found.upload_id))
            self.ports.processed.write_json(found.state_key, replace(state, pending=pending).document())
        logger().info(
            "table checked", correlation_id=found.unit.correlation_id, run_id=found.run, parts=len(parts), counts=counts
        )
        decision = "ingest" if parts else "finish"
        return {"run_id": found.run, "decision": decision, "cause": "", "parts": list(range(len(parts)))}

    def _write_parts(self, found: TableRun, base: str, lines: Iterable[str]) -> list[dict[str, Any]]:
        left, parts = iter(lines), list[dict[str, Any]]()
        while part := list(islice(left, self.part_records)):
            self.ports.processed.write_lines(RunPaths(found.run).part(len(parts)), part)
            parts.append({"hash": part_hash(base, found.upload_id, part), "records": len(part)})
        return parts

    def _reject(self, found: TableRun, error: BadInputError, reports: Mapping[str, str]) -> dict[str, Any]:
        self._write_reports(found, reports)
        return self._quarantine(found, str(error.reason_code), error.message, error.details, {})

    def _quarantine(
        self, found: TableRun, code: str, message: str, details: Mapping[str, Any], counts: Counts
    ) -> dict[str, Any]:
        outcome = Outcome(Status.QUARANTINED, code, cut_at_word(message, MAX_MESSAGE), dict(details), counts)
        document = {"schema": 1, "run_id": found.run, "status": outcome.status.value, "reason_code": code}
        self.ports.processed.write_json(
            found.report_key(INGEST_NAME), {**document, "reason_message": message, "counts": counts}
        )
        OutcomeRecorder(self.ports).record_outcome(found.unit.unit_id, found.run, outcome)
        return _end(found, "refused", f"{code}: {outcome.message}")


_MAY_IDENTIFY = (Reason.IDENTIFIERS_FOUND, Reason.COLUMNS_NOT_DECLARED, Reason.HEADER_NOT_RECOGNISED)


def _with_removal(error: BadInputError, key: str) -> BadInputError:
    """Return the reason that a table is refused with the command that removes it, where it may name people.

    The command is left out where the ledger has no room for it: reasons end as sentences.
    """
    command = shlex.join(["multimodal", "retract", key, "--purge", "--yes"])
    message = f"{error.message}. First remove this upload: `{command}`"
    if error.reason_code not in _MAY_IDENTIFY or len(message) > MAX_MESSAGE:
        return error
    return BadInputError(error.reason_code, message, error.details)


def _end(found: TableRun, decision: str, cause: str) -> dict[str, Any]:
    logger().info("table not taken", correlation_id=found.unit.correlation_id, run_id=found.run, decision=decision)
    return {"run_id": found.run, "decision": decision, "cause": cause, "parts": []}


def _check_size(records: int, part_records: int) -> None:
    most = MAX_PARTS * part_records
    if records > most:
        message = (
            f"the table makes {records:,} new records and {most:,} are written at once; split it by rows into files "
            "with the same header and upload them one by one"
        )
        raise BadInputError(Reason.INPUT_TOO_LARGE, message, {"records": records})


def no_rows_message(counts: Counts) -> str:
    """Return why nothing of a table is written, and what to do."""
    return (
        f"no rows accepted of {counts['rows']}: {counts['rejected_rows']} rejected, {counts['dropped_rows']} filtered "
        "out by the dataset's file; see rejected.csv. Correct the table and upload "
        "it again, or correct the dataset's file, deploy, then retry"
    )


def spool_rows(reader: TableReader, spool: SqliteSpool) -> Iterator[int]:
    """Read a table into a spool, batch by batch; yield how many rows were read so far."""
    rows = 0
    for batch in reader.batches():
        rows += batch.rows
        spool.add(map(spooled, batch.records), batch.problems)
        yield rows


def _read(reader: TableReader, spool: SqliteSpool, time_is_left: Callable[[], bool]) -> int:
    rows = 0
    for rows in spool_rows(reader, spool):
        if not time_is_left():
            message = (
                f"the table could not be read in time ({rows} rows were); split it by rows into files with the same "
                "header and upload them one by one"
            )
            raise BadInputError(Reason.INPUT_TOO_LARGE, message, {"rows_read": rows})
    return rows


def redacting_errors(read: Callable[[], R]) -> R:
    """Read; replace an unexpected error by its place, without its text, which may hold a cell."""
    try:
        return read()
    except MultimodalError:
        raise
    except Exception as error:
        if type(error).__module__ == "sqlite3":
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__} at {PurePath(last.filename).name}:{last.lineno} while the table was read"
    raise MultimodalError(message)
