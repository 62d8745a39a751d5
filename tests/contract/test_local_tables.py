"""The state machine for tables on the laptop's interpreter, and what the functions ask of S3 for tables."""

import json
import time
from pathlib import Path
from typing import Any

import boto3
import pytest

from multimodal.aws.objects import S3Objects
from tests.contract.local_cloud import Account, account_fixture, allow

account = account_fixture()

DEFINITION = Path(__file__).resolve().parents[2] / "statemachines" / "tables.asl.json"
FIVE_MIB = 5 * 1024 * 1024
FUNCTION = """
import json, os, tempfile

class RetryableError(Exception):
    pass

def count(name):
    path = os.path.join(tempfile.gettempdir(), name)
    with open(path, "a") as file:
        file.write("x")
    return os.path.getsize(path)

def handler(event, context):
    run, step = event["run_id"], event["step"]
    calls = count(f"{run}-{step}-{event.get('part', '')}")
    if step == "check":
        decision = run.split("-")[1]
        if decision == "busy" and calls == 1:
            raise RetryableError("S3 is busy")
        parts = [0, 1, 2, 3, 4, 5, 6] if decision in ("ingest", "broken") else []
        known = {"broken": "ingest", "busy": "finish"}
        return {"run_id": run, "decision": known.get(decision, decision), "cause": "CODE: why", "parts": parts}
    if step == "ingest":
        if run.startswith("run-broken") and event["part"] == 3:
            raise ValueError("a bug")
        return {"run_id": run, "part": event["part"], "more": calls < 3}
    if step == "finish":
        calls = [count(f"{run}-ingest-{part}") - 1 for part in range(7)]
        return {"run_id": run, "counts": {"calls": sum(calls)}}
    return {"run_id": run, "cause": "TABLE_FAILED: " + event["error"]["Error"]}
"""


@pytest.fixture(scope="module")
def machine(account: Account) -> tuple[dict[str, Any], str]:
    """The definition with a function that answers by the run's name, and a role that may call it."""
    role = account.role("table-ingest", "lambda", allow(["logs:CreateLogStream", "logs:PutLogEvents"]))
    function = account.function("table-ingest", FUNCTION, role)
    text = DEFINITION.read_text(encoding="utf-8").replace("${TableIngestFunctionArn}", function)
    # Nobody waits five seconds for a second try here.
    text = text.replace("${Partition}", "aws")
    definition = json.loads(text.replace('"IntervalSeconds": 5', '"IntervalSeconds": 1'))
    return definition, account.role("tables", "states", allow("lambda:InvokeFunction", function))


@pytest.mark.parametrize(
    ("name", "output", "error"),
    [
        pytest.param("ingest", {"counts": {"calls": 7 * 3}}, None, id="every part is written until there is no more"),
        pytest.param("finish", {"counts": {"calls": 0}}, None, id="nothing to write is a success too"),
        pytest.param("busy", {}, None, id="a passing fault is repeated"),
        pytest.param("refused", {}, ("TableRefused", "CODE: why"), id="a refused table fails with its cause"),
        pytest.param("replaced", {}, None, id="a replaced table is no failure"),
        pytest.param("broken", {}, ("TableFailed", "TABLE_FAILED: ValueError"), id="a part that breaks is recorded"),
    ],
)
def test_a_run_ends_as_its_parts_do(
    account: Account,
    machine: tuple[dict[str, Any], str],
    name: str,
    output: dict[str, Any],
    error: tuple[str, str] | None,
) -> None:
    definition, role = machine
    execution = account.run(definition, role, name, {"run_id": f"run-{name}"})
    if error:
        assert (execution["status"], execution["error"], execution["cause"]) == ("FAILED", *error)
        return
    assert execution["status"] == "SUCCEEDED", execution
    if output:
        assert json.loads(execution["output"]) == {"run_id": f"run-{name}", **output}


@pytest.fixture
def objects(account: Account, monkeypatch: pytest.MonkeyPatch) -> S3Objects:
    """The adapter on a bucket of the laptop."""
    for name, value in account.cloud.environment().items():
        monkeypatch.setenv(name, value)
    # boto3 keeps one session for a process, with the credentials that an earlier test had.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    account.client("s3").create_bucket(Bucket="tables")
    return S3Objects("tables")


def test_exactly_the_content_that_was_listed_is_opened(account: Account, objects: S3Objects) -> None:
    s3 = account.client("s3")
    s3.put_object(Bucket="tables", Key="a.csv", Body=b"first")
    (listed,) = objects.objects_under("a.csv")
    opened = objects.open("a.csv", listed.etag)
    assert opened is not None
    assert b"".join(opened.chunks) == b"first"
    assert abs(opened.modified_at - time.time()) < 60
    assert listed.modified_at == opened.modified_at, "a marker is compared with objects by it"
    s3.put_object(Bucket="tables", Key="a.csv", Body=b"second")
    assert objects.open("a.csv", listed.etag) is None
    assert objects.open("b.csv", listed.etag) is None


def test_an_object_of_several_parts_is_opened_too(account: Account, objects: S3Objects) -> None:
    s3 = account.client("s3")
    upload = s3.create_multipart_upload(Bucket="tables", Key="m.csv")["UploadId"]
    parts = [
        {"PartNumber": n, "ETag": s3.upload_part(
            Bucket="tables", Key="m.csv", UploadId=upload, PartNumber=n, Body=body)["ETag"]}
        for n, body in ((1, b"x" * FIVE_MIB), (2, b"y"))
    ]  # fmt: skip
    s3.complete_multipart_upload(Bucket="tables", Key="m.csv", UploadId=upload, MultipartUpload={"Parts": parts})
    (listed,) = objects.objects_under("m.csv")
    assert listed.etag.endswith("-2")
    opened = objects.open("m.csv", listed.etag)
    assert opened is not None
    assert sum(map(len, opened.chunks)) == FIVE_MIB + 1


@pytest.mark.parametrize("key", ["lines.csv", "lines.jsonl.gz"])
def test_lines_come_back_as_they_were_stored(account: Account, objects: S3Objects, key: str) -> None:
    lines = [f'["ä{n}", "x y"]' for n in range(3000)]
    objects.write_lines(key, lines)
    found = objects.lines(key)
    assert found is not None
    assert list(found) == lines
    (first,) = objects.objects_under(key)
    objects.write_lines(key, lines)
    assert next(iter(objects.objects_under(key))).etag == first.etag, "the same lines are the same object"


def test_many_lines_are_stored_in_parts(account: Account, objects: S3Objects) -> None:
    objects.write_lines("many.csv", ("x" * 1000 for _ in range(12_000)))
    (stored,) = objects.objects_under("many.csv")
    assert stored.size == 12_000 * 1001
    assert "-" in stored.etag
