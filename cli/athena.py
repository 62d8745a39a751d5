"""Runs SQL on Athena and returns typed rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cli.deployment import Deployment
from cli.errors import CommandError

if TYPE_CHECKING:
    from mypy_boto3_athena.type_defs import DatumTypeDef


Value = str | int | float | bool | None
Row = dict[str, Value]
_POLL_SECONDS = 0.2
_RESULTS_PREFIX = "queries/"


def run_query(deployment: Deployment, sql: str, *, database: str, timeout: float = 300.0) -> list[Row]:
    """Run one statement on Athena and return its rows.

    Parameters
    ----------
    deployment : Deployment
        The stack; query results are kept in its processed bucket under `queries/`.
    sql : str
        The statement; table names are those of the Glue catalogue.
    database : str
        Glue database in which unqualified table names are looked up.
    timeout : float
        Seconds to wait for the answer.

    Raises
    ------
    CommandError
        When Athena refuses or fails, with its reason.
    """
    location = f"s3://{deployment.output('ProcessedBucketName')}/{_RESULTS_PREFIX}"
    try:
        query_id = deployment.athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": database},
            ResultConfiguration={"OutputLocation": location},
        )["QueryExecutionId"]
        _wait(deployment, query_id, timeout)
    except ClientError as error:
        raise _query_error(error.response["Error"]["Message"]) from error
    return _read_rows(deployment, query_id)


def _wait(deployment: Deployment, query_id: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        answer = deployment.athena.get_query_execution(QueryExecutionId=query_id)
        status = answer["QueryExecution"].get("Status", {})
        if status.get("State") == "SUCCEEDED":
            return
        if status.get("State") in ("FAILED", "CANCELLED"):
            raise _query_error(status.get("StateChangeReason", "no reason given"))
        time.sleep(_POLL_SECONDS)
    raise CommandError(f"Athena did not answer within {timeout:.0f} s.")


def _query_error(reason: str) -> CommandError:
    return CommandError(
        "Athena could not run the query.",
        details=reason.strip(),
    )


def _read_rows(deployment: Deployment, query_id: str) -> list[Row]:
    rows: list[Row] = []
    pages = deployment.athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
    for number, page in enumerate(pages):
        result = page["ResultSet"]
        columns = [(info["Name"], info["Type"]) for info in result["ResultSetMetadata"]["ColumnInfo"]]
        lines = [line.get("Data", []) for line in result["Rows"]]
        has_header = number == 0 and bool(lines) and _is_header(columns, lines[0])
        rows.extend(_typed_row(columns, line) for line in lines[has_header:])
    return rows


def _is_header(columns: list[tuple[str, str]], cells: list[DatumTypeDef]) -> bool:
    """Say whether a line repeats the column names, as the first one of a SELECT does."""
    return [cell.get("VarCharValue") for cell in cells] == [name for name, _ in columns]


def _typed_row(columns: list[tuple[str, str]], cells: list[DatumTypeDef]) -> Row:
    return {name: _typed(kind, cell.get("VarCharValue")) for (name, kind), cell in zip(columns, cells, strict=True)}


def _to_bool(text: str) -> bool:
    return text.lower() == "true"


_PARSERS: dict[str, Callable[[str], Value]] = {
    "tinyint": int,
    "smallint": int,
    "integer": int,
    "bigint": int,
    "float": float,
    "real": float,
    "double": float,
    "decimal": float,
    "boolean": _to_bool,
}


def _typed(kind: str, text: str | None) -> Value:
    # "decimal" may carry its precision, as in decimal(10,2).
    parser = _PARSERS.get(kind.lower().partition("(")[0], str)
    return None if text is None else parser(text)
