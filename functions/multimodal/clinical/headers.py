"""A column's name in words, however it was spelled: snake_case, camelCase, dotted, glued, with digits or accents."""

import re
import unicodedata

AGE = re.compile(
    r"\b(age|alter|edad|eta|leeftijd|leeft|idade|alder|ika|wiek|vek)\b(?![ -](?:of |adj|matched|standard))"
)
"""Matches the words of a header of an age."""

BIRTH = re.compile(
    r"\b(births?|birth ?date|dob|born|geburt\w*|naissance|nacimiento|nascita|nascimento|geboorte\w*|"
    r"fod(sel|t)\w*|syntyma\w*|urodz\w*|naroz\w*)\b"
)
"""Matches the words of a header of a date of birth, from which an age is counted."""

_CAMEL = re.compile(r"(?<=[a-zß-ÿ]{2})(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-zß-ÿ]{2})|(?<=[A-Z][a-zß-ÿ])(?=[A-Z][a-zß-ÿ]{2})")
"""Between words that only a capital divides. `pCR`, `pT` and `eGFR` stay whole: one small letter is no word."""

_ENDPOINT = re.compile(r"(?<![A-Za-z])(OS|[A-Z]{1,3}FS|DSS)(?=[a-z]{2})")
"""An endpoint's capitals before a small word: `OSmonths`, which capitals alone would divide elsewhere."""

_GLUED = re.compile(
    "progression|recurrence|admission|diagnosis|discharge|hospital|location|survival|contact|disease|outcome|"
    "overall|patient|relapse|family|follow|health|height|length|months?|number|offset|source|status|system|"
    "unique|weight|admit|alive|birth|cause|death|email|event|first|names?|phone|recur|since|start|visit|years?|"
    "cell|cens|code|date|days?|dead|dmfs|free|full|home|hosp|last|stat|stay|surv|time|type|unit|ward|work|age|"
    "dfs|dss|efs|fup|had|has|ind|nbr|pat|pfs|pid|rfs|yrs?|zip|at|dx|fu|id|is|no|nr|of|os|pt|to|up"
)
"""Short words that are written together in names (`dateofbirth`, `rfsstat`); the longer of two comes first."""

_POSSESSIVE = re.compile(r"['’]s\b")
_DIGITS = re.compile(r"(?<=[a-z]{2})(?=\d)|(?<=\d)(?=[a-z]{2})")


def in_words(header: str) -> str:
    """Return a header as words in small letters without accents, a blank between each two.

    Examples
    --------
    >>> [in_words(name) for name in ("dateofbirth", "ReferringPhysicianName", "OSmonths", "Straße", "pCR", "age2")]
    ['date of birth', 'referring physician name', 'os months', 'strasse', 'pcr', 'age 2']
    """
    divided = _CAMEL.sub(" ", _ENDPOINT.sub(r"\1 ", header))
    letters = without_accents(_POSSESSIVE.sub("s", divided).casefold())
    return " ".join(map(_apart, re.findall(r"[^\W_]+|%", _DIGITS.sub(" ", letters))))


def without_accents(small: str) -> str:
    """Return small letters without accents, and those that Unicode does not divide as they are written without.

    Examples
    --------
    >>> without_accents("prénom"), without_accents("fødselsår"), without_accents("płeć")
    ('prenom', 'fodselsar', 'plec')
    """
    if small.isascii():
        return small
    divided = "".join(c for c in unicodedata.normalize("NFKD", small) if not unicodedata.combining(c))
    return divided if divided.isascii() else divided.translate(_UNDIVIDED)


_UNDIVIDED = str.maketrans({"ø": "o", "ł": "l", "ß": "ss", "ı": "i", "đ": "d", "æ": "ae", "œ": "oe", "’": "'"})


def _apart(word: str) -> str:
    parts = _GLUED.findall(word)
    return " ".join(parts) if "".join(parts) == word else word
