"""Guess the kind, the timepoint and the features of a column from its facts; the draft says that all is a guess."""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.draft.facts import Facts, plain, uncoded
from cli.draft.headers import is_early, is_identifying, late_timepoint
from cli.draft.words import (
    CENSORED,
    CENSORING,
    ID_NAME,
    IDENTIFYING_VALUE,
    NO,
    NO_EVENT,
    NOT_KNOWN,
    NOT_KNOWN_HERE,
    PAIRS,
    RANKED_NAME,
    RANKS,
    RATE,
    SAYS_YES,
    SEX_NAME,
    SEX_PAIRS,
    SURGERY,
    TIME_UNITS,
    UNIT_CELL,
    UNITS,
    VITAL,
    YES,
)
from multimodal.clinical.config import DAYS_PER_UNIT
from multimodal.clinical.headers import AGE, in_words
from multimodal.clinical.numerals import Numeral
from multimodal.features.group import EVENT_TIME, RECORD_ID, RESERVED

_TAKEN = frozenset({RECORD_ID, EVENT_TIME, "event_time_source", "source_uri", "upload_id", "correlation_id"}) | RESERVED

MAX_NAME = 40
"""Leaves room for a level's name within Feature Store's 64 characters."""

_MAX_LEVEL = 20
_LONGEST_VALUE = 256


def slug(text: str, longest: int = MAX_NAME) -> str:
    """Return a text as small letters, digits and single underscores; perhaps empty."""
    spelled = text.replace("%", " percent ").replace("+", " plus ").replace("<", " below ").replace(">", " above ")
    ascii_text = unicodedata.normalize("NFKD", spelled.casefold()).encode("ascii", "ignore").decode()
    whole = re.sub(r"[^a-z0-9]+", "_", ascii_text).strip("_")
    if len(whole) <= longest:
        return whole
    words = whole[: longest + 1].rpartition("_")[0]
    return words or whole[:longest]


class Names:
    """Gives every feature a name of its own."""

    def __init__(self) -> None:
        self._given: set[str] = set(_TAKEN)

    def of_column(self, header: str, place: int) -> str:
        """Return a name for a column; `place` names it when its header has no letters."""
        spelled = re.sub(r"\((choice\s*=)?([^)]*)\)", r" \2 ", header)
        return self._free(slug(spelled), f"column_{place}")

    def of_level(self, column: str, level: str) -> str:
        """Return a name for a level of a column."""
        return self._free(f"{column}_{slug(level, _MAX_LEVEL)}", f"{column}_level")

    def _free(self, wish: str, otherwise: str) -> str:
        name = wish.strip("_") if re.match(r"^[a-z]", wish) else f"x_{wish}" if wish else otherwise
        name = name if len(name) > 1 else f"x_{name}"
        free, number = name, 1
        while free in self._given or f"{free}_missing" in self._given:
            number += 1
            free = f"{name}_{number}"
        self._given.add(free)
        return free


MAX_LEVELS = 20

MAX_NUMBERED_LEVELS = 10
"""Whole numbers of a stage or grade up to this are levels."""

ROWS_PER_LEVEL = 3
"""A text that has fewer rows for each different value is no category: the values would be those of single persons."""

LATE = ("post_treatment", "outcome")
_YEARS = range(1900, 2101)
_MAX_AGE = 89


@dataclass
class Draft:
    """A column as it will be written down.

    Parameters
    ----------
    source, kind, timepoint : str
        As in the dataset's file.
    settings : dict
        What else the kind needs, in the file's order.
    notes : list of str
        What the table says of the column.
    checks : list of str
        What a person must decide.
    identifying : bool
        Whether it seems to hold what identifies a person.
    """

    source: str
    kind: str
    timepoint: str
    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    identifying: bool = False


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
    named = is_identifying(facts.source) or is_identifying(facts.label)
    return facts.identifies or named or any(map(IDENTIFYING_VALUE.search, facts.values))


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
    if draft.kind not in ("drop", "date"):
        if facts.not_known_here:
            draft.settings = {"missing": sorted(facts.not_known_here)} | draft.settings
            draft.checks.append("do the values under missing: mean that nobody knows, or are they a finding?")
        if draft.timepoint in LATE:
            draft.settings["feature"] = False
        elif not any(map(is_early, (facts.source, facts.label))):
            draft.checks.append(_WHEN)
    return draft


_WHEN = "when is it known? Its name does not say, and what becomes known later tells the future"


def _kind(facts: Facts, names: Names, date_format: str, equal_to: str | None, day_zero: str | None) -> Draft:
    timepoint = "outcome" if _says_who_died(facts) else timepoint_of(facts.source, facts.label)
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
    guesses = (_flag, _coded, _category) if facts.is_text and not facts.no_numbers else _GUESSES
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


