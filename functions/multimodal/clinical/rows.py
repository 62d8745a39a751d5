"""Match the header, turn rows into batches of columns, and apply the row filters."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import filterfalse
from operator import call

from multimodal.clinical.cells import MAX_KEPT, Fault, RowCode, is_formula
from multimodal.clinical.column_config import Condition
from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.phi import IdentifierGate, is_harmless, kind_of
from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.text import MOST_LISTED, listed, short_name
from multimodal.tables.table import RowProblem

MAX_COLUMNS = 2_000
_LISTED = 100
"""Characters of a list in a message: two of them, and what to do, fit into the ledger's 500."""


def known_names(config: ClinicalConfig) -> dict[str, str]:
    """Return every name that a column may have in a header, with the name that the configuration gives it."""
    described = (config.id, *config.columns)
    return {name: column.source for column in described for name in (column.source, *column.aliases)}


def match_header(header: Sequence[str], names: Mapping[str, str], config: ClinicalConfig) -> dict[str, int]:
    """Return the position of every configured column (`known_names`); their order in the file does not matter.

    A column of which nothing is made (`kind: drop`) may be absent: whoever removes it from a table does what a draft
    advises (docs/decisions.md#clinical-20). One that a condition looks at may not.

    Raises
    ------
    BadInputError
        `HEADER_NOT_RECOGNISED`, `COLUMNS_NOT_DECLARED`, `COLUMNS_DUPLICATED` or `COLUMNS_MISSING`. The message
        names columns, and none that looks like personal data.
    """
    if not any(name in names for name in header):
        raise BadInputError(Reason.HEADER_NOT_RECOGNISED, _NOT_RECOGNISED)
    found: dict[str, int] = {}
    twice = [name for name, times in Counter(header).items() if times > 1 and name]
    for position, name in enumerate(header):
        source = names.get(name)
        if source in found:
            twice.append(name)
        elif source is not None:
            found[source] = position
    needed = config.without_unused(found)
    missing = [column.source for column in (needed.id, *needed.columns) if column.source not in found]
    _refuse(_undeclared(header, names), twice, missing)
    return found


_NOT_RECOGNISED = (
    "the first row has none of the columns that the dataset's file describes: the table must be of this dataset and "
    "begin with its header, with commas, semicolons or tabs between the columns"
)


def _undeclared(header: Sequence[str], names: Mapping[str, str]) -> list[str]:
    return [_printable(position, name) for position, name in enumerate(header, 1) if name not in names]


def _printable(position: int, name: str) -> str:
    if not name:
        return f"column {position} (without a name)"
    if kind_of(name) is not None:
        return f"column {position} (its name looks like personal data)"
    return short_name(name)


def _refuse(undeclared: Sequence[str], twice: Sequence[str], missing: Sequence[str]) -> None:
    lacking = f"; and these are missing: {_listed(map(short_name, missing))}" if missing else ""
    if undeclared:
        message = (
            f"columns that the dataset's file does not describe: {_listed(undeclared)}{lacking}. They might name a "
            "person, so nothing was taken. Describe them (kind: drop, with a reason, if nothing is made of them), list "
            "new names under aliases, or remove them from the table"
        )
        raise BadInputError(Reason.COLUMNS_NOT_DECLARED, message, {"columns": list(undeclared[:MOST_LISTED])})
    if twice:
        message = f"columns that are there more than once: {_listed(map(short_name, dict.fromkeys(twice)))}; keep one"
        raise BadInputError(Reason.COLUMNS_DUPLICATED, message)
    if missing:
        message = (
            f"columns that are missing: {_listed(map(short_name, missing))}; export the table with all its columns"
        )
        raise BadInputError(Reason.COLUMNS_MISSING, message, {"columns": list(missing[:MOST_LISTED])})


def _listed(names: Iterable[str]) -> str:
    return listed([*names], _LISTED)


Numbers = list[float | None]

MAX_SHARED = 256
"""Characters of the longest cell that is kept from one row to the next."""


