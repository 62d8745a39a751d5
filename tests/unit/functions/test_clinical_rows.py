"""Rows of a clinical table into records: values, policies, problems, filters and labels."""

import json
import random
from datetime import date, timedelta
from typing import Any

import pytest

from multimodal.clinical.columns import features_of
from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.labels import horizon_of
from multimodal.clinical.phi import IdentifierGate
from multimodal.clinical.rows import MAX_SHARED, RowsByColumn
from multimodal.pipeline.dataset import load_dataset
from multimodal.tables.state import spooled
from multimodal.tables.table import RowProblem, TableRecord
from tests.cases import cases_of
from tests.unit.functions.clinical_small import (
    ROW,
    SMALL,
    UPLOADED_AT,
    Read,
    csv_text,
    encoded,
    raw,
    read,
    rejected,
    rows,
    small,
    with_column,
)

CASES = cases_of(__file__)

REASON = "a reason that is long enough"


def configured(document: dict[str, Any]) -> ClinicalConfig:
    return ClinicalConfig.model_validate(document)


def test_a_row_becomes_a_record_of_each_timepoint_and_a_label() -> None:
    found = read({})
    origin = {"source_uri": "s3://raw/clinical/small/table.csv", "upload_id": "0123456789abcdef"}
    shared = {"case_id": "C-001", **origin, "correlation_id": "fedcba9876543210"}
    assert found.only("baseline") == shared | {
        "event_time": "1995-01-31T00:00:00Z",
        "event_time_source": "CT Date",
        "female": "1",
        "age": "61.0",
        "smoking_never": "0",
        "smoking_former": "1",
        "smoking_current": "0",
        "packs": "20.5",
        "years_since_quit": "5",
    }
    assert found.only("surgery") == shared | {
        "event_time": "1995-02-10T00:00:00Z",
        "event_time_source": "CT Date + Days",
        "grade": "2.0",
        "days": "10",
    }
    assert found.only("labels") == shared | {
        "event_time": "1997-02-20T00:00:00Z",
        "event_time_source": "Death",
        "survival_status": "1",
        "os_event": "1",
        "os_days": "741",
        "os_horizon_365d": "0",
        "rfs_event": "1",
        "rfs_days": "741",
    }
    assert found.problems == []
    assert found.verdict.hold is None
    assert set(found.verdict.reports) == {"report.json", "report.html", "profile.json"}
    assert found.verdict.summary == {"rows": 1, "rejected": 0, "dropped": 0, "records": 3}


def test_a_record_is_written_the_same_in_whatever_order_its_features_come() -> None:
    record = read({}).only("baseline")
    backwards = dict(reversed(record.items()))
    assert spooled(TableRecord("g", record, 2)) == spooled(TableRecord("g", backwards, 2))


def test_a_missing_date_leaves_the_upload_as_event_time_and_says_so() -> None:
    found = read({"Days": ""})
    assert found.only("baseline")["event_time_source"] == "CT Date"
    assert found.only("surgery")["event_time"] == UPLOADED_AT
    assert found.only("surgery")["event_time_source"] == "UploadTime"
    assert found.records["labels"] == []
    assert found.found == [(2, "Death", "LABEL_INCOMPLETE", "label")]


