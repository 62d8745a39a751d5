"""Requests re-runs of quarantined and failed units through the sweep function."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence

from cli.deployment import Deployment
from cli.errors import CommandError, UsageError
from cli.ledger import REFUSED_STATUSES, Unit, count_statuses
from cli.project import PROGRAM

_UNITS_PER_REQUEST = 200
_BUSY_WAITS = (1, 2, 4, 8, 15, 30, 60, 60, 60)
"""Seconds between tries: a sweep takes up to four minutes."""


def select_units(units: Iterable[Unit], *, reason: str | None, unit: str | None, everything: bool) -> list[Unit]:
    """Return the refused units that the user means; at least one.

    Parameters
    ----------
    units : iterable of Unit
        The ledger.
    reason : str or None
        Reason code, such as `NO_SEGMENTATION`.
    unit : str or None
        A unit's id, or a subject, which means all of its studies.
    everything : bool
        All refused units.

    Raises
    ------
    UsageError
        When nothing says which units are meant.
    CommandError
        When there is no such unit or reason, or none of those meant was refused.
    """
    if not (reason or unit or everything):
        raise UsageError(
            "Which units? Name a reason, a unit or all of them.",
            hint="retry --reason NO_SEGMENTATION | retry --unit R01-001 | retry --all",
        )
    named = _named(units, unit)
    meant = _with_reason(named, reason)
    refused = [each for each in meant if each.status in REFUSED_STATUSES and not each.is_note]
    if not refused:
        raise _nothing_to_retry(meant)
    return refused


def _named(units: Iterable[Unit], name: str | None) -> list[Unit]:
    named = [each for each in units if name is None or name in (each.unit_id, each.text("subject"))]
    if name is not None and not named:
        raise CommandError(f"There is no unit or subject {name}.", hint=f"`{PROGRAM} status` shows those there are.")
    return named


def _with_reason(units: list[Unit], reason: str | None) -> list[Unit]:
    meant = [each for each in units if reason is None or each.text("reason_code") == reason.upper()]
    if reason is not None and not meant:
        there = ", ".join(sorted({each.text("reason_code") for each in units} - {""})) or "none"
        raise CommandError(f"No unit has the reason {reason.upper()}.", hint=f"Reasons there are: {there}")
    return meant


def _nothing_to_retry(units: list[Unit]) -> CommandError:
    if units and all(each.is_note for each in units):
        hint = f"`{PROGRAM} status` says what is wrong with the upload."
        return CommandError("No run can take what was refused here: it belongs to no study.", hint=hint)
    counts = ", ".join(f"{count} {status}" for status, count in count_statuses(units).items()) or "no unit at all"
    hint = f"Only QUARANTINED and FAILED units can be; there is {counts}."
    return CommandError("There is nothing to retry.", hint=hint)


def request_reruns(deployment: Deployment, unit_ids: Sequence[str]) -> dict[str, list[str]]:
    """Ask the sweep function for another run of units; whoever may invoke it may retry.

    Returns
    -------
    dict
        Unit ids by answer: `requested`, `already_requested`, `unknown`, `processing`.
    """
    answers: dict[str, list[str]] = {}
    for start in range(0, len(unit_ids), _UNITS_PER_REQUEST):
        event = {"action": "rerun", "unit_ids": list(unit_ids[start : start + _UNITS_PER_REQUEST])}
        for answer, ids in _invoke(deployment, event).items():
            answers.setdefault(answer, []).extend(ids)
    return answers


def _invoke(deployment: Deployment, event: Mapping[str, object]) -> dict[str, list[str]]:
    for seconds in (0, *_BUSY_WAITS):
        time.sleep(seconds)
        text = deployment.invoke_sweep(event)
        if text is not None:
            answers: dict[str, list[str]] = json.loads(text)
            return answers
    raise CommandError("The sweep function is busy.", hint="Run the same command again in some minutes.")
