"""Guess the kind, the timepoint and the features of a column from its facts; the draft says that all is a guess."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cli.draft.column import Draft, Names
from cli.draft.facts import ENOUGH, MAX_LEVELS, Facts, limit_of, strays_among, uncoded
from cli.draft.flags import coded, flag
from cli.draft.headers import is_early, is_identifying, late_timepoint, unknown_words
from cli.draft.ranks import order_of
from cli.draft.units import said_units, unit_said_by, units_of_time
from cli.draft.values import identify, is_person, tell_the_beginning, tell_the_end
from cli.draft.words import (
    DATE_NAME,
    ID_NAME,
    RANKED_NAME,
    RATE,
    REDCAP,
    SPREADSHEET_INTERVAL,
    SURGERY,
    UNIT_CELL,
    UNITS,
    VITAL,
    YEAR_NAME,
)
from multimodal.clinical.config import DAYS_PER_UNIT
from multimodal.clinical.dates import month_of
from multimodal.clinical.headers import AGE, in_words
from multimodal.clinical.names import is_name
from multimodal.clinical.phi import kind_of, old_levels

_LONGEST_VALUE = 256

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
    if draft.kind == "drop" and not draft.identifying and any(kind_of(value) is not None for value in facts.values):
        # An upload that has it would be refused.
        draft.identifying, draft.checks = True, [*draft.checks, _REMOVE]
    if facts.label:
        draft.notes.append(f"called {facts.label!r}")
    if facts.filled < facts.rows:
        draft.notes.append(f"no value in {facts.rows - facts.filled} of {facts.rows} rows")
    if draft.kind != "drop" and facts.not_known_here:
        draft.settings = {"missing": sorted(facts.not_known_here)} | draft.settings
        draft.checks.append("do the values under missing: mean that nobody knows, or are they a finding?")
    if draft.kind != "drop":
        _doubt(draft, facts, is_first=facts.source == day_zero)
    if draft.kind not in ("drop", "date"):
        if facts.choices and not facts.values.keys() <= {*facts.choices, *facts.choices.values()}:
            draft.checks.append("some values are none of the codes that its header or dictionary explains")
        if draft.timepoint in LATE:
            draft.settings["feature"] = False
    return draft


_EXCLUDED = re.compile(r"\b(exclu\w*|ineligib\w*|(in)?eligible|screen fail\w*|ausgeschlossen|evaluable|analysis set)\b")
_WHO_COUNTS = "does it say which cases do not count? Then leave their rows out: rows: with keep_when"


def _doubt(draft: Draft, facts: Facts, *, is_first: bool) -> None:
    """Take a column as late of which neither name nor values say that it is early; ask of the first date."""
    draft.checks += [_WHO_COUNTS] if _EXCLUDED.search(in_words(facts.source)) else []
    if is_first:
        draft.checks += [] if _named_early(facts) else [_IS_FIRST]
    elif draft.timepoint not in LATE and not tell_the_beginning(facts):
        unknown = unknown_words(facts.source)
        if not _named_early(facts):
            draft.timepoint = LATE[0]
            draft.checks.append(WHEN)
        elif unknown and draft.kind != "date":
            draft.checks.append(_IN_PART.format(", ".join(map(repr, unknown))))


def _named_early(facts: Facts) -> bool:
    # A T of 527 is no stage.
    is_other = in_words(facts.source) in ("t", "n", "m") and max(facts.numbers, default=0) >= MAX_NUMBERED_LEVELS
    return not is_other and any(map(is_early, (facts.source, facts.label)))


_IS_FIRST = "is it a date from before the outcome? Its name does not say, and it is the event time of what is early"
WHEN = "when is it known? Its name does not say, and what becomes known later tells the future"
_IN_PART = "is it known before the treatment? Not understood of its name: {}"


def _kind(facts: Facts, names: Names, date_format: str, equal_to: str | None, day_zero: str | None) -> Draft:
    timepoint = timepoint_of(facts.source, facts.label)
    if _says_who_died(facts) or (timepoint not in LATE and not _named_early(facts) and tell_the_end(facts)):
        timepoint = "outcome"
    if facts.identifies or names_a_row(facts):
        reason = _FREE_TEXT if facts.identifies else "names a person or a sample"
        return Draft(facts.source, "drop", timepoint, {"reason": reason}, checks=[_REMOVE], identifying=True)
    reason = of_no_use(facts, equal_to)
    if reason:
        return _dropped(facts, timepoint, reason)
    if facts.date_format is not None:
        own = {} if facts.date_format == date_format else {"date_format": facts.date_format}
        return Draft(facts.source, "date", timepoint, dict(own))
    guesses = (flag, coded, _category) if facts.is_text and not facts.no_numbers else _GUESSES
    for guess in guesses:
        found = guess(facts, names, timepoint, day_zero)
        if found is not None:
            is_old = found.kind not in ("number", "drop") and old_levels(facts.source, facts.values)
            return _dropped(facts, timepoint, _TOO_OLD_LEVELS) if is_old else found
    return _of_none_of_these(facts, timepoint)


def _of_none_of_these(facts: Facts, timepoint: str) -> Draft:
    """Say why nothing is made of a column of texts."""
    if len(facts.values) == 1:
        blank = ["does an empty cell mean no? Then write it"] if facts.filled < facts.rows else []
        return _dropped(facts, timepoint, "has one value only, which distinguishes nobody", *blank)
    if all(map(_has_unit, facts.values)):
        return _dropped(facts, timepoint, "numbers with their units in the cells; write the numbers alone, in one unit")
    if any(map(is_name, facts.values)):
        return Draft(facts.source, "drop", timepoint, {"reason": _FREE_TEXT}, checks=[_REMOVE], identifying=True)
    if len(facts.numbers) >= len(facts.no_numbers):
        asked = "write bounds as <5, and numbers alone; or name the other cells under missing:"
        return _dropped(facts, timepoint, "numbers, and too many cells that are none", asked)
    asked = "a category with rare levels? Then list its levels; free text belongs into no table"
    return _dropped(facts, timepoint, "text with too many different values for a category", asked)


def _says_who_died(facts: Facts) -> bool:
    """Whether a column's values are those of a vital status, whatever it is called."""
    return bool(facts.values) and {uncoded(value) for value in facts.values} <= VITAL


