"""Find a table's outcomes: who died, when, and further endpoints, from dates or from times and events."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from cli.draft.column import Draft
from cli.draft.facts import uncoded
from cli.draft.flags import begins_with
from cli.draft.table_draft import TableDraft
from cli.draft.units import measured_by
from cli.draft.words import DEAD, LIVING
from multimodal.clinical.config import DAYS_PER_UNIT
from multimodal.clinical.headers import in_words

_HORIZONS = [365, 1095, 1825]

_ENDPOINTS = {
    "dss": r"\bdss\b|(disease|cancer) specific",
    "dfs": r"\b(dfs|sle)\b|disease free|sans maladie|libre de enfermedad|krankheitsfrei",
    "pfs": r"\b(pfs|slp|ssp)\b|progression free|(sans|libre de) progres|progressionsfrei",  # codespell:ignore
    "pfi": r"\bpfi\b",
    "dfi": r"\bdfi\b",
    "rfs": r"\b(rfs|slr|ssr)\b|(relapse|recurrence) free|(sans|libre de) (rechute|recidive|reca)|rezidivfrei",
    "efs": r"\befs\b|event free",
    "dmfs": r"\bd?mfs\b|metastas[ie]s free",
}
"""Endpoints beside death, by what a column's name says; death is what is left."""

_DIED = (
    r"death\w*|dead|deadstatus|died|deceased|expired?|os|dth\w*|event\w*|tod|tot|verstorben|gestorben|deces|decede|"
    r"muerte|falleci\w*|falec\w*|murio|morreu|decedut[oa]|morte?|morto|morta|overleden|doe?d\w*|avliden|zgon|"
    r"zmar\w*|umrti|zemrel\w*|kuollut"
)
_DEATH = re.compile(
    rf"\b({_DIED}|vital|vitalstatus|survival|status|fu ?stat|exitus|obito|cens|cnsr|censor\w*|alive|living|survived|"
    r"survivor|lebt|vivant|vivo)\b"
)
_SAYS_DIED = re.compile(rf"\b({_DIED})\b")
_HORIZON = re.compile(
    r"\d ?(d|days?|w|wks?|weeks?|m|mo|mos|mths?|months?|y|yrs?|years?|tag|tagen?|monate?|jahre?|ans?|anos?|anni)\b|"
    r"\b(mort|surv|survival|os) ?\d+$"
)
"""An event within so many days or years, which says nothing of what was later."""
_CODE = re.compile(r"\d ?[=:] ?\w+")

_IN_DAYS_ABOVE = 300
"""Times without a unit that reach this are days rather than months."""


def add_labels(table: TableDraft) -> None:
    """Add target and labels to a draft, as far as its columns have them."""
    flags = [c for c in table.columns if c.kind == "flag" and c.timepoint == "outcome" and not _leaves_blank(table, c)]
    died = min((c for c in flags if _is_death(c) and not endpoint_of(c.source)), key=_has_horizon, default=None)
    if died is None or _has_horizon(died):
        ended = died or next((c for c in flags if endpoint_of(c.source)), None)
        table.target = {"column": ended.source, "positive": ended.settings["false"]} if ended else {}
        return
    event, none = died.settings["true"][0], died.settings["false"][0]
    if event.isdigit() and not died.checks and not died.notes and not _SAYS_DIED.search(in_words(died.source)):
        died.checks.append(f"does {event} mean died, and {none} alive? The column's name does not say")
    table.target = {"column": died.source, "positive": died.settings["false"]}
    table.labels = {"died": died.source}
    if not (_add_dates(table) or _add_times(table)):
        return
    endpoints = dict(_endpoints(table, flags))
    table.labels["horizons_days"] = _HORIZONS
    table.labels |= {"endpoints": endpoints} if endpoints else {}


def _leaves_blank(table: TableDraft, column: Draft) -> bool:
    """Whether a flag has one of its sides alone, and empty cells, which perhaps mean the other."""
    facts = table.facts[column.source]
    sides = [any(value in facts.values for value in column.settings[side]) for side in ("true", "false")]
    return not all(sides) and facts.filled < facts.rows


