"""The files that a reference is made of: recognised, fetched, opened; a rejection always has numbers and examples."""

import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from isal import igzip

from rnaseq_job.errors import Detail, HostFaultError, InputRejectedError, ReasonCode
from rnaseq_job.reads.records import GZIP_DAMAGE
from rnaseq_job.storage import Storage, StoredFile

_EXAMPLES = 5


def invalid(message: str, **details: Detail) -> InputRejectedError:
    """Return the error to raise.

    Examples
    --------
    >>> raise invalid("genome.fa holds no sequence. Upload it again.", file="genome.fa")
    Traceback (most recent call last):
    rnaseq_job.errors.InputRejectedError: REFERENCE_INVALID: genome.fa holds no sequence. Upload it again.
    """
    return InputRejectedError(ReasonCode.REFERENCE_INVALID, message, details)


def examples(names: Iterable[str]) -> list[Detail]:
    """Return the first few names in their order, enough to recognise the naming."""
    return list(islice(names, _EXAMPLES))


_GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open plain or compressed text, told apart by its first bytes.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID when the gzip stream is damaged or ends early.
    """
    try:
        with path.open("rb") as raw:
            compressed = raw.peek(2)[:2] == _GZIP_MAGIC
            yield cast(BinaryIO, igzip.open(raw, "rb")) if compressed else raw  # type: ignore[no-untyped-call]
    except GZIP_DAMAGE as error:
        raise invalid(
            f"{path.name} is damaged or was cut short: its gzip stream does not end as it should. Upload it again.",
            file=path.name,
        ) from error


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line numbers, from 1, and lines without their end.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID for what is not UTF-8 text.
    """
    number = 0
    with reading(path) as file:
        try:
            for number, line in enumerate(io.TextIOWrapper(file, encoding="utf-8", newline="\n"), start=1):
                yield number, line.rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise invalid(f"{path.name} is not text (after line {number}).", file=path.name, line=number) from error


_FASTA = re.compile(r".+\.(fa|fasta|fna)(\.b?gz)?", re.IGNORECASE)
_GTF = re.compile(r".+\.gtf(\.b?gz)?", re.IGNORECASE)
_TABLE = re.compile(r"transcripts\.tsv(\.b?gz)?", re.IGNORECASE)
_HASH_BLOCK = 1 << 20


class Part(StrEnum):
    """What a file is to the reference."""

    SEQUENCES = "sequence file"
    """Genome, transcriptome or spike-ins: what is in it says which (`rnaseq_job.reference.roles`)."""
    ANNOTATION = "annotation"
    TABLE = "table"
    DESCRIPTION = "description"


@dataclass(frozen=True)
class SourceFile:
    """A file of the source."""

    key: str
    """Name below the prefix."""
    size: int
    """Bytes."""
    etag: str
    """Entity tag; SHA-256 for a plain file, which has none."""
    uri: str
    """Address."""

    def described(self) -> dict[str, Detail]:
        """Return what the manifest says of the file."""
        return {"key": self.key, "size": self.size, "etag": self.etag}


Source = Mapping[Part, Sequence[SourceFile]]

_SEVERAL = {Part.SEQUENCES, Part.ANNOTATION}
"""Parts that may be several files: cDNA and non-coding RNA, the genome and spike-ins, an annotation of each."""


Files = Mapping[Part, Sequence[Path]]
"""The same, fetched."""


def as_prefix(uri: str) -> str:
    """Return an address with one slash at its end, as everything that is listed below it begins.

    Examples
    --------
    >>> as_prefix("s3://processed/references/grch38"), as_prefix("/data/references/../built//")
    ('s3://processed/references/grch38/', '/data/references/../built/')
    """
    return uri.rstrip("/") + "/" if "://" in uri else f"{Path(uri).absolute()}/"


def find_source(storage: Storage, prefix: str) -> Source:
    """Recognise the files directly below a prefix; others (checksums, notes) are left alone.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID without a FASTA file, with two tables or descriptions, or with an empty file.
    """
    found: dict[Part, list[SourceFile]] = {}
    for stored in storage.files_under(prefix):
        key = stored.uri.removeprefix(prefix)
        part = part_of(key)
        if part is None:
            continue
        if part in found and part not in _SEVERAL:
            other = found[part][0].key
            raise invalid(f"{key} and {other} are both a {part}. Keep one reference in one folder.", files=[other, key])
        found.setdefault(part, []).append(SourceFile(key, stored.size, stored.etag or _digest(stored), stored.uri))
    _check(found, prefix)
    return found


def part_of(key: str) -> Part | None:
    """Return a file's part by how its name ends.

    Examples
    --------
    >>> part_of("gencode.v44.transcripts.fa.gz"), part_of("gencode.v44.annotation.gtf"), part_of("MD5SUMS")
    (<Part.SEQUENCES: 'sequence file'>, <Part.ANNOTATION: 'annotation'>, None)
    """
    if "/" in key:
        return None
    if key == "reference.json":
        return Part.DESCRIPTION
    if _TABLE.fullmatch(key):
        return Part.TABLE
    if _GTF.fullmatch(key):
        return Part.ANNOTATION
    if _FASTA.fullmatch(key):
        return Part.SEQUENCES
    return None


def source_hash(source: Source) -> str:
    """Return one hash of all files: their parts, names, sizes and tags."""
    described = {str(part): [file.described() for file in source[part]] for part in sorted(source)}
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def fetch(storage: Storage, source: Source, parts: set[Part], folder: Path) -> Files:
    """Download some parts, under their own names.

    Raises
    ------
    HostFaultError
        When a file that was listed is gone: the next attempt sees which files there are.
    """
    for file in (file for part in sorted(parts & set(source)) for file in source[part]):
        try:
            storage.download(file.uri, folder / file.key)
        except FileNotFoundError as error:
            raise HostFaultError(f"{file.uri} disappeared while the reference was built") from error
    return {part: [folder / file.key for file in source[part]] for part in parts & set(source)}


def read_description(paths: Sequence[Path]) -> tuple[str, str]:
    """Return genome and annotation by name, `unknown` where `reference.json` does not say.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID for what is not `{"genome": "…", "annotation": "…"}`.
    """
    if not paths:
        return "unknown", "unknown"
    try:
        content = json.loads(paths[0].read_bytes())
    except ValueError as error:
        raise invalid(f"reference.json is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise invalid('reference.json must look like {"genome": "GRCh38", "annotation": "GENCODE 44"}.')
    return _named(content, "genome"), _named(content, "annotation")


def _named(content: Mapping[str, object], name: str) -> str:
    value = content.get(name, "unknown")
    if not isinstance(value, str) or not value.strip():
        raise invalid(f'"{name}" of reference.json must be a text such as "GRCh38".')
    return value.strip()


def _check(found: Source, prefix: str) -> None:
    files = [file for part in found.values() for file in part]
    if Part.SEQUENCES not in found:
        raise invalid(
            f"{prefix} holds no FASTA file. Upload genome.fa.gz and annotation.gtf.gz, or transcripts.fa.gz and "
            "transcripts.tsv, directly into this folder.",
            found=examples(file.key for file in files),
        )
    for file in files:
        if file.size == 0:
            raise invalid(f"{file.key} is empty. Upload it again.", file=file.key)


def _digest(stored: StoredFile) -> str:
    """Hash a plain file's content: size alone would take two annotations for one."""
    digest = hashlib.sha256()
    with Path(stored.uri).open("rb") as file:
        while block := file.read(_HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()
