"""What data dictionaries say of a table's columns: cBioPortal's lines above the header, REDCap's data dictionary."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cli.draft.facts import Facts, codes_said_by, read_rows
from cli.errors import CommandError

_CBIOPORTAL_LINES = 3
"""Names, descriptions and types; a fourth line has priorities."""

_CBIOPORTAL_TYPES = frozenset({"STRING", "NUMBER", "BOOLEAN"})

_FIELD, _LABEL, _TYPE = "variable / field name", "field label", "field type"
_CHOICES, _VALIDATION, _IDENTIFIER = "choices, calculations, or slider labels", "text validation type", "identifier?"

_PRIVATE = frozenset({"email", "phone", "zipcode", "ssn", "mrn", "notes", "file", "signature"})
"""REDCap's types and validations of what identifies a person, or is free text."""

_YES_NO = {"yesno": {"1": "Yes", "0": "No"}, "truefalse": {"1": "True", "0": "False"}}


@dataclass(frozen=True)
class Description:
    """What a dictionary says of a column.

    Parameters
    ----------
    label : str
        What it is called.
    is_text : bool
        Whether its values are codes or words even where they look like numbers.
    choices : mapping
        Code → label.
    identifies : bool
        Whether it identifies a person, or is free text.
    """

    label: str = ""
    is_text: bool = False
    choices: Mapping[str, str] = field(default_factory=dict)
    identifies: bool = False


Dictionary = Mapping[str, Description]
"""Column, by its name and by its label, which is its name in a labelled export → what is said of it."""


def of_comments(header: Sequence[str], comments: Sequence[str], delimiter: str) -> Dictionary:
    """Return what cBioPortal's lines above a header say; nothing when they are other comments."""
    lines = [_cells(line, delimiter) for line in comments]
    if len(lines) < _CBIOPORTAL_LINES or not {*lines[2]} <= _CBIOPORTAL_TYPES:
        return {}
    return {
        source: Description(name, kind == "STRING")
        for source, name, kind in zip(header, lines[0], lines[2], strict=False)
    }


def _cells(line: str, delimiter: str) -> list[str]:
    cells = next(csv.reader([line.lstrip("#")], delimiter=delimiter), [])
    return [cell.strip() for cell in cells]


def read_dictionary(path: Path) -> Dictionary:
    """Read a REDCap data dictionary.

    Raises
    ------
    CommandError
        When the file is none.
    """
    table = read_rows(path)
    names = [re.sub(r" or show slider number$", "", name.lower()) for name in table.header]
    if not {_FIELD, _LABEL, _TYPE} <= {*names}:
        raise CommandError(
            f"{path.name} is no REDCap data dictionary.",
            hint="It has the columns Variable / Field Name, Field Type and Field Label; export it from REDCap as CSV.",
        )
    rows = (dict(zip(names, (cell.strip() for cell in row), strict=False)) for row in table.rows)
    return dict(_described(row for row in rows if row.get(_FIELD)))


def _described(rows: Iterable[Mapping[str, str]]) -> Iterable[tuple[str, Description]]:
    for row in rows:
        kind, label = row[_TYPE].lower(), re.sub(r"<[^>]*>", "", row[_LABEL])
        choices = _YES_NO.get(kind) or _choices(row.get(_CHOICES, "")) if kind not in ("calc", "slider") else {}
        private = row.get(_IDENTIFIER, "").lower() in ("y", "yes") or bool({kind, row.get(_VALIDATION, "")} & _PRIVATE)
        if kind == "checkbox":
            for code, choice in choices.items():
                said = Description(f"{label}: {choice}", identifies=private)
                # REDCap's own spelling of names: -9 is ____9.
                yield f"{row[_FIELD]}___{code.lower().replace('-', '_')}", said
                yield f"{label} (choice={choice})", said
        else:
            said = Description(label, bool(choices), choices, private)
            yield from ((name, said) for name in (row[_FIELD], label) if name)


def _choices(text: str) -> dict[str, str]:
    """Return code → label of `1, Male | 2, Female`."""
    pairs = (part.partition(",") for part in text.split("|"))
    return {code.strip(): label.strip() for code, comma, label in pairs if comma and code.strip()}


def describe(facts: Iterable[Facts], dictionary: Dictionary) -> int:
    """Note in the facts what a dictionary says of their columns; return of how many it says anything."""
    described = [(fact, dictionary[fact.source]) for fact in facts if fact.source in dictionary]
    for fact, said in described:
        fact.label = said.label if said.label != fact.source else ""
        fact.is_text, fact.identifies = said.is_text, said.identifies
        fact.choices = dict(said.choices) or fact.choices or codes_said_by(said.label)
    return len(described)
