"""Which way round a matrix lies, or which program's quantification a file is: by its content."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain

from multimodal.genomics.config import ENSEMBL_GENE, GenomicsConfig, MatrixConfig
from multimodal.genomics.gene_columns import GeneColumns, is_described, is_heading, is_text, is_value, split_columns
from multimodal.genomics.gene_rows import GeneRows
from multimodal.genomics.keys import is_case_name
from multimodal.genomics.matrix_cases import CaseRows, MatrixCases, Row
from multimodal.genomics.matrix_format import MAX_COLUMNS, invalid_matrix, is_no_name
from multimodal.genomics.matrix_names import case_of_quantification, is_quantification, said_by, says_logarithms
from multimodal.genomics.no_genes import is_no_gene
from multimodal.genomics.quantification import Genes, Quantification, find_headerless, find_quantification, is_linear

_HEAD_ROWS, _HEAD_CELLS = 50, 50_000
"""Rows that are looked at to tell columns apart."""


def matrix_cases(
    first_row: Sequence[str],
    rows: Iterable[Row],
    config: GenomicsConfig,
    path: str,
    genes: Callable[[], Genes] = dict,
    about_genes: int = 0,
) -> MatrixCases:
    """Return the reader that fits a matrix.

    Parameters
    ----------
    first_row : sequence of str
        The header.
    rows : iterable of Row
        The rows below.
    config : GenomicsConfig
    path : str
        Where it was uploaded, below the dataset: the case of a quantification.
    genes : callable
        Returns what `tx2gene.tsv` beside the cases says of transcripts.
    about_genes : int
        Columns behind the first that are known to describe the gene.

    Raises
    ------
    BadInputError
        `MATRIX_INVALID` when it is neither.
    """
    rows = iter(rows)
    first = _head(rows)
    names, head, rows = _tidy([cell.strip() for cell in first_row], first, chain(first, rows))
    check_width(names)
    matrix = config.require_matrix()
    is_named_so = is_quantification(path.rpartition("/")[2])
    is_list = len(names) == 2 and _is_of_gene(names[0], config)
    if (is_named_so or is_list) and (found := find_headerless(names, matrix)) is not None:
        return _quantified(found, chain([(1, names)], rows), config, path, {})
    if (found := find_quantification(names, head, matrix)) is not None:
        return _quantified(found, rows, config, path, genes() if found.needs_genes else {})
    if is_named_so and "/" in path and not path.lower().removesuffix(".gz").endswith(".counts"):
        raise invalid_matrix("it is called as a program's quantification, and its columns are not that program's")
    _check_name(path, matrix)
    if _has_genes(names, config):
        in_head = [*zip(*(cells for _, cells in head if len(cells) == len(names)), strict=True)]
        text = {at for at, cells in enumerate(in_head) if at and is_described(cells, matrix)}
        if matrix.id_column is None:
            _check_row_numbers(names, in_head, text)
        return CaseRows(names, rows, config, text)
    names = _named_first(names, head, matrix)
    _check_header(names, config)
    columns = split_columns(names, [cells for _, cells in head], matrix, about_genes)
    return GeneRows(columns, len(names), rows, config)


def check_width(names: Sequence[str]) -> None:
    """Require columns: `MATRIX_INVALID` for one, or for more than any annotation has genes."""
    if len(names) < 2:
        raise invalid_matrix(
            "it has one column; genes and cases are expected, separated by tabs or commas (R: write.table(sep = '\\t'))"
        )
    if len(names) > MAX_COLUMNS:
        raise invalid_matrix(f"it has {len(names)} columns; at most {MAX_COLUMNS} are taken")


def _head(rows: Iterator[Row]) -> list[Row]:
    head: list[Row] = []
    cells = 0
    while len(head) < _HEAD_ROWS and cells < _HEAD_CELLS and (row := next(rows, None)) is not None:
        head.append(row)
        cells += len(row[1])
    return head


def _tidy(names: list[str], head: Sequence[Row], rows: Iterator[Row]) -> tuple[list[str], Sequence[Row], Iterator[Row]]:
    """Drop empty columns at the end, which spreadsheets and a delimiter behind each line's last cell make."""
    width = max(map(_filled, (names, *(cells for _, cells in head))))
    return names[:width], [_cut(row, width) for row in head], (_cut(row, width) for row in rows)


