"""Queries from StartQueryExecution to their result.

Seams: `ministack.services.athena._start_query_execution`, `_execute_query`, `_get_query_results`, `_executions`,
`_workgroups`, `_parse_ddl` and `_run_ddl`. Statements are parsed when they are handed in and translated by
`dialect.py`; DDL stays ministack's.
"""

import asyncio
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlglot import exp

from local.emulator.athena.dialect import QueryError, name_columns, parse, split_unload, to_duckdb
from local.emulator.athena.functions import MACROS
from local.emulator.athena.iceberg_statements import is_maintenance, run_delete, run_maintenance
from local.emulator.athena.results import athena_type, metadata, result_page, store, unload, write_csv
from local.emulator.athena.tables import prepare_tables
from local.emulator.aws import AwsError, Response, error_response, json_response

_MEMORY = "1200MB"
_REASON_LENGTH = 2000
_STATEMENTS = (
    "NOT_SUPPORTED: the laptop cloud runs SELECT, UNLOAD, CREATE EXTERNAL TABLE and DROP TABLE, and on Iceberg tables "
    "DELETE, OPTIMIZE, VACUUM and ALTER TABLE SET TBLPROPERTIES"
)


@dataclass(frozen=True)
class _Outcome:
    columns: list[tuple[str, str]]
    scanned: int
    manifest: str = ""
    deleted: int = 0


def install() -> None:
    """Run queries here instead of in ministack."""
    from ministack.services import athena

    start = athena._start_query_execution

    def _start_query_execution(data: dict[str, Any]) -> Response:
        try:
            request = _checked(data, athena._workgroups)
        except AwsError as error:
            return error_response(error)
        answer: Response = start(request)
        return answer

    def _get_query_results(data: dict[str, Any]) -> Response:
        execution = athena._executions.get(data.get("QueryExecutionId"))
        try:
            if execution is None:
                raise _invalid(f"QueryExecution {data.get('QueryExecutionId')} was not found")
            return json_response(result_page(execution, data))
        except AwsError as error:
            return error_response(error)

    athena._start_query_execution = _start_query_execution
    athena._execute_query = _execute_query
    athena._get_query_results = _get_query_results


