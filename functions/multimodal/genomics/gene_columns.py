"""Which columns of a matrix with genes as rows name the gene, which are cases, and what the cases are called."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from multimodal.genomics.config import MatrixConfig
from multimodal.genomics.keys import is_case_name
from multimodal.genomics.matrix_format import invalid_matrix
from multimodal.genomics.matrix_names import case_of_quantification, is_quantification
from multimodal.genomics.no_genes import NAMES_CASES

_WORDS = re.compile(r"[^a-z0-9]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ABOUT_GENES = _words(
    """
    gene genes geneid geneids genename genenames genesymbol genesymbols symbol symbols hugosymbol hgncsymbol
    hgncid entrezgeneid entrezid entrez ncbigeneid description desc ensembl ensemblid ensemblgeneid ensg
    geneensembl transcript transcriptid transcriptids transcripts chr chrom chromosome seqname start end stop
    strand length genelength exonlength medianlength effectivelength efflength width txlength genetype biotype
    genebiotype feature probe probeid probeset locus band cytoband cytogeneticband refseq uniprot havanagene gc
    gccontent exoncount exons coordinates compositeelementref hybridizationref
    """
)
"""Columns that say something of the gene, as the makers of matrices call them (without case and punctuation)."""

_STATISTICS = _words(
    """
    basemean log2foldchange lfcse stat pvalue pval padj qvalue svalue fdr logfc logcpm logratio aveexpr logodds lods
    dispersion mean sum total average median sd variance var min max std stdev stddev sem stderr se cv mad iqr
    q05 q10 q25 q50 q75 q90 q95 nonzero nonzeros nsamples ncells nexpressed entropy tau rank lfc fc foldchange score
    nes mappability
    """
)
"""Columns about all cases at once; none is a case."""

_OF_TESTS, _TABLES_OF_TESTS = _words("t f b lr"), _words("aveexpr logcpm")
"""limma's and edgeR's statistics, and what their tables have beside; alone they may be cases."""

_OF_GENES = re.compile(
    r"entrez|ensembl|hgnc|ncbi|refseq|uniprot|biotype|chromosome|gccontent|gene(?:id|name|symbol|type|length|version|chr\w*|start|end|strand|desc\w*|locus)"
    r"|transcript(?:id|name|length)|^(?:gene|transcript|exon|cds|tx)*(?:start|end|stop|length)(?:position|pos|bp|kb)?$"
    r"|^(?:n|num|nr|no|numberof)(?:exons?|transcripts?|isoforms?|probes?)$|^(?:exon|transcript|isoform|probe)s?(?:count|number)$"
)
_OF_ALL_CASES = re.compile(
    r"p.?adj|p.?val|q.?value|fdr|log2?.?(?:fc|fold.?change)|^(?:mean|median|average|avg|sd|percent|pct)[ _.]"
    r"|[ _.](?:mean|median|average|avg|std?|sd|sem)$"
)
"""Such columns under longer names (`gene_length_kb`, `start_position`; `padj_tumour_vs_normal`, `mean_tumour`)."""

_FIRST_COLUMNS = _words(
    """
    sample samples case cases caseid sampleid patient patientid id idref level name names position reference row
    rowname rownames source type unnamed unnamed0 version x
    """
)
"""What only a first column is called; of another one it may be a case."""

_KINDS = _words(
    """
    count counts rawcount rawcounts normalizedcount normalizedcounts scaledestimate transcriptid tpm fpkm rpkm cpm
    fpkmuq medianlengthnormalized signal avgsignal value values expression expr level abundance
    numreads estcounts expectedcount readcount zscore zscores vst rlog
    logtpm logfpkm logcpm log2tpm log2fpkm log2rpkm log2cpm log2count log2counts log2tpm1 log2fpkm1 log2cpm1 log2counts1
    log2expression log2signal
    """
)
"""What values are called; a case is not."""

_DONE = (
    "aligned sortedbycoord totranscriptome markdup mkdup rmdup dedup md sorted sort umi primary out star hisat2 hisat"
)
_FILE = re.compile(
    rf"(?:mab|mas|marc|(?:zg\.)?lec|txt|vst|vsc)\.(?:(?:{'|'.join(_DONE[::-1].split())})[._-]?)*", re.IGNORECASE
)
"""How a file's name ends, with the steps before (`.Aligned.out.bam`): backwards, or a long cell would take minutes."""
_BEHIND_CASE = re.compile(r"(?<=.)[._-](?:star_)?(?:quant|salmon|kallisto|rsem|stringtie|htseq|dragen)$", re.IGNORECASE)
"""How tximport and salmon's `quantmerge` call a column by the folder (`R01-001_quant`)."""
_NUMBERED = re.compile(r"\.\d{1,2}$")
_MADE_BY_R = re.compile(r"X\d")
_HELD = (
    r"tpm|fpkm(?:.uq)?|rpkm|cpm|(?:(?:raw|read|expected|est|norm(?:ali[sz]ed)?).?)?(?:counts?|reads)|abundance"
    r"|(?:avg[._]?)?signal|log(?:2|10)|z.?scores?|rlog"
)
_HOLDS = re.compile(
    rf"^(?:{_HELD})[._ -]|[._ -](?:{_HELD}|log|vst|rma)$",  # RMA-001 may be a case of a place
    re.IGNORECASE,
)
"""What stands before or behind a case's name where a column says what it holds, as StringTie's `FPKM.R01-001`."""

