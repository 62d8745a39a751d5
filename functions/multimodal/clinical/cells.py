"""Parse a column's cells, memoised per distinct value, and say what is wrong with those that have none.

The codes are explained in docs/reference/reason-codes.md.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Generic, TypeVar

from multimodal.clinical.column_config import Flag, OneHot, Ordinal
from multimodal.clinical.names import has_shape_of_name
from multimodal.clinical.phi import Kind, is_harmless, kind_of, kind_of_suspicious
from multimodal.tables.table import Scope


class RowCode(StrEnum):
    """Why a row, its label or one of its values is not taken."""

    ROW_LENGTH = "ROW_LENGTH"
    ID_MISSING = "ID_MISSING"
    ID_INVALID = "ID_INVALID"
    ROW_WITHOUT_VALUES = "ROW_WITHOUT_VALUES"
    ROWS_UNORDERED = "ROWS_UNORDERED"
    UNKNOWN_LEVEL = "UNKNOWN_LEVEL"
    NOT_A_NUMBER = "NOT_A_NUMBER"
    NUMBER_WITH_UNIT = "NUMBER_WITH_UNIT"
    NOT_WHOLE = "NOT_WHOLE"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    BAD_DATE = "BAD_DATE"
    DATE_IN_FUTURE = "DATE_IN_FUTURE"
    FORMULA_CELL = "FORMULA_CELL"
    MISSING_VALUE = "MISSING_VALUE"
    NOT_EXACTLY_ONE = "NOT_EXACTLY_ONE"
    DROPPED_BY_FILTER = "DROPPED_BY_FILTER"
    LABEL_INCOMPLETE = "LABEL_INCOMPLETE"
    LABEL_CONTRADICTION = "LABEL_CONTRADICTION"
    RECURRENCE_CONTRADICTION = "RECURRENCE_CONTRADICTION"
    LABEL_MISMATCH = "LABEL_MISMATCH"


V = TypeVar("V")

MAX_KEPT = 4_096
"""Distinct cells that a column remembers from one batch to the next."""

_LONG = 256
_SHOWN_LEVELS = 8

_ALIKE = 0.7
"""Share of characters that a cell has in common with the level that is perhaps meant."""


@dataclass(frozen=True)
class Fault:
    """Why a cell has no value.

    Parameters
    ----------
    code : RowCode or None
        None when the cell is fine by the configuration and only not explained by it.
    scope : str
        What it costs.
    kind : Kind, optional
        Kind of identifier that the cell looks like.
    """

    code: RowCode | None
    message: str = ""
    scope: Scope = "row"
    kind: Kind | None = None


Reading = tuple[V | None, Fault | None]

# Made once: annotations of a function within a function are evaluated whenever the outer one is called.
Text = Reading[str]
Numeric = Reading[float]
Day = Reading[int]


class Memo(dict[str | None, V | None], Generic[V]):
    """Values of the cells that were met; a cell that is new is read.

    Parameters
    ----------
    read : callable
        Cell → value and fault.
    known : mapping, optional
        Values of cells that need not be read.

    Attributes
    ----------
    faults : dict
        Cells that have a fault.
    """

    def __init__(self, read: Callable[[str], Reading[V]], known: Mapping[str | None, V | None] | None = None) -> None:
        self._known = known or {None: None}
        self._read, self._has_long = read, False
        self.faults: dict[str | None, Fault] = {}
        super().__init__(self._known)

    def __missing__(self, cell: str) -> V | None:
        value, fault = self._read(cell)
        if fault is not None:
            self.faults[cell] = fault
        if len(cell) > _LONG:
            self._has_long = True
        self[cell] = value
        return value

    def shrink(self) -> None:
        """Forget the cells when they are many or long; between batches, never within one."""
        if len(self) > MAX_KEPT or self._has_long:
            self.clear()
            self.update(self._known)
            self.faults.clear()
            self._has_long = False


def dropped(missing: frozenset[str]) -> Memo[str]:
    """Return the cells of a column that nothing is made of: they are only looked at."""
    return Memo(lambda cell: (cell, _unexplained(cell)), dict.fromkeys((None, *missing)))


def _unexplained(cell: str) -> Fault | None:
    """Return what is to be looked at in a cell that is fine by the configuration and could be anything."""
    if is_harmless(cell):
        return None
    kind = kind_of_suspicious(cell)
    return Fault(None, kind=kind) if kind is not None or has_shape_of_name(cell) else None


def levels(column: OneHot | Ordinal | Flag, missing: frozenset[str], scope: Scope) -> Memo[str]:
    """Return the cells of a column with declared levels."""

    def read(cell: str) -> Text:
        if column.unseen == "other":
            return cell, _unexplained(cell)
        return None, _unknown_level(cell, column.values, scope if column.unseen == "reject" else "value")

    known: dict[str | None, str | None] = {level: level for level in column.values}
    known.update(dict.fromkeys((None, *missing)))
    return Memo(read, known)


def _unknown_level(cell: str, levels: tuple[str, ...], scope: Scope) -> Fault:
    """Say which levels there are, and which one may be meant; never the cell, which may be anything, a name as well."""
    if is_formula(cell):
        return formula(cell, scope)
    more = ", …" if len(levels) > _SHOWN_LEVELS else ""
    message = (
        f"the cell is none of the column's levels ({', '.join(levels[:_SHOWN_LEVELS])}{more}); correct it"
        f"{_perhaps(cell, levels)}, or add the level to the dataset's file"
    )
    return Fault(RowCode.UNKNOWN_LEVEL, message, scope, kind_of(cell))


def _perhaps(cell: str, levels: tuple[str, ...]) -> str:
    by_small = {level.casefold(): level for level in levels}
    near = get_close_matches(cell.casefold(), by_small, 1, _ALIKE) if len(cell) <= _LONG else []
    return f" (perhaps to {by_small[near[0]]!r})" if near else ""


_FORMULA = re.compile(r"[=@]|[+-](?=[A-Za-z(])")


def is_formula(cell: str) -> bool:
    """Return whether a spreadsheet would compute a cell."""
    return _FORMULA.match(cell) is not None


def formula(cell: str, scope: Scope) -> Fault:
    """Return what is wrong with a formula."""
    message = "the cell holds a formula; paste its value in its place and export again"
    return Fault(RowCode.FORMULA_CELL, message, scope, kind_of(cell))
