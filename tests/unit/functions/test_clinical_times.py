"""Survival labels of tables that have times and events instead of dates."""

import json
from typing import Any

import pytest

from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.records import definitions
from tests.unit.functions.clinical_small import UPLOADED_AT, Read, encoded

LABELS: dict[str, Any] = {"died": "OS_STATUS", "time": "OS_MONTHS", "horizons_days": [365]}


def flag(source: str, true: str, false: str) -> dict[str, Any]:
    late = {"available_at": "outcome", "feature": False}
    return {"source": source, "kind": "flag", "name": source.lower(), "true": [true], "false": [false], **late}


def number(source: str, unit: str) -> dict[str, Any]:
    late = {"available_at": "outcome", "feature": False}
    return {"source": source, "kind": "number", "name": source.lower(), "unit": unit, **late}


def configured(*columns: dict[str, Any], labels: dict[str, Any], **more: Any) -> ClinicalConfig:
    age = {"source": "AGE", "kind": "number", "name": "age", "unit": "years", "available_at": "baseline", "age": True}
    return ClinicalConfig.model_validate(
        {
            "id": {"source": "PATIENT_ID", "pattern": "P[0-9]+"},
            "timepoints": {"baseline": {"event_time": "upload"}},
            "columns": [age, *columns],
            "labels": labels,
            **more,
        }
    )


STATUS = flag("OS_STATUS", "1:DECEASED", "0:LIVING")


def table(config: ClinicalConfig, *rows: str) -> Read:
    header = ",".join(["PATIENT_ID", *(column.source for column in config.columns)])
    return Read(config, encoded("\n".join([header, *(f"P{n},60,{row}" for n, row in enumerate(rows, 1))])))


def survival(found: Read) -> list[tuple[str | None, ...]]:
    names = ("os_event", "os_days", "os_horizon_365d")
    return [tuple(record.get(name) for name in names) for record in found.records["labels"]]


@pytest.mark.parametrize(
    ("unit", "time", "days"),
    [
        ("months", "9.97", "303"),
        ("months", "12", "365"),
        ("days", "303", "303"),
        ("days", "303.5", "304"),
        ("weeks", "43", "301"),
        ("years", "2", "731"),
    ],
)
def test_a_time_in_any_unit_becomes_days(unit: str, time: str, days: str) -> None:
    config = configured(STATUS, number("OS_MONTHS", unit), labels=LABELS)
    found = table(config, f"1:DECEASED,{time}", f"0:LIVING,{time}")
    assert found.problems == []
    by = "1" if int(days) <= 365 else "0"
    assert survival(found) == [("1", days, by), ("0", days, "0" if int(days) >= 365 else None)]
    label = found.records["labels"][0]
    assert label["survival_status"] == "1"
    assert (label["event_time"], label["event_time_source"]) == (UPLOADED_AT, "UploadTime")


@pytest.mark.parametrize(("true", "false"), [("1", "0"), ("2", "1"), ("Dead", "Alive"), ("TRUE", "FALSE"), ("0", "1")])
def test_events_are_coded_as_the_file_says(true: str, false: str) -> None:
    config = configured(flag("OS_STATUS", true, false), number("OS_MONTHS", "days"), labels=LABELS)
    assert [event for event, *_ in survival(table(config, f"{true},400", f"{false},400"))] == ["1", "0"]


@pytest.mark.parametrize(
    ("cells", "column", "code"),
    [
        (",5", "OS_STATUS", "LABEL_INCOMPLETE"),
        ("1:DECEASED,", "OS_MONTHS", "LABEL_INCOMPLETE"),
        ("0:LIVING,", "OS_MONTHS", "LABEL_INCOMPLETE"),
        ("0:LIVING,-1", "OS_MONTHS", "LABEL_CONTRADICTION"),
        ("1:DECEASED,long", "OS_MONTHS", "NOT_A_NUMBER"),
    ],
)
def test_what_is_wrong_costs_the_label_and_not_the_row(cells: str, column: str, code: str) -> None:
    found = table(configured(STATUS, number("OS_MONTHS", "months"), labels=LABELS), cells, "0:LIVING,12")
    assert found.found == [(2, column, code, "label")]
    assert [record["case_id"] for record in found.records["labels"]] == ["P2"]
    assert len(found.records["baseline"]) == 2


def test_times_to_death_and_to_the_last_contact_are_two_columns_of_gdc() -> None:
    columns = [flag("vital_status", "Dead", "Alive"), number("days_to_death", "days")]
    labels = {"died": "vital_status", "death": "days_to_death", "last_alive": "days_to_last_follow_up"}
    config = configured(*columns, number("days_to_last_follow_up", "days"), labels=labels | {"horizons_days": [365]})
    found = table(config, "Dead,100,", "Alive,,700", "Dead,100,90", "Alive,5,700", "Dead,,700")
    assert survival(found) == [("1", "100", "1"), ("0", "700", "0"), ("1", "100", "1")]
    assert found.found == [
        (5, "days_to_death", "LABEL_CONTRADICTION", "label"),
        (6, "days_to_death", "LABEL_CONTRADICTION", "label"),
    ]


