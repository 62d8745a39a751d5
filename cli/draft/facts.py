"""Read the table that a draft is made from, and count what its columns hold."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path

from cli.draft.words import DATE_FORMATS, NOT_ASSESSED, NOT_KNOWN, NOT_KNOWN_HERE, TNM
from cli.errors import CommandError, UsageError
from multimodal.ledger.errors import BadInputError
from multimodal.tables.rows import TableRows

_CHUNK = 1 << 20
_MAX_COLUMNS = 10_000
_ROWS, _CHARACTERS = 1_000, 1_000_000


def read_rows(path: Path) -> tuple[list[str], Iterator[list[str]]]:
    """Return a table's header and its rows.

    Raises
    ------
    CommandError
        When there is no such file, or it is no table; the rows raise it as well.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", hint="make dataset CSV=path/to/table.csv")
    try:
        table = TableRows(_chunks(path), len, max_columns=_MAX_COLUMNS)
    except BadInputError as error:
        raise CommandError(f"{path.name} cannot be read: {error.message}.") from error
    return table.header, _rows(path, table)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _rows(path: Path, table: TableRows) -> Iterator[list[str]]:
    try:
        yield from chain.from_iterable(batch for _, batch in table.batches(_ROWS, _CHARACTERS))
    except BadInputError as error:
        raise CommandError(f"{path.name} cannot be read: {error.message}.") from error


MAX_ROWS = 100_000
"""Rows that are looked at; a draft is a guess, and more rows make it no better."""

MAX_VALUES = 2_000
"""Different values of a column that are remembered."""

ENOUGH = 0.95
"""Share of the different values that must be dates for a column to be one of dates."""

_NUMBER = re.compile(r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")


@dataclass
class Facts:
    """Counts and values of one column.

    Parameters
    ----------
    source : str
        Name in the header, blanks around it removed.
    place : int
        Its place in the table, from 1.
    rows, filled : int
        Rows looked at, and those with a value.
    values : Counter
        Value → rows, of the first `MAX_VALUES` different ones; what means "not known" is not among them.
    not_known, not_known_here : set of str
        What was taken as "not known": spellings that mean it anywhere, and those that may be a finding.
    many : bool
        Whether there are more different values than were remembered.
    distinct : bool
        Whether no value occurs twice.
    content : int
        Equal for columns that are equal in every row.
    """

    source: str
    place: int
    rows: int = 0
    filled: int = 0
    values: Counter[str] = field(default_factory=Counter)
    not_known: set[str] = field(default_factory=set)
    not_known_here: set[str] = field(default_factory=set)
    many: bool = False
    distinct: bool = True
    content: int = 0
    _seen: set[int] = field(default_factory=set)

    def add(self, cell: str) -> None:
        """Count one cell."""
        cell = cell.strip()
        self.rows += 1
        self.content = hash((self.content, cell))
        lowered = cell.lower()
        if not cell or lowered in NOT_KNOWN:
            self.not_known |= {cell} if cell else set()
        elif lowered in NOT_KNOWN_HERE:
            self.not_known_here.add(cell)
        else:
            self._count(cell)

    def _count(self, cell: str) -> None:
        self.filled += 1
        if self.distinct:
            self.distinct = hash(cell) not in self._seen
            self._seen.add(hash(cell))
            self._seen = self._seen if self.distinct else set()
        if cell in self.values or len(self.values) < MAX_VALUES:
            self.values[cell] += 1
        else:
            self.many = True

    def set_aside_not_assessed(self) -> None:
        """In a column of TNM, NX is "not known"."""
        stages = [value for value in self.values if TNM.match(value)]
        if len(stages) < len(self.values) or all(map(NOT_ASSESSED.match, stages)):
            return
        for value in filter(NOT_ASSESSED.match, stages):
            self.filled -= self.values.pop(value)
            self.not_known_here.add(value)

    @property
    def numbers(self) -> list[float]:
        """The different values that are numbers."""
        return [float(value) for value in self.values if _NUMBER.match(value)]

    @property
    def no_numbers(self) -> list[str]:
        """The different values that are none."""
        return [value for value in self.values if not _NUMBER.match(value)]

    def dates_as(self, date_format: str) -> int:
        """Return how many of the different values are dates of a format."""
        return sum(_is_date(value, date_format) for value in self.values)

    @property
    def is_date(self) -> bool:
        """Whether (nearly) all values are dates of one format."""
        return bool(self.values) and max(map(self.dates_as, DATE_FORMATS)) >= ENOUGH * len(self.values)


def _is_date(value: str, date_format: str) -> bool:
    try:
        datetime.strptime(value, date_format)
    except ValueError:
        return False
    return True


def read_facts(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[Facts]:
    """Look at a table's rows; empty ones and those that do not have the header's length are left out."""
    facts = [Facts(name.strip(), place) for place, name in enumerate(header, start=1)]
    for number, row in enumerate(rows):
        if number == MAX_ROWS:
            break
        if len(row) == len(facts) and any(cell.strip() for cell in row):
            for fact, cell in zip(facts, row, strict=True):
                fact.add(cell)
    for fact in facts:
        fact.set_aside_not_assessed()
    return facts


def date_format_of(facts: Iterable[Facts]) -> tuple[str, bool]:
    """Return the format that most dates of the table have, and whether another one fits as well."""
    dated = [fact for fact in facts if fact.is_date]
    fitting = {f: sum(fact.dates_as(f) for fact in dated) for f in DATE_FORMATS}
    best = max(DATE_FORMATS, key=lambda f: fitting[f])
    return best, sum(count == fitting[best] > 0 for count in fitting.values()) > 1
