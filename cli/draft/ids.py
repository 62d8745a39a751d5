"""Which column names the case, what its ids look like, and what may be wrong with them."""

import re
from collections.abc import Iterable, Iterator, Sequence

from cli.draft.facts import ENOUGH, Facts, has_digit
from cli.draft.headers import is_identifying
from cli.draft.words import CASE_NAME, ID_NAME, UNITS
from cli.draft.written import looks_like_dates
from cli.errors import CommandError
from multimodal.clinical.headers import AGE, in_words
from multimodal.clinical.phi import kind_of

_MAX_SHAPES = 5

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_ROUNDED = re.compile(r"\d([.,]\d+)?E\+\d+")
_AS_TEXT = "Make the column one of text where the ids are still whole, and export it again. Nothing was drafted."

_OF_SAMPLES = re.compile(r"\b(samples?|specimens?|aliquots?|biops(y|ies)|slides?|probe|echantillon|muestra)\b")

_ODD_SHAPES = (
    (r"\d+\.0+", "a program made numbers of the ids; do scans and reads write 1.0, or 1?"),
    (r"'.*", "ids begin with an apostrophe, by which spreadsheets mark text; do scans and reads write it?"),
    (r".*\w[*†‡§¹²³]+", "a sign of a footnote stands behind ids; scans and reads will not have it"),
    (r".*[\u00ad\u200b-\u200f\u2060\ufeff].*", "ids hold signs that nobody sees; scans and reads will not have them"),
)
"""Shape of ids that were text once, or copied, and what to ask."""


def id_column(facts: Sequence[Facts]) -> Facts:
    """Return the column that names the case.

    Raises
    ------
    CommandError
        When there is none, or no row, or the ids were rounded.
    """
    if not facts or not facts[0].rows:
        hint = (
            "No quotes may stand around a whole row. R's write.table leaves out the name of its row names: "
            "col.names = NA, or write.csv, keeps its place. Of two headers write one."
        )
        raise CommandError("The table has no rows with as many cells as its header.", hint=hint)
    case = _most_probable(facts)
    if 2 * sum(rows for i, rows in case.values.items() if _ROUNDED.fullmatch(i)) > case.filled:
        raise CommandError("The ids are numbers that a spreadsheet has rounded (1.2E+11).", hint=_AS_TEXT)
    return case


def _most_probable(facts: Sequence[Facts]) -> Facts:
    distinct = [fact for fact in facts if fact.distinct and not looks_like_dates(fact) and not _is_measured(fact)]
    unique = [fact for fact in distinct if fact.filled >= ENOUGH * fact.rows]
    named = [fact for fact in distinct if ID_NAME.search(in_words(fact.source)) and fact.filled >= ENOUGH * fact.rows]
    cases = _cases(facts)
    if cases and not any(fact.distinct for fact in cases):
        return cases[0]
    if not named:
        # A case that is twice in the table must not make ids of the measurements.
        named = [fact for fact in facts if ID_NAME.fullmatch(in_words(fact.source)) and _is_mostly_distinct(fact)]
    candidates = [fact for fact in cases if fact in distinct] or named or unique
    if not candidates:
        raise CommandError("No column has another value in every row, so none names the case.", hint=_hint(facts))
    return min(candidates, key=_is_uuid)


def _cases(facts: Iterable[Facts]) -> list[Facts]:
    """Return the columns that are called as those of cases are, those that an archive numbers (GDC) last."""
    named = (fact for fact in facts if _names_cases(in_words(fact.source)) and fact.filled == fact.rows)
    return sorted(named, key=_is_uuid)


def _names_cases(words: str) -> bool:
    return bool(CASE_NAME.search(words) or _CASE.fullmatch(words))


def _is_uuid(fact: Facts) -> bool:
    return bool(fact.values) and all(map(_UUID.fullmatch, fact.values))


def _hint(facts: Sequence[Facts]) -> str:
    if len(facts) == 1:
        return "Commas, semicolons or tabs divide the columns of a table."
    blank = [f for f in facts if ID_NAME.search(in_words(f.source)) and 0 < f.filled < f.rows]
    if blank:
        where = f"{blank[0].source} has no value in {blank[0].rows - blank[0].filled} rows"
        return f"{where}: merged cells? Write the id in every row."
    return "Call the column of the case patient_id; where a case has several rows, the draft asks which one counts."