def test_endpoints_have_labels_of_their_own() -> None:
    columns = [STATUS, number("OS_MONTHS", "months"), flag("DFS_STATUS", "1:Recurred", "0:DiseaseFree")]
    endpoints = {"dfs": {"event": "DFS_STATUS", "time": "DFS_MONTHS"}}
    config = configured(*columns, number("DFS_MONTHS", "months"), labels={**LABELS, "endpoints": endpoints})
    found = table(
        config,
        "1:DECEASED,10,1:Recurred,5",
        "0:LIVING,10,0:DiseaseFree,10",
        "0:LIVING,10,,",
        "0:LIVING,10,1:Recurred,",
        "0:LIVING,10,1:Recurred,11",
        "0:LIVING,10,1:Recurred,-3",
    )
    events = [(record.get("dfs_event"), record.get("dfs_days")) for record in found.records["labels"]]
    assert events == [("1", "152"), ("0", "304"), *[(None, None)] * 4]
    assert [days for _, days, _ in survival(found)] == ["304"] * 6
    assert found.found == [
        (5, "DFS_MONTHS", "LABEL_INCOMPLETE", "value"),
        (6, "DFS_MONTHS", "LABEL_CONTRADICTION", "value"),
        (7, "DFS_MONTHS", "LABEL_CONTRADICTION", "value"),
    ]


def test_another_unit_is_another_meaning_and_another_endpoint_is_none() -> None:
    def meaning(unit: str, **more: Any) -> dict[str, str]:
        config = configured(STATUS, number("OS_MONTHS", unit), labels={**LABELS, **more})
        return definitions("stack", "small", config)["stack-small-labels-v1"]

    months = meaning("months")
    assert months["os_days"] != meaning("days")["os_days"]
    more = meaning("months", endpoints={"dfs": {"event": "OS_STATUS", "time": "OS_MONTHS"}})
    assert {name: more[name] for name in months} == months


def test_without_a_target_leakage_is_measured_against_who_died() -> None:
    leaking = {"source": "Hospice", "kind": "flag", "name": "hospice", "available_at": "baseline"}
    columns = [STATUS, number("OS_MONTHS", "months"), {**leaking, "true": ["1"], "false": ["0"]}]
    config = configured(*columns, labels=LABELS)
    found = table(config, *(["1:DECEASED,5,1", "0:LIVING,7,0"] * 40))
    assert found.verdict.hold is not None
    assert "'Hospice'" in found.verdict.hold[1]
    report = json.loads(found.verdict.reports["report.json"])
    assert report["labels"]["survival"]["cases"] == 80
    assert report["leakage"]["target"] == {"column": "OS_STATUS", "positive": ["0:LIVING"]}


@pytest.mark.parametrize(("deaths", "median"), [(24, 2400), (10, 1000), (7, 800)])
def test_median_follow_up_is_exact_as_median_survival_is(deaths: int, median: int) -> None:
    """The half of who is censored is reached exactly where the float product is a little more than one half."""
    config = configured(STATUS, number("OS_MONTHS", "days"), labels=LABELS)
    found = table(config, *(f"0:LIVING,{(n + 1) * 200}" for n in range(deaths)))
    report = json.loads(found.verdict.reports["report.json"])
    assert report["labels"]["survival"]["median_follow_up_days"] == median


def test_one_column_of_ends_is_the_death_of_the_dead_and_the_last_contact_of_the_others() -> None:
    dates = [
        {"source": name, "kind": "date", "available_at": at} for name, at in (("CT", "baseline"), ("END", "outcome"))
    ]
    labels = {"died": "OS_STATUS", "origin": "baseline", "death": "END", "last_alive": "END", "horizons_days": [365]}
    dated = {"baseline": {"event_time": {"column": "CT"}}}
    config = configured(STATUS, *dates, labels=labels, timepoints=dated)
    ends = (
        "1:DECEASED,1/1/2000,1/11/2000",
        "0:LIVING,1/1/2000,1/11/2001",
        "0:LIVING,1/1/2000,1/1/1999",
        "0:LIVING,1/1/2000,",
    )
    found = table(config, *ends)
    assert survival(found) == [("1", "10", "1"), ("0", "376", "0")]
    assert [(p.row, p.column, p.code) for p in found.problems] == [
        (4, "END", "LABEL_CONTRADICTION"),
        (5, "END", "LABEL_INCOMPLETE"),
    ]
