"""What the services need of the world, as protocols. Adapters implement them; tests use fakes."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from multimodal.tables.state import Pending, SpooledRecord, StateEntry
from multimodal.tables.table import RowProblem


class TableSpool(Protocol):
    """Keeps a table's records aside until all of it was read, and compares them with what the groups hold."""

    def add(self, records: Iterable[SpooledRecord], problems: Iterable[RowProblem]) -> None:
        """Keep what some rows became."""

    def remember(self, entries: Iterable[StateEntry]) -> None:
        """Take over what the groups hold."""

    def forget(self, pending: Pending, written: Iterable[tuple[str, str, str]]) -> None:
        """Take over what a run may have written before it broke off: group, case and event time of each record."""

    def judge(self, uploaded_at: str) -> Mapping[str, int]:
        """Decide about every record, once; return how many there are of each kind.

        Returns
        -------
        mapping
            ``records``, ``written``, ``unchanged``, ``rejected_rows``, ``dropped_rows``, ``labels_held``,
            ``records_refused``.
        """

    def repeated(self) -> Iterable[RowProblem]:
        """Yield a problem for each row whose records are not taken because its case is in other rows too."""

    def counts_by_group(self) -> Mapping[str, int]:
        """Return how many records there are of each feature group, without those of repeated cases."""

    def lines(self) -> Iterable[str]:
        """Yield the records to be written, in the order of the file."""

    def problems(self) -> Iterable[RowProblem]:
        """Yield what is wrong with rows, in their order."""

    def entries(self) -> Iterable[StateEntry]:
        """Yield what the groups hold once the records are written."""


class TableSpools(Protocol):
    """Makes spools; each is gone when its block ends."""

    def __call__(self) -> AbstractContextManager[TableSpool]:
        """Return a new, empty spool."""
