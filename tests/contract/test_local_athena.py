"""Athena on the laptop cloud: SQL with Athena's meaning, result objects where Athena puts them, its limits and errors.

There is no Athena here to compare with. The expected values are those of Trino's documentation (the page of each group
of functions: conditional, conversion, date and time, mathematical, string, aggregate, window), on which the Athena user
guide bases engine version 3, and of Athena's API reference.
"""

import csv
import gzip
import io
import re
from typing import Any

import duckdb
import pytest
from botocore.exceptions import ClientError

from tests.contract.local_cloud import Account, account_fixture, wait_for

account = account_fixture()

_ROWS = "(VALUES (1, 'a', 2.5e0), (2, NULL, NULL), (3, 'c', -2.5e0)) AS t(n, word, x)"

ANSWERS: list[tuple[str, list[str | None]]] = [
    # mathematical operators: a quotient of integers is truncated
    ("2 / 3, -7 / 2, 7e0 / 2, 5 % 3, -5 % 3", ["0", "-3", "3.5", "2", "-2"]),
    ("avg(n) / 4, sum(n) / count(*), max(n) / 2 FROM {rows}", ["0.5", "2", "1"]),
    ("9007199254740993 / 1", ["9007199254740993"]),
    (
        "round(2.5e0), round(-2.5e0), sqrt(4), log10(100), log(2, 8), power(2, 3)",
        ["3.0", "-3.0", "2.0", "2.0", "3.0", "8.0"],
    ),
    # conditional: NULL where one argument is NULL
    ("concat('a', NULL), 'a' || NULL, greatest(1, NULL), least(1, NULL)", [None, None, None, None]),
    ("NULL = 1, NULL IS DISTINCT FROM 1", [None, "true"]),
    ("coalesce(NULL, 1), nullif(1, 1), if(1 > 2, 'a', 'b')", ["1", None, "b"]),
    # conversion: half away from zero, texts as they are written
    ("CAST(2.5e0 AS bigint), CAST(-2.5e0 AS integer), CAST(2.5 AS integer)", ["3", "-3", "3"]),
    ("try_cast('2.5' AS integer), try_cast(' 2' AS integer), try_cast('abc' AS double)", [None, None, None]),
    ("try_cast('inf' AS double), try_cast('yes' AS boolean), try_cast('2020/01/02' AS date)", [None, None, None]),
    ("CAST('1.5e3' AS double), CAST('25' AS smallint), CAST('T' AS boolean)", ["1500.0", "25", "true"]),
    ("CAST(CAST(1.5 AS decimal(3, 2)) AS varchar), CAST(true AS varchar)", ["1.50", "true"]),
    ("CAST(TIMESTAMP '2020-01-02 03:04:05' AS varchar), CAST(7 AS varchar)", ["2020-01-02 03:04:05.000", "7"]),
    # date and time: whole units that have passed; a date stays a date
    ("date_diff('day', TIMESTAMP '2020-01-01 23:00:00', TIMESTAMP '2020-01-02 01:00:00')", ["0"]),
    ("date_add('month', 1, DATE '2020-01-31'), DATE '2020-01-31' + INTERVAL '1' DAY", ["2020-02-29", "2020-02-01"]),
    ("date_trunc('month', DATE '2020-01-31'), day_of_week(DATE '2020-01-05')", ["2020-01-01", "7"]),
    ("from_iso8601_timestamp('2020-01-01T00:00:00Z') < TIMESTAMP '2020-01-01 00:00:01 UTC'", ["true"]),
    ("from_iso8601_timestamp('2020-01-02T03:04:05Z')", ["2020-01-02 03:04:05.000 UTC"]),
    (
        "from_iso8601_date('2020-01-02'), to_unixtime(from_iso8601_timestamp('1970-01-01T00:01:00Z'))",
        ["2020-01-02", "60.0"],
    ),
    ("date_format(TIMESTAMP '2020-01-02 03:04:05', '%Y-%m-%d %H:%i:%s')", ["2020-01-02 03:04:05"]),
    # string
    (
        "regexp_like('R01-001', '^R01'), regexp_extract('abc', 'z'), regexp_extract('a1', '([a-z])([0-9])', 2)",
        ["true", None, "1"],
    ),
    (
        "substr('abc', 0), substr('abc', 2), strpos('abc', 'z'), length('é'), 'a' = 'A', 'a' < 'B'",
        ["", "bc", "0", "1", "false", "false"],
    ),
    (
        "split_part('a-b', '-', 2), split_part('a-b', '-', 3), lower(to_hex(md5(to_utf8('a'))))",
        ["b", None, "0cc175b9c0f1b6a831c399e269772661"],
    ),
    # arrays
    (
        "array_join(array_agg(word ORDER BY word), ','), array_agg(word ORDER BY word DESC)[3] FROM {rows}",
        ["a,c", None],
    ),
    (
        "transform(ARRAY[1, 2], x -> x + 1), cardinality(ARRAY[1]), element_at(ARRAY[1], 3), ARRAY[1, 2][2]",
        ["[2, 3]", "1", None, "2"],
    ),
    # aggregates and windows
    (
        "approx_percentile(n, 0.5), max_by(word, n), min_by(word, n), max_by(word, -n), count(word) FROM {rows}",
        ["2", "c", "a", "a", "2"],
    ),
    ("max_by(word, n), count_if(n > 1) FROM (SELECT * FROM {rows}) AS s WHERE n < 3", [None, "1"]),
    ("word FROM {rows} ORDER BY word DESC, n LIMIT 1", ["c"]),
    ("word FROM {rows} ORDER BY word DESC OFFSET 2 LIMIT 1", [None]),
    ('N, "N", T.n FROM {rows} ORDER BY 1 LIMIT 1', ["1", "1", "1"]),
    (
        "n FROM (SELECT n, row_number() OVER (ORDER BY x DESC) AS place FROM {rows}) AS r WHERE place = 3",
        ["2"],
    ),
]

