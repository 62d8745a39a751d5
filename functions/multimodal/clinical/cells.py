"""Parse a column's cells, memoised per distinct value, and say what is wrong with those that have none.

The codes are explained in docs/reference/reason-codes.md.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from typing import Generic, TypeVar

from multimodal.clinical.config import DateDifference, Flag, Number, OneHot, Ordinal
from multimodal.clinical.names import has_shape_of_name
from multimodal.clinical.phi import MAX_AGE, Kind, kind_of
from multimodal.tables.table import Scope


class RowCode(StrEnum):
    """Why a row, its label or one of its values is not taken."""

    ROW_LENGTH = "ROW_LENGTH"
    ID_MISSING = "ID_MISSING"
    ID_INVALID = "ID_INVALID"
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

FIRST_YEAR = 1900
"""Earlier dates of a patient are typing errors."""


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


class Memo(dict[str | None, V | None], Generic[V]):
    """Values of the cells that were met; a cell that is new is read.

    Parameters
    ----------
    read : callable
        Cell → value and fault.

    Attributes
    ----------
    faults : dict
        Cells that have a fault.
    """

    def __init__(self, read: Callable[[str], Reading[V]]) -> None:
        super().__init__()
        self.faults: dict[str | None, Fault] = {}
        self._read = read
        self._has_long = False

    def __missing__(self, cell: str | None) -> V | None:
        value, fault = (None, None) if cell is None else self._read(cell)
        if fault is not None:
            self.faults[cell] = fault
        self._has_long = self._has_long or (cell is not None and len(cell) > _LONG)
        self[cell] = value
        return value

    def shrink(self) -> None:
        """Forget the cells when they are many or long; between batches, never within one."""
        if len(self) > MAX_KEPT or self._has_long:
            self.clear()
            self.faults.clear()
            self._has_long = False


def plain_reading(missing: frozenset[str]) -> Callable[[str], Reading[str]]:
    """Return how cells of number and date columns are read first: blanks removed, None where nothing is known."""

    def read(raw: str) -> Reading[str]:
        cell = raw.strip()
        return (None if cell in missing else cell), None

    return read


def drop_reading(missing: frozenset[str]) -> Callable[[str], Reading[str]]:
    """Return how cells are read that nothing is made of: they are only looked at."""

    def read(raw: str) -> Reading[str]:
        cell = raw.strip()
        return (None, None) if cell in missing else (cell, _unexplained(cell))

    return read


def _unexplained(cell: str) -> Fault | None:
    """Return what is to be looked at in a cell that is fine by the configuration and could be anything."""
    kind = kind_of(cell)
    return Fault(None, kind=kind) if kind is not None or has_shape_of_name(cell) else None


def level_reading(
    column: OneHot | Ordinal | Flag, missing: frozenset[str], scope: Scope
) -> Callable[[str], Reading[str]]:
    """Return how cells of a column with declared levels are read."""
    levels = {level: level for level in column.values}

    def read(raw: str) -> Reading[str]:
        cell = raw.strip()
        if cell in missing:
            return None, None
        if cell in levels:
            return levels[cell], None
        if column.unseen == "other":
            return cell, _unexplained(cell)
        return None, _unknown_level(cell, column.values, scope if column.unseen == "reject" else "value")

    return read


def _unknown_level(cell: str, levels: tuple[str, ...], scope: Scope) -> Fault:
    """Say which levels there are, and which one may be meant; never the cell, which may be anything, a name as well."""
    if is_formula(cell):
        return _formula(cell, scope)
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


def _formula(cell: str, scope: Scope) -> Fault:
    message = "the cell holds a formula; paste its value in its place and export again"
    return Fault(RowCode.FORMULA_CELL, message, scope, kind_of(cell))


_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

LARGEST = 1e15
"""Larger numbers are typing errors: up to here a whole one is exact, and sums and squares of a million stay finite."""

_YEARS = re.compile(r"(?<![\w.-])[0-9]{2,3}(?![0-9])")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:[,' \u00a0\u202f][0-9]{3})+(?:\.[0-9]+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9.]+,[0-9]+")
_WITH_UNIT = re.compile(r"[+-]?[0-9.,]+\s*[A-Za-zµμ°%][^0-9]{0,20}[23²³]?|[$€£]\s*[0-9.,]+")
_BOUND = re.compile(r"[<>≤≥~≈±].*[0-9]|[0-9.,]+\s*(?:-|–|to)\s*[0-9.,]+|[0-9.,]+\s*\+")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_NO_MEASUREMENT = "is no measurement; leave the cell empty, or list it under missing in the dataset's file"


def number_reading(column: Number, scope: Scope) -> Callable[[str], Reading[float]]:
    """Return how a number column's cells are read, into the feature's unit."""
    low, high, unit = column.min, column.max, column.unit
    outside = scope if column.out_of_range == "reject" else "value"

    def read(cell: str) -> Reading[float]:
        if not _NUMBER.fullmatch(cell):
            return None, _no_number(cell, column, scope)
        value = float(cell) * column.factor
        if not abs(value) <= LARGEST:
            return None, Fault(RowCode.NOT_A_NUMBER, f"a number beyond {LARGEST:g} {_NO_MEASUREMENT}", scope)
        if column.age and value > MAX_AGE:
            message = f"an age above {MAX_AGE} years identifies a person"
            return None, Fault(RowCode.OUT_OF_RANGE, message, scope, Kind.AGE_ABOVE_89)
        if column.integral and value != int(value):
            return None, Fault(RowCode.NOT_WHOLE, f"only whole numbers ({unit}) are right here", scope)
        if not is_within(value, low, high):
            return None, Fault(RowCode.OUT_OF_RANGE, range_message(value, low, high, unit), outside)
        return value + 0.0, None  # without the sign of a zero, which would depend on the row that came first

    return read


def is_within(value: float, low: float | None, high: float | None) -> bool:
    """Return whether a value lies within bounds, of which either may be absent."""
    return (low is None or value >= low) and (high is None or value <= high)


def range_message(value: float, low: float | None, high: float | None, unit: str) -> str:
    """Say which bound of a range a value has passed, without the value."""
    below = low is not None and value < low
    bound = f"below {low:g}" if below else f"above {high:g}"
    return f"{bound} {unit} (in the feature's unit); check the cell and the unit that it is written in"


def _no_number(cell: str, column: Number, scope: Scope) -> Fault:
    if is_formula(cell) and not _NOT_FINITE.fullmatch(cell):
        return _formula(cell, scope)
    code, problem = _what_instead(cell)
    too_old = column.age and any(int(years) > MAX_AGE for years in _YEARS.findall(cell))
    return Fault(code, problem, scope, kind_of(cell) or (Kind.AGE_ABOVE_89 if too_old else None))


def _what_instead(cell: str) -> tuple[RowCode, str]:
    plain = RowCode.NOT_A_NUMBER
    if _NOT_FINITE.fullmatch(cell) or cell.startswith("#"):
        return plain, f"this {_NO_MEASUREMENT}"
    if _THOUSANDS.fullmatch(cell):
        return plain, "a number with separators between the thousands; write digits and, where needed, a decimal point"
    if _DECIMAL_COMMA.fullmatch(cell):
        return plain, "a number with a decimal comma; write a decimal point"
    if _BOUND.fullmatch(cell):
        return plain, "a bound or a range, not a number; write one number, or leave the cell empty"
    if _WITH_UNIT.fullmatch(cell):
        return (
            RowCode.NUMBER_WITH_UNIT,
            "a number with a unit in the cell; write the number alone, in the column's unit",
        )
    return plain, "not a number; write digits and a decimal point, or one of the values that mean missing"


@dataclass(frozen=True)
class DateFormat:
    """How a table writes its dates, compiled.

    Parameters
    ----------
    text : str
        With `%d`, `%m` and `%Y`.
    """

    text: str

    def compiled(self) -> re.Pattern[str]:
        """Return a pattern with the groups d, m and Y."""
        groups = {"%d": "(?P<d>[0-9]{1,2})", "%m": "(?P<m>[0-9]{1,2})", "%Y": "(?P<Y>[0-9]{4})"}
        compact = self.text == "%Y%m%d"
        parts = re.split("(%[dmY])", self.text)
        pattern = "".join(groups.get(part) or re.escape(part) for part in parts)
        return re.compile(pattern.replace("{1,2}", "{2}") if compact else pattern)

    @property
    def in_words(self) -> str:
        """The format as people write it."""
        return self.text.replace("%d", "day").replace("%m", "month").replace("%Y", "year")

    @property
    def example(self) -> str:
        """The last day of January 1994 in this format."""
        return self.text.replace("%d", "31").replace("%m", "01").replace("%Y", "1994")


_SHORT_YEAR = re.compile(r"[0-9]{1,2}([/.-])[0-9]{1,2}\1[0-9]{2}")
_DAY_COUNT = re.compile(r"[0-9]{5}(\.[0-9]+)?")


def date_reading(form: DateFormat, today: date, scope: Scope) -> Callable[[str], Reading[int]]:
    """Return how dates are read, into proleptic Gregorian ordinals (days)."""
    pattern, latest = form.compiled(), today.toordinal()

    def read(cell: str) -> Reading[int]:
        found = pattern.fullmatch(cell)
        day = _day(found) if found else None
        if day is None:
            return None, _no_date(cell, form, scope)
        if day.year < FIRST_YEAR:
            return None, Fault(RowCode.BAD_DATE, f"a date before {FIRST_YEAR}; check the year", scope)
        if day.toordinal() > latest:
            return None, Fault(RowCode.DATE_IN_FUTURE, "a date after the day of the upload; check it", scope)
        return day.toordinal(), None

    return read


def _day(found: re.Match[str]) -> date | None:
    try:
        return date(int(found["Y"]), int(found["m"]), int(found["d"]))
    except ValueError:
        return None


def _no_date(cell: str, form: DateFormat, scope: Scope) -> Fault:
    if is_formula(cell):
        return _formula(cell, scope)
    if _SHORT_YEAR.fullmatch(cell):
        problem = "a year of two digits may be of two centuries; write four"
    elif _DAY_COUNT.fullmatch(cell):
        problem = "a spreadsheet's count of days; format the column as a date before exporting"
    else:
        problem = f"no date of the form {form.in_words}, such as {form.example}"
    return Fault(RowCode.BAD_DATE, problem, scope, kind_of(cell))


def year_reading(column: DateDifference, today: date, scope: Scope) -> Callable[[str], Reading[int]]:
    """Return how years of four digits are read."""

    def read(cell: str) -> Reading[int]:
        if not (len(cell) == 4 and cell.isascii() and cell.isdigit()):
            if is_formula(cell):
                return None, _formula(cell, scope)
            return None, Fault(RowCode.BAD_DATE, "not a year of four digits", scope, kind_of(cell))
        year = int(cell)
        if not FIRST_YEAR <= year <= today.year:
            return None, Fault(RowCode.BAD_DATE, f"a year before {FIRST_YEAR} or after the upload; check it", scope)
        return year, None

    return read
