"""Tables of test cases that stand in a YAML file beside their module."""

from pathlib import Path
from typing import Any

import yaml


def cases_of(module: str) -> dict[str, list[Any]]:
    """Return the cases of a test module, by the name of their test.

    Parameters
    ----------
    module : str
        Its `__file__`; the cases are in the file of that name that ends with `.yaml`.
    """
    cases: dict[str, list[Any]] = yaml.safe_load(Path(module).with_suffix(".yaml").read_text(encoding="utf-8"))
    return cases
