"""The format of a matrix with cases as rows: which column is the case, which are genes; and what any cell holds."""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from multimodal.genomics.config import ENSEMBL_GENE, ExpressionUnit, GenomicsConfig, MatrixConfig, is_copy_on_y
from multimodal.genomics.expression import log2_of_sum
from multimodal.genomics.no_genes import is_no_gene, names_case
from multimodal.ledger.errors import BadInputError, Reason

MAX_COLUMNS = 200_000
"""More than any annotation has genes."""

SPREADSHEET_DATE = re.compile(
    r"^(\d{1,2}[-.] ?(M[aä]r|Mrz|Sept?|De[cz])\.?|(M[aä]r|Mrz|Sept?|De[cz])\.?[- ]\d{1,2}"
    r"|\d{4}-(03|09|12)-\d\d( 00:00:00)?|\d\d?\.0?(3|9|12)\.\d{4}|0?(3|9|12)/\d\d?/\d{2,4}|4\d{4})$",
    re.IGNORECASE,
)
"""What spreadsheets make of MARCH1, SEPT2 and DEC1, in English and in German, and as the number of a day (44621)."""


_COMMA = re.compile(r"-?\d+,\d+(e-?\d+)?$", re.IGNORECASE)

MAX_LOG2 = 40.0
"""log2(value + 1) of a million million: no unit goes that far, so such cells are no logarithms."""

PER_MILLION: frozenset[ExpressionUnit] = frozenset({"TPM", "CPM"})
"""Units whose values, over all genes of a case, add up to a million (to less when genes are left out)."""

MILLION = 1e6 * 1.01
"""With room for values that were rounded before they were written."""


@dataclass(frozen=True)
class MatrixHeader:
    """A valid header."""

    width: int
    """Number of columns."""
    id_at: int
    id_name: str
    """Position and name of the column that names the case."""
    date_at: int | None
    """Position of the column that dates the sample, if the dataset's file names one."""
    genes: tuple[str, ...]
    """Names of the gene columns, in the file's order."""
    is_gene: tuple[bool, ...]
    """For each column of the file, whether it is one of them."""
    columns_of: Mapping[str, tuple[int, ...]]
    """Gene of the panel → its positions in `genes`; several when several genes have the symbol, none when the matrix
    lacks it."""
    repeated: int
    """Number of symbols, in the panel or not, that several columns have."""
    renamed: tuple[str, ...]
    """Columns that look as if a program had renamed a repeated gene of the panel (`CD44.1`)."""
    dates: tuple[str, ...]
    """Columns that were a gene before a spreadsheet made a date of it."""
    left_out: tuple[str, ...]
    """Columns that are no genes."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The panel's genes that have no column."""
        return tuple(gene for gene, columns in self.columns_of.items() if not columns)

    @property
    def ambiguous(self) -> tuple[str, ...]:
        """The panel's genes that have several columns."""
        return tuple(gene for gene, columns in self.columns_of.items() if len(columns) > 1)


def read_header(cells: Sequence[str], config: GenomicsConfig, text: Collection[int] = ()) -> MatrixHeader:
    """Parse the first row of a matrix that has a row per case; `text` are positions of columns without any number.

    Raises
    ------
    BadInputError
        `MATRIX_INVALID` or `GENES_NOT_FOUND`; the message says what to change.
    """
    matrix, names = config.require_matrix(), [cell.strip() for cell in cells]
    id_at = 0 if matrix.id_column is None else _position(names, matrix.id_column, "matrix.id_column")
    date_at = _position(names, config.date_column.column, "event_time") if config.date_column else None
    panel = {matrix.key_of(gene) for gene in config.genes}
    out = {at for at, n in enumerate(names) if (at in text or is_no_gene(n)) and matrix.key_of(n) not in panel}
    out |= {at for at, name in enumerate(names) if name in matrix.ignore or (at == 0 < id_at and is_no_name(name))}
    is_gene = tuple(at not in {id_at, date_at} | out for at in range(len(names)))
    genes = tuple(name for name, gene in zip(names, is_gene, strict=True) if gene)
    columns: dict[str, list[int]] = {}
    for at, name in enumerate(genes):
        columns.setdefault(matrix.key_of(name), []).append(at)
    columns_of = {gene: tuple(columns.get(matrix.key_of(gene), ())) for gene in config.genes}
    if not any(columns_of.values()):
        raise genes_not_found(genes, config)
    _check_first_column(names, matrix)
    if matrix.id_column is None and (names[0] in columns_of or ENSEMBL_GENE.match(names[0])):
        raise invalid_matrix(
            f"the first column, which names the case, is called {names[0]}, as a gene: it lacks its name or "
            "is not there"
        )
    _check_names(names, id_at, genes, columns, matrix)
    return MatrixHeader(
        width=len(names),
        id_at=id_at,
        id_name=names[id_at],
        date_at=date_at,
        genes=genes,
        is_gene=is_gene,
        columns_of=columns_of,
        repeated=sum(len(found) > 1 for found in columns.values()),
        renamed=tuple(n for n in genes if matrix.key_of(n) not in panel and was_renamed(n, columns_of)),
        dates=tuple(name for name in genes if SPREADSHEET_DATE.match(name)),
        left_out=tuple(names[at] for at in sorted(out - {id_at, date_at})),
    )


