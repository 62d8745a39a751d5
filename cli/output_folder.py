"""Folders that a command writes into again and again: what is no longer there goes from them, too."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from cli.project import shown
from cli.terminal import plural, print_line, some


def remove_outdated(console: Console, command: str, folder: Path, written: Iterable[Path]) -> None:
    """Remove what the same command wrote into a folder before and has not written now, and say so.

    A rejection would stay beside the features of the corrected study, and a patient who was forgotten would stay at
    all. `.<command>-files` in the folder lists what is the command's own; nothing else is touched.
    """
    names = {path.relative_to(folder).as_posix() for path in written}
    listed = folder / f".{command}-files"
    before = set(listed.read_text(encoding="utf-8").splitlines()) if listed.is_file() else set()
    outdated = [name for name in sorted(before - names) if _remove(folder, folder / name)]
    if outdated:
        what = f"{plural(len(outdated), 'file')} of before that no result is any more: {some(outdated)}"
        print_line(console, f"Removed from {shown(folder)}/: {what}", style="dim")
    if names or before:
        listed.write_text("\n".join(sorted(names)), encoding="utf-8")


def _remove(folder: Path, path: Path) -> bool:
    """Remove a file below a folder, and the folders that are empty then; whether there was one."""
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        return False
    path.unlink()
    with suppress(OSError):  # not empty
        for parent in path.relative_to(folder).parents[:-1]:
            (folder / parent).rmdir()
    return True
