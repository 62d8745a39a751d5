"""PHI detection: find cells that identify a person.

Only cells that the configuration cannot explain are looked at: a declared level, a missing value, a well-formed number
or date and an id of the right pattern are not suspicious. A clean table therefore costs next to nothing.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum

from multimodal.clinical.headers import AGE, in_words, without_accents
from multimodal.clinical.names import has_shape_of_name, is_name
from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.text import listed, short_name

MAX_AGE = 89
"""Ages above it identify a person.

Source: HIPAA Privacy Rule, 45 CFR 164.514(b)(2)(i)(C).
"""

_FEW_NAMES, _MANY_DISTINCT = 10, 1_000
_MOSTLY = 0.5


class Kind(StrEnum):
    """Kinds of identifier."""

    NAME = "NAME"
    PHONE = "PHONE"
    EMAIL = "EMAIL"
    SSN = "SSN"
    MRN = "MRN"
    ADDRESS = "ADDRESS"
    BIRTH_DATE = "BIRTH_DATE"
    AGE_ABOVE_89 = "AGE_ABOVE_89"


# No repetition in a pattern is without a bound: a cell may have a hundred thousand characters.
_EMAIL = re.compile(
    r"[\w.+-]{1,64}@[\w-]*[^\W\d_]"
    r"|\w{1,64} ?[(\[]at[)\]] ?\w{1,64}"
    r"|\w{1,64} at \w{1,64} dot \w{2}",
    re.IGNORECASE,
)

_AT = re.compile(r"@|\bat\b", re.IGNORECASE)
_WEB = re.compile(r"\bhttps?://|\bwww\.\w", re.IGNORECASE)

# Beside the American number, those of other countries that are like nothing else: Brazil's CPF, Nordic numbers with the
# day of birth, Italy's tax code, the British insurance number, Medicare's.
_SSN = re.compile(
    r"(?<![\d-])\d{3}([ .-])\d{2}\1\d{4}(?![\d-])|\bSSN\b\D{0,5}\d{3}"
    r"|\b\d{3}\.\d{3}\.\d{3}-\d{2}\b"
    r"|^(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d\d[-+A]\d{3}[0-9A-FHJ-NPR-Y]$"
    r"|^[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]$"
    r"|^[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]$"
    r"|^[1-9][A-HJ-NP-RT-Y][A-HJ-NP-RT-Y\d]\d-?[A-HJ-NP-RT-Y][A-HJ-NP-RT-Y\d]\d-?[A-HJ-NP-RT-Y]{2}\d\d$",
    re.IGNORECASE,
)

_PHONE = re.compile(
    r"(?<![\d.-])(?:\+?\d{1,3}[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\d.-])"
    r"|\+\d[\d ().-]{7,20}\d"
    r"|\b(?:tel|phone|fax|mobile|cell|call|ph)\b\D{0,5}(?:\d[ /.-]?){5}"
    r"|^0\d(?:\.\d\d){4}$",
    re.IGNORECASE,
)

_PHONE_ALONE = re.compile(r"[+(]?\d[\d ()/+-]{7,24}\d")
_PHONE_DIGITS = range(9, 16)

_MRN = re.compile(
    r"\bMRN\D{0,10}\d"
    r"|\bmed(?:ical|\.)? rec(?:ord|\.)?\b\D{0,15}\d"
    r"|\b(?:patient|hospital|chart|acct|account|NHS|insurance)\.? ?(?:id|no|nr|number|#)?\b\W{0,4}[A-Z]?\d(?: ?\d){4}"
    r"|\b(?:pat|patienten|fall|akten|aufnahme|versicherten|dossier)[ .-]{0,2}(?:nr|nummer|no)\b\W{0,4}[A-Z]?\d{4}"
    r"|^\d{7,12}$",
    re.IGNORECASE,
)

_ADDRESS = re.compile(
    r"\b\d{1,5}[A-Za-z]? (?:[\w'.]{1,30} ){1,3}"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Court|Ct|Way|Place)\b"
    r"|(?<=\w\w)(?:straße|strasse|str\.|gasse|weg|allee|straat|laan|plein|gatan|vägen|gade) \d"
    r"|\bP\.? ?O\.? ?Box \d"
    r"|\b\d{1,4},? rue \w"
    r"|\b(?:Calle|Via|Rua|Avenida|Rue) [^\W\d_][\w ']{1,30} \d"
    r"|\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b"
    r"|, ?[A-Z]{2} \d{5}\b"
    r"|^\d{5}-\d{4}$"
)

_BIRTH_DATE = re.compile(
    r"\b(?:DOB|D\.O\.B\.|born|birth ?date|date of birth)\b\D{0,6}\d"
    # Of a child born at 38 weeks, or of how many were born, no date is said.
    r"|\b(?:geboren|née? le|nacid[oa]|nat[oa] il|født|född|geb\.)\D{0,6}"
    r"(?:\d{1,2}[./-]\d|[\w. ]{0,16}?\b(?:19|20)\d\d)",
    re.IGNORECASE,
)

_AGED = re.compile(
    r"\b(?:age|aged|over)\b\W{0,3}(?:9\d|1[0-2]\d)\b(?![.,/-]?\d|%)"
    r"|(?<![\d.,/-])(?:9\d|1[0-2]\d)"
    r"(?:[ -]?(?:years?[ -]old|jährig\w{0,2}|jahre alt)\b| ?y/?o\b| (?:ans|años|anni)\b(?! (?:et|y|o|e) ))",
    re.IGNORECASE,
)

_WITH_DIGITS = (
    (3, Kind.SSN, _SSN),
    (5, Kind.PHONE, _PHONE),
    (1, Kind.MRN, _MRN),
    (1, Kind.ADDRESS, _ADDRESS),
    (1, Kind.BIRTH_DATE, _BIRTH_DATE),
    (2, Kind.AGE_ABOVE_89, _AGED),
)
"""Patterns, and the digits without which none of them can fit."""


_PLAIN_DATE = re.compile(r"[0-9]{1,2}([/.-])[0-9]{1,2}\1[0-9]{4}|[0-9]{4}([/.-])[0-9]{1,2}\2[0-9]{1,2}")
"""Most cells that are looked at; no other pattern fits them."""

_CODE = re.compile(
    r"(?!(?:ssn|tel|fax|cell|call|ph|mrn|acct|nhs|born|dob|aged?|over)(?![a-z]))[a-z]{0,4}[0-9]{0,2}[-_]?[0-9]{1,4}",
    re.ASCII | re.IGNORECASE,
)
"""Ids of cases and codes: too few digits for a number that identifies, and none of the words that announce one."""


def is_harmless(cell: str) -> bool:
    """Whether a cell is a date or a code, which is no identifier and no name whatever else is looked for."""
    return bool(_CODE.fullmatch(cell) or _PLAIN_DATE.fullmatch(cell))


def kind_of(cell: str) -> Kind | None:
    """Return what kind of identifier a cell looks like, if any.

    Examples
    --------
    >>> kind_of("555-12-3456"), kind_of("Squamous cell carcinoma")
    (<Kind.SSN: 'SSN'>, None)
    """
    return None if is_harmless(cell) else kind_of_suspicious(cell)


def kind_of_suspicious(cell: str) -> Kind | None:
    """Return the same of a cell that is not harmless."""
    if not cell.isascii():
        cell = _as_seen(cell)
    if _AT.search(cell) and _EMAIL.search(cell):
        return Kind.EMAIL
    digits = sum(map(str.isdigit, cell))
    for fewest, kind, pattern in _WITH_DIGITS:
        if digits >= fewest and pattern.search(cell):
            return kind
    if digits in _PHONE_DIGITS and _PHONE_ALONE.fullmatch(cell):
        return Kind.PHONE
    if _WEB.search(cell):
        return Kind.ADDRESS
    return Kind.NAME if is_name(cell) else None


def _as_seen(cell: str) -> str:
    """Return a cell as a reader sees it: digits of full width are digits, and what has no width is not there."""
    return "".join(c for c in unicodedata.normalize("NFKC", cell) if unicodedata.category(c) != "Cf")


def old_levels(header: str, levels: Iterable[str]) -> list[str]:
    """Return the levels of an age that are of ages above 89 alone, but for one without an end.

    Examples
    --------
    >>> old_levels("Age group", ["95", "90-94", "65-99", "90+", ">=85", "90 plus", "90 und älter"])
    ['95', '90-94']
    >>> old_levels("Age (months)", ["95"])
    []
    """
    words = in_words(header)
    return [level for level in levels if _is_old(level)] if AGE.search(words) and not _SHORTER.search(words) else []


_SHORTER = re.compile(r"\b(months?|mos?|weeks?|wks?|days?|monate|wochen|tage)\b")  # codespell:ignore


def _is_old(level: str) -> bool:
    ages = [int(number) for number in re.findall(r"\d+", level)]
    is_above = bool(ages) and min(ages) > MAX_AGE and max(ages) < _OLDEST
    return is_above and not _NO_END.search(without_accents(level.casefold()))


_OLDEST = 110
"""An age that nobody reaches: a level up to it has no end."""
_NO_END = re.compile(
    r"[+<>≤≥]|\d ?-$|(?<![a-z])(over|older|above|and|more|plus|up|inf|und|mehr|alter|et|mas|mais|oltre|ouder|aldre)\b"
)


class IdentifierGate:
    """Counts suspicious cells of a table by column and kind; never keeps a value beyond the reading of the table."""

    def __init__(self) -> None:
        self._found: dict[str, Counter[str]] = {}
        self._scanned: Counter[str] = Counter()
        self._shapes: Counter[str] = Counter()
        self._distinct: dict[str, set[int]] = {}

    @property
    def is_closed(self) -> bool:
        """Whether anything was found: nothing of the table will be taken."""
        return bool(self._found)

    def count(self, column: str, kind: Kind, times: int) -> None:
        """Count suspicious cells of a column."""
        self._found.setdefault(column, Counter())[kind] += times

    def count_scanned(self, column: str, times: int) -> None:
        """Count cells of a column that may hold any text: names are reported as a share of them."""
        self._scanned[column] += times

    def scan(self, column: str, cell: str, times: int) -> None:
        """Scan a cell that the configuration does not explain: many different name-like ones are names."""
        if has_shape_of_name(cell):
            self._shapes[column] += times
            distinct = self._distinct.setdefault(column, set())
            if len(distinct) < _MANY_DISTINCT:
                distinct.add(hash(cell))

    def check(self) -> None:
        """Refuse the table if anything was found in it.

        Raises
        ------
        BadInputError
            `IDENTIFIERS_FOUND`, with columns, kinds and counts.
        """
        for column, distinct in self._distinct.items():
            shapes = self._shapes[column]
            different = len(distinct) >= _MANY_DISTINCT or len(distinct) > shapes * _MOSTLY
            if len(distinct) >= _FEW_NAMES and different and shapes > self._scanned[column] * _MOSTLY:
                self.count(column, Kind.NAME, shapes)
        if self._found:
            counts = {column: {str(kind): n for kind, n in kinds.items()} for column, kinds in self._found.items()}
            raise BadInputError(Reason.IDENTIFIERS_FOUND, _message(self._found), {"columns": counts})


_LISTED = 150
"""Characters of the columns in the message, which has to fit into the ledger's 500."""


def _message(found: Mapping[str, Counter[str]]) -> str:
    parts = [
        f"{short_name(column)} ({', '.join(f'{n} × {k}' for k, n in kinds.items())})" for column, kinds in found.items()
    ]
    ages = any(Kind.AGE_ABOVE_89 in kinds for kinds in found.values())
    way_out = "; ages above 89 may be written as one category (bounds: limit, see docs/datasets.md)" if ages else ""
    return (
        f"cells that look like protected health information (PHI): {listed(parts, _LISTED, '; ')}. Nothing was "
        f"taken; remove them from the table and upload it again{way_out}"
    )
