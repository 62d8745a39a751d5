"""`<engine>.manifest.json`: written last, so that its presence means that the reference is ready."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from rnaseq_job.errors import Detail, InputRejectedError, ReasonCode
from rnaseq_job.quantifiers.quantifier import BuiltReference
from rnaseq_job.quantifiers.salmon import salmon_version
from rnaseq_job.reference.source import as_prefix, examples, invalid
from rnaseq_job.storage import Storage, open_storage

SCHEMA = 1

LEFT_OUT_NAMED = 20
"""Most transcripts that are named in a manifest for having been left out."""

INDEX = "index"
"""The folder of the quantifier's own files within a build."""

_BUILD = re.compile(r"(salmon|dragen)/[0-9a-f]{12}")


@dataclass(frozen=True)
class Files:
    """Where the files of a build are, relative to the reference's prefix."""

    folder: str
    """`<engine>/<build>`. Each build has a folder of its own: a job that reads one is not disturbed by the next."""
    transcripts: str
    """The transcript table."""
    annotation: str | None
    """Uncompressed GTF, for DRAGEN."""
    index: tuple[str, ...]
    """The quantifier's files."""

    def all(self) -> list[str]:
        """Return every name."""
        return [self.transcripts, *([self.annotation] if self.annotation else []), *self.index]


@dataclass(frozen=True)
class Manifest:
    """What is known of a built reference; the names are those of the JSON document."""

    name: str
    genome: str
    annotation: str
    """For the assay identity."""
    engine: str
    engine_version: str
    """What made the index, and what has to read it."""
    transcripts: int
    genes: int
    """Rows and distinct genes of the transcript table."""
    ambiguous_symbols: int
    """Symbols that several genes carry."""
    par_copies_left_out: int
    """Pseudo-autosomal copies on chromosome Y that are not in the index, or count for the gene on X."""
    masked_transcripts: int
    """Transcripts of which the genome shows nothing but N."""
    decoys: int
    """Sequences of the genome that catch reads from outside of the transcripts; 0 without a genome."""
    files: Files
    """Where they are."""
    source: tuple[dict[str, Detail], ...]
    """`key`, `size` and `etag` of every file the reference was made of."""
    source_hash: str
    """Over all of them."""
    tool_version: str
    """Of this package."""
    transcripts_left_out: int = 0
    """Transcripts of the FASTA files that lie on haplotypes or patches which the annotation does not have."""
    left_out: tuple[str, ...] = ()
    """The first of them."""
    schema: int = field(default=SCHEMA)

    def same_build(self, engine_version: str, source_hash: str, tool_version: str) -> bool:
        """Return whether building again would give the same."""
        made_of = (self.engine_version, self.source_hash, self.tool_version)
        return made_of == (engine_version, source_hash, tool_version)


def file_name(engine: str) -> str:
    """Return the manifest's name; salmon's and DRAGEN's lie side by side."""
    return f"{engine}.manifest.json"


def load(storage: Storage, prefix: str, engine: str, folder: Path) -> Manifest | None:
    """Fetch and read a quantifier's manifest; None when there is none.

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
    return Manifest(
        **{
            **content,
            "files": Files(**files),
            "source": tuple(content["source"]),
            "left_out": tuple(content.get("left_out", ())),
        }
    )


def _names_are_safe(files: Files) -> bool:
    inside = all(name.startswith(f"{files.folder}/") and ".." not in PurePosixPath(name).parts for name in files.all())
    return _BUILD.fullmatch(files.folder) is not None and inside and bool(files.index)


def stage_reference(uri: str, folder: Path, engine: str) -> BuiltReference:
    """Download a reference.

    Parameters
    ----------
    uri : str
        `s3://bucket/references/<name>` or a path.
    folder : Path
        Receives `manifest.json`, the transcript table and the index.
    engine : str
        `salmon` or `dragen`.

    Raises
    ------
    InputRejectedError
        REFERENCE_NOT_READY when it has not been built for this quantifier and version, REFERENCE_INVALID when files
        that its manifest lists are gone.

    Examples
    --------
    >>> stage_reference("s3://processed/references/grch38", Path("reference"), "salmon").genome  # doctest: +SKIP
    'GRCh38'
    """
    storage, prefix = open_storage(uri), as_prefix(uri)
    manifest = load(storage, prefix, engine, folder)
    if manifest is None:
        raise InputRejectedError(
            ReasonCode.REFERENCE_NOT_READY,
            f"{prefix} has not been built for {engine}: there is no {file_name(engine)}. Upload genome and "
            "annotation below genomics/_references/ and wait for the build to end.",
            {"reference": prefix, "engine": engine},
        )
    _check_version(manifest)
    _download(manifest, prefix, folder)
    return _staged(manifest, folder)


def _check_version(manifest: Manifest) -> None:
    """Reject an index of another salmon: a newer one reads it wrongly or not at all, and values would not compare.

    DRAGEN's tables stay valid over many versions, and it checks them itself.
    """
    if manifest.engine != "salmon":
        return
    installed = salmon_version()
    if manifest.engine_version != installed:
        raise InputRejectedError(
            ReasonCode.REFERENCE_NOT_READY,
            f"Reference {manifest.name} was built with salmon {manifest.engine_version}, but {installed} is installed. "
            "Build the reference again with this image.",
            {"built_with": manifest.engine_version, "installed": installed},
        )


def _download(manifest: Manifest, prefix: str, folder: Path) -> None:
    storage = open_storage(prefix)
    present = {file.uri for file in storage.files_under(f"{prefix}{manifest.files.folder}/")}
    missing = [name for name in manifest.files.all() if prefix + name not in present]
    if missing:
        raise invalid(
            f"{len(missing)} of {len(manifest.files.all())} files of reference {manifest.name} are gone "
            f"({missing[0]}). Build it again.",
            missing=len(missing),
            examples=examples(missing),
        )
    for name in manifest.files.all():
        storage.download(prefix + name, folder / name)


def _staged(manifest: Manifest, folder: Path) -> BuiltReference:
    files = manifest.files
    return BuiltReference(
        index=folder / files.folder / INDEX,
        transcripts=folder / files.transcripts,
        annotation=folder / files.annotation if files.annotation else None,
        name=manifest.name,
        genome=manifest.genome,
        annotation_name=manifest.annotation,
    )
