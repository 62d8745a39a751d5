"""What the values of a column say where its name says nothing: of a person, of the end, or of the beginning."""

import re
from itertools import islice

from cli.draft.facts import Facts, uncoded
from cli.draft.headers import is_early, late_timepoint, unknown_words
from cli.draft.words import ENDS, PLACE, SEX_PAIRS, STREET, TNM
from cli.draft.written import is_date
from multimodal.clinical.names import has_shape_of_name, is_name
from multimodal.clinical.phi import Kind, kind_of

_LOOKED_AT = 200
_FEWEST_PERSONS, _FEWEST = 10, 3
"""Different values from which a column can be told as one of persons; of fewer, as in a small table, all must be names
or places."""

_MOST, _POSTCODE_DIGITS = 0.6, 5
_YEAR = re.compile(r"(?<!\d)(?:1[89]|20)\d\d(?!\d)")
_BIRTHS_SPREAD, _BIRTHS_BEFORE = 20, 1985
"""Dates of birth lie so many years apart, and half of them lie before; no study's other dates do both."""


def identify(facts: Facts) -> bool:
    """Whether the values are a person's: names, addresses, numbers, days of birth."""
    if _reach_a_person(facts):
        return True
    values = list(islice(facts.values, _LOOKED_AT))
    if len(values) < _FEWEST or (is_early(facts.source) and not unknown_words(facts.source)):
        return False
    hardly_repeated = facts.many or len(facts.values) > _MOST * facts.filled
    if len(values) < _FEWEST_PERSONS:
        return hardly_repeated and any(all(map(is_so, values)) for is_so in (is_person, PLACE.fullmatch))
    if all(map(str.isdigit, values)):
        return _are_postcodes(values) or (
            facts.distinct
            and len({*map(len, values)}) == 1
            and bool(kind_of(values[0]))
            and not all(map(is_date, values))
        )
    told = (is_person, PLACE.fullmatch, *((STREET.fullmatch, kind_of) if hardly_repeated else ()))
    return _are_births(values) or any(sum(map(bool, map(is_so, values))) > _MOST * len(values) for is_so in told)


def _reach_a_person(facts: Facts) -> bool:
    """Whether an upload would see a number, an address or a date of a person among a column's texts."""
    texts = facts.no_numbers
    return 2 * len(texts) > len(facts.values) and any(kind_of(value) not in (None, Kind.NAME) for value in texts)


def is_person(value: str) -> bool:
    """Whether a value alone is taken for the name of a person."""
    return is_name(value) if " " in value else has_shape_of_name(value)


def _are_postcodes(digits: list[str]) -> bool:
    """Whether some of so many digits begin with a zero, which no number does."""
    return {*map(len, digits)} == {_POSTCODE_DIGITS} and any(value.startswith("0") for value in digits)


def _are_births(values: list[str]) -> bool:
    dated = [value for value in values if len(re.findall(r"\d+|[A-Za-z]{3,}", value)) >= _DATE_PARTS]
    years = sorted(int(found[0]) for found in map(_YEAR.search, dated) if found)
    middle = years[len(years) // 2] if len(years) > _MOST * len(values) else _BIRTHS_BEFORE
    return middle < _BIRTHS_BEFORE and years[-1] - years[0] > _BIRTHS_SPREAD


_DATE_PARTS = 3


def tell_the_end(facts: Facts) -> bool:
    """Whether the levels are those of a response or of a last state, or one is called like an end."""
    levels = {uncoded(value) for value in islice(facts.values, _LOOKED_AT)}
    if any(len(levels & words) > 1 and levels <= words for words in ENDS):
        return True
    return any(late_timepoint(level) == "outcome" for level in levels if len(level) > 2)


def tell_the_beginning(facts: Facts) -> bool:
    """Whether most levels are words of what is known early: sites, histologies, stages, sexes, mutations."""
    levels = [value for value in islice(facts.values, _LOOKED_AT) if not value.replace(".", "").isdigit()]
    early = [value for value in levels if TNM.match(value) or is_early(value)]
    return 2 * len(early) > len(levels) or tuple(sorted(map(str.lower, levels))) in SEX_PAIRS
