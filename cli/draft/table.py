"""The whole table: which column is the case, when facts were true, and what the labels may be made of."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from cli.draft.column import Names
from cli.draft.facts import Facts
from cli.draft.guess import (
    draft_column,
    names_a_row,
    of_no_use,
    sounds_identifying,
    timepoint_of,
)
from cli.draft.headers import is_early
from cli.draft.ids import id_checks, id_column, id_pattern
from cli.draft.outcomes import add_labels, take_the_last_of_labels
from cli.draft.series import ask_of_later_ones, take_measurements_as_early
from cli.draft.table_draft import TableDraft
from cli.draft.units import ask_of_measurements, units_of_time
from cli.draft.words import BEGINNING, DAYS_TO_SURGERY, REDCAP
from cli.draft.written import read_writing
from cli.errors import CommandError
from multimodal.clinical.headers import in_words


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
    case = id_column(facts)
    others = [fact for fact in facts if fact is not case]
    if not others:
        raise CommandError("The table names cases and says nothing of them.", hint="A draft needs further columns.")
    for fact in others:
        fact.identifies = sounds_identifying(fact)
    written = read_writing([f for f in others if not f.identifies], today or datetime.now(UTC).date(), first)
    table = TableDraft(case.rows, case.source, id_pattern(case.values), _missing(others), written)
    table.id_checks = list(id_checks(case, facts))
    first_with: dict[int, str] = {}
    copy_of = {fact.source: first_with.setdefault(fact.content, fact.source) for fact in others}
    originals = [fact for fact in others if copy_of[fact.source] == fact.source and not fact.identifies]
    if not case.distinct:
        table.repeated = sum(rows > 1 for rows in case.values.values())
        table.several_rows = {"take": "first"} | ({"fill": True} if REDCAP & {f.source for f in facts} else {})
    ask_of_measurements(others, is_long=not case.distinct)
    day_zero, names = _day_zero(originals), Names()
    for fact in others:
        original = copy_of[fact.source]
        equal_to = original if original != fact.source else None
        table.columns.append(draft_column(fact, names, written.date_format, equal_to, day_zero))
    take_measurements_as_early(table.columns)
    ask_of_later_ones(table.columns)
    _add_event_times(table, day_zero)
    table.units = {fact.source: units for fact in others if (units := units_of_time(fact))}
    table.facts = {fact.source: fact for fact in others}
    add_labels(table)
    take_the_last_of_labels(table)
    return table


def _missing(facts: Sequence[Facts]) -> list[str]:
    """Return the cells that mean "not known" in every column; one that is a finding somewhere is none of them."""
    findings = {value for fact in facts for value in fact.values}
    for fact in facts:
        fact.not_known_here |= fact.not_known.keys() & findings
    return sorted({word for fact in facts for word in fact.not_known} - findings)


def _day_zero(facts: Sequence[Facts]) -> str | None:
    """Return the date that most probably begins a case: known early, and known of most cases."""
    known = [f for f in facts if f.date_format and 2 * f.filled > f.rows and not (names_a_row(f) or of_no_use(f, None))]
    dates = [f for f in known if timepoint_of(f.source) == "baseline"]
    best = max(dates, key=_beginning, default=None)
    return best.source if best else None


def _beginning(fact: Facts) -> tuple[bool, int, bool]:
    """Rank dates by how probably they begin a case."""
    return is_early(fact.source), fact.filled, bool(BEGINNING.search(in_words(fact.source)))


def _add_event_times(table: TableDraft, day_zero: str | None) -> None:
    timed = {c.timepoint for c in table.columns if c.kind not in ("drop", "date")}
    table.event_times["baseline"] = {"column": day_zero} if day_zero else "upload"
    surgery = table.first(lambda c: c.kind == "date" and c.timepoint == "surgery")
    if "surgery" not in timed and (day_zero or not surgery):
        return
    days = table.first(lambda c: c.kind == "number" and bool(DAYS_TO_SURGERY.search(in_words(c.source))))
    if surgery:
        table.event_times["surgery"] = {"column": surgery.source}
    elif day_zero and days and days.settings["unit"] == "days" and days.settings.get("integral"):
        table.event_times["surgery"] = {"column": day_zero, "plus_days": days.source}
    else:
        table.event_times["surgery"] = "upload"
