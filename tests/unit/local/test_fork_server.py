"""Processes forked from a template: as new ones, but for what the template has imported."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.emulator import containers
from local.emulator.fork_server import ForkedProcess, ForkServer

_COUNTING = """
import os
with open(os.path.join(os.path.dirname(__file__), "imports"), "a") as file:
    file.write("x")
"""
_WAITS = "import time\nprint('ready', flush=True)\ntime.sleep(60)"


class Processes:
    """A template that has imported a module which counts how often that happens, and a log of its processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "counting.py").write_text(_COUNTING)
        self._server = ForkServer([sys.executable, "-I", "-S"], ["counting", "not_there"], folder)
        self.log = folder / "log"

    def start(
        self, program: str, environment: Mapping[str, str] | None = None, arguments: Sequence[str] = ()
    ) -> ForkedProcess:
        with Path(os.devnull).open("rb") as nothing, self.log.open("wb") as log:
            streams = [nothing.fileno(), log.fileno(), log.fileno()]
            return self._server.start(program, self.folder, environment or {}, streams, arguments)

    def answer(self, expression: str, **given: object) -> object:
        """Return the value of an expression in a new process."""
        program = f"import importlib.util, json, os, random, sys\nprint(json.dumps({expression}))"
        assert self.start(program, **given).wait(10) == 0  # type: ignore[arg-type]
        return json.loads(self.log.read_text())

    def end(self) -> None:
        """End the template."""
        self._server._process.kill()
        self._server._process.wait()

    def waiting(self) -> ForkedProcess:
        """Return a process that is at work."""
        process = self.start(_WAITS)
        while self.log.read_text() != "ready\n":
            time.sleep(0.01)
        return process


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path)


@pytest.fixture
def waiting(processes: Processes) -> Iterator[ForkedProcess]:
    process = processes.waiting()
    yield process
    process.kill()


def test_a_process_has_its_variables_its_folder_its_arguments_and_no_other_package(processes: Processes) -> None:
    seen = processes.answer(
        "[dict(os.environ), os.getcwd(), sys.argv, os.getpgid(0) == os.getpid(), importlib.util.find_spec('pytest')]",
        environment={"STAGE": "dev"},
        arguments=["job", "--fast"],
    )
    assert seen == [{"STAGE": "dev"}, str(processes.folder), ["job", "--fast"], True, None]


def test_what_the_template_has_imported_is_imported_once(processes: Processes) -> None:
    assert [processes.answer("'counting' in sys.modules") for _ in range(3)] == [True] * 3
    assert (processes.folder / "imports").read_text() == "x"


def test_a_client_reads_no_model_again_and_knows_only_its_own_process(tmp_path: Path) -> None:
    """Of whoever runs the laptop cloud, neither settings nor region nor keys may reach a function."""
    processes = Processes(tmp_path)
    processes._server = ForkServer([sys.executable], ["boto3"], tmp_path, ["s3"])
    program = """
import boto3, botocore.loaders, json
botocore.loaders.JSONFileLoader.load_file = None
s3 = boto3.client("s3")
s3.get_paginator("list_objects_v2")
keys = s3._request_signer._credentials
print(json.dumps([s3.meta.region_name, s3.meta.endpoint_url, keys.access_key, keys.secret_key, keys.token]))
"""
    for number in ("1", "2"):
        names = ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        wanted = {name: f"{name[4:].lower().replace('_', '-')}-{number}" for name in names}
        endpoint = f"http://127.0.0.1:{number}"
        assert processes.start(program, {**wanted, "AWS_ENDPOINT_URL": endpoint}).wait(20) == 0, (
            processes.log.read_text()
        )
        region, *keys = wanted.values()
        assert json.loads(processes.log.read_text()) == [region, endpoint, *keys]


def test_processes_draw_other_random_numbers(processes: Processes) -> None:
    assert processes.answer("random.random()") != processes.answer("random.random()")


@pytest.mark.parametrize(("program", "code"), [("", 0), ("raise SystemExit(64)", 64), ("raise ValueError('said')", 1)])
def test_the_exit_code_is_told(processes: Processes, program: str, code: int) -> None:
    process = processes.start(program)
    assert (process.wait(10), process.poll(), process.returncode) == (code, code, code)
    assert ("ValueError: said" in processes.log.read_text()) == (code == 1)


def test_a_process_runs_until_it_ends(waiting: ForkedProcess) -> None:
    assert waiting.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(0.05)


@pytest.mark.parametrize(("way", "code"), [("terminate", -15), ("kill", -9)])
def test_a_process_can_be_ended(waiting: ForkedProcess, way: str, code: int) -> None:
    getattr(waiting, way)()
    assert waiting.wait(10) == code
    getattr(waiting, way)()  # that of one that has ended is no error
    with pytest.raises(ProcessLookupError):
        os.kill(waiting.pid, 0)


def test_many_processes_end_in_any_order(processes: Processes) -> None:
    programs = [f"import time\ntime.sleep({0.05 * (i % 3)})\nraise SystemExit({i})" for i in range(9)]
    started = [processes.start(program) for program in programs]
    assert [process.wait(10) for process in reversed(started)] == list(reversed(range(9)))


def test_jobs_that_come_first_at_once_share_a_template(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two templates one would end with nobody to hold it, and its job with it."""

    class SlowServer:
        is_running = True

        def __init__(self, *_: object) -> None:
            time.sleep(0.05)

    monkeypatch.setattr(containers, "ForkServer", SlowServer)
    monkeypatch.setattr(containers, "_servers", [])
    with ThreadPoolExecutor(4) as pool:
        servers = list(pool.map(lambda _: containers.job_server(), range(4)))
    assert len({id(server) for server in servers}) == 1


def test_a_template_that_has_ended_starts_nothing(processes: Processes) -> None:
    processes.end()
    with pytest.raises((RuntimeError, OSError)):
        processes.start("pass")