def _filled(cells: Sequence[str]) -> int:
    """Return the number of cells up to the last one that is not empty."""
    return next((at for at in range(len(cells), 0, -1) if cells[at - 1].strip()), 0)


def _cut(row: Row, width: int) -> Row:
    number, cells = row
    return (number, cells[:width]) if len(cells) > width and not any(map(str.strip, cells[width:])) else row


def _named_first(names: list[str], head: Sequence[Row], matrix: MatrixConfig) -> list[str]:
    """Return the header with a name for the first column where it lacks one, as R writes it.

    Where it lacks the last name instead, all values would be of the case before.
    """
    rows = [cells for _, cells in head if any(map(str.strip, cells))]
    if {len(cells) for cells in rows} != {len(names) + 1}:
        return names
    if is_heading(names[0]) and not is_text(rows, 1, matrix):
        raise invalid_matrix(
            f"its rows have {len(names) + 1} cells and the header {len(names)}, so its last column has no name; name "
            "or remove it (R: write.table(col.names = NA) names the first one)"
        )
    return ["", *names]


def _check_row_numbers(names: Sequence[str], columns: Sequence[Sequence[str]], text: Collection[int]) -> None:
    """Reject numbers of rows beside a column of words that may be the cases' names."""
    first = [cell.strip() for cell in columns[0]] if columns else []
    starts = {int(cell) - at for at, cell in enumerate(first)} if all(map(str.isdecimal, first)) else set()
    is_counted = len(starts) == 1 and (len(first) > 1 or starts <= {0, 1})  # of a wide matrix one row is looked at
    for at in sorted(text) if is_counted else ():
        if is_no_gene(names[at]):
            continue  # a stage, a date
        words = {cell.strip() for cell in columns[at]} - {""}
        if len(words) == len(first) and (is_no_name(names[0]) or all(re.search(r"\d", word) for word in words)):
            raise invalid_matrix(
                f"its first column counts rows, and {names[at]!r} may name the case; name the one that does under "
                "genomics.matrix.id_column, and deploy"
            )


def _has_genes(names: Sequence[str], config: GenomicsConfig) -> bool:
    """Whether columns are genes."""
    matrix = config.require_matrix()
    if matrix.id_column is not None and matrix.id_column in names:
        return True
    wanted = {matrix.key_of(gene) for gene in config.genes}
    return any(matrix.key_of(name) in wanted for name in names[1:])


def _is_of_gene(name: str, config: GenomicsConfig) -> bool:
    """Whether a first cell is a gene's, by the panel or as Ensembl writes it."""
    matrix = config.require_matrix()
    return bool(ENSEMBL_GENE.match(name)) or matrix.key_of(name) in map(matrix.key_of, config.genes)


def _check_header(names: Sequence[str], config: GenomicsConfig) -> None:
    """Reject a matrix without a header, whose first gene would be lost and its values be taken for names of cases."""
    matrix = config.require_matrix()
    has_values = all(is_value(name, matrix) for name in names[1:])
    if _is_of_gene(names[0], config) or (not is_heading(names[0]) and has_values):
        raise invalid_matrix("its first row is a gene's; it must name the cases, one in each column")


def _check_name(path: str, matrix: MatrixConfig) -> None:
    """Reject a matrix whose name says other values than the dataset: nf-core merges TPM, counts and lengths alike."""
    name = path.rpartition("/")[2]
    said = said_by(name)
    if said and said != matrix.unit.lower():
        raise invalid_matrix(
            f"its name says {said}, and the dataset says unit: {matrix.unit}; if the name is wrong, rename it"
        )
    if says_logarithms(name) and matrix.scale == "linear":
        raise invalid_matrix(
            "its name says logarithms, and the dataset says scale: linear; if the name is wrong, rename it"
        )


def _quantified(
    found: Quantification, rows: Iterable[Row], config: GenomicsConfig, path: str, genes: Genes
) -> MatrixCases:
    case = case_of_quantification(path)
    if not is_case_name(case):
        raise invalid_matrix(
            "it is the quantification of one sample, and its name does not say whose; upload it as <case>/<file>"
        )
    if is_quantification(path.rpartition("/")[2]) and config.require_matrix().scale != "linear":
        raise is_linear()
    columns = GeneColumns(lead=(0, 1), cases=(2,), names=(case,), left_out=())
    return GeneRows(columns, 3, found.rows(rows, genes, config.require_matrix()), config, "quantification")
