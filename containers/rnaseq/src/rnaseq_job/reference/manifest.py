"""``<engine>.manifest.json``: written last, so that its presence means that the reference is ready."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from rnaseq_job.errors import Detail
from rnaseq_job.reference.source import invalid
from rnaseq_job.storage import Storage

SCHEMA = 1
INDEX = "index"
"""The folder of the engine's own files within a build."""

_BUILD = re.compile(r"(salmon|dragen)/[0-9a-f]{12}")


@dataclass(frozen=True)
class Files:
    """Where the files of a build are, relative to the reference's prefix.

    Parameters
    ----------
    folder : str
        ``<engine>/<build>``. Each build has a folder of its own: a job that reads one is not disturbed by the next.
    transcripts : str
        The transcript table.
    annotation : str or None
        Uncompressed GTF, for DRAGEN.
    index : tuple of str
        The engine's files.
    """

    folder: str
    transcripts: str
    annotation: str | None
    index: tuple[str, ...]

    def all(self) -> list[str]:
        """Give every name."""
        return [self.transcripts, *([self.annotation] if self.annotation else []), *self.index]


@dataclass(frozen=True)
class Manifest:
    """What is known of a built reference; the names are those of the JSON document.

    Parameters
    ----------
    name, genome, annotation : str
        For the assay identity.
    engine, engine_version : str
        What made the index, and what has to read it.
    transcripts, genes : int
        Rows and distinct genes of the transcript table.
    ambiguous_symbols : int
        Symbols that several genes carry.
    par_copies_left_out : int
        Pseudo-autosomal copies on chromosome Y that are not in the index.
    masked_transcripts : int
        Transcripts of which the genome shows nothing but N.
    decoys : int
        Sequences of the genome that catch reads from outside of the transcripts; 0 without a genome.
    files : Files
        Where they are.
    source : tuple of dict
        ``key``, ``size`` and ``etag`` of every file the reference was made of.
    source_hash : str
        Over all of them.
    tool_version : str
        Of this package.
    """

    name: str
    genome: str
    annotation: str
    engine: str
    engine_version: str
    transcripts: int
    genes: int
    ambiguous_symbols: int
    par_copies_left_out: int
    masked_transcripts: int
    decoys: int
    files: Files
    source: tuple[dict[str, Detail], ...]
    source_hash: str
    tool_version: str
    schema: int = field(default=SCHEMA)

    def same_build(self, engine_version: str, source_hash: str, tool_version: str) -> bool:
        """Tell whether building again would give the same."""
        made_of = (self.engine_version, self.source_hash, self.tool_version)
        return made_of == (engine_version, source_hash, tool_version)


def file_name(engine: str) -> str:
    """Give the manifest's name; salmon's and DRAGEN's lie side by side."""
    return f"{engine}.manifest.json"


def load(storage: Storage, prefix: str, engine: str, folder: Path) -> Manifest | None:
    """Fetch and read an engine's manifest; None when there is none.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID for a manifest that this version cannot read.
    """
    path = folder / "manifest.json"
    try:
        storage.download(prefix + file_name(engine), path)
    except FileNotFoundError:
        return None
    return parse(path.read_bytes(), engine)


def parse(text: bytes, engine: str) -> Manifest:
    """Read a manifest; the names of its files must stay below the reference's own prefix."""
    try:
        content = json.loads(text)
        manifest = _manifest(content)
    except (ValueError, KeyError, TypeError) as error:
        raise invalid(f"{file_name(engine)} cannot be read ({error}). Build the reference again.") from error
    if manifest.schema != SCHEMA or manifest.engine != engine or not _names_are_safe(manifest.files):
        raise invalid(f"{file_name(engine)} is not one that this version writes. Build the reference again.")
    return manifest


def save(manifest: Manifest, path: Path) -> None:
    """Write the document."""
    path.write_text(json.dumps(asdict(manifest), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _manifest(content: Mapping[str, Any]) -> Manifest:
    files = dict(content["files"])
    files["index"] = tuple(files["index"])
    return Manifest(**{**content, "files": Files(**files), "source": tuple(content["source"])})


def _names_are_safe(files: Files) -> bool:
    inside = all(name.startswith(f"{files.folder}/") and ".." not in PurePosixPath(name).parts for name in files.all())
    return _BUILD.fullmatch(files.folder) is not None and inside and bool(files.index)
