"""A record of which permission of which role the calls used, and of the calls that no permission allows.

One line of `calls.jsonl` in the cloud's folder for each role, statement, action and pattern of resources that a call
was allowed by, when it is first used, and for each call that was denied. The end-to-end tests compare it with the
policies (`prove-1` in docs/decisions.md).

Seams:

- `ministack.core.iam_evaluator.evaluate`: all checks of a role come here, those of callers and those of services that
  act with a role (`iam.py`);
- `ministack.core.iam_evaluator.evaluate_resource_policy`: the checks of a bucket's or queue's own policy come there,
  and are no permissions of the role;
- `ministack.core.iam_evaluator._first_match` and `_resource_matches`: which statement and which of its patterns allowed
  a call.
"""

import json
import os
from contextvars import ContextVar
from pathlib import Path
from threading import Lock
from typing import Any

FILE = "calls.jsonl"
_of_a_resource: ContextVar[bool] = ContextVar("of_a_resource", default=False)


class Calls:
    """The lines of a file, each once.

    Parameters
    ----------
    path : Path
        The file; what it had before is removed.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock, self._known = path, Lock(), set[tuple[tuple[str, object], ...]]()
        path.write_text("", encoding="utf-8")

    def record(self, **call: object) -> None:
        """Append a line that is not there yet."""
        named = tuple(call.items())
        with self._lock:
            if named not in self._known:
                self._known.add(named)
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(f"{json.dumps(call, sort_keys=True)}\n")


def install() -> None:
    """Record into the cloud's folder; without one, as in tests of a module, nothing is recorded."""
    if "MULTIMODAL_CLOUD_ROOT" not in os.environ:
        return
    from ministack.core import iam_evaluator

    calls = Calls(Path(os.environ["MULTIMODAL_CLOUD_ROOT"]) / FILE)
    evaluate, evaluate_resource_policy = iam_evaluator.evaluate, iam_evaluator.evaluate_resource_policy

    def _evaluate(ctx: Any, policies: list[list[Any]], *limits: Any) -> Any:  # noqa: ANN401 -- the emulator has no types
        result = evaluate(ctx, policies, *limits)
        if ctx.principal_type == "AssumedRole" and not _of_a_resource.get():
            _record(calls, ctx, policies, allowed=result.decision == "Allow")
        return result

    def _evaluate_resource_policy(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        token = _of_a_resource.set(True)
        try:
            return evaluate_resource_policy(*arguments, **named)
        finally:
            _of_a_resource.reset(token)

    iam_evaluator.evaluate = _evaluate
    iam_evaluator.evaluate_resource_policy = _evaluate_resource_policy


def _record(calls: Calls, ctx: Any, policies: list[list[Any]], *, allowed: bool) -> None:  # noqa: ANN401
    from ministack.core.iam_evaluator import _first_match, _resource_matches

    role = role_name(ctx.principal_arn)
    if not allowed:
        calls.record(role=role, action=ctx.action, denied=ctx.resource_arn)
        return
    statement = _first_match(ctx, [each for policy in policies for each in policy], "Allow")
    for pattern in statement.resources:
        if _resource_matches(ctx.resource_arn, [pattern], []):
            calls.record(role=role, action=ctx.action, sid=statement.sid, pattern=pattern)


def role_name(principal: str) -> str:
    """Return the name of the role of an assumed-role session, or of a role.

    Examples
    --------
    >>> role_name("arn:aws:sts::000000000000:assumed-role/stack-SweepRole/session")
    'stack-SweepRole'
    >>> role_name("arn:aws:iam::000000000000:role/stack-SweepRole")
    'stack-SweepRole'
    """
    return principal.split("/")[1]
