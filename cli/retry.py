"""Requests re-runs of quarantined and failed units through the sweep function."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cli.deployment import Deployment
from cli.errors import CommandError, UsageError
from cli.ledger import STATUSES_WITHOUT_FEATURES, Unit, count_statuses, of_dataset
from cli.project import PROGRAM

_COMPLETED = "COMPLETED"
"""Run again when their feature group was lost: only by name, since it costs jobs (decision `features-group-1`)."""

_UNITS_PER_REQUEST = 200
_BUSY_WAITS = (1, 2, 4, 8, 15, 30, 60, 60, 60)
"""Seconds between tries: a sweep takes up to four minutes."""


def select_units(
    units: Iterable[Unit],
    *,
    reason: str = "",
    unit: str = "",
    status: str = "",
    dataset: str = "",
    everything: bool = False,
) -> list[Unit]:
    """Return the units that every given condition means, at least one: completed ones only if the status says so.

    Parameters
    ----------
    units : iterable of Unit
        The ledger.
    reason : str
        Reason code, such as `NO_SEGMENTATION`.
    unit : str
        A unit's id, or a subject, which means all of its studies.
    status, dataset : str
        Status and dataset of the units.
    everything : bool
        All quarantined and failed units.

    Raises
    ------
    UsageError
        When nothing says which units are meant.
    CommandError
        When there is no such unit or reason, or none of those meant was quarantined or failed.
    """
    if not (reason or unit or status or dataset or everything):
        raise UsageError(
            "Which units? Name a reason, a unit, a status, a dataset or all of them.",
            hint="retry --reason NO_SEGMENTATION | retry --unit R01-001 | retry --all",
        )
    named = [each for each in units if unit in ("", each.unit_id, each.text("subject"), each.subject)]
    if unit and not named:
        raise CommandError(f"There is no unit or subject {unit}.", hint=f"`{PROGRAM} status` shows those there are.")
    datasets = sorted({each.text("dataset") for each in units})
    if dataset and datasets and dataset not in datasets:
        raise CommandError(
            f"There is no unit of the dataset {dataset}.", hint=f"Datasets there are: {', '.join(datasets)}"
        )
    meant = [each for each in named if reason.upper() in ("", each.text("reason_code"))]
    if reason and not meant:
        there = ", ".join(sorted({each.text("reason_code") for each in named} - {""})) or "none"
        raise CommandError(f"No unit has the reason {reason.upper()}.", hint=f"Reasons there are: {there}")
    its = of_dataset(meant, dataset)
    meant = [each for each in its if status.upper() in ("", each.status)]
    if its and not meant:
        raise CommandError(f"No unit is {status.upper()}.", hint=f"There are: {_counted(its)}.")
    may_run = STATUSES_WITHOUT_FEATURES | ({_COMPLETED} & {status.upper()})
    chosen = [each for each in meant if each.status in may_run and not each.is_note]
    if not chosen:
        raise _nothing_to_retry(meant)
    return chosen


def _nothing_to_retry(units: list[Unit]) -> CommandError:
    if units and all(each.is_note for each in units):
        hint = f"`{PROGRAM} status` says what is wrong with the upload."
        return CommandError("No run can take what was rejected here: it belongs to no study.", hint=hint)
    hint = f"Only QUARANTINED, FAILED and, by --status, COMPLETED units can be; there are: {_counted(units)}."
    return CommandError("There is nothing to retry.", hint=hint)


def _counted(units: list[Unit]) -> str:
    return ", ".join(f"{count} {status}" for status, count in count_statuses(units).items()) or "no unit at all"


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
        for answer, ids in ask_sweep(deployment, event).items():
            answers.setdefault(answer, []).extend(ids)
    return answers


def ask_sweep(deployment: Deployment, event: Mapping[str, object]) -> dict[str, Any]:
    """Invoke the sweep function, once it is free, and return its answer.

    Raises
    ------
    CommandError
        When it stays busy.
    """
    for seconds in (*_BUSY_WAITS, 0):
        text = deployment.invoke_sweep(event)
        if text is not None:
            answers: dict[str, Any] = json.loads(text)
            return answers
        time.sleep(seconds)
    raise CommandError("The sweep function is busy.", hint="Run the same command again in some minutes.")