REASONS = [
    ("1 / 0", "DIVISION_BY_ZERO"),
    ("CAST('2.5' AS integer)", "INVALID_CAST_ARGUMENT"),
    ("CAST('2020-01-01T00:00:00Z' AS timestamp)", "INVALID_CAST_ARGUMENT"),
    ("ARRAY[1][3]", "INVALID_FUNCTION_ARGUMENT"),
    ("missing FROM {rows}", "^COLUMN_NOT_FOUND: Referenced"),
    ("* FROM nowhere", "TABLE_NOT_FOUND"),
    # the laptop refuses what it would answer otherwise
    ("1 / 3.0", "NOT_SUPPORTED.*decimals"),
    ("1e0 / 0", "NOT_SUPPORTED.*NULLIF"),
    ("CAST(1.5e0 AS varchar)", "NOT_SUPPORTED.*text"),
    ("floor(n) FROM {rows}", "NOT_SUPPORTED.*leave it out"),
    ("max(d) + INTERVAL '1' DAY FROM (VALUES (DATE '2020-01-01')) AS t(d)", "NOT_SUPPORTED.*WITH query"),
    ("json_extract_scalar('{{}}', '$.a')", "NOT_SUPPORTED.*json_extract_scalar"),
    ("* FROM read_csv('/etc/hostname')", "NOT_SUPPORTED"),
    ("word ILIKE 'A' FROM {rows}", "NOT_SUPPORTED.*ILIKE"),
]


def _run(account: Account, sql: str, **request: Any) -> dict[str, Any]:
    athena = account.client("athena")
    request.setdefault("ResultConfiguration", {"OutputLocation": "s3://query-results/some/where"})
    started = athena.start_query_execution(QueryString=sql, **request)["QueryExecutionId"]

    def _ended() -> dict[str, Any] | None:
        execution: dict[str, Any] = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]
        return execution if execution["Status"]["State"] not in ("QUEUED", "RUNNING") else None

    return wait_for(_ended)


