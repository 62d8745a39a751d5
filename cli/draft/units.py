"""Columns that say the units of others row by row, and numbers of which each row may be another measurement."""

import re
from collections.abc import Sequence

from cli.draft.facts import MAX_LEVELS, Facts, plain
from cli.draft.words import SEX_NAME, TIME_UNITS
from multimodal.clinical.config import DAYS_PER_UNIT
from multimodal.clinical.headers import in_words

_UNIT_WORDS = frozenset({"unit", "units", "uom", "einheit", "unite", "unidad"})


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


def said_units(facts: Facts) -> list[str]:
    """Return the units that a column says row by row, when it is called so."""
    is_called_so = not _UNIT_WORDS.isdisjoint(in_words(facts.source).split())
    is_called_so = is_called_so and not facts.numbers and not facts.date_format
    return sorted(facts.values) if is_called_so and len(facts.values) <= MAX_LEVELS else []


def measured_by(header: str) -> set[str]:
    """Return the words of the measurement whose unit a column says; none when its name has no other words."""
    return {*in_words(header).split()} - _UNIT_WORDS - {"of", "in"}


_VALUE = re.compile(
    r"avalc?|\w{2}(stresn|stresc|orres)|"
    r"(measured |lab |test )?(value|result|wert|ergebnis|valeur|resultat|valor|resultado)( as number| numeric)?"
)
"""What a column of values is called in tables with a row for each measurement; CDISC's names first."""


def ask_of_measurements(facts: Sequence[Facts], *, is_long: bool) -> None:
    """Ask of numbers whose unit, or what they measure, differs from row to row."""
    of_units = [fact for fact in facts if len(said_units(fact)) > 1 and not units_of_time(fact)]
    for fact in (fact for fact in facts if fact.numbers and not fact.date_format):
        words = in_words(fact.source)
        units = next((f for f in of_units if _says_unit_of(words, f)), None)
        if units is not None and fact is not units:
            fact.asked = f"{units.source!r} says {' and '.join(said_units(units))}"
            fact.checks.append("write all its numbers in one unit")
        elif is_long and _VALUE.fullmatch(words):
            fact.asked = "values of several measurements?"
            fact.checks.append("give each measurement a column of its own, and each case one row")


def _says_unit_of(words: str, units: Facts) -> bool:
    measured = measured_by(units.source)
    return measured <= {*words.split()} if measured else bool(_VALUE.fullmatch(words))
