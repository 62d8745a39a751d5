"""What a job left for a unit, read from its result objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from multimodal.domain.reasons import Reason
from multimodal.domain.units import Status

MAX_MESSAGE = 500
"""Longest reason message kept in the ledger, in characters."""


@dataclass(frozen=True)
class Outcome:
    """The status a unit gets, why when it has no features, and for a table how many rows and records there were."""

    status: Status
    reason: str | None = None
    message: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)


def belongs_to_run(document: Mapping[str, Any] | None, run_id: str | None) -> bool:
    """Whether a result was written by the given run and is not left over from an earlier one."""
    return document is not None and run_id is not None and (document.get("run") or {}).get("run_id") == run_id


def outcome_of(
    features: Mapping[str, Any] | None, rejection: Mapping[str, Any] | None, run_id: str | None
) -> Outcome | None:
    """Return what the run decided for a unit, or None when it left no result.

    Parameters
    ----------
    features, rejection : mapping or None
        The final result (``features.json``, ``run.json``) and ``rejection.json`` as they lie in ProcessedBucket, from
        whichever run.
    run_id : str or None
        The run whose results count.
    """
    if belongs_to_run(features, run_id):
        return Outcome(Status.PROCESSED)
    if rejection is None or not belongs_to_run(rejection, run_id):
        return None
    reason = str(rejection.get("reason_code", "UNKNOWN"))
    waits = reason == Reason.INCOMPLETE_STUDY
    message, details = str(rejection.get("message", ""))[:MAX_MESSAGE], dict(rejection.get("details") or {})
    return Outcome(Status.RECEIVING if waits else Status.QUARANTINED, reason, message, details)
