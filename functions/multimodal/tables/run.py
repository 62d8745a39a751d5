"""A table's run: how large its steps are, where its results lie, and what the steps share."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from multimodal.ledger.errors import ConfigurationError, InvalidRequestError
from multimodal.ledger.ports import Ports, StoredObject
from multimodal.ledger.run_paths import RunPaths, listing_from
from multimodal.ledger.unit import Status, Unit
from multimodal.tables.state import DatasetState
from multimodal.tables.table import TableKind

T = TypeVar("T")

MAX_TABLE_BYTES = 1024**3
"""Largest object: three times a table of a million rows and forty columns."""

PART_RECORDS = 10_000
"""Records of a part: some minutes' writing at most, and few enough parts for one execution's history."""

MAX_PARTS = 1_500
"""An execution's history holds 25,000 events, and a part takes eleven of them, more when it is called again."""

CHUNK_RECORDS = 500
"""Records after which progress is saved: what a crash may write twice."""

BATCH_RECORDS = 25
"""Records of one request (BatchWriteRecord takes no more)."""

READ_RESERVE_MS = 360_000
"""Time that is kept for what follows the reading of a table."""

WRITE_RESERVE_MS = 60_000

REPORT_NAME = "report.json"
REJECTED_NAME = "rejected.csv"
INGEST_NAME = "ingest.json"

KindOf = Callable[[Unit], TableKind]
"""Unit → the kind of table it is."""


@dataclass(frozen=True)
class TableRun:
    """A run and its table; properties and methods give the keys of its results in ProcessedBucket."""

    run: str
    unit: Unit
    source: StoredObject
    """Exactly the content that was claimed."""
    upload_id: str
    """Name of that content."""

    @property
    def state_key(self) -> str:
        """Which records the feature groups hold; the tables of a dataset share it."""
        return f"{self.unit.result_folder}_state/state.json"

    @property
    def records_key(self) -> str:
        """The records that the groups hold once the run has ended, one a line."""
        return f"{self.unit.result_folder}_state/{self.run}.jsonl.gz"

    def report_key(self, name: str) -> str:
        """Key of a report on the upload."""
        return f"{self.unit.result_folder}{self.upload_id}/{name}"

    def progress_key(self, part_hash: str) -> str:
        """How many records of a part are written; by content, so that another run resumes where one broke off."""
        return self.report_key(f"parts/{part_hash}.json")


@dataclass(frozen=True)
class TableRuns:
    """Finds a run's table and what is kept of it."""

    ports: Ports

    def find(self, run: str) -> TableRun:
        """Return the run of this name.

        Raises
        ------
        InvalidRequestError
            When there is none, or it is about something else than one table.
        """
        plan = self.ports.processed.read_json(RunPaths(run).plan) or {"units": []}
        if len(plan["units"]) != 1:
            raise InvalidRequestError(f"run {run} is not about one table; tables are started by upload or retry")
        planned = plan["units"][0]
        unit = Unit(planned["dataset"], planned["subject"], planned["study"], planned["unit_id"].split("#", 1)[0])
        if not unit.is_table:
            raise InvalidRequestError(f"run {run} is not about a table")
        (source,) = listing_from(self._document(planned["listing_key"])).objects
        return TableRun(run, unit, source, planned["content_version"])

    def holds(self, found: TableRun) -> bool:
        """Return whether the run still holds its table."""
        item = self.ports.ledger.get(found.unit.unit_id)
        return item is not None and item.run_id == found.run and item.status is Status.PROCESSING

    def check(self, run: str) -> Mapping[str, Any]:
        """Return what was found when the run read its table."""
        return self._document(RunPaths(run).check)

    def state(self, found: TableRun) -> DatasetState:
        """Return what the feature groups hold of the dataset's tables."""
        return DatasetState.from_document(self.ports.processed.read_json(found.state_key))

    def written(self, found: TableRun, part_hash: str) -> int:
        """Return how many records of a part are written."""
        return int((self.ports.processed.read_json(found.progress_key(part_hash)) or {"done": 0})["done"])

    def lines(self, key: str) -> Iterator[str]:
        """Yield the lines of an object; `ConfigurationError` when somebody removed it."""
        yield from _required(key, self.ports.processed.lines(key))

    def _document(self, key: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] | None = self.ports.processed.read_json(key)
        return _required(key, found)


def _required(key: str, found: T | None) -> T:
    if found is None:
        raise ConfigurationError(f"{key} of ProcessedBucket is gone; restore it from an earlier version, then retry")
    return found
