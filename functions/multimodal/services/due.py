"""The look that ``sweep`` owes a unit, as ledger changes. One place decides when it is and when it ends."""

from collections.abc import Mapping
from typing import Any

from multimodal.domain.units import LedgerItem, Unit

STEP_SECONDS = 30
"""Due times move in steps, so that a burst of arrivals rewrites the ``due`` index once per step and not per batch."""


def quiet_end(now: int, quiet: int) -> int:
    """Return when a unit that just received something is looked at: the quiet period's end, rounded up to a step."""
    step = min(STEP_SECONDS, max(quiet, 1))
    return -(-(now + quiet) // step) * step


def look_at(unit: Unit, when: int) -> dict[str, Any]:
    """Owe the unit a look."""
    return {"due_at": when, "due_shard": unit.due_shard}


def looked() -> dict[str, Any]:
    """Owe the unit nothing more: it leaves the index of waiting units."""
    return {"due_at": None, "due_shard": None, "open_since": None}


def ended(item: LedgerItem, now: int) -> Mapping[str, Any]:
    """Return what an end status does to the look: none is owed unless something arrived meanwhile."""
    if item.arrived_since_listing or item.rerun_requested:
        return look_at(item.unit, now)
    return looked()
