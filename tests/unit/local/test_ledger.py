"""The ledger as it is printed, counted and handed to scripts."""

import json
import time
from decimal import Decimal
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from cli.deployment import Deployment
from cli.errors import CommandError, UsageError
from cli.ledger import (
    Unit,
    count_statuses,
    describe_units,
    plain,
    print_findings,
    print_reasons,
    print_units,
    read_units,
)
from cli.retry import request_reruns, select_units
from tests.screen import Screen


def make_unit(subject: str, status: str, **attributes: Any) -> Unit:
    names = {"unit_id": f"imaging#d#{subject}#ct", "dataset": "d", "subject": subject, "study": "ct", "status": status}
    return Unit({**names, **attributes})


UNITS = [
    make_unit("R01-001", "COMPLETED", objects=12, bytes=2_000_000, received_at=1),
    make_unit("R01-002", "QUARANTINED", reason_code="NO_SEGMENTATION", reason_message="no SEG among 12 files"),
    make_unit("R01-003", "FAILED", reason_code="JOB_FAILED", reason_message="out of disk"),
    make_unit("R01-004", "READY"),
]
NOTE = make_unit("-", "QUARANTINED", kind="note", reason_code="KEY_NOT_ACCEPTED")


def test_numbers_of_dynamodb_become_numbers_of_json() -> None:
    item = {"n": Decimal(3), "x": Decimal("0.5"), "m": {"l": [Decimal(1)]}, "s": "a"}
    assert json.dumps(plain(item)) == '{"n": 3, "x": 0.5, "m": {"l": [1]}, "s": "a"}'


def test_what_the_ledger_keeps_beside_units_is_none() -> None:
    deployment = Deployment("stack", boto3.Session("key", "secret", region_name="us-east-1"))
    vars(deployment)["outputs"] = {"LedgerTableName": "ledger"}
    items = [
        {"unit_id": {"S": "genomics#d#A"}, "status": {"S": "READY"}},
        {"unit_id": {"S": "assay#stack-d-rna-v1"}, "status": {"S": "COMPLETED"}, "kind": {"S": "note"}},
        {"unit_id": {"S": "lease#sweep"}, "status": {"S": "COMPLETED"}, "kind": {"S": "note"}},
    ]
    with Stubber(deployment.ledger.meta.client) as stub:
        stub.add_response("scan", {"Items": items})
        assert [unit.unit_id for unit in read_units(deployment)] == ["genomics#d#A"]


def test_counts_come_in_the_order_of_the_pipeline() -> None:
    assert list(count_statuses(UNITS)) == ["READY", "COMPLETED", "QUARANTINED", "FAILED"]


@pytest.mark.parametrize(
    ("unit", "settled"),
    [
        (make_unit("a", "COMPLETED"), True),
        (make_unit("a", "QUARANTINED"), True),
        (make_unit("a", "COMPLETED", due_at=5), False),
        (make_unit("a", "PROCESSED"), False),
    ],
)
def test_a_unit_is_settled_when_it_has_ended_and_no_check_is_scheduled(unit: Unit, settled: bool) -> None:
    assert unit.is_settled is settled


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_names_every_unit_reason_and_total(width: int) -> None:
    console = Screen(width)
    print_units(console, UNITS)
    text = console.text
    assert "no SEG among 12 files" in text
    assert "NO_SEGMENTATION" in text
    assert "4 units: 1 READY · 1 COMPLETED · 1 QUARANTINED · 1 FAILED" in text


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (40, ["Subject", "Study", "Status"]),
        (80, ["Subject", "Study", "Status", "Reason", "Size", "Changed"]),
        (120, ["Subject", "Study", "Status", "Reason", "Objects", "Size", "Arrived", "Changed"]),
    ],
)
def test_no_column_is_cut_for_want_of_room(width: int, titles: list[str]) -> None:
    """A column is there as a whole or not at all."""
    now = int(time.time())
    units = [
        make_unit("R01-001", "QUARANTINED", reason_code="NO_SEGMENTATION", bytes=338_900, received_at=now),
        make_unit("R01-002", "COMPLETED", completed_at=now - 508, bytes=26, received_at=now - 9_999),
    ]
    console = Screen(width)
    print_units(console, units)
    text = console.text
    assert text.splitlines()[0].split() == titles
    assert ("8 min ago" in text) is ("Changed" in titles)
    assert "…" not in text


