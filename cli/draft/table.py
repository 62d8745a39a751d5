"""The whole table: which column is the case, when facts were true, and what the labels may be made of."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

from cli.draft.column import Names
from cli.draft.facts import ENOUGH, Facts
from cli.draft.guess import (
    draft_column,
    sounds_identifying,
    take_measurements_as_early,
    timepoint_of,
    units_of_time,
)
from cli.draft.headers import is_early
from cli.draft.outcomes import add_labels
from cli.draft.table_draft import TableDraft
from cli.draft.words import BEGINNING, CASE_NAME, DAYS_TO_SURGERY, ID_NAME, REDCAP, UNITS
from cli.draft.written import looks_like_dates, read_writing
from cli.errors import CommandError
from multimodal.clinical.headers import AGE, in_words

_MAX_SHAPES = 5

_MADE_NUMBERS = (
    (r"\d(\.\d+)?E\+\d+", "ids such as 1.2E+05 are numbers that a spreadsheet has rounded; export them as text"),
    (r"\d+\.0+", "a program made numbers of the ids; do scans and reads write 1.0, or 1?"),
)
"""Shape of ids that were text once, and what to ask."""


def draft_table(facts: Sequence[Facts], first: str = "", today: date | None = None) -> TableDraft:
    """Guess what a table is.

    Parameters
    ----------
    facts : sequence of Facts
        Of its columns.
    first : str
        `day-first` or `month-first` where the dates leave it open.
    today : date, optional
        Dates after it are in the future.

    Raises
    ------
    CommandError
        When no column names the case, or there is no row.
    """
    case = _id_column(facts)
    others = [fact for fact in facts if fact is not case]
    if not others:
        raise CommandError("The table names cases and says nothing of them.", hint="A draft needs further columns.")
    written = read_writing([f for f in others if not sounds_identifying(f)], today or datetime.now(UTC).date(), first)
    missing = sorted({word for fact in others for word in fact.not_known})
    table = TableDraft(case.rows, case.source, id_pattern(case.values), missing, written)
    table.id_check = next((ask for shape, ask in _MADE_NUMBERS if any(re.fullmatch(shape, i) for i in case.values)), "")
    first_with: dict[int, str] = {}
    copy_of = {fact.source: first_with.setdefault(fact.content, fact.source) for fact in others}
    originals = [fact for fact in others if copy_of[fact.source] == fact.source and not sounds_identifying(fact)]
    if not case.distinct:
        table.several_rows = {"take": "first"} | ({"fill": True} if REDCAP & {f.source for f in facts} else {})
    day_zero, names = _day_zero(originals), Names()
    for fact in others:
        original = copy_of[fact.source]
        equal_to = original if original != fact.source else None
        table.columns.append(draft_column(fact, names, written.date_format, equal_to, day_zero))
    take_measurements_as_early(table.columns)
    _add_event_times(table, day_zero)
    table.units = {fact.source: units for fact in others if (units := units_of_time(fact))}
    add_labels(table)
    return table


def _id_column(facts: Sequence[Facts]) -> Facts:
    if not facts or not facts[0].rows:
        raise CommandError("The table has no rows.", hint="A draft needs a header and some rows.")
    distinct = [fact for fact in facts if fact.distinct and not looks_like_dates(fact) and not _is_measured(fact)]
    unique = [fact for fact in distinct if fact.filled == fact.rows]
    named = [fact for fact in distinct if ID_NAME.search(in_words(fact.source)) and fact.filled >= ENOUGH * fact.rows]
    cases = [fact for fact in facts if CASE_NAME.search(in_words(fact.source)) and fact.filled == fact.rows]
    if cases and not any(fact.distinct for fact in cases):
        return cases[0]
    if not named:
        # A case that is twice in the table must not make ids of the measurements.
        named = [fact for fact in facts if ID_NAME.fullmatch(in_words(fact.source)) and _is_mostly_distinct(fact)]
    if not (named or unique):
        raise CommandError(
            "No column has another value in every row, so none names the case.",
            hint="A clinical table has one row per case, and a column that names it.",
        )
    return (named or unique)[0]


def _is_measured(fact: Facts) -> bool:
    """Whether a column's name says an age or a unit, so that it names no case although no value comes twice."""
    words = in_words(fact.source)
    return bool(AGE.search(words)) or (not ID_NAME.search(words) and any(p.search(words) for p, _, _ in UNITS))


def _is_mostly_distinct(fact: Facts) -> bool:
    return fact.filled == fact.rows and (fact.many or 2 * len(fact.values) >= fact.rows)


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


def _day_zero(facts: Sequence[Facts]) -> str | None:
    """Return the date that most probably begins a case: known early, and known of most cases."""
    dates = [f for f in facts if f.date_format and timepoint_of(f.source) == "baseline"]
    best = max(dates, key=_beginning, default=None)
    return best.source if best else None


def _beginning(fact: Facts) -> tuple[bool, int, bool]:
    """Rank dates by how probably they begin a case."""
    return is_early(fact.source), fact.filled, bool(BEGINNING.search(in_words(fact.source)))


def _add_event_times(table: TableDraft, day_zero: str | None) -> None:
    timed = {c.timepoint for c in table.columns if c.kind not in ("drop", "date")}
    table.event_times["baseline"] = {"column": day_zero} if day_zero else "upload"
    if "surgery" not in timed:
        return
    surgery = table.first(lambda c: c.kind == "date" and c.timepoint == "surgery")
    days = table.first(lambda c: c.kind == "number" and bool(DAYS_TO_SURGERY.search(in_words(c.source))))
    if surgery:
        table.event_times["surgery"] = {"column": surgery.source}
    elif day_zero and days and days.settings["unit"] == "days" and days.settings.get("integral"):
        table.event_times["surgery"] = {"column": day_zero, "plus_days": days.source}
    else:
        table.event_times["surgery"] = "upload"
