"""Athena: queries as Athena means them, and their results where Athena puts them.

Seams: in `ministack.services.athena`, `_table_relation` and `_empty_relation` (a Parquet table has the columns of its
Glue table, whatever its files hold), `_run_duckdb` (a query is translated, and UNLOAD is done) and
`_save_query_results` (the object is `<prefix>/<id>.csv`, its values are quoted, a NULL is an empty cell).
"""

import asyncio
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from local.emulator.sql import SqlError, connect, translated

T = TypeVar("T")

_UNLOAD = re.compile(
    r"(?is)\s*UNLOAD\s*\((?P<query>.*)\)\s*TO\s*'(?P<uri>s3://[^']+)'\s*WITH\s*\((?P<options>.*?)\)\s*"
)


def install() -> None:
    """Replace the seams."""
    _give_tables_their_columns()
    _translate_queries()
    _save_results_in_their_place()


def _give_tables_their_columns() -> None:
    from ministack.services import athena

    relation = athena._table_relation

    def _table_relation(table_data: dict[str, Any], files: list[str]) -> str:
        files_relation = relation(table_data, files)
        if not str(files_relation).startswith("read_parquet("):
            return str(files_relation)
        empty = athena._empty_relation(table_data)
        return f"(SELECT * FROM {empty} UNION ALL BY NAME SELECT * FROM {files_relation})"  # noqa: S608

    athena._table_relation = _table_relation


def _translate_queries() -> None:
    from ministack.services import athena

    async def _run_duckdb(query: str, database: str, catalog: str | None = None) -> dict[str, Any]:
        unload = _UNLOAD.fullmatch(query)
        if unload is None:
            return await _on_tables(query, database, catalog, _rows)
        if not re.search(r"(?i)format\s*=\s*'PARQUET'", unload["options"]):
            raise SqlError("UNLOAD on the laptop writes format = 'PARQUET' only")
        return await _unload(unload["query"], unload["uri"], database, catalog)

    athena._run_duckdb = _run_duckdb


async def _on_tables(query: str, database: str, catalog: str | None, work: Callable[[str], T]) -> T:
    """Do something with a translated query whose tables are files of this computer, off the event loop."""
    from ministack.services import athena

    rewritten, _, folders = await athena._rewrite_data_paths(translated(query), database, catalog)
    try:
        return await asyncio.to_thread(work, rewritten)
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def _rows(query: str) -> dict[str, Any]:
    from ministack.services import athena

    with connect() as connection:
        result = connection.execute(query)
        columns = result.description or []
        names = [str(column[1]).upper().split("(")[0] for column in columns]
        types = [athena._DUCKDB_TYPE_MAP.get(name, "varchar") for name in names]
        return {"columns": [c[0] for c in columns], "column_types": types, "rows": [list(r) for r in result.fetchall()]}


async def _unload(query: str, uri: str, database: str, catalog: str | None) -> dict[str, Any]:
    """Write the rows of a query to one Parquet object below `uri`, which must be empty, as in Athena."""
    from ministack.services import s3

    bucket, prefix = urlsplit(uri).netloc, urlsplit(uri).path.strip("/")
    if any(key.startswith(f"{prefix}/") for key in s3._buckets.get(bucket, {}).get("objects", {})):
        raise SqlError(f"HIVE_PATH_ALREADY_EXISTS: Target directory for UNLOAD {uri} is not empty")
    body = await _on_tables(query, database, catalog, _as_parquet)
    athena_put(bucket, f"{prefix}/00000_0.parquet", body)
    return {"columns": ["rows"], "column_types": ["bigint"], "rows": []}


def _as_parquet(query: str) -> bytes:
    """Return the rows of a query as Parquet: the same bytes for the same rows in the same order."""
    with tempfile.TemporaryDirectory() as folder, connect() as connection:
        target = Path(folder) / "rows.parquet"
        connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)")
        return target.read_bytes()


def athena_put(bucket: str, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
    """Store an object as Athena does.

    Raises
    ------
    SqlError
        When S3 does not take it.
    """
    from ministack.services import s3

    answer = s3._put_object(bucket, key, body, {"content-type": content_type, "content-length": str(len(body))})
    if isinstance(answer, tuple) and answer[0] >= 300:
        raise SqlError(f"Unable to write to s3://{bucket}/{key}: {answer[2]!r}")


def _save_results_in_their_place() -> None:
    from ministack.services import athena

    async def _save_query_results(query_id: str) -> None:
        execution = athena._executions[query_id]
        location = urlsplit(_location(execution))
        results = execution["_results"]
        body = as_csv([results["columns"], *results["rows"]]).encode()
        athena_put(location.netloc, location.path.strip("/"), body, "text/csv")
        types = ",".join(execution.get("_column_types") or [])
        metadata = f"{','.join(results['columns'])}\n{types}".encode()
        athena_put(location.netloc, f"{location.path.strip('/')}.metadata", metadata)

    athena._save_query_results = _save_query_results


def _location(execution: dict[str, Any]) -> str:
    """Return the object's URI; a folder without a slash at its end gets one."""
    configuration, name = execution["ResultConfiguration"], f"{execution['QueryExecutionId']}.csv"
    folder = str(configuration["OutputLocation"]).removesuffix(name)
    configuration["OutputLocation"] = f"{folder.rstrip('/')}/{name}"
    return str(configuration["OutputLocation"])


def as_csv(rows: list[list[object]]) -> str:
    """Return rows as Athena writes them: every value in quotes, NULL without any."""
    return "".join(",".join(map(_cell, row)) + "\n" for row in rows)


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return '"' + text.replace('"', '""') + '"'
