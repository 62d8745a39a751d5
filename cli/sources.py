"""Finds what a folder or a file holds to upload: studies, RNA-seq reads and references, clinical tables."""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal, NoReturn

from cli.errors import UsageError
from cli.expression_files import advice_for, is_expression, key_of_quantification, reject_file
from cli.patients import Header, header_of, reject_mixed_patients
from multimodal.genomics.keys import ACCESSIONS_CASE, SHEET_CASE, SHEETS
from multimodal.genomics.matrix_names import TX2GENE, is_beside_quantification, is_quantification, matrix_unit
from multimodal.genomics.reads import is_reads
from multimodal.genomics.samplesheet import SheetSample, parse_accessions, parse_samplesheet
from multimodal.imaging.layouts import SERIES_UID, SERIES_UUID, STUDY_DATE, STUDY_NAME
from multimodal.ledger.errors import BadInputError
from multimodal.ledger.text import decode_text
from multimodal.ledger.unit import case_unit
from multimodal.ledger.upload_key import is_safe_segment

Modality = Literal["imaging", "genomics", "clinical"]
MODALITIES: tuple[Modality, ...] = ("imaging", "genomics", "clinical")
REFERENCES = "_references"

_SHEETS = tuple(name for name, case in SHEETS.items() if case == SHEET_CASE)
_TABLE_SUFFIXES = (".csv", ".tsv")
_IMAGES = re.compile(r"\.(dcm|dicom|ima|zip|nii|nrrd|nhdr)(\.gz)?$|^[^.]*$|^[\d.]+$", re.IGNORECASE)
_SURELY_IMAGES = re.compile(r"\.(dcm|dicom|nii|nrrd|nhdr)(\.gz)?$", re.IGNORECASE)
_SPREADSHEET_SUFFIXES = (".xlsx", ".xls", ".ods", ".numbers")

_SERIES_HINT = (
    "These are folders of series, as they lie in the buckets of the Imaging Data Commons, but their files do not say "
    "which patient and study they belong to. Put them into folders: <patient>/<study>/<series>/."
)

_STUDIES_HINT = "Expected <subject>/<study>/… or <subject>/<study>.zip, as TCIA downloads are laid out."
_READS_HINT = (
    "Expected <case>/….fastq.gz, or reads together with samplesheet.csv (sample,fastq_1,fastq_2,strandedness), "
    f"and, to bring a reference, {REFERENCES}/<name>/."
)
_TABLES_HINT = "A clinical table is a .csv or .tsv file; save a spreadsheet as CSV (UTF-8) first."


@dataclass(frozen=True)
class SourceFile:
    """A file and its key below the prefix that it is uploaded to."""

    path: Path
    key: str
    size: int


@dataclass
class Source(ABC):
    """What is uploaded of one modality.

    Parameters
    ----------
    files : list of SourceFile
        The files, keyed by their place in the folder.
    beside : list of Path
        Files that are not uploaded: beside the subjects' folders, such as a download's licence, or no tables.
    """

    modality: ClassVar[Modality]
    files: list[SourceFile] = field(default_factory=list)
    beside: list[Path] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all files to upload."""
        return sum(file.size for file in self.files)

    def object_key(self, dataset: str, key: str) -> str:
        """Return the key in the raw bucket of a file."""
        return f"{self.modality}/{dataset}/{key}"

    @abstractmethod
    def unit_ids(self, dataset: str) -> tuple[str, ...]:
        """Return the units of the ledger to expect."""


@dataclass
class Study:
    """One study of one subject: the files of a folder, or one zip."""

    subject: str
    study: str
    files: list[SourceFile]


@dataclass
class Studies(Source):
    """Imaging studies in the order of their names; `stray` files lie directly in a subject's folder, in no study."""

    modality = "imaging"
    studies: list[Study] = field(default_factory=list)
    stray: list[Path] = field(default_factory=list)

    def unit_ids(self, dataset: str) -> tuple[str, ...]:  # noqa: D102 - as the base says
        return tuple(f"imaging#{dataset}#{study.subject}#{study.study}" for study in self.studies)


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

    def object_key(self, dataset: str, key: str) -> str:
        """Return the key in the raw bucket of a file; references are there for all datasets."""
        return f"genomics/{key}" if key.startswith(f"{REFERENCES}/") else super().object_key(dataset, key)

    def unit_ids(self, dataset: str) -> tuple[str, ...]:  # noqa: D102 - as the base says
        references = (f"genomics#{REFERENCES}#{name}" for name in self.references)
        units = (case_unit(dataset, case) for case in self.cases)
        tables = (matrix_unit(dataset, key) for key in self.matrices)
        return (*references, *(unit.unit_id for unit in (*units, *tables)))


