"""Objects in S3 or in folders, behind one interface; the only user of boto3 in this package."""

import errno
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from isal import igzip

from rnaseq_job.errors import HostFaultError, InputRejectedError, InvalidJobError, ReasonCode
from rnaseq_job.reads.checks import LaneFiles
from rnaseq_job.reads.lanes import (
    Lane,
    ListedLane,
    Sample,
    check_layout,
    display_name,
    file_name,
    is_sra,
    read_list,
    shown,
)
from rnaseq_job.reads.records import GZIP_DAMAGE, LINES
from rnaseq_job.reads.stream import ReadsFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from rnaseq_job.reads.sra import SraReads


_ONE_REQUEST_BYTES = 8 * 1024**2
"""Up to here an object is fetched by one request, as most files of an index are; boto3's transfer asks for the size
first."""
_MISSING = {"404", "NoSuchKey", "NotFound"}
_REFUSED = {"403", "AccessDenied", "NoSuchBucket", "InvalidObjectState"}


@dataclass(frozen=True)
class StoredFile:
    """One object: its address, its size in bytes and its entity tag (empty for local files)."""

    uri: str
    size: int
    etag: str = ""


class Storage(Protocol):
    """Where reads and references come from and results go to."""

    def download(self, uri: str, path: Path) -> None:
        """Fetch one object; FileNotFoundError when there is none."""
        ...

    def upload(self, path: Path, uri: str) -> None:
        """Store one file."""
        ...

    def files_under(self, uri: str) -> Iterator[StoredFile]:
        """Yield everything below a prefix that ends with a slash."""
        ...

    def stat(self, uri: str) -> StoredFile | None:
        """Describe one object; None when there is none."""
        ...

    def remove(self, uri: str) -> None:
        """Remove one object; nothing happens when there is none."""
        ...


def open_storage(uri: str) -> Storage:
    """Return the storage of an address: `s3://bucket/key`, or a path.

    Raises
    ------
    InvalidJobError
        For any other scheme.
    """
    if uri.startswith("s3://"):
        return S3Storage()
    if "://" in uri:
        raise InvalidJobError(f"{uri}: expected s3://bucket/key or a path")
    return FolderStorage()


class FolderStorage:
    """Plain paths."""

    def download(self, uri: str, path: Path) -> None:
        """Copy a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(uri, path)

    def upload(self, path: Path, uri: str) -> None:
        """Copy a file beside its place, then move it there."""
        target = Path(uri)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.part")
        shutil.copyfile(path, partial)
        partial.replace(target)

    def files_under(self, uri: str) -> Iterator[StoredFile]:
        """Yield the files of a folder, sorted by path."""
        for path in sorted(Path(uri).rglob("*")):
            if path.is_file():
                yield StoredFile(str(path), path.stat().st_size)

    def stat(self, uri: str) -> StoredFile | None:
        """Describe a file."""
        path = Path(uri)
        return StoredFile(uri, path.stat().st_size) if path.is_file() else None

    def remove(self, uri: str) -> None:
        """Remove a file."""
        Path(uri).unlink(missing_ok=True)


class S3Storage:
    """Objects in S3, through boto3's default credentials and endpoint."""

    def __init__(self, client: "S3Client | None" = None) -> None:
        self._given = client

    @property
    def _client(self) -> "S3Client":
        if self._given is None:
            import boto3  # here, so that a job on plain paths does not pay for it

            self._given = boto3.client("s3")
        return self._given

    def download(self, uri: str, path: Path) -> None:
        """Fetch an object."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with _translating(uri):
            self._download(*split_uri(uri), path)

    def _download(self, bucket: str, key: str, path: Path) -> None:
        from botocore.exceptions import IncompleteReadError, ReadTimeoutError, ResponseStreamingError

        answer = self._client.get_object(Bucket=bucket, Key=key)
        # `with answer["Body"]` would read without a check (findings/botocore_body_in_with_is_unchecked.sh).
        with closing(answer["Body"]) as body, suppress(IncompleteReadError, ReadTimeoutError, ResponseStreamingError):
            if answer["ContentLength"] <= _ONE_REQUEST_BYTES:
                path.write_bytes(body.read())
                return
        self._client.download_file(bucket, key, str(path))  # in parts, each of which is tried again

    def upload(self, path: Path, uri: str) -> None:
        """Store an object; the bucket's own default encryption applies."""
        with _translating(uri):
            self._client.upload_file(str(path), *split_uri(uri))

    def files_under(self, uri: str) -> Iterator[StoredFile]:
        """Yield the objects below a prefix, in S3's order."""
        bucket, prefix = split_uri(uri)
        with _translating(uri):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            for page in pages:
                for item in page.get("Contents", []):
                    yield StoredFile(f"s3://{bucket}/{item['Key']}", item["Size"], item["ETag"].strip('"'))

    def stat(self, uri: str) -> StoredFile | None:
        """Describe an object."""
        bucket, key = split_uri(uri)
        try:
            with _translating(uri):
                head = self._client.head_object(Bucket=bucket, Key=key)
        except FileNotFoundError:
            return None
        return StoredFile(uri, head["ContentLength"], head["ETag"].strip('"'))

    def remove(self, uri: str) -> None:
        """Remove an object; in a versioned bucket its versions stay."""
        bucket, key = split_uri(uri)
        with _translating(uri):
            self._client.delete_object(Bucket=bucket, Key=key)