def is_no_name(name: str) -> bool:
    """Whether a column of row numbers may be called so, by programs that write them."""
    return bool(re.fullmatch(r"(?:unnamed: ?0|index|x|\.\.\.1|row|no)?", name, re.IGNORECASE))


def _check_first_column(names: Sequence[str], matrix: MatrixConfig) -> None:
    """Reject a second column that names the case, as behind the numbers of rows that pandas writes."""
    cases = [name for name in names[1:] if names_case(name) and name not in matrix.ignore]
    if matrix.id_column is not None or not cases:
        return
    if is_no_name(names[0]):
        raise invalid_matrix(
            f"its first column has no name, and {cases[0]!r} seems to name the case; write it without the numbers of "
            "rows (pandas: index=False), the case first"
        )
    raise invalid_matrix(
        f"its columns {names[0]!r} and {cases[0]!r} both seem to name the case; name the one that does under "
        "genomics.matrix.id_column, and deploy"
    )


def invalid_matrix(problem: str) -> BadInputError:
    """Return the error of a matrix that is rejected as a whole."""
    return BadInputError(Reason.MATRIX_INVALID, f"the matrix cannot be used: {problem}; correct it and upload it again")


def _position(names: Sequence[str], column: str, key: str) -> int:
    found = [at for at, name in enumerate(names) if name == column]
    if len(found) != 1:
        raise invalid_matrix(f"it has {len(found)} columns {column!r}, which genomics.{key} names")
    return found[0]


def _check_names(
    names: Sequence[str], id_at: int, genes: Sequence[str], columns: Mapping[str, Sequence[int]], matrix: MatrixConfig
) -> None:
    if "" in columns:
        place = next(at for at, name in enumerate(names) if not name and at != id_at)
        raise invalid_matrix(f"column {place + 1} has no name")
    twice = [key for key, found in columns.items() if sum(not is_copy_on_y(genes[at]) for at in found) > 1]
    if twice and matrix.gene_ids == "ensembl":
        # A symbol may be several genes; an id is one, and which of its columns were the right one nobody can know.
        raise invalid_matrix(f"{len(twice)} gene ids have more than one column, such as {', '.join(twice[:3])}")


_RENAMED = re.compile(r"(.+)[._-]\d+")


def was_renamed(name: str, columns_of: Mapping[str, Sequence[object]]) -> bool:
    """Whether a name looks as if a program had renamed a repeated gene of the panel (`CD44.1`; RefSeq `CD99_1`)."""
    renamed = _RENAMED.fullmatch(name)
    return renamed is not None and bool(columns_of.get(renamed[1]))


_OTHER_IDS = {
    "Ensembl gene ids": ENSEMBL_GENE,
    "transcripts (sum them by gene, or upload a table of genes)": re.compile(r"ENS[A-Z]*T\d|[NX][MR]_\d|FBtr\d"),
    "probes of a microarray (sum or average them by gene)": re.compile(r"\d+(?:_\w)*_at$|ILMN_\d|A_\d+_P\d|TC\d{8}"),
    "numbers, as Entrez's ids are (name genes by symbol or Ensembl id)": re.compile(r"\d{1,9}$"),
}
"""What genes are called instead, in the order in which it is asked."""


def _are_many(names: re.Pattern[str], genes: Sequence[str]) -> bool:
    """Whether a good part is called so: names of cases and descriptions of genes may be among them."""
    return sum(bool(names.match(gene)) for gene in genes) * 4 >= len(genes)


def _folded(gene: str) -> str:
    return re.sub(r"\.\d+$", "", gene.strip()).casefold()


def genes_not_found(genes: Sequence[str], config: GenomicsConfig, where: str = "column") -> BadInputError:
    """Return the error of a matrix in which no gene of the panel has a row or a column."""
    matrix = config.require_matrix()
    found = next((kind for kind, names in _OTHER_IDS.items() if _are_many(names, genes)), "other names")
    if not {_folded(gene) for gene in config.genes}.isdisjoint(map(_folded, genes)):
        found = "the same names in other letters (Vim is the mouse's VIM) or versions (gene_versions: ignore)"
    if any(map(SPREADSHEET_DATE.match, genes)):
        found += " and dates, which a spreadsheet makes of genes such as MARCH1"
    message = (
        f"none of the panel's {len(config.panel)} genes is a {where}; the dataset says gene_ids: {matrix.gene_ids}, "
        f"gene_versions: {matrix.gene_versions}, and the matrix has {found}"
    )
    return BadInputError(Reason.GENES_NOT_FOUND, message, {"genes": len(genes), "panel": len(config.panel)})


NEGATIVE = "VALUE_NEGATIVE"
"""Code of a case with a negative value."""