def test_references_and_notes_are_counted_for_themselves() -> None:
    """The cohort page counts neither, and the two must agree."""
    units = [
        make_unit("R01-001", "COMPLETED"),
        make_unit("R01-002", "QUARANTINED"),
        Unit({"unit_id": "genomics#_references#human", "status": "COMPLETED"}),
        Unit({"unit_id": "imaging#d#-ignored-keys", "status": "QUARANTINED", "kind": "note"}),
    ]
    expected = "2 units: 1 COMPLETED · 1 QUARANTINED; 1 reference COMPLETED; 1 note QUARANTINED"
    assert describe_units(units) == expected
    assert describe_units([]) == ""


@pytest.mark.parametrize(
    ("choice", "subjects"),
    [
        ({"everything": True}, ["R01-002", "R01-003"]),
        ({"reason": "no_segmentation"}, ["R01-002"]),
        ({"unit": "R01-003"}, ["R01-003"]),
        ({"unit": "imaging#d#R01-002#ct"}, ["R01-002"]),
        ({"status": "failed"}, ["R01-003"]),
        ({"status": "completed", "dataset": "d"}, ["R01-001"]),
        ({"dataset": "d"}, ["R01-002", "R01-003"]),
    ],
)
def test_retry_takes_rejected_units_and_completed_ones_by_name(choice: dict[str, Any], subjects: list[str]) -> None:
    assert [unit.text("subject") for unit in select_units([*UNITS, NOTE], **choice)] == subjects


