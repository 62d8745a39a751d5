"""Names of ready expression values: matrices directly in a dataset's folder, and quantifications of one sample.

Sources of the names: salmon, kallisto, RSEM, STAR, StringTie, DRAGEN, HTSeq, GDC ("Bioinformatics Pipeline: mRNA").
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from multimodal.ledger.unit import MATRIX_CASE, MATRIX_NAME, Unit, case_unit

_TABLE = re.compile(
    r"\.(csv|tsv|txt|tab|gct|cct|counts|sf|results|(?:fpkm|count)_table|fpkm_tracking)(\.gz)?$", re.IGNORECASE
)
_WITHOUT_ENDING = re.compile(
    r"^[^.]+$|^(?!.*\.(?:fastq|fq|fa|fasta|fna|faa|gtf|gff3?|bed|vcf|bcf|sam|bam|cram|tar|json|xml|html|pdf|h5ad|h5|mtx|rds)"
    r"\.gz$).*\.gz$",
    re.IGNORECASE,
)
"""As Xena's files are called (`HiSeqV2`, `TCGA.LUAD.sampleMap_HiSeqV2.gz`)."""

TX2GENE = "tx2gene.tsv"
"""Beside the cases, it says of which genes transcripts are: transcript_id, gene_id, gene_name, as nf-core writes it."""