_UNKNOWN = _words("#n/a #na n.a. n.d. nd none #value! #div/0! #ref! - . ? true false")
"""Text that describes no gene: a column of it is a case without values."""
R_HINT = (
    "; if R wrote R01.001 for R01-001, set genomics.matrix.case_names: undo_r and deploy, or write the matrix with "
    "check.names = FALSE"
)


@dataclass(frozen=True)
class GeneColumns:
    """Columns of a matrix with genes as rows."""

    lead: tuple[int, ...]
    """Positions of those that may name the gene."""
    cases: tuple[int, ...]
    """Positions of the cases."""
    names: tuple[str, ...]
    """Names of the cases, in the order of `cases`."""
    left_out: tuple[str, ...]
    """Names of columns that are neither."""


def split_columns(
    names: Sequence[str], head: Sequence[Sequence[str]], matrix: MatrixConfig, about_genes: int = 0
) -> GeneColumns:
    """Tell the columns of a matrix apart.

    Parameters
    ----------
    names : sequence of str
        The header.
    head : sequence of sequence of str
        Some of the rows below.
    matrix : MatrixConfig
    about_genes : int
        Columns behind the first that are known to describe the gene, numbers too (`pr_is_lm` of a GCT).

    Raises
    ------
    BadInputError
        `MATRIX_INVALID` when there is no case, or R may have renamed the cases.
    """
    keys = [_WORDS.sub("", name.lower()) for name in names]
    # What follows the first column and holds text describes the gene, whatever it is called.
    lead = min(1 + about_genes, len(names))
    while lead < len(names) and (_is_about_genes(keys[lead]) or is_text(head, lead, matrix)):
        lead += 1
    about = [at for at, key in enumerate(keys) if at < lead or _is_about_genes(key)]
    statistics = _statistics(names, keys)
    out = {at for at, name in enumerate(names) if name in matrix.ignore or (at in statistics and at >= lead)}
    cases = tuple(at for at in range(lead, len(names)) if at not in out and at not in about)
    unlike = _unlike(names, cases, matrix)
    out |= {at for at in unlike if not any(_is_number(row[at]) for row in head if at < len(row))}
    _check_no_number(names, unlike - out)
    cases = tuple(at for at in cases if at not in out)
    _check_cases(names, keys, lead, cases)
    named = tuple(case_of_column(names[at], matrix) for at in cases)
    _check_called([names[at] for at in cases], named, matrix)
    left_out = tuple(names[at] for at in sorted({*about[1:], *out}))
    return GeneColumns(tuple(at for at in about if at not in out), cases, named, left_out)


def _check_cases(names: Sequence[str], keys: Sequence[str], lead: int, cases: Sequence[int]) -> None:
    """Reject columns that are no cases at all: of a table with a row per gene and case, or called by what they hold."""
    is_of_nobody = len(cases) == 1 and bool(NAMES_CASES.match(names[cases[0]]))
    if not is_of_nobody:
        reject_long_table(names[int(lead == 1) :])  # Xena calls the column of genes `sample`
    if not cases:
        raise invalid_matrix("it has no column of a case")
    if is_of_nobody or any(keys[at] in _KINDS for at in cases):
        named = next((names[at] for at in cases if keys[at] in _KINDS), names[cases[0]])
        raise invalid_matrix(
            f"its column {named!r} says what it holds, and nothing says of which case; call the column by the case"
        )


def _check_called(columns: Sequence[str], named: Sequence[str], matrix: MatrixConfig) -> None:
    """Reject cases whose names a program changed, or that say what they hold beside the case."""
    if matrix.case_names is None and any(map(_MADE_BY_R.match, named)):
        raise invalid_matrix(
            "cases begin with X and a digit, as R writes names that begin with a digit; set "
            "genomics.matrix.case_names: undo_r, or exact when they are called so, and deploy"
        )
    numbered = _numbered_by_a_program(columns, named, matrix)
    if numbered:
        raise invalid_matrix(
            f"the case {numbered} has several columns, which a program numbered (.1, .2); leave one of them, or rename "
            "the others"
        )
    if matrix.case_names is None and _say_what_they_hold(named):
        raise invalid_matrix(
            "its columns say what they hold beside the case, such as R01-001_TPM or FPKM.R01-001; keep those with "
            f"values in {matrix.unit}, which the dataset's file names, and call each by its case alone (or set "
            "genomics.matrix.case_names: exact, if cases are called so, and deploy)"
        )


