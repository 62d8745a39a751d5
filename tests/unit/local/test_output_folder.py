"""A folder that is written again has nothing left of before."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
from rich.console import Console

from cli import main as commands
from cli import report as reports
from cli.errors import CommandError
from cli.ledger import Unit
from cli.main import main
from cli.output_folder import remove_outdated
from tests.screen import Screen


def write(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return paths


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.name[0] != "."}


def test_what_a_command_wrote_before_and_not_now_goes_with_its_empty_folders(tmp_path: Path) -> None:
    console = Console(record=True, width=200)
    write(tmp_path, "my-notes.txt", "R01-1/notes/n.txt", "dataset-1/dataset.csv")
    remove_outdated(
        console, "results", tmp_path, write(tmp_path, "labels.csv", "R01-1/rejection.json", "R01-2/rna/run.json")
    )
    remove_outdated(console, "report", tmp_path, write(tmp_path, "index.html"))
    assert console.export_text() == ""
    remove_outdated(console, "results", tmp_path, write(tmp_path, "R01-1/features.json"))
    assert files_of(tmp_path) == {
        "my-notes.txt", "R01-1", "R01-1/notes", "R01-1/notes/n.txt", "dataset-1", "dataset-1/dataset.csv",
        "index.html", "R01-1/features.json",
    }  # fmt: skip
    assert "3 files" in (told := console.export_text())
    assert "R01-1/rejection.json" in told


def test_nothing_outside_of_the_folder_is_removed_whatever_its_list_says(tmp_path: Path) -> None:
    [outside] = write(tmp_path, "thesis.txt")
    write(folder := tmp_path / "results", "a.csv")
    (folder / ".results-files").write_text("../thesis.txt\n\na.csv\nnever-there.csv")
    remove_outdated(Console(), "results", folder, [])
    assert outside.exists()
    assert files_of(folder) == set()


def test_a_folder_that_was_never_written_is_not_made(tmp_path: Path) -> None:
    remove_outdated(Console(), "results", tmp_path / "none", [])
    assert not (tmp_path / "none").exists()


def test_the_commands_clear_up_after_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table that was retracted leaves no CSV, another dataset's report no page of the first."""
    names = ["first.csv"]

    class Stack:
        datasets = ("d",)

    def save(_stack: object, _dataset: str, *rest: object) -> list[Path]:
        folder = rest[-1]
        assert isinstance(folder, Path)
        return write(folder, *names)

    def units(_stack: object) -> list[Unit]:
        return []

    for module in (commands, reports):
        monkeypatch.setattr(module, "reach", lambda _name: Stack())
    monkeypatch.setattr(commands, "read_units", units)
    monkeypatch.setattr(commands, "save_dataset", save)
    monkeypatch.setattr(reports, "save_report", save)
    for command in (
        ["results", str(tmp_path / "r")],
        ["report", "--dataset", "d", "--output", str(tmp_path / "p" / "d")],
    ):
        names[:] = ["first.csv", "index.html"]
        assert main(command) == 0
        names[:] = ["index.html"]
        assert main(command) == 0
        assert "first.csv" in capsys.readouterr().out
        assert files_of(tmp_path / command[-1] / ("d" if command[0] == "results" else "")) == {"index.html"}


@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize(
    ("command", "does", "says"),
    [
        (["results", "r"], "cli.main.save_dataset", "Saving d"),
        (["report", "--dataset", "d", "--output", "r"], "cli.report.save_report", "Reading d"),
        (["forget", "--subject", "R01-1"], "cli.removal.forget.forget_subject", "Looking for all that names"),
        (["forget", "--subject", "R01-1", "--yes"], "cli.removal.forget.forget_subject", "Removing"),
        (["retract", "clinical/d/t.csv"], "cli.removal.retract.retract_table", "Counting what"),
        (["retract", "clinical/d/t.csv", "--yes"], "cli.removal.retract.retract_table", "Taking the table back"),
        (["features", "labels"], "cli.main.read_features", "Asking Athena"),
    ],
)
def test_a_terminal_shows_that_a_command_is_at_work(
    command: list[str], does: str, says: str, is_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen(force_terminal=is_terminal)
    shown_at_work: list[bool] = []

    def work(*_: object, **__: object) -> NoReturn:
        until = time.monotonic() + (5 if is_terminal else 0)  # it is drawn by a thread of its own
        while says not in screen.text and time.monotonic() < until:
            time.sleep(0.01)
        shown_at_work.append(says in screen.text)
        raise CommandError("Far enough.")

    for module in (commands, reports):
        monkeypatch.setattr(module, "reach", lambda _name: SimpleNamespace(datasets=["d"]))
        monkeypatch.setattr(module, "make_console", lambda **_: screen)
    for name in ("read_units", "find_group", "describe_group"):
        monkeypatch.setattr(commands, name, lambda *_: [])
    monkeypatch.setattr(reports, "chosen_dataset", lambda *_: "d")
    monkeypatch.setattr(does, work)
    assert main(command) == 1
    assert shown_at_work == [is_terminal]
