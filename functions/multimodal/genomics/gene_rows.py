"""A matrix with a row per gene and a column per case: transposed while it is read, and never held.

What a record needs of a case are the panel's values and sums over all genes, so that memory grows with the cases and
not with the genes (docs/decisions.md#genomics-40).
"""

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import add
from typing import NamedTuple

from multimodal.genomics.config import GenomicsConfig, MatrixConfig, is_copy_on_y
from multimodal.genomics.gene_columns import R_HINT, GeneColumns, is_described
from multimodal.genomics.keys import is_case_name
from multimodal.genomics.matrix_cases import CASE_RULE, CaseValues, MatrixGenes, Row, missing_cells
from multimodal.genomics.matrix_format import (
    MAX_LOG2,
    SPREADSHEET_DATE,
    CellError,
    Logarithms,
    are_whole,
    check_scale,
    genes_not_found,
    invalid_matrix,
    read_values,
    was_renamed,
)
from multimodal.genomics.no_genes import is_no_gene, is_of_reads
from multimodal.tables.table import RowProblem

MAX_GENES = 1_000_000
"""More than any annotation has transcripts."""

_NAMES_KEPT = 1_000

_NEARLY_ALL = 0.9
"""Share of genes with several rows from which on the rows are of several cases; of symbols a few are several genes."""

MAX_HELD = 60_000_000
"""Values that are held at once (480 MB): a thousand cases of all genes. Only scores of gene sets need them."""


class _Fault(NamedTuple):
    row: int
    gene: str
    code: str
    message: str


class _Names:
    """One of the columns that may name the gene: which of its names are the panel's."""

    def __init__(self, config: GenomicsConfig) -> None:
        self._key_of = config.require_matrix().key_of
        self._wanted = {self._key_of(gene): gene for gene in config.genes}
        self.seen: set[str] = set()
        self.repeated: set[str] = set()
        self.values: dict[str, list[Sequence[float | None]]] = {}
        """Gene of the panel → its rows."""
        self.examples: list[str] = []
        self.dates: list[str] = []
        self._numbered: list[str] = []

    def add(self, name: str, values: Sequence[float | None]) -> None:
        """Take a row."""
        key = self._key_of(name)
        if not is_copy_on_y(name):
            if key in self.seen:
                self.repeated.add(key)
            self.seen.add(key)
        if len(self.examples) < _NAMES_KEPT:
            self.examples.append(name)
        if SPREADSHEET_DATE.match(name):
            self.dates.append(name)
        gene = self._wanted.get(key)
        if gene is not None:
            self.values.setdefault(gene, []).append(values)
        elif name[-2:-1] in {".", "_", "-"}:
            self._numbered.append(name)

    @property
    def is_repeated(self) -> bool:
        """Whether nearly all names come several times."""
        return len(self.repeated) > _NEARLY_ALL * len(self.seen)

    @property
    def renamed(self) -> tuple[str, ...]:
        """Names that look as if a program had renamed a gene of the panel."""
        return tuple(name for name in self._numbered if was_renamed(name, self.values))


class _Sums:
    """Sums over all genes, for each case."""

    def __init__(self, cases: int, matrix: MatrixConfig, *, hold: bool) -> None:
        self.genes, self._cases = 0, cases
        self._is_log2 = matrix.scale == "log2_plus_1"
        self._values = array("d") if hold else None
        self.highest = 0.0
        """Highest value of any case."""
        self.are_whole = matrix.unit != "counts"
        """Whether all values of all cases are whole numbers."""
        self.as_logarithms = Logarithms()
        """Of the first case."""
        self.totals = [0.0] * cases
        self.zeros, self.without = [0] * cases, [0] * cases

    def add(self, values: Sequence[float | None]) -> None:
        """Take a gene's values."""
        self.genes += 1
        if self._values is not None:
            self._values.extend(math.nan if v is None else v for v in values)
            if len(self._values) > MAX_HELD:
                raise invalid_matrix(f"to score sets of genes, at most {MAX_HELD:,} values are held; split it by cases")
        for at in _where(values, None):
            self.without[at] += 1
        for at in _where(values, 0.0):
            self.zeros[at] += 1
        numbers = [v or 0.0 for v in values]
        self.totals = list(map(add, self.totals, numbers))
        self.highest = max(self.highest, *numbers)
        self.are_whole = self.are_whole and are_whole(numbers)
        if self._is_log2:
            self.as_logarithms.add(numbers[0])

    def of_case(self, at: int) -> Sequence[float]:
        """Return all values of a case, where they are held."""
        return [v for v in self._values[at :: self._cases] if not math.isnan(v)] if self._values is not None else ()


