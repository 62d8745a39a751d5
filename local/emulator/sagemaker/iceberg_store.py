"""Offline stores of the format Iceberg: rows are gathered and committed together, some seconds' worth in a snapshot.

A commit costs a tenth of a second or more, whatever it holds; Feature Store itself writes within 15 minutes. The first
rows of a table wait for their commit, so that a role that may not write is known; later ones are accepted into memory
and committed when none has come for `_QUIET_SECONDS`, after `_GATHER_SECONDS` at the latest, and before anybody opens
the table. Small files are merged as they gather.
"""

import contextlib
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from local.emulator.aws import AwsError
from local.emulator.iceberg import rewrite, tables
from local.emulator.iceberg.table import IcebergTable
from local.emulator.sagemaker.offline_table import OfflineTable, Row
from local.emulator.sagemaker.parquet import as_parquet
from local.emulator.sagemaker.record_values import Features

_QUIET_SECONDS = 2.0
_GATHER_SECONDS = 15.0
_GATHERED_ROWS = 10_000
_MOST_ROWS = 40_000
"""Rows in memory from which a new one waits for a commit."""
_SMALL_FILES = 16
_LOCATION_END = "/data"


@dataclass
class _Buffer:
    table: OfflineTable
    rows: list[Row] = field(default_factory=list)
    since: float = 0.0
    until: float = 0.0
    """When the rows are due: the last one makes it later."""
    is_proven: bool = False
    """The last commit succeeded."""


_buffers: dict[tuple[str, str], _Buffer] = {}
_changed = threading.Condition()


def create_table(table: OfflineTable, columns: Sequence[tuple[str, str]]) -> None:
    """Make a group's table."""
    made = IcebergTable.create(
        table.database,
        table.name,
        table.uri.removesuffix(_LOCATION_END),
        columns,
        role_arn=table.role_arn,
        key_id=table.key_id,
    )
    open_table(table, made)


def open_table(table: OfflineTable, made: IcebergTable | None = None) -> None:
    """Take rows for a table, which is loaded when it is needed."""
    buffer = _Buffer(table)
    with _changed:
        _buffers[(table.database, table.name)] = buffer
    tables.register(table.database, table.name, made, lambda opened: _commit(buffer, opened))
    _start()


def extend_table(table: OfflineTable, columns: Sequence[tuple[str, str]]) -> None:
    """Add the columns that the table lacks."""
    with tables.opened(table.database, table.name) as opened:
        there = {column.name for column in opened.columns}
        opened.add_columns((name, kind) for name, kind in columns if name not in there)


def accept(row: Row) -> None:
    """Take a row; its future ends at once, or with its commit."""
    buffer = _buffers[(row.table.database, row.table.name)]
    with _changed:
        now = time.monotonic()
        buffer.since = buffer.since if buffer.rows else now
        buffer.until = min(buffer.since + _GATHER_SECONDS, now + _QUIET_SECONDS)
        buffer.rows.append(row)
        at_once = buffer.is_proven and len(buffer.rows) < _MOST_ROWS
        if at_once:
            row.written.set_result({})
        if not at_once or len(buffer.rows) == 1 or len(buffer.rows) >= _GATHERED_ROWS:
            _changed.notify()


_started = threading.Event()


def _start() -> None:
    with _changed:
        if not _started.is_set():
            _started.set()
            threading.Thread(target=_write_for_ever, name="iceberg-store", daemon=True).start()


def _write_for_ever() -> None:
    while True:
        for buffer in _due():
            with (
                contextlib.suppress(_NotCommittedError),
                tables.opened(buffer.table.database, buffer.table.name) as opened,
            ):
                rewrite.merge_small_files(opened, _SMALL_FILES)


class _NotCommittedError(Exception):
    """A table could not be opened, because its rows could not be written."""


def _due() -> Iterator[_Buffer]:
    """Wait until rows are to be committed."""
    with _changed:
        now = time.monotonic()
        due = [buffer for buffer in _buffers.values() if buffer.rows and _is_due(buffer, now)]
        if not due:
            waiting = [buffer.until - now for buffer in _buffers.values() if buffer.rows]
            _changed.wait(min(waiting, default=None))
    yield from due


def _is_due(buffer: _Buffer, now: float) -> bool:
    many = len(buffer.rows) >= _GATHERED_ROWS
    return many or now >= buffer.until or not all(row.written.done() for row in buffer.rows)


def _commit(buffer: _Buffer, opened: IcebergTable) -> None:
    """Commit a table's rows, in the hands of whoever opened it."""
    with _changed:
        rows, buffer.rows = buffer.rows, []
    if not rows:
        return
    try:
        opened.replace([], list(_files(rows, opened)))
    except Exception as error:
        _put_back(buffer, rows, error)
        raise _NotCommittedError(str(error)) from error
    with _changed:
        buffer.is_proven = True
    _end(rows, lambda future: future.set_result({}))


def _files(rows: list[Row], opened: IcebergTable) -> Iterator[tuple[bytes, int]]:
    import duckdb  # only the emulator's environment has it

    ids = {column.name: column.field_id for column in opened.columns}
    kinds = defaultdict[Features, list[str]](list)
    for row in rows:
        kinds[row.features].append(row.line)
    with duckdb.connect(":memory:") as connection:
        for features, lines in kinds.items():
            columns = features.columns
            yield as_parquet(connection, columns, lines, [ids[name] for name, _ in columns]), len(lines)


def _put_back(buffer: _Buffer, rows: list[Row], error: Exception) -> None:
    """Keep what was accepted for the next commit; the others hear of the error."""
    denied = AwsError("AccessForbidden", f"The role of the feature group cannot write: {error}", 403)
    logging.getLogger(__name__).error("rows of %s are not written yet: %s", buffer.table.name, error)
    with _changed:
        buffer.is_proven = False
        buffer.rows = [row for row in rows if row.written.done()] + buffer.rows
        buffer.since = time.monotonic()
        buffer.until = buffer.since + _QUIET_SECONDS
    _end(rows, lambda future: future.set_exception(denied if isinstance(error, ClientError) else error))


def _end(rows: list[Row], how: Any) -> None:  # noqa: ANN401
    for row in rows:
        if not row.written.done():
            how(row.written)
