"""Finds RNA-seq reads, their sample sheets, references and ready expression values of a folder."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from cli.errors import UsageError
from cli.sources.expression_files import is_expression, key_of_quantification
from cli.sources.files import Source, SourceFile, files_below, folder_of, is_table
from multimodal.genomics.keys import ACCESSIONS_CASE, CASE_RULE, SHEET_CASE, SHEETS, is_case_name
from multimodal.genomics.matrix_names import (
    SHEET_RULE,
    TX2GENE,
    case_of_quantification,
    is_beside_quantification,
    is_called_by_content,
    is_matrix,
    is_quantification,
    matrix_unit,
    rule_against,
)
from multimodal.genomics.reads import is_of_no_sample, is_of_nobody, is_reads, read_name
from multimodal.genomics.samplesheet import SheetSample, parse_accessions, parse_samplesheet
from multimodal.ledger.errors import BadInputError, ConfigurationError
from multimodal.ledger.text import decode_text
from multimodal.ledger.unit import REFERENCES, case_unit

_SHEETS = tuple(name for name, case in SHEETS.items() if case == SHEET_CASE)

_FIRST_MATES = re.compile(r"((?:^|[_-])(?:R|read_?|mate_?))1$", re.IGNORECASE)
"""How a folder of first mates ends."""

_READS_HINT = (
    "Expected <case>/….fastq.gz, or reads together with samplesheet.csv (sample,fastq_1,fastq_2,strandedness), "
    f"and, to bring a reference, {REFERENCES}/<name>/."
)


SHEET_HINT = f"{SHEET_RULE[0].upper()}{SHEET_RULE[1:]}."


@dataclass
class Reads(Source):
    """RNA-seq: `cases` with reads (folders, and samples of the tables), names of `references`, keys of `matrices`.

    Ready quantifications of one sample are among the matrices. `sheet` has the sample of each file that a sample sheet
    names, by the file's name.
    """

    modality = "genomics"
    cases: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    matrices: list[str] = field(default_factory=list)
    sheet: dict[str, str] = field(default_factory=dict)

    @property
    def quantified(self) -> list[str]:
        """Cases of the ready quantifications, as their folders or their names say."""
        keys = (key for key in self.matrices if is_quantification(key.rpartition("/")[2]))
        return sorted(set(map(case_of_quantification, keys)))

    def object_key(self, dataset: str, key: str) -> str:
        """Return the key in the raw bucket of a file; references are there for all datasets."""
        return f"genomics/{key}" if key.startswith(f"{REFERENCES}/") else super().object_key(dataset, key)

    def unit_ids(self, dataset: str) -> tuple[str, ...]:  # noqa: D102 - as the base says
        references = (f"genomics#{REFERENCES}#{name}" for name in self.references)
        units = (case_unit(dataset, case) for case in self.cases)
        tables = (matrix_unit(dataset, key) for key in self.matrices)
        return (*references, *(unit.unit_id for unit in (*units, *tables)))


def read_reads(path: Path) -> Reads:
    """Find cases, tables and references of a folder.

    Parameters
    ----------
    path : Path
        The folder; or one that has a `genomics` folder; or a ready matrix or quantification.

    Raises
    ------
    UsageError
        When it holds neither reads nor a table nor a reference, or does not say whose reads they are.
    """
    if path.is_file() and is_expression(path):
        key = key_of_quantification(path, path.name) if is_quantification(path.name) else path.name
        return Reads([SourceFile(path.resolve(), key, path.stat().st_size)], matrices=[key])
    if path.is_file():
        message = f"{path} is one file. Put the reads of each case into a folder that is called as the case"
        raise UsageError(f"{message}, and give the folder of cases.", hint=_READS_HINT)
    folder = folder_of(path, "genomics", _READS_HINT)
    everything = list(files_below(folder))
    values = {file.key for file in everything if is_matrix_or_quantification(file)}
    beside = [file for file in everything if file.key not in values and _is_beside(file)]
    others = values | {file.key for file in beside}
    taken = [file for file in everything if file.key not in others]
    matrices = [_with_case(file) for file in everything if file.key in values]
    loose = [file.path.name for file in taken if "/" not in file.key and is_reads(file.key)]
    has_sheet = any((folder / name).is_file() for name in _SHEETS)
    if loose and not has_sheet:
        message = f"Whose reads are these? {loose[0]} lies in no case's folder, and there is no samplesheet.csv."
        hint = f"If {folder.name} is one case, give the folder above it: {folder.parent}. "
        raise UsageError(message, hint=hint + _READS_HINT)
    _check_names(taken, folder)
    if not has_sheet:
        _check_owners(taken, folder)
        _check_mates(taken)
    samples = _samples(folder)
    found = Reads(
        [*taken, *matrices],
        [file.path for file in beside if "/" not in file.key or is_reads(file.key)],
        cases=sorted({*_cases(taken), *samples}),
        references=sorted({file.key.split("/")[1] for file in taken if _is_of_reference(file.key)}),
        matrices=[file.key for file in matrices],
        sheet={key.rpartition("/")[2]: name for name, sample in samples.items() for key in sample.keys},
    )
    if not (found.cases or found.references or matrices or any(file.key in SHEETS for file in taken)):
        raise UsageError(f"There are no reads in {folder}.", hint=_READS_HINT)
    return found


def require_route(reads: Reads, dataset: str) -> None:
    """Refuse what `route_problem` names, before any of it is sent.

    Raises
    ------
    UsageError
        When nothing of it would be taken.
    """
    if problem := route_problem(reads, dataset):
        hint = f"functions/datasets/{dataset}.yaml says so (genomics.matrix). Name another dataset."
        raise UsageError(f"{problem[0].upper()}{problem[1:]}: nothing was uploaded.", hint=hint)


def route_problem(reads: Reads, dataset: str) -> str:
    """Say that reads alone come to a dataset that takes a matrix, or matrices alone to one that takes reads.

    A dataset that this source tree does not describe is the pipeline's to judge: it is empty.
    """
    from multimodal.genomics.config import genomics_datasets  # the functions' models take time to import

    try:
        config = genomics_datasets([dataset]).get(dataset)
    except ConfigurationError:
        return ""
    kinds = {"a ready matrix": reads.matrices, "reads": reads.cases}
    taken, other = kinds if config and config.matrix else reversed(kinds)
    is_wrong = config and kinds[other] and not (kinds[taken] or reads.references)
    return f"the dataset {dataset} takes {taken}, not {other}" if is_wrong else ""


def _check_names(files: Iterable[SourceFile], folder: Path) -> None:
    """Reject folders of reads that can be no case: nothing would come of them but a note."""
    wrong = next((case for case in _cases(files) if not is_case_name(case)), None)
    if wrong is not None:
        hint = f"If the cases are folders in it, give {folder / wrong}. Otherwise {CASE_RULE}."
        raise UsageError(f"The folder {wrong!r} cannot be a case.", hint=hint)


def _check_owners(files: Iterable[SourceFile], folder: Path) -> None:
    """Reject folders that are called by what is in them (`fastq`, `00.RawData`): each would be one case."""
    nobodys = next(filter(is_called_by_content, _cases(files)), None)
    if nobodys is not None:
        hint = f"If the cases are folders in it, give {folder / nobodys}. Otherwise call it as the case."
        raise UsageError(f"The folder {nobodys!r} is called by what is in it, and not by a case.", hint=hint)


def _check_mates(files: Iterable[SourceFile]) -> None:
    """Reject folders of first and of second mates beside each other: each would be a case of single-end reads."""
    mates: dict[str, set[int | None]] = {}
    for case, name in ((file.key.partition("/")[0], read_name(file.path.name)) for file in files):
        if name is not None:
            mates.setdefault(case, set()).add(name.mate)
    for case, found in mates.items():
        other = _FIRST_MATES.sub(lambda match: f"{match[1]}2", case)
        if other != case and found <= {None, 1} and mates.get(other, {3}) <= {None, 2}:
            hint = f"Put both into one folder, {_FIRST_MATES.sub('', case) or 'called as the case'}."
            raise UsageError(f"The folders {case} and {other} look like the mates of one case.", hint=hint)


def is_sheet_of_reads(name: str) -> bool:
    """Whether a file is called as a sheet that says whose reads are whose, or nearly so."""
    return name in SHEETS or rule_against(name) == SHEET_RULE


def is_genomics(file: SourceFile) -> bool:
    """Whether a file is of RNA-seq, by its place in the folder: reads, a table beside the cases, or a reference's."""
    if file.key in SHEETS or _is_of_reference(file.key) or is_reads(file.key):
        return True
    return is_matrix_or_quantification(file)


