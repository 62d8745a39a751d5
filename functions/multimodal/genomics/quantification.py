"""Ready quantifications of one sample as rows of genes with one value.

Sources: salmon and kallisto manuals ("quant.sf", "abundance.tsv"), RSEM's rsem-calculate-expression ("genes.results"),
STAR's manual ("ReadsPerGene.out.tab": unstranded, first and second strand), GDC mRNA pipeline ("STAR - Counts"),
Cufflinks' manual ("FPKM tracking format").
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from multimodal.genomics.config import ExpressionUnit, MatrixConfig
from multimodal.genomics.gene_columns import reject_long_table
from multimodal.genomics.matrix_cases import Row
from multimodal.genomics.matrix_format import CellError, invalid_matrix, read_values
from multimodal.genomics.matrix_names import TX2GENE
from multimodal.ledger.errors import BadInputError

_WORDS = re.compile(r"[^a-z0-9]+")

_VALUES: Mapping[str, ExpressionUnit] = {
    "tpm": "TPM",
    "tpmunstranded": "TPM",
    "fpkm": "FPKM",
    "fpkmunstranded": "FPKM",
    "fpkmuqunstranded": "FPKM-UQ",
    "numreads": "counts",
    "expectedcount": "counts",
    "estcounts": "counts",
    "unstranded": "counts",
    "count": "counts",
    "counts": "counts",
    "rawcount": "counts",
    "rawcounts": "counts",
    "readcount": "counts",
    "rpkm": "RPKM",
    "cpm": "CPM",
}
_STRANDED = {"forward": "strandedfirst", "reverse": "strandedsecond"}
_GENES = ("geneid", "gene", "name", "genename", "targetid", "transcriptid")
_FIRST = (*_GENES, "transcriptids", "trackingid")
_SYMBOLS = ("genename", "genesymbol", "geneshortname")
_FAILED = frozenset({"FAIL", "HIDATA"})
"""What Cufflinks says of genes that it did not quantify, for which it writes 0 (its manual, "FPKM tracking format")."""
_STAR = {"unstranded": 1, "forward": 2, "reverse": 3}

_MUCH_MORE = 4
"""Between the strands' counts: a stranded library has over 80 % on its own, another one half."""

_TRANSCRIPT = re.compile(r"(?:rna-|transcript:)?(?:ENS[A-Z]*T\d{11}|[NX][MR]_\d+)|FBtr\d{7}")

Genes = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Quantification:
    """Where a quantification has its genes and the value of the dataset's unit."""

    gene_at: int
    symbol_at: int | None
    value_at: int
    has_transcripts: bool
    """Whether its rows are transcripts, whose values are summed by gene."""
    needs_genes: bool = False
    """Whether another table has to say of which genes."""
    other_strand_at: int | None = None
    """Where the counts of the other strand are, if those of one were asked for."""

    def rows(self, rows: Iterable[Row], genes: Genes, matrix: MatrixConfig) -> Iterator[Row]:
        """Yield rows of gene id, symbol and value.

        Parameters
        ----------
        rows : iterable of Row
        genes : mapping
            Transcript → gene id and symbol, as `tx2gene.tsv` has them.
        matrix : MatrixConfig

        Raises
        ------
        BadInputError
            `MATRIX_INVALID` when nothing says of which genes the transcripts are.
        """
        if self.needs_genes and not genes:
            raise invalid_matrix(
                f"its rows are transcripts, and nothing says of which genes; upload {TX2GENE} (transcript_id, gene_id, "
                "gene_name) beside the cases and retry, or upload the table of genes (salmon quant --geneMap writes "
                "quant.genes.sf)"
            )
        if self.has_transcripts and matrix.scale != "linear":
            raise is_linear()
        return self._summed(rows, genes, matrix) if self.has_transcripts else self._listed(rows)

    def _listed(self, rows: Iterable[Row]) -> Iterator[Row]:
        taken = other = 0
        for number, cells in rows:
            failed = not _FAILED.isdisjoint(cells)
            yield number, [*self._names(number, cells), "" if failed else cells[self.value_at]]
            if self.other_strand_at is not None and not cells[self.gene_at].startswith("N_"):
                taken += _count(cells, self.value_at)
                other += _count(cells, self.other_strand_at)
        if other * _MUCH_MORE > taken:
            library = "of the other strand" if other > taken * _MUCH_MORE else "not stranded, and the counts a part"
            raise invalid_matrix(
                f"the strand that the dataset names has {taken} counts of genes and the other one {other}, so the "
                f"library is {library}; correct genomics.matrix.strandedness, raise group_version and deploy"
            )

    def _names(self, number: int, cells: Sequence[str]) -> tuple[str, str]:
        if len(cells) <= max(self.gene_at, self.value_at, self.symbol_at or 0):
            raise invalid_matrix(f"row {number} has {len(cells)} cells")
        return cells[self.gene_at], "" if self.symbol_at is None else cells[self.symbol_at]

    def _summed(self, rows: Iterable[Row], genes: Genes, matrix: MatrixConfig) -> Iterator[Row]:
        sums: dict[tuple[str, str], float] = {}
        for number, cells in rows:
            label, symbol = self._names(number, cells)
            gene = _genes_of_label(label) if "|" in label else (label, symbol)
            if self.needs_genes:
                if label not in genes:
                    raise invalid_matrix(
                        f"row {number} has a transcript that {TX2GENE} lacks; upload that of the same run"
                    )
                gene = genes[label]
            sums[gene] = sums.get(gene, 0.0) + _value(number, cells[self.value_at], matrix)
        for number, ((gene_id, symbol), total) in enumerate(sums.items(), start=2):
            text = repr(total)
            yield number, [gene_id, symbol, text.replace(".", ",") if matrix.decimal == "comma" else text]


