"""Faults of the services, for the chaos suite: while a file `faults` is in the cloud's folder, some of them fail.

`MULTIMODAL_FAULTS` holds how often, by kind, and the seed; without it nothing is patched. Only roles meet faults: what
a person or a test calls goes well. Each fault is a line in `faults.log`.

| kind | what happens |
| --- | --- |
| `throttled` | DynamoDB, SageMaker, Feature Store or Batch rejects a call |
| `killed_before`, `killed_after` | a function dies at a write to DynamoDB, S3, SQS or Feature Store |
| `event_lost`, `event_twice`, `event_late` | EventBridge loses, doubles or holds back an object's event |
| `job_killed`, `job_hangs` | a job's process is killed, as for want of memory, or stops and runs into its time limit |

Seams:

- `ministack.app.SERVICE_HANDLERS`: requests are rejected, or functions killed around them;
- `ministack.services.eventbridge._invoke_target`: events on their way to a target;
- `ministack.core.lambda_runtime.Worker` and `execution_credentials`: the process whose request is answered.
"""

import contextvars
import json
import os
import random
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.emulator import containers
from local.emulator.aws import AwsError, Response, error_response
from local.emulator.requests import Api

SWITCH, LOG = "faults", "faults.log"
_THROTTLED = {"dynamodb": "ProvisionedThroughputExceededException", "sagemaker": "ThrottlingException",
              "batch": "TooManyRequestsException"}  # fmt: skip
_LATE_SECONDS, _HANG_SECONDS = 6.0, 5.0
Query = Mapping[str, list[str]]


class Faults:
    """Decides what fails.

    Parameters
    ----------
    folder : Path
        The cloud's.
    rates : mapping
        Probability by kind; `seed` is the seed.
    """

    def __init__(self, folder: Path, rates: Mapping[str, float]) -> None:
        self._folder, self._rates = folder, rates
        self._random, self._lock = random.Random(rates["seed"]), threading.Lock()  # noqa: S311 -- no secret

    def strike(self, kind: str) -> bool:
        """Return whether this one fails, and write it down."""
        with self._lock:
            if self._random.random() >= self._rates.get(kind, 0) or not (self._folder / SWITCH).exists():
                return False
            with (self._folder / LOG).open("a", encoding="utf-8") as log:
                log.write(f"{kind}\n")
            return True


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

    def _wrapped(service: str) -> Any:  # noqa: ANN401 -- a handler
        handler = app.SERVICE_HANDLERS[service]

        async def handle(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Query) -> Response:
            key = str(extract_access_key_id(headers, query))
            if service in _THROTTLED and key.startswith("ASIA") and faults.strike("throttled"):
                return error_response(AwsError(_THROTTLED[service], "Rate exceeded"))
            is_write = key in workers and _writes(service, method, path, headers)
            if is_write and faults.strike("killed_before"):
                _kill(workers[key])
                return error_response(AwsError("InternalServerError", "its caller is dead", 500))
            answer: Response = await handler(method, path, headers, body, query)
            if is_write and faults.strike("killed_after"):
                _kill(workers[key])
            return answer

        return handle

    for service in ("dynamodb", "sagemaker", "batch", "s3", "sqs"):
        app.SERVICE_HANDLERS[service] = _wrapped(service)


def _writes(service: str, method: str, path: str, headers: Mapping[str, str]) -> bool:
    operation = headers.get("x-amz-target", "").rpartition(".")[2] or path.rpartition("/")[2]
    if service == "s3":
        return method == "PUT"
    return operation in {"UpdateItem", "SendMessage", "BatchWriteRecord", "submitjob"}


def _kill(environments: list[Any]) -> None:
    for each in environments:
        if each._proc is not None and each._proc.poll() is None:
            os.kill(each._proc.pid, signal.SIGKILL)


def _patch_integration(faults: Faults) -> None:
    """Reject what state machines ask of SageMaker, which is no request."""
    call = Api.call

    def _call(self: Api[Any], name: str, request: dict[str, Any]) -> Any:  # noqa: ANN401 -- any document
        if name == "CreateProcessingJob" and faults.strike("throttled"):
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
    wait = containers._wait

    def _wait(process: Any, stop: threading.Event, limit: float | None) -> str | None:  # noqa: ANN401 -- two classes
        if faults.strike("job_killed"):
            os.killpg(process.pid, signal.SIGKILL)
        elif faults.strike("job_hangs"):
            os.killpg(process.pid, signal.SIGSTOP)
            limit = _HANG_SECONDS  # the time limit itself is hours
        return wait(process, stop, limit)

    containers._wait = _wait