_TOO_OLD_LEVELS = "has levels of ages above 89, which identify a person: make one of them all, such as 90+"
_FREE_TEXT = "may identify a person, or is free text that may"
_REMOVE = "remove the column from the table before you upload it, unless it is harmless"


_FORM = frozenset({"incomplete", "unverified", "complete", "0", "1", "2"})


def _is_status_of_form(facts: Facts) -> bool:
    words = {value.lower() for value in facts.values}
    return "complete" in in_words(facts.source) and words <= _FORM and bool(words & {"2", "incomplete"})


def _repeats_a_name(facts: Facts) -> bool:
    """Whether all cells begin alike up to a colon, as GEO's do: `age: 63`."""
    names = {value.partition(": ")[0] for value in facts.values if ": " in value}
    return len(facts.values) > 1 and len(names) == 1 and all(": " in value for value in facts.values)


def _numbers_the_rows(facts: Facts) -> bool:
    """Whether one of the first columns counts from 0 or 1 in the order of the rows."""
    values = list(facts.values)
    first = values[0] if values else ""
    counted = facts.distinct and facts.filled == facts.rows > MAX_LEVELS and first in ("0", "1")
    return counted and facts.place <= _FIRST_PLACES and values == [str(int(first) + n) for n in range(len(values))]


_FIRST_PLACES = 2


def _has_unit(value: str) -> bool:
    """Whether a cell is as `5 months` or `1.2cm`."""
    number = re.match(r"[<>~]?\d+(?:[.,]\d+)?\s*(?=\S)", value)
    return bool(number and UNIT_CELL.match(value[number.end() :]))


def names_a_row(facts: Facts) -> bool:
    """Whether a column is called an id and has another value in every row, none of them with decimals."""
    counts = facts.distinct and facts.filled > MAX_LEVELS and all(n == int(n) for n in facts.numbers)
    return counts and bool(ID_NAME.search(in_words(facts.source)))


