"""Builds a reference: recognise the source, build the quantifier's index, upload it, and the manifest last."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rnaseq_job import __version__
from rnaseq_job.quantifiers.dragen_host import DragenHost
from rnaseq_job.reference import manifest as manifests
from rnaseq_job.reference.indexes import DragenHashTable, Index, IndexBuilder, SalmonIndex, Workplace
from rnaseq_job.reference.manifest import LEFT_OUT_NAMED, Files, Manifest
from rnaseq_job.reference.source import Part, Source, fetch, find_source, read_description, source_hash
from rnaseq_job.reference.table import ambiguous_symbols, write_table
from rnaseq_job.runtime import log
from rnaseq_job.storage import Storage, open_storage

BUILDERS: Final[Mapping[str, Callable[[], IndexBuilder]]] = {
    "salmon": SalmonIndex,
    "dragen": lambda: DragenHashTable(DragenHost.here()),
}


@dataclass(frozen=True)
class Request:
    """What to build."""

    name: str
    """Of the reference."""
    source: str
    output: str
    """Prefixes that end with a slash."""
    threads: int
    """Processor threads."""
    scratch: Path
    """An empty folder."""


def build_reference(request: Request, builder: IndexBuilder) -> Manifest:
    """Build, unless the same has been built before.

    Returns
    -------
    Manifest
        Of the reference that is ready now.

    Raises
    ------
    InputRejectedError
        When the source cannot be used.
    """
    source = find_source(open_storage(request.source), request.source)
    version = builder.version()
    ready = _ready(request, builder.engine, version, source_hash(source))
    if ready is not None:
        log("reference_unchanged", name=request.name, engine=builder.engine, build=ready.files.folder)
        return ready
    index, description = _build(request, builder, source)
    manifest = _publish(request, builder.engine, version, source, index, description)
    log("reference_ready", name=request.name, engine=builder.engine, transcripts=manifest.transcripts)
    return manifest


def _ready(request: Request, engine: str, version: str, digest: str) -> Manifest | None:
    """Return the present manifest if it is of the same build, and all its files are there."""
    storage = open_storage(request.output)
    present = manifests.load(storage, request.output, engine, request.scratch / "present")
    if present is None or not present.same_build(version, digest, __version__):
        return None
    names = {file.uri for file in storage.files_under(f"{request.output}{present.files.folder}/")}
    return present if all(request.output + name in names for name in present.files.all()) else None


def _build(request: Request, builder: IndexBuilder, source: Source) -> tuple[Index, tuple[str, str]]:
    files = fetch(open_storage(request.source), source, builder.parts, request.scratch / "source")
    description = read_description(files.get(Part.DESCRIPTION, ()))
    place = _workplace(request)
    try:
        index = builder.build(files, place)
    finally:
        if place.log.exists():  # also of a build that failed: it says why
            open_storage(request.output).upload(place.log, f"{request.output}{builder.engine}.build.log")
    write_table(request.scratch / "transcripts.tsv", index.rows)
    return index, description


def _workplace(request: Request) -> Workplace:
    work = request.scratch / "work"
    work.mkdir(parents=True)
    return Workplace(work, request.scratch / manifests.INDEX, request.scratch / "build.log", request.threads)


def _publish(
    request: Request, engine: str, version: str, source: Source, index: Index, description: tuple[str, str]
) -> Manifest:
    digest = source_hash(source)
    folder = f"{engine}/{hashlib.sha256(f'{digest} {version} {__version__}'.encode()).hexdigest()[:12]}"
    files = _upload(request, folder, index)
    manifest = Manifest(
        name=request.name,
        genome=description[0],
        annotation=description[1],
        engine=engine,
        engine_version=version,
        transcripts=len(index.rows),
        genes=len({row.gene_id for row in index.rows}),
        ambiguous_symbols=len(ambiguous_symbols(index.rows)),
        par_copies_left_out=index.par_copies,
        masked_transcripts=index.masked,
        transcripts_left_out=len(index.left_out),
        left_out=tuple(index.left_out[:LEFT_OUT_NAMED]),
        decoys=index.decoys,
        files=files,
        source=tuple(file.described() for part in sorted(source) for file in source[part]),
        source_hash=digest,
        tool_version=__version__,
    )
    path = request.scratch / manifests.file_name(engine)
    manifests.save(manifest, path)
    open_storage(request.output).upload(path, request.output + path.name)
    return manifest


def _upload(request: Request, folder: str, index: Index) -> Files:
    storage = open_storage(request.output)
    table = _put(storage, request, request.scratch / "transcripts.tsv", f"{folder}/transcripts.tsv")
    annotation = _put(storage, request, index.annotation, f"{folder}/annotation.gtf") if index.annotation else None
    root = request.scratch / manifests.INDEX
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    names = [_put(storage, request, path, f"{folder}/{path.relative_to(request.scratch).as_posix()}") for path in paths]
    return Files(folder, table, annotation, tuple(names))


def _put(storage: Storage, request: Request, path: Path, name: str) -> str:
    storage.upload(path, request.output + name)
    return name
