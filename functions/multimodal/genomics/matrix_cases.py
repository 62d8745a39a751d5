"""A matrix, case by case, whichever way round it lies; and one that has a row per case."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from typing import Protocol

from multimodal.genomics.config import GenomicsConfig, MatrixConfig
from multimodal.genomics.gene_columns import case_of_column
from multimodal.genomics.keys import is_case_name
from multimodal.genomics.matrix_format import (
    CellError,
    Logarithms,
    MatrixHeader,
    are_whole,
    check_scale,
    invalid_matrix,
    read_header,
    read_values,
)
from multimodal.tables.table import RowProblem

CASE_RULE = "a case's name must be letters, digits, - and _, at most 41, and begin with a letter or digit"

Row = tuple[int, Sequence[str]]
"""Number of a row as a spreadsheet shows it, and its cells."""


@dataclass(frozen=True)
class CaseValues:
    """What a matrix says of one case."""

    place: int
    """Number of its row, or of its column where genes are rows; the first is 1."""
    case: str
    panel: Mapping[str, Sequence[float | None]]
    """Gene of the panel or of a set → its values, None for a cell without one; several when genes share the symbol."""
    genes: int
    without: int
    zeros: int
    """Number of all genes, of those without a value, and of those with the value 0."""
    highest: float
    total: float
    """Highest value (where genes are rows, of any case), and sum of the case's."""
    are_whole: bool
    """Whether all its values (where genes are rows, those of all cases) are whole numbers; not asked of counts."""
    as_logarithms: Logarithms
    """What the values of the first case add up to if they are logarithms; nothing for others, and on a linear scale."""
    date: str = ""
    """The cell that dates the sample, where the dataset's file names a column."""
    measured: Sequence[float] = ()
    """All values, where sets of genes are scored."""


@dataclass(frozen=True)
class MatrixGenes:
    """What a matrix says of its genes."""

    orientation: str
    """What its rows are: `cases`, `genes`, or `quantification` for one case's genes."""
    count: int
    missing: tuple[str, ...]
    """The panel's genes that are not in the matrix."""
    ambiguous: tuple[str, ...]
    """The panel's genes that several genes of the matrix are called."""
    repeated: int
    """Number of names, in the panel or not, that several genes have."""
    renamed: tuple[str, ...]
    """Names that look as if a program had renamed a repeated gene of the panel (`CD44.1`)."""
    dates: tuple[str, ...]
    """Names that were a gene before a spreadsheet made a date of it."""
    left_out: tuple[str, ...] = ()
    """Columns and rows that are neither genes nor cases."""


class MatrixCases(Protocol):
    """Reads a matrix once, in bounded memory; `genes` may be asked when `cases` has ended."""

    @property
    def genes(self) -> MatrixGenes:
        """What the matrix says of its genes."""

    def cases(self) -> Iterator[CaseValues | RowProblem]:
        """Yield each case, or why it is rejected; `BadInputError` when the matrix is rejected as a whole."""


def missing_cells(matrix: MatrixConfig) -> frozenset[str]:
    """Return the cells that mean "no value"."""
    return frozenset({"", *matrix.missing})


class CaseRows:
    """A matrix with a row per case and a column per gene; `text` are positions of columns without any number."""

    def __init__(
        self, first_row: Sequence[str], rows: Iterable[Row], config: GenomicsConfig, text: Collection[int] = ()
    ) -> None:
        self._first_row, self._rows, self._config, self._text = first_row, iter(rows), config, text
        self._matrix = config.require_matrix()
        self._missing = missing_cells(self._matrix)
        self._is_first = True

    @cached_property
    def _header(self) -> MatrixHeader:
        return read_header(self._first_row, self._config, self._text)

    @property
    def genes(self) -> MatrixGenes:  # noqa: D102 – as the protocol says
        header = self._header
        names = (header.missing, header.ambiguous, header.repeated, header.renamed, header.dates, header.left_out)
        return MatrixGenes("cases", len(header.genes), *names)

    def cases(self) -> Iterator[CaseValues | RowProblem]:  # noqa: D102 – as the protocol says
        self._header  # noqa: B018 – a header that is not valid ends the reading before the first row
        for number, cells in self._rows:
            if any(map(str.strip, cells)):
                yield self._read(number, cells)

    def _read(self, number: int, cells: Sequence[str]) -> CaseValues | RowProblem:
        header = self._header
        if len(cells) != header.width:
            return _wrong_length(number, len(cells), header.width)
        case = case_of_column(cells[header.id_at].strip(), self._matrix)
        if case in header.columns_of:
            raise invalid_matrix(
                f"row {number} and a column are both called as a gene of the panel, so what are cases?"
            )
        if not is_case_name(case):
            return RowProblem(number, None, header.id_name, "CASE_NAME_INVALID", CASE_RULE)
        try:
            values = read_values(list(compress(cells, header.is_gene)), self._matrix, self._missing)
            return self._values(number, case, values, "" if header.date_at is None else cells[header.date_at])
        except CellError as error:
            column = "" if error.at is None else header.genes[error.at]
            return RowProblem(number, case, column, error.code, error.message)

    def _values(self, number: int, case: str, values: Sequence[float | None], date: str) -> CaseValues:
        present = [v for v in values if v is not None]
        highest, total = max(present, default=0.0), sum(present)
        check_scale(highest, total, self._matrix)
        measured = present if self._config.gene_sets else ()
        panel = {gene: [values[at] for at in ats] for gene, ats in self._header.columns_of.items()}
        without = len(values) - len(present)
        counts = (len(values), without, values.count(0.0))
        whole, logarithms = self._matrix.unit != "counts" and are_whole(present), self._logarithms(present)
        return CaseValues(number, case, panel, *counts, highest, total, whole, logarithms, date, measured)

    def _logarithms(self, values: Sequence[float]) -> Logarithms:
        """Add up the first case: the others are of the same base."""
        is_asked, self._is_first = self._is_first and self._matrix.scale == "log2_plus_1", False
        return Logarithms(values if is_asked else ())


def _wrong_length(number: int, found: int, expected: int) -> RowProblem:
    hint = "; does the header lack the name of the first column?" if found == expected + 1 else ""
    message = f"the row has {found} cells, the header {expected}{hint}"
    return RowProblem(number, None, "", "ROW_LENGTH", message)