def _unlike(names: Sequence[str], cases: Sequence[int], matrix: MatrixConfig) -> set[int]:
    """Return the columns without a digit in their names among others that have one.

    A statistic, a pool or a control is no patient.
    """
    unlike = {at for at in cases if not any(map(str.isdigit, names[at]))}
    return unlike if matrix.case_names is None and _FEWEST_ALIKE * len(unlike) <= len(cases) - len(unlike) else set()


def _check_no_number(names: Sequence[str], unlike: Iterable[int]) -> None:
    for at in unlike:
        raise invalid_matrix(
            f"its column {names[at]!r} is called unlike the cases; name it under genomics.matrix.ignore if it is none, "
            "or set genomics.matrix.case_names: exact if it is one, and deploy"
        )


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


_FEWEST_ALIKE = 2
"""So many cases with a digit in their names stand against one without."""


def _is_about_genes(key: str) -> bool:
    return key in _ABOUT_GENES or bool(_OF_GENES.search(key))


def _statistics(names: Sequence[str], keys: Sequence[str]) -> set[int]:
    """Return the positions of columns about all cases at once."""
    known = _STATISTICS if _TABLES_OF_TESTS.isdisjoint(keys) else _STATISTICS | _OF_TESTS
    return {at for at, name in enumerate(names) if keys[at] in known or _OF_ALL_CASES.search(name.lower())}


def reject_long_table(names: Iterable[str]) -> None:
    """Reject a table with a row per gene and case: its values of all cases would be added up as one's.

    Raises
    ------
    BadInputError
        `MATRIX_INVALID` when one of the columns names cases.
    """
    of_cases = next(filter(NAMES_CASES.match, names), None)
    if of_cases is not None:
        raise invalid_matrix(
            f"its column {of_cases!r} names a case in each row; write one row a gene and one column a case (R: "
            "tidyr::pivot_wider, pandas: pivot)"
        )


def _numbered_by_a_program(columns: Sequence[str], cases: Sequence[str], matrix: MatrixConfig) -> str:
    """Return a case of which R or pandas numbered another column: `R01.001.1` beside `R01.001` is none of its own."""
    stems = (case_of_column(name.rpartition(".")[0], matrix) for name in columns if _NUMBERED.search(name))
    return next((stem for stem in stems if stem in cases), "")


def _say_what_they_hold(cases: Sequence[str]) -> bool:
    """Whether all columns do, or some beside a column that is called by the case alone."""
    stems = [_HOLDS.sub("", case) for case in cases if _HOLDS.search(case)]
    return len(stems) == len(cases) or not {*stems}.isdisjoint(cases)


def is_heading(name: str) -> bool:
    """Whether a first column may be called so: by nothing, or by what it says of genes."""
    key = _WORDS.sub("", name.lower())
    return not key or _is_about_genes(key) or key in _FIRST_COLUMNS


_SAYS = re.compile(r"[^\W\d_]|\d[-/.]\d+[-/.]\d")


def is_described(cells: Iterable[str], matrix: MatrixConfig) -> bool:
    """Whether cells are words or days and none is a number: TCGA's `raw_count` below the header, a sex, a stage."""
    there = [cell for cell in map(str.strip, cells) if cell not in {"", *matrix.missing}]
    return any(cell.lower() not in _UNKNOWN for cell in there) and all(
        not _is_number(cell) and (_SAYS.search(cell) or cell.lower() in _UNKNOWN) for cell in there
    )


def is_text(head: Sequence[Sequence[str]], at: int, matrix: MatrixConfig) -> bool:
    """Whether a column has text in most of its rows."""
    cells = [row[at].strip() for row in head if at < len(row)]
    return sum(not is_value(cell, matrix) and cell.lower() not in _UNKNOWN for cell in cells) * 2 > len(cells)


def is_value(cell: str, matrix: MatrixConfig) -> bool:
    """Whether a cell is a number, or stands for one that is missing."""
    return cell == "" or cell in matrix.missing or _is_number(cell)


def case_of_column(name: str, matrix: MatrixConfig) -> str:
    """Return the case that a column, or a row, is called by: featureCounts names the alignment, R changes names.

    Examples
    --------
    >>> case_of_column("bam/R01-001.Aligned.sortedByCoord.out.bam", matrix)  # doctest: +SKIP
    'R01-001'
    """
    if matrix.case_names == "exact" and is_case_name(name):
        return name
    plain, undone = called_by(name)
    return undone if matrix.case_names == "undo_r" else plain


def _is_of_program(path: str) -> bool:
    """Whether a column is called by a program's file (`R01-001.genes.results`); `.counts` says what is held."""
    return is_quantification(path.rpartition("/")[2]) and not path.lower().endswith("counts")


def called_by(name: str) -> tuple[str, str]:
    """Return the case that a column's name says, as it is written, and with what R did to it undone."""
    path = re.sub(r"[/\\]+", "/", name)
    end = _FILE.match(name[::-1])
    without = case_of_quantification(path) if _is_of_program(path) else name[: -end.end()] if end else name
    if without and without != name:
        name = re.split(r"[/\\]", without)[-1]
    name = _BEHIND_CASE.sub("", name)
    return name, re.sub(r"^X(?=\d)", "", name).replace(".", "-")