def _where(values: Sequence[float | None], what: float | None) -> list[int]:
    """Return the positions of a value; most rows have none, which is found at C speed."""
    return [at for at, value in enumerate(values) if value == what] if what in values else []


class GeneRows:
    """A matrix with a row per gene; implements `MatrixCases`.

    Parameters
    ----------
    columns : GeneColumns
        Which columns name the gene, and which are cases.
    width : int
        Number of columns.
    rows : iterable of Row
        The rows below the header.
    config : GenomicsConfig
    orientation : str
        As `MatrixGenes` says it.
    """

    def __init__(
        self, columns: GeneColumns, width: int, rows: Iterable[Row], config: GenomicsConfig, orientation: str = "genes"
    ) -> None:
        self._columns, self._width, self._rows, self._config = columns, width, rows, config
        self._orientation = orientation
        self._matrix = config.require_matrix()
        self._missing = missing_cells(self._matrix)
        self._faults: dict[int, _Fault] = {}
        self._best: _Names | None = None
        self._count = 0
        self._wanted = {self._matrix.key_of(gene) for gene in config.genes}
        self._left_out = [*columns.left_out]
        """Columns and rows that are neither genes nor cases."""
        dated = config.date_column
        self._date_row, self._dates = (dated.column if dated else None), [""] * len(columns.cases)

    @property
    def genes(self) -> MatrixGenes:  # noqa: D102 – as the protocol says
        best = self._best or _Names(self._config)
        panel, rows = self._config.genes, best.values
        missing = tuple(gene for gene in panel if gene not in rows)
        ambiguous = tuple(gene for gene in panel if len(rows.get(gene, ())) > 1)
        named = (missing, ambiguous, len(best.repeated), best.renamed, tuple(best.dates))
        return MatrixGenes(self._orientation, self._count, *named, tuple(self._left_out))

    def cases(self) -> Iterator[CaseValues | RowProblem]:  # noqa: D102 – as the protocol says
        columns = self._columns
        sums, names = (
            _Sums(len(columns.cases), self._matrix, hold=bool(self._config.gene_sets)),
            [_Names(self._config) for _ in columns.lead],
        )
        for number, cells in self._genes():
            values = self._values(number, cells[columns.lead[0]], [cells[at] for at in columns.cases])
            sums.add(values)
            for column, at in zip(names, columns.lead, strict=True):
                column.add(cells[at].strip(), values)
            if sums.genes > MAX_GENES:
                raise invalid_matrix(f"it has more than {MAX_GENES:,} rows; no annotation has so many genes")
        self._count = sums.genes
        if not sums.genes:
            return
        self._best = self._chosen(names)
        for at, case in enumerate(columns.names):
            yield self._case(at, columns.cases[at] + 1, case, sums)

    def _genes(self) -> Iterator[Row]:
        """Yield the rows that are genes: no summaries, no second header, no footer."""
        is_first = True
        for number, cells in self._rows:
            start = cells[0].strip() if cells else ""
            if start.startswith("!") or not any(map(str.strip, cells)) or is_of_reads(start):
                continue
            if len(cells) != self._width:
                raise invalid_matrix(f"row {number} has {len(cells)} cells and the header {self._width}")
            if self._date_row is not None and start == self._date_row:
                self._dates = [cells[at] for at in self._columns.cases]
                continue
            if self._describes_cases(start, cells, is_first=is_first):
                self._left_out.append(start)
                continue
            is_first = False
            yield number, cells

    def _describes_cases(self, start: str, cells: Sequence[str], *, is_first: bool) -> bool:
        """Whether a row above the genes, or called as no gene is, says something of the cases."""
        if not is_no_gene(start) and not (
            is_first and is_described((cells[at] for at in self._columns.cases), self._matrix)
        ):
            return False
        return self._wanted.isdisjoint(self._matrix.key_of(cells[at].strip()) for at in self._columns.lead)

    def _values(self, number: int, gene: str, cells: Sequence[str]) -> Sequence[float | None]:
        try:
            values = read_values(cells, self._matrix, self._missing)
        except CellError:
            values = [self._value(number, gene, at, cell) for at, cell in enumerate(cells)]
        if self._matrix.scale == "log2_plus_1" and max((v for v in values if v is not None), default=0.0) > MAX_LOG2:
            for at, value in enumerate(values):
                self._check(number, gene, at, value)
        return values

    def _value(self, number: int, gene: str, at: int, cell: str) -> float | None:
        """Return a cell's value; a cell that is none costs its case."""
        try:
            return read_values([cell], self._matrix, self._missing)[0]
        except CellError as error:
            self._faults.setdefault(at, _Fault(number, gene.strip(), error.code, error.message))
            return None

    def _check(self, number: int, gene: str, at: int, value: float | None) -> None:
        try:
            check_scale(value or 0.0, 0.0, self._matrix)
        except CellError as error:
            self._faults.setdefault(at, _Fault(number, gene.strip(), error.code, error.message))

    def _chosen(self, names: Sequence[_Names]) -> _Names:
        """Return the column that names most of the panel's genes."""
        best = max(names, key=lambda column: len(column.values))
        telling = [column for column in names if len(column.seen) > 1]
        if telling and all(column.is_repeated for column in telling):
            raise invalid_matrix(
                "nearly all genes have several rows, as in a table with a row per gene and case (or probe); write one "
                "row a gene and one column a case (R: tidyr::pivot_wider, pandas: pivot)"
            )
        if not best.values:
            examples = [*self._columns.names, *(name for column in names for name in column.examples)]
            raise genes_not_found(examples, self._config, "row or column")
        if best.repeated and self._matrix.gene_ids == "ensembl":
            some = ", ".join(sorted(best.repeated)[:3])
            raise invalid_matrix(f"{len(best.repeated)} gene ids have more than one row, such as {some}")
        return best

    def _case(self, at: int, place: int, case: str, sums: _Sums) -> CaseValues | RowProblem:
        if not is_case_name(case):
            hint = R_HINT if "." in case else ""
            return RowProblem(place, None, "", "CASE_NAME_INVALID", CASE_RULE + hint)
        if at in self._faults:
            row, gene, code, message = self._faults[at]
            return RowProblem(place, case, gene, code, f"row {row}: {message}")
        try:
            total = sums.totals[at]
            if not math.isfinite(total):
                raise CellError("VALUE_IMPLAUSIBLE", "the values are too large to add up; check genomics.matrix")
            check_scale(0.0, total, self._matrix)  # single values were checked when they were read
        except CellError as error:
            return RowProblem(place, case, "", error.code, error.message)
        counts = (sums.genes, sums.without[at], sums.zeros[at])
        dated = self._dates[at]
        return CaseValues(
            place,
            case,
            self._panel(at),
            *counts,
            sums.highest,
            total,
            sums.are_whole,
            sums.as_logarithms,
            dated,
            sums.of_case(at),
        )

    def _panel(self, at: int) -> Mapping[str, Sequence[float | None]]:
        rows = self._best.values if self._best else {}
        return {gene: [values[at] for values in rows.get(gene, ())] for gene in self._config.genes}
