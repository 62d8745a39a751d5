"""The look that ``sweep`` owes a unit, as ledger changes. One place decides when it is and when it ends."""

from collections.abc import Mapping
from typing import Any

from multimodal.ledger.unit import LedgerItem, Unit

STEP_SECONDS = 30
"""Shortest step by which a look is put off, so that a slow upload does not rewrite the ``due`` index all the time."""


def next_check_at(now: int, until: int, quiet: int) -> int:
    """Return when a waiting unit is looked at next: when its wait may end, but within one quiet period.

    The upper bound is what finds a unit whose later events were all lost; arrivals themselves never move a look.
    """
    step = min(STEP_SECONDS, max(quiet, 1))
    return now + min(max(until - now, step), max(quiet, 1))


def schedule_check(unit: Unit, when: int) -> dict[str, Any]:
    """Owe the unit a look."""
    return {"due_at": when, "due_shard": unit.due_shard}


def unschedule() -> dict[str, Any]:
    """Owe the unit nothing more: it leaves the index of waiting units."""
    return {"due_at": None, "due_shard": None, "open_since": None, "waiting_since": None}


def ended(item: LedgerItem, now: int) -> Mapping[str, Any]:
    """Return what an end status does to the look: none is owed unless something arrived meanwhile."""
    if item.arrived_since_listing or item.rerun_requested:
        return schedule_check(item.unit, now)
    return unschedule()
