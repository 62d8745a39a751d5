"""Brings a built reference to the machine, with only what one engine needs."""

from pathlib import Path

from rnaseq_job.errors import InputRejectedError, ReasonCode
from rnaseq_job.quantifiers.quantifier import BuiltReference
from rnaseq_job.reference import manifest as manifests
from rnaseq_job.reference.manifest import Manifest
from rnaseq_job.reference.salmon_index import salmon_version
from rnaseq_job.reference.source import as_prefix, examples, invalid
from rnaseq_job.storage import open_storage


def stage_reference(uri: str, folder: Path, engine: str) -> BuiltReference:
    """Download a reference.

    Parameters
    ----------
    uri : str
        ``s3://bucket/references/<name>`` or a path.
    folder : Path
        Receives ``manifest.json``, the transcript table and the index.
    engine : str
        ``salmon`` or ``dragen``.

    Raises
    ------
    InputRejectedError
        REFERENCE_NOT_READY when it has not been built for this engine and version, REFERENCE_INVALID when files that
        its manifest lists are gone.

    Examples
    --------
    >>> stage_reference("s3://processed/references/grch38", Path("reference"), "salmon").genome  # doctest: +SKIP
    'GRCh38'
    """
    storage, prefix = open_storage(uri), as_prefix(uri)
    manifest = manifests.load(storage, prefix, engine, folder)
    if manifest is None:
        raise InputRejectedError(
            ReasonCode.REFERENCE_NOT_READY,
            f"{prefix} has not been built for {engine}: there is no {manifests.file_name(engine)}. Upload genome and "
            "annotation below genomics/_references/ and wait for the build to end.",
            {"reference": prefix, "engine": engine},
        )
    _check_version(manifest)
    _download(manifest, prefix, folder)
    return _staged(manifest, folder)


def _check_version(manifest: Manifest) -> None:
    """Refuse an index of another salmon: a newer one reads it wrongly or not at all, and values would not compare.

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
        folder=folder,
        index=folder / files.folder / manifests.INDEX,
        transcripts=folder / files.transcripts,
        annotation=folder / files.annotation if files.annotation else None,
        name=manifest.name,
        genome=manifest.genome,
        annotation_name=manifest.annotation,
    )
