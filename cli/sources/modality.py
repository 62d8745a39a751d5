"""Says which modalities a folder or a file holds, by the names of its files."""

import re
from collections.abc import Iterable
from pathlib import Path

from cli.errors import UsageError
from cli.project import typed
from cli.sources.expression_files import advice_for, is_expression, reject_file
from cli.sources.files import MODALITIES, Modality, SourceFile, entries, files_below, is_table, is_zip, require_files
from cli.sources.manifests import is_series_manifest
from cli.sources.patients import header_of
from cli.sources.reads import SHEET_HINT, is_genomics, is_sheet_of_reads
from cli.sources.tables import SPREADSHEET_SUFFIXES, TABLES_HINT
from multimodal.genomics.matrix_names import TX2GENE, rule_against_format
from multimodal.genomics.reads import is_reads

_IMAGES = re.compile(r"\.(dcm|dicom|ima|zip|nii|nrrd|nhdr)(\.gz)?$|^[^.]*$|^[\d.]+$", re.IGNORECASE)
_SURELY_IMAGES = re.compile(r"\.(dcm|dicom|nii|nrrd|nhdr)(\.gz)?$", re.IGNORECASE)


def find_modalities(path: Path) -> tuple[Modality, ...]:
    """Return what a file or a folder holds, by the names of its files; imaging where nothing says otherwise.

    Parameters
    ----------
    path : Path
        A table; or a folder of one modality; or one that has a folder for each, named as in `MODALITIES`.

    Raises
    ------
    UsageError
        When it is not there or has no file; or when it has several modalities in folders of other names: some would be
        left out, or taken for another.
    """
    require_files(path)
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
    folders = [path for path in entries(folder) if path.is_dir() and path.name not in MODALITIES]
    files = [file.path for path in folders for file in files_below(path)]
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
    files = list(files_below(folder))
    strange = [file for file in files if advice_for(file.path.name) and not _SURELY_IMAGES.search(file.path.name)]
    others = (file for file in files if file not in strange)
    if any(map(is_genomics, files)) or any(is_table(f.path) or _IMAGES.search(f.path.name) for f in others):
        return
    for path in sorted((file.path for file in files), key=lambda path: not rule_against_format(path.name)):
        if path.suffix.lower() in SPREADSHEET_SUFFIXES:
            raise UsageError(f"{path} is no table.", hint=TABLES_HINT)
        if advice_for(path.name):
            raise reject_file(path)
        if path.suffix.lower() == ".txt":
            raise UsageError(f"{path} may be notes.", hint="Upload a table that is called .txt by itself, or as .csv.")


def _modality_of_file(path: Path) -> Modality:
    if is_reads(path.name) or is_expression(path):
        return "genomics"
    if path.is_file() and is_series_manifest(path):
        hint = f"`multimodal fetch {typed(path)}` copies them."
        raise UsageError(f"{path.name} is a manifest of public series.", hint=hint)
    if path.is_file() and is_sheet_of_reads(path.name):
        hint = "Put it beside the reads (public runs have none), and give that folder. "
        raise UsageError(f"{path.name} says whose reads are whose.", hint=hint + SHEET_HINT)
    if path.is_file() and path.name == TX2GENE:
        hint = "Put it beside the folders of the quantifications, and give the folder of all."
        raise UsageError(f"{path.name} says which gene each transcript is of.", hint=hint)
    if is_table(path) or path.suffix.lower() in (".txt", *SPREADSHEET_SUFFIXES):
        return "clinical"
    is_image = is_zip(path) or _SURELY_IMAGES.search(path.name) or header_of(path) is not None
    if path.is_file() and not is_image:
        raise reject_file(path)
    return "imaging"


def _modality_of_folder(folder: Path) -> Modality:
    files = list(files_below(folder))
    if any(is_genomics(file) for file in files):
        return "genomics"
    # Downloads of images have tables beside the subjects, so it is one of tables only if no file can be a study's.
    is_of_studies = any(_may_be_of_study(file) for file in files)
    return "clinical" if not is_of_studies and any(is_table(file.path) for file in files) else "imaging"


def _may_be_of_study(file: SourceFile) -> bool:
    if is_table(file.path):
        return False
    is_deep = file.key.count("/") > 1
    return (
        is_deep or is_zip(file.path) or bool(_SURELY_IMAGES.search(file.path.name)) or header_of(file.path) is not None
    )