def _flag(facts: Facts, names: Names, timepoint: str, _day_zero: str | None) -> Draft | None:
    lowered = {uncoded(value) for value in facts.values}
    if facts.choices and (coded_as_said := _coded(facts, names, timepoint, _day_zero)):
        return coded_as_said
    pair = next((pair for pair in PAIRS if lowered <= set(pair)), None)
    coded = timepoint == "outcome" and lowered == {"1", "2"}
    sex = bool(SEX_NAME.search(in_words(facts.source))) and lowered in ({"1", "2"}, {"0", "1"})
    if sex:
        return _sex_codes(facts, names, timepoint)
    mixed = pair is None and lowered <= YES | NO and bool(lowered & YES and lowered & NO)
    if pair is None and not coded and not mixed:
        return None
    pair = pair or (("yes", "no") if mixed else ("2", "1"))
    words_of = (YES, NO) if mixed else ({pair[0]}, {pair[1]})
    sides = [[value for value in facts.values if uncoded(value) in side] for side in words_of]
    checks = ["is 2 the event, as in R's survival package, and 1 none?"] if coded else []
    checks += ["do all spellings mean yes and no?"] if mixed else []
    for side, word, other in ((0, pair[0], 1), (1, pair[1], 0)):
        if not sides[side]:
            sides[side] = [_spelled_like(word, sides[other][0])]
            checks.append(f"{sides[side][0]!r} never occurs; is that how it would be written?")
    words = in_words(facts.source)
    if timepoint == "outcome" and (CENSORING.search(words) or NO_EVENT.search(words)):
        sides, asked = _event_first(sides, words)
        checks.append(asked)
    name = names.of_column(facts.source, facts.place)
    if pair in SEX_PAIRS:
        name = names.of_level(name, sides[0][0])
    return Draft(facts.source, "flag", timepoint, {"name": name, "true": sides[0], "false": sides[1]}, checks=checks)


def _event_first(sides: list[list[str]], words: str) -> tuple[list[list[str]], str]:
    """Return a column's values for an event and for none: `censored` and `alive` say the opposite of an event.

    `cens` and `censor` say either: R's `GBSG2` has 1 for the event.
    """
    none = NO_EVENT.search(words)
    if (none or CENSORED.search(words)) and sides[0][0].lower() in SAYS_YES:
        sides = sides[::-1]
    named = f"{none[0]!r}" if none else "censoring"
    return sides, f"is {sides[0][0]!r} the event, and {sides[1][0]!r} censored? The column is named after {named}"


def _sex_codes(facts: Facts, names: Names, timepoint: str) -> Draft:
    """Make a category of codes for the sexes: which is which differs from table to table."""
    name = names.of_column(facts.source, facts.place)
    levels = {code: names.of_level(name, code) for code in sorted(facts.values)}
    return Draft(
        facts.source, "one_hot", timepoint, {"name": name, "levels": levels}, checks=["which code is which sex?"]
    )


def _coded(facts: Facts, names: Names, timepoint: str, _day_zero: str | None) -> Draft | None:
    """Make a column of a dictionary's codes a category, or a flag where the two labels say which is which."""
    unknown = [code for code, label in facts.choices.items() if label.lower() in NOT_KNOWN | NOT_KNOWN_HERE]
    labels = {code: label for code, label in facts.choices.items() if code not in unknown}
    if len(labels) < _FEWEST_LEVELS or not {*facts.values} <= {*facts.choices}:
        return None
    name = names.of_column(facts.source, facts.place)
    sides = {label.lower(): code for code, label in labels.items()}
    pair = next((pair for pair in PAIRS if set(pair) == set(sides)), None)
    settings: dict[str, Any] = {"missing": unknown} if unknown else {}
    if pair:
        name = names.of_level(name, pair[0]) if pair in SEX_PAIRS else name
        settings |= {"name": name, "true": [sides[pair[0]]], "false": [sides[pair[1]]]}
        return Draft(facts.source, "flag", timepoint, settings, notes=[_legend(labels)])
    settings |= {"name": name, "levels": {code: names.of_level(name, label) for code, label in labels.items()}}
    return Draft(facts.source, "one_hot", timepoint, settings, notes=[_legend(labels)])


_FEWEST_LEVELS = 2


def _legend(labels: Mapping[str, str]) -> str:
    return "by the dictionary " + ", ".join(f"{code} is {label}" for code, label in labels.items())


def _spelled_like(word: str, example: str) -> str:
    return word.upper() if len(example) > 1 and example.isupper() else word.title() if example[0].isupper() else word


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
    _flag,
    _year,
    _ordinal,
    _number,
    _category,
)
