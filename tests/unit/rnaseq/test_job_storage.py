"""The storage adapters: one behaviour in folders and in S3, and S3's errors in the job's words."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.response import StreamingBody

from rnaseq_job import storage as storage_module
from rnaseq_job.errors import HostFaultError, InvalidJobError
from rnaseq_job.storage import FolderStorage, S3Storage, Storage, open_storage, split_uri
from tests.unit.rnaseq.support import FakeQuantifier, run_sample, some_reads, write_list, write_reads


class FakeS3:
    """As much of boto3's S3 client as the adapter uses."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.failure: Exception | None = None
        self.in_parts: list[str] = []

    def get_object(self, **named: str) -> dict[str, Any]:
        content = self._get(named["Bucket"], named["Key"])
        return {"ContentLength": len(content), "Body": StreamingBody(io.BytesIO(content), len(content))}

    def download_file(self, bucket: str, key: str, path: str) -> None:
        self.in_parts.append(key)
        Path(path).write_bytes(self._get(bucket, key))

    def upload_file(self, path: str, bucket: str, key: str) -> None:
        try:
            self._fail()
        except ClientError as error:  # boto3 says no more of it than its text
            raise S3UploadFailedError(f"Failed to upload {path}: {error}")  # noqa: B904 – as boto3 does
        self.objects[bucket, key] = Path(path).read_bytes()

    def head_object(self, **named: str) -> dict[str, Any]:
        return {"ContentLength": len(self._get(named["Bucket"], named["Key"])), "ETag": '"tag"'}

    def delete_object(self, **named: str) -> None:
        self._fail()
        self.objects.pop((named["Bucket"], named["Key"]), None)

    def get_paginator(self, _: str) -> Self:
        return self

    def paginate(self, **named: str) -> Iterator[dict[str, Any]]:
        self._fail()
        for (bucket, key), content in sorted(self.objects.items()):
            if bucket == named["Bucket"] and key.startswith(named["Prefix"]):
                yield {"Contents": [{"Key": key, "Size": len(content), "ETag": '"tag"'}]}
        yield {}

    def _get(self, bucket: str, key: str) -> bytes:
        self._fail()
        if (bucket, key) not in self.objects:
            raise client_error("404")
        return self.objects[bucket, key]

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "HeadObject")


@pytest.fixture
def s3() -> FakeS3:
    return FakeS3()


@pytest.fixture(params=["s3", "folder"])
def place(request: pytest.FixtureRequest, s3: FakeS3, tmp_path: Path) -> tuple[Storage, str]:
    if request.param == "s3":
        return S3Storage(s3), "s3://raw/a/"  # type: ignore[arg-type]
    return FolderStorage(), f"{tmp_path}/store/"


@pytest.mark.parametrize(("size", "in_parts"), [(8, []), (9, ["k"])])
def test_only_large_objects_are_fetched_in_parts(
    s3: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, in_parts: list[str]
) -> None:
    monkeypatch.setattr(storage_module, "_ONE_REQUEST_BYTES", 8)
    s3.objects["raw", "k"] = bytes(size)
    S3Storage(s3).download("s3://raw/k", tmp_path / "k")  # type: ignore[arg-type]
    assert (s3.in_parts, (tmp_path / "k").stat().st_size) == (in_parts, size)


def test_what_is_stored_comes_back(place: tuple[Storage, str], tmp_path: Path) -> None:
    storage, prefix = place
    (tmp_path / "one").write_bytes(b"content")
    storage.upload(tmp_path / "one", prefix + "b/c")
    storage.download(prefix + "b/c", tmp_path / "new" / "folder" / "two")
    assert (tmp_path / "new" / "folder" / "two").read_bytes() == b"content"
    found = storage.stat(prefix + "b/c")
    assert found is not None
    assert found.size == 7
    assert [file.uri for file in storage.files_under(prefix)] == [prefix + "b/c"]


