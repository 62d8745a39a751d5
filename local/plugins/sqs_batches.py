"""SQS event sources deliver as many messages at once as they are configured to.

Seam: `ministack.services.sqs._receive_messages_for_esm(queue_url, max_number)`, which returns at most ten
messages per call. The batching window is not emulated: a batch is what is there.
"""

from __future__ import annotations

from typing import Any

_PER_CALL = 10


def install() -> None:
    """Receive repeatedly, up to the event source's batch size."""
    from ministack.services import sqs

    receive = sqs._receive_messages_for_esm

    def _receive_messages_for_esm(queue_url: str, max_number: int) -> list[dict[str, Any]]:
        wanted = int(max_number or 1)
        messages: list[dict[str, Any]] = []
        while len(messages) < wanted:
            more = receive(queue_url, min(_PER_CALL, wanted - len(messages)))
            messages += more
            if not more:
                break
        return messages

    sqs._receive_messages_for_esm = _receive_messages_for_esm
