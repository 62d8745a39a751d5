"""Objects of one bucket."""

import gzip
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

import boto3
from botocore.exceptions import ClientError

from multimodal.aws.errors import code_of, translated
from multimodal.aws.pages import pages
from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.ports import OpenObject, StoredObject
from multimodal.ledger.text import decode_text

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
"""Largest object that is read into memory; only the application's own documents are read."""

CHUNK_BYTES = 1024 * 1024

COMPRESSION = 1
"""Records repeat themselves: more effort takes much longer and saves little."""

ARCHIVE_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes whose objects must be restored before they can be read."""


_CHECKSUMS = ("ChecksumSHA256", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumCRC32C", "ChecksumCRC32")


def listed(s3: Any, bucket: str, prefix: str, **settings: str) -> Iterator[Any]:  # noqa: ANN401 – boto3's client
    """Yield the pages of a list of objects."""
    names = ("ContinuationToken", "NextContinuationToken")
    return pages(s3.list_objects_v2, *names, Bucket=bucket, Prefix=prefix, **settings)


class S3Objects:
    """`ObjectStore` on one bucket."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._s3 = boto3.client("s3")

    def objects_under(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose keys start with `prefix`."""
        with translated("list objects"):
            for page in listed(self._s3, self._bucket, prefix):
                for o in page.get("Contents", []):
                    archived = o.get("StorageClass") in ARCHIVE_CLASSES
                    came = int(o["LastModified"].timestamp())
                    yield StoredObject(o["Key"], o["Size"], o["ETag"].strip('"'), archived, came)

    def folders(self, prefix: str) -> tuple[list[str], list[str]]:
        """Return the folder names and the object names directly under `prefix`."""
        folders: list[str] = []
        objects: list[str] = []
        with translated("list folders"):
            for page in listed(self._s3, self._bucket, prefix, Delimiter="/"):
                folders += [p["Prefix"][len(prefix) :].rstrip("/") for p in page.get("CommonPrefixes", [])]
                objects += [o["Key"][len(prefix) :] for o in page.get("Contents", [])]
        return folders, [name for name in objects if name]

    def read_text(self, key: str) -> str | None:
        """Return an object's text, or None when there is none."""
        with translated("read an object"):
            answer = self._get(key)
            if answer is None:
                return None
            if answer["ContentLength"] > MAX_DOCUMENT_BYTES:
                raise BadInputError(
                    Reason.DOCUMENT_TOO_LARGE,
                    f"{key.rpartition('/')[2]} has more than {MAX_DOCUMENT_BYTES // 1024**2} MiB; replace it",
                )
            body = answer["Body"].read()
        return decode_text(body)

    def read_json(self, key: str) -> Any | None:  # noqa: ANN401 – any JSON
        """Return a parsed object, or None when there is none."""
        text = self.read_text(key)
        return None if text is None else json.loads(text)

    def lines(self, key: str) -> Iterator[str] | None:
        """Return an object's lines without holding all of them, or None when there is no such object."""
        with translated("read an object"):
            answer = self._get(key)
        if answer is None:
            return None
        body: Any = answer["Body"]
        return _decoded(gzip.GzipFile(fileobj=body) if key.endswith(".gz") else body.iter_lines())

    def open(self, key: str, etag: str) -> OpenObject | None:
        """Open exactly this content of an object; None when the object is gone or another content took its place."""
        with translated("read an object"):
            answer = self._get(key, IfMatch=f'"{etag}"')
        if answer is None:
            return None
        return OpenObject(_chunks(answer["Body"]), int(answer["LastModified"].timestamp()))

    def _get(self, key: str, **conditions: Any) -> Any | None:  # noqa: ANN401 – what S3 answers
        """Return an object with its body; None when there is no such object, or it does not meet the conditions."""
        try:
            return self._s3.get_object(Bucket=self._bucket, Key=key, **conditions)
        except ClientError as error:
            if code_of(error) in {"NoSuchKey", "404", "PreconditionFailed", "412"}:
                return None
            raise

    def same_content(self, pairs: Sequence[tuple[StoredObject, StoredObject]]) -> bool:
        """Return whether both versions of each pair have the same checksum of the same kind.

        S3 keeps one of every object that was uploaded since 2025, and of older ones whose client sent one (Amazon S3
        user guide, "Checking object integrity"). Composite ones, of parts, are equal for equal parts only.
        """
        if not pairs:
            return True
        with translated("compare versions of objects"):
            # Keys are text, not paths: their common beginning is what they are listed by.
            versions = self._versions(os.path.commonprefix([old.key for old, _ in pairs]))  # noqa: RUF071
            return all(self._have_same_checksum(versions, old, new) for old, new in pairs)

    def _versions(self, prefix: str) -> dict[tuple[str, str], str]:
        """Return the version of each (key, ETag) under a prefix."""
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix)
        found = (version for page in pages for version in page.get("Versions", []))
        return {(v["Key"], v["ETag"].strip('"')): v["VersionId"] for v in found}

    def _have_same_checksum(self, versions: Mapping[tuple[str, str], str], *two: StoredObject) -> bool:
        ids = [versions.get((each.key, each.etag)) for each in two]
        if None in ids:
            return False
        first, second = (self._checksums(each.key, str(version)) for each, version in zip(two, ids, strict=True))
        common = first.keys() & second.keys()
        return bool(common) and all(first[name] == second[name] for name in common)

    def _checksums(self, key: str, version: str) -> dict[str, tuple[str, str]]:
        """Return the checksums of a version, each with what it is of (all or its parts); none of one of another key."""
        try:
            answer = self._s3.head_object(Bucket=self._bucket, Key=key, VersionId=version, ChecksumMode="ENABLED")
        except ClientError as error:
            if code_of(error) in {"403", "404", "AccessDenied", "NoSuchVersion"}:
                return {}
            raise
        kind = str(answer.get("ChecksumType", "FULL_OBJECT"))
        return {name: (kind, str(answer[name])) for name in _CHECKSUMS if name in answer}  # type: ignore[literal-required]

    def write_lines(self, key: str, lines: Iterable[str]) -> None:
        """Store lines without holding all of them; what is called `….gz` is compressed."""
        with tempfile.TemporaryFile() as file:
            _write(file, lines, compressed=key.endswith(".gz"))
            file.seek(0)
            with translated("write an object"):
                self._s3.upload_fileobj(file, self._bucket, key, ExtraArgs={"ContentType": "text/plain"})

    def write_text(self, key: str, text: str, media_type: str | None = None) -> None:
        """Store a text, plain unless a media type says what it is."""
        self._put(key, text, media_type or "text/plain")

    def write_if_absent(self, key: str, text: str) -> str:
        """Store a text unless there is an object; return the stored text, perhaps another's."""
        self._put(key, text, "text/plain", IfNoneMatch="*")
        return self.read_text(key) or ""

    def write_json(self, key: str, document: Any) -> None:  # noqa: ANN401 – any JSON
        """Store a document."""
        self._put(key, json.dumps(document, ensure_ascii=False, separators=(",", ":")), "application/json")

    def _put(self, key: str, text: str, media_type: str, **conditions: Any) -> None:  # noqa: ANN401 – boto3's
        """Store a text; one that does not meet the conditions is not stored."""
        body = text.encode()
        with translated("write an object"):
            try:
                self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=media_type, **conditions)
            except ClientError as error:
                if code_of(error) != "PreconditionFailed":
                    raise

    def uri(self, key: str) -> str:
        """Return the `s3://` address of a key."""
        return f"s3://{self._bucket}/{key}"


def _decoded(lines: Iterable[bytes]) -> Iterator[str]:
    with translated("read an object"):
        for line in lines:
            yield line.decode("utf-8", errors="replace").rstrip("\n")


def _chunks(body: Any) -> Iterator[bytes]:  # noqa: ANN401 – botocore's body
    with translated("read an object"):
        yield from body.iter_chunks(CHUNK_BYTES)


def _write(file: IO[bytes], lines: Iterable[str], *, compressed: bool) -> None:
    # Without the time of day: the same lines are the same object.
    target = gzip.GzipFile(fileobj=file, mode="wb", compresslevel=COMPRESSION, mtime=0) if compressed else file
    for line in lines:
        target.write(line.encode() + b"\n")
    if compressed:
        target.close()
