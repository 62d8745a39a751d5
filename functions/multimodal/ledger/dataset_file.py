"""What a dataset's configuration file says (``functions/datasets/<name>.yaml``)."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


class StrictModel(BaseModel):
    """A part of a configuration file: unknown keys are errors, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


RequiredPattern = Annotated[str, AfterValidator(_compiles)]
"""A text that compiles as a regular expression."""


Pattern = RequiredPattern | None
