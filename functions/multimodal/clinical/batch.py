"""Some thousand rows of a clinical table, turned into columns, with what was found wrong with each row."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from multimodal.clinical.cells import Fault, Memo
from multimodal.clinical.codes import RowCode
from multimodal.clinical.config import ClinicalConfig, Condition
from multimodal.clinical.identifiers import IdentifierGate
from multimodal.tables.table import RowProblem

Numbers = list[float | None]


@dataclass
class Batch:
    """Rows by columns; all sequences have one element per row.

    Parameters
    ----------
    rows : sequence of int
        Number of each row in the file.
    raw : mapping
        Source column → cells as they are written.
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
            gate.pass_by(column, times)
        if fault.kind is not None:
            gate.count(column, fault.kind, times)
        else:
            gate.look(column, cell, times)


class Conditions:
    """Answers, for each row of a batch, whether a condition holds; each distinct cell is compared once."""

    def __init__(self) -> None:
        self._memos: dict[tuple[str, ...], Memo[bool]] = {}

    def holds(self, condition: Condition, batch: Batch) -> list[bool] | None:
        """Return whether the condition holds for each row; None when it holds for none."""
        key = (condition.column, *condition.values)
        memo = self._memos.get(key)
        if memo is None:
            values = frozenset(condition.values)
            memo = self._memos[key] = Memo(lambda raw: (raw.strip() in values, None))
        memo.shrink()
        held = [bool(h) for h in map(memo.__getitem__, batch.raw[condition.column])]
        return held if True in held else None


class RowFilters:
    """Row filters of a configuration; the first one that fits a row counts."""

    def __init__(self, config: ClinicalConfig, conditions: Conditions) -> None:
        self._id, self._filters, self._conditions = config.id.source, config.rows, conditions
        self._patterns = [re.compile(f.drop_ids, re.ASCII) if f.drop_ids else None for f in config.rows]

    def apply(self, batch: Batch) -> None:
        """Note in the batch which rows are left out."""
        for number in range(len(self._filters)):
            for index in self._matching(batch, number):
                batch.dropped.setdefault(index, number)

    def _matching(self, batch: Batch, number: int) -> Iterator[int]:
        condition, pattern = self._filters[number].drop_when, self._patterns[number]
        if pattern is not None:
            match = pattern.match
            return (index for index, cell in enumerate(batch.raw[self._id]) if match(cell.strip()))
        held = self._conditions.holds(condition, batch) if condition else None
        return (index for index, holds in enumerate(held or ()) if holds)

    def problems(self, batch: Batch) -> list[RowProblem]:
        """Return what is wrong with the rows, in their order; of a row that is left out nothing else is told."""
        found = [(index, self._left_out(batch, index)) for index in batch.dropped]
        for index, problems in batch.rejected.items():
            if index not in batch.dropped:
                found.extend((index, problem) for problem in problems)
        taken = ((i, p) for i, p in batch.remarks if i not in batch.rejected and i not in batch.dropped)
        return [problem for _, problem in sorted([*found, *taken], key=lambda pair: pair[0])]

    def _left_out(self, batch: Batch, index: int) -> RowProblem:
        row_filter = self._filters[batch.dropped[index]]
        column = row_filter.drop_when.column if row_filter.drop_when else self._id
        message = f"left out by the dataset's file: {row_filter.reason}"
        case = batch.case_ids[index] or None
        return RowProblem(batch.rows[index], case, column, RowCode.DROPPED_BY_FILTER.value, message, "dropped")