@pytest.mark.parametrize(
    ("choice", "message", "hint"),
    [
        ({"unit": "R01-404"}, "no unit or subject R01-404", "status"),
        ({"reason": "no_ct"}, "No unit has the reason NO_CT", "JOB_FAILED, KEY_NOT_ACCEPTED, NO_SEGMENTATION"),
        ({"unit": "R01-002", "reason": "JOB_FAILED"}, "No unit has the reason JOB_FAILED", ": NO_SEGMENTATION"),
        ({"unit": "R01-001"}, "nothing to retry", "1 COMPLETED"),
        ({"status": "processing"}, "No unit is PROCESSING", "1 COMPLETED"),
        ({"dataset": "other"}, "no unit of the dataset other", ": d"),
        ({"reason": "KEY_NOT_ACCEPTED"}, "belongs to no study", "status"),
    ],
)
def test_retry_of_nothing_says_what_was_wrong_with_the_choice(choice: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(CommandError, match=message) as refusal:
        select_units([*UNITS, NOTE], **choice)
    assert hint in refusal.value.hint


def test_retry_of_an_empty_ledger_is_told() -> None:
    with pytest.raises(CommandError, match="nothing to retry"):
        select_units([], everything=True)


def test_counts_are_those_of_the_version_that_was_taken_and_refused_keys_have_an_example() -> None:
    counts = {"rows": 30, "written": 90}
    tables = [
        make_unit(name, status, dataset="d", counts=counts, unit_id=f"clinical#d#{name}", reason_code=reason)
        for name, status, reason in (("a.csv", "COMPLETED", ""), ("b.csv", "QUARANTINED", "COLUMNS_MISSING"))
    ]
    example = {"example_key": "genomics/d/CT/1.dcm"}
    refused = {"reason_code": "KEY_NOT_ACCEPTED", "reason_details": example}
    note = make_unit("-refused-keys", "QUARANTINED", kind="note", dataset="d", **refused)
    text = printed([*tables, note], 140)
    assert "a.csv  30 rows: 90 records written" in text
    assert "b.csv  30 rows" not in text
    assert "; for example genomics/d/CT/1.dcm" in text


@pytest.mark.parametrize("width", [80, 140])
def test_the_dataset_is_named_only_where_there_are_several(width: int) -> None:
    one = make_unit("R01-001", "QUARANTINED", dataset="nsclc_radiogenomics", reason_code="NO_CT", study="1." * 30)
    other = make_unit("R01-001", "COMPLETED", dataset="lung1", study="1." * 30, objects=12)
    assert "nsclc_radiogenomics" not in printed([one], width)
    text = printed([one, other], width)
    table, _, why = text.partition("Why")
    assert all("nsclc_radiogenomics" in part for part in (table, why))
    assert "lung1" in table
    assert "COMPLETED" in table
    assert max(map(len, text.splitlines())) <= width


def test_a_reason_that_several_units_share_is_told_once_with_their_names() -> None:
    facts = {"dataset": "d", "reason_code": "REFERENCE_NOT_READY"}
    waiting = [make_unit(name, "READY", **facts, reason_message="not built") for name in ("R01-001", "R01-002")]
    other = make_unit("R01-003", "READY", **facts, reason_message="no genome")
    why = printed([*waiting, other], 140).partition("Why")[2]
    assert why.count("not built") == why.count("no genome") == 1
    assert [why.count(f"R01-00{number}") for number in (1, 2, 3)] == [1, 1, 1]
    assert why.index("R01-002") < why.index("not built") < why.index("R01-003")


def printed(units: list[Unit], width: int) -> str:
    console = Screen(width)
    print_units(console, units)
    return console.text


def test_retry_wants_to_be_told_which() -> None:
    with pytest.raises(UsageError):
        select_units(UNITS)


def test_a_table_is_told_in_rows_and_records() -> None:
    counts = {"rows": 10, "written": 1, "unchanged": 19, "rejected_rows": 2, "dropped_rows": 0, "labels_held": 1}
    names = {"unit_id": "clinical#d#2024/labels.csv", "subject": "2024/labels.csv", "study": "", "status": "COMPLETED"}
    console = Screen(140)
    print_units(console, [Unit({**names, "counts": counts})])
    told = console.text
    assert "clinical table" in told
    assert "10 rows: 1 record written, 19 records unchanged, 2 rows rejected, 1 label held back" in told
    assert "rejected.csv, which `multimodal results DIR` saves" in told


def test_a_warning_that_units_share_is_told_with_its_numbers_and_genes() -> None:
    same = [make_unit(f"P-{n}", "COMPLETED", warnings=["19 of 21 genes are missing: CD44, LRIG1."]) for n in (1, 2)]
    screen = Screen(140)
    print_findings(screen, same)
    assert "19 of 21 genes are missing: CD44, LRIG1." in screen.text
    print_findings(screen, [*same, make_unit("P-3", "COMPLETED", warnings=["9 of 21 genes are missing: CD44, LRIG1."])])
    assert "… of … genes are missing: CD44, LRIG1." in screen.text


def test_the_reasons_of_many_units_stay_short() -> None:
    same = [make_unit(f"S-{n}", "FAILED", reason_code="JOB_FAILED", reason_message="out of disk") for n in range(300)]
    own = [
        make_unit(f"O-{n}", "QUARANTINED", reason_code="READS_TRUNCATED", reason_message=f"after {n} reads")
        for n in range(300)
    ]
    screen = Screen()
    print_reasons(screen, [*same, *own])
    assert "S-19 ct and 280 more JOB_FAILED" in " ".join(screen.text.split())
    assert "and 290 more units with READS_TRUNCATED" in screen.text
    assert len(screen.text.splitlines()) < 50


def test_references_are_of_no_dataset_and_a_study_is_called_alike_everywhere() -> None:
    """A column of datasets takes the width of others, so it is there for several only."""
    uid = "1.3.6.1.4.1.14519.5.2.1.4334.1501.227933499470131058806289574760"
    study = Unit(
        {"unit_id": f"imaging#d#P-1#{uid}", "subject": "P-1", "study": uid, "dataset": "d", "status": "FAILED"}
    )
    shown = Unit({**study.item, "reason_code": "JOB_FAILED", "reason_message": "It failed."})
    reference = Unit({"unit_id": "genomics#_references#human", "dataset": "_references", "status": "COMPLETED"})
    console = Screen(80)
    print_units(console, [shown, reference])
    told = console.text
    assert "Dataset" not in told
    assert told.count(f"…{uid[-17:]}") == 2
    assert told.count("…") == 2


def test_status_and_the_end_of_waiting_tell_what_quality_control_warns_of() -> None:
    warned = [make_unit(f"P-{n}", "COMPLETED", warnings=["HU_RANGE"]) for n in range(7)]
    again = make_unit("P-8", "PROCESSING", warnings=["FEW_VOXELS"])
    samples = [
        make_unit(f"P-{n}", "COMPLETED", warnings=[f"{n}.5 % of the reads are ribosomal."]) for n in range(9, 12)
    ]
    for show in (print_units, print_findings):
        console = Screen(140)
        show(console, [*warned, again, *samples])
        told = console.text.partition("Warnings of quality control")[2]
        assert "P-4 ct and 2 more" in told
        assert "HU_RANGE: the image has values that no CT of a patient has." in told
        assert told.count("… % of the reads are ribosomal.") == 1, "the number is each sample's own"
        assert "P-9 ct, P-10 ct, P-11 ct" in told
        assert "FEW_VOXELS" not in told, "it is measured again"


def test_a_matrix_is_told_by_its_file_with_what_it_lacks() -> None:
    told = "14 of the panel's 21 genes are not in the matrix: CD44 and 13 more."
    names = {"unit_id": "genomics#d#-expression/GSE1.tsv", "subject": "-expression/GSE1.tsv", "status": "COMPLETED"}
    unit = Unit({**names, "study": "", "counts": {"rows": 6, "written": 6}, "warnings": [told]})
    text = printed([unit], 140)
    assert told in text, "of one unit with its numbers"
    assert "-expression" not in text
    assert select_units([unit], unit="GSE1.tsv", status="COMPLETED") == [unit], "as status shows it"


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ({}, True),
        ({"dataset": "e"}, False),
        ({"study": "1.2.840.11361.2.56"}, False),
        ({"subject": "P-1"}, False),
        ({"status": "QUARANTINED"}, True),
    ],
)
def test_one_study_under_two_subjects_is_told(second: dict[str, str], told: bool) -> None:
    first = make_unit("P-1", "COMPLETED", study="1.2.840.11361.2.55")
    units = [first, Unit({**first.item, "subject": "P-2", **second}), *(make_unit(f"P-{n}", "READY") for n in (3, 4))]
    text = printed(units, 140)
    assert ("the same StudyInstanceUID under several subjects" in text) is told
    assert ("P-1 1.2.840.11361.2.55, P-2 1.2.840.11361.2.55" in text) is told