def test_what_is_not_there(place: tuple[Storage, str], tmp_path: Path) -> None:
    storage, prefix = place
    assert storage.stat(prefix + "none") is None
    with pytest.raises(FileNotFoundError):
        storage.download(prefix + "none", tmp_path / "x")
    storage.remove(prefix + "none")


def test_removal(place: tuple[Storage, str], tmp_path: Path) -> None:
    storage, prefix = place
    (tmp_path / "one").write_bytes(b"content")
    storage.upload(tmp_path / "one", prefix + "b")
    storage.remove(prefix + "b")
    assert storage.stat(prefix + "b") is None


@pytest.mark.parametrize("code", ["AccessDenied", "403", "NoSuchBucket"])
def test_a_refusal_of_s3_is_not_worth_a_retry(s3: FakeS3, code: str) -> None:
    s3.failure = client_error(code)
    with pytest.raises(InvalidJobError, match="role"):
        S3Storage(s3).stat("s3://raw/a")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "failure", [client_error("SlowDown"), client_error("500"), EndpointConnectionError(endpoint_url="https://s3")]
)
def test_a_failure_of_s3_is(s3: FakeS3, failure: Exception, tmp_path: Path) -> None:
    s3.failure = failure
    with pytest.raises(HostFaultError):
        S3Storage(s3).download("s3://raw/a", tmp_path / "x")  # type: ignore[arg-type]


@pytest.mark.parametrize(("code", "kind"), [("SlowDown", HostFaultError), ("AccessDenied", InvalidJobError)])
def test_an_upload_and_a_listing_fail_in_the_jobs_words(s3: FakeS3, code: str, kind: type[Exception]) -> None:
    s3.failure = client_error(code)
    storage = S3Storage(s3)  # type: ignore[arg-type]
    with pytest.raises(kind, match=code):
        storage.upload(Path(__file__), "s3://raw/a")
    with pytest.raises(kind, match=code):
        list(storage.files_under("s3://raw/a/"))


@pytest.mark.parametrize("uri", ["s3://", "s3://bucket", "s3:///key", "bucket/key"])
def test_addresses_that_are_none(uri: str) -> None:
    with pytest.raises(InvalidJobError):
        split_uri(uri)


def test_storage_by_address() -> None:
    assert isinstance(open_storage("s3://a/b"), S3Storage)
    assert isinstance(open_storage("/a/b"), FolderStorage)
    with pytest.raises(InvalidJobError):
        open_storage("https://a/b")


def test_a_sample_from_and_to_s3(tmp_path: Path, s3: FakeS3) -> None:
    names = write_reads(tmp_path, some_reads(20, 1), some_reads(20, 2))
    for name in names:
        s3.objects["raw", f"genomics/a/R01-023/{name}"] = (tmp_path / name).read_bytes()
    lanes = write_list(tmp_path, [(f"s3://raw/genomics/a/R01-023/{one}", f"s3://raw/genomics/a/R01-023/{two}")
                                  for one, two in [names]])  # fmt: skip
    s3.objects["processed", "runs/1/list.csv"] = lanes.read_bytes()
    s3.objects["processed", "genomics/a/R01-023/rejection.json"] = b"{}"
    ran = run_sample(
        tmp_path,
        "s3://processed/runs/1/list.csv",
        FakeQuantifier(20),
        opener=lambda _: S3Storage(s3),  # type: ignore[arg-type]
        output="s3://processed/genomics/a/R01-023/",
        buckets=("raw",),
    )
    assert ran.code == 0
    assert {key for bucket, key in s3.objects if bucket == "processed"} == {
        "runs/1/list.csv",
        "genomics/a/R01-023/R01-023.quant.sf",
        "genomics/a/R01-023/R01-023.quant.genes.sf",
        "genomics/a/R01-023/R01-023.quant.metrics.csv",
        "genomics/a/R01-023/multiqc/R01-023/R01-023_mqc.json",
        "genomics/a/R01-023/run.json",
        "genomics/a/R01-023/logs/fake.log",
    }