def of_no_use(facts: Facts, equal_to: str | None) -> str:
    """Return why nothing can be made of a column, if so."""
    if not facts.values:
        return "has no value in any row of the table that this was drafted from"
    if equal_to is not None:
        return f"equal to {equal_to} in every row"
    if len(facts.values) > 1 and (units_of_time(facts) or said_units(facts)):
        return "says units, which are no facts of a patient"
    if _numbers_the_rows(facts):
        return "numbers the rows, which is no fact of a patient and may tell how they were sorted"
    if _repeats_a_name(facts):
        return "its cells repeat the name of what they hold: write only what stands behind the colon, under that name"
    if facts.source.lower() in REDCAP or _is_status_of_form(facts):
        return "says how REDCap keeps its rows and forms; a rule under rows: may look at it"
    if any(len(value) > _LONGEST_VALUE for value in facts.values):
        return "has texts that are too long for a category"
    return f"its values leave open what they are: {facts.asked}" if facts.asked else ""


def _dropped(facts: Facts, timepoint: str, reason: str, *checks: str) -> Draft:
    return Draft(facts.source, "drop", timepoint, {"reason": reason}, checks=[*checks])


def _year(facts: Facts, names: Names, timepoint: str, day_zero: str | None) -> Draft | None:
    numbers = facts.numbers
    words = in_words(facts.source)
    named = YEAR_NAME.search(words) or DATE_NAME.search(words)
    if not (named and numbers) or facts.no_numbers or not all(n in _YEARS for n in numbers):
        return None
    if day_zero is None:
        return _dropped(facts, timepoint, "a year by itself is no feature, and there is no date to count from")
    event = YEAR_NAME.sub("", words)
    settings = {"name": names.of_column(f"years since {event}", facts.place), "format": "year"}
    check = f"counted to the year of {day_zero}; is that the right date?"
    return Draft(
        facts.source, "date_difference", timepoint, settings | {"to": day_zero, "unit": "years"}, checks=[check]
    )


def _age_is_coded(facts: Facts) -> bool:
    """Whether nearly all ages are 4 and two digits, as Brazil's registries write years."""
    coded = sum(bool(re.fullmatch(r"4\d\d", value)) for value in facts.values)
    return bool(AGE.search(in_words(facts.source))) and len(facts.values) > 1 and coded >= ENOUGH * len(facts.values)


def _number(facts: Facts, names: Names, timepoint: str, _day_zero: str | None) -> Draft | None:
    numbers = facts.numbers
    bounds = [value for value in facts.no_numbers if limit_of(value, facts.numeral) is not None]
    others = [value for value in facts.no_numbers if value not in bounds]
    if not numbers or len(others) > strays_among(numbers):
        return None
    whole = all(n == int(n) for n in numbers)
    if _age_is_coded(facts):
        return _dropped(
            facts, timepoint, "ages of which the first digit says the unit (DATASUS: 463 is 63 years)", _YEARS_ALONE
        )
    if whole and _is_category(facts) and _CODES.search(in_words(facts.source)):
        return None
    words, checks = in_words(facts.source), list[str]()
    said = unit_said_by(facts.source) or unit_said_by(facts.label)
    spelled = f"({said})" if said else f"{facts.source} | {words}"  # some units are told by brackets or signs
    units = [known for known in UNITS if not RATE.search(spelled) or known[1] in ("kg/m2", "%", "pack-years")]
    pattern, unit, factor = next(((p, u, f) for p, u, f in units if p.search(spelled)), (None, said or "unknown", 1.0))
    unit = "%" if facts.percent and unit == "unknown" else unit
    if unit == "unknown" and _is_category(facts) and any(map(_LEADING_ZERO.fullmatch, facts.values)):
        return None
    called = pattern.sub("", words) + f" {unit}" if pattern and factor != 1 else facts.source
    age = bool(AGE.search(words)) and unit in DAYS_PER_UNIT
    counted = _unit_of_age(numbers) if age and unit == "years" else unit
    if counted != unit:
        factor, checks = (
            DAYS_PER_UNIT[counted] / DAYS_PER_UNIT["years"],
            [f"the ages seem to be in {counted}, as GDC has them"],
        )
    settings: dict[str, Any] = {"name": names.of_column(called, facts.place), "unit": unit}
    settings |= {"factor": factor} if factor != 1 else {}
    limits = [limit_of(value, facts.numeral) for value in bounds]
    oldest = _MAX_AGE * DAYS_PER_UNIT["years"] / DAYS_PER_UNIT[unit] if age else None
    settings |= _range([*numbers, *filter(None, limits)], factor, oldest)
    settings |= {"integral": True} if whole and factor == 1 else {}
    settings |= {"age": True} if age else {}
    settings |= _spelling(facts)
    masked = oldest is not None and any(oldest < n * factor < oldest + oldest / _MAX_AGE for n in numbers)
    settings |= {"bounds": "limit"} if bounds or masked else {}
    # A text that a single row has may be about a person.
    shared = [value for value in others if facts.values[value] > 1]
    settings = ({"missing": shared} if shared else {}) | settings
    checks += ["the range is a guess; rows with values outside of it are rejected"]
    checks += [_WHICH_UNIT if _is_category(facts) and whole else "which unit?"] if unit == "unknown" else []
    are_years = all(n in _YEARS for n in numbers) if unit == "unknown" else _ONE_YEAR.search(words) and not age
    checks += [_CALENDAR] if whole and are_years else []
    checks += [_ZEROS] if _has_far_zeros(facts, numbers) else []
    checks += [_NUMBERED] if unit == "unknown" and _may_number(facts) else []
    checks += ["what do the texts under missing: mean?"] if shared else []
    checks += ["some cells are no numbers; their rows are rejected"] if len(shared) < len(others) else []
    checks += [_PERSON] if any(kind_of(value) is not None for value in others) else []
    checks += ["cells such as <5 or 90+ become their limit; bounds: missing leaves them out"] if bounds else []
    checks += [_CENSORED_TIMES] if timepoint in LATE and sum(value.endswith("+") for value in bounds) > 1 else []
    checks += ["some cells have a percent sign and some have none"] if 0 < facts.percent < len(facts.values) else []
    checks += (
        [_TOO_OLD] if oldest is not None and any(n * factor >= oldest + oldest / _MAX_AGE for n in numbers) else []
    )
    return Draft(facts.source, "number", timepoint, settings, checks=checks)