@dataclass
class Batch:
    """Rows by columns; all sequences have one element per row.

    Parameters
    ----------
    rows : sequence of int
        Number of each row in the file.
    raw : mapping
        Source column → cells as they are written, without blanks around them.
    case_ids : sequence of str
        Ids without surrounding blanks; empty where there is none that may be shown.

    Attributes
    ----------
    cells : dict
        Source column → cells without blanks; None is missing.
    values : dict
        Source column → what the cells say in numbers: numbers, days, levels of ordinal columns, flags.
    rejected : dict
        Index → problems that cost the row.
    dropped : dict
        Index → index of the row filter that leaves it out.
    unlabelled : set of int
        Indices of rows whose label is held back already.
    remarks : list
        Index and problem, of those that cost less than the row.
    held : dict
        What `holds` found: several columns may ask for one condition.
    """

    rows: Sequence[int]
    raw: Mapping[str, Sequence[str]]
    case_ids: Sequence[str]
    cells: dict[str, list[str | None]] = field(default_factory=dict)
    values: dict[str, Numbers] = field(default_factory=dict)
    rejected: dict[int, list[RowProblem]] = field(default_factory=dict)
    dropped: dict[int, int] = field(default_factory=dict)
    unlabelled: set[int] = field(default_factory=set)
    remarks: list[tuple[int, RowProblem]] = field(default_factory=list)
    held: dict[tuple[str, ...], list[bool] | None] = field(default_factory=dict)

    def note(self, index: int, column: str, fault: Fault) -> None:
        """Note what is wrong with a row."""
        if fault.code is None:
            return
        case = self.case_ids[index] or None
        problem = RowProblem(self.rows[index], case, column, fault.code.value, fault.message, fault.scope)
        if fault.scope == "row":
            self.rejected.setdefault(index, []).append(problem)
            return
        if fault.scope == "label":
            self.unlabelled.add(index)
        self.remarks.append((index, problem))

    def note_faults(
        self,
        column: str,
        cells: Sequence[str | None],
        faults: Mapping[str | None, Fault],
        ignored: Sequence[bool] | None,
    ) -> None:
        """Note the cells of a column that have a fault, but for the rows that are ignored."""
        if not faults or faults.keys().isdisjoint(cells):
            return
        for index, cell in enumerate(cells):
            fault = faults.get(cell)
            if fault is not None and not (ignored and ignored[index]):
                self.note(index, column, fault)

    @property
    def kept(self) -> list[bool] | None:
        """Whether each row is taken (neither rejected nor left out); None when all are."""
        rejected, dropped = self.rejected, self.dropped
        if not rejected and not dropped:
            return None
        return [index not in rejected and index not in dropped for index in range(len(self.rows))]


def count_suspicious(
    gate: IdentifierGate, column: str, cells: Sequence[str | None], faults: Mapping[str | None, Fault]
) -> None:
    """Tell the gate of a column's cells that the configuration does not explain."""
    if not faults or faults.keys().isdisjoint(cells):
        return
    for cell, times in Counter(cells).items():
        fault = faults.get(cell)
        if fault is None or cell is None:
            continue
        if fault.code is not None:
            gate.count_scanned(column, times)
        if fault.kind is not None:
            gate.count(column, fault.kind, times)
        else:
            gate.scan(column, cell, times)


def holds(condition: Condition, batch: Batch) -> list[bool] | None:
    """Return whether a condition holds for each row; None when it holds for none."""
    key = (condition.column, *condition.values)
    if key not in batch.held:
        held = list(map(frozenset(condition.values).__contains__, batch.raw[condition.column]))
        batch.held[key] = held if True in held else None
    return batch.held[key]


class _Cells(dict[str, str]):
    """Cells of a column without blanks around them; what is met again is the same text, hashed once."""

    def __missing__(self, cell: str) -> str:
        text = cell.strip()
        if len(cell) <= MAX_SHARED:
            self[cell] = text
        return text


_NO_IDS = ("Doe, Jane", "Jane Doe", "DOE^JANE", "Doe", "jane.doe@example.org", "123-45-6789", "555-123-4567")
"""Ids that no pattern should accept; where one does, all its ids are scanned."""

_FIRST_IDS = 100
"""So many ids are scanned of any pattern: it may be one of addresses."""


