"""How a part of a reference is refused: always REFERENCE_INVALID, always with numbers and a few examples."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from rnaseq_job.errors import Detail, InputRejectedError, ReasonCode

_EXAMPLES = 5


def invalid(message: str, **details: Detail) -> InputRejectedError:
    """Give the error to raise.

    Examples
    --------
    >>> raise invalid("genome.fa holds no sequence. Upload it again.", file="genome.fa")
    Traceback (most recent call last):
    rnaseq_job.errors.InputRejectedError: REFERENCE_INVALID: genome.fa holds no sequence. Upload it again.
    """
    return InputRejectedError(ReasonCode.REFERENCE_INVALID, message, details)


def examples(names: Iterable[str]) -> list[Detail]:
    """Give the first few names in their order, enough to recognise the naming."""
    return list(islice(names, _EXAMPLES))