@pytest.mark.parametrize(
    ("cells", "column", "code", "words"),
    [
        ({"Case ID": ""}, "Case ID", "ID_MISSING", "complete it"),
        ({"Case ID": "C-1"}, "Case ID", "ID_INVALID", r"of the form C-\d{3}"),
        ({"Case ID": "=A1"}, "Case ID", "FORMULA_CELL", "paste its value"),
        ({"Sex": "female"}, "Sex", "UNKNOWN_LEVEL", "levels (Female, Male); correct it (perhaps to 'Female')"),
        ({"Grade": "G4"}, "Grade", "UNKNOWN_LEVEL", "add the level to the dataset's file"),
        ({"Grade": "x" * 200}, "Grade", "UNKNOWN_LEVEL", "none of the column's levels"),
        ({"Grade": "=B2"}, "Grade", "FORMULA_CELL", "paste its value"),
        ({"Packs": "20 packs"}, "Packs", "NUMBER_WITH_UNIT", "write the number alone"),
        ({"Packs": "20,5kg"}, "Packs", "NUMBER_WITH_UNIT", "write the number alone"),
        ({"Packs": "50%"}, "Packs", "NUMBER_WITH_UNIT", "write the number alone"),
        ({"Packs": "20,5"}, "Packs", "NOT_A_NUMBER", "decimal comma"),
        ({"Packs": "1,200"}, "Packs", "NOT_A_NUMBER", "between the thousands"),
        ({"Packs": "1 200.5"}, "Packs", "NOT_A_NUMBER", "between the thousands"),
        ({"Packs": "nan"}, "Packs", "NOT_A_NUMBER", "no measurement"),
        ({"Packs": "-Infinity"}, "Packs", "NOT_A_NUMBER", "no measurement"),
        ({"Packs": "1e999"}, "Packs", "NOT_A_NUMBER", "no measurement"),
        ({"Packs": "#N/A"}, "Packs", "NOT_A_NUMBER", "no measurement"),
        ({"Packs": "<20"}, "Packs", "NOT_A_NUMBER", "a bound or a range"),
        ({"Packs": "20-30"}, "Packs", "NOT_A_NUMBER", "a bound or a range"),
        ({"Packs": "1_000"}, "Packs", "NOT_A_NUMBER", "not a number"),
        ({"Packs": "٣"}, "Packs", "NOT_A_NUMBER", "not a number"),
        ({"Packs": "many"}, "Packs", "NOT_A_NUMBER", "not a number"),
        ({"Packs": "=1+1"}, "Packs", "FORMULA_CELL", "paste its value"),
        ({"Packs": "-1"}, "Packs", "OUT_OF_RANGE", "below 0 pack-years"),
        ({"Packs": "201"}, "Packs", "OUT_OF_RANGE", "above 200 pack-years"),
        ({"Days": "1.5"}, "Days", "NOT_WHOLE", "whole numbers (days)"),
        ({"CT Date": "31/1/1995"}, "CT Date", "BAD_DATE", "of the form month/day/year, such as 01/31/1994"),
        ({"CT Date": "2/30/1995"}, "CT Date", "BAD_DATE", "of the form month/day/year"),
        ({"CT Date": "1995-01-31"}, "CT Date", "BAD_DATE", "of the form month/day/year"),
        ({"CT Date": "1/31/95"}, "CT Date", "BAD_DATE", "two digits"),
        ({"CT Date": "34730"}, "CT Date", "BAD_DATE", "count of days"),
        ({"CT Date": "1/31/1895"}, "CT Date", "BAD_DATE", "before 1900"),
        ({"CT Date": "1/1/1900"}, "CT Date", "BAD_DATE", "many systems write for no date"),
        ({"CT Date": "2/1/2020"}, "CT Date", "DATE_IN_FUTURE", "after the day of the upload"),
        ({"Days": "9999999"}, "Days", "DATE_IN_FUTURE", "a day after the upload"),
        ({"Quit": "90"}, "Quit", "BAD_DATE", "four digits"),
        ({"Quit": "2021"}, "Quit", "BAD_DATE", "after the upload"),
        ({"Quit": "1990.0"}, "Quit", "BAD_DATE", "four digits"),
    ],
)
def test_a_cell_that_is_wrong_costs_its_row_alone(cells: dict[str, str], column: str, code: str, words: str) -> None:
    found = read({}, {key: f'"{value}"' for key, value in cells.items()}, {})
    assert found.found == [(3, column, code, "row")]
    assert words in found.problems[0].message
    assert [record["case_id"] for record in found.records["baseline"]] == ["C-001", "C-003"]
    assert len(found.records["surgery"]) == len(found.records["labels"]) == 2
    assert found.problems[0].case_id == (None if column == "Case ID" else "C-002")


def test_every_problem_of_a_row_is_told() -> None:
    found = read({"Sex": "?", "Packs": "many", "Status": "Dead", "Death": "N/A"})
    assert [(p.column, p.code) for p in found.problems] == [("Sex", "UNKNOWN_LEVEL"), ("Packs", "NOT_A_NUMBER")]


