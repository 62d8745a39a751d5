"""Rows as a CSV, or as a table that is never wider than the terminal: whole columns, and a word on the others."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from cli.features import GroupTable, Row, Value
from cli.terminal import COLUMN_GAP, INDENT, make_table, plural, print_block

_SHOWN_COLUMNS = (
    "case_id",
    "event_time",
    "volume_ml",
    "original_shape_Sphericity",
    "original_firstorder_Mean",
    "original_glcm_JointEntropy",
    "manufacturer",
    "original_shape_Maximum3DDiameter",
    "mapped_percent",
    "library_type",
)

_ORIGIN = frozenset({"event_time_source", "source_uri", "upload_id", "correlation_id"})
_GENE = "log2tpm_"

# pyradiomics' names: image type, feature class, feature.
_RADIOMIC = re.compile(r"[a-z][\w.-]*_(firstorder|shape|shape2D|glcm|glrlm|glszm|gldm|ngtdm)_\w+")


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


def print_features(
    console: Console,
    group: GroupTable,
    rows: list[Row],
    *,
    whole: str = "`features … --json`",
    total: int | None = None,
) -> None:
    """Print the columns a person looks at first, as many as there is room for, and how many more `whole` has.

    Of more records than are given, `total` says how many there are.
    """
    if not rows:
        print_block(console, Text(f"{group.group} has no records yet."))
        return
    first = [name for name in _SHOWN_COLUMNS if name in group.features] or list(group.features[:6])
    first += [name for name in group.features if name.startswith(_GENE)]
    if set(first) <= {group.record_id, group.event_time}:
        first += [name for name in group.features if name not in first and name not in _ORIGIN]
    columns = print_rows(console, rows, first, _label)
    console.print()
    more = len(group.features) - len(columns)
    shown = f"{len(rows)} of " if total is not None and total > len(rows) else ""
    text = f"{shown}{plural(total or len(rows), 'record')} in {group.group}; {more} more columns ({whole} has all)."
    print_block(console, Text(text, style="dim"))


def _label(name: str) -> str:
    return (
        name.removeprefix("original_").split("_", 1)[-1] if name.startswith("original_") else name.removeprefix(_GENE)
    )


def describe_features(names: Iterable[str]) -> str:
    """Say how many features are radiomic and how many tell of the study, the scan and the program.

    Examples
    --------
    >>> describe_features(["case_id", "volume_ml", "original_glcm_Contrast"])
    '1 radiomic feature and 2 others'
    """
    kinds = Counter(bool(_RADIOMIC.fullmatch(name)) for name in names)
    return f"{plural(kinds[True], 'radiomic feature')} and {plural(kinds[False], 'other')}"
