"""Lambda: the names of functions' errors, and how many messages SQS delivers to them at once.

Seams:

- `ministack.services.lambda_svc._execute_function_warm`: an error carries the name of the exception's class,
  as in AWS, so that Retry and Catch of a state machine can go by it, and one without an exception Step Functions' name;
- `ministack.services.sqs._receive_messages_for_esm`, which returns at most ten messages per call, and `_queues`,
  which shows how long messages have waited. Batches above ten need a batching window in AWS; here the window is
  one second, whatever is configured;
- `ministack.core.concurrency.esm_wake`, which ends the poller's second of rest when the window has passed.
"""

import re
import threading
import time
from typing import Any

_CLASS_NAME = re.compile(r"(?:\w+\.)*(\w+)(?::.*)?")
_TRACEBACK = "Traceback (most recent call last):"

UNHANDLED = "Lambda.Unknown"
"""Step Functions' name for what ends a function without an exception: it is killed, out of memory or out of time.

Source: Step Functions developer guide, "Handle transient Lambda service exceptions".
"""

_PER_CALL = 10
_WINDOW_SECONDS = 1.0


def install() -> None:
    """Patch the answers of functions and the event source."""
    _patch_errors()
    _patch_batch_size()


def _patch_errors() -> None:
    """Give errors their names."""
    from ministack.services import lambda_svc

    execute = lambda_svc._execute_function_warm

    def _execute_function_warm(func: dict[str, Any], event: object, request_id: str) -> dict[str, Any]:
        result: dict[str, Any] = execute(func, event, request_id)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and body.get("errorType") == "Runtime.HandlerError":
            body["errorType"] = exception_name(result.get("log", "")) or UNHANDLED
        return result

    lambda_svc._execute_function_warm = _execute_function_warm


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
    from ministack.core.concurrency import esm_wake
    from ministack.services import sqs

    receive = sqs._receive_messages_for_esm
    alarm = threading.Timer(0, esm_wake.set)

    def _wake_when_passed(messages: list[dict[str, Any]]) -> None:
        nonlocal alarm
        if messages and not alarm.is_alive():
            alarm = threading.Timer(_WINDOW_SECONDS, esm_wake.set)
            alarm.daemon = True
            alarm.start()

    def _receive_messages_for_esm(queue_url: str, max_number: int) -> list[dict[str, Any]]:
        wanted = int(max_number or 1)
        there = sqs._queues[queue_url]["messages"]
        if wanted > _PER_CALL and not window_passed(there, wanted, time.time()):
            _wake_when_passed(there)
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
