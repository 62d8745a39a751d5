"""Read numbers as tables write them: decimal commas, separators of thousands, percent, bounds and ages."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from multimodal.clinical.cells import Fault, Numeric, RowCode, formula, is_formula
from multimodal.clinical.column_config import Number
from multimodal.clinical.config import DAYS_PER_UNIT, ClinicalConfig
from multimodal.clinical.phi import MAX_AGE, Kind, kind_of
from multimodal.tables.table import Scope

LARGEST = 1e15
"""Larger numbers are typing errors: up to here a whole one is exact, and sums and squares of a million stay finite."""

OLDEST = MAX_AGE + 1
"""The one category that ages above `MAX_AGE` may be put into: 90 or older."""

_BLANKS = " \u00a0\u2009\u202f"
_MINUS = ("\u2212", "\u2013")
"""The sign that typesetters and some programs write for a minus, and the dash that stands in its place."""

_SEPARATORS = {" ": f"[{_BLANKS}]", "'": "['\u2019]"}


@dataclass(frozen=True)
class Numeral:
    """How a column writes its numbers.

    Parameters
    ----------
    decimal : str
        `.` or `,`.
    thousands : str
        `,`, `.`, a blank, an apostrophe, or nothing.
    percent : bool
        Whether a percent sign may follow.

    Examples
    --------
    >>> Numeral(",", ".").reader()("1.234,5"), Numeral().reader()("1,234"), Numeral().reader()(".86")
    (1234.5, None, 0.86)
    """

    decimal: str = "."
    thousands: str = ""
    percent: bool = False

    def reader(self) -> Callable[[str], float | None]:
        """Return how a cell becomes a number; None when it is none of this form."""
        if self == Numeral():
            return _plain_number
        fits, decimal = re.compile(self._pattern()).fullmatch, self.decimal
        separator = _SEPARATORS.get(self.thousands, re.escape(self.thousands))

        def read(cell: str) -> float | None:
            if not fits(cell):
                return read(f"-{cell[1:]}") if cell.startswith(_MINUS) else None
            digits = re.sub(separator, "", cell) if separator else cell
            return float(digits.rstrip(f"%{_BLANKS}").replace(decimal, "."))

        return read

    def _pattern(self) -> str:
        point = re.escape(self.decimal)
        separator = _SEPARATORS.get(self.thousands, re.escape(self.thousands))
        grouped = f"|[0-9]{{1,3}}(?:{separator}[0-9]{{3}})+(?:{point}[0-9]*)?" if separator else ""
        percent = f"[{_BLANKS}]?%?" if self.percent else ""
        return rf"[+-]?(?:[0-9]+(?:{point}[0-9]*)?|{point}[0-9]+{grouped})(?:[eE][+-]?[0-9]+)?{percent}"


_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def _plain_number(cell: str) -> float | None:
    if (cell.isdecimal() and cell.isascii()) or _PLAIN.fullmatch(cell):
        return float(cell)
    return _plain_number(f"-{cell[1:]}") if cell.startswith(_MINUS) else None


def numeral_of(config: ClinicalConfig, column: Number) -> Numeral:
    """Return how a column's numbers are written."""
    decimal = config.decimal if column.decimal is None else column.decimal
    thousands = config.thousands if column.thousands is None else column.thousands
    return Numeral(decimal, thousands, column.unit == "%")


_ONE_SIDED = re.compile(r"(?P<sign>[<>≤≥]=?|=[<>]) ?(?P<after>[^<>≤≥=].*)|(?P<before>[^<>≤≥=].*?) ?\+")
_OLDEST = re.compile(
    r"(?:(?:>=|=>|≥) ?90|> ?89|90 ?(?:\+|(?:and|or) (?:over|above|older|more)|und älter))"
    r"(?: ?(?:y|yrs?|years?|jahre)(?: old)?)?",
    re.IGNORECASE,
)


def number_reading(column: Number, numeral: Numeral, scope: Scope) -> Callable[[str], Numeric]:
    """Return how a number column's cells are read, into the feature's unit."""
    low, high, unit, number_of = column.min, column.max, column.unit, numeral.reader()
    outside = scope if column.out_of_range == "reject" else "value"
    factor, is_integral = column.factor, column.integral
    least = -LARGEST if low is None else max(low, -LARGEST)
    years = _in_years(column)
    most = min(LARGEST if high is None else high, MAX_AGE / years if column.age else LARGEST)

    def read(cell: str) -> Numeric:
        number = number_of(cell)
        if number is None:
            return _no_number(cell, column, number_of, scope)
        value = number * factor
        if least <= value <= most and not (is_integral and not value.is_integer()):
            return value + 0.0, None  # without the sign of a zero, which would depend on the row that came first
        return wrong(value)

    def wrong(value: float) -> Numeric:
        if not abs(value) <= LARGEST:
            return None, Fault(RowCode.NOT_A_NUMBER, f"a number beyond {LARGEST:g} {_NO_MEASUREMENT}", scope)
        if column.age and value * years > MAX_AGE:
            return _too_old(value * years, column, scope)
        if is_integral and not value.is_integer():
            return None, Fault(RowCode.NOT_WHOLE, f"only whole numbers ({unit}) are right here", scope)
        return None, Fault(RowCode.OUT_OF_RANGE, range_message(value, low, high, unit), outside)

    return read