class Tables(Source):
    """Clinical tables."""

    modality = "clinical"

    def unit_ids(self, dataset: str) -> tuple[str, ...]:  # noqa: D102 - as the base says
        return tuple(f"clinical#{dataset}#{file.key}" for file in self.files)


def find_modalities(path: Path) -> tuple[Modality, ...]:
    """Return what a file or a folder holds, by the names of its files; imaging where nothing says otherwise.

    Parameters
    ----------
    path : Path
        A table; or a folder of one modality; or one that has a folder for each, named as in `MODALITIES`.

    Raises
    ------
    UsageError
        When it has several modalities in folders of other names: some would be left out, or taken for another.
    """
    if not path.is_dir():
        return (_modality_of_file(path),)
    # A subject may be called "clinical": what such a folder holds must be what its name says.
    named = (name for name in MODALITIES if (path / name).is_dir())
    inside = tuple(name for name in named if name == "imaging" or _modality_of_folder(path / name) == name)
    _reject_other_folders(path, inside)
    if "clinical" not in inside and (path / "clinical").is_dir():  # beside studies it would be left out unseen
        _reject_other_formats(path / "clinical")
    if "genomics" not in inside:
        _reject_other_formats(path / "genomics" if inside and (path / "genomics").is_dir() else path)
    return inside or (_modality_of_folder(path),)


def _reject_other_folders(folder: Path, modalities: Iterable[str]) -> None:
    """Reject images beside reads, or either beside the modalities' own folders."""
    folders = [path for path in _entries(folder) if path.is_dir() and path.name not in MODALITIES]
    files = [file.path for path in folders for file in _files_below(path)]
    images = [path for path in files if _SURELY_IMAGES.search(path.name)][:1]
    reads = [path for path in files if is_reads(path.name)][:1]
    if (images and reads) or (modalities and (images or reads)):
        seen = " and ".join(f"{path.relative_to(folder)}" for path in (*images, *reads))
        hint = (
            f"Each modality has a folder of its own: {folder}/{{imaging,genomics,clinical}}. docs/uploads.md says more."
        )
        raise UsageError(f"{seen}: in which folder it lies does not say what it is.", hint=hint)


def _reject_other_formats(folder: Path) -> None:
    """Reject a folder with nothing of any modality but spreadsheets or other formats that have a way to be taken."""
    files = [file for file in _files_below(folder) if not file.path.name.startswith(".")]
    if any(_is_genomics(file) or _is_table(file.path) or _IMAGES.search(file.path.name) for file in files):
        return
    for path in (file.path for file in files):
        if path.suffix.lower() in _SPREADSHEET_SUFFIXES:
            raise UsageError(f"{path} is no table.", hint=_TABLES_HINT)
        if advice_for(path.name):
            raise reject_file(path)


def _modality_of_file(path: Path) -> Modality:
    if is_reads(path.name) or is_expression(path):
        return "genomics"
    if _is_table(path) or path.suffix.lower() in (".txt", *_SPREADSHEET_SUFFIXES):
        return "clinical"
    if path.is_file() and not _IMAGES.search(path.name):
        raise reject_file(path)
    return "imaging"


def _modality_of_folder(folder: Path) -> Modality:
    files = [file for file in _files_below(folder) if not file.path.name.startswith(".")]
    if any(_is_genomics(file) for file in files):
        return "genomics"
    # Downloads of images have tables beside the subjects, so it is one of tables only if no file can be a study's.
    is_of_studies = any(_may_be_of_study(file) for file in files)
    return "clinical" if not is_of_studies and any(_is_table(file.path) for file in files) else "imaging"


