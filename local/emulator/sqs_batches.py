"""SQS event sources deliver as many messages at once as they are configured to.

Seams: `ministack.services.sqs._receive_messages_for_esm(queue_url, max_number)`, which returns at most ten
messages per call, and `ministack.services.sqs._queues`, which shows how long messages have waited. Batches
above ten need a batching window in AWS; here the window is one second, whatever is configured.
"""

from __future__ import annotations

import time
from typing import Any

_PER_CALL = 10


_WINDOW_SECONDS = 1.0


def install() -> None:
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
    """Whether a batch is full, or its oldest message has waited long enough.

    Parameters
    ----------
    messages : list of dict
        What is in the queue, hidden messages included.
    wanted : int
        Size of a full batch.
    now : float
        Epoch seconds.
    """
    waiting = [message for message in list(messages) if message.get("visible_at", 0) <= now]
    return len(waiting) >= wanted or any(now - message["sent_at"] >= _WINDOW_SECONDS for message in waiting)