def take_the_last_of_labels(table: TableDraft) -> None:
    """Take of a case's several rows the last known outcome, not that of the row its features are of."""
    named = [*table.labels.values(), *(part for e in table.labels.get("endpoints", {}).values() for part in e.values())]
    made_of = [c.source for c in table.columns if c.source in {name for name in named if isinstance(name, str)}]
    if table.several_rows and made_of:
        table.several_rows["columns"] = dict.fromkeys(made_of, "last")


def endpoint_of(header: str) -> str:
    """Return the endpoint that a column's name speaks of; empty for death, or for none."""
    words = in_words(header)
    return next((name for name, pattern in _ENDPOINTS.items() if re.search(pattern, words)), "")


def _is_death(column: Draft) -> bool:
    dead, living = (uncoded(column.settings[side][0]) for side in ("true", "false"))
    says_so = begins_with(DEAD, dead) and begins_with(LIVING, living)
    return says_so or bool(_DEATH.search(in_words(column.source)))


def _has_horizon(column: Draft) -> bool:
    """Whether a name says that only so long is looked at (`OS_5y_event`); what codes stand for (`1=y`) does not."""
    return bool(_HORIZON.search(in_words(_CODE.sub("", column.source))))


def _add_dates(table: TableDraft) -> bool:
    death = table.first(_late("date", _DATE_OF_DEATH))
    alive = table.first(
        _late("date", r"alive|last|follow|letzt|dernier|ultim|senaste|sidste|siste|laatst|contact|seen")
    )
    dated = [s for s in ("surgery", "baseline") if isinstance(table.event_times.get(s), dict)]
    if alive and not death and dated and _is_of_all(table, alive):
        death = alive
        alive.checks.append("is it the date of death of those who died? Days are counted to it for all")
    if not (death and alive and dated):
        return False
    table.labels |= {"origin": dated[0], "death": death.source, "last_alive": alive.source}
    recurred = table.first(lambda c: c.kind == "flag" and bool(re.search("recur|relaps", in_words(c.source))))
    recurred_at = table.first(_late("date", r"recur|relaps"))
    if recurred and recurred_at:
        table.labels |= {"recurrence": recurred.source, "recurrence_date": recurred_at.source}
    return True


_DATE_OF_DEATH = (
    r"death|died|deceas|dth|todes|sterbe|verstorben|deces|muerte|exitus|fallec|\bdod\b|doe?ds|expir|overl|zgon|umrti|"
    r"kuolin|obito|morte"
)


def _is_of_all(table: TableDraft, end: Draft) -> bool:
    """Whether a time or date is known of more cases than live, and than died: not of the ones or the others alone."""
    died = next(c for c in table.columns if c.source == table.labels["died"])
    counts = table.facts[died.source].values
    dead, living = (sum(counts[value] for value in died.settings[side]) for side in ("true", "false"))
    # Survival is nothing that the living alone have, though more than have died may be lost.
    others = 0 if _OVERALL.search(in_words(end.source)) else living
    return table.facts[end.source].filled > max(dead, others) or not (dead and living)


def _add_times(table: TableDraft) -> bool:
    """Add times to death and last contact: one column, or GDC's two."""
    death = table.first(_late("number", r"\bto (death|tod|expir\w*)\b(?!.* or )|^(death|dod) ?(days|months)( to)?$"))
    alive = table.first(_late("number", r"\bto last\b|last (follow|contact|known)"))
    if death and alive:
        chosen = {"death": death, "last_alive": alive}
    else:
        times = [c for c in table.columns if c.timepoint == "outcome" and _is_time(c) and not endpoint_of(c.source)]
        times = [c for c in times if _is_of_all(table, c)]
        times.sort(key=_has_horizon)
        overall = [c for c in times if _OVERALL.search(in_words(c.source))] or times
        chosen = {"time": overall[0]} if overall else {}
        _ask_of_others(table, overall)
    for key, column in chosen.items():
        if not _with_unit(table, column):
            return False
        if column.settings["min"] < 0:
            column.checks.append("some times are negative, and their cases have no label: correct them")
        table.labels[key] = column.source
    return bool(chosen)


