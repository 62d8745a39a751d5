"""Measures a command with everything that it starts."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.comparison import BenchmarkError

SAMPLE_SECONDS = 0.02

_MAXRSS_UNIT = 1024


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one run of a command cost."""

    cpu_s: float
    """User and system time of the process and of every descendant that was waited for."""
    wall_s: float
    """From start to end."""
    peak_bytes: int
    """The highest sum of resident memory over the tree, seen every `SAMPLE_SECONDS`; at least the largest single
    process, which the kernel knows exactly. Pages that parent and child share count in both."""
    processes: int
    """The most processes that were alive at once."""


def measure(command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> Measurement:
    """Run a command to its end and measure its whole process tree.

    Call it from a small process: the kernel counts the memory of the caller at the time of the start towards the
    largest process.

    Parameters
    ----------
    command
        Program and arguments.
    env, cwd
        Its environment and folder.
    log
        Receives what it prints.

    Raises
    ------
    BenchmarkError
        When it does not exit with 0, or when the system is not Linux.
    """
    if sys.platform != "linux":
        raise BenchmarkError("Process trees are measured through /proc, which only Linux has.")
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, env=dict(env), cwd=cwd, stdout=output, stderr=subprocess.STDOUT)
        sampler = _Sampler(process.pid)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            sampler.stop()
        wall = time.perf_counter() - started
    # The process has been waited for here, which Popen has to be told.
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise BenchmarkError(f"{' '.join(command)} ended with exit code {process.returncode}.", details=_tail(log))
    peak = max(sampler.peak_bytes, usage.ru_maxrss * _MAXRSS_UNIT)
    return Measurement(usage.ru_utime + usage.ru_stime, wall, peak, sampler.processes)


class _Sampler:
    """Sample a process tree until it is told to stop."""

    def __init__(self, root: int) -> None:
        self.peak_bytes = 0
        self.processes = 0
        self._root = root
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the watch."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(SAMPLE_SECONDS):
            sizes = [size for size in map(resident_bytes, tree(self._root)) if size > 0]
            self.peak_bytes = max(self.peak_bytes, sum(sizes))
            self.processes = max(self.processes, len(sizes))


def tree(root: int) -> list[int]:
    """List a process and its descendants."""
    with suppress(psutil.NoSuchProcess):
        return [root, *(child.pid for child in psutil.Process(root).children(recursive=True))]
    return [root]


def resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 when it has ended."""
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return psutil.Process(pid).memory_info().rss
    return 0


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
