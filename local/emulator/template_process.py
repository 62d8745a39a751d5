"""A process that imports modules once and is then forked for each process that needs them.

Run by `fork_server.py`: `template_process.py DESCRIPTOR FOLDER MODULES SERVICES`, where the descriptor is that of a
socket, the folder, which may be empty, has modules, a module that cannot be imported is left to the processes, and
services are those of AWS whose models boto3 shall have read. Each message on the socket carries four
descriptors: a new process's standard input, output and error, and one end of a socket of its own. On that, this process
writes the new one's id, and at its end its exit code; the new process reads from it a line, a JSON object of its
`environment`, its `folder`, its `arguments` and its `program`, the source that it runs.
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
_NOBODY = {"region_name": "none", "aws_access_key_id": "-", "aws_secret_access_key": "-"}
_lines: dict[int, int] = {}
"""The descriptor on which each running process's end is told, by process id."""


def main() -> None:
    """Import the modules and fork until the socket is closed; in a forked process, run its program."""
    descriptor, folder, modules, services = sys.argv[1:]
    sys.path[:1] = [folder] if folder else []  # the folder of this script goes
    for name in modules.split(","):
        with suppress(Exception):
            importlib.import_module(name)
    if "boto3" in sys.modules and services:
        _read_models(services.split(","))
    gc.freeze()
    signal.signal(signal.SIGCHLD, lambda *_: _tell_ends())
    with socket.socket(fileno=int(descriptor)) as control:
        program = _fork_until_closed(control)
    if program is not None:
        exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})  # noqa: S102 # nosec B102: that is its purpose


def _read_models(services: list[str]) -> None:
    """Let boto3's default session read its services' models, and what of them comes in pages.

    It takes a third of a second of a core in each process.

    A session looks up region, credentials and endpoint when it makes a client; those here are given, so that it keeps
    none. The files of settings are empty (`fork_server.py`).
    """
    import boto3

    for service in services:
        made = boto3.client(service, **_NOBODY)  # type: ignore[call-overload]
        made.can_paginate(next(iter(made.meta.method_to_api_mapping)))


def _fork_until_closed(control: socket.socket) -> str | None:
    """Return None when the socket is closed; in each forked process, return its program."""
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, DESCRIPTORS)
        if not descriptors:
            return None
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])  # an end is told after the id
        pid = os.fork()
        if pid == 0:
            return _enter(descriptors)
        *streams, line = descriptors
        for descriptor in streams:
            os.close(descriptor)
        _lines[pid] = line
        os.write(line, b"%d\n" % pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])


def _tell_ends() -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            line = _lines.pop(ended[0])
            with suppress(OSError):  # nobody waits for it any more
                os.write(line, b"%d\n" % os.waitstatus_to_exitcode(ended[1]))
            os.close(line)


def _enter(descriptors: list[int]) -> str:
    """Make this process the new one, with a process group of its own; return its program."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    os.setpgid(0, 0)
    for line in _lines.values():
        os.close(line)
    *streams, line = descriptors
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    with os.fdopen(line) as file:
        start = json.loads(file.readline())
    os.environ.clear()
    os.environ.update(start["environment"])
    time.tzset()
    os.chdir(start["folder"])
    sys.argv = start["arguments"]
    program: str = start["program"]
    return program


if __name__ == "__main__":
    main()
