"""A column's name in words, however it was spelled: snake_case, camelCase, dotted, with digits or accents."""

import re
import unicodedata

_CAMEL = re.compile(r"(?<=[a-zß-ÿ]{2})(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-zß-ÿ]{2})|(?<=[A-Z][a-zß-ÿ])(?=[A-Z][a-zß-ÿ]{2})")
"""Between words that only a capital divides. `pCR`, `pT` and `eGFR` stay whole: one small letter is no word."""

_ENDPOINT = re.compile(
    r"(?<![A-Za-z])(OS|[A-Z]{1,2}FS|DSS)(?=(?:time|months?|days?|years?|event|status|cens)(?![a-z]))"
)
"""An endpoint's capitals before a small word: `OSmonths`, which capitals alone would divide elsewhere."""

_DIGITS = re.compile(r"(?<=[a-z]{2})(?=\d)|(?<=\d)(?=[a-z]{2})")


def in_words(header: str) -> str:
    """Return a header as words in small letters without accents, a blank between each two.

    Examples
    --------
    >>> [in_words(name) for name in ("date_of_birth", "ReferringPhysicianName", "OS.time", "Straße", "pCR", "age2")]
    ['date of birth', 'referring physician name', 'os time', 'strasse', 'pcr', 'age 2']
    """
    divided = _CAMEL.sub(" ", _ENDPOINT.sub(r"\1 ", header))
    plain = unicodedata.normalize("NFKD", divided.casefold())
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    return " ".join(re.findall(r"[^\W_]+|%", _DIGITS.sub(" ", letters)))
