"""How the demo ends: its exit code and its last line."""

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.errors import CommandError, UsageError
from cli.ledger import Unit
from cli.project import DEMO_OUTPUT
from cli.sources.studies import Studies
from cli.wait import Outcome
from local import commands
from local.commands import run
from local.demo import demo
from tests.files import put
from tests.screen import Screen

OWN = demo.Cohort(Studies(), None, "")
MADE_UP = demo.Cohort(Studies(), frozenset({"R01-002"}), "")


def make_unit(subject: str, status: str, **attributes: Any) -> Unit:
    return Unit({"unit_id": subject, "subject": subject, "study": "ct", "status": status, **attributes})


GOOD, OTHER = make_unit("R01-001", "COMPLETED"), make_unit("R01-003", "COMPLETED")
REFUSED = make_unit("R01-002", "QUARANTINED", reason_code="NO_CT")
INCOMPLETE = make_unit("R01-004", "RECEIVING", reason_code="INCOMPLETE_STUDY")
REFERENCE = Unit({"unit_id": "genomics#_references#human", "status": "COMPLETED"})
FAILED = make_unit("R01-005", "FAILED", reason_code="JOB_FAILED")


@pytest.mark.parametrize(
    ("cohort", "units", "timed_out", "expected"),
    [
        (OWN, [GOOD, REFUSED], False, True),
        (OWN, [REFUSED], False, True),
        (OWN, [GOOD, INCOMPLETE], False, True),
        (OWN, [GOOD, FAILED], False, False),
        (OWN, [GOOD], True, False),
        (MADE_UP, [GOOD, REFUSED], False, True),
        (MADE_UP, [GOOD, make_unit("R01-002", "COMPLETED")], False, False),
        (MADE_UP, [make_unit("R01-001", "QUARANTINED"), REFUSED], False, False),
    ],
)
def test_a_rejected_study_is_a_result_and_a_fault_is_not(
    cohort: demo.Cohort, units: list[Unit], timed_out: bool, expected: bool
) -> None:
    assert demo._is_as_expected(Outcome(units, 1.0, timed_out=timed_out), cohort) is expected


def rejection(subject: str) -> Path:
    return DEMO_OUTPUT / subject / "rejection.json"


@pytest.mark.parametrize(
    ("units", "saved", "expected"),
    [
        ([GOOD, OTHER], [], ""),
        ([GOOD, REFUSED], [rejection("R01-002")], "1 of 2 studies was rejected; .*demo-output/R01-002/rejection.json"),
        ([REFUSED, INCOMPLETE], [rejection("a"), rejection("b")], "2 of 2 studies were rejected; .*<subject>"),
        ([REFUSED], [], "1 of 1 study was rejected; .*Why above"),
        ([GOOD, REFUSED, FAILED], [rejection("R01-002")], "1 of 3 studies FAILED"),
        ([GOOD, REFUSED, REFERENCE], [], "1 of 2 uploads was rejected"),
    ],
)
def test_the_last_line_says_how_many_were_rejected_and_where_it_says_why(
    units: list[Unit], saved: list[Path], expected: str
) -> None:
    line = demo.describe_end(Outcome(units, 1.0, timed_out=False), saved)
    assert bool(line) is bool(expected)
    assert re.match(expected, line)


def test_it_is_the_last_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo, "STATE", tmp_path)
    monkeypatch.setattr(demo, "_show", lambda *_: (True, "1 of 2 studies was rejected."))
    console = Screen()
    assert demo.run_demo(console, None) == 0
    assert console.text.splitlines()[-1].strip() == "1 of 2 studies was rejected."


@pytest.mark.parametrize("salmon", [True, False])
def test_a_folder_of_all_three_modalities_is_taken_whole(
    salmon: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "has_salmon", lambda: salmon)
    put(tmp_path, "imaging/R01-001/ct/1.dcm", "genomics/R01-001/a.fastq.gz", "clinical/a.csv", "clinical/notes.pdf")
    cohort = demo._read(tmp_path)
    assert [study.subject for study in cohort.source.studies] == ["R01-001"]
    assert cohort.tables is not None
    assert [file.key for file in cohort.tables.files] == ["a.csv"]
    assert (cohort.reads.cases if cohort.reads else []) == (["R01-001"] if salmon else [])
    assert cohort.detail.count(";") == 1 + salmon


def test_a_table_alone_is_enough(tmp_path: Path) -> None:
    cohort = demo._read(put(tmp_path, "a.csv"))
    assert (cohort.source.studies, cohort.reads, cohort.detail) == ([], None, "1 clinical table")


def test_a_table_that_would_be_refused_is_told_before_the_cloud_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(demo, "_show", lambda *_: pytest.fail("the cloud was started"))
    with pytest.raises(CommandError, match="1 table would be refused"):
        demo.run_demo(Screen(), put(tmp_path, "a.csv"))


@pytest.mark.parametrize("code", [0, 1])
def test_the_command_ends_with_the_demos_exit_code(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "run_demo", lambda *_: code)
    assert run(["demo"]) == code


def test_a_sample_has_every_modality_and_never_mixes_with_other_files(tmp_path: Path) -> None:
    folder, said = tmp_path / "my sample", StringIO()
    demo.write_sample(Console(file=said, width=400), folder, 1)
    assert f"upload '{folder}' --dataset" in said.getvalue(), "the command can be pasted"
    assert sorted(path.name for path in folder.iterdir()) == ["clinical", "genomics", "imaging"]
    with pytest.raises(UsageError, match="not empty"):
        demo.write_sample(Screen(), folder, 1)
