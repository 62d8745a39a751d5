"""Jobs as processes of this computer: what Processing and Batch share when they run an image's command.

The command gets an environment made from nothing, a process group of its own, and its output in a log group. Jobs of
both services share the same few slots.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import IO

from botocore.exceptions import ClientError

from local.emulator.aws import client
from local.emulator.fork_server import ONE_THREAD, ForkedProcess, ForkServer

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = str(REPOSITORY / ".venv" / "bin" / "python")
_FORKED = {(PYTHON, "-m", "radiomics_job"), (PYTHON, "-m", "rnaseq_job")}
"""Programs that are forked. Training is not: its OpenMP libraries do not survive that."""
_IMPORTED = ("numpy", "pydantic.dataclasses", "isal.igzip", "boto3", "pydicom", "pydicom.pixels", "nibabel", "dcmstack",
             "SimpleITK", "radiomics.featureextractor", "scipy.ndimage", "PIL.ImageDraw", "PIL.GifImagePlugin",
             "PIL.JpegImagePlugin", "PIL.PngImagePlugin", "yaml", "nrrd", "awscrt.s3")  # fmt: skip
"""What those import of other packages; their own modules are imported anew, so that a change of them is met."""
_RUN_MODULE = """
import os, runpy, sys
sys.path[:0] = os.environ["PYTHONPATH"].split(os.pathsep)
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""
_servers: list[ForkServer] = []
_lock = threading.Lock()

STOPPED, TIMED_OUT, HOST_LOST = "stopped", "timed out", "host lost"
_POLL_SECONDS = 0.05
_TERM_SECONDS = 3.0
_MAX_LINES = 5000
_MAX_LINE = 8000
_EVENTS_PER_CALL = 500


@lru_cache(maxsize=1)
def job_pool() -> ThreadPoolExecutor:
    """Return the threads that run jobs, one each; further jobs wait in the order in which they came."""
    return ThreadPoolExecutor(int(os.environ.get("MULTIMODAL_JOB_SLOTS", "2")), thread_name_prefix="job")


def image_command(image_uri: str) -> list[str] | None:
    """Return the command that stands for an image's entry point, or None when it is not known.

    `MULTIMODAL_JOB_COMMANDS`, a JSON object of a part of the image's repository and its command, comes before
    the project's own images.
    """
    configured: dict[str, list[str]] = json.loads(os.environ.get("MULTIMODAL_JOB_COMMANDS", "{}"))
    repository = image_uri.partition("/")[2]
    own = {name: [PYTHON, "-m", f"{name}_job"] for name in ("radiomics", "rnaseq", "survival")}
    for part, command in [*configured.items(), *own.items()]:
        if part in repository:
            return command
    return None


def image_source(image_uri: str) -> Path | None:
    """Return the folder of the sources in one of the project's own images; None for any other."""
    command = image_command(image_uri) or []
    name = command[-1].removesuffix("_job") if tuple(command) in _FORKED else ""
    return REPOSITORY / "containers" / name / "src" if name else None


@contextlib.contextmanager
def job_folder(name: str) -> Iterator[Path]:
    """Make a job's folder, with `tmp` in it, and remove it when the job has ended."""
    work = Path(os.environ["MULTIMODAL_CLOUD_ROOT"]) / "jobs" / name
    shutil.rmtree(work, ignore_errors=True)
    (work / "tmp").mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def job_environment(work: Path, *images: str) -> dict[str, str]:
    """Return the variables that every container has; none of this computer's own but the search path.

    Parameters
    ----------
    work : Path
        The job's folder.
    *images : str
        Folders of `containers/` whose sources the program may import.
    """
    sources = [str(REPOSITORY / "containers" / image / "src") for image in images]
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(work / "tmp"),
        "TMPDIR": str(work / "tmp"),
        "PYTHONUNBUFFERED": "1",
        **ONE_THREAD,
        "PYTHONPATH": os.pathsep.join(sources),
    }


def run_program(
    command: Sequence[str],
    work: Path,
    environment: Mapping[str, str],
    stop: threading.Event,
    limit_seconds: float | None,
) -> tuple[int, str | None, str]:
    """Run a program to its end, with all processes that it starts.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments.
    work : Path
        The job's folder; the program runs in its `tmp`.
    environment : mapping
        All its variables.
    stop : threading.Event
        Set when it is to be stopped.
    limit_seconds : float or None
        Time after which it is stopped.

    Returns
    -------
    code : int
        Its return code; negative for a signal.
    ended_by : str or None
        `STOPPED`, `TIMED_OUT` or, in the chaos suite, `HOST_LOST`; None when it ended by itself.
    log : str
        What it wrote.
    """
    log = work / "container.log"
    with log.open("wb") as stream:
        process = _start(command, work / "tmp", environment, stream)
    try:
        ended_by = _wait(process, stop, limit_seconds)
    finally:
        _end_group(process)
    return process.wait(), ended_by, log.read_text(errors="replace")


def _start(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], output: IO[bytes]
) -> subprocess.Popen[bytes] | ForkedProcess:
    """Start a program in a process group of its own, so that stopping it stops its workers; the session stays ours."""
    if tuple(command[:3]) in _FORKED:
        return _fork(command, folder, environment, output)
    return subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        process_group=0,
    )


def _fork(command: Sequence[str], folder: Path, environment: Mapping[str, str], output: IO[bytes]) -> ForkedProcess:
    """Start `python -m module arguments` from the template that has imported the packages of both jobs."""
    module, arguments = command[2], command[2:]
    program = _RUN_MODULE.format(module=module)
    with Path(os.devnull).open("rb") as nothing:
        streams = [nothing.fileno(), output.fileno(), output.fileno()]
        return job_server().start(program, folder, environment, streams, arguments)


def job_server() -> ForkServer:
    """Return the template of jobs; two jobs that come first at once share it."""
    with _lock:
        if not _servers or not _servers[-1].is_running:
            _servers[:] = [ForkServer([PYTHON], _IMPORTED, None, ["s3"])]
        return _servers[-1]


def write_log(group: str, stream: str, text: str) -> None:
    """Store a job's output as log events; an empty output stores nothing, and of a very long one the end is kept.

    Parameters
    ----------
    group, stream : str
        Log group and stream; made when they are missing.
    text : str
        What the container wrote.
    """
    lines = [line[:_MAX_LINE] for line in text.splitlines() if line.strip()][-_MAX_LINES:]
    if not lines:
        return
    logs = client("logs")
    with contextlib.suppress(ClientError):  # the group or the stream exists
        logs.create_log_group(logGroupName=group)
    with contextlib.suppress(ClientError):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    now = int(time.time() * 1000)
    for start in range(0, len(lines), _EVENTS_PER_CALL):
        events = [{"timestamp": now, "message": line} for line in lines[start : start + _EVENTS_PER_CALL]]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def _wait(process: subprocess.Popen[bytes] | ForkedProcess, stop: threading.Event, limit: float | None) -> str | None:
    deadline = None if limit is None else time.monotonic() + limit
    while process.poll() is None:
        if stop.is_set():
            return STOPPED
        if deadline is not None and time.monotonic() > deadline:
            return TIMED_OUT
        time.sleep(_POLL_SECONDS)
    return None


def _end_group(process: subprocess.Popen[bytes] | ForkedProcess) -> None:
    """Stop what is left of the command's process group: SIGTERM, then SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):  # the group is empty, or (macOS) only zombies are left
            break
        try:
            process.wait(_TERM_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
