"""The order of levels: of stages and grades, of shares and intervals, of stains, and of words."""

import math
import re
from collections.abc import Sequence

from cli.draft.words import RANKS, STAIN

_Rank = tuple[float, bool, str]


def order_of(values: Sequence[str], *, named_so: bool) -> dict[str, int] | None:
    """Return the values in their order with their places, which those that say the same share; None without order."""
    ranks = _ranks(values, named_so=named_so)
    if ranks is None or any(rank[0] == math.inf for rank in ranks.values()):
        return None
    places = {rank: place for place, rank in enumerate(sorted({*ranks.values()}))}
    return {value: places[ranks[value]] for value in sorted(values, key=lambda v: (ranks[v], v))}


def _ranks(values: Sequence[str], *, named_so: bool) -> dict[str, _Rank] | None:
    for words in RANKS:
        if all(value.lower() in words for value in values):
            return {value: (words.index(value.lower()), False, "") for value in values}
    if all(map(STAIN.fullmatch, values)) and any("+" in value for value in values):
        return {value: (_stain(value), False, "") for value in values}
    if all(map(_SEVERAL_LETTERS.match, values)):
        return None
    shares = all(re.match(r"[<>≤≥]?=? ?\d", v) and re.search(r"[%<>≤≥+-]", v) for v in values)
    staged = all(re.match(r"^[pcyra]*[TNMG](is|a\b|\d)", v) for v in values)
    romans, differ = all(map(_ROMAN.match, values)), all(map(_differentiation, values))
    return {value: _rank(value) for value in values} if shares or staged or named_so or romans or differ else None


_SEVERAL_LETTERS = re.compile(r"[pcyra]*T[\dXx].*N[\dXx]")
"""`T1N3M0`: the first letter alone orders nothing."""


def _differentiation(value: str) -> float:
    """Return the grade that a value says in words, between two grades their middle (`well to moderately`); or 0."""
    found = [grade for grade, word in enumerate(_GRADES, 1) if word.search(value)]
    return sum(found) / len(found) if found else 0.0


_GRADES = [re.compile(rf"\b{word}", re.IGNORECASE) for word in ("well", "moderate", "poor", "(undiff|anaplas)")]


def _stain(value: str) -> float:
    digits = re.search(r"\d", value)
    return float(digits[0]) if digits else value.count("+") / (2 if value.startswith("(") or "/" in value else 1)


_ROMAN = re.compile(r"^(?:stage\s*)?(IV|V|I{1,3}|0)(?=[ABC]?\d?\b)", re.IGNORECASE)
_PREFIX = re.compile(r"^(?:stage|stadium|grade|grad)\s*|^[pcyra]*[TNMG](?=is|a|\d)", re.IGNORECASE)
_ROMANS = {"0": 0, "I": 1, "II": 2, "III": 3, "IV": 4, "V": 5}
_BEFORE_T1 = {"a": 0.3, "is": 0.5}


def _rank(value: str) -> _Rank:
    """Order by the first number or Roman number; of equal ones, an interval comes after its lower bound.

    `Stage IIIA`, `3a` and `IIIA` have one rank, as have `cT2` and `pT2`.
    """
    roman = _ROMAN.match(value)
    plain = _PREFIX.sub("", value)
    digits = re.search(r"\d+(\.\d+)?", plain)
    if roman:
        number: float = _ROMANS[roman[1].upper()]
        plain = f"{number}{value[roman.end() :]}"
    else:
        early = re.match(r"(a|is)\b", plain) if plain != value else None
        number = _BEFORE_T1[early[1]] if early else float(digits[0]) if digits else _differentiation(value) or math.inf
    return (
        number,
        ">" in value or bool(re.search(r"-\D*\d", value)),
        _MINIMAL.sub("0", "".join(plain.casefold().split())),
    )


_MINIMAL = re.compile(r"(?<=\d)\(?mic?\)?$")
"""TNM's T1mi and N1mi, which are less than T1a."""
