"""The job as a Lambda function: exact objects, all or nothing, and the runtime client that the image starts."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from awscrt.exceptions import AwsCrtError

from radiomics_lambda import app
from radiomics_lambda.transfer import Transfer, TransferError, _do_all, fetch, fetch_manifest

IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/radiomics:1"
EVENT = {
    "image_uri": IMAGE,
    "manifest_uri": "s3://processed/m",
    "job_uri": "s3://processed/job/",
    "output_uri": "s3://processed/imaging/",
}


class FolderClient:
    """Buckets as folders, with the calls that are made of boto3 and of the Common Runtime."""

    def __init__(self, root: Path) -> None:
        self.root, self.stored, self.in_parts = root, list[str](), list[str]()
        self.settings = dict[str, Any]()
        self.is_broken = False

    def read(self, bucket: str, key: str, path: Path) -> "Future[None]":
        source = self.root / bucket / key
        path.write_bytes(source.read_bytes()[:-1] if source.exists() else b"")
        if not self.is_broken and source.exists():
            shutil.copyfile(source, path)
        return self._ended(source.exists())

    def write(self, bucket: str, key: str, path: Path, headers: Mapping[str, str]) -> "Future[None]":
        if not self.is_broken:
            self.stored.append(f"{bucket}/{key}")
            self.settings[key] = {**headers, "Body": path.read_bytes()}
        return self._ended(True)

    def _ended(self, is_there: bool) -> "Future[None]":
        future = Future[None]()
        if self.is_broken or not is_there:
            future.set_exception(AwsCrtError(0, "AWS_ERROR_HTTP_CONNECTION_CLOSED", "it broke off"))
        else:
            future.set_result(None)
        return future

    def download_file(self, bucket: str, key: str, path: str) -> None:
        self.in_parts.append(key)
        shutil.copyfile(self.root / bucket / key, path)

    def put_object(self, **named: Any) -> None:
        self.stored.append(f"{named['Bucket']}/{named['Key']}")
        self.settings[named["Key"]] = named | {"Body": named["Body"].read()}


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderClient:
    """A study in S3, and a `/tmp` of the function's own."""
    files = {
        "raw/imaging/d/s/t/a.dcm": "a",
        "raw/imaging/d/s/t/other.dcm": "not in the manifest",
        "processed/job/job.json": "{}",
        "processed/m": json.dumps([{"prefix": "s3://raw/imaging/"}, "d/s/t/a.dcm"]),
    }
    for key, content in files.items():
        path = tmp_path / "s3" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    client = FolderClient(tmp_path / "s3")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(Transfer, "connect", classmethod(lambda cls, key: cls(client, client, key)))
    app._transfer.cache_clear()  # an execution environment keeps its connection
    monkeypatch.setenv("IMAGE_URI", IMAGE)
    monkeypatch.setenv("DATA_KEY_ARN", "arn:key")
    return client


def _job(monkeypatch: pytest.MonkeyPatch, results: dict[str, object], code: int = 0) -> list[str]:
    """Let the command write these results and end with a code; return the files that it is given."""
    given: list[str] = []

    def _main(arguments: Sequence[str]) -> int:
        places = dict(zip(arguments[::2], map(Path, arguments[1::2]), strict=True))
        source = places["--input-dir"]
        given.extend(p.relative_to(source).as_posix() for p in source.rglob("*") if p.is_file())
        assert places["--job"].read_text(encoding="utf-8") == "{}"
        for name, content in results.items():
            path = places["--output-dir"] / "d/s/t" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content), encoding="utf-8")
        return code

    monkeypatch.setattr(app, "main", _main)
    return given