def _is_genomics(file: SourceFile) -> bool:
    """Whether a file is of RNA-seq, by its place in the folder: reads, a table beside the cases, or a reference's."""
    if file.key in SHEETS or _is_of_reference(file.key) or is_reads(file.key):
        return True
    return _is_expression(file)


def _is_expression(file: SourceFile) -> bool:
    """Whether a file is a matrix directly in the folder, or a quantification anywhere in it."""
    is_direct = "/" not in file.key and file.key not in SHEETS
    return is_quantification(file.path.name) or (is_direct and is_expression(file.path))


def _is_of_reference(key: str) -> bool:
    return key.startswith(f"{REFERENCES}/") and key.count("/") > 1


def _may_be_of_study(file: SourceFile) -> bool:
    is_deep = file.key.count("/") > 1 and not _is_table(file.path)
    return is_deep or _is_zip(file.path)


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in _TABLE_SUFFIXES and not path.name.startswith(".")


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and path.is_file()


def _files_below(folder: Path, prefix: str = "") -> Iterator[SourceFile]:
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        seen.add(os.path.realpath(parent))
        folders[:] = sorted(name for name in folders if os.path.realpath(Path(parent, name)) not in seen)
        for name in sorted(names):
            path = Path(parent, name)
            yield SourceFile(path, prefix + path.relative_to(folder).as_posix(), path.stat().st_size)


def _raise(error: OSError) -> NoReturn:
    """What cannot be listed would be left out of a study in silence."""
    raise UsageError(f"{error.filename} cannot be read: {error.strerror}.", hint="Check its permissions.")


def _folder_of(path: Path, modality: Modality, hint: str) -> Path:
    """Return the folder that is looked into: the modality's own, where the given one has such."""
    if not path.is_dir():
        raise UsageError(f"{path} is one file." if path.exists() else f"There is no {path}.", hint=hint)
    folder = path.resolve()
    return folder / modality if (folder / modality).is_dir() else folder


def read_studies(folder: Path) -> Studies:
    """Find the studies of a folder, laid out as in TCIA downloads.

    Parameters
    ----------
    folder : Path
        A folder of subjects; or one subject, when everything in it is named as TCIA names studies; or a folder that
        has an `imaging` folder of subjects.

    Raises
    ------
    UsageError
        When it is no folder, holds no study, is one level too low or too high, or mixes patients.
    """
    if _is_zip(folder):
        raise UsageError(
            f"{folder} is one file.",
            hint=f"Give the folder of subjects; a zip of several subjects is unpacked first. {_STUDIES_HINT}",
        )
    folder = _folder_of(folder, "imaging", _STUDIES_HINT)
    if STUDY_NAME.fullmatch(folder.name):  # its series would be taken for studies
        raise UsageError(
            f"{folder} is named as TCIA names a study, not as a folder of subjects.",
            hint=f"Give the folder of subjects above it, such as {folder.parent.parent}. {_STUDIES_HINT}",
        )
    found = Studies(studies=arranged_series(folder))
    if found.studies:
        return _checked_studies(found)
    subjects = [folder] if _is_subject(folder) else [path for path in _entries(folder) if path.is_dir()]
    if subjects != [folder]:
        found.beside += [path for path in _entries(folder) if path.is_file()]
        _reject_collections(folder, subjects)
    for subject in subjects:
        _read_subject(subject, found)
    if not found.studies:
        _reject_loose_zips(folder, found.beside)
        # Files one level below mean that this is one subject, with studies in it.
        if subjects and all(SERIES_UUID.fullmatch(path.name) for path in subjects):
            raise UsageError(f"There is no study in {folder}.", hint=_SERIES_HINT)
        is_subject = found.stray or any(map(header_of, found.beside))
        hint = f"If it is one subject's folder, give the folder above it: {folder.parent}. " if is_subject else ""
        raise UsageError(f"There is no study in {folder}.", hint=hint + _STUDIES_HINT)
    return _checked_studies(found)


