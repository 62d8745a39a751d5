"""Detect names of people in cells that should hold none.

Lists of names are never complete, and every list holds words of medicine too (Hodgkin, Graves, Burkitt). So a word of
the lists counts only among words that could be the rest of a name, and none of those that stand beside an eponym.
"""

import re
from pathlib import Path

import yaml

from multimodal.clinical.headers import without_accents

_LONGEST, _MOST_WORDS = 80, 6

_WORDS = {
    key: frozenset(words.split())
    for key, words in yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")).items()
}
_GIVEN, _SUR, _OTHERS = _WORDS["given_names"], _WORDS["surnames"], _WORDS["beside_eponyms"]
_PARTICLES, _SUFFIXES = _WORDS["particles"], _WORDS["suffixes"]
_ENDS_OF_SURNAMES = tuple(_WORDS["ends_of_surnames"])

_LETTER = r"[^\W\d_]"
_WORD = re.compile(rf"{_LETTER}+(?:['’.-]{_LETTER}+)*\.?")

_TITLED = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Frau|Monsieur|Madame|Mme|Señora?|Signora?)\b\.?"
    r"(?: (?:Dr|med|Prof)\.?){0,3} {1,3}([^\W\d_][^\W\d_'’-]*)"
)

_DICOM_NAME = re.compile(rf"{_LETTER}[\w' -]{{0,63}}\^{_LETTER}[\w' .^-]{{0,63}}")
_NAMED = re.compile(r"\b(?:name|surname|first name|last name) ?[:=] ?[^\W\d_]{2}", re.IGNORECASE)
_CJK = "[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]"

_WITHOUT_CAPITALS = re.compile(
    rf"{_CJK}{{2,4}}|{_CJK}{{1,3}} {_CJK}{{1,3}}|[\u0590-\u06ff]+(?: [\u0590-\u06ff]+){{1,3}}"
)


def is_name(cell: str) -> bool:
    """Return whether a cell is, or holds, what looks like the name of a person.

    Examples
    --------
    >>> is_name("Müller, Jürgen"), is_name("seen by Dr. Patel"), is_name("Hodgkin Lymphoma")
    (True, True, False)
    """
    titled = _TITLED.search(cell)
    if (titled and titled.group(1)[0].isupper()) or _DICOM_NAME.fullmatch(cell) or _NAMED.search(cell):
        return True
    words = cell.replace(",", " , ").split() if len(cell) <= _LONGEST else []
    plain = [_plain(word) for word in words]
    if not _OTHERS.isdisjoint(plain):
        return False
    return _is_whole(words, plain) or _holds(words, plain)


def has_shape_of_name(cell: str) -> bool:
    """Return whether a cell could be a name: a few capitalised words, a known one, or a few letters without case."""
    if len(cell) > _LONGEST or (cell.isascii() and cell.lower() == cell.upper()):
        return False
    words = cell.replace(",", " ").split()
    if not cell.isascii() and _WITHOUT_CAPITALS.fullmatch(" ".join(words)):
        return True
    if len(words) == 1:
        return _is_known(_plain(cell))
    core = [word for word in words if _plain(word) not in _PARTICLES]
    return 2 <= len(core) <= 4 and all(_WORD.fullmatch(word) and word[0].isupper() for word in core)


def _plain(word: str) -> str:
    """Return a word in small letters, without accents and full stop."""
    return without_accents(word.rstrip(".").lower())


def _is_whole(words: list[str], plain: list[str]) -> bool:
    """Return whether the words are a name and nothing else."""
    pairs = [(word, name) for word, name in zip(words, plain, strict=True) if word != "," and name not in _SUFFIXES]
    if not 2 <= len(pairs) <= _MOST_WORDS or not all(_WORD.fullmatch(word) for word, _ in pairs):
        return False
    core = [(word, name) for word, name in pairs if name not in _PARTICLES and len(name) > 1]
    particles = len(core) < len(pairs)
    initials = any(len(name) == 1 or (word.isupper() and len(word) == 2) for word, name in pairs)
    known = sum(_is_known(name) for _, name in core)
    if not all(word[0].isupper() or not word[0].islower() for word, _ in core):
        return known >= 2 and any(name in _GIVEN for _, name in core)
    given = any(_parts(name) & _GIVEN for _, name in core)
    return known >= 2 or (known == 1 and (given or particles or initials or "," in words))


def _holds(words: list[str], plain: list[str]) -> bool:
    """Return whether a given name is followed by a capitalised word, somewhere in a text."""
    return any(
        name in _GIVEN
        and word[0].isupper()
        and len(after) > 2
        and after[0].isupper()
        and _WORD.fullmatch(after) is not None
        for word, name, after in zip(words, plain, words[1:], strict=False)
    )


def _is_known(name: str) -> bool:
    parts = _parts(name)
    return not (parts.isdisjoint(_GIVEN) and parts.isdisjoint(_SUR)) or name.endswith(_ENDS_OF_SURNAMES)


def _parts(name: str) -> set[str]:
    return {name, *name.split("-")}
