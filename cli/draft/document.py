"""The draft as a file that a person goes through."""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from cli.draft.column import Draft
from cli.draft.guess import LATE
from cli.draft.left import CHECK
from cli.draft.table_draft import TableDraft
from cli.terminal import plural

_WIDTH = 118


def render(table: TableDraft, name: str) -> str:
    """Return the dataset's file."""
    return "\n".join([*_head(table, name), *_columns(table), *_rest(table)]) + "\n"


def _head(table: TableDraft, name: str) -> Iterator[str]:
    yield f"# Drafted from a table of {table.rows} rows. Every line with CHECK is a guess that a person must look at;"
    yield "# remove it when it is right. The feature groups follow from this file alone, never from a table."
    yield "schema: 1"
    yield f"name: {name}"
    yield 'description: ""'
    yield ""
    yield "clinical:"
    yield "  # Raise it when a level or a number changes its meaning; adding columns or levels needs no new version."
    yield "  group_version: 1"
    yield "  id:"
    yield f"    source: {_scalar(table.id_source)}"
    yield f"    {CHECK} every id must match all of it; make it as narrow as your ids are."
    yield from (f"    {CHECK} {check}." for check in table.id_checks)
    yield f"    pattern: {_scalar(table.id_pattern)}"
    yield '  # Cells that mean "not known" in every column, exactly as written. An empty cell always does.'
    yield f"  missing: {_flow(table.missing)}"
    yield f"  date_format: {_scalar(table.written.date_format)}"
    if table.written.two_digit_years_from:
        yield f"  {CHECK} the first of the hundred years that years of two digits stand for."
        yield f"  two_digit_years_from: {table.written.two_digit_years_from}"
    if table.written.shifted:
        yield f"  {CHECK} dates lie in the future: was the calendar shifted, or are they wrong?"
        yield "  shifted_calendar: true"
    yield ""
    yield "  # When the facts of a timepoint were true: the event time of its features."
    yield f"  {CHECK} upload means that nothing in the table says it, and the time of the upload is taken."
    yield "  timepoints:"
    for timepoint, event_time in table.event_times.items():
        yield f"    {timepoint}:"
        yield f"      event_time: {_flow(event_time)}"


def _columns(table: TableDraft) -> Iterator[str]:
    yield ""
    if table.several_rows:
        of = plural(table.repeated, "case is", "cases are")
        yield f"  {CHECK} {of} in several rows: is it one person, and which row counts? See several_rows in"
        yield "  # docs/datasets.md; keep_when under rows: leaves rows out. Labels are of the last row that knows them."
        yield from _section("several_rows", table.several_rows)
        yield ""
    yield "  # available_at decides what may be a feature: baseline or surgery. What becomes known later (the"
    yield "  # last two timepoints) tells the future; feature: false keeps it out."
    yield f"  {CHECK} available_at of every column: it was guessed from the column's name."
    yield "  columns:"
    for column in table.columns:
        yield from _column(column)


def _column(column: Draft) -> Iterator[str]:
    if column.notes:
        yield from _comment(f"# {'; '.join(column.notes)}.")
    for check in column.checks:
        yield from _comment(f"{CHECK} {check}")
    if column.timepoint in LATE and "feature" in column.settings:
        yield from _comment("# Known too late to be a feature.")
    yield f"    - source: {_scalar(column.source)}"
    yield f"      kind: {column.kind}"
    yield f"      available_at: {column.timepoint}"
    for key, value in column.settings.items():
        if isinstance(value, dict):
            yield f"      {key}:"
            yield from (f"        {_scalar(level)}: {_flow(meaning)}" for level, meaning in value.items())
        else:
            yield f"      {_scalar(key)}: {_flow(value)}"


def _rest(table: TableDraft) -> Iterator[str]:
    yield ""
    if table.target:
        yield f"  {CHECK} what models will predict, and its good end; leakage and bias are measured against it."
        yield from _section("target", table.target)
    if table.labels:
        yield f"  {CHECK} labels have a group of their own; days count from the timepoint named origin."
        yield from [] if len(table.labels) > 1 else [_NO_TIME]
        yield from _section("labels", table.labels)
    elif table.target:
        yield f"  {CHECK} no column was found that says who died, so there are no labels: name it, and the time to it."
    else:
        yield f"  {CHECK} no outcome found, so nothing is checked for leakage: which column says who died or relapsed?"
        yield "  # Name it under target: and labels:, or say that the table has none. See nsclc_radiogenomics.yaml."
    yield "  # Also possible: bias: (groups to compare), checks: (flags that exclude others), rows: (to leave out)."


_NO_TIME = (
    f"  {CHECK} when they died or were last seen was not found: name time, or death and last_alive.\n"
    "  # Without, who was lost early counts as alive."
)


def _section(name: str, content: dict[str, Any]) -> Iterator[str]:
    yield f"  {name}:"
    yield from (f"    {key}: {_flow(value)}" for key, value in content.items())


def _comment(text: str) -> Iterator[str]:
    # A header may hold a line break, which would end the comment.
    yield f"    {' '.join(text.split())}"


def _flow(value: object) -> str:
    """Return a value as YAML on one line."""
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(
                f"{_scalar(key, flow=True)}: {_flow(v) if isinstance(v, dict) else _scalar(str(v), flow=True)}"
                for key, v in value.items()
            )
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(_scalar(v, flow=True) if isinstance(v, str) else json.dumps(v) for v in value) + "]"
    return _scalar(value) if isinstance(value, str) else json.dumps(value)


def _scalar(text: str, *, flow: bool = False) -> str:
    """Return a text that YAML reads as exactly this text, in quotes where it must be."""
    inside = f"[{text}]" if flow else text
    try:
        read = yaml.safe_load(inside)
    except (yaml.YAMLError, ValueError):  # PyYAML raises the second for 0000-00-00
        read = None
    plain = read == ([text] if flow else text) and text.isprintable() and not text.startswith("-") and ": " not in text
    return text if plain else _quoted(text)


def _quoted(text: str) -> str:
    """Return a text in YAML's double quotes. JSON's differ: they spell large code points as two small ones."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'