def _reject_loose_zips(folder: Path, files: Iterable[Path]) -> None:
    zips = [path for path in files if _is_zip(path)]
    if zips:
        hint = f"A zip is a study and lies in its subject's folder: {folder}/<subject>/{zips[0].name}. A zip of several"
        raise UsageError(f"{zips[0].name} lies in no subject's folder.", hint=f"{hint} subjects is unpacked first.")


def _checked_studies(found: Studies) -> Studies:
    found.files = [file for study in found.studies for file in study.files]
    reject_mixed_patients(found.studies)
    return found


def arranged_series(folder: Path, subject: str = "") -> list[Study]:
    """Return the studies of a folder that holds nothing but folders of series, by what their files say.

    So lie series in the buckets of the Imaging Data Commons (called by UUIDs), and so TCIA's tools for Python download
    them (called by SeriesInstanceUIDs): nothing but the files says which belong together.

    Parameters
    ----------
    folder : Path
        Any folder; what is none of series gives an empty list.
    subject : str
        The patient's folder that they lie in; not given: PatientID is the subject.

    Raises
    ------
    UsageError
        When the files do not say whose they are.
    """
    folders = [path for path in _entries(folder) if path.is_dir()]
    headers = {path: header for path in folders if (header := _header_of_series(path))}
    if len(headers) < len(folders):
        return []
    studies: dict[tuple[str, str], Study] = {}
    for path, header in headers.items():
        whose = subject or header.patient
        if not (is_safe_segment(whose) and "/" not in whose and is_safe_segment(header.study)):
            raise UsageError(f"The files of {path} have no PatientID or StudyInstanceUID to go by.", hint=_SERIES_HINT)
        study = studies.setdefault((whose, header.study), Study(whose, header.study, []))
        study.files += _files_below(path, f"{whose}/{header.study}/{header.modality or 'SERIES'}_{header.series}/")
    return list(studies.values())


def arranged_files(subject: Path) -> list[Study]:
    """Return the studies of a subject's folder that holds DICOM files and no study, by what the files say."""
    if any(path.is_dir() or _is_zip(path) for path in _entries(subject)):
        return []
    studies: dict[str, Study] = {}
    for path in _entries(subject):
        header = header_of(path)
        if header and is_safe_segment(header.study) and is_safe_segment(header.series):
            study = studies.setdefault(header.study, Study(subject.name, header.study, []))
            place = f"{subject.name}/{header.study}/{header.modality or 'SERIES'}_{header.series}/{path.name}"
            study.files.append(SourceFile(path, place, path.stat().st_size))
    return list(studies.values())


def _header_of_series(folder: Path) -> Header | None:
    """Return the header of the first DICOM file of a folder that is called as its series."""
    uid = SERIES_UID.fullmatch(folder.name)
    if not (uid or SERIES_UUID.fullmatch(folder.name)) or any(path.is_dir() for path in _entries(folder)):
        return None
    header = next(filter(None, map(header_of, _entries(folder))), None)
    return header if header and header.series and (not uid or uid[1] == header.series) else None


def _reject_collections(folder: Path, subjects: Iterable[Path]) -> None:
    """Reject a folder that is too high: its subjects' folders hold subjects, all of which would become one case."""
    for collection in subjects:
        for parent, folders, _ in os.walk(collection):
            folders.sort()
            subject = Path(parent)
            if subject == collection or STUDY_NAME.fullmatch(subject.name):
                continue
            if any(_is_study(subject / name) for name in folders):
                raise UsageError(
                    f"{subject.parent.name} looks like a folder of subjects: {subject.name} in it has studies.",
                    hint=f"Give {subject.parent}. {_STUDIES_HINT}",
                )


def _is_study(folder: Path) -> bool:
    """Whether a folder is surely a study's; series are named by UIDs as well, but have no folders in them."""
    if not folder.is_dir() or not STUDY_NAME.fullmatch(folder.name):
        return False
    return bool(STUDY_DATE.fullmatch(folder.name)) or any(path.is_dir() for path in _entries(folder))


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _is_subject(folder: Path) -> bool:
    studies = [path for path in _entries(folder) if path.is_dir() or _is_zip(path)]
    names = [path.stem if _is_zip(path) else path.name for path in studies]
    return bool(names) and all(STUDY_NAME.fullmatch(name) for name in names)


