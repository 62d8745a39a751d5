"""Iceberg tables that are open in this process: one user at a time has a table, after what waits to be written."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from local.emulator.iceberg.table import IcebergTable


@dataclass
class _Entry:
    table: IcebergTable | None = None
    settle: Callable[[IcebergTable], None] | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)


_entries: dict[tuple[str, str], _Entry] = {}
_lock = threading.Lock()


def register(database: str, name: str, table: IcebergTable | None, settle: Callable[[IcebergTable], None]) -> None:
    """Remember a table, loaded or not, and what is to be done before anybody else has it."""
    with _lock:
        _entries[(database, name)] = _Entry(table, settle)


@contextmanager
def opened(database: str, name: str) -> Iterator[IcebergTable]:
    """Have a table for oneself, with all rows that were accepted for it.

    Raises
    ------
    Exception
        Of the work that waited for the table, or pyiceberg's when there is no such table.
    """
    with _lock:
        entry = _entries.setdefault((database, name), _Entry())
    with entry.lock:
        try:
            table = entry.table = entry.table or IcebergTable.load(database, name)
            if entry.settle:
                entry.settle(table)
            yield table
        except Exception:
            if entry.table:
                entry.table.refresh()  # what is in memory may not be what is in the catalogue
            raise
