"""Faults of the services, for the chaos suite: while a file `faults` is in the cloud's folder, some of them fail.

`MULTIMODAL_FAULTS` is a JSON object: of each fault, which of its occasions is the first to fail and how many follow
until the next, so that a run has every kind of fault (`prove-2`). Without it nothing is patched. Only roles meet
faults: what a person or a test calls goes well. Each fault is a line in `faults.log`.

| fault | what happens |
| --- | --- |
| `throttled <service>` | DynamoDB, SageMaker, Feature Store or Batch rejects a call; `processing`: a job's start |
| `killed_before <call>`, `killed_after <call>` | a function dies at a call that writes |
| `event_lost`, `event_twice`, `event_late` | EventBridge loses, doubles or holds back an object's event |
| `job_killed <program>` | the host of a job is lost |
| `job_memory <program>` | a job's process is killed for want of memory |
| `job_hangs <program>` | a job stops and runs into its time limit, which is hours without faults |

Seams:

- `ministack.app.SERVICE_HANDLERS`: requests are rejected, or functions killed around them;
- `ministack.services.eventbridge._invoke_target`: events on their way to a target;
- `ministack.core.lambda_runtime.Worker` and `execution_credentials`: the process whose request is answered.
"""

import contextvars
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local.emulator import containers
from local.emulator.aws import AwsError, Response, error_response
from local.emulator.requests import Api

SWITCH, LOG = "faults", "faults.log"
_THROTTLED = {"dynamodb": "ProvisionedThroughputExceededException", "sagemaker": "ThrottlingException",
              "featurestore": "ThrottlingException", "batch": "TooManyRequestsException"}  # fmt: skip
_WRITES = {"dynamodb": {"UpdateItem"}, "sqs": {"SendMessage"}, "featurestore": {"BatchWriteRecord"},
           "batch": {"submitjob"}, "s3": {"PutObject"}}  # fmt: skip
JOB_FAULTS = ("job_killed", "job_memory", "job_hangs")
_LATE_SECONDS, _HANG_SECONDS, _WORK_SECONDS = 6.0, 5.0, 0.5
Query = Mapping[str, list[str]]


class Faults:
    """Decides what fails.

    Parameters
    ----------
    folder : Path
        The cloud's.
    plan : mapping
        By fault, which occasion is the first to fail, from 1, and every how many of them fail from there.
    """

    def __init__(self, folder: Path, plan: Mapping[str, Sequence[int]]) -> None:
        self._folder, self._plan = folder, plan
        self._seen, self._lock = Counter[str](), threading.Lock()

    def strike(self, fault: str) -> bool:
        """Return whether this one fails, and write it down."""
        if is_due := self.is_due(fault):
            self.write_down(fault)
        return is_due

    def is_due(self, fault: str) -> bool:
        """Count an occasion; return whether it is to fail."""
        if fault not in self._plan or not (self._folder / SWITCH).exists():
            return False
        first, every = self._plan[fault]
        with self._lock:
            self._seen[fault] += 1
            return self._seen[fault] >= first and (self._seen[fault] - first) % every == 0

    def take_back(self, fault: str) -> None:
        """Let the next occasion fail instead of this one."""
        with self._lock:
            self._seen[fault] -= 1

    def write_down(self, fault: str) -> None:
        """Add a fault to the log."""
        with self._lock, (self._folder / LOG).open("a", encoding="utf-8") as log:
            log.write(f"{fault}\n")


def install() -> None:
    """Patch the services, when faults are asked for."""
    if "MULTIMODAL_FAULTS" not in os.environ:
        return
    faults = Faults(Path(os.environ["MULTIMODAL_CLOUD_ROOT"]), json.loads(os.environ["MULTIMODAL_FAULTS"]))
    _patch_requests(faults, _patch_workers())
    _patch_integration(faults)
    _patch_events(faults)
    _patch_jobs(faults)


def _patch_workers() -> dict[str, list[Any]]:
    """Return the execution environments of each function, by the access key of their calls, as they are started."""
    from ministack.core import lambda_runtime

    workers: dict[str, list[Any]] = {}
    spawn = lambda_runtime.Worker._spawn

    def _spawn(self: Any) -> None:  # noqa: ANN401 -- a Worker
        spawn(self)
        key = lambda_runtime.execution_credentials(self.config)["AWS_ACCESS_KEY_ID"]
        known = workers.setdefault(key, [])
        if self not in known:
            known.append(self)

    lambda_runtime.Worker._spawn = _spawn
    return workers