class RowsByColumn:
    """Turns rows into columns; rows of another length and empty ones do not get that far.

    Parameters
    ----------
    positions : mapping
        Source column → its position in the file.
    gate : IdentifierGate
        Looks at ids that are not of the right form.
    """

    def __init__(self, config: ClinicalConfig, positions: Mapping[str, int], gate: IdentifierGate) -> None:
        self._id, self._positions, self._gate = config.id, positions, gate
        self._pattern = re.compile(config.id.pattern, re.ASCII)
        self._takes_names = any(map(self._pattern.fullmatch, _NO_IDS))
        self._unscanned = _FIRST_IDS
        self.sources = sorted(positions, key=lambda source: positions[source])
        """Columns in the order of the file."""
        declared = {column.source for column in config.columns if column.values is not None}
        # Of columns without levels, and of ids, few cells are alike: none is kept (None).
        self._cells = [_Cells() if source in declared else None for source in self.sources]
        self._strip = [str.strip if cells is None else cells.__getitem__ for cells in self._cells]

    def stripped(self, row: list[str]) -> list[str]:
        """Return a row as `batch` takes it, without blanks around its cells; one of another length as it is.

        Equal cells of a column become one text while the row is in the processor's cache: a batch then has few, which
        stay there (docs/decisions.md#clinical-21).
        """
        return list(map(call, self._strip, row)) if len(row) == len(self._strip) else row

    def _share(self) -> None:
        """Share the cells of all columns but the ids from the second batch on, and forget those that are many."""
        for place, (source, cells) in enumerate(zip(self.sources, self._cells, strict=True)):
            if source != self._id.source if cells is None else len(cells) > MAX_KEPT:
                self._cells[place] = shared = _Cells()
                self._strip[place] = shared.__getitem__

    def batch(self, numbers: Sequence[int], rows: Sequence[Sequence[str]]) -> tuple[Batch, list[RowProblem]]:
        """Return the rows that have a cell for each column of the header, and what is wrong with the others."""
        width, wrong = len(self._positions), list[RowProblem]()
        self._share()
        if set(map(len, rows)) != {width} or not all(map(any, rows)):
            trimmed = (_without_padding(row, width) for row in rows)
            pairs = [(n, row) for n, row in zip(numbers, trimmed, strict=True) if any(row)]
            wrong = [_wrong_field_count(n, len(row), width) for n, row in pairs if len(row) != width]
            whole = [(n, self.stripped(list(row))) for n, row in pairs if len(row) == width]
            numbers, rows = [n for n, _ in whole], [row for _, row in whole]
        columns: Sequence[Sequence[str]] = list(zip(*rows, strict=True)) if rows else [()] * width
        raw = {source: columns[position] for source, position in self._positions.items()}
        return self._identified(numbers, raw), wrong

    def _identified(self, numbers: Sequence[int], raw: Mapping[str, Sequence[str]]) -> Batch:
        source = self._id.source
        ids = raw[source]
        if "" in ids and (blank := {i for i, case in enumerate(ids) if not case and _is_blank(raw, i)}):
            kept = [i for i in range(len(ids)) if i not in blank]
            raw = {name: [cells[i] for i in kept] for name, cells in raw.items()}
            return self._identified([numbers[i] for i in kept], raw)
        fits = list(map(self._pattern.fullmatch, ids))
        if self._takes_names or self._unscanned:
            fitting = [case for case, fit in zip(ids, fits, strict=True) if fit]
            self._scan_ids(fitting if self._takes_names else fitting[: self._unscanned])
            self._unscanned = max(0, self._unscanned - len(fitting))
        if None not in fits:
            return Batch(numbers, raw, ids)
        batch = Batch(numbers, raw, [case if fit else "" for case, fit in zip(ids, fits, strict=True)])
        for index, (case, fit) in enumerate(zip(ids, fits, strict=True)):
            if fit is None:
                batch.note(index, source, self._wrong(case))
        return batch

    def _scan_ids(self, ids: Sequence[str]) -> None:
        """Look at ids whose pattern says so little that a name would fit it."""
        self._gate.count_scanned(self._id.source, len(ids))
        for case in filterfalse(is_harmless, ids):
            kind = kind_of(case)
            if kind is not None and not case.isdigit():
                self._gate.count(self._id.source, kind, 1)
            elif kind is None:
                self._gate.scan(self._id.source, case, 1)

    def _wrong(self, case: str) -> Fault:
        if not case:
            return Fault(RowCode.ID_MISSING, "the row has no id; complete it")
        if is_formula(case):
            return Fault(RowCode.FORMULA_CELL, "the id is a formula; paste its value in its place and export again")
        kind = kind_of(case)
        self._gate.count_scanned(self._id.source, 1)
        if kind is None:
            self._gate.scan(self._id.source, case, 1)
        else:
            self._gate.count(self._id.source, kind, 1)
        message = f"the id is not of the form {self._id.pattern}; correct it, or the pattern in the dataset's file"
        return Fault(RowCode.ID_INVALID, message)


