"""What the name of a column says (`headers.yaml`): of a person, of the end, or of what was before."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from multimodal.clinical.headers import in_words

_KINDS: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))


def _split(text: str) -> list[str]:
    return [" ".join(phrase.split()) for phrase in text.split(",")]


_WORDS = {name: f"(?:{'|'.join(_split(text))})" for name, text in _KINDS["words"].items()}


def _phrases(kind: str) -> Iterator[str]:
    """Yield the phrases of a kind as patterns of whole words."""
    texts = _KINDS[kind]
    for phrase in chain.from_iterable(map(_split, texts.values() if isinstance(texts, dict) else [texts])):
        pattern = re.sub(r"<(\w+)>", lambda word: _WORDS[word[1]], phrase).replace("*", r"\w*")
        yield rf"{pattern}\b" if pattern.startswith("^") else rf"\b{pattern}\b"


def _compiled(*kinds: str) -> re.Pattern[str]:
    return re.compile("|".join(chain.from_iterable(map(_phrases, kinds))))


_IDENTIFYING, _HARMLESS, _BEFORE, _EARLY = map(_compiled, ("identifying", "harmless", "before", "early"))
_OUTCOME, _LATER, _AFTER = _compiled("outcome"), _compiled("relapse", "response", "harm", "stay"), _compiled("after")


def is_identifying(header: str) -> bool:
    """Whether a name says that its column holds what identifies a person, or free text that may.

    Examples
    --------
    >>> [is_identifying(name) for name in ("patient_mrn", "prénom", "ManufacturerModelName")]
    [True, True, False]
    """
    return bool(_IDENTIFYING.search(_telling(header)))


def late_timepoint(header: str) -> str:
    """Return `outcome` or `post_treatment` for what becomes known late, and nothing for what may be known before.

    Examples
    --------
    >>> [late_timepoint(name) for name in ("OS_MONTHS", "adjuvant_rt", "prior_chemo", "death receptor 5")]
    ['outcome', 'post_treatment', '', '']
    """
    words = _telling(header)
    if _OUTCOME.search(words):
        return "outcome"
    if _BEFORE.search(words):
        return ""
    return "outcome" if _LATER.search(words) else "post_treatment" if _AFTER.search(words) else ""


def is_early(header: str) -> bool:
    """Whether a word of a name says that its column is known at the beginning, or by the operation.

    Examples
    --------
    >>> [is_early(name) for name in ("smoking_status", "wavelet-HHL_glcm_Idm", "V12", "rspns_cat")]
    [True, True, False, False]
    """
    words = in_words(header)
    return bool(_EARLY.search(words) or _BEFORE.search(words))


def _telling(header: str) -> str:
    """Return a header in words without the phrases that only sound like something."""
    return _HARMLESS.sub("|", in_words(header))
