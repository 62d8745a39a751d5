"""A console whose text can be read."""

from io import StringIO
from typing import Any

from rich.console import Console


class Screen(Console):
    """A log of so many columns or, with `force_terminal`, a terminal."""

    def __init__(self, width: int = 100, **options: Any) -> None:
        self._written = StringIO()
        super().__init__(file=self._written, width=width, highlight=False, **options)

    @property
    def text(self) -> str:
        return self._written.getvalue()