@pytest.mark.parametrize("cells", [",".join(["C-002", *["x"] * 16]), "C-002,Female"])
def test_rows_of_another_length_are_rejected_with_their_number(cells: str) -> None:
    text = csv_text(rows({})) + "\n" + cells + "\n" + ",".join({**ROW, "Case ID": "C-003"}.values())
    found = Read(small(), encoded(text))
    assert found.found == [(4, "", "ROW_LENGTH", "row")]
    assert [r["case_id"] for r in found.records["baseline"]] == ["C-001", "C-003"]
    assert found.rows == 3, "an empty row is none"


@pytest.mark.parametrize("cell", ["", "N/A", "  ", " N/A "])
def test_what_is_missing_is_absent(cell: str) -> None:
    found = read({"Sex": cell, "Age": cell, "Smoking": cell, "Packs": cell, "Grade": cell})
    baseline = found.only("baseline")
    assert not {"female", "age", "smoking_never", "smoking_former", "smoking_current", "packs"} & set(baseline)
    assert "grade" not in found.only("surgery")
    assert found.problems == []


@pytest.mark.parametrize(("source", "policy", "present", "missing"), CASES["test_policies_for_missing_values"])
def test_policies_for_missing_values(
    source: str, policy: str, present: dict[str, str], missing: dict[str, str]
) -> None:
    found = read({}, {source: ""}, config=configured(with_column(source, when_missing=policy)))
    names = {*present, *missing}
    first, second = found.records["surgery" if source == "Grade" else "baseline"]
    assert {name: text for name, text in first.items() if name in names} == present
    assert {name: text for name, text in second.items() if name in names} == missing


@pytest.mark.parametrize("source", ["Sex", "Packs", "Grade"])
def test_a_value_that_is_needed_rejects_the_row_without_it(source: str) -> None:
    found = read({}, {source: "N/A"}, config=configured(with_column(source, when_missing="reject")))
    assert found.found == [(3, source, "MISSING_VALUE", "row")]


def test_a_condition_fills_what_is_missing_and_only_that() -> None:
    found = read(
        {"Smoking": "Never", "Packs": ""}, {"Smoking": "Never", "Packs": "3"}, {"Smoking": "Current", "Packs": ""}
    )
    assert [r.get("packs") for r in found.records["baseline"]] == ["0.0", "3.0", None]


def test_a_condition_makes_what_stands_there_missing() -> None:
    document = with_column("Grade", missing_when={"column": "Smoking", "values": ["Current"]})
    found = read({"Grade": "nonsense", "Smoking": "Current"}, {}, config=configured(document))
    assert [r.get("grade") for r in found.records["surgery"]] == [None, "2.0"]
    assert found.problems == []


def test_policies_for_unknown_levels() -> None:
    other = read({"Smoking": "Vaping"}, {}, config=configured(with_column("Smoking", unseen="other")))
    assert [r["smoking_other"] for r in other.records["baseline"]] == ["1", "0"]
    assert other.problems == []
    gone = read({"Grade": "G9"}, config=configured(with_column("Grade", unseen="missing")))
    assert gone.found == [(2, "Grade", "UNKNOWN_LEVEL", "value")]
    assert "grade" not in gone.only("surgery")


def test_a_number_out_of_range_may_cost_itself_alone() -> None:
    found = read({"Packs": "900"}, config=configured(with_column("Packs", out_of_range="missing")))
    assert found.found == [(2, "Packs", "OUT_OF_RANGE", "value")]
    assert "packs" not in found.only("baseline")


def test_factor_and_range_are_those_of_the_feature() -> None:
    document = with_column("Age", age=False, unit="months", factor=12, max=720)
    found = read({"Age": "60"}, {"Age": "61"}, config=configured(document))
    assert [r["age"] for r in found.records["baseline"]] == ["720.0"]
    assert found.found == [(3, "Age", "OUT_OF_RANGE", "row")]


