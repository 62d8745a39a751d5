"""What the user sees: numbered steps, tables and errors, calm on a terminal and plain in a log."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.control import Control
from rich.padding import Padding
from rich.segment import ControlType
from rich.table import Table
from rich.text import Text

from cli.errors import CommandError
from cli.project import shown

INDENT = 2
COLUMN_GAP = 3
_TITLE_WIDTH = 34
_LOG_WIDTH = 120
_ANY_WIDTH = 10_000

STATUS_STYLES = {
    "RECEIVING": "cyan",
    "READY": "blue",
    "PROCESSING": "yellow",
    "PROCESSED": "magenta",
    "COMPLETED": "green",
    "QUARANTINED": "red",
    "FAILED": "bold red",
}


def make_console(*, stderr: bool = False) -> Console:
    """Return a console; in a log, where nobody resizes the window, it is wide enough for a table."""
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _LOG_WIDTH
    return console


@dataclass
class Step:
    """One numbered step; `detail` is what its finished line says beside the elapsed time."""

    title: str
    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    detail: str = ""


class Steps:
    """Numbered steps of one command.

    Parameters
    ----------
    console : Console
        Where they are printed.
    total : int
        How many there will be.
    """

    def __init__(self, console: Console, total: int) -> None:
        self.console = console
        self.total = total
        self.finished: list[Step] = []

    @contextmanager
    def step(self, title: str, *, live: bool = False) -> Iterator[Step]:
        """Run one step.

        Parameters
        ----------
        title : str
            What is being done.
        live : bool
            The step draws its own progress, so no spinner is shown; it must print nothing that stays.

        Yields
        ------
        Step
            Whose `detail` may be set.
        """
        step = Step(title)
        number = f"{len(self.finished) + 1:>{len(str(self.total))}}/{self.total}"
        spins = self.console.is_terminal and not live
        if not spins:
            self.console.print(Text(f"  {number}  {title} …", style="default"))
        try:
            with self.console.status(Text(f"{number}  {title}"), spinner="dots") if spins else nullcontext():
                yield step
        except BaseException:
            self._print_end(number, step, ("✗", "red"), replace=live)
            raise
        self._print_end(number, step, ("✓", "green"), replace=live)
        self.finished.append(step)

    def _print_end(self, number: str, step: Step, mark: tuple[str, str], *, replace: bool) -> None:
        if replace and self.console.is_terminal:
            # Its progress has cleared itself away: the cursor is just below the line that announced it.
            self.console.control(Control.move(0, -1), Control((ControlType.ERASE_IN_LINE, 2)))
        step.seconds = time.monotonic() - step.started
        line = Text.assemble(
            f"  {number}  {step.title:<{_TITLE_WIDTH}} ",
            mark,
            (f" {step.seconds:6.1f} s", "dim"),
            f"   {step.detail}" if step.detail else "",
        )
        self.console.print(line, soft_wrap=True)


def make_table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """Return a table without vertical lines; columns named in `right` hold numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, COLUMN_GAP, 0, 0), header_style="dim")
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=True)
    return table


def print_block(console: Console, content: Table | Text, *, indent: int = INDENT) -> None:
    """Print a table or text with a margin that its wrapped lines have, too."""
    console.print(Padding(content, (0, 0, 0, indent), expand=False))


def print_table(console: Console, table: Table, dispensable: Sequence[str]) -> None:
    """Print a table without as many of the named columns, the first ones first, as keep it from fitting whole."""
    for title in dispensable:
        if console.measure(table, options=console.options.update(width=_ANY_WIDTH)).maximum <= console.width - INDENT:
            break
        table = _without(table, title)
    print_block(console, table)


def _without(table: Table, title: str) -> Table:
    kept = [column for column in table.columns if column.header != title]
    right = tuple(str(column.header) for column in kept if column.justify == "right")
    fewer = make_table(*(str(column.header) for column in kept), right=right)
    for cells in zip(*(column.cells for column in kept), strict=True):
        fewer.add_row(*cells)
    return fewer


def print_heading(console: Console, text: str) -> None:
    """Print the title of the lines that follow."""
    console.print()
    print_block(console, Text(text, style="bold"))


def print_line(console: Console, text: str, style: str = "") -> None:
    """Print one line of text in which nothing is markup and nothing is cut."""
    console.print(Text(f"  {text}", style=style), soft_wrap=True)


def print_error(console: Console, error: CommandError) -> None:
    """Print what went wrong and what to do, without a stack trace."""
    console.print()
    console.print(Text.assemble(("  ✗ ", "red"), error.message), soft_wrap=True)
    for line in error.details.splitlines():
        console.print(Text(f"    {line}", style="dim"), soft_wrap=True)
    if error.hint:
        console.print(Text(f"    {error.hint}"), soft_wrap=True)


def print_files(console: Console, paths: Sequence[Path]) -> None:
    """Print files of one folder: its name once, as the user would type it."""
    if paths:
        print_line(console, f"{shown(paths[0].parent)}/: {', '.join(path.name for path in paths)}")


def status_text(status: str) -> Text:
    """Return a unit's status in its colour."""
    return Text(status, style=STATUS_STYLES.get(status, ""))


def duration(seconds: float) -> str:
    """Return a duration as a person says it.

    Examples
    --------
    >>> duration(8.44), duration(75), duration(7300)
    ('8 s', '1 min 15 s', '2 h 1 min')
    """
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def plural(count: int, noun: str, plural_noun: str = "") -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> plural(1, "study", "studies"), plural(3, "file")
    ('1 study', '3 files')
    """
    word = noun if count == 1 else plural_noun or f"{noun}s"
    return f"{count:,} {word}"


def some(names: Sequence[str], most: int = 3) -> str:
    """Say the first names of a list, and how many more there are.

    Examples
    --------
    >>> some(["a", "b", "c"]), some(["a", "b", "c"], most=2)
    ('a, b, c', 'a, b and 1 more')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def shorten(name: str, width: int) -> str:
    """Return a long name (a study UID) by its end, which is what differs between studies.

    Examples
    --------
    >>> shorten("1.3.6.1.4.1.32722.99.99.2393413", 12)
    '….99.2393413'
    """
    return name if len(name) <= width else "…" + name[1 - width :]
