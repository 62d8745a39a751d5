"""What `make setup` shows while pip installs."""

import importlib
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).parents[3] / "requirements"


def test_packages_are_counted_while_pip_still_runs(tmp_path: Path) -> None:
    pinned = tmp_path / "pinned.txt"
    pinned.write_text("boto3==1.0 \\\n    --hash=sha256:00\n# a comment\njinja2==3.0\n")
    command = [sys.executable, str(REQUIREMENTS / "progress.py"), str(pinned), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write("Collecting boto3==1.0\n  Downloading boto3\n" * 10)
        process.stdin.flush()
        assert process.stdout.readline() == "  10 of 2 packages fetched\n"  # the pipe is still open
        shown, _ = process.communicate("Installing collected packages: boto3\nERROR: no space left\n", timeout=60)
    assert shown.splitlines() == ["  installing 2 packages", "ERROR: no space left"]


def test_what_is_installed_is_counted_while_pip_says_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(REQUIREMENTS)
    counted = importlib.import_module("progress").count_installed
    (tmp_path / "lib/python3.11/site-packages/boto3-1.0.dist-info").mkdir(parents=True)
    ended = threading.Event()
    thread = threading.Thread(target=counted, args=(tmp_path, 2, ended, 0.01))
    thread.start()
    time.sleep(0.1)
    ended.set()
    thread.join()
    assert capsys.readouterr().out.startswith("  1 of 2 packages installed\n")