def test_differences_have_a_floor_and_a_range() -> None:
    found = read({"Quit": "1996"}, {"Quit": "1995"}, {"Quit": ""})
    assert [r.get("years_since_quit") for r in found.records["baseline"]] == ["0", "0", None]
    document = with_column("Quit", max=4)
    assert read({}, config=configured(document)).found == [(2, "Quit", "OUT_OF_RANGE", "row")]
    document = with_column("Quit", format="date", unit="days", floor=None)
    assert read({"Quit": "1/1/1995"}, config=configured(document)).only("baseline")["years_since_quit"] == "30"


def test_exactly_one_of_some_columns_must_be_true() -> None:
    document = with_column("Veteran", available_at="baseline", kind="flag", name="veteran", true=["Yes"], false=["No"])
    document["checks"] = [{"exactly_one": ["Sex", "Veteran"]}]
    given = [("Female", "No"), ("Male", "No"), ("Female", "Yes"), ("Male", "Yes"), ("", "No")]
    table = csv_text(rows(*({"Sex": sex, "Veteran": v} for sex, v in given)), [*ROW, "Veteran"])
    found = Read(configured(document), encoded(table))
    assert found.found == [(3, "Sex", "NOT_EXACTLY_ONE", "row"), (4, "Sex", "NOT_EXACTLY_ONE", "row")]


def test_rows_are_left_out_by_the_first_filter_that_fits_and_nothing_else_is_told_of_them() -> None:
    filters = [
        {"drop_ids": "C-00[12]", "reason": "another study of this ward"},
        {"drop_when": {"column": "Packs", "values": ["N/A"]}, "reason": "the article drops them"},
    ]
    cells: list[dict[str, str]] = [{"Packs": "N/A"}, {"Sex": "?"}, {"Packs": " N/A ", "Status": ""}, {}]
    found = read(*cells, config=small(rows=filters))
    assert [r["case_id"] for r in found.records["baseline"]] == ["C-004"]
    assert found.found == [
        (2, "Case ID", "DROPPED_BY_FILTER", "dropped"),
        (3, "Case ID", "DROPPED_BY_FILTER", "dropped"),
        (4, "Packs", "DROPPED_BY_FILTER", "dropped"),
    ]
    assert found.verdict.summary == {"rows": 4, "rejected": 0, "dropped": 3, "records": 3}
    assert "the article drops them" in found.problems[2].message
    assert '"dropped": 3' in found.verdict.reports["report.json"]


def test_a_timepoint_that_is_dated_by_the_upload() -> None:
    document = raw(timepoints={"baseline": {"event_time": "upload"}, "surgery": SMALL["timepoints"]["surgery"]})
    baseline = read({}, config=configured(document)).only("baseline")
    assert (baseline["event_time"], baseline["event_time_source"]) == (UPLOADED_AT, "UploadTime")


LABEL_NAMES = ("os_event", "os_days", "os_horizon_365d", "rfs_event", "rfs_days")
ALIVE = {"Status": "Alive", "Death": "N/A", "Survived": "N/A"}


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        ({}, ("1", "741", "0", "1", "741")),
        ({"Death": "2/10/1996", "Seen": "", "Survived": ""}, ("1", "365", "1", "1", "365")),
        ({"Death": "2/11/1996", "Seen": "", "Survived": ""}, ("1", "366", "0", "1", "366")),
        (ALIVE | {"Seen": "2/9/1996"}, ("0", "364", None, "0", "364")),
        (ALIVE | {"Seen": "2/10/1996"}, ("0", "365", "0", "0", "365")),
        (ALIVE | {"Seen": "2/10/1995"}, ("0", "0", None, "0", "0")),
        (ALIVE | {"Recurrence": "yes", "Recurred": "3/10/1995"}, ("0", "722", "0", "1", "28")),
        ({"Recurrence": "yes", "Recurred": "2/20/1997"}, ("1", "741", "0", "1", "741")),
        ({"Recurrence": ""}, ("1", "741", "0", None, None)),
    ],
)
def test_labels_follow_from_the_dates(cells: dict[str, str], labels: tuple[str | None, ...]) -> None:
    found = read(cells)
    assert found.problems == []
    assert tuple(found.only("labels").get(name) for name in LABEL_NAMES) == labels


