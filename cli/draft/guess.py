"""Guess the kind, the timepoint and the features of a column from its facts; the draft says that all is a guess."""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cli.draft.column import Draft, Names
from cli.draft.facts import Facts, plain, uncoded
from cli.draft.flags import coded, flag
from cli.draft.headers import is_early, is_identifying, late_timepoint
from cli.draft.values import identify, tell_the_beginning, tell_the_end
from cli.draft.words import (
    ID_NAME,
    RANKED_NAME,
    RANKS,
    RATE,
    SEX_NAME,
    SURGERY,
    TIME_UNITS,
    UNIT_CELL,
    UNITS,
    VITAL,
)
from multimodal.clinical.config import DAYS_PER_UNIT
from multimodal.clinical.headers import AGE, in_words
from multimodal.clinical.numerals import Numeral

_LONGEST_VALUE = 256

MAX_LEVELS = 20

MAX_NUMBERED_LEVELS = 10
"""Whole numbers of a stage or grade up to this are levels."""

ROWS_PER_LEVEL = 3
"""A text that has fewer rows for each different value is no category: the values would be those of single persons."""

LATE = ("post_treatment", "outcome")
_YEARS = range(1900, 2101)
_MAX_AGE = 89


def timepoint_of(header: str, label: str = "") -> str:
    """Guess from its names when a column's value is known; what sounds like an outcome never passes for early."""
    names = [name for name in (header, label) if name]
    late = {late_timepoint(name) for name in names} - {""}
    if late:
        return min(late)  # `outcome` comes first
    words = " ".join(map(in_words, names))
    # An age is known from the beginning whatever else the name says (`Age at Histological Diagnosis`).
    return "surgery" if SURGERY.search(words) and not AGE.search(words) else "baseline"


def sounds_identifying(facts: Facts) -> bool:
    """Whether a column's name or one of its values sounds like a person."""
    return facts.identifies or any(map(is_identifying, (facts.source, facts.label))) or identify(facts)


def draft_column(facts: Facts, names: Names, date_format: str, equal_to: str | None, day_zero: str | None) -> Draft:
    """Guess what a column is.

    Parameters
    ----------
    facts : Facts
        What it holds.
    names : Names
        Gives its features their names.
    date_format : str
        Format of most of the table's dates.
    equal_to : str or None
        An earlier column that has the same cells.
    day_zero : str or None
        The date column from which years are counted.
    """
    draft = _kind(facts, names, date_format, equal_to, day_zero)
    if draft.kind in ("date", "number") or (draft.kind == "drop" and facts.asked and not draft.identifying):
        draft.checks += facts.checks
    if facts.label:
        draft.notes.append(f"called {facts.label!r}")
    if facts.filled < facts.rows:
        draft.notes.append(f"no value in {facts.rows - facts.filled} of {facts.rows} rows")
    if draft.kind == "date" and facts.source != day_zero:
        _doubt(draft, facts)
    elif draft.kind not in ("drop", "date"):
        if facts.not_known_here:
            draft.settings = {"missing": sorted(facts.not_known_here)} | draft.settings
            draft.checks.append("do the values under missing: mean that nobody knows, or are they a finding?")
        _doubt(draft, facts)
        if draft.timepoint in LATE:
            draft.settings["feature"] = False
    return draft


def _doubt(draft: Draft, facts: Facts) -> None:
    """Take a column as late of which neither name nor values say that it is early."""
    if draft.timepoint not in LATE and not _named_early(facts) and not tell_the_beginning(facts):
        draft.timepoint = LATE[0]
        draft.checks.append(_WHEN)


def _named_early(facts: Facts) -> bool:
    return any(map(is_early, (facts.source, facts.label)))


_WHEN = "when is it known? Its name does not say, and what becomes known later tells the future"
_SERIES = 5


