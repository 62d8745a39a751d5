"""One line of a check: what was looked at, how it is, and what to do about it."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum

from botocore.exceptions import BotoCoreError, ClientError

from cli.check.target import Target
from cli.errors import concerns_credentials


class Level(StrEnum):
    """How something is: `fail` stops a deployment or its first upload, `warn` may."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """What was found, and what to do where it is not ok."""

    subject: str
    level: Level
    message: str
    action: str = ""

    def as_document(self) -> dict[str, str]:
        """Return it for scripts."""
        return asdict(self)


_DENIED = ("AccessDenied", "Unauthorized", "AuthorizationError", "NotAuthorized", "403")

Check = Callable[[Target], Iterator[Finding]]
"""Looks at one subject; a call that AWS refuses ends it, see `findings_of`."""


def ok(subject: str, message: str) -> Finding:
    """Return a finding of something that is as it should be."""
    return Finding(subject, Level.OK, message)


def warn(subject: str, message: str, action: str) -> Finding:
    """Return a finding that may matter."""
    return Finding(subject, Level.WARN, message, action)


def fail(subject: str, message: str, action: str) -> Finding:
    """Return a finding that stops the deployment, or what is uploaded afterwards."""
    return Finding(subject, Level.FAIL, message, action)


def findings_of(subject: str, check: Check, target: Target) -> Iterator[Finding]:
    """Run one check; what the caller may not ask is a line of its own, and only wrong credentials end the others."""
    try:
        yield from check(target)
    except (ClientError, BotoCoreError) as error:
        if concerns_credentials(error):
            raise
        yield _not_seen(subject, error)


def _not_seen(subject: str, error: ClientError | BotoCoreError) -> Finding:
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        operation, denied = error.operation_name, code.startswith(_DENIED)
        action = f"Ask with a role that may {operation}." if denied else "Check again later, or look in the console."
        return warn(subject, f"could not look: {operation} answered {code}", action)
    return warn(subject, f"could not look: {error}", "Look at the region and the network, then check again.")
