"""Objects in S3 or in folders, behind one interface; the only user of boto3 in this package."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rnaseq_job.errors import HostFaultError, InvalidJobError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

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
    """Give the storage of an address: ``s3://bucket/key``, or a path.

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

    def __init__(self, client: S3Client | None = None) -> None:
        self._given = client

    @property
    def _client(self) -> S3Client:
        if self._given is None:
            import boto3  # here, so that a job on plain paths does not pay for it

            self._given = boto3.client("s3")
        return self._given

    def download(self, uri: str, path: Path) -> None:
        """Fetch an object."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._translated(uri, lambda bucket, key: self._client.download_file(bucket, key, str(path)))

    def upload(self, path: Path, uri: str) -> None:
        """Store an object; the bucket's own default encryption applies."""
        self._translated(uri, lambda bucket, key: self._client.upload_file(str(path), bucket, key))

    def files_under(self, uri: str) -> Iterator[StoredFile]:
        """Yield the objects below a prefix, in S3's order."""
        bucket, prefix = split_uri(uri)
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for item in page.get("Contents", []):
                yield StoredFile(f"s3://{bucket}/{item['Key']}", item["Size"], item["ETag"].strip('"'))

    def stat(self, uri: str) -> StoredFile | None:
        """Describe an object."""
        try:
            head = self._translated(uri, lambda bucket, key: self._client.head_object(Bucket=bucket, Key=key))
        except FileNotFoundError:
            return None
        return StoredFile(uri, head["ContentLength"], head["ETag"].strip('"'))

    def remove(self, uri: str) -> None:
        """Remove an object; in a versioned bucket its versions stay."""
        self._translated(uri, lambda bucket, key: self._client.delete_object(Bucket=bucket, Key=key))

    def _translated(self, uri: str, action: Any) -> Any:  # noqa: ANN401  # whatever boto3 answers
        from botocore.exceptions import BotoCoreError, ClientError

        bucket, key = split_uri(uri)
        try:
            return action(bucket, key)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _MISSING:
                raise FileNotFoundError(errno.ENOENT, "no such object", uri) from error
            if code in _REFUSED:
                raise InvalidJobError(f"{uri}: S3 refuses access ({code}); check bucket, key and role") from error
            raise HostFaultError(f"{uri}: S3 failed ({code})") from error
        except BotoCoreError as error:
            raise HostFaultError(f"{uri}: S3 failed ({type(error).__name__})") from error


def split_uri(uri: str) -> tuple[str, str]:
    """Split ``s3://bucket/key``.

    Examples
    --------
    >>> split_uri("s3://raw/genomics/a/b.fastq.gz")
    ('raw', 'genomics/a/b.fastq.gz')
    """
    bucket, separator, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not separator:
        raise InvalidJobError(f"{uri}: expected s3://bucket/key")
    return bucket, key
