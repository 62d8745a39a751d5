"""Reads the table that a draft is made from."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from local.errors import CommandError, UsageError

DELIMITERS = ",;\t"


def read_rows(path: Path) -> tuple[list[str], Iterator[list[str]]]:
    """Return a table's header and its rows.

    Raises
    ------
    CommandError
        When there is no such file, or it is not text in UTF-8.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", hint="make dataset CSV=path/to/table.csv")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    except UnicodeDecodeError as error:
        raise CommandError(f"{path.name} is not text in UTF-8.", hint="Export the table as CSV (UTF-8).") from error
    first = lines[0] if lines else ""
    rows = csv.reader(lines, delimiter=max(DELIMITERS, key=first.count))
    return next(rows, []), rows