@pytest.mark.parametrize("seen", [364, 365, 366, 729, 730, 731])
@pytest.mark.parametrize("died", [0, 1])
def test_horizons_in_any_order_are_those_of_the_days(seen: int, died: int) -> None:
    document = raw()
    document["labels"]["horizons_days"] = [730, 365]
    day = (date(1995, 2, 10) + timedelta(days=seen)).strftime("%m/%d/%Y")
    cells = {"Death": day, "Seen": "", "Survived": ""} if died else ALIVE | {"Seen": day}
    found = read(cells, config=configured(document)).only("labels")
    expected = {f"os_horizon_{n}d": horizon_of(died, seen, n) for n in (730, 365)}
    assert {name: found.get(name) for name in expected} == {
        n: None if v is None else str(v) for n, v in expected.items()
    }


@pytest.mark.parametrize(
    ("event", "days", "expected"), [(1, 365, 1), (1, 366, 0), (0, 366, 0), (0, 365, 0), (0, 364, None), (1, 0, 1)]
)
def test_whoever_is_lost_sight_of_before_a_horizon_has_no_value_there(
    event: int, days: int, expected: int | None
) -> None:
    assert horizon_of(event, days, 365) == expected


@pytest.mark.parametrize(
    ("cells", "column", "code", "words"),
    [
        ({"Death": "2/1/1995", "Seen": ""}, "Death", "LABEL_CONTRADICTION", "death is before the day"),
        ({"Seen": "2/1/1995"}, "Seen", "LABEL_CONTRADICTION", "last seen alive before the day"),
        (ALIVE | {"Seen": "2/1/1995"}, "Seen", "LABEL_CONTRADICTION", "last seen alive before the day"),
        ({"Seen": "2/21/1997"}, "Seen", "LABEL_CONTRADICTION", "alive after its death"),
        ({"Death": "N/A"}, "Death", "LABEL_CONTRADICTION", "there is no date of death"),
        ({"Status": "Alive"}, "Death", "LABEL_CONTRADICTION", "is alive, and there is a date of death"),
        (ALIVE | {"Seen": ""}, "Seen", "LABEL_INCOMPLETE", "when the case was last seen"),
        ({"Status": ""}, "Status", "LABEL_INCOMPLETE", "whether the case died"),
        ({"CT Date": ""}, "Death", "LABEL_INCOMPLETE", "that days are counted from"),
        ({"Death": "20.2.1997"}, "Death", "BAD_DATE", "month/day/year"),
        ({"Status": "Deceased"}, "Status", "UNKNOWN_LEVEL", "none of the column's levels"),
    ],
)
def test_dates_that_contradict_each_other_cost_the_label_and_not_the_row(
    cells: dict[str, str], column: str, code: str, words: str
) -> None:
    found = read({}, cells)
    assert found.found == [(3, column, code, "label")]
    assert words in found.problems[0].message
    assert len(found.records["baseline"]) == len(found.records["surgery"]) == 2
    assert [record["case_id"] for record in found.records["labels"]] == ["C-001"]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"Recurrence": "yes"}, "there is no date of recurrence"),
        ({"Recurred": "3/10/1995"}, "the tumour did not recur"),
        ({"Recurrence": "yes", "Recurred": "2/1/1995"}, "recurrence is before the day"),
        ({"Recurrence": "yes", "Recurred": "2/21/1997"}, "after the case's death or last contact"),
    ],
)
def test_a_recurrence_that_contradicts_costs_only_its_own_labels(cells: dict[str, str], words: str) -> None:
    found = read(cells)
    assert found.found == [(2, "Recurred", "RECURRENCE_CONTRADICTION", "value")]
    assert words in found.problems[0].message
    label = found.only("labels")
    assert label["os_days"] == "741"
    assert "rfs_event" not in label
    assert "rfs_days" not in label


