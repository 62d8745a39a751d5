"""Reads the table that a draft is made from."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from local.errors import UsageError


def read_rows(path: Path) -> tuple[list[str], Iterator[list[str]]]:
    """Return a table's header and its rows."""
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", hint="make dataset CSV=path/to/table.csv")
    text = path.read_bytes().decode("utf-8-sig", errors="strict")
    delimiter = max(",;\t", key=lambda d: text.partition("\n")[0].count(d))
    rows = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    return next(rows, []), rows