_NOTICE = re.compile(
    r"^(\.|~\$|meta_\w+\.txt$|readme|licen[sc]e|md5|sha\d|checksums?|manifest)|.*\.summary$", re.IGNORECASE
)
_SPREADSHEET = re.compile(r"\.(xlsx|xlsm|xlsb|xls|ods|numbers)$", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(zip|tar|tar\.gz|tgz|7z|rar)$", re.IGNORECASE)
_LIKE_A_SHEET = re.compile(
    r"(?:sample[ _-]?sheet|fastq[ _-]?list|accessions?|sra[ _-]?run[ _-]?table|srr[ _-]?acc[ _-]?list)"
    r"[^/]*\.(?:csv|tsv|txt)$",
    re.IGNORECASE,
)
"""Other names for sheets of samples: as a matrix one would fail, and reads be taken without what it says of them."""
_LIKE_TX2GENE = re.compile(r"(?:.*[._-])?tx2gene[^/]*\.(?:csv|tsv|txt)(?:\.gz)?$", re.IGNORECASE)
_OTHER_FORMATS = {
    "h5ad|h5mu|zarr|zarr.zip": "a file of AnnData; save adata.to_df().T with to_csv(…, sep='\\t')",
    "loom": "a loom file; read it with anndata.read_loom, and save adata.to_df().T with to_csv(…, sep='\\t')",
    "rds|rda|rdata|h5seurat|qs": "a file of R's objects; save its matrix with write.table(x, …, sep='\\t')",
    "mtx": "a sparse matrix (Matrix Market), without names of its genes; join it with them into one table",
    "h5|hdf5": "an HDF5 file; export its matrix",
    "parquet|feather|arrow": "a table for programs (Parquet, Arrow); save it with to_csv(…, sep='\\t')",
    "npy|npz|pkl|pickle|mat": "an array of a program, without names of its genes; join it with them into one table",
}
"""Ending → what a file that may hold a matrix is, and how to make text of it."""

_QUANTIFICATION = re.compile(
    r"^(?:(?P<case>.+?)[._-]?)?(?:quant(?:\.genes)?\.sf|abundance\.tsv|(?:genes|isoforms)\.results"
    r"|ReadsPerGene\.out\.tab|(?:rna_seq\.)?augmented_star_gene_counts\.tsv|gene[_.]abund(?:ances?)?\.(?:tab|tsv|txt)"
    r"|genes\.fpkm_tracking"
    r"|htseq\.counts|\.counts)(?:\.gz)?$",
    re.IGNORECASE,
)
_PROGRAM = r"(?:star_)?(?:salmon|kallisto|rsem|star|htseq|stringtie|cufflinks|quant|quants|dragen)"
_PROGRAMS = re.compile(rf"^{_PROGRAM}$", re.IGNORECASE)
_CONTENT = (
    r"(?:genes?|expression|expr|matrix|counts?|tpm|fpkm|rpkm|cpm|results?|values?|data|table|abundances?|merged|all|output|raw"
    r"|levels?|normali[sz]ed)"
)
_OF_CONTENT = re.compile(rf"^(?:{_CONTENT}[._-]*)+$", re.IGNORECASE)
_OF_NOBODY = re.compile(
    r"(?:\d{1,2}[._-]?)?(?:(?:raw|clean|trimmed|filtered|demultiplexed|unaligned|basecalls|intensities)[._-]?)?"
    r"(?:data|reads|fastqs?|fqs?|results?|out|outputs?|downloads?|uploads?|files|desktop|documents|te?mp)?",
    re.IGNORECASE,
)
_BEHIND_CASE = re.compile(rf"(?<=.)(?:[._-](?:{_PROGRAM}|{_CONTENT}))+$", re.IGNORECASE)
"""As salmon's tutorial calls its folders (`R01-001_quant`), and people their files (`R01-001_counts.txt`)."""
_BESIDE = re.compile(r"^(aux_info|libParams|logs?|_STARpass1|_STARgenome)$")
_BESIDE_TABLE = re.compile(
    r"^(?:abundance\.h5|lib_format_counts\.json|cmd_info\.json|run_info\.json)$"
    r"|\.fpkm_tracking$|\.ctab$|\.gtf$|(?:^|[._])(?:SJ\.out\.tab|Log(?:\.\w+)?\.out)$|\.(?:cnt|model|theta|summary)$"
)
"""What salmon, kallisto, Cufflinks, StringTie, STAR, RSEM and featureCounts write beside."""
_UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

SPREADSHEET_RULE = "spreadsheets are not taken; save the sheet as tab-separated text (.tsv) and upload that"
SHEET_RULE = (
    "sheets that say whose reads are whose are called samplesheet.csv (sample,fastq_1,fastq_2), fastq_list.csv or "
    "accessions.csv (sample,accession), in small letters; rename it (tabs are fine), or leave out a sequencer's own"
)
TX2GENE_RULE = (
    f"the table of transcripts and genes is called {TX2GENE}, in small letters and with tabs, and lies directly under "
    "genomics/<dataset>/; rename it"
)
ARCHIVE_RULE = "archives are not taken; unpack it and upload what is in it"
_AS_TEXT = "as text (.tsv or .csv, also gzipped), one row a gene and one column a case, or the other way round"
WHOSE_RULE = (
    "a quantification of one sample, and its name does not say whose; upload it as "
    "genomics/<dataset>/<case>/<file>, one file a case"
)


_TRANSFORMED = re.compile(
    r"(?<![a-z])(z[._ -]?scores?|vst|rlog|rma|fold[._ -]?changes?|log2?fc|median[._ -]?cent[a-z]*"
    r"|percentiles?|ratios?)(?![a-z])",
    re.IGNORECASE,
)
_OTHER_DATA = re.compile(r"(?<![a-z])(cn[av]|gistic|methylation)(?![a-z])", re.IGNORECASE)
"""What is no expression, unless a unit of expression stands beside it (`cohort_with_cnv_tpm.tsv`)."""
_LOGARITHMS = re.compile(
    r"(?<![a-z])log(?:2|10)?[ .-]?(?:\(|tpm|cpm|fpkm|rpkm|counts)|(?<![a-z])log(?:2|10)(?![a-z0-9])|logp1",
    re.IGNORECASE,
)
_SAYS = re.compile(r"(?<![a-z])(tpm|fpkm(?:[.-]?uq)?|rpkm|cpm|counts?|lengths?)(?![a-z])", re.IGNORECASE)


def said_by(name: str) -> str:
    """Return what a file's name says of its values (`tpm`, `fpkm-uq`, `counts`, `z-scores` and so on), if one thing.

    Examples
    --------
    >>> said_by("salmon.merged.gene_counts.tsv")
    'counts'
    >>> said_by("counts_to_tpm.tsv")
    ''
    """
    name = name.replace("_", ".")
    words = {match.lower().removesuffix("s") for match in _SAYS.findall(name)}
    transformed = _TRANSFORMED.search(name) or (words <= {"count", "length"} and _OTHER_DATA.search(name))
    if transformed:
        return transformed[0].lower()
    words = {re.sub(r"fpkm.?uq", "fpkm-uq", word) for word in words}
    words -= {"length"} if len(words) > 1 else set()  # counts may be scaled by lengths
    word = words.pop() if len(words) == 1 else ""
    return f"{word}s" if word in {"count", "length"} else word


def says_logarithms(name: str) -> bool:
    """Whether a file's name says that its values are logarithms (`log2_tpm`, `logCPM`)."""
    return bool(_LOGARITHMS.search(name.replace("_", ".")))


def is_notice(name: str) -> bool:
    """Whether a file only comes along with others: a read-me, a licence, a checksum, a program's summary."""
    return bool(_NOTICE.match(name))


def is_text(name: str) -> bool:
    """Whether a file is called as a table is: a matrix, a sheet or another list."""
    return bool(_TABLE.search(name) or _WITHOUT_ENDING.search(name))


def is_matrix(name: str) -> bool:
    """Whether a file directly in a dataset's folder may be a matrix; its content decides."""
    return is_text(name) and not (is_notice(name) or _LIKE_A_SHEET.match(name) or _is_like_tx2gene(name))


def _is_like_tx2gene(name: str) -> bool:
    """Whether a file is called as a table of transcripts and genes, and not as values that were summed by one."""
    return bool(_LIKE_TX2GENE.match(name)) and not said_by(name)


def is_quantification(name: str) -> bool:
    """Whether a file is called as programs call the quantification of one sample."""
    return bool(_QUANTIFICATION.match(name))


def rule_against(name: str) -> str:
    """Return why a file that may hold a matrix is not taken; empty when it is nothing of the kind."""
    if is_notice(name):
        return ""
    if _LIKE_A_SHEET.match(name):
        return SHEET_RULE
    if _is_like_tx2gene(name) and name != TX2GENE:
        return TX2GENE_RULE
    if _SPREADSHEET.search(name):
        return SPREADSHEET_RULE
    return rule_against_format(name) or (ARCHIVE_RULE if _ARCHIVE.search(name) else "")


def rule_against_format(name: str) -> str:
    """Return what a file is that may hold a matrix in a format that is not read; empty for other files.

    Examples
    --------
    >>> rule_against_format("counts.h5").partition(";")[0]
    'an HDF5 file'
    """
    lower = name.lower().removesuffix(".gz")
    for endings, said in _OTHER_FORMATS.items():
        if lower.endswith(tuple(f".{ending}" for ending in endings.split("|"))):
            return f"{said}, and upload it {_AS_TEXT}"
    return ""


def is_beside_quantification(path: Sequence[str]) -> bool:
    """Whether a file in a case's folder is what quantifiers write beside their tables (`aux_info/fld.gz`)."""
    return any(_BESIDE.match(part) for part in path[:-1]) or bool(_BESIDE_TABLE.search(path[-1]))


def is_called_by_content(name: str) -> bool:
    """Whether a file or folder is called by what it holds (`00.RawData`), or as any computer has it: by no case.

    Examples
    --------
    >>> [is_called_by_content(name) for name in ("00.RawData", "Downloads", "gene_counts", "R01-001", "07")]
    [True, True, True, False, False]
    """
    return bool(_OF_CONTENT.match(name) or _OF_NOBODY.fullmatch(name)) and not name.isdigit()


def case_of_quantification(path: str) -> str:
    """Return whose quantification a file is, from its path below the dataset; empty when the path does not say.

    The folder says it, whatever folders of programs or results are above or below it; else what precedes the program's
    name. An id of a file (as GDC's downloads have) is nobody's name.

    Examples
    --------
    >>> case_of_quantification("R01-001/salmon/quant.genes.sf"), case_of_quantification("R01-001_quant/quant.sf")
    ('R01-001', 'R01-001')
    >>> case_of_quantification("R01-001.genes.results")
    'R01-001'
    >>> case_of_quantification("results/quant.sf")
    ''
    """
    *folders, name = path.split("/")
    named = [folder for folder in folders if _may_name_case(folder)]
    if not named:
        match = _QUANTIFICATION.match(name)
        stem = _TABLE.sub("", name) if match is None else match["case"] or ""
        named = list(filter(_may_name_case, [stem.rstrip("._-")]))
    return _BEHIND_CASE.sub("", named[0]) if len(named) == 1 and not _UUID.match(named[0]) else ""


def _may_name_case(name: str) -> bool:
    return not (_PROGRAMS.match(name) or is_called_by_content(name))


def matrix_unit(dataset: str, path: str) -> Unit:
    """Return the unit of a matrix or a quantification; `path` is below the dataset's folder."""
    return case_unit(dataset, MATRIX_CASE if path == MATRIX_NAME else f"{MATRIX_CASE}/{path}")


def path_below_dataset(uri: str) -> str:
    """Return the path below the dataset of an object's address (`s3://bucket/genomics/<dataset>/…`)."""
    parts = PurePosixPath(uri.partition("://")[2]).parts
    return "/".join(parts[3:])
