"""What the steps of a table's run share: which table it is, and what is kept of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from multimodal.ledger.claim import RunPaths, listing_from
from multimodal.ledger.errors import ConfigurationError, InvalidRequestError
from multimodal.ledger.ports import Ports, StoredObject
from multimodal.ledger.unit import LedgerItem, Status, Unit
from multimodal.tables.paths import TablePaths
from multimodal.tables.state import DatasetState
from multimodal.tables.table import TableKind

KindOf = Callable[[Unit], TableKind]


@dataclass(frozen=True)
class TableRun:
    """A run and its table.

    Parameters
    ----------
    run : str
        Name of the run.
    unit : Unit
        The table.
    source : StoredObject
        Exactly the content that was claimed.
    upload_id : str
        Name of that content.
    """

    run: str
    unit: Unit
    source: StoredObject
    upload_id: str

    @property
    def paths(self) -> TablePaths:
        """Where results lie."""
        return TablePaths(self.unit)

    def report_key(self, name: str) -> str:
        """Key of a report on the upload."""
        return self.paths.report(self.upload_id, name)


class TableRuns:
    """Finds a run's table."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports

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

    def holds(self, found: TableRun) -> LedgerItem | None:
        """Return the table's item if the run still holds it, else None."""
        item = self.ports.ledger.get(found.unit.unit_id)
        return item if item and item.run_id == found.run and item.status is Status.PROCESSING else None

    def check(self, run: str) -> Mapping[str, Any]:
        """Return what was found when the run read its table."""
        return self._document(RunPaths(run).check)

    def _document(self, key: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] | None = self.ports.processed.read_json(key)
        if found is None:
            raise _is_gone(key)
        return found

    def state(self, found: TableRun) -> DatasetState:
        """Return what the feature groups hold of the dataset's tables."""
        return DatasetState.from_document(self.ports.processed.read_json(found.paths.state))

    def lines(self, key: str) -> Iterator[str]:
        """Yield the lines of an object that must be there.

        Raises
        ------
        ConfigurationError
            When somebody removed it.
        """
        lines = self.ports.processed.lines(key)
        if lines is None:
            raise _is_gone(key)
        yield from lines


def _is_gone(key: str) -> ConfigurationError:
    return ConfigurationError(f"{key} of ProcessedBucket is gone; restore it from an earlier version, then retry")