@contextmanager
def _translating(uri: str) -> Iterator[None]:
    """Raise the job's errors instead of boto3's; `upload_file` hides botocore's in one of its own."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, Boto3Error, ClientError) as error:
        cause = error.__context__ if isinstance(error, Boto3Error) else error
        if not isinstance(cause, ClientError):
            raise HostFaultError(f"{uri}: S3 failed ({type(cause or error).__name__})") from error
        code = cause.response["Error"]["Code"]
        if code in _MISSING:
            raise FileNotFoundError(errno.ENOENT, "no such object", uri) from error
        if code in _REFUSED:
            raise InvalidJobError(f"{uri}: S3 denies access ({code}); check bucket, key and role") from error
        raise HostFaultError(f"{uri}: S3 failed ({code})") from error


def split_uri(uri: str) -> tuple[str, str]:
    """Split `s3://bucket/key`.

    Examples
    --------
    >>> split_uri("s3://raw/genomics/a/b.fastq.gz")
    ('raw', 'genomics/a/b.fastq.gz')
    """
    bucket, separator, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not separator:
        raise InvalidJobError(f"{uri}: expected s3://bucket/key")
    return bucket, key


Opener: TypeAlias = Callable[[str], Storage]
"""Return the storage of an address."""

WORKING_ROOM = 1.25
"""Scratch space that a sample needs, in multiples of its reads: the reads, and the quantifier's own files."""

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class StagedSample:
    """A sample on this machine, and its files under the names that the user knows."""

    sample: Sample
    files: tuple[LaneFiles, ...]


def fetch_list(uri: str, sample: str, buckets: Sequence[str], folder: Path, opener: Opener) -> list[ListedLane]:
    """Fetch and read the list of reads.

    Raises
    ------
    InputRejectedError
        FASTQ_LIST_INVALID, MATES_IDENTICAL; see `read_list`.
    """
    path = folder / "fastq_list.csv"
    try:
        opener(uri).download(uri, path)
    except FileNotFoundError as error:
        raise InputRejectedError(
            ReasonCode.FASTQ_LIST_INVALID, f"There is no list of reads at {shown(uri)}.", {}
        ) from error
    return read_list(path, sample, uri, buckets)