def _body(account: Account, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body: bytes = account.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


@pytest.fixture(scope="module", autouse=True)
def results(account: Account) -> None:
    account.bucket("query-results")


@pytest.mark.parametrize(("sql", "expected"), ANSWERS)
def test_the_answer_is_athenas(account: Account, sql: str, expected: list[str | None]) -> None:
    assert account.query(f"SELECT {sql.format(rows=_ROWS)}", "default")[1:] == [expected]


@pytest.mark.parametrize(("sql", "reason"), REASONS)
def test_what_athena_fails_or_the_laptop_cannot_answer_alike_fails(account: Account, sql: str, reason: str) -> None:
    execution = _run(account, f"SELECT {sql.format(rows=_ROWS)}")
    assert execution["Status"]["State"] == "FAILED"
    assert re.search(reason, execution["Status"]["StateChangeReason"])
    assert "LINE 1" not in execution["Status"]["StateChangeReason"], "nobody wrote the statement that DuckDB quotes"
    assert execution["Status"]["AthenaError"]["Retryable"] is False
    with pytest.raises(ClientError, match="Final query state: FAILED"):
        account.client("athena").get_query_results(QueryExecutionId=execution["QueryExecutionId"])


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT 1; SELECT 2", "UNLOAD (SELECT 1 AS a) TO 's3://query-results/x/'"])
def test_what_is_no_statement_is_rejected_at_once(account: Account, sql: str) -> None:
    with pytest.raises(ClientError) as rejected:
        _run(account, sql)
    assert rejected.value.response["Error"]["Code"] == "InvalidRequestException"


def test_the_result_is_an_object_named_after_the_query(account: Account) -> None:
    """As the SageMaker SDK reads it: `<location>/<id>.csv`, and nothing else of that name."""
    sql = (
        "SELECT 'a \"quoted\", one' AS word, NULL AS nothing, '' AS empty, 1.5e0 AS x, "
        "TIMESTAMP '2020-01-02 00:00:00' AS t"
    )
    execution = _run(account, sql)
    query_id = execution["QueryExecutionId"]
    assert execution["ResultConfiguration"]["OutputLocation"] == f"s3://query-results/some/where/{query_id}.csv"
    listed = account.client("s3").list_objects_v2(Bucket="query-results", Prefix=f"some/where/{query_id}")["Contents"]
    assert [item["Key"] for item in listed] == [f"some/where/{query_id}{end}" for end in (".csv", ".csv.metadata")]
    body = _body(account, f"s3://query-results/some/where/{query_id}.csv").decode()
    assert body.splitlines()[1] == '"a ""quoted"", one",,"","1.5","2020-01-02 00:00:00.000"'
    assert next(csv.reader(io.StringIO(body))) == ["word", "nothing", "empty", "x", "t"]
    answer = account.client("athena").get_query_results(QueryExecutionId=query_id)
    row = [cell.get("VarCharValue") for cell in answer["ResultSet"]["Rows"][1]["Data"]]
    assert row == ['a "quoted", one', None, "", "1.5", "2020-01-02 00:00:00.000"]


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT count(*), n, (word), x + 1 AS y, 'a' FROM {rows} GROUP BY 2, 3, x", "_col0 n word y _col4"),
        ("SELECT max(n), * FROM {rows} GROUP BY n, word, x", "_col0 n word x"),
        ("SELECT *, n + 1, t.n, -n FROM {rows}", "n word x _col3 n _col5"),
        ("SELECT 1 UNION ALL SELECT n AS b FROM {rows}", "_col0"),
        ("(SELECT cast(n AS varchar) FROM {rows}) ORDER BY 1 LIMIT 1", "_col0"),
        ("WITH w AS (SELECT count(*) AS c FROM {rows}) SELECT c, c * 2, count(*) FROM w GROUP BY c", "c _col1 _col2"),
        ("SELECT n, count(*) FROM {rows} GROUP BY n ORDER BY count(*) DESC, n", "n _col1"),
    ],
)
def test_columns_without_a_name_are_called_as_athena_calls_them(account: Account, sql: str, names: str) -> None:
    execution = _run(account, sql.format(rows=_ROWS))
    header = _body(account, execution["ResultConfiguration"]["OutputLocation"]).decode().splitlines()[0]
    assert next(csv.reader([header])) == names.split()


def test_columns_have_athenas_types(account: Account) -> None:
    sql = (
        "SELECT count(*), sum(n), 1 AS i, 1.5 AS d, 1e0 AS x, true AS b, 'a' AS v, DATE '2020-01-01' AS day FROM "
        + _ROWS
    )
    query_id = _run(account, sql)["QueryExecutionId"]
    columns = account.client("athena").get_query_results(QueryExecutionId=query_id)["ResultSet"]["ResultSetMetadata"]
    types = [column["Type"] for column in columns["ColumnInfo"]]
    assert types == ["bigint", "bigint", "integer", "decimal", "double", "boolean", "varchar", "date"]


def test_results_come_in_pages_of_a_thousand_lines(account: Account) -> None:
    digits = "(VALUES 0, 1, 2, 3, 4, 5, 6, 7, 8, 9) AS"
    tables = ", ".join(f"{digits} {name}(n)" for name in "abcd")
    sql = f"SELECT a.n * 1000 + b.n * 100 + c.n * 10 + d.n AS number FROM {tables} WHERE a.n < 3 ORDER BY 1"
    query_id = _run(account, sql)["QueryExecutionId"]
    athena = account.client("athena")
    pages = list(athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id))
    assert [len(page["ResultSet"]["Rows"]) for page in pages] == [1000, 1000, 1000, 1]
    cells = [row["Data"][0]["VarCharValue"] for page in pages for row in page["ResultSet"]["Rows"]]
    assert cells == ["number", *(str(n) for n in range(3000))]
    with pytest.raises(ClientError, match="MaxResults"):
        athena.get_query_results(QueryExecutionId=query_id, MaxResults=1001)