def test_exactly_the_manifest_goes_in_and_the_outcome_comes_out_last(
    s3: FolderClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = _job(monkeypatch, {"features.json": {}, "qc.json": {}, "seg.nii.gz": "x"})
    assert app.handler(EVENT, None) == {"objects": 3}
    assert given == ["d/s/t/a.dcm"]
    assert s3.stored[-1] == "processed/imaging/d/s/t/features.json", "it starts the ingest"
    assert sorted(s3.stored)[1:] == ["processed/imaging/d/s/t/qc.json", "processed/imaging/d/s/t/seg.nii.gz"]
    assert {s["x-amz-server-side-encryption-aws-kms-key-id"] for s in s3.settings.values()} == {"arn:key"}
    assert s3.settings["imaging/d/s/t/qc.json"]["Content-Type"] == "application/json"
    assert s3.settings["imaging/d/s/t/qc.json"]["Body"] == b"{}"
    assert s3.in_parts == []
    assert list(Path(tempfile.gettempdir()).iterdir()) == []


@pytest.mark.parametrize(
    ("reason", "stored"),
    [("MEMORY_LIMIT", 0), ("TIME_LIMIT", 0), ("CRASHED", 0), ("NO_CT", 1), ("MIXED_PATIENTS", 1)],
)
def test_what_tells_of_the_machine_is_left_to_a_processing_job(
    s3: FolderClient, monkeypatch: pytest.MonkeyPatch, reason: str, stored: int
) -> None:
    _job(monkeypatch, {"rejection.json": {"reason_code": reason}})
    if stored:
        app.handler(EVENT, None)
    else:
        with pytest.raises(app.NeedsProcessingJobError, match=reason):
            app.handler(EVENT, None)
    assert len(s3.stored) == stored


@pytest.mark.parametrize("code", [1, 2])
def test_a_job_that_ends_with_an_error_stores_nothing(
    s3: FolderClient, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    _job(monkeypatch, {"features.json": {}}, code)
    with pytest.raises(app.NeedsProcessingJobError, match=f"exit code {code}"):
        app.handler(EVENT, None)
    assert s3.stored == []


def test_a_run_planned_for_another_image_is_not_measured_with_this_one(s3: FolderClient) -> None:
    with pytest.raises(app.NeedsProcessingJobError, match="another image"):
        app.handler({**EVENT, "image_uri": IMAGE + "0"}, None)


def test_a_missing_object_is_an_error_of_the_transfer(s3: FolderClient, monkeypatch: pytest.MonkeyPatch) -> None:
    _job(monkeypatch, {})
    (s3.root / "raw/imaging/d/s/t/a.dcm").unlink()
    with pytest.raises(TransferError, match=r"a\.dcm"):
        app.handler(EVENT, None)


def test_an_archive_is_fetched_in_parts(s3: FolderClient, tmp_path: Path) -> None:
    (s3.root / "raw/imaging/d/s/t.ZIP").write_bytes(b"z")
    fetch(Transfer(s3, s3, ""), "s3://raw/imaging/d/s/t.ZIP", tmp_path / "t.ZIP")  # type: ignore[arg-type]
    assert (s3.in_parts, (tmp_path / "t.ZIP").read_bytes()) == (["imaging/d/s/t.ZIP"], b"z")


def test_an_object_whose_stream_breaks_is_fetched_by_boto3(s3: FolderClient, tmp_path: Path) -> None:
    s3.is_broken = True
    fetch(Transfer(s3, s3, ""), "s3://raw/imaging/d/s/t/a.dcm", tmp_path / "a.dcm")  # type: ignore[arg-type]
    assert (s3.in_parts, (tmp_path / "a.dcm").read_bytes()) == (["imaging/d/s/t/a.dcm"], b"a")


def test_what_the_common_runtime_cannot_store_boto3_stores(s3: FolderClient, monkeypatch: pytest.MonkeyPatch) -> None:
    _job(monkeypatch, {"features.json": {}, "qc.json": {}})
    s3.is_broken = True
    assert app.handler(EVENT, None) == {"objects": 2}
    assert s3.stored == ["processed/imaging/d/s/t/qc.json", "processed/imaging/d/s/t/features.json"]
    assert {(s["ServerSideEncryption"], s["SSEKMSKeyId"]) for s in s3.settings.values()} == {("aws:kms", "arn:key")}


def test_all_that_was_started_has_ended_when_one_fails(tmp_path: Path) -> None:
    left = [Future[None]() for _ in range(100)]
    for future in left[1:]:
        threading.Timer(0.2, future.set_result, [None]).start()
    left[0].set_exception(AwsCrtError(0, "AWS_ERROR_S3_INVALID_RESPONSE_STATUS", "403"))
    started: list[int] = []

    def start(number: int) -> "Future[None]":
        started.append(number)
        return left[number]

    def again(number: int) -> None:
        raise FileNotFoundError(number)

    with pytest.raises(TransferError):
        _do_all(range(100), start, again)
    assert 1 < len(started) < 100, "some at a time"
    assert all(left[number].done() for number in started)


def test_what_the_common_runtime_does_not_even_begin_boto3_does(s3: FolderClient, tmp_path: Path) -> None:
    s3.read = _refuse  # type: ignore[assignment, method-assign]
    fetch(Transfer(s3, s3, ""), "s3://raw/imaging/d/s/t/a.dcm", tmp_path / "a.dcm")  # type: ignore[arg-type]
    assert (s3.in_parts, (tmp_path / "a.dcm").read_bytes()) == (["imaging/d/s/t/a.dcm"], b"a")


def _refuse(*_: object) -> "Future[None]":
    raise AwsCrtError(34, "AWS_ERROR_INVALID_ARGUMENT", "no")


@pytest.mark.usefixtures("s3")
def test_what_a_stopped_invocation_left_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    left = Path(tempfile.mkdtemp(prefix="studies-"))
    (left / "file").touch()
    _job(monkeypatch, {})
    app.handler(EVENT, None)
    assert not left.exists(), "/tmp outlives an invocation"


def test_no_object_leaves_its_folder(s3: FolderClient, tmp_path: Path) -> None:
    document = [{"prefix": "s3://raw/imaging/"}, "../../../out"]
    (s3.root / "processed/m").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(TransferError, match="leave its folder"):
        fetch_manifest(Transfer(s3, s3, ""), "s3://processed/m", tmp_path / "in" / "studies")  # type: ignore[arg-type]


# The runtime client, as the image's entry point starts it


@pytest.fixture
def runtime_api() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Lambda's runtime interface with one event; gives its address and the answers that it gets.

    Source: AWS Lambda developer guide, "Using the Lambda runtime API for custom runtimes".
    """
    answers: list[dict[str, Any]] = []
    over = threading.Event()

    class _Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if answers:
                over.wait(20)
                return
            body = json.dumps(EVENT).encode()
            self.send_response(200)
            headers = {
                "Lambda-Runtime-Aws-Request-Id": "1",
                "Lambda-Runtime-Deadline-Ms": "4102444800000",
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:111122223333:function:stack-fast-lane",
                "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
            }
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))) | {"path": self.path})
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", answers
    over.set()
    server.shutdown()


def test_the_images_entry_point_brings_the_event_to_the_handler(
    runtime_api: tuple[str, list[dict[str, Any]]],
) -> None:
    address, answers = runtime_api
    environment = {**os.environ, "AWS_LAMBDA_RUNTIME_API": address, "IMAGE_URI": "another", "DATA_KEY_ARN": "arn:key"}
    command = [sys.executable, "-m", "awslambdaric", "radiomics_lambda.app.handler"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            if answers or process.poll() is not None:
                break
            threading.Event().wait(0.1)
    finally:
        process.kill()
        process.wait()
    (answer,) = answers
    assert answer["path"].endswith("/runtime/invocation/1/error")
    assert answer["errorType"] == "NeedsProcessingJobError"