def is_matrix_or_quantification(file: SourceFile) -> bool:
    """Whether a file is a matrix directly in the folder, or a quantification anywhere in it."""
    is_direct = "/" not in file.key and file.key not in SHEETS
    return is_quantification(file.path.name) or (is_direct and is_expression(file.path))


def _is_of_reference(key: str) -> bool:
    return key.startswith(f"{REFERENCES}/") and key.count("/") > 1


def _with_case(file: SourceFile) -> SourceFile:
    """Return a matrix, or a quantification with a key that says whose it is."""
    if not is_quantification(file.path.name):
        return file
    return replace(file, key=key_of_quantification(file.path, file.key))


def _is_beside(file: SourceFile) -> bool:
    """Whether a file is of no case: another table directly in the folder, what a quantifier writes beside, or nobody's.

    A reference's annotation is called `.gtf` as what StringTie writes is.
    """
    if _is_of_reference(file.key):
        return False
    *folders, name = file.key.split("/")
    if any(map(is_of_no_sample, [*folders, *([name] if is_reads(name) else [])])) or any(map(is_of_nobody, folders)):
        return True
    is_other_table = not folders and (is_table(file.path) or is_matrix(name)) and name not in (*SHEETS, TX2GENE)
    return is_other_table or is_beside_quantification([*folders, name])


def _cases(files: Iterable[SourceFile]) -> Iterator[str]:
    for file in files:
        case, inside, _ = file.key.partition("/")
        if inside and case != REFERENCES and is_reads(file.key):
            yield case


def _samples(folder: Path) -> dict[str, SheetSample]:
    """Return the samples that the tables name; what is wrong with a table is for the pipeline to say."""
    samples: dict[str, SheetSample] = {}
    for table in (folder / name for name in SHEETS):
        if table.is_file():
            is_runs = SHEETS[table.name] == ACCESSIONS_CASE
            parse = parse_accessions if is_runs else partial(parse_samplesheet, dataset="any", raw_bucket="")
            with suppress(BadInputError):
                samples |= parse(decode_text(table.read_bytes())).samples
    return samples