def take_measurements_as_early(columns: Sequence[Draft]) -> None:
    """Make features of columns in doubt that are a numbered series (`V1` … `V5`), or that would leave none."""
    doubtful = [column for column in columns if _WHEN in column.checks and column.kind != "date"]
    series = Counter(re.sub(r"\d+", "#", column.source) for column in doubtful)
    known = any(c.kind not in ("drop", "date") and c.settings.get("feature", True) for c in columns)
    for column in doubtful:
        if not known or series[re.sub(r"\d+", "#", column.source)] >= _SERIES:
            column.timepoint = "baseline"
            del column.settings["feature"]


def _kind(facts: Facts, names: Names, date_format: str, equal_to: str | None, day_zero: str | None) -> Draft:
    timepoint = timepoint_of(facts.source, facts.label)
    if _says_who_died(facts) or (timepoint not in LATE and not _named_early(facts) and tell_the_end(facts)):
        timepoint = "outcome"
    if sounds_identifying(facts):
        reason = "may identify a person, or is free text that may"
        return Draft(facts.source, "drop", timepoint, {"reason": reason}, checks=[_REMOVE], identifying=True)
    if facts.distinct and facts.filled > MAX_LEVELS and ID_NAME.search(in_words(facts.source)):
        return Draft(
            facts.source,
            "drop",
            timepoint,
            {"reason": "names a person or a sample"},
            checks=[_REMOVE],
            identifying=True,
        )
    reason = _of_no_use(facts, equal_to)
    if reason:
        return _dropped(facts, timepoint, reason)
    if facts.date_format is not None:
        own = {} if facts.date_format == date_format else {"date_format": facts.date_format}
        return Draft(facts.source, "date", timepoint, dict(own))
    guesses = (flag, coded, _category) if facts.is_text and not facts.no_numbers else _GUESSES
    for guess in guesses:
        found = guess(facts, names, timepoint, day_zero)
        if found is not None:
            return found
    if len(facts.values) == 1:
        return _dropped(facts, timepoint, "has one value only, which distinguishes nobody")
    if all(map(_has_unit, facts.values)):
        return _dropped(facts, timepoint, "numbers with their units in the cells; write the numbers alone, in one unit")
    draft = _dropped(facts, timepoint, "text with too many different values for a category")
    draft.checks.append("a category with rare levels? Then list its levels; free text belongs into no table")
    return draft


def _says_who_died(facts: Facts) -> bool:
    """Whether a column's values are those of a vital status, whatever it is called."""
    return bool(facts.values) and {uncoded(value) for value in facts.values} <= VITAL


_REMOVE = "remove the column from the table before you upload it, unless it is harmless"


def units_of_time(facts: Facts) -> list[str]:
    """Return the units of time that a column's values are, if they are nothing else; m, w and d are sexes as well.

    Examples
    --------
    >>> from collections import Counter
    >>> from dataclasses import replace
    >>> facts = Facts("survival_unit", 1, values=Counter(["Months", "d"]))
    >>> units_of_time(facts), units_of_time(replace(facts, source="Geschlecht"))
    (['days', 'months'], [])
    """
    found = {TIME_UNITS.get(plain(value.strip(" .")), "") for value in facts.values}
    is_other = "" in found or SEX_NAME.search(in_words(facts.source))
    return [] if is_other else [unit for unit in DAYS_PER_UNIT if unit in found]


def _has_unit(value: str) -> bool:
    """Whether a cell is as `5 months` or `1.2cm`."""
    number = re.match(r"[<>~]?\d+(?:[.,]\d+)?\s*(?=\S)", value)
    return bool(number and UNIT_CELL.match(value[number.end() :]))


def _of_no_use(facts: Facts, equal_to: str | None) -> str:
    """Return why nothing can be made of a column, if so."""
    if not facts.values:
        return "has no value in any row of the table that this was drafted from"
    if equal_to is not None:
        return f"equal to {equal_to} in every row"
    if len(facts.values) > 1 and units_of_time(facts):
        return "says units, which are no facts of a patient"
    if any(len(value) > _LONGEST_VALUE for value in facts.values):
        return "has texts that are too long for a category"
    if facts.asked:
        return f"its values leave open what they are: {facts.asked}"
    return "dates without a day, of which no date can be made" if facts.is_incomplete_date else ""


