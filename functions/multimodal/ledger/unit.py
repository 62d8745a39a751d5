"""Units of work, their addresses in S3, and what the ledger holds of each."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any

REFERENCES = "_references"
"""Stands for a dataset in the address of a reference: `genomics/_references/<name>/…`."""

MATRIX_NAME, MATRIX_CASE = "expression.csv", "-expression"
"""A dataset's ready matrix directly under `genomics/<dataset>/`, and what stands for the case in its unit.

A file of another name is the unit `-expression/<path>`; `<path>` is below the dataset, like that of a clinical table.
"""

DUE_SHARDS = 8
"""Partitions of the `due` index, so that one busy minute does not write to one partition."""

TABLES = "tables"
"""Name of the pipeline of clinical tables and matrices."""


class Status(StrEnum):
    """Where a unit stands."""

    RECEIVING = "RECEIVING"
    READY = "READY"
    PROCESSING = "PROCESSING"
    PROCESSED = "PROCESSED"
    COMPLETED = "COMPLETED"
    QUARANTINED = "QUARANTINED"
    FAILED = "FAILED"


END_STATUSES = frozenset({Status.COMPLETED, Status.QUARANTINED, Status.FAILED})
"""Statuses that only a new upload or a request leaves."""


class Modality(StrEnum):
    """What kind of data a unit holds; the first segment of its keys and of its id."""

    IMAGING = "imaging"
    GENOMICS = "genomics"
    CLINICAL = "clinical"


def table_path(subject: str) -> str:
    """Return the path of a table below its dataset; `subject` is its unit's.

    Examples
    --------
    >>> table_path("-expression/GSE1.txt.gz"), table_path("-expression"), table_path("site/patients.csv")
    ('GSE1.txt.gz', 'expression.csv', 'site/patients.csv')
    """
    case, _, path = subject.partition("/")
    return (path or MATRIX_NAME) if case == MATRIX_CASE else subject


@dataclass(frozen=True)
class Unit:
    """One imaging study, one sequenced case, one reference or one table, as it is addressed in S3.

    Parameters
    ----------
    dataset, subject, study : str
        The path segments under `imaging/`; `study` has no `.zip` ending. Under `genomics/` the subject is the
        case and there is no study; a reference has `REFERENCES` for a dataset and its name for a subject. Under
        `clinical/` the subject is the file's path below the dataset; like every file name it is not for logs.
    modality : str
        One of `Modality`.
    """

    dataset: str
    subject: str
    study: str
    modality: str = Modality.IMAGING.value

    @cached_property
    def unit_id(self) -> str:
        """Key of the ledger item."""
        return "#".join([self.modality, *self._address])

    @cached_property
    def correlation_id(self) -> str:
        """The id that joins every log line of the unit with its feature record.

        It follows from the unit alone, so that the first event, a duplicate and a re-run all carry the same one.
        """
        return hashlib.sha256(self.unit_id.encode()).hexdigest()[:16]

    @cached_property
    def due_shard(self) -> int:
        """Partition of the unit in the `due` index."""
        return int(self.correlation_id, 16) % DUE_SHARDS

    @property
    def folder(self) -> str:
        """Key prefix of a unit that is uploaded as a folder."""
        return "/".join([self.modality, *self._address, ""])

    @property
    def archive(self) -> str:
        """Key of a study that is uploaded as one zip."""
        return f"{self.modality}/{self.dataset}/{self.subject}/{self.study}.zip"

    @property
    def is_reference(self) -> bool:
        """Whether the unit is a reference (genome and annotation) and not a case."""
        return self.modality == Modality.GENOMICS and self.dataset == REFERENCES

    @property
    def is_table(self) -> bool:
        """Whether the unit is a table whose rows are cases: a clinical table or a ready matrix."""
        return self.modality == Modality.CLINICAL or (
            self.modality == Modality.GENOMICS and self.subject.partition("/")[0] == MATRIX_CASE
        )

    @property
    def table_key(self) -> str:
        """Key of the object that a table is."""
        return f"{self.modality}/{self.dataset}/{table_path(self.subject)}"

    @property
    def pipeline(self) -> str:
        """What processes the unit: `imaging`, `genomics` (reads and references) or `TABLES`."""
        return TABLES if self.is_table else self.modality

    @property
    def result_name(self) -> str:
        """Name of the document that a job writes last, when all else is there."""
        return "features.json" if self.modality == Modality.IMAGING else "run.json"

    @property
    def result_folder(self) -> str:
        """Key prefix of the unit's results in ProcessedBucket."""
        if self.modality == Modality.CLINICAL:
            return f"clinical/{self.dataset}/"
        if self.is_table:
            return f"genomics/{self.dataset}/{MATRIX_CASE}/"
        return f"references/{self.subject}/" if self.is_reference else self.folder

    def result_key(self, name: str) -> str:
        """Key of one of the unit's results in ProcessedBucket."""
        return f"{self.result_folder}{name}"

    @property
    def _address(self) -> tuple[str, ...]:
        case = (self.dataset, self.subject)
        return (*case, self.study) if self.modality == Modality.IMAGING else case


