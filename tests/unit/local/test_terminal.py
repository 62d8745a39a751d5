"""What the user sees, in a log and in examples."""

import doctest

import pytest

from cli import features, rows, terminal
from cli.errors import CommandError
from tests.screen import Screen


@pytest.fixture
def console() -> Screen:
    return Screen()


@pytest.mark.parametrize("module", [terminal, features, rows])
def test_examples_in_docstrings_are_true(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_a_step_is_numbered_and_ends_with_its_time_and_detail(console: Screen) -> None:
    steps = terminal.Steps(console, 3)
    with steps.step("Build") as step:
        step.detail = "6 functions"
    assert "1/3  Build" in console.text
    assert "✓" in console.text
    assert "6 functions" in console.text


def test_numbers_of_steps_stand_below_each_other(console: Screen) -> None:
    steps = terminal.Steps(console, 10)
    for _ in range(10):
        with steps.step("Build"):
            pass
    ends = [line for line in console.text.splitlines() if "✓" in line]
    assert {line.index("Build") for line in ends} == {len("  10/10  ")}


def test_a_step_that_fails_is_marked_and_the_error_goes_on(console: Screen) -> None:
    with pytest.raises(CommandError), terminal.Steps(console, 1).step("Deploy"):
        raise CommandError("no")
    assert "✗" in console.text
    assert "✓" not in console.text


def test_an_error_is_shown_with_its_details_and_hint(console: Screen) -> None:
    terminal.print_error(console, CommandError("It failed.", details="line 1\nline [2]", hint="Do this."))
    lines = [line.strip() for line in console.text.splitlines() if line.strip()]
    assert lines == ["✗ It failed.", "line 1", "line [2]", "Do this."]
