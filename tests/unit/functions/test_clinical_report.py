"""The report as a document: its verdict, its parts, and that it keeps to its schema."""

import json
import random
from typing import Any, get_args

import pytest

from multimodal.clinical.report.build import (
    MOST_MESSAGES,
    OTHER_MESSAGES,
    Counts,
    ProblemTally,
    Upload,
    build_refusal_report,
    build_report,
)
from multimodal.clinical.report.page import render_html
from multimodal.tables.table import RowProblem, Scope
from tests.unit.functions.clinical_tables import batch, config, date, flag, number, one_hot, profiled

UPLOAD = Upload("lung", "s3://raw/clinical/lung/a.csv", "0123456789abcdef", "2026-11-25T10:00:00Z", "utf-8", ",")
COLUMNS = [
    number("age", unit="years"),
    flag("sex", "f", "m"),
    one_hot("ward", "north", "south", feature=False, unseen="other"),
    date("scan", "baseline"),
    flag("chemo", "yes", "no", "post_treatment"),
    number("days", "outcome"),
    flag("status", "dead", "alive", "outcome", feature=False),
    date("died"),
    {"source": "note", "kind": "drop", "available_at": "baseline", "reason": "free text, nothing is made of it"},
]
MORE: dict[str, Any] = {
    "timepoints": {"baseline": {"event_time": {"column": "scan"}}},
    "target": {"column": "status", "positive": ["alive"]},
    "bias": {"facets": [{"column": "sex", "disadvantaged": ["f"]}], "group": "ward", "strata": ["ward"]},
    "labels": {"origin": "baseline", "died": "status", "death": "died", "last_alive": "died"},
    "rows": [{"drop_when": {"column": "ward", "values": ["south"]}, "reason": "the south ward is another study"}],
}


def rows_of(cases: int) -> list[dict[str, str]]:
    rng = random.Random(3)
    return [
        {
            "Case ID": f"R1-{i}",
            "age": str(rng.randrange(40, 90)),
            "sex": rng.choice("fm"),
            "ward": rng.choice(["north", "north", "Mrs Example", ""]),
            "scan": "1/2/2001",
            "chemo": rng.choice(["yes", "no"]),
            "days": str(rng.randrange(900)) if i % 3 == 0 else "",
            "status": "dead" if i % 3 == 0 else "alive",
            "died": "1/2/2003" if i % 3 == 0 else "",
            "note": "",
        }
        for i in range(cases)
    ]


def problems() -> ProblemTally:
    tally = ProblemTally()
    for row in range(2, 9):
        tally.add(RowProblem(row, f"R1-{row}", "ward", "LEVEL_UNKNOWN", "not one of the levels", "row"))
    tally.add(RowProblem(30, "R1-30", "died", "DATES_CONTRADICT", "died before the CT", "label"))
    return tally


def report_of(cases: int = 120, previous: Any = None, **changes: Any) -> dict[str, Any]:
    columns = [{**column, **changes.pop(str(column["source"]), {})} for column in COLUMNS]
    dataset = config(columns, **(MORE | changes))
    rows = rows_of(cases)
    labels = {
        "survival_status": [float(i % 3 == 0) for i in range(cases)],
        "os_event": [float(i % 3 == 0) for i in range(cases)],
        "os_days": [float(i) for i in range(cases)],
    }
    summary = profiled(dataset, rows, labels, {0: [{**rows[0], "ward": "south"}] if rows else []})
    counts = Counts(cases + 8, 7, 1, {"stack-lung-clinical-baseline-v1": cases})
    return build_report(dataset, UPLOAD, summary, counts, problems(), previous)


def test_an_accepted_table_says_what_becomes_of_its_rows() -> None:
    verdict = report_of()["verdict"]
    assert verdict["status"] == "accepted"
    assert verdict["message"].startswith("120 of 128 rows become 120 records. 1 row is filtered out")
    assert "7 rows are rejected" in verdict["message"]


def test_a_leaking_feature_holds_the_table() -> None:
    verdict = report_of(days={"available_at": "baseline"})["verdict"]
    assert (verdict["status"], verdict["code"]) == ("held", "LEAKAGE_SUSPECTED")
    assert "'days'" in verdict["message"]


def test_a_table_of_which_no_row_can_be_taken_says_so() -> None:
    verdict = report_of(0)["verdict"]
    assert verdict["status"] == "empty"
    assert verdict["message"].startswith("none of 8 rows")


