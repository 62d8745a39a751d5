"""Objects of S3 in and out, as SageMaker Processing moves them."""

import json
import mimetypes
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
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
from radiomics_lambda.objects import Objects

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_AT_ONCE = 64
_LEFT = "object_left_to_boto3"
_ARCHIVE = ".zip"
"""A study in one object; what is fetched by one request is held in memory."""
_Item = TypeVar("_Item")


class TransferError(Exception):
    """An object could not be fetched or stored."""


@dataclass(frozen=True)
class Transfer:
    """Connections to S3, and how results are encrypted (KMS key ARN)."""

    client: "S3Client"
    objects: Objects
    key_arn: str

    @classmethod
    def connect(cls, key_arn: str) -> Self:
        """Connect with the function's own role."""
        config = Config(retries={"mode": "standard", "max_attempts": 8})
        return cls(boto3.client("s3", config=config), Objects.connect(), key_arn)


def fetch(transfer: Transfer, uri: str, path: Path) -> None:
    """Fetch one object.

    Raises
    ------
    TransferError
        When it is not there or may not be read.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    bucket, key = _split(uri)
    _fetch_all(transfer, bucket, {key: path})


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
    targets = {prefix + name: Path(os.path.normpath(folder / name)) for name in names}
    for key, target in targets.items():
        if not target.is_relative_to(folder):
            raise TransferError(f"s3://{bucket}/{key} would leave its folder")
    for parent in {target.parent for target in targets.values()}:
        parent.mkdir(parents=True, exist_ok=True)
    _fetch_all(transfer, bucket, targets)


def _fetch_all(transfer: Transfer, bucket: str, targets: Mapping[str, Path]) -> None:
    def start(key: str) -> "Future[None] | None":
        return None if key.lower().endswith(_ARCHIVE) else transfer.objects.read(bucket, key, targets[key])

    def again(key: str) -> None:
        transfer.client.download_file(bucket, key, str(targets[key]))  # in parts, each tried again

    _do_all(list(targets), start, again)


def store(transfer: Transfer, folder: Path, uri: str) -> int:
    """Store every file below a folder, and return how many; a study's outcome comes after its other files.

    Raises
    ------
    TransferError
        When one cannot be stored.
    """
    bucket, prefix = _split(uri)
    headers = {
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": transfer.key_arn,
    }

    def key_of(path: Path) -> str:
        return prefix + path.relative_to(folder).as_posix()

    def start(path: Path) -> "Future[None]":
        return transfer.objects.write(bucket, key_of(path), path, {"Content-Type": _kind(path), **headers})

    def again(path: Path) -> None:
        with path.open("rb") as file:
            transfer.client.put_object(
                Bucket=bucket,
                Key=key_of(path),
                Body=file,
                ContentType=_kind(path),
                ServerSideEncryption="aws:kms",
                SSEKMSKeyId=transfer.key_arn,
            )

    files = sorted(path for path in folder.rglob("*") if path.is_file())
    outcomes = [path for path in files if path.name in RESULT_NAMES[-2:]]
    _do_all([path for path in files if path not in outcomes], start, again)
    _do_all(outcomes, start, again)
    return len(files)


def _kind(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _do_all(
    items: Sequence[_Item], start: "Callable[[_Item], Future[None] | None]", again: Callable[[_Item], object]
) -> None:
    """Start some items at a time; what the Common Runtime does not take or cannot do, boto3 does, or says why not."""
    started = deque[tuple[_Item, "Future[None] | None"]]()
    try:
        for item in items:
            started.append((item, _begin(item, start)))
            if len(started) == _AT_ONCE:
                _finish(*started.popleft(), again)
        while started:
            _finish(*started.popleft(), again)
    finally:
        for _, future in started:  # what goes on must not find its folder gone
            if future is not None:
                future.exception()


def _begin(item: _Item, start: "Callable[[_Item], Future[None] | None]") -> "Future[None] | None":
    try:
        return start(item)
    except AwsCrtError as error:
        log(_LEFT, error=error.name)
        return None


def _finish(item: _Item, future: "Future[None] | None", again: Callable[[_Item], object]) -> None:
    try:
        if future is not None:
            return future.result()
    except AwsCrtError as error:
        log(_LEFT, error=error.name)
    try:
        again(item)
    except (ClientError, BotoCoreError, Boto3Error, OSError) as error:
        raise TransferError(f"{type(error).__name__}: {error}") from error


def _split(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri, allow_fragments=False)
    if parts.scheme != "s3" or not parts.netloc:
        raise TransferError(f"{uri} is not an S3 URI")
    return parts.netloc, uri.removeprefix(f"s3://{parts.netloc}/")
