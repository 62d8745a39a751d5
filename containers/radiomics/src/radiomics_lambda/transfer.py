"""Objects of S3 in and out, as SageMaker Processing moves them; the only user of boto3 in this package."""

import json
import mimetypes
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from radiomics_job.output.documents import RESULT_NAMES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PARALLEL = 16
_ONE_REQUEST_BYTES = 8 * 1024**2
"""Up to here an object is fetched by one request, as most images are; boto3's transfer asks for the size first."""
_Item = TypeVar("_Item")


class TransferError(Exception):
    """An object could not be fetched or stored."""


@dataclass(frozen=True)
class Transfer:
    """A connection to S3, and how results are encrypted (KMS key ARN)."""

    client: "S3Client"
    key_arn: str

    @classmethod
    def connect(cls, key_arn: str) -> Self:
        """Connect with the function's own role."""
        config = Config(max_pool_connections=_PARALLEL, retries={"mode": "standard", "max_attempts": 8})
        return cls(boto3.client("s3", config=config), key_arn)


def fetch(transfer: Transfer, uri: str, path: Path) -> None:
    """Fetch one object.

    Raises
    ------
    TransferError
        When it is not there or may not be read.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    bucket, key = _split(uri)
    _in_parallel(lambda _: _download(transfer.client, bucket, key, path), [uri])


def fetch_manifest(transfer: Transfer, uri: str, folder: Path) -> None:
    """Fetch exactly the objects that a `ManifestFile` lists: a prefix object, then keys relative to it.

    Source: Amazon SageMaker API reference, S3DataSource / S3DataType.

    Raises
    ------
    TransferError
        When an object is missing or would leave the folder.
    """
    manifest = folder.with_name("manifest.json")
    fetch(transfer, uri, manifest)
    first, *names = json.loads(manifest.read_text(encoding="utf-8"))
    bucket, prefix = _split(first["prefix"])
    root = folder.resolve()

    def _fetch(name: str) -> None:
        target = (root / name).resolve()
        if not target.is_relative_to(root):
            raise TransferError(f"s3://{bucket}/{prefix}{name} would leave its folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        _download(transfer.client, bucket, prefix + name, target)

    _in_parallel(_fetch, names)


def _download(client: "S3Client", bucket: str, key: str, path: Path) -> None:
    answer = client.get_object(Bucket=bucket, Key=key)
    # `with answer["Body"]` would read without a check (findings/botocore_body_in_with_is_unchecked.sh).
    with closing(answer["Body"]) as body, suppress(IncompleteReadError, ReadTimeoutError, ResponseStreamingError):
        if answer["ContentLength"] <= _ONE_REQUEST_BYTES:
            path.write_bytes(body.read())
            return
    client.download_file(bucket, key, str(path))  # in parts, each of which is tried again


def store(transfer: Transfer, folder: Path, uri: str) -> int:
    """Store every file below a folder, and return how many; a study's outcome comes after its other files.

    Raises
    ------
    TransferError
        When one cannot be stored.
    """
    bucket, prefix = _split(uri)

    def _store(path: Path) -> None:
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        key = prefix + path.relative_to(folder).as_posix()
        with path.open("rb") as file:
            transfer.client.put_object(
                Bucket=bucket,
                Key=key,
                Body=file,
                ContentType=kind,
                ServerSideEncryption="aws:kms",
                SSEKMSKeyId=transfer.key_arn,
            )

    files = sorted(path for path in folder.rglob("*") if path.is_file())
    outcomes = [path for path in files if path.name in RESULT_NAMES[-2:]]
    _in_parallel(_store, [path for path in files if path not in outcomes])
    _in_parallel(_store, outcomes)
    return len(files)


def _in_parallel(work: Callable[[_Item], object], items: Sequence[_Item]) -> None:
    with ThreadPoolExecutor(_PARALLEL) as pool:
        for future in [pool.submit(work, item) for item in items]:
            try:
                future.result()
            except (ClientError, BotoCoreError, Boto3Error, OSError) as error:
                raise TransferError(f"{type(error).__name__}: {error}") from error


def _split(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri, allow_fragments=False)
    if parts.scheme != "s3" or not parts.netloc:
        raise TransferError(f"{uri} is not an S3 URI")
    return parts.netloc, uri.removeprefix(f"s3://{parts.netloc}/")
