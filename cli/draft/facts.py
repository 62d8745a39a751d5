"""Read the table that a draft is made from, and count what its columns hold."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from cli.draft.words import (
    NOT_ASSESSED,
    NOT_KNOWN,
    NOT_KNOWN_HERE,
    NOTHING,
    PAIRS,
    STAIN,
    SUMMARIES,
    TNM,
    TNM_NAME,
    UNIT_CELL,
    UNKNOWN,
)
from cli.errors import CommandError, UsageError
from cli.sources.tables import read_tables
from multimodal.clinical.headers import without_accents
from multimodal.clinical.numerals import LARGEST, Numeral
from multimodal.ledger.errors import BadInputError
from multimodal.tables.rows import TableRows

_CHUNK = 1 << 20
_MAX_COLUMNS = 10_000
_ROWS, _CHARACTERS = 1_000, 1_000_000


class Table(NamedTuple):
    """A table: its header, the lines with `#` above it, its delimiter, and its rows."""

    header: list[str]
    comments: list[str]
    delimiter: str
    rows: Iterator[list[str]]


def read_rows(path: Path) -> Table:
    """Return a table as an upload of it would be read.

    Raises
    ------
    CommandError
        When there is no such file, or it is no table; the rows raise it as well.
    """
    if not path.is_file():
        raise UsageError(f"{path} is no file.", hint="multimodal dataset draft path/to/table.csv --name my_study")
    read_tables(path)  # refuses what an upload would not take for a table
    try:
        table = TableRows(_chunks(path), len, max_columns=_MAX_COLUMNS)
    except BadInputError as error:
        raise CommandError(f"{path.name}: {error.message}.") from error
    return Table(table.header, table.comments, table.delimiter, _rows(path, table))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _rows(path: Path, table: TableRows) -> Iterator[list[str]]:
    try:
        yield from chain.from_iterable(batch for _, batch in table.batches(_ROWS, _CHARACTERS))
    except BadInputError as error:
        raise CommandError(f"{path.name}: {error.message}.") from error


def plain(cell: str) -> str:
    """Return a cell in small letters without accents.

    Examples
    --------
    >>> plain("Décédé")
    'decede'
    """
    return without_accents(cell.lower())


def uncoded(cell: str) -> str:
    """Return a label without the code that is written beside it, in small letters without accents.

    Examples
    --------
    >>> [uncoded(cell) for cell in ("1:DECEASED", "LIVING:0", "alive (0)", "T1", "0.5", "1.0")]
    ['deceased', 'living', 'alive', 't1', '0.5', '1']
    """
    return _CODE.sub("", plain(cell)).strip()


_CODE = re.compile(r"^\d+\s*[:=.)-]\s*(?=[^\W\d])|(?<=[^\W\d])\s*[:=]\s*\d+$|\s*\(\d+\)$|(?<=^\d)\.0+$")


def codes_said_by(text: str) -> dict[str, str]:
    """Return code → label where a name says them.

    Examples
    --------
    >>> codes_said_by("Status (0=dead, 1=alive)"), codes_said_by("Sex: M (1), F (2)"), codes_said_by("ECOG 0-2")
    ({'0': 'dead', '1': 'alive'}, {'1': 'M', '2': 'F'}, {})
    """
    found = dict(_CODE_LABEL.findall(text))
    found = found or {code: label for written in _LABEL_CODE for label, code in written.findall(text)}
    return {code: label.strip() for code, label in found.items()} if len(found) > 1 else {}


_LABEL = r"[^\W\d][^\d,;|()\[\]=:]*"
_CODE_LABEL = re.compile(rf"(?<![\w.])(\d+) ?[=:] ?({_LABEL})")
_LABEL_CODE = (re.compile(rf"({_LABEL}) ?[=:] ?(\d+)(?![\w.])"), re.compile(r"([^\W\d][^\W\d]*) ?\((\d+)\)"))

MAX_ROWS = 100_000
"""Rows that are looked at; a draft is a guess, and more rows make it no better."""

MAX_VALUES = 2_000
"""Different values of a column that are remembered."""

MAX_LEVELS = 20
"""Different values of a category."""

ENOUGH = 0.95
"""Share of the different values that must be dates for a column to be one of dates."""


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
        Value → rows, of the first `MAX_VALUES` different ones and any 999; what means "not known" is not among them.
    not_known, not_known_here : Counter, set of str
        What was taken as "not known": spellings that mean it anywhere, with their rows; those that may be a finding.
    many : bool
        Whether there are more different values than were remembered.
    distinct : bool
        Whether no value occurs twice.
    content : int
        Equal for columns that are equal in every row.
    label, is_text, identifies, choices : str, bool, bool, dict
        What a data dictionary says of it (`cli.draft.dictionary.Description`).
    date_format, numeral : str or None, Numeral
        How its dates or numbers are written (`cli.draft.written`).
    percent : int
        Values with a percent sign.
    asked : str
        What its values leave open, so that nothing can be made of it.
    checks : list of str
        What a person must decide.
    """

    source: str
    place: int
    rows: int = 0
    filled: int = 0
    values: Counter[str] = field(default_factory=Counter)
    not_known: Counter[str] = field(default_factory=Counter)
    not_known_here: set[str] = field(default_factory=set)
    many: bool = False
    distinct: bool = True
    content: int = 0
    label: str = ""
    is_text: bool = False
    identifies: bool = False
    choices: dict[str, str] = field(default_factory=dict)
    date_format: str | None = None
    numeral: Numeral = field(default_factory=Numeral)
    open_numerals: list[Numeral] = field(default_factory=list)
    percent: int = 0
    asked: str = ""
    checks: list[str] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)

    def add(self, cell: str) -> None:
        """Count one cell."""
        cell = cell.strip()
        self.rows += 1
        self.content = hash((self.content, cell))
        lowered = plain(cell)
        if not cell or lowered in NOT_KNOWN or (not cell[0].isalnum() and NOTHING.fullmatch(lowered)):
            self.not_known.update([cell] if cell else [])
        elif lowered in NOT_KNOWN_HERE or (lowered[:1].isalpha() and UNKNOWN.fullmatch(lowered)):
            self.not_known_here.add(cell)
        else:
            self._count(cell)

    def _count(self, cell: str) -> None:
        self.filled += 1
        if self.distinct:
            self.distinct = hash(cell) not in self._seen
            self._seen.add(hash(cell))
            self._seen = self._seen if self.distinct else set()
        if cell in self.values or len(self.values) < MAX_VALUES or _SENTINEL.fullmatch(cell):
            self.values[cell] += 1
        else:
            self.many = True

    def set_aside_not_assessed(self) -> None:
        """In a column of TNM, NX is "not known", and X alone where the column's name has the letter."""
        names_letter = TNM_NAME.match(self.source) or _LETTER_LAST.search(self.source.lower())
        spelled = [(value, _with_letter(value) if names_letter else value) for value in self.values]
        not_assessed = [value for value, whole in spelled if NOT_ASSESSED.match(whole)]
        if len(not_assessed) == len(self.values) or not all(TNM.match(whole) for _, whole in spelled):
            return
        for value in not_assessed:
            self._set_aside(value)

    def keep_minus(self) -> None:
        """Beside `+` and other grades of a stain a minus is a finding."""
        if self.values and all(map(STAIN.fullmatch, self.values)) and any("+" in value for value in self.values):
            for minus in [cell for cell in self.not_known if len(cell) == 1 and cell in "-–—"]:
                self.values[minus] = self.not_known.pop(minus)
                self.filled += self.values[minus]

    def set_aside_sentinels(self, most_strays: int = 0) -> None:
        """Among numbers, as the column writes them, 999 or -9 that lies far off is "not known"; so is 9 among codes.

        Bounds such as <5 are numbers here; of other cells there may be `most_strays` different ones.
        """
        number_of = self.numeral.reader()
        numbers = {value: n for value in self.values if (n := number_of(value)) is not None and abs(n) <= LARGEST}
        bounds = [limit for value in self.no_numbers if (limit := limit_of(value, self.numeral)) is not None]
        if len(self.values) - len(numbers) - len(bounds) > most_strays:
            return
        spelled = {value: f"{number:.15g}" for value, number in numbers.items()}
        below = [text for text in spelled.values() if _BELOW.fullmatch(text)]
        usual_below = below if len(below) > 1 and not all(map(_DOUBLED.fullmatch, below)) else []
        sentinels = {text for text in spelled.values() if _SENTINEL.fullmatch(text)}.difference(usual_below)
        others = [*bounds, *(numbers[value] for value, text in spelled.items() if text not in sentinels)]
        if len(others) < _FEWEST:
            return
        rows = Counter[str]()
        for value, text in spelled.items():
            rows[text] += self.values[value]
        usual = max((n for text, n in rows.items() if text not in sentinels), default=0)
        found = {
            text
            for value, text in spelled.items()
            if text in sentinels
            and (rows[text] > 1 or _LONG.match(text))
            and _lies_far_off(numbers[value], others, list(rows), stands_out=rows[text] >= max(_MANY, _MORE * usual))
        }
        alike = {len(text) for text in found if len(text) > _FEWEST}
        for value, text in spelled.items():
            # 888 beside 999 is one of the same kind.
            if text in found or (text in sentinels and len(text) in alike and numbers[value] > max(others)):
                self._set_aside(value)

    def set_aside_letter(self) -> None:
        """`U` beside `M` and `F`, or `Y` and `N`, is "not known"."""
        said = {plain(value) for value in self.values}
        if "u" in said and any(said == {*pair, "u"} for pair in PAIRS):
            for value in [value for value in self.values if plain(value) == "u"]:
                self._set_aside(value)

    def _set_aside(self, value: str) -> None:
        self.filled -= self.values.pop(value)
        self.not_known_here.add(value)

    @property
    def numbers(self) -> list[float]:
        """The different values that are numbers."""
        found = map(self.numeral.reader(), self.values)
        return [number for number in found if number is not None and abs(number) <= LARGEST]

    @property
    def no_numbers(self) -> list[str]:
        """The different values that are none."""
        number_of = self.numeral.reader()
        found = ((value, number_of(value)) for value in self.values)
        return [value for value, number in found if number is None or abs(number) > LARGEST]


