"""AWS Batch: whether a failed attempt is followed by another, by a job's retry strategy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_CONDITIONS = ("onStatusReason", "onReason", "onExitCode")


@dataclass(frozen=True)
class Failure:
    """How an attempt failed.

    Parameters
    ----------
    status_reason : str
        What Batch says of the attempt.
    reason : str
        What the container's host says of it; mostly empty.
    exit_code : int or None
        None when the program did not start.
    final : bool
        Whether no rule is asked: the attempt was terminated, or ran out of time.
    """

    status_reason: str
    reason: str = ""
    exit_code: int | None = None
    final: bool = False


def is_retried(strategy: Mapping[str, Any], failure: Failure, attempts_made: int) -> bool:
    """Return whether a job gets another attempt.

    Parameters
    ----------
    strategy : mapping
        `retryStrategy` of the job: `attempts` and `evaluateOnExit`.
    failure : Failure
        Of the last attempt.
    attempts_made : int
        The failed one included.

    Examples
    --------
    >>> rules = [{"onExitCode": "1", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}]
    >>> is_retried({"attempts": 2, "evaluateOnExit": rules}, Failure("exited", exit_code=1), 1)
    True
    >>> is_retried({"attempts": 2, "evaluateOnExit": rules}, Failure("exited", exit_code=64), 1)
    False
    """
    if failure.final or attempts_made >= int(strategy.get("attempts", 1)):
        return False
    matching = (rule for rule in strategy.get("evaluateOnExit", []) if _matches(rule, failure))
    rule = next(matching, None)
    # What no rule knows is retried: that is why a strategy ends with EXIT for everything.
    return rule is None or str(rule["action"]).upper() == "RETRY"


def _matches(rule: Mapping[str, str], failure: Failure) -> bool:
    exit_code = "" if failure.exit_code is None else str(failure.exit_code)
    values = dict(zip(_CONDITIONS, (failure.status_reason, failure.reason, exit_code), strict=True))
    asked = [name for name in _CONDITIONS if rule.get(name) is not None]
    return bool(asked) and all(_is_like(values[name], rule[name]) for name in asked)


def _is_like(value: str, pattern: str) -> bool:
    """Whether a value is what a pattern says, in which only a final asterisk stands for anything."""
    start = pattern.removesuffix("*")
    return value.startswith(start) if pattern.endswith("*") else value == pattern


def strategy_problems(strategy: Mapping[str, Any]) -> list[str]:
    """Return what Batch refuses in a retry strategy beyond its shape."""
    rules = strategy.get("evaluateOnExit", [])
    problems = []
    if not 1 <= int(strategy.get("attempts", 1)) <= 10:
        problems.append("attempts must be between 1 and 10")
    if len(rules) > 5:
        problems.append("evaluateOnExit takes at most 5 entries")
    if any(not re.fullmatch(r"[0-9]*\*?", rule.get("onExitCode", "")) for rule in rules):
        problems.append("onExitCode takes digits and a final asterisk only")
    if any("*" in rule.get(name, "")[:-1] for rule in rules for name in _CONDITIONS):
        problems.append("an asterisk is only allowed at the end of a pattern")
    return problems