@lru_cache(maxsize=16384)  # the objects of a study arrive in many batches, among those of others; its ids are kept
def study_unit(dataset: str, subject: str, study: str) -> Unit:
    """Return the unit of a study."""
    return Unit(dataset, subject, study)


def case_unit(dataset: str, case: str) -> Unit:
    """Return the unit of a sequenced case (or, under `REFERENCES`, of a reference)."""
    return Unit(dataset, case, "", Modality.GENOMICS.value)


@dataclass(frozen=True)
class LedgerItem:
    """What the ledger holds of a unit. Times are epoch seconds; absent values are None.

    `open_since` is the first arrival that no end status has answered yet, `waiting_since` the first one that no
    run has taken up; `listed_at` is when the objects of `content_version` were listed; `event_time` is when the facts
    were true, where a sample sheet says so; `due_at` is when `sweep` must check the unit again, whatever its status;
    `rerun_requested_at` is the latest re-run request and `handled_rerun_at` the latest one that an evaluation took
    up. `is_note` marks what no run can take. `version` grows with every write and is what a write is conditional on.
    """

    unit: Unit
    status: Status
    last_arrival: int = 0
    open_since: int | None = None
    waiting_since: int | None = None
    rerun_requested_at: int = 0
    handled_rerun_at: int = 0
    listed_at: int = 0
    content_version: str | None = None
    objects: int = 0
    bytes: int = 0
    attempt: int = 0
    lost_runs: int = 0
    version: int = 0
    run_id: str | None = None
    lease_until: int = 0
    due_at: int | None = None
    reason_code: str | None = None
    record_hash: str | None = None
    event_time: str | None = None
    is_note: bool = False
    times: dict[str, int] = field(default_factory=dict)

    @property
    def unit_id(self) -> str:
        """Key of the ledger item."""
        return self.unit.unit_id

    @property
    def rerun_requested(self) -> bool:
        """Whether somebody asked for another run and none was started for it yet."""
        return self.rerun_requested_at > self.handled_rerun_at

    @property
    def arrived_since_listing(self) -> bool:
        """Whether anything arrived in or after the second in which the objects were listed."""
        return self.last_arrival >= self.listed_at


def unit_of_result(key: str) -> Unit | None:
    """Return the unit whose final result a key of ProcessedBucket holds, or None when it is something else."""
    match key.split("/"):
        case ["imaging", dataset, subject, study, _]:
            unit = Unit(dataset, subject, study)
        case ["genomics", dataset, case, _]:
            unit = Unit(dataset, case, "", Modality.GENOMICS.value)
        case _:
            return None
    return unit if key == unit.result_key(unit.result_name) else None


STEP_SECONDS = 30
"""Shortest delay of a check, so that a slow upload does not rewrite the `due` index all the time."""

UNSCHEDULED: Mapping[str, None] = dict.fromkeys(("due_at", "due_shard", "open_since", "waiting_since"))
"""Ledger changes that remove a unit from the `due` index."""


def next_check_at(now: int, until: int, quiet_period: int) -> int:
    """Return when a waiting unit is checked next: when its wait may end, but within one quiet period.

    The upper bound is what finds a unit whose later events were all lost; arrivals themselves never move a check.
    """
    step = min(STEP_SECONDS, max(quiet_period, 1))
    return now + min(max(until - now, step), max(quiet_period, 1))


def schedule_check(unit: Unit, when: int) -> dict[str, Any]:
    """Return the ledger changes that have `sweep` check the unit at `when`."""
    return {"due_at": when, "due_shard": unit.due_shard}


def schedule_after_end(item: LedgerItem, now: int) -> Mapping[str, Any]:
    """Return the changes for an end status: no further check, unless something arrived meanwhile."""
    if item.arrived_since_listing or item.rerun_requested:
        return schedule_check(item.unit, now)
    return UNSCHEDULED
