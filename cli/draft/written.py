"""How a table's columns write dates and numbers: told by their values, and asked where the values leave it open."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from cli.draft.facts import ENOUGH, Facts, strays_among
from cli.draft.words import DATE_FORMATS, DATE_NAME, INCOMPLETE_DATE, UNITS
from multimodal.clinical.dates import FIRST_YEAR, DateFormat, month_of
from multimodal.clinical.headers import in_words
from multimodal.clinical.numerals import Numeral

_FIRST_LOOK = 30
"""Values that are tried before all of them are."""

_SPREADSHEET = "days since 1899-12-30"
_SERIALS = range(27_000, 80_000)
"""Spreadsheets' counts of days from 1973 to 2119; smaller ones may be of SAS and Stata (from 1960) or R (1970)."""

_FEWEST_DAYS = 3_000
"""A smaller number in a column that is called a date is no count of days from one of these."""

DAY_OR_MONTH_FIRST = {"day-first": "%d", "month-first": "%m"}

_IN_FUTURE = 0.1
"""Share of dates after today by which a calendar was shifted; fewer are typing errors."""


@dataclass
class Written:
    """How a table's dates are written beside what its columns say themselves.

    Parameters
    ----------
    date_format : str
        Of most dates.
    two_digit_years_from : int or None
        When a year has two digits.
    shifted : bool
        Whether dates lie in the future.
    """

    date_format: str = DATE_FORMATS[0]
    two_digit_years_from: int | None = None
    shifted: bool = False


def read_writing(facts: Sequence[Facts], today: date, first: str = "") -> Written:
    """Decide for each column how its dates and numbers are written, and note it in the facts.

    Parameters
    ----------
    first : str
        `day-first` or `month-first` where the values leave it open; empty: then it is not decided.
    """
    century = today.year - 99
    fitting = {fact.source: _fitting(fact, century) for fact in facts}
    told = {formats[0] for formats in fitting.values() if len(formats) == 1}
    for fact in facts:
        _decide(fact, fitting[fact.source], told, first)
        _set_aside_placeholders(fact, century)
        _ask_of_other_dates(fact, century)
        _ask_of_counts(fact)
    _read_numerals([fact for fact in facts if fact.date_format is None and not fact.asked])
    used = [fact.date_format for fact in facts if fact.date_format and "%" in fact.date_format]
    short = any("%y" in written for written in used)
    most = max(DATE_FORMATS, key=used.count)
    return Written(most, century if short else None, _is_shifted(facts, century, today))


def looks_like_dates(fact: Facts) -> bool:
    """Whether a column has dates, of whichever format."""
    return bool(_fitting(fact, FIRST_YEAR))


def _fitting(fact: Facts, century: int) -> list[str]:
    """Return the formats that (nearly) all values of a column have; of those of equally many, all."""
    values = list(fact.values)
    if not values or not any(map(str.isdigit, values[0])):
        return []
    formats = [f for f in DATE_FORMATS if _share(values[:_FIRST_LOOK], f, century) >= ENOUGH / 2]
    shares = {f: _share(values, f, century) for f in formats}
    best = max(shares.values(), default=0.0)
    if best < ENOUGH:
        return [_SPREADSHEET] if _is_serial(fact) else []
    return [f for f in formats if shares[f] == best]


def _share(values: Sequence[str], written: str, century: int) -> float:
    day_of = DateFormat(written, century).reader()
    found = [day_of(value) for value in values]
    return sum(day is not None and day.year >= 1850 for day in found) / len(values)


def _is_serial(fact: Facts) -> bool:
    """Whether a column that is called a date holds a spreadsheet's counts of days."""
    return bool(DATE_NAME.search(in_words(fact.source)) and fact.values) and all(map(_is_count, fact.values))


def _is_count(value: str) -> bool:
    found = _COUNT.fullmatch(value)
    return found is not None and int(found[1]) in _SERIALS


_COUNT = re.compile(r"(\d{5})(?:[.,]\d*)?")
"""A spreadsheet's count of days; the time of the day is behind it, in the country's decimals."""


def _decide(fact: Facts, formats: Sequence[str], told: set[str], first: str) -> None:
    if len(formats) > 1:
        as_others = [f for f in formats if f in told]
        wanted = [f for f in formats if first and f.startswith(DAY_OR_MONTH_FIRST[first])]
        formats = wanted if wanted else as_others
        fact.checks.append(_AMBIGUOUS.format("as asked" if wanted else "as in the other columns"))
        if len(formats) != 1:
            fact.asked, fact.checks[-1] = "day or month first", _ASK
            return
    fact.date_format = formats[0] if formats else None
    if fact.date_format == _SPREADSHEET:
        fact.checks.append(_COUNTED)


