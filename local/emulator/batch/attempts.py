"""Attempts at a Batch job: the image's command as a process of this computer, and whether another attempt follows.

The container's mount points are folders of the attempt, and arguments and variables that name them are changed
accordingly. Unlike a processing job the program may call AWS: it gets the job role's credentials and the laptop
cloud's endpoint, and none of this computer's own.
"""

import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.emulator.aws import REGION, Credentials
from local.emulator.containers import HOST_LOST, TIMED_OUT, image_command, job_environment, job_folder, run_program

EXITED = "Essential container in task exited"
OUT_OF_TIME = "Job attempt duration exceeded timeout"
NOT_STARTED = "Task failed to start"
INTERRUPTED = "Your Spot Task was interrupted."
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
    """Return whether a job gets another attempt, by its retry strategy and the attempts made, the failed one included.

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
    # An exit that no rule matches is retried: that is why a strategy ends with EXIT for everything.
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
    """Return what Batch rejects in a retry strategy beyond its shape."""
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


@dataclass(frozen=True)
class Attempt:
    """What one attempt runs: the arguments of an image's entry point, with the paths of its volumes as `mounts`."""

    name: str
    image: str
    command: Sequence[str]
    environment: Mapping[str, str]
    mounts: Sequence[str]
    credentials: Credentials
    limit_seconds: float | None = None


def run_attempt(
    attempt: Attempt, stop: threading.Event, stop_reason: Callable[[], str]
) -> tuple[Failure | None, int | None, str]:
    """Run an attempt to its end.

    Parameters
    ----------
    attempt : Attempt
        What is run.
    stop : threading.Event
        Set when the job was terminated; `stop_reason` then says why.
    stop_reason : callable
        Returns the reason.

    Returns
    -------
    failure : Failure or None
        None when the program ended with 0.
    exit_code : int or None
        None when the program did not start.
    log : str
        What it wrote.
    """
    entry = image_command(attempt.image)
    if entry is None:
        reason = f"CannotPullContainerError: the laptop knows no command for {attempt.image}"
        return Failure(NOT_STARTED, reason), None, ""
    with job_folder(attempt.name) as work:
        volumes = _volumes(attempt.mounts, work)
        command = [*entry, *(_on_this_computer(text, volumes) for text in attempt.command)]
        environment = _environment(attempt, volumes, work)
        returned, ended_by, log = run_program(command, work, environment, stop, attempt.limit_seconds)
    code = _shell_code(returned)
    if ended_by == HOST_LOST:
        return Failure(INTERRUPTED), None, log
    if ended_by is not None:
        reason = OUT_OF_TIME if ended_by == TIMED_OUT else stop_reason()
        return Failure(reason, exit_code=code, final=True), code, log
    return (Failure(EXITED, exit_code=code) if code else None), code, log


def _shell_code(code: int) -> int:
    """Return an exit code as a container has it: a signal is 128 and its number."""
    return code if code >= 0 else 128 - code


def _volumes(mounts: Sequence[str], work: Path) -> dict[str, Path]:
    volumes = {path.rstrip("/"): work / f"volume-{number}" for number, path in enumerate(mounts)}
    for place in volumes.values():
        place.mkdir()
    return volumes


def _on_this_computer(text: str, volumes: Mapping[str, Path]) -> str:
    """Return a path of the container as it is on this computer; any other text unchanged."""
    for path, place in volumes.items():
        if text == path or text.startswith(f"{path}/"):
            return f"{place}{text.removeprefix(path)}"
    return text


def _environment(attempt: Attempt, volumes: Mapping[str, Path], work: Path) -> dict[str, str]:
    keys = attempt.credentials
    own = {
        **job_environment(work, "rnaseq", "radiomics"),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        **({"AWS_SESSION_TOKEN": keys.token} if keys.token else {}),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    return {**own, **{name: _on_this_computer(value, volumes) for name, value in attempt.environment.items()}}