def _value(number: int, cell: str, matrix: MatrixConfig) -> float:
    """Return a transcript's value: a sum hides one that is missing, negative or no number."""
    try:
        (value,) = read_values([cell], matrix, frozenset())
    except CellError as error:
        raise invalid_matrix(f"row {number}: {error.message}") from None
    return value or 0.0


def is_linear() -> BadInputError:
    """Return the error of a quantification for a dataset of logarithms."""
    return invalid_matrix(
        "it is a program's quantification, whose values are linear, and the dataset says scale: log2_plus_1; set "
        "genomics.matrix.scale: linear, raise group_version and deploy"
    )


def _count(cells: Sequence[str], at: int) -> int:
    return int(cells[at]) if len(cells) > at and cells[at].isdigit() else 0


def _genes_of_label(label: str) -> tuple[str, str]:
    """Return gene id and symbol of a GENCODE transcript (`ENST…|ENSG…|…|…|VIM-201|VIM|…`)."""
    parts = label.split("|")
    return (parts[1], parts[5]) if len(parts) > 5 else (parts[1], "")


def find_quantification(names: Sequence[str], head: Sequence[Row], matrix: MatrixConfig) -> Quantification | None:
    """Recognise the quantification of one sample by its header; None when it is something else.

    Raises
    ------
    BadInputError
        `MATRIX_INVALID` when it has no value of the dataset's unit.
    """
    keys = [_WORDS.sub("", name.lower()) for name in names]
    units = {_VALUES[key]: at for at, key in reversed([*enumerate(keys)]) if key in _VALUES}
    genes = [at for key in _GENES for at, found in enumerate(keys) if found == key]
    if not units or not genes or keys[0] not in _FIRST:
        return None
    reject_long_table(names[1:])
    value_at, other_at = units.get(matrix.unit), None
    if matrix.unit == "counts" and matrix.strandedness in _STRANDED and {*_STRANDED.values()} <= {*keys}:
        value_at = keys.index(_STRANDED[matrix.strandedness])
        other_at = next(keys.index(key) for strand, key in _STRANDED.items() if strand != matrix.strandedness)
    if value_at is None:
        raise invalid_matrix(f"it has {', '.join(reversed(units))}, and the dataset says unit: {matrix.unit}")
    twice = [names[at] for at, key in enumerate(keys) if _VALUES.get(key) == matrix.unit]
    if len(twice) > 1:
        raise invalid_matrix(f"its columns {' and '.join(twice)} both hold {matrix.unit}; leave the one that is meant")
    if keys[value_at] == "unstranded" and matrix.strandedness in _STRANDED:
        raise invalid_matrix(f"it has no column of the strand that the dataset names ({matrix.strandedness})")
    symbol_at = next((at for at, key in enumerate(keys) if key in _SYMBOLS and at != genes[0]), None)
    labels = [cells[genes[0]] for _, cells in head if len(cells) > genes[0]]
    if keys[0] == "transcriptid" and "geneid" in keys:  # RSEM's isoforms
        return Quantification(genes[0], symbol_at, value_at, has_transcripts=True)
    has_transcripts = any(map(_TRANSCRIPT.match, labels))
    needs_genes = any(_TRANSCRIPT.match(label) and "|ENS" not in label for label in labels)
    return Quantification(genes[0], symbol_at, value_at, has_transcripts, needs_genes, other_at)


def read_tx2gene(lines: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the gene id and the symbol of each transcript of a `tx2gene.tsv`, with or without a header."""
    rows = (line.rstrip("\r\n").split("\t") for line in lines)
    return {cells[0]: (cells[1], cells[2] if len(cells) > 2 else "") for cells in rows if len(cells) > 1}


def find_headerless(first_row: Sequence[str], matrix: MatrixConfig) -> Quantification | None:
    """Recognise STAR's and HTSeq's counts, which have no header, by the first of their rows."""
    numbers = [cell.strip().isdigit() for cell in first_row[1:]]
    has_symbols = numbers == [False, True]  # HTSeq's --additional-attr
    if not has_symbols and not (len(numbers) in {1, 3} and all(numbers)):
        return None
    if matrix.unit != "counts":
        raise invalid_matrix(f"it has counts, and the dataset says unit: {matrix.unit}")
    if has_symbols or len(numbers) == 1:
        return Quantification(0, 1 if has_symbols else None, len(numbers), has_transcripts=False)
    value_at = _STAR[matrix.strandedness]
    return Quantification(0, None, value_at, has_transcripts=False, other_strand_at={2: 3, 3: 2}.get(value_at))