def test_a_bad_date_of_recurrence_costs_only_its_own_labels() -> None:
    found = read({"Recurrence": "yes", "Recurred": "soon"})
    assert [(column, code, scope) for _, column, code, scope in found.found] == [
        ("Recurred", "BAD_DATE", "value"),
        ("Recurred", "RECURRENCE_CONTRADICTION", "value"),
    ]
    assert found.only("labels")["os_days"] == "741"


@pytest.mark.parametrize(
    ("cells", "differs"), [({"Survived": "742"}, False), ({"Survived": "743"}, True), (ALIVE | {"Survived": "9"}, True)]
)
def test_another_number_of_days_to_death_is_a_warning_or_holds_the_label(cells: dict[str, str], differs: bool) -> None:
    warned = read(cells)
    assert warned.found == ([(2, "Survived", "LABEL_MISMATCH", "warning")] if differs else [])
    assert len(warned.records["labels"]) == 1
    check = {"column": "Survived", "policy": "quarantine"}
    held = read(cells, config=small(labels={**SMALL["labels"], "cross_check": check}))
    assert held.found == ([(2, "Survived", "LABEL_MISMATCH", "label")] if differs else [])
    assert len(held.records["labels"]) == (0 if differs else 1)


def test_a_status_alone_is_dated_by_the_upload() -> None:
    found = read({}, {"Status": ""}, config=small(labels={"died": "Status"}))
    label = found.only("labels")
    assert label["survival_status"] == "1"
    assert (label["event_time"], label["event_time_source"]) == (UPLOADED_AT, "UploadTime")
    assert found.found == [(3, "Status", "LABEL_INCOMPLETE", "label")]


def test_a_table_without_labels_has_no_record_of_them() -> None:
    found = read({"Death": "1/1/1990"}, config=small(labels=None))
    assert found.records["labels"] == []
    assert found.problems == []


def test_many_rows_in_several_batches_are_as_one_by_one() -> None:
    """Records depend on their row alone: not on the batch, not on what the columns remember."""
    random.seed(5)
    cells = {
        "Sex": ["Female", "Male", "?", ""],
        "Age": ["40", "61.5", "x", "N/A"],
        "Smoking": ["Never", "Former", "Current", ""],
        "Packs": ["", "3", "900"],
        "Quit": ["1990", "", "1996"],
        "CT Date": ["1/31/1995", "", "12/1/1994", "13/1/1994"],
        "Grade": ["G1", "G3", "G9"],
        "Status": ["Dead", "Alive"],
        "Death": ["2/20/1997", "N/A"],
        "Seen": ["2/1/1997", "", "1/1/1990"],
        "Recurrence": ["yes", "no"],
        "Recurred": ["3/3/1996", "N/A"],
        "Note": ["y" * 300, "fine", ""],
    }
    drawn = [{name: random.choice(values) for name, values in cells.items()} for _ in range(900)]
    drawn = [{**row, "Packs": f"{i / 7:.4f}"} if i % 3 else row for i, row in enumerate(drawn)]
    unseen = configured(with_column("Grade", unseen="missing"))
    table = [{**ROW, **row, "Case ID": f"C-{i:03}"} for i, row in enumerate(drawn)] * 6
    whole = Read(unseen, encoded(csv_text(table)))
    alone = [Read(unseen, encoded(csv_text([row]))) for row in table[:900]]
    for group in whole.records:
        assert whole.records[group] == [record for read in alone for record in read.records[group]] * 6
    told = [(p.case_id, p.column, p.code, p.scope) for p in whole.problems]
    assert told == [(p.case_id, p.column, p.code, p.scope) for read in alone for p in read.problems] * 6


def test_a_formula_of_a_spreadsheet_never_reaches_a_record() -> None:
    names = [name for name in ROW if name not in ("Note", "Case ID")]
    found = read(*({name: "=HYPERLINK(1)"} for name in names))
    assert all("=" not in text for records in found.records.values() for r in records for text in r.values())
    assert {code for _, _, code, _ in found.found} == {"FORMULA_CELL"}


def test_a_rejected_table_has_a_report_that_says_why() -> None:
    reader = Read(small(), encoded(csv_text(rows({})))).reader
    error = rejected([b"a,b\n"])
    reports = reader.refusal(error)
    assert error.message in reports["report.json"].replace("\\", "")
    assert "HEADER_NOT_RECOGNISED" in reports["report.html"]