def _ask_of_others(table: TableDraft, times: list[Draft]) -> None:
    """Ask of what else says when a case died or was last seen, and may say something else."""
    dates = [c for c in table.columns if c.kind == "date" and c.timepoint == "outcome"]
    others = [repr(c.source) for c in (*times[1:], *dates)]
    if times and others:
        times[0].checks.append(f"{', '.join(others)} could tell the time as well: which one counts, and do they agree?")


_OVERALL = re.compile(r"\b(os|sg)\b|surviv|survtime|\btime\b|fu ?time|death|u(?:e)?berleben|survie|superviv")
_TIME = re.compile(
    r"\b(time|tempo|tiempo|temps|zeit|czas|fu|fu ?time|fup|follow ?up|suivi|surv|survtime|survival|overlevelse|survie|"
    r"\w*u(?:e)?berleben(szeit)?|supervivencia|aval|os|dss|dfs|pfs|pfi|dfi|rfs|efs|d?mfs|sg|slp|ssp|deathtime)\b"
)


def _is_time(column: Draft) -> bool:
    """Whether a column is a time to an end: in a unit of time, or called so."""
    if column.kind != "number" or column.settings.get("age"):
        return False
    words, unit = in_words(column.source), column.settings["unit"]
    is_time = unit in DAYS_PER_UNIT or (unit == "unknown" and bool(_TIME.search(words)))
    is_stay = _STAY.search(words) and not (_OVERALL.search(words) or _END.search(words))
    return is_time and not is_stay and not _NO_TIME.search(words)


_STAY = re.compile(r"\b(p?los|stay|icu|itu|hosp\w*|vent\w*|drain\w*|treat\w*|therap\w*|chemo\w*|rt|adjuvant)\b")
_END = re.compile(r"\b(last|follow|fu|contact|event|relapse|recurrence|progression)\b")
_NO_TIME = re.compile(r"\bto (death|tod)\b(?!.* or )|\b(predict|prob|risk|score)")
"""A time that only the dead have, and what a model says."""


def _with_unit(table: TableDraft, column: Draft) -> bool:
    """Give a time its unit; return whether all its rows can be in one."""
    if column.settings["unit"] != "unknown":
        return True
    said = _said_beside(table, column)
    if said is not None and len(table.units[said]) > 1:
        units = " and ".join(table.units[said])
        column.checks.append(f"{said!r} says {units}: write all times in one unit, then name it here and under labels:")
        return False
    by_size = "days" if column.settings["max"] > _IN_DAYS_ABOVE else "months"
    column.settings["unit"] = table.units[said][0] if said else by_size
    column.checks = [check for check in column.checks if check != "which unit?"]
    guess = f"that of the column {said!r}" if said else "a guess by the size of the numbers"
    column.checks.append(f"the unit is {guess}: days, weeks, months or years?")
    return True


def _said_beside(table: TableDraft, column: Draft) -> str | None:
    """Return the column that says a time's unit: `unit`, or `survival_unit` beside `survival_time`."""
    words = {*in_words(column.source).split()}
    return next((name for name in table.units if measured_by(name) <= words), None)


def _endpoints(table: TableDraft, flags: list[Draft]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in _ENDPOINTS:
        event = next((c for c in flags if endpoint_of(c.source) == name), None)
        time = table.first(lambda c: c.timepoint == "outcome" and endpoint_of(c.source) == name and _is_time(c))  # noqa: B023
        taken = name == "rfs" and "recurrence" in table.labels
        if event and time and not taken and _with_unit(table, time):
            yield name, {"event": event.source, "time": time.source}


def _late(kind: str, pattern: str) -> Callable[[Draft], bool]:
    found = re.compile(pattern)
    return lambda c: c.kind == kind and c.timepoint == "outcome" and bool(found.search(in_words(c.source)))
