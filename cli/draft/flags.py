"""Columns of two values, and codes of which something says what they stand for."""

import re
from collections.abc import Mapping, Set
from typing import Any, NamedTuple

from cli.draft.column import Draft, Names
from cli.draft.facts import Facts, uncoded
from cli.draft.words import (
    CENSORED,
    CENSORING,
    DEAD,
    LIVING,
    LOST,
    NO_EVENT,
    NOT_ASSESSED,
    NOT_KNOWN,
    NOT_KNOWN_HERE,
    PAIRS,
    SAYS_YES,
    SEX_NAME,
    SEX_PAIRS,
    SPELLINGS,
    SURVIVAL,
)
from multimodal.clinical.headers import in_words


class _Sides(NamedTuple):
    """The two values of a flag: how they are called, what each may be written as, and what to ask."""

    pair: tuple[str, ...]
    words: tuple[Set[str], Set[str]]
    checks: list[str]


def flag(facts: Facts, names: Names, timepoint: str, _day_zero: str | None) -> Draft | None:
    """Make a flag of a column of two values; or what its header or a dictionary says of its codes."""
    said = coded(facts, names, timepoint, _day_zero)
    if said is not None:
        return said
    values = {uncoded(value) for value in facts.values}
    if SEX_NAME.search(in_words(facts.source)) and len(values) > 1 and all(map(_CODE_OF_SEX.fullmatch, values)):
        return _sex_codes(facts, names, timepoint)
    sides = _sides_of(values, timepoint)
    return None if sides is None else _flag_of(sides, facts, names, timepoint)


def _sides_of(values: Set[str], timepoint: str) -> _Sides | None:
    # A minus that does not occur beside a plus is "not known".
    pair = next((pair for pair in PAIRS if values == {*pair} or (values < {*pair} and pair[0][0].isalnum())), None)
    if pair is not None:
        return _Sides(pair, ({pair[0]}, {pair[1]}), [])
    for ones, zeros in SPELLINGS:
        if len(values) > 2 and values <= {*ones, *zeros} and values & {*ones} and values & {*zeros}:
            asked = f"do all spellings mean {ones[0]} and {zeros[0]}?"
            return _Sides((ones[0], zeros[0]), ({*ones}, {*zeros}), [asked])
    found = _vital(values, timepoint) or _denied(values)
    if found is not None:
        return found
    if timepoint == "outcome" and values == {"1", "2"}:
        return _Sides(("2", "1"), ({"2"}, {"1"}), ["is 2 the event, as in R's survival package, and 1 none?"])
    return None


_CENSORED = "who was lost counts as alive at the last contact; is that when the time or the date ends?"
_ALL_CAUSES = "death of any cause counts as one event; are the causes told apart elsewhere?"


def _vital(values: Set[str], timepoint: str) -> _Sides | None:
    """Return the two sides of a vital status that tells causes of death or tumours of the living apart."""
    if timepoint != "outcome":
        return None
    dead = {value for value in values if begins_with(DEAD, value)}
    living = {value for value in values if begins_with(LIVING, value)}
    lost = {value for value in values if begins_with(LOST, value)}
    if not (dead and living) or dead | living | lost != {*values}:
        return None
    checks = [_ALL_CAUSES] if len(dead) > 1 else []
    return _Sides(("dead", "alive"), (dead, living | lost), [*checks, *([_CENSORED] if lost else [])])


def _denied(values: Set[str]) -> _Sides | None:
    """Return two values of which one denies the other: `recurred` and `not recurred`, `smoker` and `nonsmoker`."""
    for said in values if len(values) == _FEWEST_LEVELS else ():
        (other,) = values - {said}
        if re.fullmatch(rf"(no|not|non|un|without)[ -]?{re.escape(said)}", other):
            return _Sides((said, other), ({said}, {other}), [])
    return None


def begins_with(words: Set[str], value: str) -> bool:
    """Whether one of the words, whole, is what a value begins with."""
    return any(value.startswith(word) and not value[len(word) :][:1].isalnum() for word in words)