def test_problems_are_counted_with_their_first_rows() -> None:
    first, second = report_of()["validation"]["problems"]
    assert (first["scope"], first["code"], first["count"]) == ("row", "LEVEL_UNKNOWN", 7)
    assert first["first_rows"] == [2, 3, 4, 5, 6]
    assert (second["scope"], second["count"]) == ("label", 1)
    assert report_of()["labels"]["held"] == {"DATES_CONTRADICT": 1}


def test_a_row_is_listed_with_its_own_message() -> None:
    tally = ProblemTally()
    for row, message in ((45, "the row has 3 cells"), (172, "the row has 9 cells"), (200, "the row has 3 cells")):
        tally.add(RowProblem(row, None, "", "ROW_LENGTH", message))
    assert [(p["first_rows"], p["message"]) for p in tally.document()] == [
        ([45, 200], "the row has 3 cells"),
        ([172], "the row has 9 cells"),
    ]
    assert tally.by_code("row") == {"ROW_LENGTH": 3}


def test_very_many_different_messages_are_counted_together() -> None:
    tally = ProblemTally()
    for row in range(1_000):
        tally.add(RowProblem(row, None, "", "ROW_LENGTH", f"the row has {row} cells"))
    assert len(tally.document()) == MOST_MESSAGES + 1
    assert tally.document()[0]["message"] == OTHER_MESSAGES
    assert sum(problem["count"] for problem in tally.document()) == 1_000


def test_problems_are_listed_by_what_they_cost() -> None:
    scopes: tuple[Scope, ...] = ("row", "record", "label", "value", "warning", "dropped")
    assert set(scopes) == set(get_args(Scope))
    tally = ProblemTally()
    for scope in reversed(scopes):
        tally.add(RowProblem(2, None, "age", "A_CODE", "some words", scope))
    assert tuple(problem["scope"] for problem in tally.document()) == scopes
    dataset = config(COLUMNS)
    page = render_html(build_report(dataset, UPLOAD, profiled(dataset, rows_of(9)), Counts(9), tally))
    assert page.count("A_CODE") == len(scopes)


def test_every_column_has_its_place_and_a_reason() -> None:
    columns = {part["column"]: part for part in report_of()["columns"]}
    assert {name: part["status"] for name, part in columns.items()} == {
        "age": "feature",
        "sex": "feature",
        "ward": "off",
        "scan": "off",
        "chemo": "blocked",
        "days": "blocked",
        "status": "blocked",
        "died": "blocked",
        "note": "dropped",
    }
    assert all(part["why"] for part in columns.values())
    assert "post treatment" in columns["chemo"]["why"]
    assert columns["age"]["unit"] == "years"


def test_an_allowed_column_shows_its_reason() -> None:
    allowed = report_of(
        chemo={"allow": "given before the index date in this registry"},
        timepoints={**MORE["timepoints"], "post_treatment": {"event_time": "upload"}},
    )
    chemo = next(part for part in allowed["columns"] if part["column"] == "chemo")
    assert chemo["status"] == "allowed"
    assert "given before the index date" in chemo["why"]


def test_no_value_of_the_table_is_in_the_report() -> None:
    assert "Mrs Example" not in json.dumps(report_of())


def test_the_same_table_gives_the_same_report() -> None:
    assert json.dumps(report_of()) == json.dumps(report_of())


def test_a_rejected_file_has_a_report() -> None:
    report = build_refusal_report(UPLOAD, "COLUMNS_NOT_DECLARED", "undeclared columns: x", {"columns": ["x"]})
    assert report["verdict"] == {
        "status": "refused",
        "code": "COLUMNS_NOT_DECLARED",
        "message": "undeclared columns: x",
        "details": {"columns": ["x"]},
    }


def test_a_configuration_without_target_labels_and_bias_has_a_report() -> None:
    dataset = config(COLUMNS)
    report = build_report(dataset, UPLOAD, profiled(dataset, rows_of(20)), Counts(20), ProblemTally())
    assert report["labels"] is None
    assert not report["bias"]["measured"]
    assert not report["leakage"]["measured"]


@pytest.mark.parametrize("cases", [0, 1, 2, 30])
def test_few_cases_never_fail(cases: int) -> None:
    dataset = config(COLUMNS, **MORE)
    previous = profiled(dataset, rows_of(40)).document("x")
    assert report_of(cases, previous)["drift"]["compared"]
    assert batch(dataset, [], {}).case_ids == []
