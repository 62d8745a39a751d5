"""The functions and tables of the emulator that plug-ins build on, and whether they are still there.

The emulator's releases come several a week and none of this is its public interface. The emulator does not
start when a seam is gone, and a test checks them all: `python -m local.emulator.seams`, run in
`.venv-emulator`, prints those that are broken.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from dataclasses import dataclass

from local.emulator.seam_list import SEAMS


@dataclass(frozen=True)
class BrokenSeam:
    """A seam that is not as a plug-in needs it.

    Parameters
    ----------
    name : str
        Module and attribute.
    plugin : str
        Module of `local.emulator` to look at.
    problem : str
        What is wrong.
    """

    name: str
    plugin: str
    problem: str

    def __str__(self) -> str:
        return f"{self.name}: {self.problem}. Look at local/emulator/{self.plugin}.py."


def broken_seams() -> list[BrokenSeam]:
    """Return the seams that are missing or have other parameters than expected."""
    broken = []
    for plugin, names in SEAMS.items():
        for name, parameters in names.items():
            problem = _problem(name, parameters)
            if problem:
                broken.append(BrokenSeam(name, plugin, problem))
    return broken


def _problem(name: str, parameters: tuple[str, ...] | None) -> str | None:
    module_name, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except ModuleNotFoundError:
        return "the module is gone"
    except AttributeError:
        return "is gone"
    if parameters is None:
        return None if isinstance(found, dict) or hasattr(found, "get") or callable(found) else "is no table"
    actual = tuple(inspect.signature(found).parameters)
    return None if actual == parameters else f"takes {actual} instead of {parameters}"


def main() -> int:
    """Print the broken seams, one a line, and return their number."""
    broken = broken_seams()
    for seam in broken:
        print(seam)
    return len(broken)


if __name__ == "__main__":
    sys.exit(main())
