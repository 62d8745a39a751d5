"""Lambda: what functions see, the names of their errors, and how many messages SQS delivers to them at once.

Seams:

- `ministack.core.lambda_runtime._detect_runtime_binary`: functions run in an interpreter without any package
  and with a cleaned environment, so that a dependency that is not deployed is missing here too;
- `ministack.services.lambda_svc._execute_function_warm`: an error carries the name of the exception's class,
  as in AWS, so that Retry and Catch of a state machine can go by it;
- `ministack.services.sqs._receive_messages_for_esm`, which returns at most ten messages per call, and `_queues`,
  which shows how long messages have waited. Batches above ten need a batching window in AWS; here the window is
  one second, whatever is configured.
"""

import os
import re
import sys
import time
import venv
from pathlib import Path
from typing import Any

_CLASS_NAME = re.compile(r"(?:\w+\.)*(\w+)(?::.*)?")
_TRACEBACK = "Traceback (most recent call last):"

_CLEAN_ENVIRONMENT = '''\
"""Keeps the emulator's own variables out of the functions; their configured ones are set after this."""
import os

_KEPT = ("AWS_", "_LAMBDA", "LAMBDA_", "_MS_", "PATH", "LANG", "TZ", "TMPDIR")
for _name in list(os.environ):
    if not _name.startswith(_KEPT):
        del os.environ[_name]
os.environ["HOME"] = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
'''

_PER_CALL = 10
_WINDOW_SECONDS = 1.0


def install() -> None:
    """Patch the runtime and the event source."""
    _patch_runtime()
    _patch_batch_size()


def _patch_runtime() -> None:
    """Give functions an interpreter of their own and errors their names."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    interpreter = make_interpreter(Path(os.environ["MULTIMODAL_CLOUD_ROOT"]) / "runtime")
    detect, execute = lambda_runtime._detect_runtime_binary, lambda_svc._execute_function_warm

    def _detect_runtime_binary(runtime: str) -> tuple[str, str]:
        binary, script = detect(runtime)
        return (str(interpreter), script) if runtime.startswith("python") else (binary, script)

    def _execute_function_warm(func: dict[str, Any], event: object, request_id: str) -> dict[str, Any]:
        result: dict[str, Any] = execute(func, event, request_id)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and body.get("errorType") == "Runtime.HandlerError":
            body["errorType"] = exception_name(result.get("log", "")) or body["errorType"]
        return result

    lambda_runtime._detect_runtime_binary = _detect_runtime_binary
    lambda_svc._execute_function_warm = _execute_function_warm


def make_interpreter(folder: Path) -> Path:
    """Make an environment without packages in a folder and return its interpreter."""
    venv.create(folder, clear=True, symlinks=True, with_pip=False)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "lib" / version / "site-packages" / "sitecustomize.py").write_text(_CLEAN_ENVIRONMENT)
    return folder / "bin" / "python"


def exception_name(log: str) -> str | None:
    """Return the class name, without its module, of the last traceback's exception; None when there is no traceback.

    Examples
    --------
    >>> exception_name("Traceback (most recent call last):\\n  File ...\\njson.JSONDecodeError: no")
    'JSONDecodeError'
    """
    _, found, trace = log.rpartition(_TRACEBACK)
    if not found:
        return None
    headline = next((line for line in trace.splitlines() if line and not line[0].isspace()), "")
    matched = _CLASS_NAME.fullmatch(headline)
    return matched.group(1) if matched else None


def _patch_batch_size() -> None:
    """Receive repeatedly, up to the event source's batch size, once the window has passed."""
    from ministack.services import sqs

    receive = sqs._receive_messages_for_esm

    def _receive_messages_for_esm(queue_url: str, max_number: int) -> list[dict[str, Any]]:
        wanted = int(max_number or 1)
        if wanted > _PER_CALL and not window_passed(sqs._queues[queue_url]["messages"], wanted, time.time()):
            return []
        messages: list[dict[str, Any]] = []
        while len(messages) < wanted:
            more = receive(queue_url, min(_PER_CALL, wanted - len(messages)))
            messages += more
            if not more:
                break
        return messages

    sqs._receive_messages_for_esm = _receive_messages_for_esm


def window_passed(messages: list[dict[str, Any]], wanted: int, now: float) -> bool:
    """Return whether a batch is full, or its oldest visible message has waited long enough."""
    waiting = [message for message in list(messages) if message.get("visible_at", 0) <= now]
    return len(waiting) >= wanted or any(now - message["sent_at"] >= _WINDOW_SECONDS for message in waiting)
