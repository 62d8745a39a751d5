"""Units that headers say, columns that say the units of others row by row, and measurements that differ by row."""

import re
from collections.abc import Sequence

from cli.draft.facts import MAX_LEVELS, Facts, plain
from cli.draft.words import SEX_NAME, TIME_UNITS, UNIT_CELL
from multimodal.clinical.config import DAYS_PER_UNIT
from multimodal.clinical.headers import in_words

_UNIT_WORDS = frozenset({"unit", "units", "uom", "einheit", "unite", "unidad"})


_TIMES = r"(?:[x×*] ?)?10(?:\^|\*\*?|e)?[\d⁰¹²³⁴-⁹]{1,2}"
_SYMBOL = (
    r"(?:mm ?hg|cm ?h2o|bpm|beats|breaths|cells?|copies|mut(?:ations)?|mb|hpf|mcg|sec|min|"
    r"hrs?|hours?|minutes?|days?|years?|°[cf]|%|cc|hu|(?:[kmcdµμunpfg]|)(?:g|l|mol|eq|osm|pa|kat|cal|iu|ui|ie|u|gy|bq|sv|hz|m|s|j)|h|d)"
)
_EXPONENT = r"(?:\^?-?[1-3]|[²³]|⁻[¹²³])?"
_FACTOR = r"(?:\d+(?:[.,]\d+)? ?)?"
_TERM = rf"(?:{_TIMES}|mio|tsd|{_FACTOR}{_SYMBOL}{_EXPONENT})"
_UNIT = rf"(?:{_TERM}|[kgtm1]|)(?: ?(?:/|·|\*|per) ?{_TERM}){{1,3}}"
_IN_BRACKETS = re.compile(rf"[\[(] ?({_UNIT}|{_TIMES}|{_SYMBOL}{_EXPONENT}) ?[\])]", re.I)
_AT_END = re.compile(rf"(?:[\s,;:_]|^)({_UNIT}|mm ?hg|bpm|°[cf]|[cm]?gy|mg|µg|mcg|[cm]m[23²³]|[mµu]mol)$", re.I)
_IN_WORDS = re.compile(r"\b([mkunp]?g|mcg|m?i?u|[munp]?mol|m?eq|cells?) (d?l|m?l|ul|kg|m2|mm3)$|\b(ml) (min)$")
_COUNT_IN_WORDS = re.compile(r"\b(?:x ?)?10 ?e? ?(\d{1,2}) ([mu]?l)$")
_ALONE = {"m": re.compile(r"\b(height|length|distance|size|depth|groesse|größe|laenge|länge|taille|talla|altezza)\b")}
_NO_UNIT = frozenset({"s", "u", "j", "mb", "min", "d"})
"""Letters in brackets that are more often something else, such as `node(s)`."""

_SPELLED = {"l": "L", "dl": "dL", "ml": "mL", "ul": "uL", "u": "U", "iu": "IU", "miu": "mIU", "mu": "mU", "meq": "mEq"}


def unit_said_by(header: str) -> str:
    """Return the unit that a name says in brackets or at its end, as it is written there; empty when it says none.

    Examples
    --------
    >>> [unit_said_by(name) for name in ("Hb (g/dL)", "CRP, mg/l", "WBC [10^9/L]", "psa_ng_ml", "Sex (M/F)", "node(s)")]
    ['g/dL', 'mg/l', '10^9/L', 'ng/mL', '', '']
    """
    words = in_words(header)
    found = _IN_BRACKETS.search(header) or _AT_END.search(header.strip())
    if found:
        unit = found[1].strip()
        is_other = unit.lower() in _NO_UNIT or (unit.lower() in _ALONE and not _ALONE[unit.lower()].search(words))
        return "" if is_other else unit
    if {*"([/"} & {*header}:
        return ""
    if count := _COUNT_IN_WORDS.search(words):
        return f"10^{count[1]}/{_SPELLED[count[2]]}"
    parts = _IN_WORDS.search(words)
    return "/".join(_SPELLED.get(part, part) for part in parts.groups() if part) if parts else ""


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
    # A hospital has units as well.
    is_so = is_called_so and len(facts.values) <= MAX_LEVELS and any(map(_is_unit, facts.values))
    return sorted(facts.values) if is_so else []


def _is_unit(value: str) -> bool:
    return bool(UNIT_CELL.match(value) or _IN_BRACKETS.fullmatch(f"({value})") or plain(value) in TIME_UNITS)


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
