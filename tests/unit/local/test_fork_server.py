"""Processes forked from a template: as new ones, but for what the template has imported."""

import json
import subprocess
from pathlib import Path

import pytest

from local.emulator.fork_server import ForkedProcess, ForkServer

_ANSWERS = """
import importlib.util, json, os, random, sys
def answer(document):
    print(json.dumps(document), flush=True)
"""
_COUNTING = """
import os
with open(os.path.join(os.path.dirname(__file__), "imports"), "a") as file:
    file.write("x")
"""


@pytest.fixture
def server(tmp_path: Path) -> ForkServer:
    """A template that has imported a module which counts how often that happens."""
    (tmp_path / "counting.py").write_text(_COUNTING)
    return ForkServer(tmp_path, ["counting", "not_there"])


def _ask(server: ForkServer, folder: Path, program: str) -> object:
    process = server.start(_ANSWERS + program, folder, {"STAGE": "dev"})
    answer = json.loads(process.stdout.readline())
    assert process.wait(10) == 0
    return answer


def _waiting(server: ForkServer, folder: Path) -> ForkedProcess:
    process = server.start("import sys\nprint('ready', flush=True)\nsys.stdin.readline()", folder, {})
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_process_has_its_variables_its_folder_and_no_other_package(server: ForkServer, tmp_path: Path) -> None:
    program = "answer([dict(os.environ), os.getcwd(), importlib.util.find_spec('pytest') is None])"
    assert _ask(server, tmp_path, program) == [{"STAGE": "dev"}, str(tmp_path), True]


def test_what_the_template_has_imported_is_imported_once(server: ForkServer, tmp_path: Path) -> None:
    for _ in range(3):
        assert _ask(server, tmp_path, "answer('counting' in sys.modules)") is True
    assert (tmp_path / "imports").read_text() == "x"


def test_processes_draw_other_random_numbers(server: ForkServer, tmp_path: Path) -> None:
    first, second = (_ask(server, tmp_path, "answer(random.random())") for _ in range(2))
    assert first != second


def test_a_process_that_waits_runs_until_its_input_ends(server: ForkServer, tmp_path: Path) -> None:
    process = _waiting(server, tmp_path)
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.05)
    process.stdin.close()
    assert process.wait(10) == 0
    assert process.poll() == 0


@pytest.mark.parametrize("way", ["terminate", "kill"])
def test_a_process_can_be_ended(server: ForkServer, tmp_path: Path, way: str) -> None:
    process = _waiting(server, tmp_path)
    getattr(process, way)()
    process.wait(10)
    getattr(process, way)()  # that of one that has ended is no error
    assert process.stdout.read() == ""


def test_an_error_of_the_program_is_written(server: ForkServer, tmp_path: Path) -> None:
    process = server.start("raise RuntimeError('said')", tmp_path, {})
    assert "RuntimeError: said" in process.stderr.read()
