"""Tables with several rows a case: which row counts, columns with a rule of their own, and what is filtered out."""

import json
from typing import Any

import pytest

from multimodal.clinical.config import ClinicalConfig
from multimodal.ledger.errors import Reason
from multimodal.tables.spool import sqlite_spool
from multimodal.tables.state import spooled
from multimodal.tables.table import RowProblem, Scope, TableRecord
from tests.unit.functions.clinical_small import ROW, Read, csv_text, encoded, rejected, small, with_column

FIRST = {**ROW, "Packs": "10", "Seen": "3/1/1995", "Status": "Alive", "Death": "", "Survived": ""}


def read(rule: dict[str, Any] | None, *changes: dict[str, str], config: dict[str, Any] | None = None) -> Read:
    """Read rows of the case C-001 unless they name another."""
    document = config or with_column("Note")
    rows = [{**FIRST, **change} for change in changes]
    return Read(ClinicalConfig.model_validate({**document, "several_rows": rule}), encoded(csv_text(rows)))


def packs(found: Read) -> list[str | None]:
    return [record.get("packs") for record in found.records["baseline"]]


THREE = ({"Packs": "2", "Seen": "5/1/1995"}, {"Packs": "1", "Seen": "2/15/1995"}, {"Packs": "3", "Seen": "4/1/1996"})


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, "2.0"),
        ({"take": "last"}, "3.0"),
        ({"by": "Seen"}, "1.0"),
        ({"take": "last", "by": "Seen"}, "3.0"),
        ({"take": "nearest", "by": "Seen", "anchor": "CT Date"}, "1.0"),
        ({"take": "last", "by": "Packs"}, "3.0"),
        ({"columns": {"Packs": "max"}}, "3.0"),
        ({"columns": {"Packs": "min"}}, "1.0"),
        ({"columns": {"Packs": "mean"}}, "2.0"),
        ({"columns": {"Packs": "last"}}, "3.0"),
        ({"take": "last", "columns": {"Packs": "first"}}, "2.0"),
    ],
)
def test_one_row_of_a_case_counts(rule: dict[str, Any], expected: str) -> None:
    found = read(rule, *THREE)
    assert found.problems == []
    assert packs(found) == [expected]
    assert found.verdict.summary == {"rows": 1, "rejected": 0, "dropped": 0, "records": 3}
    validation = json.loads(found.verdict.reports["report.json"])["validation"]
    assert (validation["rows"], validation["combined"]) == (1, 2)


def test_the_nearest_row_is_nearest_to_the_anchor_on_either_side() -> None:
    before = {"Packs": "7", "Seen": "1/30/1995", "CT Date": ""}
    found = read({"take": "nearest", "by": "Seen", "anchor": "CT Date"}, *THREE, before)
    assert packs(found) == ["7.0"]


def test_the_rows_of_a_case_may_lie_anywhere_in_the_table() -> None:
    many = [{"Case ID": f"C-{n:03}", "Packs": str(n % 7 + step)} for step in (0, 100) for n in range(900)]
    found = read({"take": "last"}, *many)
    assert packs(found) == [f"{n % 7 + 100}.0" for n in range(900)]
    assert [p.row for p in found.problems] == []


def test_rows_without_a_date_come_last_and_a_case_without_any_is_not_guessed() -> None:
    found = read({"by": "Seen"}, {"Seen": "", "Packs": "1"}, {"Packs": "2"})
    assert packs(found) == ["2.0"]
    unordered = read({"by": "Seen"}, {"Seen": ""}, {"Seen": "soon"}, {"Case ID": "C-002"})
    assert [(p.row, p.case_id, p.column, p.code) for p in unordered.problems] == [
        (2, "C-001", "Seen", "ROWS_UNORDERED"),
        (3, "C-001", "Seen", "ROWS_UNORDERED"),
    ]
    assert [record["case_id"] for record in unordered.records["baseline"]] == ["C-002"]
    assert unordered.verdict.summary["rejected"] == 2


def test_cells_of_repeated_instruments_are_put_together() -> None:
    """REDCap exports a row for each event and instrument, each with its own columns filled in."""
    nothing = dict.fromkeys(ROW, "")
    demography = {**nothing, "Case ID": "C-001", "Sex": "Female", "Age": "61", "CT Date": "1/31/1995"}
    labs = [{**nothing, "Case ID": "C-001", "Packs": value} for value in ("5", "N/A", "9")]
    found = read({"fill": True, "columns": {"Packs": "max"}}, demography, *labs)
    record = found.only("baseline")
    assert (record["female"], record["age"], record["packs"]) == ("1", "61.0", "9.0")
    alone = read({"columns": {"Packs": "max"}, "take": "last"}, demography, *labs)
    assert "female" not in alone.only("baseline")


def test_a_cell_that_cannot_be_read_is_told_and_never_passed_over() -> None:
    found = read({"columns": {"Packs": "max"}}, {"Packs": "5"}, {"Packs": "many"})
    assert [(p.row, p.column, p.code) for p in found.problems] == [(2, "Packs", "NOT_A_NUMBER")]


