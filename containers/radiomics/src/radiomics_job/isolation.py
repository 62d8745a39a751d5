"""Each study in a process of its own, with a wall clock and a memory limit.

Whatever happens to that process (an unexpected error, a segmentation fault, too much time or memory) becomes that
study's rejection; the other studies never notice. Only a fault of the machine ends the job with an error.
"""

import ctypes
import gc
import json
import logging
import multiprocessing
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from radiomics_job.errors import Detail, HostFaultError, ReasonCode, StudyRejectedError
from radiomics_job.limits import MEBIBYTE
from radiomics_job.study import StudyTask, process_study, write_rejection

EXIT_CODES = {"accept": 0, "warn": 10, "rejected": 11, "memory": 12, "crashed": 13, "host": 14}
"""How a study's process tells its parent what happened; anything else is a crash."""

_OUT_OF_MEMORY_MARKS = ("bad_alloc", "failed to allocate", "cannot allocate memory", "unable to allocate")
"""How libraries written in C++ word what Python calls MemoryError."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 256 * MEBIBYTE
_OWN_MAPPING_BYTES = 8 * MEBIBYTE
"""glibc's mallopt: what a study gives back it takes again at once, and the kernel zeroes each page that it gives."""

_PR_SET_PDEATHSIG = 1
"""Linux prctl: the signal a process gets when its parent ends."""

Work = Callable[[StudyTask], str]


@dataclass(frozen=True)
class Outcome:
    """How one study ended: `accept`, `warn`, `rejected` or `host_fault`."""

    task: StudyTask
    status: str
    seconds: float


@dataclass(frozen=True)
class _Running:
    task: StudyTask
    process: BaseProcess
    started: float

    @property
    def deadline(self) -> float:
        return self.started + self.task.limits.seconds


def log(event: str, **fields: object) -> None:
    """Write one JSON line to standard error; no patient identifier may be among the fields.

    Examples
    --------
    >>> log("study_done", correlation_id="d3389fb3e70c7714", status="accept")
    """
    sys.stderr.write(json.dumps({"event": event, **fields}, sort_keys=False, default=str) + "\n")
    sys.stderr.flush()


def process_all(tasks: Sequence[StudyTask], workers: int, work: Work = process_study) -> Iterator[Outcome]:
    """Process studies side by side, each in a child process, and yield their outcomes as they end."""
    # The children inherit the parent's imported libraries, which are the larger part of a start-up.
    context = multiprocessing.get_context("fork")
    gc.freeze()  # nor need they look for rubbish among those
    waiting, running = list(tasks), list[_Running]()
    try:
        while waiting or running:
            while waiting and len(running) < max(1, workers):
                running.append(_start(context, waiting.pop(0), work))
            for study in _ended(running):
                running.remove(study)
                yield _conclude(study)
    finally:
        for study in running:
            study.process.kill()
            study.process.join()


def _start(context: multiprocessing.context.ForkContext, task: StudyTask, work: Work) -> _Running:
    process = context.Process(target=_child, args=(task, work), daemon=True)
    process.start()
    return _Running(task, process, time.monotonic())


def _ended(running: Sequence[_Running]) -> list[_Running]:
    """Wait for the next process to end or for the next deadline to pass."""
    timeout = max(0.0, min(study.deadline for study in running) - time.monotonic())
    wait([study.process.sentinel for study in running], timeout=timeout)
    now = time.monotonic()
    return [study for study in running if study.process.exitcode is not None or now >= study.deadline]


def _conclude(study: _Running) -> Outcome:
    code = _exit_code(study)
    seconds = round(time.monotonic() - study.started, 3)
    status = {EXIT_CODES["accept"]: "accept", EXIT_CODES["warn"]: "warn", EXIT_CODES["host"]: "host_fault"}.get(code)
    if status is None:
        status = "rejected" if code == EXIT_CODES["rejected"] else _reject(study.task, code)
    return Outcome(study.task, status, seconds)


def _reject(task: StudyTask, code: int) -> str:
    """Write the rejection of a study whose process died; without a place to write to, the other studies go on."""
    try:
        write_rejection(task, _death(code, task))
    except (OSError, ValueError) as error:
        log("host_fault", **task.log_name, message=f"no rejection written: {type(error).__name__}")
        return "host_fault"
    return "rejected"


def _exit_code(study: _Running) -> int:
    """Give the child's exit code; −SIGALRM stands for the passed wall clock."""
    if study.process.exitcode is None:
        study.process.kill()
        study.process.join()
        return -signal.SIGALRM
    study.process.join()
    return study.process.exitcode


def _death(code: int, task: StudyTask) -> StudyRejectedError:
    limits = task.limits
    if code == -signal.SIGALRM:
        message = "The study took longer than its time limit. Look for a needlessly large volume, or raise the limit."
        return StudyRejectedError(ReasonCode.TIME_LIMIT, message, {"limit_seconds": limits.seconds})
    # SIGKILL that is not ours comes from the machine when its memory runs out.
    if code in (EXIT_CODES["memory"], -signal.SIGKILL):
        message = "The study needs more memory than it may use. Look for a needlessly large volume, or raise the limit."
        return StudyRejectedError(ReasonCode.MEMORY_LIMIT, message, {"limit_bytes": limits.memory_bytes})
    details: dict[str, Detail] = {"exit_code": code} if code >= 0 else {"signal": signal.Signals(-code).name}
    message = "Processing ended unexpectedly; the job's log has the place. Report it together with the study."
    return StudyRejectedError(ReasonCode.CRASHED, message, details)


def _child(task: StudyTask, work: Work) -> None:
    """Run one study, then leave without the parent's clean-up."""
    code = EXIT_CODES["crashed"]
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _die_with_parent()
        _keep_freed_memory()
        _limit_memory(task.limits.memory_bytes)
        _quiet_libraries()
        code = _run(task, work)
    finally:
        sys.stderr.flush()
        os._exit(code)


def _die_with_parent() -> None:
    """Leave no process behind when the parent is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _keep_freed_memory() -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:  # musl has none
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _OWN_MAPPING_BYTES)


def _quiet_libraries() -> None:
    """Keep libraries' own messages out of the log: they quote values of the file, which may identify a patient."""
    warnings.simplefilter("ignore")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    logging.getLogger("radiomics").setLevel(logging.CRITICAL + 1)


def _limit_memory(limit: int) -> None:
    if sys.platform != "linux":  # elsewhere the limit cannot be set
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _run(task: StudyTask, work: Work) -> int:
    try:
        status = work(task)
    except MemoryError:
        return EXIT_CODES["memory"]
    except HostFaultError as error:
        log("host_fault", **task.log_name, message=str(error))
        return EXIT_CODES["host"]
    except Exception as error:  # noqa: BLE001  # the boundary that turns any bug into this study's rejection
        if any(mark in str(error).lower() for mark in _OUT_OF_MEMORY_MARKS):
            return EXIT_CODES["memory"]
        log("study_crashed", **task.log_name, error=type(error).__name__, place=_place(error))
        return EXIT_CODES["crashed"]
    return EXIT_CODES.get(status, EXIT_CODES["rejected"])


def _place(error: BaseException) -> list[str]:
    """Name the lines that led to an error, without values: a message may quote the data."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames][-6:]
