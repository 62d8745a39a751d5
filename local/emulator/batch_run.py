"""One attempt at a Batch job: the image's command as a process of this computer.

The container's mount points are folders of the attempt, and arguments and variables that name them are changed
accordingly. Unlike a processing job the program may call AWS: it gets the job role's credentials and the laptop
cloud's endpoint, and none of this computer's own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.emulator.aws import REGION, Credentials
from local.emulator.batch_retry import Failure
from local.emulator.processing_run import REPOSITORY, end_group, image_command

EXITED = "Essential container in task exited"


TIMED_OUT = "Job attempt duration exceeded timeout"


NOT_STARTED = "Task failed to start"


_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Attempt:
    """What one attempt runs.

    Parameters
    ----------
    name : str
        Unique among all attempts; names its folder.
    image : str
        URI of the image.
    command : sequence of str
        Arguments of the image's entry point.
    environment : mapping
        Variables of the container.
    mounts : sequence of str
        Paths of the container that are volumes.
    credentials : Credentials
        Of the job's role.
    limit_seconds : float or None
        Time after which it is stopped.
    """

    name: str
    image: str
    command: Sequence[str]
    environment: Mapping[str, str]
    mounts: Sequence[str]
    credentials: Credentials
    limit_seconds: float | None = None


def run_attempt(
    attempt: Attempt, stop: threading.Event, stop_reason: Callable[[], str]
) -> tuple[Failure | None, int | None, str]:
    """Run an attempt to its end.

    Parameters
    ----------
    attempt : Attempt
        What is run.
    stop : threading.Event
        Set when the job was terminated.
    stop_reason : callable
        Why it was.

    Returns
    -------
    failure : Failure or None
        None when the program ended with 0.
    exit_code : int or None
        The program's exit code; None when it did not start.
    log : str
        What it wrote.
    """
    entry = image_command(attempt.image)
    if entry is None:
        reason = f"CannotPullContainerError: the laptop knows no command for {attempt.image}"
        return Failure(NOT_STARTED, reason), None, ""
    work = Path(os.environ["MULTIMODAL_CLOUD_ROOT"]) / "jobs" / attempt.name
    shutil.rmtree(work, ignore_errors=True)
    (work / "tmp").mkdir(parents=True)
    try:
        return _run(attempt, entry, work, stop, stop_reason)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _run(
    attempt: Attempt, entry: Sequence[str], work: Path, stop: threading.Event, stop_reason: Callable[[], str]
) -> tuple[Failure | None, int | None, str]:
    places = _volumes(attempt.mounts, work)
    command = [*entry, *(_placed(text, places) for text in attempt.command)]
    log = work / "container.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=work / "tmp",
            env=_environment(attempt, places, work),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            process_group=0,  # its own group, so that stopping it stops its workers; the session stays ours
        )
    try:
        status_reason = _wait(process, stop, attempt.limit_seconds)
    finally:
        end_group(process)
    text, code = log.read_text(errors="replace"), _shell_code(process.returncode)
    if status_reason is not None:
        return Failure(status_reason or stop_reason(), exit_code=code, final=True), code, text
    return (Failure(EXITED, exit_code=code) if code else None), code, text


def _wait(process: subprocess.Popen[bytes], stop: threading.Event, limit: float | None) -> str | None:
    """Wait for a program's own end (None); else return why it has to end, empty when it was terminated."""
    deadline = None if limit is None else time.monotonic() + limit
    while process.poll() is None:
        if stop.is_set():
            return ""
        if deadline is not None and time.monotonic() > deadline:
            return TIMED_OUT
        time.sleep(_POLL_SECONDS)
    return None


def _shell_code(code: int) -> int:
    """Return an exit code as a container has it: a signal is 128 and its number."""
    return code if code >= 0 else 128 - code


def _volumes(mounts: Sequence[str], work: Path) -> dict[str, Path]:
    places = {path.rstrip("/"): work / f"volume-{number}" for number, path in enumerate(mounts)}
    for place in places.values():
        place.mkdir()
    return places


def _placed(text: str, places: Mapping[str, Path]) -> str:
    """Return a path of the container as it is on this computer; any other text unchanged."""
    for path, place in places.items():
        if text == path or text.startswith(f"{path}/"):
            return f"{place}{text.removeprefix(path)}"
    return text


def _environment(attempt: Attempt, places: Mapping[str, Path], work: Path) -> dict[str, str]:
    sources = [REPOSITORY / "containers" / name / "src" for name in ("rnaseq", "radiomics")]
    keys = attempt.credentials
    own = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(work / "tmp"),
        "TMPDIR": str(work / "tmp"),
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(str(path) for path in sources),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        **({"AWS_SESSION_TOKEN": keys.token} if keys.token else {}),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    return {**own, **{name: _placed(value, places) for name, value in attempt.environment.items()}}
