"""Says what an upload is, by the names of its files."""

from pathlib import Path

from cli.clinical_files import is_table
from cli.errors import UsageError
from cli.genomics_folders import MATRIX, is_genomics
from cli.study_folders import SourceFile, read_all_files

MODALITIES = ("imaging", "genomics", "clinical")


def find_modalities(path: Path) -> tuple[str, ...]:
    """Return what a file or a folder holds; imaging where nothing says otherwise.

    Parameters
    ----------
    path : Path
        A table; or a folder of one modality; or one that has a folder for each, named as in `MODALITIES`.
    """
    if not path.is_dir():
        return (_of_file(path),)
    inside = tuple(name for name in MODALITIES if (path / name).is_dir() and _fits(path / name, name))
    return inside or (_of_folder(path),)


def _of_file(path: Path) -> str:
    if path.name == MATRIX:
        return "genomics"
    return "clinical" if is_table(path) else "imaging"


def _fits(folder: Path, name: str) -> bool:
    """Whether a folder holds what its name says: a subject may be called "clinical"."""
    return name == "imaging" or _of_folder(folder) == name


def _of_folder(folder: Path) -> str:
    files = _files(folder)
    if any(is_genomics(file.key) for file in files):
        return "genomics"
    # Downloads of images have tables beside the subjects, so it is one of tables only if no file can be a study's.
    is_of_studies = any(_is_in_study(file) for file in files)
    return "clinical" if not is_of_studies and any(is_table(file.path) for file in files) else "imaging"


def _files(folder: Path) -> list[SourceFile]:
    try:
        return [file for file in read_all_files(folder) if not file.path.name.startswith(".")]
    except UsageError:
        return []


def _is_in_study(file: SourceFile) -> bool:
    is_deep = file.key.count("/") > 1 and not is_table(file.path)
    return is_deep or file.path.suffix.lower() == ".zip"
