"""Objects of a bucket with all their versions: list, read, replace, remove."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from botocore.exceptions import ClientError

from cli.deployment import Deployment
from cli.errors import CommandError
from cli.removal.text import as_stored, read_text

T = TypeVar("T")

_THREADS = 16
_KEYS_PER_REQUEST = 1_000
"""DeleteObjects takes no more."""
_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "404"})


@dataclass(frozen=True)
class Version:
    """One version of an object, or one delete marker; `size` is in bytes."""

    bucket: str
    key: str
    version_id: str
    is_latest: bool
    is_marker: bool = False
    size: int = 0


@dataclass(frozen=True)
class Bucket:
    """One bucket of the stack."""

    deployment: Deployment
    name: str

    def versions(self, prefix: str, delimiter: str = "") -> Iterator[Version]:
        """Yield every version and every delete marker below a prefix, as far as a delimiter, if one is given."""
        listing = self.deployment.s3.get_paginator("list_object_versions")
        whole = listing.paginate(Bucket=self.name, Prefix=prefix)
        narrowed = listing.paginate(Bucket=self.name, Prefix=prefix, Delimiter=delimiter)
        for page in narrowed if delimiter else whole:
            for each in page.get("Versions", []):
                yield Version(self.name, each["Key"], each["VersionId"], each["IsLatest"], size=each["Size"])
            for mark in page.get("DeleteMarkers", []):
                yield Version(self.name, mark["Key"], mark["VersionId"], mark["IsLatest"], is_marker=True)

    def latest(self, key: str) -> Version | None:
        """Return the version of an object that is read by its key; None without one."""
        found = (v for v in self.versions(key) if v.key == key and v.is_latest and not v.is_marker)
        return next(found, None)

    def read(self, version: Version) -> bytes:
        """Return the text of a version; nothing of a delete marker, or when it is gone meanwhile."""
        if version.is_marker:
            return b""
        try:
            found = self.deployment.s3.get_object(Bucket=self.name, Key=version.key, VersionId=version.version_id)
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return b""
            raise
        return read_text(found["Body"].read())

    def replace(self, version: Version, text: bytes) -> None:
        """Store another text under the key of an object's latest version.

        Raises
        ------
        CommandError
            When the object changed since it was listed: what came meanwhile is not replaced.
        """
        head = self.deployment.s3.head_object(Bucket=self.name, Key=version.key)
        if head["VersionId"] != version.version_id:
            raise CommandError(f"s3://{self.name}/{version.key} changed meanwhile.", hint="Run the command again.")
        kind = head.get("ContentType", "application/octet-stream")
        self.put(version.key, as_stored(version.key, text), kind)

    def put(self, key: str, body: bytes, kind: str = "application/json") -> None:
        """Store an object of a media type."""
        self.deployment.s3.put_object(Bucket=self.name, Key=key, Body=body, ContentType=kind)

    def remove(self, versions: Sequence[Version]) -> None:
        """Remove versions for good; one that is gone already is fine.

        Raises
        ------
        CommandError
            When S3 refuses one, such as a version under object lock.
        """
        for start in range(0, len(versions), _KEYS_PER_REQUEST):
            some = versions[start : start + _KEYS_PER_REQUEST]
            entries = [{"Key": each.key, "VersionId": each.version_id} for each in some]
            answer = self.deployment.s3.delete_objects(Bucket=self.name, Delete={"Objects": entries, "Quiet": True})  # type: ignore[typeddict-item]
            for refused in answer.get("Errors", []):
                message = f"S3 did not remove a version of s3://{self.name}/{refused.get('Key')}."
                hint = "Lift its object lock, or get s3:DeleteObjectVersion, and run the command again."
                raise CommandError(message, details=str(refused.get("Message", "")), hint=hint)


def side_by_side(action: Callable[[Version], T], versions: Iterable[Version]) -> list[T]:
    """Do something with each version, several at a time; results are in the versions' order."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(action, versions))
