"""Regular expressions in configuration files."""

import re
from typing import Annotated

from pydantic import AfterValidator


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


RequiredPattern = Annotated[str, AfterValidator(_compiles)]
"""A text that compiles as a regular expression."""
Pattern = RequiredPattern | None