def _checked(data: dict[str, Any], workgroups: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the request with its effective output location.

    Raises
    ------
    AwsError
        InvalidRequestException, as Athena rejects a query before it runs.
    """
    from ministack.services import athena

    name = data.get("WorkGroup", "primary")
    group = workgroups.get(name)
    if group is None:
        raise _invalid(f"WorkGroup {name} is not found.")
    if group.get("State") == "DISABLED":
        raise _invalid(f"WorkGroup {name} is disabled.")
    location = _output_location(name, group, data)
    sql = str(data.get("QueryString", ""))
    if athena._parse_ddl(sql) is None and not is_maintenance(sql):
        try:
            unloaded = split_unload(sql)
            parse(unloaded[0] if unloaded else sql)
        except QueryError as error:
            raise AwsError("InvalidRequestException", str(error)) from error
    return {**data, "ResultConfiguration": {**data.get("ResultConfiguration", {}), "OutputLocation": location}}


def _output_location(name: str, group: dict[str, Any], data: dict[str, Any]) -> str:
    """Return where results go: a workgroup that enforces its configuration, the default, has the last word."""
    settings = group.get("Configuration", {})
    own = settings.get("ResultConfiguration", {}).get("OutputLocation")
    given = data.get("ResultConfiguration", {}).get("OutputLocation")
    enforced = settings.get("EnforceWorkGroupConfiguration", name != "primary")
    location = (own if enforced and own else given) or own
    if not location:
        raise _invalid(
            "No output location provided. An output location is required either through the Workgroup result "
            "configuration setting or as an API input."
        )
    if not location.startswith("s3://"):
        raise _invalid(f"outputLocation is not a valid S3 path: {location}")
    return str(location).rstrip("/") + "/"


async def _execute_query(query_id: str, query: str, database: str, ddl: object, catalog: str | None = None) -> None:
    """Run a query in a thread and record how it ended; `catalog` is always Glue's."""
    from ministack.services import athena

    execution = athena._executions.get(query_id)
    if execution is None:
        return
    _place_result(execution, query, is_ddl=ddl is not None)
    execution["Status"]["State"] = "RUNNING"
    start = time.monotonic()
    try:
        if ddl is not None:
            athena._run_ddl(ddl, database)
        else:
            outcome = await asyncio.to_thread(_run, execution, query, database.lower())
            _record(execution, outcome)
        end, reason = "SUCCEEDED", ""
    except _LimitError as error:
        end, reason = "CANCELLED", str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the query has ended and says why
        end, reason = "FAILED", str(error)
    _finish(execution, end, reason, time.monotonic() - start)


class _LimitError(Exception):
    """The query was stopped by a limit of its workgroup."""


def _place_result(execution: dict[str, Any], query: str, *, is_ddl: bool) -> None:
    """Name the result object as Athena does: `.csv`, `.txt` of DDL, and no suffix of UNLOAD."""
    result = execution["ResultConfiguration"]
    base = str(result["OutputLocation"]).removesuffix(".csv")
    is_unload = not is_ddl and split_unload(query) is not None
    result["OutputLocation"] = base + (".txt" if is_ddl else "" if is_unload else ".csv")
    if is_unload:
        execution["StatementType"], execution["SubstatementType"] = "DML", "UNLOAD"


def _run(execution: dict[str, Any], query: str, database: str) -> _Outcome:
    """Run a SELECT or an UNLOAD and store its result."""
    import duckdb
    from ministack.services import s3

    work = Path(tempfile.mkdtemp(prefix="query-", dir=Path(s3.DATA_DIR).parent))  # where the objects can be linked to
    try:
        with duckdb.connect(":memory:") as connection:
            return _run_in(connection, execution, query, database, work)
    except duckdb.Error as error:
        raise QueryError(_plain(str(error))) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _run_in(connection: Any, execution: dict[str, Any], query: str, database: str, work: Path) -> _Outcome:  # noqa: ANN401
    if is_maintenance(query):
        run_maintenance(query, database)
        return _Outcome([], 0)
    unloaded = split_unload(query)
    tree = parse(unloaded[0] if unloaded else query)
    _set_up(connection, work)
    if isinstance(tree, exp.Delete):
        return _Outcome([], 0, deleted=run_delete(connection, tree, database, work))
    if not isinstance(tree, exp.Query):
        raise QueryError(_STATEMENTS)
    scanned = prepare_tables(connection, tree, database, work)
    _check_limit(execution["WorkGroup"], scanned)
    sql, columns = _translated(connection, tree)
    name_columns(tree, len(columns))
    sql, columns = _translated(connection, tree)
    named = [(name, athena_type(kind)) for name, kind in columns]
    location = execution["ResultConfiguration"]["OutputLocation"]
    details = work / "metadata"
    details.write_text(metadata(named), encoding="utf-8")
    if unloaded is None:
        write_csv(connection, sql, columns, work / "result.csv")
        store(location, work / "result.csv")
        store(f"{location}.metadata", details)
        return _Outcome(named, scanned)
    files = unload(connection, sql, columns, unloaded[1], unloaded[2], work)
    manifest = work / "manifest.csv"
    manifest.write_text("".join(f"{uri}\n" for uri in files), encoding="utf-8")
    store(f"{location}-manifest.csv", manifest)
    store(f"{location}.metadata", details)
    return _Outcome(named, scanned, f"{location}-manifest.csv")


def _translated(connection: Any, tree: exp.Expr) -> tuple[str, list[tuple[str, str]]]:  # noqa: ANN401
    """Return a query as DuckDB runs it, with name and type of each column of its answer."""
    sql = to_duckdb(tree)
    return sql, [(str(row[0]), str(row[1])) for row in connection.execute(f"DESCRIBE {sql}").fetchall()]


def _set_up(connection: Any, work: Path) -> None:  # noqa: ANN401
    for statement in (
        f"SET memory_limit = '{_MEMORY}'",
        f"SET temp_directory = '{work / 'spilled'}'",
        f"SET threads = {os.cpu_count() or 1}",
        "SET TimeZone = 'UTC'",
        "SET integer_division = true",
        *MACROS,
    ):
        connection.execute(statement)


def _check_limit(workgroup: str, scanned: int) -> None:
    from ministack.services import athena

    limit = athena._workgroups.get(workgroup, {}).get("Configuration", {}).get("BytesScannedCutoffPerQuery")
    if limit and scanned > int(limit):
        raise _LimitError(f"Bytes scanned limit was exceeded: {scanned} bytes of {limit}")


def _record(execution: dict[str, Any], outcome: _Outcome) -> None:
    execution["_columns"] = outcome.columns
    execution["_has_rows"] = bool(outcome.columns) and not outcome.manifest
    execution["_update_count"] = outcome.deleted
    execution["Statistics"]["DataScannedInBytes"] = outcome.scanned
    if outcome.manifest:
        execution["Statistics"]["DataManifestLocation"] = outcome.manifest


def _finish(execution: dict[str, Any], state: str, reason: str, seconds: float) -> None:
    status, statistics = execution["Status"], execution["Statistics"]
    statistics["EngineExecutionTimeInMillis"] = statistics["TotalExecutionTimeInMillis"] = int(seconds * 1000)
    if status["State"] == "CANCELLED":  # by StopQueryExecution, in the meantime
        return
    status["CompletionDateTime"] = int(time.time())
    if state != "SUCCEEDED":
        status["StateChangeReason"] = reason[:_REASON_LENGTH]
        if state == "FAILED":
            status["AthenaError"] = {
                "ErrorCategory": 2,
                "ErrorType": 1,
                "Retryable": False,
                "ErrorMessage": reason[:_REASON_LENGTH],
            }
    status["State"] = state


def _plain(message: str) -> str:
    """Return DuckDB's message in Athena's form where this project raised it or the reason is a missing column.

    The statement that DuckDB quotes is the translated one, of which nobody knows.
    """
    text = message.removeprefix("Invalid Input Error: ").removeprefix("Binder Error: ").partition("\n\nLINE ")[0]
    if "Referenced column" in text:
        return f"COLUMN_NOT_FOUND: {text}"
    return text


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidRequestException", message)
