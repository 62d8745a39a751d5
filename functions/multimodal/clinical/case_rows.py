"""One row a case of several: the first, the last or the nearest one, and columns with a rule of their own."""

import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from multimodal.clinical.cells import Fault, Reading, RowCode
from multimodal.clinical.column_config import Column, Date, Number
from multimodal.clinical.config import ClinicalConfig, SeveralRows
from multimodal.clinical.dates import format_of
from multimodal.clinical.numerals import number_reading, numeral_of
from multimodal.tables.table import RowProblem

Cells = Sequence[str]

_NO_ORDER = (
    "the case is in several rows and none of them says when it was ({}), so none can be chosen; complete it, or change "
    "several_rows in the dataset's file"
)
_ANCHORS = (
    "the rows of the case say different things under {!r}, so no row is the nearest to it; leave one, or change "
    "several_rows in the dataset's file"
)


class NumberedRow(NamedTuple):
    """A row and its number in the file."""

    number: int
    cells: Cells


class RowChoice:
    """Chooses or makes one row of a case's rows, as a configuration's `several_rows` says.

    Parameters
    ----------
    positions : mapping
        Source column → its position in the rows.
    """

    def __init__(self, config: ClinicalConfig, rule: SeveralRows, positions: Mapping[str, int]) -> None:
        self._id, self._rule, self._positions = config.id.source, rule, positions
        self._value = {source: _value_of(config, column) for source, column in config.by_source.items()}
        self._numbers = {c.source: c for c in config.columns if isinstance(c, Number)}
        self._missing = {source: config.missing_of(column) for source, column in config.by_source.items()}
        self._decimal = {c.source: numeral_of(config, c).decimal for c in config.columns if isinstance(c, Number)}
        self._no_order = _NO_ORDER.format(" and ".join(repr(s) for s in (rule.by, rule.anchor) if s))

    def of(self, rows: Sequence[NumberedRow]) -> NumberedRow | None:
        """Return the row of a case; None when its rows have no order. `rows` are those of the case, in their order."""
        if len(rows) == 1:
            return rows[0]
        ordered = self._ordered(rows)
        if ordered is None:
            return None
        chosen = list(ordered[0].cells)
        for source, position in self._positions.items():
            if source in self._rule.columns:
                chosen[position] = self._by_own_rule(source, rows)
            elif self._rule.fill and source in self._missing:
                chosen[position] = next(iter(self._known(source, ordered)), chosen[position])
        return NumberedRow(ordered[0].number, chosen)

    def problems(self, rows: Sequence[NumberedRow]) -> Iterator[RowProblem]:
        """Yield a problem for each row of a case of which none can be chosen."""
        anchor, by = self._rule.anchor or "", self._rule.by or ""
        column, message = (anchor, _ANCHORS.format(anchor)) if len(self._anchors(rows)) > 1 else (by, self._no_order)
        for row in rows:
            case = row.cells[self._positions[self._id]].strip()
            yield RowProblem(row.number, case, column, RowCode.ROWS_UNORDERED.value, message)

    def _anchors(self, rows: Sequence[NumberedRow]) -> set[float]:
        found = (self._number(self._rule.anchor, row) for row in rows if self._rule.anchor)
        return {anchor for anchor in found if anchor is not None}

    def _ordered(self, rows: Sequence[NumberedRow]) -> Sequence[NumberedRow] | None:
        """Return the rows, the one that counts first; those that do not say when they were come last."""
        rule = self._rule
        if rule.by is None:
            return rows if rule.take == "first" else rows[::-1]
        times = [self._number(rule.by, row) for row in rows]
        if rule.take == "nearest":
            anchors = self._anchors(rows)
            anchor = anchors.pop() if len(anchors) == 1 else None
            ranks = [None if t is None or anchor is None else (abs(t - anchor), t) for t in times]
        else:
            # Of rows of one day the last one of the file is the last.
            sign = 1 if rule.take == "first" else -1
            ranks = [None if t is None else (sign * t, sign * place) for place, t in enumerate(times)]
        if not any(ranks):
            return None
        by_rank = sorted(zip(ranks, rows, strict=True), key=lambda pair: (pair[0] is None, pair[0] or (0.0, 0.0)))
        return [row for _, row in by_rank]

    def _known(self, source: str, rows: Iterable[NumberedRow]) -> Iterator[str]:
        position, missing = self._positions[source], self._missing[source]
        return (row.cells[position] for row in rows if row.cells[position].strip() not in missing)

    def _number(self, source: str, row: NumberedRow) -> float | None:
        return self._value[source](row.cells[self._positions[source]].strip())[0]

    def _by_own_rule(self, source: str, rows: Sequence[NumberedRow]) -> str:
        """Return a column's cell by its own rule; of cells that cannot be read one, so that it is told."""
        known, how = list(self._known(source, rows)), self._rule.columns[source]
        if not known or how in ("first", "last"):
            return known[-1 if how == "last" else 0] if known else ""
        readings = [(cell, *self._value[source](cell.strip())) for cell in known]
        wrong = [cell for cell, _, fault in readings if fault is not None]
        if wrong:
            return wrong[0]
        # A bound may be declared to be no value.
        read = [(value, cell) for cell, value, _ in readings if value is not None]
        if not read:
            return known[0]
        if how == "mean":
            mean = sum(value for value, _ in read) / len(read) / self._numbers[source].factor
            return repr(mean).replace(".", self._decimal[source])
        return (min if how == "min" else max)(read, key=itemgetter(0))[1]


def _value_of(config: ClinicalConfig, column: Column) -> Callable[[str], Reading[float]]:
    """Return how cells of a column are read to be compared: as numbers in the feature's unit, or as days."""
    if isinstance(column, Number):
        return number_reading(column, numeral_of(config, column), "row")
    if isinstance(column, Date):
        day_of = format_of(config, column).reader()
        return lambda cell: _day(day_of(cell))
    return lambda cell: (None, None)


def _day(day: date | None) -> Reading[float]:
    return (None, _NO_DAY) if day is None else (float(day.toordinal()), None)


_NO_DAY = Fault(RowCode.BAD_DATE)


class RowSpool:
    """Keeps the rows of a table in an SQLite file until all of a case are there."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.executescript("pragma journal_mode = off; pragma synchronous = off;")
        database.execute("create table rows (case_id text, number integer, cells text)")
        database.execute("begin")

    def add(self, rows: Iterable[tuple[str, NumberedRow]]) -> None:
        """Keep rows with their cases; one without a case stays by itself."""
        made = ((case or f"\n{row.number}", row.number, json.dumps(list(row.cells))) for case, row in rows)
        self._database.executemany("insert into rows values (?, ?, ?)", made)

    def cases(self) -> Iterator[list[NumberedRow]]:
        """Yield the rows of each case, in the order in which the cases begin."""
        self._database.execute("create index by_case on rows (case_id, number)")
        found = self._database.execute(
            "select case_id, number, cells from rows join (select case_id, min(number) as start from rows group by "
            "case_id) using (case_id) order by start, number"
        )
        for _, rows in groupby(found, key=itemgetter(0)):
            yield [NumberedRow(number, json.loads(cells)) for _, number, cells in rows]


@contextmanager
def row_spool() -> Iterator[RowSpool]:
    """Open a spool in a folder of its own that is gone when the block ends."""
    with (
        tempfile.TemporaryDirectory(prefix="rows-") as folder,
        closing(sqlite3.connect(Path(folder) / "rows.sqlite", isolation_level=None)) as database,
    ):
        yield RowSpool(database)
