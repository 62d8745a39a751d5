"""A process that imports modules once and is then forked for each process that needs them.

Run by `fork_server.py` with an interpreter that has the standard library only: `template_process.py DESCRIPTOR FOLDER
MODULES`, where the descriptor is that of a socket, the folder has the modules, and a missing module is left out. Each
message on the socket carries four descriptors: a new process's standard input, output and error, and its end of a
socket that is closed when the process ends. The first line of its input is a JSON object of its `environment`, its
`folder` and its `program`, the source that it runs; further lines are the program's own.
"""

import gc
import importlib
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress

DESCRIPTORS = 4


def main() -> None:
    """Import the modules and fork until the socket is closed; in a forked process, run its program."""
    descriptor, folder, modules = sys.argv[1:]
    sys.path.insert(0, folder)
    for name in modules.split(","):
        with suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks for exit codes
    with socket.socket(fileno=int(descriptor)) as control:
        program = _fork_until_closed(control)
    if program is not None:
        exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})  # noqa: S102 -- that is its purpose


def _fork_until_closed(control: socket.socket) -> str | None:
    """Return None when the socket is closed; in each forked process, return its program."""
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, DESCRIPTORS)
        if not descriptors:
            return None
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return _enter(descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _enter(descriptors: list[int]) -> str:
    *streams, lifeline = descriptors
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.set_inheritable(lifeline, False)
    os.write(lifeline, b"%d\n" % os.getpid())
    start = json.loads(sys.stdin.readline())
    os.environ.clear()
    os.environ.update(start["environment"])
    time.tzset()
    os.chdir(start["folder"])
    program: str = start["program"]
    return program


if __name__ == "__main__":
    main()
