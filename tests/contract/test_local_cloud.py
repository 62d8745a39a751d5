"""Starting, finding and stopping the laptop cloud."""

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