class CellError(ValueError):
    """A row whose cells are not what the configuration says: `VALUE_INVALID`, `VALUE_NEGATIVE` or `VALUE_IMPLAUSIBLE`.

    The message says what to do, without the value; `at` is the position of the gene, if it is one gene's fault.
    """

    def __init__(self, code: str, message: str, at: int | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.at = code, message, at


def read_values(cells: Sequence[str], matrix: MatrixConfig, missing: frozenset[str]) -> list[float | None]:
    """Parse the cells of a case's genes, or of a gene's cases; None for those in `missing`.

    Every gene is read, not only the panel: text in any of them means that the row has slipped or was mangled.

    Raises
    ------
    CellError
        When a cell is no finite number of at least zero.
    """
    cells = [cell.strip() for cell in cells]  # " 0 " is what is listed as 0
    if matrix.decimal == "comma":
        _check_no_dot(cells, missing)
        cells = [cell.replace(",", ".") for cell in cells]
    try:
        values = [None if cell in missing else float(cell) for cell in cells]
    except ValueError:
        values = [_value(at, cell, missing) for at, cell in enumerate(cells)]
    present = [v for v in values if v is not None]
    if "_" in "".join(cells) or (present and (not math.isfinite(sum(present)) or min(present) < 0)):
        raise _first_error(cells, values)
    return values


def _check_no_dot(cells: Sequence[str], missing: frozenset[str]) -> None:
    """Reject a dot where commas are decimal: it would be one of thousands, and the value a thousandth."""
    at = next((at for at, cell in enumerate(cells) if "." in cell and cell not in missing), None)
    if at is not None:
        message = (
            "a dot in a number although genomics.matrix.decimal is comma: write no thousands separators; for a "
            "decimal point set decimal: point and deploy"
        )
        raise CellError("VALUE_INVALID", message, at)


def _value(at: int, cell: str, missing: frozenset[str]) -> float | None:
    if cell in missing:
        return None
    try:
        return float(cell)
    except ValueError:
        message = "not a number; write plain numbers with a decimal point, and nothing or NA where there is no value"
        if _COMMA.match(cell):
            message = (
                "a comma in a number: write decimal points and no thousands separators; if it is a decimal comma, set "
                "genomics.matrix.decimal: comma and deploy"
            )
        raise CellError("VALUE_INVALID", message, at) from None


def _first_error(cells: Sequence[str], values: Sequence[float | None]) -> CellError:
    for at, (cell, value) in enumerate(zip(cells, values, strict=True)):
        if value is not None and not math.isfinite(value):
            message = "NaN and infinity are not measurements; leave the cell empty, or list it under matrix.missing"
            return CellError("VALUE_INVALID", message, at)
        if value is not None and value < 0:
            message = (
                "expression is never negative (z-scores and log ratios are not taken); write linear values or "
                "log2(value + 1), as genomics.matrix.scale says"
            )
            return CellError(NEGATIVE, message, at)
        if "_" in cell and value is not None:
            return CellError("VALUE_INVALID", "not a number; write it without underscores", at)
    return CellError("VALUE_IMPLAUSIBLE", "the values are too large to add up; check genomics.matrix")


def check_scale(highest: float, total: float, matrix: MatrixConfig) -> None:
    """Require that a case's values, of which the highest and the sum are given, can be of the unit and the scale.

    Raises
    ------
    CellError
        `VALUE_IMPLAUSIBLE`.
    """
    if matrix.scale == "log2_plus_1":
        if highest > MAX_LOG2:
            raise CellError("VALUE_IMPLAUSIBLE", f"above {MAX_LOG2:g} is no log2; check genomics.matrix.scale")
    elif matrix.unit in PER_MILLION and total > MILLION:
        message = f"the case's values add up to more than a million, which {matrix.unit} never do; check matrix.unit"
        raise CellError("VALUE_IMPLAUSIBLE", message)


class Logarithms:
    """Sums of what values would be on the linear scale if they were logarithms of (value + 1) of some base."""

    def __init__(self, values: Iterable[float] = ()) -> None:
        self.binary = self.natural = self.decimal = 0.0
        for value in values:
            self.add(value)

    def add(self, value: float) -> None:
        """Take a value; larger ones are no logarithms."""
        if value <= MAX_LOG2:
            self.binary += 2.0**value - 1
            self.natural += math.expm1(value)
            self.decimal += 10.0**value - 1

    def base_of_a_million(self, share: float) -> str:
        """Return which logarithms the values are, if by those they add up to a million but for a share."""
        sums = {"natural": self.natural, "decimal": self.decimal, "binary": self.binary}
        return next((base for base, total in sums.items() if abs(total / 1e6 - 1) < share), "")


def are_whole(values: Iterable[float]) -> bool:
    """Whether all finite values are whole numbers, as counts of reads are."""
    return all(value.is_integer() for value in values)


def combine_of(matrix: MatrixConfig) -> Callable[[Sequence[float]], float]:
    """Return how the values of a gene become log2(value + 1)."""
    return log2_of_sum if matrix.scale == "linear" else _log2_of_logs


def _log2_of_logs(values: Sequence[float]) -> float:
    """A lone logarithm stays as it is written; several genes are summed on the linear scale."""
    return values[0] if len(values) == 1 else log2_of_sum([2**v - 1 for v in values])