def _read_subject(subject: Path, found: Studies) -> None:
    arranged = arranged_series(subject, subject.name) or arranged_files(subject)
    if arranged:
        found.studies += arranged
        taken = {file.path for study in arranged for file in study.files}
        found.stray += [path for path in _entries(subject) if path.is_file() and path not in taken]
        return
    for path in _entries(subject):
        if path.is_dir():
            files = list(_files_below(path, f"{subject.name}/{path.name}/"))
            if files:
                found.studies.append(Study(subject.name, path.name, files))
        elif _is_zip(path):
            file = SourceFile(path, f"{subject.name}/{path.name}", path.stat().st_size)
            found.studies.append(Study(subject.name, path.stem, [file]))
        else:
            found.stray.append(path)


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
    folder = _folder_of(path, "genomics", _READS_HINT)
    everything = [f for f in _files_below(folder) if not any(part.startswith(".") for part in f.key.split("/"))]
    loose = [file.path.name for file in everything if "/" not in file.key and is_reads(file.key)]
    if loose and not any((folder / name).is_file() for name in _SHEETS):
        message = f"Whose reads are these? {loose[0]} lies in no case's folder, and there is no samplesheet.csv."
        hint = f"If {folder.name} is one case, give the folder above it: {folder.parent}. "
        raise UsageError(message, hint=hint + _READS_HINT)
    samples = _samples(folder)
    matrices = [_with_case(file) for file in everything if _is_expression(file)]
    beside = [file for file in everything if _is_beside(file) and not _is_expression(file)]
    taken = [file for file in everything if not _is_expression(file) and file not in beside]
    found = Reads(
        [*taken, *matrices],
        [file.path for file in beside if "/" not in file.key and _is_table(file.path)],
        cases=sorted({*_cases(taken), *samples}),
        references=sorted({file.key.split("/")[1] for file in taken if _is_of_reference(file.key)}),
        matrices=[file.key for file in matrices],
        sheet={key.rpartition("/")[2]: name for name, sample in samples.items() for key in sample.keys},
    )
    if not (found.cases or found.references or matrices or any(file.key in SHEETS for file in taken)):
        raise UsageError(f"There are no reads in {folder}.", hint=_READS_HINT)
    return found


def _with_case(file: SourceFile) -> SourceFile:
    """Return a matrix, or a quantification with a key that says whose it is."""
    if not is_quantification(file.path.name):
        return file
    return replace(file, key=key_of_quantification(file.path, file.key))


def _is_beside(file: SourceFile) -> bool:
    """Whether a file is none of RNA-seq: another table directly in the folder, or what a quantifier writes beside."""
    *folders, name = file.key.split("/")
    is_table = not folders and _is_table(file.path) and name not in (*SHEETS, TX2GENE)
    return is_table or is_beside_quantification([*folders, name])


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


def read_tables(path: Path) -> Tables:
    """Find clinical tables.

    Parameters
    ----------
    path : Path
        A table; or a folder of tables, with folders in it as deep as one likes; or one that has a `clinical` folder.

    Raises
    ------
    UsageError
        When there is no table.
    """
    if path.is_file():
        if not _is_table(path) and path.suffix.lower() != ".txt":
            raise UsageError(f"{path} is no table.", hint=_TABLES_HINT)
        # The table's own separators decide how it is read, not its name.
        key = path.name if _is_table(path) else f"{path.stem}.tsv"
        return Tables([SourceFile(path.resolve(), key, path.stat().st_size)])
    files = list(_files_below(_folder_of(path, "clinical", _TABLES_HINT)))
    beside = [file.path for file in files if not _is_table(file.path) and not file.path.name.startswith(".")]
    found = Tables([file for file in files if _is_table(file.path)], beside)
    if not found.files:
        raise UsageError(f"There is no table in {path}.", hint=_TABLES_HINT)
    return found