def _patch_requests(faults: Faults, workers: Mapping[str, list[Any]]) -> None:
    from ministack import app
    from ministack.core.router import extract_access_key_id

    def _wrapped(handles: str) -> Any:  # noqa: ANN401 -- a handler
        handler = app.SERVICE_HANDLERS[handles]

        async def handle(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Query) -> Response:
            service, operation = _called(handles, method, path, headers)
            key = str(extract_access_key_id(headers, query))
            if service in _THROTTLED and key.startswith("ASIA") and faults.strike(f"throttled {service}"):
                return error_response(AwsError(_THROTTLED[service], "Rate exceeded"))
            is_write = key in workers and operation in _WRITES.get(service, ())
            if is_write and faults.strike(f"killed_before {operation}"):
                _kill(workers[key])
                return error_response(AwsError("InternalServerError", "its caller is dead", 500))
            answer: Response = await handler(method, path, headers, body, query)
            if is_write and faults.strike(f"killed_after {operation}"):
                _kill(workers[key])
            return answer

        return handle

    for service in ("dynamodb", "sagemaker", "batch", "s3", "sqs"):
        app.SERVICE_HANDLERS[service] = _wrapped(service)


def _called(handles: str, method: str, path: str, headers: Mapping[str, str]) -> tuple[str, str]:
    """Return service and operation of a request; Feature Store has a handler with the rest of SageMaker."""
    if handles == "s3":
        return handles, "PutObject" if method == "PUT" else method
    target = headers.get("x-amz-target", "")
    service = "featurestore" if handles == "sagemaker" and not target else handles
    return service, target.rpartition(".")[2] or path.rpartition("/")[2]


def _kill(environments: list[Any]) -> None:
    for each in environments:
        if each._proc is not None and each._proc.poll() is None:
            os.kill(each._proc.pid, signal.SIGKILL)


def _patch_integration(faults: Faults) -> None:
    """Reject what state machines ask of SageMaker, which is no request."""
    call = Api.call

    def _call(self: Api[Any], name: str, request: dict[str, Any]) -> Any:  # noqa: ANN401 -- any document
        if name == "CreateProcessingJob" and faults.strike("throttled processing"):
            raise AwsError("ThrottlingException", "Rate exceeded")
        return call(self, name, request)

    Api.call = _call  # type: ignore[method-assign]


def _patch_events(faults: Faults) -> None:
    from ministack.services import eventbridge

    invoke_target = eventbridge._invoke_target

    def _invoke_target(target: Any, event: Any, rule: Any, view: Any = None) -> None:  # noqa: ANN401
        if event.get("Source") != "aws.s3":
            invoke_target(target, event, rule, view)
            return
        if faults.strike("event_lost"):
            return
        if faults.strike("event_twice"):
            invoke_target(target, event, rule, view)
        if faults.strike("event_late"):
            context = contextvars.copy_context()
            threading.Timer(_LATE_SECONDS, context.run, [invoke_target, target, event, rule, view]).start()
            return
        invoke_target(target, event, rule, view)

    eventbridge._invoke_target = _invoke_target


def _patch_jobs(faults: Faults) -> None:
    start, wait = containers._start, containers._wait
    struck: dict[int, str] = {}

    def _start(command: Sequence[str], *arguments: Any) -> Any:  # noqa: ANN401 -- two classes
        process = start(command, *arguments)
        for kind in JOB_FAULTS:
            if not faults.is_due(fault := f"{kind} {command[2]}"):
                continue
            if process.pid in struck:  # a job meets one fault
                faults.take_back(fault)
            else:
                struck[process.pid] = fault
        return process

    def _wait(process: Any, stop: threading.Event, limit: float | None) -> str | None:  # noqa: ANN401
        kind = (fault := struck.pop(process.pid, "")).partition(" ")[0]
        if not fault or stop.wait(_WORK_SECONDS) or process.poll() is not None:
            if fault:
                faults.take_back(fault)
            return wait(process, stop, limit)
        faults.write_down(fault)  # it is in the middle of its work
        os.killpg(process.pid, signal.SIGSTOP if kind == "job_hangs" else signal.SIGKILL)
        ended_by = wait(process, stop, _HANG_SECONDS)
        return containers.HOST_LOST if kind == "job_killed" else ended_by

    containers._start, containers._wait = _start, _wait  # type: ignore[assignment]