@pytest.mark.parametrize(
    "case", ["C-\uff10\uff10\uff11", "C-\u0660\u0660\u0661", "C-001\u200b", "\ufeffC-001", "c-001"]
)
def test_an_id_is_of_plain_digits_and_letters(case: str) -> None:
    assert read({"Case ID": case}).found == [(2, "Case ID", "ID_INVALID", "row")]


@pytest.mark.parametrize("cell", ["1e16", "-1e308", "1.7e308", "9" * 400])
def test_a_number_that_nobody_measured_costs_its_row_and_not_the_table(cell: str) -> None:
    found = read({}, *[{"Packs": cell}] * 3, config=configured(with_column("Packs", min=None, max=None)))
    assert [code for _, _, code, _ in found.found] == ["NOT_A_NUMBER"] * 3
    assert json.loads(found.verdict.reports["report.json"])["validation"]["taken"] == 1


@pytest.mark.parametrize("cells", [("-0", "0"), ("0", "-0.0")])
def test_zero_has_no_sign_whichever_row_came_first(cells: tuple[str, str]) -> None:
    found = read(*({"Packs": cell} for cell in cells))
    assert [record["packs"] for record in found.records["baseline"]] == ["0.0", "0.0"]


def test_a_cell_that_is_wrong_is_not_filled_as_if_it_were_missing() -> None:
    study = configured(with_column("Packs", out_of_range="missing"))
    found = read({"Smoking": "Never", "Packs": "900"}, {"Smoking": "Never", "Packs": "N/A"}, config=study)
    assert [record.get("packs") for record in found.records["baseline"]] == [None, "0.0"]


def test_rows_of_a_repeated_case_are_rejected_in_the_report_too() -> None:
    found = read({}, {"Case ID": "C-001"}, {})
    repeated = [RowProblem(row, "C-001", "", "DUPLICATE_ID", "twice") for row in (2, 3)]
    groups = {"stack-small-clinical-baseline-v1": 1}
    report = json.loads(found.reader.verdict(repeated, groups).reports["report.json"])
    validation = report["validation"]
    assert (validation["rows"], validation["taken"], validation["rejected"]) == (3, 1, 2)
    assert validation["records"] == groups
    assert validation["problems"][0]["code"] == "DUPLICATE_ID"
    assert "1 of 3 rows become 1 records" in report["verdict"]["message"]
    assert "2 rows are of a case that is in several rows" in report["verdict"]["message"]


def test_equal_cells_become_one_text_but_for_ids_and_long_cells() -> None:
    config = small()
    sources = [config.id.source, *(column.source for column in config.columns)]
    rows = RowsByColumn(config, {source: place for place, source in enumerate(sources)}, IdentifierGate())
    rows.batch([2], [rows.stripped(["C-001", *sources[1:]])])
    for length, is_one in ((MAX_SHARED, True), (MAX_SHARED + 1, False)):
        first, second = (rows.stripped(["C-002", *("x" * length for _ in sources[1:])]) for _ in range(2))
        assert first == second == ["C-002", *["x" * length] * len(sources[1:])]
        assert {one is other for one, other in zip(first[1:], second[1:], strict=True)} == {is_one}


@pytest.mark.parametrize("padding", ["", ",", ", , "])
def test_blanks_around_cells_say_nothing_in_rows_with_and_without_padding(padding: str) -> None:
    plain = csv_text(rows({}, {"Packs": ""}))
    header, *lines = plain.splitlines()
    spaced = "\n".join([header, *(line.replace(",", " , ") + padding for line in lines)])
    assert Read(small(), encoded(spaced)).records == Read(small(), encoded(plain)).records


def test_columns_with_few_combinations_of_cells_are_joined() -> None:
    config = load_dataset("nsclc_radiogenomics").clinical
    assert config is not None
    joined, texts = features_of(config.features_of("surgery"), {})
    assert (len(joined), [each.name for each in texts]) == (2, ["days_ct_to_surgery"])
