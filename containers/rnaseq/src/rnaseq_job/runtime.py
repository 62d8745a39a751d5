"""How programs are run, and what is logged: JSON lines on standard error that name the sample and nothing else."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rnaseq_job.errors import HostFaultError, InvalidJobError


def log(event: str, **fields: object) -> None:
    """Write one log line.

    Examples
    --------
    >>> log("reads_checked", sample="R01-001", fragments=41_000_000)
    """
    sys.stderr.write(json.dumps({"event": event, **fields}, default=str) + "\n")
    sys.stderr.flush()


_TAIL_BYTES = 4_000


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit code (negative for a signal) and the end of its output."""

    code: int
    tail: str


def run(arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Ended:
    """Run a program to its end.

    Parameters
    ----------
    arguments : sequence of str
        Program and arguments.
    log : Path
        Receives standard output and error.
    environment : mapping, optional
        Added to this process's own.

    Returns
    -------
    Ended
        Exit codes other than 0 are the caller's to judge.

    Raises
    ------
    InvalidJobError
        When the program is not installed.
    HostFaultError
        When it was killed (out of memory, machine going down).
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with log.open("wb") as output:
            process = subprocess.run(
                list(arguments),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                check=False,
            )
    except FileNotFoundError as error:
        raise InvalidJobError(f"{arguments[0]} is not installed") from error
    ended = Ended(process.returncode, tail_of(log))
    if ended.code in (-signal.SIGKILL, -signal.SIGTERM):
        raise HostFaultError(f"{Path(arguments[0]).name} was killed (signal {-ended.code}); is there enough memory?")
    return ended


def available_cpus() -> int:
    """Return the processors that this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def tail_of(log: Path) -> str:
    """Return the end of a log as text."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        return file.read().decode("utf-8", "replace")
