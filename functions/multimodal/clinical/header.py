"""The header of a clinical table against the columns that the configuration describes, before any row is read."""

import re
from collections.abc import Iterable, Mapping, Sequence

from multimodal.clinical.batch import Batch
from multimodal.clinical.cells import Fault, is_formula
from multimodal.clinical.codes import RowCode
from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.identifiers import IdentifierGate, kind_of
from multimodal.ledger.errors import BadInputError, Reason
from multimodal.tables.table import RowProblem

MAX_COLUMNS = 2_000


_SHOWN, _NAME_LENGTH = 10, 60


def known_names(config: ClinicalConfig) -> dict[str, str]:
    """Return every name that a column may have in a header, with the name that the configuration gives it."""
    described = (config.id, *config.columns)
    return {name: column.source for column in described for name in (column.source, *column.aliases)}


def match_header(header: Sequence[str], config: ClinicalConfig) -> dict[str, int]:
    """Return the position of every configured column; their order in the file does not matter.

    Raises
    ------
    BadInputError
        ``HEADER_NOT_RECOGNISED``, ``COLUMNS_NOT_DECLARED``, ``COLUMNS_DUPLICATED`` or ``COLUMNS_MISSING``. The message
        names columns, and none that looks like personal data.
    """
    names = known_names(config)
    if not any(name in names for name in header):
        raise BadInputError(Reason.HEADER_NOT_RECOGNISED, _NOT_RECOGNISED)
    found: dict[str, int] = {}
    twice = [name for name in dict.fromkeys(header) if header.count(name) > 1 and name]
    for position, name in enumerate(header):
        source = names.get(name)
        if source in found:
            twice.append(name)
        elif source is not None:
            found[source] = position
    missing = [column.source for column in (config.id, *config.columns) if column.source not in found]
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
    return repr(name if len(name) <= _NAME_LENGTH else name[:_NAME_LENGTH] + "…")


def _refuse(undeclared: Sequence[str], twice: Sequence[str], missing: Sequence[str]) -> None:
    lacking = f"; and these are missing: {_listed(list(map(repr, missing)))}" if missing else ""
    if undeclared:
        message = (
            f"columns that the dataset's file does not describe: {_listed(undeclared)}{lacking}. They might name a "
            "person, so nothing was taken. Describe them (kind: drop, with a reason, if nothing is made of them), list "
            "new names under aliases, or remove them from the table"
        )
        raise BadInputError(Reason.COLUMNS_NOT_DECLARED, message, {"columns": list(undeclared[:_SHOWN])})
    if twice:
        message = f"columns that are there more than once: {_listed([repr(n) for n in dict.fromkeys(twice)])}; keep one"
        raise BadInputError(Reason.COLUMNS_DUPLICATED, message)
    if missing:
        message = (
            f"columns that are missing: {_listed(list(map(repr, missing)))}; export the table with all its columns"
        )
        raise BadInputError(Reason.COLUMNS_MISSING, message, {"columns": list(missing[:_SHOWN])})


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


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
