"""Reads RNA-seq folders: `<case>/….fastq.gz`, tables beside the cases, and `_references/<name>/…`."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cli.errors import UsageError
from cli.study_folders import SourceFile, read_all_files

REFERENCES = "_references"
MATRIX = "expression.csv"
TABLES = ("samplesheet.csv", "accessions.csv", MATRIX)
_NAMED_SAMPLES = ("samplesheet.csv", "accessions.csv")
_READS = re.compile(r"\.(fastq|fq)\.gz$|\.sra$", re.IGNORECASE)

_LAYOUT_HINT = (
    "Expected <case>/….fastq.gz, or reads together with samplesheet.csv (sample,fastq_1,fastq_2,strandedness), "
    f"and, to bring a reference, {REFERENCES}/<name>/."
)


@dataclass
class GenomicsFolder:
    """What a folder holds.

    Parameters
    ----------
    cases : list of str
        Whose reads there are: folders with reads, and samples of the tables.
    references : list of str
        Names of references.
    matrix : bool
        Whether there is a ready expression matrix.
    files : list of SourceFile
        Everything to upload, keyed below `genomics/`.
    """

    cases: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    matrix: bool = False
    files: list[SourceFile] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)

    def unit_ids(self, dataset: str) -> tuple[str, ...]:
        """Return the units of the ledger to expect."""
        references = (f"genomics#{REFERENCES}#{name}" for name in self.references)
        cases = [*self.cases, "-expression"] if self.matrix else self.cases
        return (*references, *(f"genomics#{dataset}#{case}" for case in cases))


def read_genomics_folder(folder: Path, dataset: str) -> GenomicsFolder:
    """Find cases, tables and references of a folder.

    Parameters
    ----------
    folder : Path
        The folder; or one that has a `genomics` folder; or a ready matrix, called `expression.csv`.
    dataset : str
        Where the cases go; references are there for all datasets.

    Raises
    ------
    UsageError
        When it is not a folder, or holds neither reads nor a table nor a reference.
    """
    if folder.is_file() and folder.name == MATRIX:
        file = SourceFile(folder.resolve(), _key(MATRIX, dataset), folder.stat().st_size)
        return GenomicsFolder(matrix=True, files=[file])
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.", hint=_LAYOUT_HINT)
    folder = folder.resolve()
    folder = folder / "genomics" if (folder / "genomics").is_dir() else folder
    files = [file for file in read_all_files(folder) if not _is_hidden(file.key)]
    found = GenomicsFolder(
        cases=sorted({*_cases(files), *_samples(folder)}),
        references=sorted({file.key.split("/")[1] for file in files if _is_of_reference(file.key)}),
        matrix=any(file.key == MATRIX for file in files),
        files=[SourceFile(file.path, _key(file.key, dataset), file.size) for file in files],
    )
    _check(folder, files, found)
    return found


def is_genomics(key: str) -> bool:
    """Whether a file is of RNA-seq, by its place in the folder: reads, a table beside the cases, or a reference's."""
    return key in TABLES or _is_of_reference(key) or bool(_READS.search(key))


def _is_hidden(key: str) -> bool:
    return any(part.startswith(".") for part in key.split("/"))


def _is_of_reference(key: str) -> bool:
    return key.startswith(f"{REFERENCES}/") and key.count("/") > 1


def _key(key: str, dataset: str) -> str:
    return key if key.startswith(f"{REFERENCES}/") else f"{dataset}/{key}"


def _cases(files: list[SourceFile]) -> Iterator[str]:
    for file in files:
        case, inside, _ = file.key.partition("/")
        if inside and case != REFERENCES and _READS.search(file.key):
            yield case


def _samples(folder: Path) -> Iterator[str]:
    """Yield the samples that a table names; what is wrong with a table is for the pipeline to say."""
    for name in _NAMED_SAMPLES:
        if (folder / name).is_file():
            text = (folder / name).read_text(encoding="utf-8-sig", errors="replace")
            rows = csv.DictReader(text.splitlines())
            yield from (str(row["sample"]).strip() for row in rows if row.get("sample"))


def _check(folder: Path, files: list[SourceFile], found: GenomicsFolder) -> None:
    loose = [file.path.name for file in files if "/" not in file.key and _READS.search(file.key)]
    if loose and not (folder / "samplesheet.csv").is_file():
        message = f"Whose reads are these? {loose[0]} lies in no case's folder, and there is no samplesheet.csv."
        raise UsageError(message, hint=_LAYOUT_HINT)
    tables = [file for file in files if file.key in TABLES]
    if not (found.cases or found.references or tables):
        raise UsageError(f"There are no reads in {folder}.", hint=_LAYOUT_HINT)