def strays_among(numbers: Collection[object]) -> int:
    """Return how many different cells that are none a column of numbers may have, such as texts and typing errors."""
    return min(3, len(numbers) // 10)


_BOUND = re.compile(r"(?:[<>≤≥]=?|=[<>]) ?(?P<after>.+)|(?P<before>.+?) ?\+")


def limit_of(value: str, numeral: Numeral) -> float | None:
    """Return what a value says that a number is less or more than, if it says no more."""
    found = _BOUND.fullmatch(value)
    limit = numeral.reader()((found["after"] or found["before"]).strip()) if found else None
    return None if limit is None or abs(limit) > LARGEST else limit


def read_facts(header: Sequence[str], rows: Iterable[Sequence[str]], numbered: int | None = None) -> list[Facts]:
    """Look at a table's rows, as far as an upload would take them.

    Left out are rows that do not have the header's length (blank cells beyond it do not count), blank ones, those of
    which one cell alone is filled, a first row of units, the header again, and rows of a mean or a total.

    Parameters
    ----------
    numbered : int, optional
        Place of a column, from 1, whose cells have a digit in every row of a case.
    """
    names = [name.strip() for name in header]
    facts = [Facts(name.strip(), place) for place, name in enumerate(header, start=1)]
    for number, row in enumerate(rows):
        if number == MAX_ROWS:
            break
        cells = list(row) if any(map(str.strip, row[len(facts) :])) else list(row[: len(facts)])
        is_other = [*map(str.strip, cells)] == names or _is_summary(cells)
        is_other = is_other or (number == 0 and _is_of_units(cells)) or (number < _HEADERS and _is_header(cells, names))
        is_other = is_other or bool(numbered and len(cells) >= numbered and not has_digit(cells[numbered - 1]))
        if len(cells) == len(facts) and _is_case(cells) and not is_other:
            for fact, cell in zip(facts, cells, strict=True):
                fact.add(cell)
    for fact in facts:
        fact.choices = codes_said_by(fact.source)
        fact.keep_minus()
        fact.set_aside_not_assessed()
        fact.set_aside_letter()
        fact.set_aside_sentinels()
    return facts


_LETTER_LAST = re.compile(r"[\W_][tnm]$")


def _with_letter(value: str) -> str:
    """Return a level of TNM whose letter its column's name has, as NCDB's `c1A` and `cX`."""
    return value if TNM.match(value) else re.sub(r"^[pcyra]*", lambda prefix: f"{prefix[0]}T", value)


_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_SENTINEL = re.compile(r"(?:-?([7-9])\1{1,7}(?:\.\1+)?|-?9+[6-8]|9[89]\d|-?9|-[1-9])(?:\.0+)?")
"""What programs without a "missing" write in its place, of several rows where it is short."""

_BELOW = re.compile(r"-[1-9]")
_LONG = re.compile(r"-?([7-9])\1{2}|9[89]\d")
_DOUBLED = re.compile(r"-([7-9])(\1+|)(?:\.0+)?")

_FAR, _FEWEST, _LAST_CODE = 3, 2, 4
"""A sentinel is so many times as large as the largest of so many other values, or of codes up to this one 9."""


_MANY, _MORE, _LONG_FROM, _DOUBLED_FROM = 3, 2, 777, 77
"""999 of so many rows, and so many times as many as of any other value, need only be the largest."""


def _lies_far_off(number: float, others: Sequence[float], all_values: Sequence[str], *, stands_out: bool) -> bool:
    if number < 0 and min(others) < 0:
        return number <= -_DOUBLED_FROM and number < _FAR * min(others)
    if number < 0:
        below = [value for value in all_values if value.startswith("-")]
        return len(below) == 1 or all(map(_DOUBLED.fullmatch, below))
    if number < 10:
        return max(others) <= _LAST_CODE and all(other.is_integer() for other in others)
    return number > max(others) * (1 if stands_out and number >= _LONG_FROM else _FAR)


def has_digit(cell: str) -> bool:
    """Whether a cell has a digit."""
    return any(map(str.isdigit, cell))


_FEW_COLUMNS = 3


def _is_case(cells: Sequence[str]) -> bool:
    filled = sum(bool(cell.strip()) for cell in cells)
    return filled > 1 or (filled == 1 and len(cells) < _FEW_COLUMNS)


def _is_of_units(cells: Sequence[str]) -> bool:
    """Whether most cells are units, none is a number, and the first one is empty or a unit as well."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    units = [cell for cell in filled if UNIT_CELL.match(cell)]
    first = next(iter(cells), "").strip()
    return 2 * len(units) > len(filled) and not any(map(_NUMBER.fullmatch, filled)) and (not first or first in units)


def _is_header(cells: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a row below the header names its columns again, or (in TCGA's tables) their elements of a dictionary."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    again = sum(bool(name) and cell.strip() == name for cell, name in zip(cells, names, strict=False))
    return again > 1 or (len(filled) > 1 and all(cell.startswith("CDE_ID:") for cell in filled))


_HEADERS = 2


def _is_summary(cells: Sequence[str]) -> bool:
    """Whether a row is called a mean or a total, which spreadsheets have below the cases."""
    called = plain(next(filter(None, map(str.strip, cells)), "")).rstrip(" :.")
    return called in SUMMARIES or re.fullmatch(r"n ?= ?\d+", called) is not None