def _flag_of(found: _Sides, facts: Facts, names: Names, timepoint: str) -> Draft:
    sides = [[value for value in facts.values if uncoded(value) in words] for words in found.words]
    checks = list(found.checks)
    for side, other in ((0, 1), (1, 0)):
        if not sides[side]:
            sides[side] = [_spelled_like(found.pair[side], sides[other][0])]
            checks.append(f"{sides[side][0]!r} never occurs; is that how it would be written?")
            checks += ["does an empty cell mean it? Then write it"] if facts.filled < facts.rows else []
    if timepoint == "outcome":
        sides, asked = _event_first(sides, in_words(facts.source))
        checks += asked
    name = names.of_column(facts.source, facts.place)
    if found.pair in SEX_PAIRS:
        name = names.of_level(name, sides[0][0])
    return Draft(facts.source, "flag", timepoint, {"name": name, "true": sides[0], "false": sides[1]}, checks=checks)


def _event_first(
    sides: list[list[str]], words: str, labels: Mapping[str, str] | None = None
) -> tuple[list[list[str]], list[str]]:
    """Return a column's values for an event and for none: `censored` and `alive` say the opposite of an event.

    `cens` and `censor` say either: R's `GBSG2` has 1 for the event. So does 1 of `survival`, but not its yes.
    """
    said = (labels or {}).get(sides[0][0], sides[0][0]).lower()
    none = NO_EVENT.search(words) or (SURVIVAL.search(words) if said in SAYS_YES and said != "1" else None)
    if not (none or CENSORING.search(words)):
        return sides, []
    if (none or CENSORED.search(words)) and said in SAYS_YES:
        sides = sides[::-1]
    named = f"{none[0]!r}" if none else "censoring"
    return sides, [f"is {sides[0][0]!r} the event, and {sides[1][0]!r} censored? The column is named after {named}"]


_CODE_OF_SEX = re.compile(r"[0-9]+")


def _sex_codes(facts: Facts, names: Names, timepoint: str) -> Draft:
    """Make a category of codes for the sexes: which is which differs from table to table."""
    name = names.of_column(facts.source, facts.place)
    levels = {code: names.of_level(name, code) for code in sorted(facts.values)}
    return Draft(
        facts.source, "one_hot", timepoint, {"name": name, "levels": levels}, checks=["which code is which sex?"]
    )


def coded(facts: Facts, names: Names, timepoint: str, _day_zero: str | None) -> Draft | None:
    """Make codes of which something says the labels a category, or a flag where two labels say which is which."""
    unknown = [code for code, label in facts.choices.items() if _is_not_known(label)]
    labels = {code: label for code, label in facts.choices.items() if code not in unknown}
    if len(labels) < _FEWEST_LEVELS or not {*facts.values} <= {*facts.choices}:
        return None
    name = names.of_column(facts.source, facts.place)
    sides = {label.lower(): code for code, label in labels.items()}
    pair = next((pair for pair in PAIRS if set(pair) == set(sides)), None)
    settings: dict[str, Any] = {"missing": unknown} if unknown else {}
    found = _vital(set(sides), timepoint)
    if found:
        settings |= {"name": name}
        settings |= {
            side: [sides[word] for word in sorted(words)] for side, words in zip(_SIDES, found.words, strict=True)
        }
        return Draft(facts.source, "flag", timepoint, settings, notes=[_legend(labels)], checks=found.checks)
    if pair:
        name = names.of_level(name, pair[0]) if pair in SEX_PAIRS else name
        codes, checks = [[sides[pair[0]]], [sides[pair[1]]]], list[str]()
        if timepoint == "outcome":
            codes, checks = _event_first(codes, in_words(facts.label or facts.source), labels)
        settings |= {"name": name, "true": codes[0], "false": codes[1]}
        return Draft(facts.source, "flag", timepoint, settings, notes=[_legend(labels)], checks=checks)
    levels, checks = names.of_levels(name, labels)
    settings |= {"name": name, "levels": levels}
    return Draft(facts.source, "one_hot", timepoint, settings, notes=[_legend(labels)], checks=checks)


_FEWEST_LEVELS = 2
_SIDES = ("true", "false")


def _is_not_known(label: str) -> bool:
    return label.lower() in NOT_KNOWN | NOT_KNOWN_HERE or bool(NOT_ASSESSED.match(label))


def _legend(labels: Mapping[str, str]) -> str:
    return "as its header or dictionary says, " + ", ".join(f"{code} is {label}" for code, label in labels.items())


def _spelled_like(word: str, example: str) -> str:
    return word.upper() if len(example) > 1 and example.isupper() else word.title() if example[0].isupper() else word
