"""The files of the datasets that are deployed: whether they are right, and a draft's guesses were looked at."""

from collections.abc import Iterator

from cli.check.finding import Finding, fail, ok, warn
from cli.check.target import Target
from cli.draft.left import LOOK, checks_left, wrong_files


def check_drafts(target: Target) -> Iterator[Finding]:
    """Look for mistakes, and for guesses of `dataset draft` that nobody has looked at."""
    names = list(target.list_of("DatasetNames"))
    found = [fail("datasets", line, "Correct the file.") for line in wrong_files(target.stack, names)]
    found += [warn("datasets", line, LOOK) for line in checks_left(names)]
    yield from found or [ok("datasets", "their files are right, and no CHECK of a draft is left in them")]
