"""What the name of a column says (`headers.yaml`): of a person, of the end, or of what was before."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from multimodal.clinical.headers import in_words

_SHORTEST = 3
"""Letters of a word that is looked for in others."""

_KINDS: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))


def _split(text: str) -> list[str]:
    return [" ".join(phrase.split()) for phrase in text.split(",")]


_WORDS = {name: f"(?:{'|'.join(_split(text))})" for name, text in _KINDS["words"].items()}


def _texts(kind: str) -> list[str]:
    texts = _KINDS[kind]
    return [*texts.values()] if isinstance(texts, dict) else [texts]


def _phrases(kind: str) -> Iterator[str]:
    """Yield the phrases of a kind as patterns of whole words."""
    for phrase in chain.from_iterable(map(_split, _texts(kind))):
        pattern = re.sub(r"<(\w+)>", lambda word: _WORDS[word[1]], phrase).replace("*", r"\w*")
        yield rf"{pattern}\b" if pattern.startswith("^") else rf"\b{pattern}\b"


def _compiled(*kinds: str) -> re.Pattern[str]:
    return re.compile("|".join(chain.from_iterable(map(_phrases, kinds))))


_IDENTIFYING, _HARMLESS, _BEFORE, _EARLY = map(_compiled, ("identifying", "harmless", "before", "early"))
_UNDERSTOOD = _compiled("harmless", "early", "before", "neutral")
_OUTCOME, _LATER, _AFTER = _compiled("outcome"), _compiled("relapse", "response", "harm", "stay"), _compiled("after")


def is_identifying(header: str) -> bool:
    """Whether a name says that its column holds what identifies a person, or free text that may.

    Examples
    --------
    >>> [is_identifying(name) for name in ("patient_mrn", "prénom", "ManufacturerModelName")]
    [True, True, False]
    """
    return any(map(_IDENTIFYING.search, _telling(header)))


def late_timepoint(header: str) -> str:
    """Return `outcome` or `post_treatment` for what becomes known late, and nothing for what may be known before.

    Examples
    --------
    >>> [late_timepoint(name) for name in ("OS_MONTHS", "adjuvant_rt", "prior_chemo", "death receptor 5")]
    ['outcome', 'post_treatment', '', '']
    """
    words = _telling(header)
    if any(map(_OUTCOME.search, words)):
        return "outcome"
    if any(map(_BEFORE.search, words)):
        return ""
    return "outcome" if any(map(_LATER.search, words)) else "post_treatment" if any(map(_AFTER.search, words)) else ""


def is_early(header: str) -> bool:
    """Whether a word of a name says that its column is known at the beginning, or by the operation.

    Examples
    --------
    >>> [is_early(name) for name in ("smoking_status", "wavelet-HHL_glcm_Idm", "V12", "rspns_cat")]
    [True, True, False, False]
    """
    return any(pattern.search(words) for pattern in (_EARLY, _BEFORE) for words in _readings(header))


def unknown_words(header: str) -> list[str]:
    """Return the longer words of an early name that are no part of what makes it so, and may say something else.

    Examples
    --------
    >>> [unknown_words(name) for name in ("smoking_status", "UCOD_heart", "conversion_to_dementia")]
    [[], ['ucod'], ['conversion']]
    """
    return min((_LONGER.findall(_UNDERSTOOD.sub("|", words)) for words in sorted(_readings(header))), key=len)


_LONGER = re.compile(r"[a-z]{3,}")


def _telling(header: str) -> set[str]:
    """Return the readings of a header without the phrases that only sound like something."""
    words = _HARMLESS.sub("|", _in_words(header))
    return {words, _HARMLESS.sub("|", _apart(words))}


def _readings(header: str) -> set[str]:
    """Return a header in words, and with those apart that are written together."""
    words = _in_words(header)
    return {words, _apart(words)}


def _in_words(header: str) -> str:
    return _POSSESSIVE.sub("s", in_words(header))


_POSSESSIVE = re.compile(r" s\b(?= )")
"""Of `MOTHER_S_NAME`."""


def _parts_of(kind: str) -> Iterator[str]:
    """Yield the words of a kind that are looked for in others; of the early and the harmless, only whole phrases."""
    for phrase in chain.from_iterable(map(_split, _texts(kind))):
        words = _NO_PARTS.sub("", phrase)
        if kind not in ("early", "harmless") or " " not in words:
            for word, optional in _PART.findall(words):
                yield from (word, word[:-1]) if optional else (word,)


_NO_PARTS = re.compile(r"(?<=[a-z])\([a-z|]*\)\??|\(\?[=!<][^)]*\)|\^[^,]*\$|<\w+>")
"""Endings in brackets, conditions, and words that count only when they stand alone."""

_PART = re.compile(rf"(?<![a-z\]?)])([a-z]{{{_SHORTEST},}})(\??)(?!\[)")
_PARTS = {part for part in chain.from_iterable(map(_parts_of, _KINDS)) if len(part) >= _SHORTEST} | {
    *_split(_KINDS["short"])
}


def _apart(words: str) -> str:
    return " ".join(map(_parts, words.split()))


@lru_cache(maxsize=10_000)
def _parts(word: str) -> str:
    """Return a word as the fewest known ones that it is written together of, if it is.

    Examples
    --------
    >>> [_parts(word) for word in ("ptdob", "codigopostal", "deadlift")]
    ['pt dob', 'codigo postal', 'deadlift']
    """
    best: list[list[str] | None] = [[], *[None] * len(word)]
    for end in range(1, len(word) + 1):
        found = ((best[start], word[start:end]) for start in range(end))
        known = [[*before, part] for before, part in found if before is not None and part in _PARTS]
        best[end] = min(known, key=len, default=None)
    return " ".join(best[-1] or [word])
