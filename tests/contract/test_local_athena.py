"""Queries on the laptop answer as Athena does, or say that they do not.

Expected values: Trino's documentation, "Mathematical functions and operators", "Comparison functions and operators",
"Conditional expressions", "Date and time functions", "String functions", "Aggregate functions", "SELECT".
"""

import time
from typing import Any

import pytest

from tests.contract.local_cloud import Account, account_fixture

account = account_fixture()

ANSWERS = {
    "SELECT 2 / 3, -7 / 2, 7 % 3": ["0", "-3", "1"],
    "SELECT 2e0 / 3 > 0.66, CAST(7 AS double) / 2": ["true", "3.5"],
    "SELECT sum(x) / count(*) FROM (VALUES 1, 2) AS t(x)": ["1"],
    "SELECT concat('a', NULL), 'a' || NULL": [None, None],
    "SELECT greatest(1, NULL), least(1, NULL), greatest(2, 3)": [None, None, "3"],
    "SELECT coalesce(NULL, 2), nullif(1, 1), if(1 > 2, 'x')": ["2", None, None],
    "SELECT NULL = 1, NULL IS DISTINCT FROM 1": [None, "true"],
    "SELECT array_join(array_agg(x ORDER BY x), ',') FROM (VALUES 'b', NULL, 'a') AS t(x)": ["a,b"],
    "SELECT array_agg(x ORDER BY x)[1] FROM (VALUES 2, NULL, 1) AS t(x)": ["1"],
    "SELECT array_agg(x ORDER BY x DESC)[1] FROM (VALUES 2, NULL, 1) AS t(x)": ["2"],
    "SELECT regexp_like('R01-023', '^R01-[0-9]+$'), regexp_like('xaby', 'ab')": ["true", "true"],
    "SELECT cardinality(transform(ARRAY[1, 2], x -> x + 1)), transform(ARRAY[1, 2], x -> x + 1)[2]": ["2", "3"],
    "SELECT date_diff('day', DATE '2020-01-31', DATE '2020-03-01')": ["30"],
    "SELECT from_iso8601_timestamp('2020-01-01T00:00:00Z') < TIMESTAMP '2020-01-01 00:00:01 UTC'": ["true"],
    "SELECT try_cast('x' AS integer), try_cast('7' AS integer)": [None, "7"],
    "SELECT lower(to_hex(md5(to_utf8('a'))))": ["0cc175b9c0f1b6a831c399e269772661"],
    "SELECT count(*) FILTER (WHERE x > 1), count(x) FROM (VALUES 1, 2, NULL) AS t(x)": ["1", "2"],
    "SELECT max_by(x, y), min_by(x, y) FROM (VALUES ('a', 2), ('b', 1)) AS t(x, y)": ["a", "b"],
    "SELECT CAST(3 AS varchar), CAST(CAST(1.5 AS decimal(3, 2)) AS varchar), CAST(true AS varchar)": [
        "3",
        "1.50",
        "true",
    ],
    "SELECT substr('abc', 2), strpos('abc', 'c'), split_part('a-b', '-', 2)": ["bc", "3", "b"],
    "SELECT row_number() OVER (ORDER BY x) FROM (VALUES 5) AS t(x)": ["1"],
}


@pytest.fixture(scope="module", autouse=True)
def _results(account: Account) -> None:
    account.bucket("query-results")


@pytest.mark.parametrize("sql", ANSWERS)
def test_an_answer_is_that_of_trino(account: Account, sql: str) -> None:
    assert account.query(sql, "default")[1] == ANSWERS[sql]


def _run(account: Account, sql: str, location: str = "s3://query-results/folder") -> dict[str, Any]:
    athena = account.client("athena")
    name = athena.start_query_execution(QueryString=sql, ResultConfiguration={"OutputLocation": location})
    while True:
        found: dict[str, Any] = athena.get_query_execution(QueryExecutionId=name["QueryExecutionId"])["QueryExecution"]
        if found["Status"]["State"] not in {"QUEUED", "RUNNING"}:
            return found
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT 1 / 0", "Division by zero"),
        ("SELECT 1e0 / 0", "Division by zero"),
        ("SELECT CAST(x AS varchar) FROM (VALUES 1.5e10) AS t(x)", "cast it to DECIMAL"),
        ("SELECT approx_percentile(x, 0.5) FROM (VALUES 1) AS t(x)", "approx_percentile"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT FROM WHERE", "SYNTAX_ERROR"),
    ],
)
def test_what_is_an_error_there_or_would_differ_is_refused(account: Account, sql: str, reason: str) -> None:
    status = _run(account, sql)["Status"]
    assert status["State"] == "FAILED"
    assert reason in status["StateChangeReason"]


def test_the_result_is_where_athena_puts_it(account: Account) -> None:
    found = _run(account, "SELECT 'a \"b\"' AS x, CAST(NULL AS varchar) AS y, '' AS z, true AS t, 3 AS n")
    location = f"s3://query-results/folder/{found['QueryExecutionId']}.csv"
    assert found["ResultConfiguration"]["OutputLocation"] == location
    body = account.client("s3").get_object(Bucket="query-results", Key=location.removeprefix("s3://query-results/"))
    assert body["Body"].read().decode() == '"x","y","z","t","n"\n"a ""b""",,"","true","3"\n'


def test_unload_writes_parquet_once(account: Account) -> None:
    sql = "UNLOAD (SELECT x FROM (VALUES 2, 1) AS t(x) ORDER BY x) TO 's3://query-results/u/' WITH (format = 'PARQUET')"
    assert _run(account, sql)["Status"]["State"] == "SUCCEEDED"
    objects = account.client("s3").list_objects_v2(Bucket="query-results", Prefix="u/")["Contents"]
    body = account.client("s3").get_object(Bucket="query-results", Key=objects[0]["Key"])["Body"].read()
    assert (body[:4], body[-4:]) == (b"PAR1", b"PAR1")
    again = _run(account, sql)["Status"]
    assert (again["State"], "not empty" in again["StateChangeReason"]) == ("FAILED", True)
