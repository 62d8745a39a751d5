"""Rows of Athena as a table that is never wider than the terminal: whole columns, and a word on the others."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from cli.athena import Row, Value
from cli.terminal import COLUMN_GAP, INDENT, make_table, print_block


def print_rows(
    console: Console, rows: Sequence[Row], names: Sequence[str], label: Callable[[str], str] = str
) -> list[str]:
    """Print as many of the named columns as there is room for.

    Parameters
    ----------
    console : Console
        Where they are printed.
    rows : sequence of dict
        What is printed; a column that a row lacks is shown as absent.
    names : sequence of str
        Columns, the most wanted first.
    label : callable
        Gives the title of a column.

    Returns
    -------
    list of str
        The columns that were printed: at least the first, whose values are folded where even it is too wide.
    """
    columns = _that_fit(rows, names, label, console.width - INDENT)
    numbers = tuple(label(name) for name in columns if any(isinstance(row.get(name), int | float) for row in rows))
    table = make_table(*(label(name) for name in columns), right=numbers)
    if len(columns) == 1:
        table.columns[0].no_wrap, table.columns[0].overflow = False, "fold"
    for row in rows:
        table.add_row(*(Text(format_value(row.get(name))) for name in columns))
    print_block(console, table)
    return columns


def _that_fit(rows: Sequence[Row], names: Sequence[str], label: Callable[[str], str], width: int) -> list[str]:
    fitting: list[str] = []
    for name in names:
        width -= max(len(label(name)), *(len(format_value(row.get(name))) for row in rows), 0)
        if width < 0 and fitting:
            break
        fitting.append(name)
        width -= COLUMN_GAP
    return fitting


def write_csv(rows: Sequence[Row], names: Sequence[str], path: Path) -> Path:
    """Write rows with the named columns to a CSV file; what is absent is empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def format_value(value: Value) -> str:
    """Return a value as the tables show it.

    Examples
    --------
    >>> format_value(156.30912), format_value(None), format_value("GE")
    ('156.3', '–', 'GE')
    """
    if value is None:
        return "–"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
