"""Keep the templates of pages compiled in the package, as Python keeps modules: compiling takes longer than filling."""

import contextlib
import os
import sys
from pathlib import Path

from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket


class CompiledBeside(BytecodeCache):
    """Compiled templates in `__pycache__` beside the templates (`fast-3` in docs/decisions.md).

    One is used when it was compiled from exactly the present text, by this version of Python; else it is compiled and
    kept, unless the folder is read-only.

    Parameters
    ----------
    folder : Path
        The templates' folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "__pycache__"

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """Return the template's name: the package is compiled in one place and runs in another."""
        return f"{name}.{sys.implementation.cache_tag}"

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what was kept of a template, if anything."""
        with contextlib.suppress(OSError), (self._folder / bucket.key).open("rb") as kept:
            bucket.load_bytecode(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a template, whole or not at all."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            new = self._folder / f"{bucket.key}.{os.getpid()}"
            new.write_bytes(bucket.bytecode_to_string())
            new.replace(self._folder / bucket.key)


def compile_templates(environment: Environment) -> None:
    """Compile all of an environment's templates."""
    for name in environment.list_templates(extensions=["j2"]):
        environment.get_template(name)
