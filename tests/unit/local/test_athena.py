"""Rows of Athena with their types, and its refusals in plain words."""

import sqlite3
from contextlib import closing
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from cli.deployment import Deployment
from cli.errors import CommandError, UsageError
from cli.features import GroupTable, Row, describe_group, find_group, read_features, run_query, short_name, with_tables
from cli.rows import print_features
from tests.screen import Screen


def make_deployment(**clients: object) -> Deployment:
    """A deployment whose outputs are known and whose clients are given."""
    outputs = {
        "ProcessedBucketName": "processed",
        "FeatureGroupNames": "s-d-imaging-v1,s-d-lesions-v1,s-e-lesions-v1",
    }
    double = SimpleNamespace(
        stack="s", output=outputs.__getitem__, feature_groups=outputs["FeatureGroupNames"].split(","), **clients
    )
    return cast(Deployment, double)


def cells(*texts: str | None) -> dict[str, Any]:
    return {"Data": [{} if text is None else {"VarCharValue": text} for text in texts]}


def stub_query(
    columns: dict[str, str] | list[tuple[str, str]], *lines: dict[str, Any], state: str = "SUCCEEDED"
) -> Deployment:
    client = boto3.client("athena", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    stubber = Stubber(client)
    query = {"QueryExecutionId": "1" * 8}
    stubber.add_response("start_query_execution", query)
    status = {"State": state, "StateChangeReason": "line 1:8: Column 'x' cannot be resolved"}
    stubber.add_response("get_query_execution", {"QueryExecution": {"Status": status}}, query)
    pairs = list(columns.items()) if isinstance(columns, dict) else columns
    info = [{"Name": name, "Type": kind} for name, kind in pairs]
    result = {"Rows": [cells(*(name for name, _ in pairs)), *lines], "ResultSetMetadata": {"ColumnInfo": info}}
    stubber.add_response("get_query_results", {"ResultSet": result})
    stubber.activate()
    return make_deployment(athena=client)


def test_rows_are_typed_and_the_header_is_not_a_row() -> None:
    deployment = stub_query(
        {"case_id": "varchar", "n": "bigint", "x": "double", "ok": "boolean"},
        cells("R01-001", "3", "1.5", "true"),
        cells("R01-002", None, "NaN", "false"),
    )
    rows = run_query(deployment, "SELECT 1", database="db")
    assert rows[0] == {"case_id": "R01-001", "n": 3, "x": 1.5, "ok": True}
    assert rows[1]["n"] is None
    assert rows[1]["ok"] is False


def test_a_failed_query_gives_athenas_reason() -> None:
    with pytest.raises(CommandError) as failure:
        run_query(stub_query({"x": "bigint"}, state="FAILED"), "SELECT x", database="db")
    assert "Column 'x' cannot be resolved" in failure.value.details


def test_columns_of_equal_name_are_numbered() -> None:
    columns = [(name, "bigint") for name in ("t", "t", "t_2", "t")]
    rows = run_query(stub_query(columns, cells("1", "2", "3", "4")), "SELECT 1", database="db")
    assert rows == [{"t": 1, "t_3": 2, "t_2": 3, "t_4": 4}]


@pytest.mark.parametrize(("sql", "count"), [("select ';' as x; -- a; b\n", 1), ("select 1; select 2", 2)])
def test_several_statements_are_rejected(sql: str, count: int) -> None:
    deployment = stub_query({"x": "bigint"}, cells("1"))
    if count == 1:
        assert run_query(deployment, sql, database="db") == [{"x": 1}]
        return
    with pytest.raises(UsageError, match="several statements"):
        run_query(deployment, sql, database="db")


def test_features_come_in_their_own_spelling_without_the_stores_columns() -> None:
    group = GroupTable("g", "db", "t", "case_id", "event_time", ("case_id", "original_glcm_Contrast"))
    columns = {
        "case_id": "varchar",
        "original_glcm_contrast": "double",
        "write_time": "timestamp",
        "newest": "bigint",
    }
    deployment = stub_query(columns, cells("R01-001", "2.5", "2026-01-01", "1"))
    assert read_features(deployment, group) == [{"case_id": "R01-001", "original_glcm_Contrast": 2.5}]


def test_an_answer_calls_features_as_they_were_defined_and_anything_else_as_athena_does() -> None:
    names = (("case_id", "original_glcm_Contrast", "Tau"), ("case_id", "TAU"))
    groups = [GroupTable("g", "db", "t", "case_id", "event_time", features) for features in names]
    columns = [("case_id", "varchar"), *(("original_glcm_contrast", "double"),) * 2, ("tau", "double"), ("n", "bigint")]
    deployment = stub_query(columns, cells("R01-001", "2.5", "3.5", "1.0", "4"))
    [row] = run_query(deployment, "SELECT 1", database="db", groups=groups)
    assert list(row) == ["case_id", "original_glcm_Contrast", "original_glcm_Contrast_2", "tau", "n"]


def test_a_group_in_braces_becomes_the_newest_records_of_its_table() -> None:
    group = GroupTable("s-d-imaging-v1", "db", "history", "case_id", "event_time", ("case_id", "Volume"))
    sql = with_tables("select i.*, '{}' as braces from {imaging} i", {"imaging": group}.__getitem__)
    with closing(sqlite3.connect(":memory:")) as store:
        store.execute("attach ':memory:' as db")
        store.execute(
            "create table db.history (case_id, event_time, api_invocation_time, write_time, is_deleted, volume)"
        )
        rows = [("R01-1", "2001", 1, 1, 0, 10.0), ("R01-1", "2001", 2, 2, 0, 20.0), ("R01-1", "2000", 3, 3, 0, 5.0)]
        store.executemany("insert into db.history values (?, ?, ?, ?, ?, ?)", [*rows, ("R01-2", "2001", 1, 1, 1, 30.0)])
        assert store.execute(sql).fetchall() == [("R01-1", 20.0, "{}")]


@pytest.mark.parametrize("name", ["imaging", "s-d-imaging-v1"])
def test_a_group_goes_by_its_content_or_its_full_name(name: str) -> None:
    assert find_group(make_deployment(), name) == "s-d-imaging-v1"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("lesions", "Which one? There are: d-lesions, e-lesions."),
        ("rna", "There are: imaging, d-lesions, e-lesions."),
        ("", "There are: imaging, d-lesions, e-lesions."),
    ],
)
def test_an_unknown_or_ambiguous_group_lists_what_can_be_typed(name: str, hint: str) -> None:
    with pytest.raises(CommandError) as refusal:
        find_group(make_deployment(), name)
    assert refusal.value.hint == hint


