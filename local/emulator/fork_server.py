"""Starts processes by forking one that has imported already what they all need (`template_process.py`).

At each cold start, importing boto3 and the like takes a function half a second of a core, and unpacking and compiling
the same code anew three. A forked process has neither, and is otherwise as a new one: an environment from nothing, a
folder, pipes.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_TEMPLATE = Path(__file__).with_name("template_process.py")


class ForkedProcess:
    """A process, with what ministack uses of `subprocess.Popen`.

    Another process is its parent, so that its exit code is not known: that it has ended shows in the end of a socket
    that it alone holds.
    """

    def __init__(self, streams: Sequence[int], lifeline: socket.socket) -> None:
        self.stdin = os.fdopen(streams[0], "w", buffering=1)
        self.stdout, self.stderr = os.fdopen(streams[1]), os.fdopen(streams[2])
        self._lifeline = lifeline
        self.pid = int(lifeline.makefile().readline() or 0)

    def poll(self) -> int | None:
        """Return None while it runs, then 0."""
        try:
            self._lifeline.recv(1, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        return 0

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended.

        Raises
        ------
        subprocess.TimeoutExpired
            When it has not within so many seconds.
        """
        self._lifeline.settimeout(timeout)
        try:
            self._lifeline.recv(1)
        except (TimeoutError, BlockingIOError):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0) from None
        return 0

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


class ForkServer:
    """A template process.

    Parameters
    ----------
    folder : Path
        Where its modules are; it has nothing else but the standard library.
    modules : sequence of str
        What it imports; one that is not there is left out.
    """

    def __init__(self, folder: Path, modules: Sequence[str]) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        arguments = [str(theirs.fileno()), str(folder), ",".join(modules)]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_TEMPLATE), *arguments],
                env={"LANG": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    @property
    def is_running(self) -> bool:
        """Whether it can be forked."""
        return self._process.poll() is None

    def start(self, program: str, folder: Path, environment: Mapping[str, str]) -> ForkedProcess:
        """Start a process.

        Parameters
        ----------
        program : str
            Source of what it runs.
        folder : Path
            Its current folder.
        environment : mapping
            All its variables.
        """
        (read_in, write_in), (read_out, write_out), (read_err, write_err) = os.pipe(), os.pipe(), os.pipe()
        ours, theirs = socket.socketpair()
        given = [read_in, write_out, write_err, theirs.fileno()]
        with theirs, self._lock:
            socket.send_fds(self._control, [b"f"], given)
        for descriptor in given[:-1]:
            os.close(descriptor)
        process = ForkedProcess([write_in, read_out, read_err], ours)
        start = {"environment": dict(environment), "folder": str(folder), "program": program}
        process.stdin.write(json.dumps(start) + "\n")
        return process
