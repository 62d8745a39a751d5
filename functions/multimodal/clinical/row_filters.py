"""Rows that the configuration leaves out."""

import re
from collections.abc import Iterator

from multimodal.clinical.batch import Batch, Conditions
from multimodal.clinical.codes import RowCode
from multimodal.clinical.config import ClinicalConfig
from multimodal.tables.table import RowProblem


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
