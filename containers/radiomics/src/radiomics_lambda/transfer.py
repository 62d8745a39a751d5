"""Objects of S3 in and out, as SageMaker Processing moves them."""

import json
import mimetypes
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urlsplit

import boto3
from awscrt.exceptions import AwsCrtError
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from radiomics_job.isolation import log
from radiomics_job.output.documents import RESULT_NAMES
from radiomics_lambda.objects import ObjectReader

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PARALLEL = 16
_ARCHIVE = ".zip"
"""A study in one object; what is fetched by one request is held in memory."""
_Item = TypeVar("_Item")


class TransferError(Exception):
    """An object could not be fetched or stored."""


@dataclass(frozen=True)
class Transfer:
    """Connections to S3, and how results are encrypted (KMS key ARN)."""

    client: "S3Client"
    reader: ObjectReader
    key_arn: str

    @classmethod
    def connect(cls, key_arn: str) -> Self:
        """Connect with the function's own role."""
        config = Config(max_pool_connections=_PARALLEL, retries={"mode": "standard", "max_attempts": 8})
        return cls(boto3.client("s3", config=config), ObjectReader.connect(), key_arn)


def fetch(transfer: Transfer, uri: str, path: Path) -> None:
    """Fetch one object.

    Raises
    ------
    TransferError
        When it is not there or may not be read.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    bucket, key = _split(uri)
    _in_parallel(lambda _: _download(transfer, bucket, key, path), [uri])


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
    targets = {name: Path(os.path.normpath(folder / name)) for name in names}
    for name, target in targets.items():
        if not target.is_relative_to(folder):
            raise TransferError(f"s3://{bucket}/{prefix}{name} would leave its folder")
    for parent in {target.parent for target in targets.values()}:
        parent.mkdir(parents=True, exist_ok=True)
    _in_parallel(lambda name: _download(transfer, bucket, prefix + name, targets[name]), names)


def _download(transfer: Transfer, bucket: str, key: str, path: Path) -> None:
    if not key.lower().endswith(_ARCHIVE):
        try:
            return transfer.reader.read(bucket, key, path)
        except AwsCrtError as error:
            log("object_fetched_again", error=error.name)
    return transfer.client.download_file(bucket, key, str(path))  # in parts, each tried again; else says what S3 said


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