def test_every_group_is_found_by_its_short_name() -> None:
    groups = ["s-d-imaging-v1", "s-d_x-imaging-v1", "s-d-rna-v1", "s-d-rna-v2", "s-d-clinical-baseline-v12"]
    deployment = cast(Deployment, SimpleNamespace(stack="s", feature_groups=groups))
    names = [short_name(deployment, group) for group in groups]
    assert names == ["d-imaging", "d_x-imaging", "s-d-rna-v1", "s-d-rna-v2", "clinical-baseline"]
    assert [find_group(deployment, name) for name in names] == groups


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_table_of_features_is_never_cut(width: int) -> None:
    names = ("case_id", "event_time", "volume_ml", "original_shape_Sphericity", "original_glcm_JointEntropy")
    group = GroupTable("s-d-imaging-v1", "db", "t", "case_id", "event_time", (*names, "manufacturer"))
    row: Row = dict.fromkeys(names, 1234.5)
    row |= {"case_id": "R01-001", "event_time": "2001-03-02T08:15:30Z", "manufacturer": "A maker of scanners"}
    console = Screen(width)
    print_features(console, group, [row])
    text = console.text
    assert "2001-03-02T08:15:30Z" in text
    assert "…" not in text.replace("`features … --json`", "")


@pytest.mark.parametrize(
    ("code", "error"), [("ResourceNotFound", CommandError), ("ExpiredTokenException", ClientError)]
)
def test_only_a_group_that_is_not_there_is_said_to_be_so(code: str, error: type[Exception]) -> None:
    client = boto3.client("sagemaker", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    deployment = make_deployment(sagemaker=client)
    with Stubber(client) as stubber:
        stubber.add_client_error("describe_feature_group", code)
        with pytest.raises(error):
            describe_group(deployment, "s-d-imaging-v1")
