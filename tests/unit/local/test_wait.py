"""When waiting ends, and what it says."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cli import wait
from cli.deployment import Deployment
from cli.errors import CommandError
from cli.ledger import Unit
from tests.screen import Screen


def make_unit(subject: str, status: str, **attributes: Any) -> Unit:
    names = {"unit_id": subject, "subject": subject, "study": "ct", "status": status}
    return Unit({**names, **attributes})


@contextlib.contextmanager
def no_sweep(_deployment: Deployment, _read: object) -> Iterator[list[str]]:
    yield ["the sweep is broken"]


class Ledger:
    """A ledger that shows one page of units after another, and the number of messages on the way."""

    def __init__(self, *pages: list[Unit], messages: int = 0) -> None:
        self.pages = list(pages)
        counts = {"ApproximateNumberOfMessages": str(messages)}
        sqs = SimpleNamespace(get_queue_attributes=lambda **_: {"Attributes": counts})
        self.deployment = cast(Deployment, SimpleNamespace(sqs=sqs, resource=str))

    def read(self, _deployment: Deployment) -> list[Unit]:
        return self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]


@pytest.fixture
def console() -> Screen:
    return Screen()


def run(
    monkeypatch: pytest.MonkeyPatch, console: Screen, ledger: Ledger, sweep: object = no_sweep, **options: Any
) -> wait.Outcome:
    monkeypatch.setattr(wait, "nudged_sweep", sweep)
    monkeypatch.setattr(wait, "read_units", ledger.read)
    monkeypatch.setattr(wait, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(wait, "_SETTLE_SECONDS", 0.0)
    return wait.wait_for_units(console, ledger.deployment, **{"timeout": 5.0, **options})


@pytest.mark.parametrize(("due", "is_asked"), [({}, False), ({"due_at": 1}, True), ({"due_at": 2**40}, False)])
def test_the_sweep_is_asked_when_it_has_something_to_check(due: dict[str, int], is_asked: bool) -> None:
    asked = list[object]()
    units = [make_unit("a", "PROCESSING", **due)]
    assert wait._nudge(cast(Deployment, SimpleNamespace(invoke_sweep=asked.append)), lambda: units) == ""
    assert bool(asked) is is_asked


def test_the_sweep_gets_to_know_at_once_what_is_due(monkeypatch: pytest.MonkeyPatch, console: Screen) -> None:
    first = list[int]()

    @contextlib.contextmanager
    def sweep(_deployment: Deployment, read: Callable[[], Sequence[Unit]]) -> Iterator[list[str]]:
        first.append(len(read()))
        yield []

    run(monkeypatch, console, Ledger([make_unit("a", "COMPLETED")]), sweep=sweep)
    assert first == [1]


def test_of_a_dataset_alone_nothing_else_is_waited_for(monkeypatch: pytest.MonkeyPatch, console: Screen) -> None:
    mine = make_unit("a", "COMPLETED", dataset="d")
    outcome = run(monkeypatch, console, Ledger([mine, make_unit("b", "PROCESSING", dataset="e")]), dataset="d")
    assert (outcome.units, outcome.succeeded) == ([mine], True)


def test_it_ends_when_all_units_have_ended(monkeypatch: pytest.MonkeyPatch, console: Screen) -> None:
    pages = [[], [make_unit("a", "READY")], [make_unit("a", "PROCESSING")], [make_unit("a", "COMPLETED")]]
    outcome = run(monkeypatch, console, Ledger(*pages), unit_ids=["a"])
    assert outcome.succeeded
    lines = console.text.splitlines()
    assert ["1 READY" in lines[1], "1 PROCESSING" in lines[2], "1 COMPLETED" in lines[3]] == [True] * 3


def test_a_rejected_unit_is_not_a_success(monkeypatch: pytest.MonkeyPatch, console: Screen) -> None:
    units = [make_unit("a", "COMPLETED"), make_unit("b", "QUARANTINED", reason_code="NO_CT")]
    outcome = run(monkeypatch, console, Ledger(units))
    assert not outcome.succeeded
    assert [unit.unit_id for unit in outcome.without_features] == ["b"]


def test_a_unit_that_is_to_come_is_waited_for(monkeypatch: pytest.MonkeyPatch, console: Screen) -> None:
    first = [make_unit("a", "COMPLETED")]
    outcome = run(monkeypatch, console, Ledger(first, [*first, make_unit("b", "COMPLETED")]), unit_ids=["a", "b"])
    assert len(outcome.units) == 2


def test_time_runs_out_with_the_sweeps_own_problem(monkeypatch: pytest.MonkeyPatch, console: Screen) -> None:
    outcome = run(monkeypatch, console, Ledger([make_unit("a", "READY")]), timeout=0.01)
    assert outcome.timed_out
    assert not outcome.succeeded
    wait.print_outcome(console, outcome)
    assert "the sweep is broken" in console.text


def test_a_unit_that_lacks_objects_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, console: Screen) -> None:
    incomplete = make_unit("a", "RECEIVING", reason_code="INCOMPLETE_STUDY", due_at=9)
    outcome = run(monkeypatch, console, Ledger([incomplete]), unit_ids=["a"])
    assert not outcome.timed_out
    assert not outcome.succeeded


@pytest.mark.parametrize("is_told", [False, True])
def test_what_ended_before_is_not_believed_while_it_is_copied(
    is_told: bool, monkeypatch: pytest.MonkeyPatch, console: Screen
) -> None:
    old, new = make_unit("a", "COMPLETED"), make_unit("a", "COMPLETED", completed_at=9)
    note = make_unit("-", "QUARANTINED", kind="note", reason_code="FETCH_FAILED")
    cleared = make_unit("-", "COMPLETED", kind="note")
    ledger, copying = Ledger([old], [old], [new, note if is_told else cleared]), [True, False]
    outcome = run(
        monkeypatch, console, ledger, unit_ids=["a"], arriving=True, is_copying=lambda: copying.pop(0), note="-"
    )
    assert (outcome.moved, copying) == (True, [])
    assert [unit.unit_id for unit in outcome.units] == (["a", "-"] if is_told else ["a"])
    assert outcome.succeeded is not is_told


def test_a_manifest_that_is_rejected_brings_nothing_that_could_be_waited_for(
    monkeypatch: pytest.MonkeyPatch, console: Screen
) -> None:
    note = make_unit("-", "QUARANTINED", kind="note", reason_code="MANIFEST_INVALID")
    options = {"unit_ids": ["a"], "arriving": True, "note": "-"}
    outcome = run(monkeypatch, console, Ledger([], [note]), is_copying=lambda: False, **options)
    assert (outcome.timed_out, outcome.units) == (False, [note])


def test_copies_that_do_not_end_in_time_are_told(monkeypatch: pytest.MonkeyPatch, console: Screen) -> None:
    ledger, options = Ledger([make_unit("a", "COMPLETED")]), {"unit_ids": ["a"], "timeout": 0.01}
    with pytest.raises(CommandError, match="copies have not ended"):
        run(monkeypatch, console, ledger, is_copying=lambda: True, **options)


@pytest.mark.parametrize("options", [{}, {"unit_ids": ["a"], "arriving": True}])
def test_messages_on_the_way_are_waited_for(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, console: Screen
) -> None:
    outcome = run(monkeypatch, console, Ledger([make_unit("a", "COMPLETED")], messages=3), timeout=0.01, **options)
    assert outcome.timed_out


@pytest.mark.parametrize(
    ("status", "attributes", "is_waited_for"),
    [("FAILED", {}, False), ("QUARANTINED", {}, False), ("FAILED", {"due_at": 1}, True), ("COMPLETED", {}, True)],
)
def test_a_case_whose_reference_failed_is_not_waited_for(
    status: str, attributes: dict[str, Any], is_waited_for: bool, monkeypatch: pytest.MonkeyPatch, console: Screen
) -> None:
    reason = {"reason_code": "REFERENCE_NOT_READY", "reason_message": "the reference 'human' is not built for salmon"}
    case = make_unit("genomics#d#R01-1", "READY", **reason)
    reference = make_unit("genomics#_references#human", status, **attributes)
    outcome = run(monkeypatch, console, Ledger([case, reference]), unit_ids=[case.unit_id], timeout=0.01)
    assert (outcome.timed_out, bool(outcome.without_features)) == (is_waited_for, not is_waited_for)
    wait.print_outcome(console, outcome)
    assert ("1 unit waits for a reference that failed" in console.text) is not is_waited_for


@pytest.mark.parametrize(
    ("before", "told"),
    [
        ("PROCESSING", "1 of 2 units and 1 of 1 reference COMPLETED in "),
        ("COMPLETED", "Nothing new: 1 of 2 units and "),
    ],
)
def test_an_upload_that_changed_nothing_is_told_as_such(
    before: str, told: str, monkeypatch: pytest.MonkeyPatch, console: Screen
) -> None:
    ended = [make_unit("b", "QUARANTINED"), make_unit("genomics#_references#human", "COMPLETED")]
    pages = [[make_unit("a", before), *ended], [make_unit("a", "COMPLETED"), *ended]]
    outcome = run(monkeypatch, console, Ledger(*pages), unit_ids=[unit.unit_id for unit in pages[1]], arriving=True)
    assert not outcome.succeeded
    wait.print_outcome(console, outcome)
    assert told in console.text


def test_rows_that_were_rejected_are_told_with_the_success(monkeypatch: pytest.MonkeyPatch, console: Screen) -> None:
    """The exit code is 0, for the table has features; the sentence does not hide the rest."""
    table = make_unit("clinical#d#a.csv", "COMPLETED", counts={"rows": 60, "written": 57, "rejected_rows": 3})
    outcome = run(monkeypatch, console, Ledger([table]), unit_ids=[table.unit_id])
    assert outcome.succeeded
    wait.print_outcome(console, outcome)
    assert "but 3 rows of tables rejected." in console.text


def test_without_an_image_it_says_so_at_once(monkeypatch: pytest.MonkeyPatch, console: Screen) -> None:
    with pytest.raises(CommandError, match="IMAGE_NOT_SET"):
        run(monkeypatch, console, Ledger([make_unit("a", "READY", reason_code="IMAGE_NOT_SET")]))


def test_it_names_the_image_of_the_units_that_wait(monkeypatch: pytest.MonkeyPatch, console: Screen) -> None:
    """Each kind of unit has a parameter of its own; the ledger's message says which."""
    units = [
        make_unit(name, "READY", reason_code="IMAGE_NOT_SET", reason_message=f"no image; deploy with {parameter}")
        for name, parameter in (("a", "RnaseqImageUri"), ("b", "RnaseqImageUri"), ("c", "RadiomicsImageUri"))
    ]
    for waiting, hint in (
        (units[:2], "No image; deploy with RnaseqImageUri."),
        (units, "No image; deploy with RadiomicsImageUri. No image; deploy with RnaseqImageUri."),
    ):
        with pytest.raises(CommandError) as caught:
            run(monkeypatch, console, Ledger(waiting))
        assert caught.value.hint == hint


def test_on_a_terminal_the_units_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(height=16, force_terminal=True)
    units = [make_unit(f"R01-{number}", "COMPLETED") for number in range(20)]
    rejected = make_unit("R01-99", "QUARANTINED", reason_code="NO_CT")
    outcome = run(monkeypatch, screen, Ledger([*units, rejected]))
    assert [unit.unit_id for unit in outcome.without_features] == ["R01-99"]
    assert "and 17 more" in screen.text
