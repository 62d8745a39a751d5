"""Files of a folder, and which of its files are uploaded under which key."""

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, NoReturn

from cli.errors import UsageError

Modality = Literal["imaging", "genomics", "clinical"]
MODALITIES: tuple[Modality, ...] = ("imaging", "genomics", "clinical")

_TABLE_SUFFIXES = (".csv", ".tsv")
_LEFTOVERS = frozenset({"__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "system volume information", "@eadir"})
"""What operating systems leave in folders, in small letters; hidden names besides."""


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


def is_table(path: Path) -> bool:
    """Whether a file is called as a table."""
    return path.suffix.lower() in _TABLE_SUFFIXES


def is_zip(path: Path) -> bool:
    """Whether a file is a zip, by its name."""
    return path.suffix.lower() == ".zip" and path.is_file()


def _is_of_people(name: str) -> bool:
    """Whether a file or folder is none that an operating system hides or leaves: `._1-01.dcm` is no slice."""
    return not name.startswith(".") and name.lower() not in _LEFTOVERS


def entries(folder: Path) -> list[Path]:
    """Return what lies directly in a folder, by name, without what operating systems leave there."""
    try:
        return sorted(path for path in folder.iterdir() if _is_of_people(path.name))
    except OSError as error:
        _raise(error)


def files_below(folder: Path, prefix: str = "") -> Iterator[SourceFile]:
    """Yield all files of a folder as `entries` has them, links followed once, keyed by their place below a prefix."""
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        seen.add(os.path.realpath(parent))
        below = filter(_is_of_people, folders)
        folders[:] = sorted(name for name in below if os.path.realpath(Path(parent, name)) not in seen)
        for path in (Path(parent, name) for name in sorted(filter(_is_of_people, names))):
            yield SourceFile(path, prefix + path.relative_to(folder).as_posix(), size_of(path))


def size_of(path: Path) -> int:
    """Return the size of a file that can be read.

    Raises
    ------
    UsageError
        When it cannot: half of a study would be sent before that is known.
    """
    try:
        size = path.stat().st_size  # fails for such as a link to nothing
        if not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    except OSError as error:
        _raise(error)
    return size


def _raise(error: OSError) -> NoReturn:
    """What cannot be listed would be left out of a study in silence."""
    raise UsageError(
        f"{error.filename} cannot be read: {error.strerror}.", hint="Check its permissions, or what it links to."
    )


def require_files(path: Path) -> None:
    """Reject a path that is not there, and a folder without a file: what it should look like is the second question.

    What cannot be listed is told by its own name, not by one that is looked for in it.
    """
    if not path.exists():
        raise UsageError(f"There is no {path}.", hint="Give the folder or the file that is to be uploaded.")
    if not path.is_dir():
        size_of(path)
    elif not any(files_below(path)):
        raise UsageError(f"{path} has no files.", hint="docs/uploads.md says how a folder is laid out.")


def folder_of(path: Path, modality: Modality, hint: str) -> Path:
    """Return the folder that is looked into: the modality's own, where the given one has such."""
    if not path.is_dir():
        raise UsageError(f"{path} is one file." if path.exists() else f"There is no {path}.", hint=hint)
    folder = path.resolve()
    return folder / modality if (folder / modality).is_dir() else folder