def _ask_of_other_dates(fact: Facts, century: int) -> None:
    """Ask where dates of a column are written in several ways, or some of its cells are none."""
    if fact.date_format and "%" in fact.date_format and _share(list(fact.values), fact.date_format, century) < 1:
        fact.checks.append("some cells are no such dates; their rows are rejected")
    elif fact.date_format is None and not fact.asked and fact.values:
        without_day = {value for value in fact.values if _is_incomplete(value)}
        whole = {value for value in fact.values if not _NO_DATE.fullmatch(value) and is_date(value, century)}
        if sum(map(_is_like_date, fact.values)) >= ENOUGH * len(fact.values):
            fact.asked = "dates in a form that is not read; write them as 2010-01-31"
        if whole and DATE_NAME.search(in_words(fact.source)):
            whole |= set(filter(_is_count, fact.values))
        if len(without_day | whole) < ENOUGH * len(fact.values) or all(map(str.isdigit, without_day | whole)):
            return
        fact.asked = _WITHOUT_DAY if without_day - whole else "dates that are written in several ways"
        fact.checks.append("write all its dates in one way; a day that could be a month cannot be told")


def _is_like_date(value: str) -> bool:
    """Whether a cell has a year (of any calendar), a month's name or two more numbers, and hardly anything else."""
    parts = [part for part in re.split(r"\W+", re.sub(r"(?<=\d)(?:st|nd|rd|th|er|e|o)\b", "", value)) if part]
    year = any(re.fullmatch(r"(?:1[349]|2[05])\d\d", part) for part in parts)
    short = sum(part.isdigit() and len(part) <= 2 for part in parts)
    return year and len(parts) <= _PARTS_OF_DATE and (short > 1 or bool(short and any(map(month_of, parts))))


_PARTS_OF_DATE = 8
_WITHOUT_DAY = "dates without a day, of which no date can be made"


def _is_incomplete(value: str) -> bool:
    found = INCOMPLETE_DATE.fullmatch(value)
    return found is not None and (found["month"] is None or month_of(found["month"]) is not None)


def is_date(value: str, century: int = FIRST_YEAR) -> bool:
    """Whether a cell is a date of any format."""
    days = (DateFormat(written, century).day(value) for written in DATE_FORMATS)
    return any(day is not None and day.year >= 1850 for day in days)


def _day_of(fact: Facts, century: int) -> Callable[[str], date | None]:
    return DateFormat(fact.date_format or DATE_FORMATS[0], century).reader()


def _set_aside_placeholders(fact: Facts, century: int) -> None:
    """Take the first or last day of a year that lies far from all other dates for "not known", and zeros as well."""
    if not fact.date_format:
        return
    day_of = _day_of(fact, century)
    days = {value: day for value in fact.values if (day := day_of(value)) is not None}
    usual = [day.year for day in days.values() if (day.month, day.day) not in _ENDS]
    near = range(min(usual, default=0) - _FAR_YEARS, max(usual, default=9999) + _FAR_YEARS + 1)
    for value in list(fact.values):
        if _ZEROS.fullmatch(value) or (value in days and _is_end(days[value], fact.values[value], near)):
            fact.filled -= fact.values.pop(value)
            fact.not_known_here.add(value)


def _is_end(day: date, rows: int, near: range) -> bool:
    """Whether a date is the first or last day of a year far from others; of one row alone, of no patient's life."""
    is_far = (day.month, day.day) in _ENDS and day.year not in near
    return is_far and (rows > 1 or day.year not in range(FIRST_YEAR + 2, 2099))


_ENDS, _FAR_YEARS = ((1, 1), (12, 31), (12, 30)), 15
_ZEROS = re.compile(r"[0\W]*0[0\W]*")


def _ask_of_counts(fact: Facts) -> None:
    """Ask of numbers in a column that is called a date: from when do they count, and what?"""
    words, numbers = in_words(fact.source), fact.numbers
    if fact.date_format or fact.asked or fact.no_numbers or not DATE_NAME.search(words) or not numbers:
        return
    if all(is_date(value.zfill(8)) for value in fact.values):
        fact.asked = "dates of which a spreadsheet took away the leading zero; write it again"
    elif min(numbers) >= _FEWEST_DAYS and not any(pattern.search(words) for pattern, _, _ in UNITS):
        fact.asked = "a count of days or seconds"
        fact.checks.append(_COUNTED_FROM)


_COUNTED_FROM = (
    "make it kind: date with date_format: days since 1960-01-01 (SAS, Stata), 1970-01-01 (R) or 1899-12-30 (Excel); "
    "export seconds (SPSS) as dates"
)


_NO_DATE = re.compile(r"[+-]?\d*[.,]?\d*")
"""Numbers alone are not looked at as dates of one of several formats."""

