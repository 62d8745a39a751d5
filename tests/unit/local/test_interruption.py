"""What Ctrl-C leaves behind, and what a Python without the packages says."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.processes import undisturbed
from cli.project import ROOT
from local.cloud import up
from local.demo import demo
from tests.screen import Screen


@pytest.fixture
def console() -> Screen:
    return Screen()


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("was_running", [True, False])
def test_an_interrupted_up_stops_the_cloud_only_if_it_started_it(
    was_running: bool, console: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[Path] = []
    monkeypatch.setattr(up, "read_cloud", lambda _root: object() if was_running else None)
    monkeypatch.setattr(up, "launch", interrupt)
    monkeypatch.setattr(up, "stop_cloud", stopped.append)
    with pytest.raises(KeyboardInterrupt):
        up.bring_up(console)
    assert (len(stopped), "Stopping the cloud…" in console.text) == ((0, False) if was_running else (1, True))


def test_an_interrupted_demo_says_that_it_stops_the_cloud(
    console: Screen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(demo, "STATE", tmp_path)
    monkeypatch.setattr(demo, "_show", interrupt)
    with pytest.raises(KeyboardInterrupt):
        demo.run_demo(console, None)
    assert "Stopping the cloud…" in console.text
    assert list(tmp_path.iterdir()) == []


def test_a_second_interruption_passes_by_while_something_is_stopped() -> None:
    before = signal.getsignal(signal.SIGINT)
    with undisturbed():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
    assert signal.getsignal(signal.SIGINT) is before


def run_module(packages: Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m local` with the packages of a folder and no others."""
    program = (
        f"import runpy, sys; sys.path.insert(0, {str(packages)!r}); runpy.run_module('local', run_name='__main__')"
    )
    command = [sys.executable, "-S", "-c", program, "down"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_before_setup_it_says_what_to_run(tmp_path: Path) -> None:
    ended = run_module(tmp_path)
    assert ended.returncode == 1
    assert "run `make setup`" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_ctrl_c_while_it_is_loading_has_no_stack_trace(tmp_path: Path) -> None:
    (tmp_path / "typer").mkdir()
    (tmp_path / "typer" / "__init__.py").write_text("raise KeyboardInterrupt")
    ended = run_module(tmp_path)
    assert ended.returncode == 130
    assert ended.stderr.split() == ["Interrupted."]
