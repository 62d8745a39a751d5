"""Reads studies laid out as in TCIA downloads: `<subject>/<study>/**` or `<subject>/<study>.zip`."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cli.errors import UsageError

# How TCIA names a study folder: by its UID, or by date and description (classic directory names).
_STUDY_NAME = re.compile(r"(\d+\.){3,}\d+|\d{2}-\d{2}-\d{4}-.*")
_LAYOUT_HINT = "Expected <subject>/<study>/… or <subject>/<study>.zip, as TCIA downloads are laid out."


@dataclass(frozen=True)
class SourceFile:
    """A file and its key below the dataset's prefix."""

    path: Path
    key: str
    size: int


@dataclass
class Study:
    """One study of one subject: the files of a folder, or one zip."""

    subject: str
    study: str
    files: list[SourceFile]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)


@dataclass
class SourceFolder:
    """What a folder holds.

    Parameters
    ----------
    studies : list of Study
        In the order of their names.
    stray : list of Path
        Files directly in a subject's folder: they belong to no study and are not uploaded.
    beside : list of Path
        Files beside the subjects' folders, such as the licence of a download; not uploaded either.
    """

    studies: list[Study] = field(default_factory=list)
    stray: list[Path] = field(default_factory=list)
    beside: list[Path] = field(default_factory=list)


def read_study_folders(folder: Path, wrapper: str = "imaging") -> SourceFolder:
    """Find the studies of a folder.

    Parameters
    ----------
    folder : Path
        A folder of subjects; or one subject, when everything in it is named as TCIA names studies; or a
        folder that has a `wrapper` folder of subjects.
    wrapper : str
        Name of the folder inside which subjects are looked for when there is one.

    Raises
    ------
    UsageError
        When it is not a folder or holds no study.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.", hint=_LAYOUT_HINT)
    folder = folder.resolve()
    if (folder / wrapper).is_dir():
        folder = folder / wrapper
    _refuse_single_study(folder)
    subjects = [folder] if _is_subject(folder) else [path for path in _entries(folder) if path.is_dir()]
    found = SourceFolder()
    if subjects != [folder]:
        found.beside += [path for path in _entries(folder) if path.is_file()]
    for subject in subjects:
        _read_subject(subject, found)
    if not found.studies:
        raise UsageError(f"There is no study in {folder}.", hint=_hint(folder, found))
    return found


def _refuse_single_study(folder: Path) -> None:
    """Refuse a study's own folder, whose series would be taken for studies."""
    if _STUDY_NAME.fullmatch(folder.name):
        raise UsageError(
            f"{folder} is named as TCIA names a study, not as a folder of subjects.",
            hint=f"Give the folder of subjects above it, such as {folder.parent.parent}. {_LAYOUT_HINT}",
        )


def _hint(folder: Path, found: SourceFolder) -> str:
    """Say what to give instead: files one level below mean that this is one subject, with studies in it."""
    if found.stray:
        return f"If it is one subject's folder, give the folder above it: {folder.parent}. {_LAYOUT_HINT}"
    return _LAYOUT_HINT


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _is_zip(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() == ".zip"


def _is_subject(folder: Path) -> bool:
    studies = [path for path in _entries(folder) if path.is_dir() or _is_zip(path)]
    names = [path.stem if _is_zip(path) else path.name for path in studies]
    return bool(names) and all(_STUDY_NAME.fullmatch(name) for name in names)


def _read_subject(subject: Path, found: SourceFolder) -> None:
    for path in _entries(subject):
        if path.is_dir():
            files = list(_files_below(path, f"{subject.name}/{path.name}"))
            if files:
                found.studies.append(Study(subject.name, path.name, files))
        elif _is_zip(path):
            file = SourceFile(path, f"{subject.name}/{path.name}", path.stat().st_size)
            found.studies.append(Study(subject.name, path.stem, [file]))
        else:
            found.stray.append(path)


def _files_below(folder: Path, prefix: str) -> Iterator[SourceFile]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            yield SourceFile(path, f"{prefix}/{path.relative_to(folder).as_posix()}", path.stat().st_size)


def read_all_files(folder: Path) -> list[SourceFile]:
    """Return every file below a folder, keyed by its path in it.

    Raises
    ------
    UsageError
        When it is not a folder or is empty.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.")
    files = [SourceFile(file.path, file.key.removeprefix("./"), file.size) for file in _files_below(folder, ".")]
    if not files:
        raise UsageError(f"There is no file in {folder}.")
    return files
