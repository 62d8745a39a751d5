"""Reads the table that a draft is made from, as an upload of it would be read."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from cli.errors import CommandError, UsageError
from multimodal.ledger.errors import BadInputError
from multimodal.tables.rows import TableRows

_CHUNK = 1 << 20
_MAX_COLUMNS = 10_000
_ROWS, _CHARACTERS = 1_000, 1_000_000


def read_rows(path: Path) -> tuple[list[str], Iterator[list[str]]]:
    """Return a table's header and its rows.

    Raises
    ------
    CommandError
        When there is no such file, or it is no table; the rows raise it as well.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", hint="make dataset CSV=path/to/table.csv")
    try:
        table = TableRows(_chunks(path), len, max_columns=_MAX_COLUMNS)
    except BadInputError as error:
        raise CommandError(f"{path.name} cannot be read: {error.message}.") from error
    return table.header, _rows(path, table)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _rows(path: Path, table: TableRows) -> Iterator[list[str]]:
    try:
        yield from chain.from_iterable(batch for _, batch in table.batches(_ROWS, _CHARACTERS))
    except BadInputError as error:
        raise CommandError(f"{path.name} cannot be read: {error.message}.") from error
