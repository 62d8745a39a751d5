"""A column as it will be written down, and the names of its features."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from multimodal.clinical.headers import without_accents
from multimodal.features.group import EVENT_TIME, RECORD_ID, RESERVED

_TAKEN = frozenset({RECORD_ID, EVENT_TIME, "event_time_source", "source_uri", "upload_id", "correlation_id"}) | RESERVED

MAX_NAME = 40
"""Leaves room for a level's name within Feature Store's 64 characters."""

_MAX_LEVEL = 20


def slug(text: str, longest: int = MAX_NAME) -> str:
    """Return a text as small letters, digits and single underscores; perhaps empty."""
    spelled = text.replace("%", " percent ").replace("+", " plus ").replace("<", " below ").replace(">", " above ")
    spelled = re.sub("[µμ]", "u", spelled)
    ascii_text = without_accents(spelled.casefold()).encode("ascii", "ignore").decode()
    whole = re.sub(r"[^a-z0-9]+", "_", ascii_text).strip("_")
    if len(whole) <= longest:
        return whole
    words = whole[: longest + 1].rpartition("_")[0]
    return words or whole[:longest]


_ONE_WORD = "levels that differ in capitals, blanks or hyphens are one feature; do they mean the same?"


def _word(label: str) -> str:
    """Return a label as it is told from others: without capitals, accents, hyphens and blanks that are too many."""
    letters = without_accents(label.casefold())
    return " ".join(re.sub(r"(?<=[^\W\d])-(?=[^\W\d])", " ", letters).replace("_", " ").split())


class Names:
    """Gives every feature a name of its own."""

    def __init__(self) -> None:
        self._given: set[str] = set(_TAKEN)

    def of_column(self, header: str, place: int) -> str:
        """Return a name for a column; `place` names it when its header has no letters."""
        spelled = re.sub(r"\((choice\s*=)?([^)]*)\)", r" \2 ", header)
        return self._free(slug(spelled), f"column_{place}")

    def of_level(self, column: str, level: str) -> str:
        """Return a name for a level of a column."""
        return self._free(f"{column}_{slug(level, _MAX_LEVEL)}", f"{column}_level")

    def of_levels(self, column: str, labels: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
        """Return a name for each value, and what to ask: values whose labels are one word have one name."""
        given: dict[str, str] = {}
        for label in labels.values():
            if (word := _word(label)) not in given:
                given[word] = self.of_level(column, label)
        return {value: given[_word(label)] for value, label in labels.items()}, (
            [_ONE_WORD] if len(given) < len(labels) else []
        )

    def _free(self, wish: str, otherwise: str) -> str:
        name = wish.strip("_") if re.match(r"^[a-z]", wish) else f"x_{wish}" if wish else otherwise
        name = name if len(name) > 1 else f"x_{name}"
        free, number = name, 1
        while free in self._given or f"{free}_missing" in self._given:
            number += 1
            free = f"{name}_{number}"
        self._given.add(free)
        return free


@dataclass
class Draft:
    """A column as it will be written down.

    Parameters
    ----------
    source, kind, timepoint : str
        As in the dataset's file.
    settings : dict
        What else the kind needs, in the file's order.
    notes : list of str
        What the table says of the column.
    checks : list of str
        What a person must decide.
    identifying : bool
        Whether it seems to hold what identifies a person.
    """

    source: str
    kind: str
    timepoint: str
    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    identifying: bool = False