def _is_blank(raw: Mapping[str, Sequence[str]], index: int) -> bool:
    return not any(cells[index] for cells in raw.values())


def note_rows_without_values(batch: Batch, id_source: str) -> None:
    """Reject rows of which only the id is filled in: a footnote is no case."""
    alone: set[int] | None = None
    for source, cells in batch.cells.items():
        if None not in cells:
            return
        raw = batch.raw[source]
        candidates = range(len(cells)) if alone is None else alone
        alone = {index for index in candidates if cells[index] is None and not raw[index]}
        if not alone:
            return
    for index in sorted(alone or ()):
        if len(batch.cells) > 1 and batch.case_ids[index]:
            batch.note(index, id_source, _WITHOUT_VALUES)


_WITHOUT_VALUES = Fault(
    RowCode.ROW_WITHOUT_VALUES, "the row has an id and nothing else: a footnote or an empty case; complete or remove it"
)


def _without_padding(row: Sequence[str], width: int) -> Sequence[str]:
    """Return a row without blank cells beyond the header, and without any cell when all are blank."""
    if not any(map(str.strip, row)):
        return ()
    return row if any(map(str.strip, row[width:])) else row[:width]


def _wrong_field_count(number: int, found: int, width: int) -> RowProblem:
    message = (
        f"the row has {found} cells and the header {width}: a delimiter stands in a cell without quotes, or a line "
        "break is missing or too many; fix it"
    )
    return RowProblem(number, None, "", RowCode.ROW_LENGTH.value, message)


class RowFilters:
    """Row filters of a configuration; the first one that fits a row counts."""

    def __init__(self, config: ClinicalConfig) -> None:
        self._id, self._filters = config.id.source, config.rows
        self._patterns = [re.compile(f.drop_ids, re.ASCII) if f.drop_ids else None for f in config.rows]

    def apply(self, batch: Batch) -> None:
        """Note in the batch which rows are filtered out."""
        for number in range(len(self._filters)):
            for index in self._matching(batch, number):
                batch.dropped.setdefault(index, number)

    def _matching(self, batch: Batch, number: int) -> Iterator[int]:
        row_filter, pattern = self._filters[number], self._patterns[number]
        if pattern is not None:
            match = pattern.match
            return (index for index, cell in enumerate(batch.raw[self._id]) if match(cell))
        held = holds(row_filter.condition, batch) if row_filter.condition else None
        if row_filter.keep_when:
            return (index for index in range(len(batch.rows)) if not (held and held[index]))
        return (index for index, fits in enumerate(held or ()) if fits)

    def filtered(self, batch: Batch) -> list[RowProblem]:
        """Return a problem for each row that is filtered out, in their order."""
        return [self._left_out(batch, index) for index in sorted(batch.dropped)]

    def problems(self, batch: Batch) -> list[RowProblem]:
        """Return what is wrong with the rows, in their order; of a row that is filtered out nothing else is listed."""
        found = [(index, self._left_out(batch, index)) for index in batch.dropped]
        for index, problems in batch.rejected.items():
            if index not in batch.dropped:
                found.extend((index, problem) for problem in problems)
        taken = ((i, p) for i, p in batch.remarks if i not in batch.rejected and i not in batch.dropped)
        return [problem for _, problem in sorted([*found, *taken], key=lambda pair: pair[0])]

    def _left_out(self, batch: Batch, index: int) -> RowProblem:
        row_filter = self._filters[batch.dropped[index]]
        column = row_filter.condition.column if row_filter.condition else self._id
        message = f"filtered out by the dataset file: {row_filter.reason}"
        case = batch.case_ids[index] or None
        return RowProblem(batch.rows[index], case, column, RowCode.DROPPED_BY_FILTER.value, message, "dropped")