def _too_old(value: float, column: Number, scope: Scope) -> Numeric:
    """Judge an age above 89: from 90 on it identifies a person, a fraction before is 89 (`clinical-16`)."""
    if value >= OLDEST:
        message = f"an age above {MAX_AGE} years identifies a person"
        return None, Fault(RowCode.OUT_OF_RANGE, message, scope, Kind.AGE_ABOVE_89)
    return _by_policy(column, _at_age(MAX_AGE, column), Fault(RowCode.OUT_OF_RANGE, _FRACTION, scope))


def _at_age(years: int, column: Number) -> float:
    """Return an age in a column's unit."""
    age = years / _in_years(column)
    return float(int(age)) if column.integral else age


def _in_years(column: Number) -> float:
    """Return what one of a column's unit of time is in years."""
    return DAYS_PER_UNIT.get(column.unit, DAYS_PER_UNIT["years"]) / DAYS_PER_UNIT["years"]


_FRACTION = (
    "an age between 89 and 90 years; write whole years, or bounds: limit in the dataset's file, which takes it as 89"
)
_OLDEST_MESSAGE = (
    "the category of ages from 90 on; bounds: limit in the dataset's file takes it as 90, bounds: missing as not known"
)


def _by_policy(column: Number, limit: float, fault: Fault) -> Numeric:
    """Return what a bound becomes: the limit, nothing, or a fault."""
    if column.bounds == "reject":
        return None, fault
    return (limit if column.bounds == "limit" else None), None


def is_within(value: float, low: float | None, high: float | None) -> bool:
    """Return whether a value lies within bounds, of which either may be absent."""
    return (low is None or value >= low) and (high is None or value <= high)


def range_message(value: float, low: float | None, high: float | None, unit: str) -> str:
    """Say which bound of a range a value has passed, without the value."""
    below = low is not None and value < low
    bound = f"below {low:g}" if below else f"above {high:g}"
    return f"{bound} {unit} (in the feature's unit); check the cell and the unit that it is written in"


_YEARS = re.compile(r"(?<![\w.-])[0-9]{2,3}(?![0-9])")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:([.,' \u2019\u00a0\u2009\u202f])[0-9]{3})(?:\1[0-9]{3})*(?:[.,][0-9]+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9.]*,[0-9]+")
_WITH_UNIT = re.compile(r"[+-]?[0-9.,]+\s*[A-Za-zµμ°%][^0-9]{0,20}[23²³]?|[$€£]\s*[0-9.,]+")
_BOUND = re.compile(r"[<>≤≥~≈±].*[0-9]|[0-9.,]+\s*(?:-|–|to)\s*[0-9.,]+|[0-9.,]+\s*\+")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_NO_MEASUREMENT = "is no measurement; leave the cell empty, or list it under missing in the dataset's file"


def _no_number(cell: str, column: Number, number_of: Callable[[str], float | None], scope: Scope) -> Numeric:
    if column.age and _OLDEST.fullmatch(cell):
        return _by_policy(column, _at_age(OLDEST, column), Fault(RowCode.OUT_OF_RANGE, _OLDEST_MESSAGE, scope))
    bound = _ONE_SIDED.fullmatch(cell) if column.bounds != "reject" else None
    limit = number_of((bound["after"] or bound["before"]).strip()) if bound else None
    if limit is not None and not (column.age and limit * column.factor * _in_years(column) > MAX_AGE):
        return _limited(limit * column.factor, column, scope)
    return None, _what_is_wrong(cell, column, scope)


def _limited(limit: float, column: Number, scope: Scope) -> Numeric:
    if column.bounds == "limit" and not is_within(limit, column.min, column.max):
        return None, Fault(RowCode.OUT_OF_RANGE, range_message(limit, column.min, column.max, column.unit), scope)
    if column.bounds == "limit" and column.integral and not limit.is_integer():
        return None, Fault(RowCode.NOT_WHOLE, f"only whole numbers ({column.unit}) are right here", scope)
    return (limit + 0.0 if column.bounds == "limit" else None), None


def _what_is_wrong(cell: str, column: Number, scope: Scope) -> Fault:
    if is_formula(cell) and not _NOT_FINITE.fullmatch(cell):
        return formula(cell, scope)
    code, problem = _what_instead(cell)
    too_old = column.age and any(int(years) * _in_years(column) > MAX_AGE for years in _YEARS.findall(cell))
    return Fault(code, problem, scope, kind_of(cell) or (Kind.AGE_ABOVE_89 if too_old else None))


def _what_instead(cell: str) -> tuple[RowCode, str]:
    plain = RowCode.NOT_A_NUMBER
    if _NOT_FINITE.fullmatch(cell) or cell.startswith("#"):
        return plain, f"this {_NO_MEASUREMENT}"
    if _THOUSANDS.fullmatch(cell):
        return plain, _SEPARATED
    if _DECIMAL_COMMA.fullmatch(cell):
        return plain, 'a number with a decimal comma; write a decimal point, or decimal: "," in the dataset\'s file'
    if _BOUND.fullmatch(cell):
        return plain, _NOT_ONE
    if _WITH_UNIT.fullmatch(cell):
        return (
            RowCode.NUMBER_WITH_UNIT,
            "a number with a unit in the cell; write the number alone, in the column's unit",
        )
    return plain, "not a number; write digits and a decimal point, or one of the values that mean missing"


_SEPARATED = (
    "a number with separators between the thousands; write digits and, where needed, a decimal point, or say with "
    "thousands: and decimal: in the dataset's file how they are written"
)
_NOT_ONE = (
    "a bound or a range, not a number; write one number, leave the cell empty, or say with bounds: limit (or missing) "
    "in the dataset's file what a bound becomes"
)
