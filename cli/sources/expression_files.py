"""Which files hold expression values, by a look into them, and whose quantification a file is."""

import gzip
import re
import zlib
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from cli.errors import UsageError
from multimodal.genomics.matrix_names import (
    case_of_quantification,
    is_called_by_content,
    is_matrix,
    is_quantification,
    rule_against_format,
)
from multimodal.ledger.unit import MATRIX_NAME

_LINES = 250_000
_START = 400
"""Characters of a line that are looked at: the first columns."""
_HEADER = 2_000_000

_KNOWN = frozenset(
    {"ACTB", "GAPDH", "TP53", "EGFR", "VIM", "CD44", "KRAS", "MYC", "PTEN", "RB1", "STK11", "ALK", "B2M"}
)
"""Genes that any list of genes has; a clinical table has columns for some, never rows."""
_IDS = re.compile(r"ENS[A-Z]{0,6}[GT]\d{11}|\d+(?:_\w)*_at$|ILMN_\d{6}")
"""Of Ensembl, and of microarrays' probes."""
_FIRST_COLUMN = re.compile(
    r"(?:gene|hugo|hgnc|entrez|ensembl|probe(?:set)?|id_?ref|symbol)s?(?:[ _.-]?(?:gene|id|name|symbol)s?)*$",
    re.IGNORECASE,
)
"""What a column of genes is called; a clinical table's first column is not."""
_CELLS = re.compile(r'[\t,;|"() ]+')

_ENOUGH_ROWS, _ENOUGH_COLUMNS = 2, 6

_ADVICE = (
    (r"\.(bam|cram|sam)$", "Alignments are not taken; make reads of them (samtools fastq) and upload those."),
    (r"\.ora$", "Decompress it with orad (Illumina), and upload the .fastq.gz in a folder for each case."),
    (r"\.(xlsx|xlsm|xlsb|xls|ods|numbers)$", "Save each sheet as CSV (UTF-8), and upload that."),
    (r"\.(z?s[a]v|por|dta|sas7bdat|xpt)$", "Export the table as CSV (UTF-8) from the statistics program; upload it."),
    (r"\.(json|ndjson|jsonl|xml|sqlite|db|mdb|accdb)$", "Make a table (.csv) of it, one row a case, and upload that."),
    (r"\.(tab|dat|psv)$", "Call a table .csv or .tsv; commas, semicolons or tabs divide its columns."),
    (r"^[sed]rr\d{6,9}(\.(sra)?lite)?(\.\d)?$", "It is an object of the Sequence Read Archive; call it <run>.sra."),
    (
        r"\.(fa|fasta|fna|gtf|gff3?)(\.b?gz)?$",
        "A reference is a folder: upload PATH with PATH/_references/<name>/ in it.",
    ),
    (r"\.(vcf|bcf|maf|bed|bedgraph|wig|bw|bigwig)(\.b?gz)?$", "Variants and tracks are not taken, only expression."),
    (r"\.(tar|tgz|7z|rar)(\.gz)?$", "Unpack it, and upload what is in it."),
    (r"\.(gz|bz2|xz|zst)$", "Decompress it, and upload what is in it; only reads and matrices are taken as .gz."),
)


def is_expression(path: Path) -> bool:
    """Whether a file holds expression values: its name is a quantifier's, or its rows or columns are genes."""
    if path.name == MATRIX_NAME or is_quantification(path.name):
        return True
    return is_matrix(path.name) and path.is_file() and _has_genes(path)


def _has_genes(path: Path) -> bool:
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            header = _text(file.readline(_HEADER))
            if _genes(_CELLS.split(header)) >= _ENOUGH_COLUMNS:
                return True
            first, *others = re.split(r"[\t,;]", header)
            if others and _FIRST_COLUMN.match(first.strip('" \r\n')):
                return True
            found = 0
            for line in islice(file, _LINES):
                found += min(_genes(_CELLS.split(_text(line[:_START]))[:4]), 1)
                if found == _ENOUGH_ROWS:
                    return True
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path} cannot be read.", hint=str(error)) from error
    return False


def _text(line: bytes) -> str:
    """Return a line of UTF-8, or of what spreadsheets call Unicode text (UTF-16)."""
    return line.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe").decode("utf-8", errors="replace")


def _genes(cells: Sequence[str]) -> int:
    """Return how many cells are genes; symbols of mice are written small."""
    return sum(cell.upper() in _KNOWN or bool(_IDS.match(cell)) for cell in cells)


def key_of_quantification(path: Path, key: str) -> str:
    """Return a quantification's key below the dataset: with the folders above it, where they say whose it is.

    Raises
    ------
    UsageError
        When nothing says so.
    """
    above = path.resolve().parents
    depth = key.count("/")
    for more in range(3):
        folders = [folder.name for folder in reversed(above[depth : depth + more])]
        if any(map(is_called_by_content, folders)):
            break
        longer = "/".join([*folders, key])
        if case_of_quantification(longer):
            return longer
    raise UsageError(
        f"Whose is {path}?", hint="Put each quantification into a folder that is called as the case: R01-001/quant.sf."
    )


def advice_for(name: str) -> str:
    """Return what to do with a file of a known format that is not taken; empty for other files."""
    rule = rule_against_format(name)
    return f"It is {rule}." if rule else next((said for ending, said in _ADVICE if re.search(ending, name.lower())), "")


def reject_file(path: Path) -> UsageError:
    """Return what to do with a file that is nothing that can be uploaded."""
    anything = "Give a folder of studies, a folder of reads, a table (.csv, .tsv, .txt) or a matrix of expression."
    return UsageError(f"{path.name} is no file of a kind that can be uploaded.", hint=advice_for(path.name) or anything)