def test_unload_writes_parquet_and_a_manifest(account: Account, tmp_path: Any) -> None:
    sql = f"SELECT n AS N, word, sum(x) AS total FROM {_ROWS} GROUP BY n, word"
    target = "s3://query-results/unloaded/"
    unload = f"UNLOAD ({sql}) TO '{target}' WITH (format = 'PARQUET', compression = 'SNAPPY')"
    execution = _run(account, unload)
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    location = f"s3://query-results/some/where/{execution['QueryExecutionId']}"
    assert execution["ResultConfiguration"]["OutputLocation"] == location
    assert execution["Statistics"]["DataManifestLocation"] == f"{location}-manifest.csv"
    files = _body(account, f"{location}-manifest.csv").decode().split()
    assert files
    assert all(uri.startswith(target) for uri in files)
    (tmp_path / "rows.parquet").write_bytes(_body(account, files[0]))
    read = duckdb.sql(f"SELECT * FROM '{tmp_path / 'rows.parquet'}' ORDER BY n")
    assert [*zip(read.columns, map(str, read.types), strict=True)] == [
        ("n", "INTEGER"), ("word", "VARCHAR"), ("total", "DOUBLE"),
    ]  # fmt: skip
    assert read.fetchall() == [(1, "a", 2.5), (2, None, None), (3, "c", -2.5)]
    again = _run(account, unload)["Status"]
    assert (again["State"], "HIVE_PATH_ALREADY_EXISTS" in again["StateChangeReason"]) == ("FAILED", True)


def test_unload_of_no_rows_has_an_empty_manifest(account: Account) -> None:
    execution = _run(
        account, f"UNLOAD (SELECT n FROM {_ROWS} WHERE n > 9) TO 's3://query-results/none/' WITH (format = 'JSON')"
    )
    assert _body(account, execution["Statistics"]["DataManifestLocation"]) == b""


def test_unload_writes_lines_of_json(account: Account) -> None:
    execution = _run(
        account, f"UNLOAD (SELECT n FROM {_ROWS} WHERE n > 2) TO 's3://query-results/lines/' WITH (format = 'JSON')"
    )
    (uri,) = _body(account, execution["Statistics"]["DataManifestLocation"]).decode().split()
    assert gzip.decompress(_body(account, uri)) == b'{"n":3}\n'


def test_a_workgroup_says_where_results_go_and_how_much_is_scanned(account: Account) -> None:
    athena = account.client("athena")
    settings = {
        "ResultConfiguration": {"OutputLocation": "s3://query-results/group/"},
        "EnforceWorkGroupConfiguration": True,
    }
    athena.create_work_group(Name="own", Configuration={**settings, "BytesScannedCutoffPerQuery": 10_000_000})
    execution = _run(account, "SELECT 1 AS a", WorkGroup="own")
    assert execution["ResultConfiguration"]["OutputLocation"].startswith("s3://query-results/group/")
    with pytest.raises(ClientError, match="not found"):
        _run(account, "SELECT 1 AS a", WorkGroup="nobodys")
    with pytest.raises(ClientError, match="No output location"):
        _run(account, "SELECT 1 AS a", ResultConfiguration={})
    with pytest.raises(ClientError, match="valid S3 path"):
        _run(account, "SELECT 1 AS a", ResultConfiguration={"OutputLocation": "/tmp"})


def test_a_query_that_would_scan_too_much_is_cancelled(account: Account) -> None:
    account.bucket("big")
    account.client("s3").put_object(Bucket="big", Key="table/rows.csv", Body=b"1\n" * 6_000_000)
    settings = {
        "ResultConfiguration": {"OutputLocation": "s3://query-results/"},
        "BytesScannedCutoffPerQuery": 10_000_000,
    }
    account.client("athena").create_work_group(Name="limited", Configuration=settings)
    account.client("glue").create_database(DatabaseInput={"Name": "wide"})
    _run(account, "CREATE EXTERNAL TABLE wide.rows (a int) LOCATION 's3://big/table/'")
    execution = _run(account, "SELECT count(*) FROM wide.rows", WorkGroup="limited")
    assert execution["Status"]["State"] == "CANCELLED"
    assert "Bytes scanned limit was exceeded" in execution["Status"]["StateChangeReason"]
    counted = _run(account, "SELECT count(*) AS n FROM wide.rows")
    assert counted["Statistics"]["DataScannedInBytes"] == 12_000_000