@pytest.mark.parametrize(
    ("how", "bounds", "cells", "expected"),
    [
        ("mean", "limit", ("<5", "9"), ["7.0"]),
        ("max", "limit", ("<5", "9"), ["9.0"]),
        ("min", "limit", (">9", "20"), ["9.0"]),
        ("mean", "missing", ("<5", "9"), ["9.0"]),
        ("mean", "missing", ("<5", "<6"), [None]),
        ("mean", "reject", ("<5", "9"), []),
        ("mean", "limit", ("201", "1"), []),  # its mean would be within the range
    ],
)
def test_bounds_and_numbers_out_of_range_are_what_they_are_in_a_single_row(
    how: str, bounds: str, cells: tuple[str, str], expected: list[str | None]
) -> None:
    config = with_column("Packs", bounds=bounds, fill_when=None)
    found = read({"columns": {"Packs": how}}, *({"Packs": cell} for cell in cells), config=config)
    assert packs(found) == expected
    assert bool(found.problems) is not bool(expected)


def test_of_rows_of_one_day_the_last_of_the_file_is_the_last() -> None:
    rows = ({"Packs": "1", "Seen": "3/1/1995"}, {"Packs": "2", "Seen": "3/1/1995"})
    assert packs(read({"take": "last", "by": "Seen"}, *rows)) == ["2.0"]
    assert packs(read({"take": "first", "by": "Seen"}, *rows)) == ["1.0"]


def test_a_case_with_several_anchors_is_not_guessed() -> None:
    rows = ({"CT Date": "1/31/1995", "Seen": "3/1/1995"}, {"CT Date": "3/31/1995", "Seen": "4/1/1995"})
    found = read({"take": "nearest", "by": "Seen", "anchor": "CT Date"}, *rows)
    assert packs(found) == []
    assert {(p.column, p.code) for p in found.problems} == {("CT Date", "ROWS_UNORDERED")}
    assert "say different things" in found.problems[0].message


def test_a_mean_is_written_as_the_column_is_read() -> None:
    config = with_column("Packs", decimal=",")
    assert packs(read({"columns": {"Packs": "mean"}}, {"Packs": "1"}, {"Packs": "2"}, config=config)) == ["1.5"]


def test_rows_that_are_not_chosen_are_scanned_for_persons() -> None:
    document = {**with_column("Note"), "several_rows": {}}
    rows = [FIRST, {**FIRST, "Note": "call 555-123-4567"}]
    error = rejected(encoded(csv_text(rows)), ClinicalConfig.model_validate(document))
    assert error.reason_code == Reason.IDENTIFIERS_FOUND


KEEP = {"keep_when": {"column": "Grade", "values": ["G2"]}, "reason": "only the baseline event"}


@pytest.mark.parametrize("rule", [None, {"take": "last"}])
def test_only_rows_that_are_kept_count(rule: dict[str, Any] | None) -> None:
    config = {**with_column("Note"), "rows": [KEEP]}
    found = read(rule, {"Packs": "1"}, {"Packs": "2", "Grade": "G1"}, {"Packs": "3", "Grade": ""}, config=config)
    assert packs(found) == ["1.0"]
    assert [(p.row, p.column, p.code, p.scope) for p in found.problems] == [
        (3, "Grade", "DROPPED_BY_FILTER", "dropped"),
        (4, "Grade", "DROPPED_BY_FILTER", "dropped"),
    ]
    assert found.verdict.summary == {"rows": 3, "rejected": 0, "dropped": 2, "records": 3}


@pytest.mark.parametrize(("scope", "rejected"), [("dropped", 0), ("row", 2)])
def test_a_row_that_is_filtered_out_repeats_nothing_and_a_rejected_one_does(scope: Scope, rejected: int) -> None:
    origin = {"source_uri": "s3://b/k", "upload_id": "u", "correlation_id": "c"}
    record = {"case_id": "A", "event_time": "2020-01-01T00:00:00Z", "event_time_source": "day", **origin}
    with sqlite_spool() as spool:
        spool.add([spooled(TableRecord("g", record, 2))], [RowProblem(3, "A", "x", "CODE", "why", scope)])
        assert spool.judge("2026-01-01T00:00:00Z")["rejected_rows"] == rejected


@pytest.mark.parametrize("footer", ["* as of 2019", "Source: the registry"])
def test_a_footnote_is_no_case_whatever_the_pattern_of_ids(footer: str) -> None:
    config = small(id={"source": "Case ID", "pattern": ".+"})
    text = csv_text([FIRST]) + footer + "," * (len(ROW) - 1) + "\n" + footer + "\n"
    found = Read(config, encoded(text))
    assert sorted((p.row, p.code) for p in found.problems) == [(3, "ROW_WITHOUT_VALUES"), (4, "ROW_LENGTH")]
    assert len(found.records["baseline"]) == 1


def test_blank_cells_beyond_the_header_and_blank_rows_are_nothing() -> None:
    line = ",".join(FIRST.values())
    text = ",".join(ROW) + f"\n{line},,\n , {',' * (len(ROW) - 2)}\n{line.replace('C-001', 'C-002')}, \n"
    found = Read(small(), encoded(text))
    assert found.problems == []
    assert [record["case_id"] for record in found.records["baseline"]] == ["C-001", "C-002"]
    wrong = Read(small(), encoded(",".join(ROW) + f"\n{line},,x\n"))
    assert [p.code for p in wrong.problems] == ["ROW_LENGTH"]
