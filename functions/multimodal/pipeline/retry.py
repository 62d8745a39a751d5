"""Re-run requests: the one way in which an operator has units processed again."""

from collections.abc import Mapping, Sequence
from typing import Any

from multimodal.ledger.errors import InvalidRequestError, RetryableError
from multimodal.ledger.evaluate import NO_REASON
from multimodal.ledger.ports import Ports
from multimodal.ledger.unit import LedgerItem, Status, schedule_check
from multimodal.observability import logger

MAX_UNITS = 200
"""Most units of one request."""

ANSWERS = ("requested", "already_requested", "unknown", "processing")

_TRIES = 5


def requested_units(event: Mapping[str, Any]) -> list[str]:
    """Return the unit ids of a request, each once.

    Raises
    ------
    InvalidRequestError
        When the event is no such request; the message says what to send.
    """
    units = event.get("unit_ids")
    named = isinstance(units, list) and all(isinstance(u, str) and u for u in units)
    if event.get("action") != "rerun" or not named or not 1 <= len(units or []) <= MAX_UNITS:
        raise InvalidRequestError(
            f'send {{"action": "rerun", "unit_ids": ["imaging#<dataset>#<subject>#<study>", …]}} with 1 to {MAX_UNITS} '
            "ids as the ledger has them, or no action at all for a round of checks"
        )
    return list(dict.fromkeys(units or []))


def rerun(ports: Ports, unit_ids: Sequence[str]) -> dict[str, list[str]]:
    """Request another run of units; only these run, in the next round of `sweep`.

    A quarantined or failed unit is READY at once. A unit at work keeps its run, and is run again when that ends.

    Returns
    -------
    dict
        The ids by answer: `requested`; `already_requested` (no run was started for an earlier request yet);
        `unknown` (no such unit, or one that no run can take); `processing` (requested, after the present run).
    """
    answers: dict[str, list[str]] = {answer: [] for answer in ANSWERS}
    given = ports.parallel_map(lambda unit_id: (unit_id, _request(ports, unit_id)), unit_ids)
    for unit_id, answer in given:
        answers[answer].append(unit_id)
    logger().info("re-run requests", counts={answer: len(units) for answer, units in answers.items()})
    return answers


def _request(ports: Ports, unit_id: str) -> str:
    for _ in range(_TRIES):
        item, now = ports.ledger.get(unit_id), ports.clock()
        if item is None or item.is_note:
            return "unknown"
        if item.status not in {Status.QUARANTINED, Status.FAILED}:
            return _request_of_open(ports, item, now)
        changes = {
            **NO_REASON,
            "status": Status.READY.value,
            "rerun_requested_at": now,
            **schedule_check(item.unit, now),
        }
        if ports.ledger.update(item, changes):
            return "requested"
    raise RetryableError(f"the ledger item of {unit_id.split('#', 1)[0]} kept changing; send the request again")


def _request_of_open(ports: Ports, item: LedgerItem, now: int) -> str:
    waiting = item.rerun_requested
    accepted = not waiting and ports.ledger.request_rerun(item.unit, now, now)
    if item.status is Status.PROCESSING:
        return "processing"
    return "requested" if accepted else "already_requested"