class Sweep:
    """A sweep function that is busy at first, and then answers or fails."""

    def __init__(self, busy: int, error: bool) -> None:
        self.busy, self.error, self.events = busy, error, list[dict[str, Any]]()

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - as Lambda calls them
        assert FunctionName == "sweep"
        if self.busy:
            self.busy -= 1
            raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")
        self.events.append(json.loads(Payload))
        answer = {"requested": self.events[-1]["unit_ids"], "unknown": []}
        failure = {"FunctionError": "Unhandled"} if self.error else {}
        return {"Payload": BytesIO(json.dumps(answer).encode()), **failure}


@pytest.mark.parametrize(
    ("busy", "error", "failure"), [(0, False, ""), (2, False, ""), (99, False, "busy"), (0, True, "failed")]
)
def test_reruns_are_requested_of_the_sweep_function_in_parts(
    busy: int, error: bool, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment, sweep = Deployment("stack", boto3.Session(region_name="us-east-1")), Sweep(busy, error)
    ids = [str(number) for number in range(201)]
    vars(deployment).update(outputs={"SweepFunctionName": "sweep"}, lambda_=sweep)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    if failure:
        with pytest.raises(CommandError, match=failure):
            request_reruns(deployment, ids)
    else:
        assert request_reruns(deployment, ids) == {"requested": ids, "unknown": []}
        assert [(e["action"], len(e["unit_ids"])) for e in sweep.events] == [("rerun", 200), ("rerun", 1)]
