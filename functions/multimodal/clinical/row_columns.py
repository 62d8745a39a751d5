"""Rows of a clinical table turned into columns, and each row's case."""

import re
from collections.abc import Iterable, Mapping, Sequence

from multimodal.clinical.batch import Batch
from multimodal.clinical.cells import Fault, is_formula
from multimodal.clinical.codes import RowCode
from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.identifiers import IdentifierGate, kind_of
from multimodal.tables.table import RowProblem

_NO_IDS = ("Doe, Jane", "Jane Doe", "DOE^JANE", "Doe", "jane.doe@example.org", "123-45-6789", "555-123-4567")
"""What no pattern of an id should take; one that does explains nothing, and its ids are looked at."""


class RowsByColumn:
    """Turns rows into columns; rows of another length and empty ones do not get that far.

    Parameters
    ----------
    config : ClinicalConfig
    positions : mapping
        Source column → its position in the file.
    gate : IdentifierGate
        Looks at ids that are not of the right form.
    """

    def __init__(self, config: ClinicalConfig, positions: Mapping[str, int], gate: IdentifierGate) -> None:
        self._id, self._positions, self._gate = config.id, positions, gate
        self._pattern = re.compile(config.id.pattern, re.ASCII)
        self._takes_names = any(map(self._pattern.fullmatch, _NO_IDS))

    def batch(self, first: int, rows: Sequence[Sequence[str]]) -> tuple[Batch, list[RowProblem]]:
        """Return the rows that have a cell for each column of the header, and what is wrong with the others."""
        width, torn = len(self._positions), list[RowProblem]()
        numbers: Sequence[int] = range(first, first + len(rows))
        if set(map(len, rows)) != {width} or not all(map(any, rows)):
            pairs = [(n, row) for n, row in zip(numbers, rows, strict=True) if any(row)]
            torn = [_torn(n, len(row), width) for n, row in pairs if len(row) != width]
            whole = [(n, row) for n, row in pairs if len(row) == width]
            numbers, rows = [n for n, _ in whole], [row for _, row in whole]
        columns: Sequence[Sequence[str]] = list(zip(*rows, strict=True)) if rows else [()] * width
        raw = {source: columns[position] for source, position in self._positions.items()}
        return self._identified(numbers, raw), torn

    def _identified(self, numbers: Sequence[int], raw: Mapping[str, Sequence[str]]) -> Batch:
        source = self._id.source
        ids = [cell.strip() for cell in raw[source]]
        fits = list(map(self._pattern.fullmatch, ids))
        if self._takes_names:
            self._look_at(case for case, fit in zip(ids, fits, strict=True) if fit)
        if None not in fits:
            return Batch(numbers, raw, ids)
        batch = Batch(numbers, raw, [case if fit else "" for case, fit in zip(ids, fits, strict=True)])
        for index, (case, fit) in enumerate(zip(ids, fits, strict=True)):
            if fit is None:
                batch.note(index, source, self._wrong(case))
        return batch

    def _look_at(self, ids: Iterable[str]) -> None:
        """Look at ids whose pattern says so little that a name would fit it."""
        for case in ids:
            kind = kind_of(case)
            self._gate.pass_by(self._id.source, 1)
            if kind is not None and not case.isdigit():
                self._gate.count(self._id.source, kind, 1)
            elif kind is None:
                self._gate.look(self._id.source, case, 1)

    def _wrong(self, case: str) -> Fault:
        if not case:
            return Fault(RowCode.ID_MISSING, "the row has no id, so nobody knows whose it is; complete it")
        if is_formula(case):
            return Fault(RowCode.FORMULA_CELL, "the id is a formula; paste its value in its place and export again")
        kind = kind_of(case)
        self._gate.pass_by(self._id.source, 1)
        if kind is None:
            self._gate.look(self._id.source, case, 1)
        else:
            self._gate.count(self._id.source, kind, 1)
        message = f"the id is not of the form {self._id.pattern}; correct it, or the pattern in the dataset's file"
        return Fault(RowCode.ID_INVALID, message)


def _torn(number: int, found: int, width: int) -> RowProblem:
    message = (
        f"the row has {found} cells and the header {width}: a delimiter stands in a cell without quotes, or a line "
        "break is missing or too many; mend it"
    )
    return RowProblem(number, None, "", RowCode.ROW_LENGTH.value, message)