def stage_sample(name: str, listed: Sequence[ListedLane], folder: Path, opener: Opener) -> StagedSample:
    """Download every file of a sample into a folder.

    Files on this machine are linked, not copied. An SRA object becomes FASTQ.

    Parameters
    ----------
    listed : sequence of ListedLane
        The sample's lanes; their order stays.
    folder : Path
        Receives `lane001_R1.fastq.gz` and so on.

    Raises
    ------
    InputRejectedError
        READS_NOT_FOUND, INPUT_TOO_LARGE, SRA_INVALID, or FASTQ_LIST_INVALID for lanes with and without mates.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_room(name, _addresses(listed), folder, opener)
    staged = [_stage_lane(name, number, lane, folder, opener) for number, lane in enumerate(listed, start=1)]
    check_layout([lane.read2 is not None for lane, _ in staged])
    return StagedSample(Sample(name, tuple(lane for lane, _ in staged)), tuple(files for _, files in staged))


def count_reads(uri: str, sample: str, folder: Path, opener: Opener) -> int:
    """Return how many reads a file holds that is only counted.

    Raises
    ------
    InputRejectedError
        READS_NOT_FOUND, or READS_TRUNCATED for a damaged archive.
    """
    name = display_name(file_name(uri), sample)
    path = _fetch(uri, folder / "without_mate", opener)
    try:
        with igzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:  # type: ignore[no-untyped-call]
            return sum(1 for _ in lines) // LINES
    except GZIP_DAMAGE as error:
        message = f"{name} is cut short or damaged. Upload it again, or remove it: its reads have no mates."
        raise InputRejectedError(ReasonCode.READS_TRUNCATED, message, {"file": name}) from error
    finally:
        path.unlink(missing_ok=True)


def _addresses(listed: Sequence[ListedLane]) -> Iterator[str]:
    for lane in listed:
        yield lane.read1
        if lane.read2 is not None:
            yield lane.read2


def _check_room(sample: str, addresses: Iterator[str], folder: Path, opener: Opener) -> None:
    """Find every file and add up their sizes before the first is fetched."""
    needed = 0
    for address in addresses:
        found = opener(address).stat(address)
        if found is None:
            raise _not_found(address, sample)
        needed += 0 if _is_here(address) else found.size
    free = shutil.disk_usage(folder).free
    if needed * WORKING_ROOM > free:
        raise InputRejectedError(
            ReasonCode.INPUT_TOO_LARGE,
            f"The reads take {needed} bytes, and the job's disk has {free} free. Give the job more ephemeral storage.",
            {"bytes": needed, "free_bytes": free},
        )


def _stage_lane(sample: str, number: int, listed: ListedLane, folder: Path, opener: Opener) -> tuple[Lane, LaneFiles]:
    stem = folder / f"lane{number:03}"
    name = display_name(file_name(listed.read1), sample)
    if is_sra(listed.read1):
        found = _from_sra(listed.read1, stem, opener)
        read1, read2, without_mate = found.first, found.second, found.without_mate
        names = (f"{name} (first reads)", f"{name} (second reads)")
    else:
        without_mate = 0
        read1 = _fetch(listed.read1, stem.with_name(f"{stem.name}_R1"), opener)
        read2 = _fetch(listed.read2, stem.with_name(f"{stem.name}_R2"), opener) if listed.read2 else None
        names = (name, display_name(file_name(listed.read2 or ""), sample))
    lane = Lane(listed.read_group, listed.library, listed.lane, read1, read2)
    second = ReadsFile(read2, names[1]) if read2 else None
    return lane, LaneFiles(ReadsFile(read1, names[0]), second, without_mate)


def _from_sra(address: str, stem: Path, opener: Opener) -> "SraReads":
    from rnaseq_job.reads.sra import to_fastq

    path = stem.with_suffix(".sra")
    _download(address, path, opener)
    try:
        return to_fastq(path, stem.with_name(f"{stem.name}_sra"))
    finally:
        path.unlink(missing_ok=True)  # the reads are there twice now, and disks are small


def _fetch(address: str, stem: Path, opener: Opener) -> Path:
    """Stage a file and name it by what it is: quantifiers go by the name, users' names are not always true."""
    path = stem.with_suffix(".part")
    _download(address, path, opener)
    with path.open("rb") as file:
        compressed = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    return path.replace(stem.with_suffix(".fastq.gz" if compressed else ".fastq"))


def _download(address: str, path: Path, opener: Opener) -> None:
    if _is_here(address):
        path.symlink_to(Path(address).resolve())
        return
    try:
        opener(address).download(address, path)
    except FileNotFoundError as error:
        raise _not_found(address) from error


def _is_here(address: str) -> bool:
    return "://" not in address


def _not_found(address: str, sample: str = "") -> InputRejectedError:
    name = display_name(file_name(address), sample)
    return InputRejectedError(
        ReasonCode.READS_NOT_FOUND,
        f"{name} is in the list of reads but not in the storage. Upload it, or take it off the list.",
        {"file": name},
    )
