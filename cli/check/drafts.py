"""The files of the datasets that are deployed: whether a draft's guesses were looked at."""

from collections.abc import Iterator

from cli.check.finding import Finding, ok, warn
from cli.check.target import Target
from cli.draft.left import LOOK, checks_left


def check_drafts(target: Target) -> Iterator[Finding]:
    """Look for guesses of `dataset draft` that nobody has looked at."""
    lines = list(checks_left(target.list_of("DatasetNames")))
    yield from (warn("datasets", line, LOOK) for line in lines)
    if not lines:
        yield ok("datasets", "no CHECK of a draft is left in their files")
