"""What could name or reach a person, in cells that should hold none of it.

Only cells that the configuration cannot explain are looked at: a declared level, a missing value, a well-formed number
or date and an id of the right pattern are not suspicious. A clean table therefore costs next to nothing.
"""

import re
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from multimodal.domain.errors import BadInputError
from multimodal.domain.reasons import Reason

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
    AGE_ABOVE_89 = "AGE_ABOVE_89"


_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_SSN = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_PHONE = re.compile(
    r"(?<![\d.-])(?:\+?\d{1,3}[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\d.-])"
    r"|\+\d[\d ().-]{7,}\d"
    r"|\b(?:tel|phone|fax|mobile)\b\D{0,5}\d{5,}",
    re.IGNORECASE,
)
_MRN = re.compile(r"\b(?:MRN|medical record)\b\D{0,10}\d|^\d{7,10}$", re.IGNORECASE)
_WORD = r"[^\W\d_]"
_CAPITALISED = rf"(?:[A-ZÀ-ÖØ-Þ](?:['’-]?{_WORD})*\.?)"
_DICOM_NAME = re.compile(rf"^{_WORD}[\w' -]*\^{_WORD}[\w' .^-]*$")
_TITLED = re.compile(rf"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof)\b\.? +{_CAPITALISED}")
_LAST_FIRST = re.compile(rf"^{_CAPITALISED}(?:[ -]{_CAPITALISED})?, ?({_CAPITALISED})(?: {_CAPITALISED})?$")
_FIRST_LAST = re.compile(rf"^({_CAPITALISED})(?: {_CAPITALISED}){{1,2}}$")
_GIVEN_NAMES = """
    aaron adam ahmed aisha alan albert alejandro alex alexander alexandra ali alice alicia amanda amy ana andrea
    andrew angela ann anna anne anthony antonio arthur ashley barbara benjamin bernard betty beverly bill bob
    bobby bonnie brandon brenda brian bruce bryan carl carlos carol caroline catherine charles cheryl chris
    christina christine christopher cindy clara claire craig cynthia daniel danielle david deborah debra denise
    dennis diane diego donald donna doris dorothy douglas dylan edward eileen elena elizabeth ellen emily emma
    eric erica ethan eugene eva evelyn fatima fernando frances francis francisco frank fred gabriel gary george
    gerald giovanni gladys greg gregory hannah hans harold harry heather heidi helen henry howard hugh ian irene
    isaac isabella ivan jack jacob jacqueline jaime james jamie jane janet janice jason javier jean jeffrey
    jennifer jeremy jerry jesse jessica jesus jill jim joan joe joel johann john johnny jonathan jorge jose
    joseph joshua joyce juan judith judy julia julie justin karen karl katherine kathleen kathryn kathy keith
    kelly kenneth kevin kimberly kyle larry laura lauren lawrence lee leo leonard linda lisa lois lori louis
    louise lucas lucy luis lynn manuel marcus margaret maria marie marilyn mario mark martha martin marvin mary
    matthew megan melissa mia michael michel michelle miguel mike mildred mohamed mohammed monica nancy natalie
    nathan nicholas nicole noah nora norman olga olivia oscar pablo pamela patricia patrick paul paula pedro
    peggy peter philip phillip phyllis rachel ralph randy raul raymond rebecca ricardo richard robert roberto
    robin rodney roger ronald rosa roy russell ruth ryan samantha samuel sandra sara sarah scott sean sergio
    sharon shawn sheila shirley sophia sophie stanley stephanie stephen steven stuart susan suzanne sylvia tammy
    teresa terry theodore theresa thomas tiffany timothy todd tom tony tracy tyler valerie vanessa veronica
    victor vincent walter wanda warren wayne wendy william willie yolanda zachary
"""
"""Common ones; those that are places, wards or qualities as well are left out."""
_GIVEN = frozenset(_GIVEN_NAMES.split())


def kind_of(cell: str) -> Kind | None:
    """Return what kind of identifier a cell looks like, if any.

    Examples
    --------
    >>> kind_of("555-12-3456"), kind_of("Squamous cell carcinoma")
    (<Kind.SSN: 'SSN'>, None)
    """
    if _EMAIL.search(cell):
        return Kind.EMAIL
    if any(c.isdigit() for c in cell):
        for kind, pattern in ((Kind.SSN, _SSN), (Kind.PHONE, _PHONE), (Kind.MRN, _MRN)):
            if pattern.search(cell):
                return kind
    return Kind.NAME if _is_name(cell) else None


def _is_name(cell: str) -> bool:
    if _TITLED.search(cell) or _DICOM_NAME.match(cell):
        return True
    found = _LAST_FIRST.match(cell) or _FIRST_LAST.match(cell)
    return found is not None and found.group(1).lower() in _GIVEN


def has_shape_of_name(cell: str) -> bool:
    """Return whether a cell is two or three capitalised words: a name, or any other title."""
    return _FIRST_LAST.match(cell) is not None or _LAST_FIRST.match(cell) is not None


class IdentifierGate:
    """Counts suspicious cells of a table by column and kind; never keeps a value beyond the reading of the table."""

    def __init__(self) -> None:
        self._found: dict[str, Counter[str]] = {}
        self._looked_at: Counter[str] = Counter()
        self._shapes: Counter[str] = Counter()
        self._distinct: dict[str, set[int]] = {}

    @property
    def is_closed(self) -> bool:
        """Whether anything was found: nothing of the table will be taken."""
        return bool(self._found)

    def count(self, column: str, kind: Kind, times: int) -> None:
        """Count suspicious cells of a column."""
        self._found.setdefault(column, Counter())[kind] += times

    def pass_by(self, column: str, times: int) -> None:
        """Count cells of a column that could hold anything: the whole of which names would be a part."""
        self._looked_at[column] += times

    def look(self, column: str, cell: str, times: int) -> None:
        """Look at a cell that could not be explained and has no kind of its own: many different titles are names."""
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
            ``IDENTIFIERS_FOUND``, with columns, kinds and counts.
        """
        for column, distinct in self._distinct.items():
            shapes = self._shapes[column]
            different = len(distinct) >= _MANY_DISTINCT or len(distinct) > shapes * _MOSTLY
            if len(distinct) >= _FEW_NAMES and different and shapes > self._looked_at[column] * _MOSTLY:
                self.count(column, Kind.NAME, shapes)
        if self._found:
            raise BadInputError(Reason.IDENTIFIERS_FOUND, _message(self._found), {"columns": _counts(self._found)})


def _counts(found: Mapping[str, Counter[str]]) -> dict[str, dict[str, int]]:
    return {column: {str(kind): n for kind, n in kinds.items()} for column, kinds in found.items()}


def _message(found: Mapping[str, Counter[str]]) -> str:
    parts = [f"{column!r} ({', '.join(f'{n} × {k}' for k, n in kinds.items())})" for column, kinds in found.items()]
    return (
        f"cells that could name or reach a person: {'; '.join(parts)}. Nothing was taken; delete this upload, remove "
        "them from the table and upload it again"
    )
