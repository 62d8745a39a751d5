"""Starts processes by forking one that has imported already what they all need (`template_process.py`).

Importing boto3 and the like takes a function half a second of a core at each cold start, and unpacking and compiling
the same code anew three; importing pydicom and SimpleITK takes a job one. A forked process has none of it, and is
otherwise as a new one: an environment from nothing, a folder, a process group. Decision: laptop-10.
"""

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from select import select

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"}
"""As the jobs' images say; and a process with threads is not to be forked."""
NO_SETTINGS = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
_TEMPLATE = Path(__file__).with_name("template_process.py")


class ForkedProcess:
    """A process whose parent is the template, with what is used of `subprocess.Popen`.

    Parameters
    ----------
    line : socket
        On which the template tells the process's id, and at its end its exit code.
    """

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._told = line.makefile("rb", buffering=0)
        told = self._told.readline()
        if not told:  # and 0 would be this process's own group
            raise RuntimeError("the process that is forked has ended")
        self.pid = int(told)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return None while it runs, then its exit code; negative for a signal."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended, and return its exit code.

        Raises
        ------
        subprocess.TimeoutExpired
            When it has not within so many seconds.
        """
        if self.returncode is None:
            if not select([self._line], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self.returncode = int(self._told.readline() or -signal.SIGKILL)
        return self.returncode

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
    interpreter : sequence of str
        The Python that runs it, with its options.
    modules : sequence of str
        What it imports; one that cannot be is left to the processes.
    folder : Path or None
        Where modules are beside those of the interpreter.
    services : sequence of str
        Services of AWS whose models boto3 reads beforehand.
    """

    def __init__(
        self,
        interpreter: Sequence[str],
        modules: Sequence[str],
        folder: Path | None = None,
        services: Sequence[str] = (),
    ) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        arguments = [str(theirs.fileno()), str(folder or ""), ",".join(modules), ",".join(services)]
        with theirs:
            self._process = subprocess.Popen(
                [*interpreter, str(_TEMPLATE), *arguments],
                env={"LANG": "C.UTF-8", "PATH": os.environ.get("PATH", os.defpath), **NO_SETTINGS, **ONE_THREAD},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    @property
    def is_running(self) -> bool:
        """Whether it can be forked."""
        return self._process.poll() is None

    def start(
        self,
        program: str,
        folder: Path,
        environment: Mapping[str, str],
        streams: Sequence[int],
        arguments: Sequence[str] = (),
    ) -> ForkedProcess:
        """Start a process.

        Parameters
        ----------
        program : str
            Source of what it runs.
        folder : Path
            Its current folder.
        environment : mapping
            All its variables.
        streams : sequence of int
            Descriptors of its standard input, output and error.
        arguments : sequence of str
            Its `sys.argv`.
        """
        start = {"environment": dict(environment), "folder": str(folder), "program": program}
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            socket.send_fds(self._control, [b"f"], [*streams, theirs.fileno()])
        ours.sendall(json.dumps({**start, "arguments": list(arguments)}).encode() + b"\n")
        return ForkedProcess(ours)