def _is_measured(fact: Facts) -> bool:
    """Whether a column's name says an age or a unit, so that it names no case although no value comes twice."""
    words = in_words(fact.source)
    return bool(AGE.search(words)) or (not ID_NAME.search(words) and any(p.search(words) for p, _, _ in UNITS))


def _is_mostly_distinct(fact: Facts) -> bool:
    return fact.filled == fact.rows and (fact.many or 2 * len(fact.values) >= fact.rows)


def odd_ids(case: Facts) -> int:
    """Return in how many rows the id has no digit, or there is none, where nearly all others have one.

    Such rows are no cases: a second header, codes below it, a footnote, a mean.
    """
    odd = sum(rows for value, rows in case.values.items() if not has_digit(value)) + case.rows - case.filled
    few = odd <= max(_FEW_ROWS, (1 - ENOUGH) * case.rows) and 4 * odd <= case.rows
    return odd if few else 0


_FEW_ROWS = 3
"""Rows above or below the cases of a small table."""


def id_checks(case: Facts, facts: Iterable[Facts]) -> Iterator[str]:
    """Yield what a person must decide on the ids."""
    ids = list(case.values)
    if _is_of_a_person(case.source) or any(kind_of(i) is not None and not i.isdigit() for i in ids):
        yield (
            "these ids seem to name or number a person outside of the study, and every record and result would carry "
            "them: give the cases ids of their own before you upload"
        )
    yield from (ask for shape, ask in _ODD_SHAPES if any(re.fullmatch(shape, i) for i in ids))
    if _are_alike(ids):
        yield (
            "ids differ in capitals, separators or leading zeros alone: one case may be written in two ways, and scans "
            "and reads must write the same"
        )
    if _OF_SAMPLES.search(in_words(case.source)):
        yield "these ids name samples or specimens: do scans and reads name the same, or the patients?"
    if ids == [*map(str, range(1, len(ids) + 1))]:
        yield "these ids number the rows: do scans and reads have the same numbers?"
    others = [fact.source for fact in _cases(facts) if fact is not case]
    if others:
        yield f"{' and '.join(map(repr, others))} could name the case as well: take the ids of the scans and reads"


def _is_of_a_person(header: str) -> bool:
    """Whether an id is one that a person has elsewhere, as a medical record number is."""
    return is_identifying(header) and bool(_ELSEWHERE.search(in_words(header)))


_ELSEWHERE = re.compile(
    r"\b(mrn|medical|hospital|nhs|social|ssn|insurance|health|passport|national|e ?mail|name|chart|account|phone)\b"
)
_CASE = re.compile(r"(patient|case|subject|participant|donor|individual|pat|pt)s?")


def _are_alike(ids: Sequence[str]) -> bool:
    plain = [re.sub(r"[\W_]+", "-", i.casefold()) for i in ids]
    several = len(set(map(_shape, plain))) < len(set(map(_shape, ids)))
    twice = len({re.sub(r"(?<!\d)0+(?=\d)", "", i) for i in plain}) < len(ids)
    widths = {len(i) for i in ids if i.isdigit()}
    return several or twice or (len(widths) > 1 and any(re.fullmatch(r"0\d+", i) for i in ids))


def id_pattern(ids: Iterable[str]) -> str:
    r"""Return a pattern of the ids' shape that holds none of them.

    Examples
    --------
    >>> id_pattern(["R01-001", "AMC-049"])
    '[A-Z]\\d{2}-\\d{3}|[A-Z]{3}-\\d{3}'
    """
    shapes = list(dict.fromkeys(_shape(value) for value in ids))
    return "|".join(shapes) if len(shapes) <= _MAX_SHAPES else r"[A-Za-z0-9][A-Za-z0-9_.-]*"


def _shape(value: str) -> str:
    parts = []
    for run in re.finditer(r"[A-Z]+|[a-z]+|\d+|.", value, re.DOTALL):
        text = run[0]
        kind = next((k for k in (r"[A-Z]", r"[a-z]", r"\d") if re.fullmatch(f"{k}+", text)), None)
        parts.append(re.escape(text) if kind is None else kind + (f"{{{len(text)}}}" if len(text) > 1 else ""))
    return "".join(parts).replace(r"\-", "-")