_TOO_OLD = "ages above 89 identify a person and hold the whole table; write 90+ in their place, with bounds: limit"


def _unit_of_age(numbers: Sequence[float]) -> str:
    """Return what ages are counted in: those of most cases are too large for years, or for months."""
    middle = sorted(numbers)[len(numbers) // 2]
    return "days" if middle > _OLDEST_IN_MONTHS else "months" if middle > _OLDEST_IN_YEARS else "years"


_OLDEST_IN_YEARS, _OLDEST_IN_MONTHS = 130, 1_500
_YEARS_ALONE = "write the years alone, and those of children under a year as 0"
_LEADING_ZERO = re.compile(r"0\d+")
_CODES = re.compile(r"\b(id|code|cd)$")
"""The end of a name whose numbers, where many share them, are codes (OMOP's `race_concept_id`)."""
_ONE_YEAR = re.compile(r"\b(year|yr|jahr)\b")
_PERSON = "a cell looks like what identifies a person, and an upload would be refused: correct the column"
_WHICH_UNIT = "which unit? Or are the numbers codes? Then make it kind: one_hot, and name what they stand for"
_NUMBERED = "does it number persons, stays or samples? Then make it kind: drop, and remove it before you upload"
_CENSORED_TIMES = "does + mean that the case was censored? Then write that in a column of its own"
_ZEROS = "do zeros mean not known? All other values are far from them: then name 0 under missing:"
_CALENDAR = "are these years of the calendar? They tell when, and nothing of a patient: drop it"


def _has_far_zeros(facts: Facts, numbers: Sequence[float]) -> bool:
    """Whether several rows have a zero, and what all others have lies far from it."""
    others = sorted({number for number in numbers if number})
    zeros = sum(rows for value, rows in facts.values.items() if not any(map(str.isdigit, value.replace("0", ""))))
    return (
        min(numbers) == 0 and zeros > 1 and len(others) > MAX_NUMBERED_LEVELS and 2 * others[0] > others[-1] - others[0]
    )


def _may_number(facts: Facts) -> bool:
    """Whether every row has a whole number of its own, all of them long and of one length."""
    lengths = {*map(len, facts.values)}
    alike = len(lengths) == 1 and min(lengths) >= _LONG and all(map(str.isdigit, facts.values))
    return alike and facts.distinct and facts.filled > MAX_LEVELS


_LONG = 6


def _spelling(facts: Facts) -> dict[str, str]:
    numeral = facts.numeral
    spelled = {"decimal": numeral.decimal} if numeral.decimal != "." else {}
    return spelled | ({"thousands": numeral.thousands} if numeral.thousands else {})


def _range(numbers: Sequence[float], factor: float, oldest: float | None) -> dict[str, float]:
    """Return a range that is wider than the values and tells none of them; of ages, up to the oldest that may be."""
    if oldest is not None:
        return {"min": 0, "max": int(oldest)}
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
    order = order_of(values, named_so=bool(RANKED_NAME.search(in_words(facts.source))))
    if order is None:
        return None
    levels = {value: (float(value) if numbered else place) for value, place in order.items()}
    settings = {"name": names.of_column(facts.source, facts.place), "levels": _whole(levels)}
    return Draft(facts.source, "ordinal", timepoint, settings, checks=["is this the order, and are the steps alike?"])


def _whole(levels: Mapping[str, float]) -> dict[str, float]:
    return {value: int(number) if number == int(number) else number for value, number in levels.items()}


def _is_ranked(facts: Facts) -> bool:
    """Whether a column of words is called a stage or grade."""
    return bool(RANKED_NAME.search(in_words(facts.source))) and bool(facts.no_numbers)


def _is_category(facts: Facts) -> bool:
    shared = facts.filled >= ROWS_PER_LEVEL * len(facts.values)
    return shared and not facts.many and 1 < len(facts.values) <= MAX_LEVELS


def _category(facts: Facts, names: Names, timepoint: str, _day_zero: str | None) -> Draft | None:
    if not _is_category(facts) or len(facts.values) < 2:
        return None
    name = names.of_column(facts.source, facts.place)
    levels, checks = names.of_levels(name, {value: value for value, _ in facts.values.most_common()})
    settings = {"name": name, "levels": levels}
    checks += [] if facts.no_numbers else ["what do the numbers stand for?"]
    checks += [_INTERVAL] if any(map(is_interval, levels)) and not all(map(is_interval, levels)) else []
    checks += [_OVERLAP] if _has_numbers_in_bounds(facts) else []
    checks += [_SEVERAL] if any(_parts(value) & levels.keys() for value in levels) else []
    checks += [_NAMES] if 2 * sum(map(is_person, levels)) >= len(levels) else []
    checks += ["is there an order? Then make it kind: ordinal"] if _is_ranked(facts) else []
    rare = sum(count < 10 for count in facts.values.values())
    notes = [f"fewer than ten rows in {rare} of {len(levels)} levels"] if rare else []
    return Draft(facts.source, "one_hot", timepoint, settings, notes, checks)


def is_interval(value: str) -> bool:
    """Whether a value is what a spreadsheet makes of an interval such as 1-3, a day and a month."""
    words = re.findall(r"[^\W\d]+", value) if SPREADSHEET_INTERVAL.fullmatch(value) else []
    return bool(words) and month_of(words[0]) is not None


_INTERVAL = "a spreadsheet made dates of intervals such as 1-3: write them as text, and export again"


def _parts(value: str) -> set[str]:
    """Return the values that a cell holds, if they are several (`bone; brain`)."""
    parts = re.split(r"\s*[;|,/&+]\s*", value)
    return {*parts} if len(parts) > 1 else set()


def _has_numbers_in_bounds(facts: Facts) -> bool:
    numbers = facts.numbers
    limits = [(value, limit_of(value, facts.numeral)) for value in facts.no_numbers] if numbers else []
    return any(
        min(numbers) <= limit if re.search("[<≤]", value) else max(numbers) >= limit
        for value, limit in limits
        if limit is not None
    )


_OVERLAP = "bounds and numbers side by side, such as >50 and 60: do they overlap?"
_SEVERAL = "some cells hold several values: give each a column of its own (yes or no)"
_NAMES = "are these names of persons? Then make it kind: drop"

_GUESSES: tuple[Callable[[Facts, Names, str, str | None], Draft | None], ...] = (
    flag,
    _year,
    _ordinal,
    _number,
    _category,
)