def _dropped(facts: Facts, timepoint: str, reason: str) -> Draft:
    return Draft(facts.source, "drop", timepoint, {"reason": reason})


def _year(facts: Facts, names: Names, timepoint: str, day_zero: str | None) -> Draft | None:
    numbers = facts.numbers
    if "year" not in facts.source.lower() or facts.no_numbers or not all(n in _YEARS for n in numbers):
        return None
    if day_zero is None:
        return _dropped(facts, timepoint, "a year by itself is no feature, and there is no date to count from")
    event = re.sub(r"\byears?\b", "", in_words(facts.source))
    settings = {"name": names.of_column(f"years since {event}", facts.place), "format": "year"}
    check = f"counted to the year of {day_zero}; is that the right date?"
    return Draft(
        facts.source, "date_difference", timepoint, settings | {"to": day_zero, "unit": "years"}, checks=[check]
    )


def _number(facts: Facts, names: Names, timepoint: str, _day_zero: str | None) -> Draft | None:
    numbers = facts.numbers
    bounds = [value for value in facts.no_numbers if is_bound(value, facts.numeral)]
    others = [value for value in facts.no_numbers if value not in bounds]
    if not numbers or len(others) > min(3, len(numbers) // 10):
        return None
    whole = all(n == int(n) for n in numbers)
    words = in_words(facts.source)
    spelled = f"{facts.source} | {words}"  # some units are told by brackets or signs
    units = [known for known in UNITS if not RATE.search(spelled) or known[1] in ("kg/m2", "%", "pack-years")]
    pattern, unit, factor = next(((p, u, f) for p, u, f in units if p.search(spelled)), (None, "unknown", 1.0))
    unit = "%" if facts.percent and unit == "unknown" else unit
    called = pattern.sub("", words) + f" {unit}" if pattern and factor != 1 else facts.source
    age = bool(AGE.search(words)) and unit == "years"
    settings: dict[str, Any] = {"name": names.of_column(called, facts.place), "unit": unit}
    settings |= {"factor": factor} if factor != 1 else {}
    settings |= _range(numbers, factor, _MAX_AGE if age else None)
    settings |= {"integral": True} if whole and factor == 1 else {}
    settings |= {"age": True} if age else {}
    settings |= _spelling(facts)
    settings |= {"bounds": "limit"} if bounds else {}
    # A text that a single row has may be about a person.
    shared = [value for value in others if facts.values[value] > 1]
    settings = ({"missing": shared} if shared else {}) | settings
    checks = ["the range is a guess; values outside of it put the row into quarantine"]
    checks += ["which unit?"] if unit == "unknown" else []
    checks += ["what do the texts under missing: mean?"] if shared else []
    checks += ["some cells are no numbers; their rows go to quarantine"] if len(shared) < len(others) else []
    checks += ["cells such as <5 or 90+ become their limit; bounds: missing leaves them out"] if bounds else []
    checks += ["some cells have a percent sign and some have none"] if 0 < facts.percent < len(facts.values) else []
    checks += [_TOO_OLD] if age and any(n >= _MAX_AGE + 1 for n in numbers) else []
    return Draft(facts.source, "number", timepoint, settings, checks=checks)


_TOO_OLD = "ages above 89 identify a person and hold the whole table; write 90+ in their place, with bounds: limit"
_BOUND = re.compile(r"(?:[<>≤≥]=?|=[<>]) ?(?P<after>.+)|(?P<before>.+?) ?\+")


def is_bound(value: str, numeral: Numeral) -> bool:
    """Whether a value says only what a number is less or more than."""
    found = _BOUND.fullmatch(value)
    return found is not None and numeral.reader()((found["after"] or found["before"]).strip()) is not None


def _spelling(facts: Facts) -> dict[str, str]:
    numeral = facts.numeral
    spelled = {"decimal": numeral.decimal} if numeral.decimal != "." else {}
    return spelled | ({"thousands": numeral.thousands} if numeral.thousands else {})


def _range(numbers: Sequence[float], factor: float, age: int | None) -> dict[str, float]:
    """Return a range that is wider than the values and tells none of them."""
    if age is not None:
        return {"min": 0, "max": age}
    low, high = min(numbers) * factor, max(numbers) * factor
    return {"min": 0 if low >= 0 else -_above(-low), "max": _above(high) if high > 0 else 0}


def _above(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20, 50 … that is at least twice the value."""
    power = 10.0 ** math.floor(math.log10(2 * value))
    bound = next(step * power for step in (1, 2, 5, 10) if step * power >= 2 * value)
    return int(bound) if bound == int(bound) else bound


def _ordinal(facts: Facts, names: Names, timepoint: str, _day_zero: str | None) -> Draft | None:
    values = list(facts.values)
    if not _is_category(facts):
        return None
    numbered = not facts.no_numbers
    if numbered and not (
        RANKED_NAME.search(in_words(facts.source)) and all(0 <= n <= MAX_NUMBERED_LEVELS for n in facts.numbers)
    ):
        return None
    order = _order_of(values, named_so=bool(RANKED_NAME.search(in_words(facts.source))))
    if order is None:
        return None
    levels = {value: (float(value) if numbered else place) for place, value in enumerate(order)}
    settings = {"name": names.of_column(facts.source, facts.place), "levels": _whole(levels)}
    return Draft(facts.source, "ordinal", timepoint, settings, checks=["is this the order, and are the steps alike?"])


def _whole(levels: Mapping[str, float]) -> dict[str, float]:
    return {value: int(number) if number == int(number) else number for value, number in levels.items()}


def _order_of(values: Sequence[str], *, named_so: bool) -> list[str] | None:
    """Return the values in their order, or None when they have none."""
    for words in RANKS:
        if all(value.lower() in words for value in values):
            return sorted(values, key=lambda v: words.index(v.lower()))
    shares = all(re.search(r"\d", v) and re.search(r"[%<>≤≥-]", v) for v in values)
    staged = all(re.match(r"^[pcy]*[TNMG](is|X|\d)", v) for v in values)
    romans = all(re.match(r"^(stage\s*)?(I{1,3}|IV|V|0)[ABC]?\d?$", v, re.IGNORECASE) for v in values)
    if shares or staged or named_so or romans:
        return sorted(values, key=_rank)
    return None


def _rank(value: str) -> tuple[float, bool, str]:
    """Order by the first number or Roman number; of equal ones, an interval comes after its lower bound."""
    roman = re.match(r"^(?:stage\s*)?(IV|V|I{1,3})(?=[ABC]?\d?$)", value, re.IGNORECASE)
    digits = re.search(r"\d+(\.\d+)?", value)
    if re.match(r"^[pcy]*Tis", value):
        number = -1.0
    elif roman:
        number = ("I", "II", "III", "IV", "V").index(roman[1].upper()) + 1.0
    else:
        number = float(digits[0]) if digits else math.inf
    return number, ">" in value or bool(re.search(r"-\D*\d", value)), value


def _is_category(facts: Facts) -> bool:
    shared = facts.filled >= ROWS_PER_LEVEL * len(facts.values)
    return shared and not facts.many and 1 < len(facts.values) <= MAX_LEVELS


def _category(facts: Facts, names: Names, timepoint: str, _day_zero: str | None) -> Draft | None:
    if not _is_category(facts) or len(facts.values) < 2:
        return None
    name = names.of_column(facts.source, facts.place)
    ordered = [value for value, _ in facts.values.most_common()]
    settings = {"name": name, "levels": {value: names.of_level(name, value) for value in ordered}}
    checks = [] if facts.no_numbers else ["what do the numbers stand for?"]
    rare = sum(count < 10 for count in facts.values.values())
    notes = [f"fewer than ten rows in {rare} of {len(ordered)} levels"] if rare else []
    return Draft(facts.source, "one_hot", timepoint, settings, notes, checks)


_GUESSES: tuple[Callable[[Facts, Names, str, str | None], Draft | None], ...] = (
    flag,
    _year,
    _ordinal,
    _number,
    _category,
)
