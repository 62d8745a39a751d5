"""Starting, finding and stopping the laptop cloud."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.laptop import Cloud, read_cloud
from cli.processes import session_members
from local.cloud import cloud as cloud_module
from local.cloud.cloud import REPOSITORY, CloudError, start_cloud, stop_cloud
from tests.contract.local_cloud import ACCOUNT, Account, allow, is_gone, wait_until

_ROLE = f"arn:aws:iam::{ACCOUNT}:role/function"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud of a test's own."""
    started = start_cloud(tmp_path, die_with_parent=True)
    yield started
    stop_cloud(started)


@pytest.fixture
def account(cloud: Cloud) -> Account:
    """Its account, with a role for functions."""
    account = Account(cloud)
    account.role("function", "lambda", allow("logs:PutLogEvents"))
    return account


def test_a_cloud_comes_up_and_goes_away(tmp_path: Path) -> None:
    cloud = start_cloud(tmp_path, die_with_parent=True)
    assert read_cloud(tmp_path) == cloud
    assert start_cloud(tmp_path) == cloud
    assert stop_cloud(tmp_path)
    assert read_cloud(tmp_path) is None
    assert not stop_cloud(tmp_path)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{cloud.endpoint}/_ministack/health", timeout=2)


def test_it_listens_on_the_loopback_interface_only(cloud: Cloud) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.2", cloud.port))  # free, so the cloud is not bound to every interface


def test_answers_have_one_date_and_no_name_of_a_server(cloud: Cloud, account: Account) -> None:
    account.bucket("raw")
    account.client("s3").put_object(Bucket="raw", Key="scan", Body=b"pixels")
    with urllib.request.urlopen(f"{cloud.endpoint}/_ministack/health", timeout=5) as plain:
        assert len(plain.headers.get_all("Date")) == 1
    s3 = account.client("s3")
    for answer in (s3.head_object(Bucket="raw", Key="scan"), s3.get_object(Bucket="raw", Key="scan")):
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        assert headers["content-length"] == "6"
        assert headers["date"].count(":") == 2  # of two dates, boto3 makes one text
        assert "server" not in headers


_ANSWERS = """
import asyncio, json
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from local.emulator.server import written_at_once

class Connection:
    def __init__(self):
        self.writes = []
    def write(self, part):
        self.writes.append(part.decode())
    def writelines(self, parts):
        self.write(b"".join(parts))

async def answer(method, headers, *parts):
    to = Connection()
    cycle = written_at_once(RequestResponseCycle)(
        {"method": method}, to, FlowControl(to), None, None, False, [], asyncio.Event(), False, True, lambda: None)
    await cycle.send({"type": "http.response.start", "status": 200, "headers": headers})
    for number, part in enumerate(parts, 1):
        await cycle.send({"type": "http.response.body", "body": part, "more_body": number < len(parts)})
    return to.writes

size = [(b"content-length", b"4")]
answers = (answer("GET", size, b"abcd"), answer("GET", size, b"ab", b"cd"), answer("HEAD", size, b""),
           answer("GET", [], b"abcd"))
print(json.dumps([asyncio.run(each) for each in answers]))
"""