_COUNTED = (
    "are these a spreadsheet's counts of days, 1 being 1899-12-31? Workbooks of Excel for Mac may count from "
    "1904-01-01 (date_format: days since 1904-01-01): the same numbers are then 1462 days later"
)
_AMBIGUOUS = "day and month could be the other way round. They are read {}"
_ASK = (
    "day and month could be the other way round. Nothing in the table tells: draft again with --dates day-first or "
    "month-first, or make it kind: date with its own date_format"
)


def _is_shifted(facts: Sequence[Facts], century: int, today: date) -> bool:
    for fact in facts:
        if fact.date_format:
            days = [day for day in map(_day_of(fact, century), fact.values) if day is not None]
            if sum(day > today for day in days) > _IN_FUTURE * len(days):
                return True
    return False


_SPELLINGS = (Numeral(","), Numeral(",", "."), Numeral(",", " "), *(Numeral(".", t) for t in (",", " ", "'")))
_NUMBER_LIKE = re.compile(r"^'?[+\u2212\u2013-]?[\d.,' \u2019\u00a0\u2009\u202f]*\d[.,]?\d*(?:[eE][+-]?\d+)? ?%?$")
_THREE_BEHIND_POINT = re.compile(r"^[+-]?\d{1,3}\.\d{3}$")


def _read_numerals(facts: Sequence[Facts]) -> None:
    for fact in facts:
        fact.percent = sum(value.endswith("%") for value in fact.values)
        fitting = _numerals(fact)
        fact.numeral = fitting[0] if len(fitting) == 1 else Numeral(percent=bool(fact.percent))
        fact.open_numerals = fitting if len(fitting) > 1 else []
        if not fitting:
            fact.asked = "numbers in several spellings, or several numbers in a cell"
            fact.checks.append("write one number in a cell, and all numbers in one way")
    told = {fact.numeral.decimal for fact in facts if fact.numeral.thousands or fact.numeral.decimal == ","}
    points = any(
        "." in value for fact in facts if fact.numbers and not _may_be_thousands(fact) for value in fact.values
    )
    for fact in facts:
        if fact.open_numerals:
            _decide_numeral(fact, told)
        elif fact.numeral == Numeral() and _may_be_thousands(fact) and (told or not (points or _are_decimals(fact))):
            _ask_number(fact)
        fact.set_aside_sentinels(strays_among(fact.numbers))


def _may_be_thousands(fact: Facts) -> bool:
    """Whether every point stands before three digits, as in 1.234, and there is one."""
    pointed = [value for value in fact.values if "." in value]
    return bool(pointed) and all(map(_THREE_BEHIND_POINT.match, pointed))


def _are_decimals(fact: Facts) -> bool:
    """Whether every number has three decimals, not all of them zeros: 2.518 beside 527 may be a thousand as well."""
    return all("." in value for value in fact.values) and not all(value.endswith("000") for value in fact.values)


def _numerals(fact: Facts) -> list[Numeral]:
    """Return the ways in which all values that look like numbers are numbers."""
    like = [value for value in fact.values if _NUMBER_LIKE.match(value)]
    percent = bool(fact.percent)
    plain = Numeral(percent=percent)
    if not like or len(like) < len(fact.values) / 2 or _fit(plain, like):
        return [plain]
    spelled = [Numeral(n.decimal, n.thousands, percent) for n in _SPELLINGS]
    fitting = [numeral for numeral in spelled if _fit(numeral, like)]
    if not fitting and sum(not _fit(plain, [value]) for value in like) <= len(like) // 10:
        return [plain]
    # A separator that never occurs is not needed: 1,73 needs none between thousands.
    simple = [n for n in fitting if n.thousands == "" or any(_has(n.thousands, value) for value in like)]
    decimal = [n for n in simple if n.thousands == ""]
    found = [*decimal[:1], *(n for n in simple if n.thousands and (not decimal or n.decimal == "."))]
    return found[-1:] if len({tuple(map(n.reader(), like)) for n in found}) == 1 else found


def _has(separator: str, value: str) -> bool:
    return separator in value or (separator == " " and bool(re.search("[\u00a0\u2009\u202f]", value)))


def _fit(numeral: Numeral, values: Sequence[str]) -> bool:
    number_of = numeral.reader()
    return all(number_of(value) is not None for value in values)


def _decide_numeral(fact: Facts, told: set[str]) -> None:
    """Choose between 1,234 as one and a bit and as a thousand: by the other columns, or not at all."""
    as_others = [numeral for numeral in fact.open_numerals if {numeral.decimal} == told]
    if len(as_others) == 1:
        fact.numeral = as_others[0]
        fact.checks.append("numbers could be spelled otherwise; they are read as in the other columns")
    else:
        _ask_number(fact)


def _ask_number(fact: Facts) -> None:
    fact.asked = "decimal sign or separator of thousands"
    fact.checks.append(
        "is the sign before three digits a decimal sign, or does it separate thousands? Make it kind: number with "
        "decimal: and thousands:"
    )
