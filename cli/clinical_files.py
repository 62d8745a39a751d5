"""Finds clinical tables: one file, or all of a folder."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cli.errors import UsageError
from cli.study_folders import SourceFile, read_all_files

SUFFIXES = (".csv", ".tsv")
WRAPPER = "clinical"
_HINT = "A clinical table is a .csv or .tsv file; save a spreadsheet as CSV (UTF-8) first."


@dataclass(frozen=True)
class ClinicalFiles:
    """Tables to upload.

    Parameters
    ----------
    files : list of SourceFile
        The tables, keyed below `clinical/<dataset>/`.
    beside : list of Path
        Files of the folder that are no tables; they are not uploaded.
    """

    files: list[SourceFile]
    beside: list[Path]

    @property
    def size(self) -> int:
        """Bytes of all tables."""
        return sum(file.size for file in self.files)

    def unit_ids(self, dataset: str) -> tuple[str, ...]:
        """Return the units of the ledger to expect."""
        return tuple(f"clinical#{dataset}#{file.key}" for file in self.files)


def is_table(path: Path) -> bool:
    """Whether a file's name is that of a table."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read_clinical_files(path: Path) -> ClinicalFiles:
    """Find the tables of a file or a folder.

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
        if not is_table(path):
            raise UsageError(f"{path} is no table.", hint=_HINT)
        return ClinicalFiles([SourceFile(path.resolve(), path.name, path.stat().st_size)], [])
    if not path.is_dir():
        raise UsageError(f"{path} is neither a file nor a folder.", hint=_HINT)
    folder = path.resolve()
    found = _read_folder(folder / WRAPPER if (folder / WRAPPER).is_dir() else folder)
    if not found.files:
        raise UsageError(f"There is no table in {path}.", hint=_HINT)
    return found


def _read_folder(folder: Path) -> ClinicalFiles:
    files = read_all_files(folder)
    return ClinicalFiles([f for f in files if is_table(f.path)], [f.path for f in _others(files)])


def _others(files: Iterable[SourceFile]) -> list[SourceFile]:
    return [file for file in files if not is_table(file.path) and not file.path.name.startswith(".")]