def test_an_answers_headers_leave_with_its_body() -> None:
    done = subprocess.run(
        [str(cloud_module.INTERPRETER), "-c", _ANSWERS], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    whole, parts, head, streamed = json.loads(done.stdout)
    headers = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
    assert whole == [f"{headers}abcd"]
    assert parts == [f"{headers}ab", "cd"]
    assert head == [headers]
    assert streamed[0].endswith("chunked\r\n\r\n")  # its first part may come much later
    assert streamed[1:] == ["4\r\nabcd\r\n0\r\n\r\n"]


_POLICIES = """
import json
from ministack.core import iam_evaluator
from local.emulator import iam

iam.install()
ctx = iam_evaluator.EvalContext("arn:aws:iam::1:role/r", "AssumedRole", "1", "s3:GetObject", "arn:aws:s3:::b/k", "-")
deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
read, texts = json.loads, []
json.loads = lambda text: texts.append(text) or read(text)
policies = [json.dumps({"Statement": deny}), "no policy"]
decisions = [iam_evaluator.evaluate_resource_policy(each, ctx).decision for each in policies + policies[:1]]
print(json.dumps([decisions, texts == policies]))
"""


def test_a_buckets_policy_is_read_once() -> None:
    done = subprocess.run(
        [str(cloud_module.INTERPRETER), "-c", _POLICIES], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [["Deny", "ImplicitDeny", "Deny"], True]


def test_an_object_is_read_as_it_was_written_last(account: Account) -> None:
    s3 = account.client("s3")
    for number, key in enumerate(("a/scan", "a/scan/", "a//scan", "a/../scan", "../../scan", "a", ".", "é/ü", "x.tmp")):
        bucket = account.bucket(f"bucket-{number}")
        for body in (b"pixels", b"", b"more pixels"):
            s3.put_object(Bucket=bucket, Key="a/scan/0", Body=b"another")
            s3.put_object(Bucket=bucket, Key=key, Body=body)
            assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body
        assert s3.get_object(Bucket=bucket, Key=key, Range="bytes=5-7")["Body"].read() == b"pix"


def test_stopping_ends_functions_and_jobs(cloud: Cloud, account: Account) -> None:
    account.function("warm", "def handler(event, context): return 1", _ROLE)
    account.client("lambda").invoke(FunctionName="warm")
    workers = session_members(cloud.pid)
    assert workers
    stop_cloud(cloud)
    assert all(map(is_gone, workers))


def test_a_killed_emulators_workers_are_stopped_too(cloud: Cloud, account: Account, tmp_path: Path) -> None:
    marker = tmp_path / "running"
    code = f"""
import pathlib, time
def handler(event, context):
    pathlib.Path({str(marker)!r}).touch()
    time.sleep(600)
"""
    account.function("hangs", code, _ROLE)
    account.client("lambda").invoke(FunctionName="hangs", InvocationType="Event")
    wait_until(marker.exists)
    workers = session_members(cloud.pid)
    assert workers
    os.kill(cloud.pid, signal.SIGKILL)
    wait_until(lambda: read_cloud(tmp_path) is None)
    assert stop_cloud(tmp_path)
    assert all(map(is_gone, workers))


def test_it_can_end_with_its_parent(tmp_path: Path) -> None:
    program = f"""
import sys, time
from pathlib import Path
from local.cloud.cloud import start_cloud
print(start_cloud(Path({str(tmp_path)!r}), die_with_parent=True).pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: is_gone(pid))
    assert read_cloud(tmp_path) is None


def test_another_process_with_the_same_id_is_left_alone(tmp_path: Path) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    state = f'{{"endpoint": "http://127.0.0.1:1", "port": 1, "pid": {bystander.pid}}}'
    (tmp_path / "state.json").write_text(state)
    try:
        assert read_cloud(tmp_path) is None
        assert not stop_cloud(tmp_path)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_failed_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(CloudError, match="Fatal Python error"):
        start_cloud(tmp_path, extra_env={"PYTHONHOME": "/nonexistent"})
    assert read_cloud(tmp_path) is None


def test_a_port_that_is_taken_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: only binding finds out
        monkeypatch.setattr(cloud_module, "_free_port", lambda: taken.getsockname()[1])
        with pytest.raises(CloudError, match="already in use"):
            start_cloud(tmp_path)
    assert read_cloud(tmp_path) is None


def test_an_interrupted_start_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def _interrupt(cloud: Cloud) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(cloud_module, "_answers", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        start_cloud(tmp_path)
    assert read_cloud(tmp_path) is None
    assert not (tmp_path / "state.json").exists()


def test_data_goes_with_the_cloud_and_its_logs_stay(cloud: Cloud, account: Account, tmp_path: Path) -> None:
    account.bucket("raw")
    account.client("s3").put_object(Bucket="raw", Key="scan", Body=b"pixels")
    stop_cloud(cloud)
    assert {path.name for path in tmp_path.iterdir()} == {"cloud.log", "calls.jsonl"}


def test_a_missing_environment_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud_module, "INTERPRETER", tmp_path / "venv" / "bin" / "python")
    with pytest.raises(CloudError, match="make setup"):
        start_cloud(tmp_path)


def test_the_environment_reaches_this_cloud_only(tmp_path: Path) -> None:
    environment = Cloud("http://127.0.0.1:4", 4, 1, tmp_path).environment()
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4"
    assert environment["AWS_EC2_METADATA_DISABLED"] == "true"
    assert environment["AWS_CONFIG_FILE"] == os.devnull
