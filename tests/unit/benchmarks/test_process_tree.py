"""The measuring itself: whole process trees, and nothing but them."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.comparison import FAILED, BenchmarkError
from benchmarks.process_tree import Measurement, measure, resident_bytes, tree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process trees are measured through /proc")

MEGABYTE = 1_000_000

BURN = "import time\nwhile time.process_time() < 0.4: pass"
HOLD = "import time; held = bytearray(b'x') * 120_000_000; time.sleep(1.5)"
IN_A_CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"


def measured(tmp_path: Path, *arguments: str) -> Measurement:
    return measure([sys.executable, "-c", *arguments], env=os.environ, cwd=tmp_path, log=tmp_path / "log")


def test_cpu_time_of_grandchildren_counts(tmp_path: Path) -> None:
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}], check=True)"
    assert measured(tmp_path, IN_A_CHILD, nested).cpu_s >= 0.4


def test_cpu_time_of_a_forked_child_counts(tmp_path: Path) -> None:
    code = (
        "import multiprocessing, time\n"
        "def burn():\n    while time.process_time() < 0.4: pass\n"
        "child = multiprocessing.get_context('fork').Process(target=burn)\n"
        "child.start(); child.join()"
    )
    assert measured(tmp_path, code).cpu_s >= 0.4


def test_time_that_this_process_uses_does_not_count(tmp_path: Path) -> None:
    exec(compile(BURN, "burn", "exec"))
    result = measured(tmp_path, "import time; time.sleep(0.3)")
    assert result.wall_s >= 0.3
    assert result.cpu_s < 0.3


def test_memory_is_the_sum_over_the_tree(tmp_path: Path) -> None:
    both = f"import subprocess, sys; held = bytearray(b'x') * 120_000_000; {IN_A_CHILD}"
    result = measured(tmp_path, both, HOLD)
    # The kernel counts what the caller held when it started the command: here a test runner of any size.
    caller = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert 240 * MEGABYTE < result.peak_bytes < max(400 * MEGABYTE, caller + MEGABYTE)
    assert result.processes == 2


def test_memory_of_a_process_too_short_to_be_seen_is_known_from_the_kernel(tmp_path: Path) -> None:
    assert measured(tmp_path, "bytearray(b'x') * 300_000_000").peak_bytes > 300 * MEGABYTE


def test_a_command_that_fails_is_an_error_that_shows_its_output(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="exit code 7") as caught:
        measured(tmp_path, "import sys; print('why'); sys.exit(7)")
    assert caught.value.details == "why"
    assert caught.value.exit_code == FAILED


def test_a_tree_holds_the_process_and_its_descendants() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert {os.getpid(), child.pid} <= set(tree(os.getpid()))
        assert tree(child.pid) == [child.pid]


def test_a_process_that_has_ended_has_no_memory() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert resident_bytes(child.pid) == 0
