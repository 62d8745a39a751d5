"""Processes of this computer, on Linux and macOS: what they are, and which session they belong to.

Not by psutil: docs/decisions.md#laptop-7.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")


def command_line(pid: int) -> str:
    """Return a process's program and arguments; empty when it is gone or just ending.

    Parameters
    ----------
    pid : int
        Process id.
    """
    if not _has_proc():
        return _ps("-ww", "-o", "command=", "-p", str(pid))
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def session_members(leader: int) -> list[int]:
    """Return the live processes of a session, its leader excepted.

    Parameters
    ----------
    leader : int
        Process id of the session's leader, which may be gone already.
    """
    return [pid for pid in _all_pids() if pid != leader and _session_of(pid) == leader]


def send_signal(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let a second Ctrl-C or termination pass by while what was started is being stopped."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def exists(pid: int) -> bool:
    """Whether there is a process of this id, a zombie included."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _all_pids() -> list[int]:
    if _has_proc():
        return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    return [int(pid) for pid in _ps("-A", "-o", "pid=").split()]


def _session_of(pid: int) -> int:
    """Return the session of a live process; 0 when it is gone or a zombie that only waits for its parent."""
    with contextlib.suppress(OSError):
        if _state(pid) != "Z":
            return os.getsid(pid)
    return 0


def _state(pid: int) -> str:
    if not _has_proc():
        return _ps("-o", "state=", "-p", str(pid))[:1]
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]


def _has_proc() -> bool:
    return (_PROC / "self" / "stat").exists()


def _ps(*arguments: str) -> str:
    return subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False).stdout
