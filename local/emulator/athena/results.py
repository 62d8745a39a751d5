"""What a query leaves: objects where Athena puts them, and the pages of GetQueryResults that are read from them.

A result is not kept in memory: the CSV object is the result, as in Athena.

Seam: `ministack.services.s3._get_object_data`. Sources: Athena user guide, "Working with query results, recent queries,
and output files" and "UNLOAD"; API reference, GetQueryResults.
"""

import json
import re
import secrets
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from local.emulator.athena.dialect import QueryError
from local.emulator.athena.tables import quoted
from local.emulator.aws import AwsError, client, split_uri

MAX_ROWS = 1000
"""Rows of a page of GetQueryResults, the heading among them (API reference)."""

_OTHER_TYPES = {"HUGEINT": "bigint", "STRUCT": "row", "MAP": "map", '"NULL"': "unknown"}
"""DuckDB's types that Athena calls otherwise; those of `_PRECISION` both call alike, and all else is text."""
_PRECISION = {
    "boolean": 0, "tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19, "float": 7, "double": 17, "decimal": 38,
    "varchar": 2147483647, "date": 0, "timestamp": 3, "timestamp with time zone": 3,
}  # fmt: skip
_FIELD = re.compile(r'(?:"((?:[^"]|"")*)"|)([,\n])')
_PARQUET = ", ROW_GROUP_SIZE 8192, DICTIONARY_SIZE_LIMIT 64"
"""Of wide tables that takes half the memory, and two thirds of the time."""
_FORMATS = {"PARQUET": "parquet", "JSON": "json", "TEXTFILE": "csv"}
_COMPRESSIONS = ("GZIP", "SNAPPY", "ZSTD", "NONE")
_FILE_BYTES = "64MB"


def athena_type(duckdb_type: str) -> str:
    """Return Athena's name of a type of DuckDB.

    Examples
    --------
    >>> athena_type("DECIMAL(10,2)"), athena_type("INTEGER[]")
    ('decimal', 'array')
    """
    if duckdb_type.endswith("]"):
        return "array"
    base = duckdb_type.partition("(")[0]
    return base.lower() if base.lower() in _PRECISION else _OTHER_TYPES.get(base, "varchar")


def write_csv(connection: Any, sql: str, columns: Sequence[tuple[str, str]], path: Path) -> None:  # noqa: ANN401
    """Write a query's rows as Athena does: every value in quotes, nothing for NULL.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Where the query runs.
    sql : str
        The query in DuckDB's dialect.
    columns : sequence of (str, str)
        Its columns: name and DuckDB's type.
    path : Path
        The file.
    """
    names = ", ".join(f"c{n}" for n in range(len(columns)))
    texts = ", ".join(f"{_as_text(f'c{n}', kind)} AS c{n}" for n, (_, kind) in enumerate(columns))
    body = path.with_suffix(".rows")
    connection.execute(
        f"COPY (SELECT {texts} FROM ({sql}) AS answer({names})) TO '{body}' "  # noqa: S608
        "(FORMAT csv, HEADER false, FORCE_QUOTE *)"
    )
    heading = ",".join(quoted(name) for name, _ in columns)
    path.write_bytes(f"{heading}\n".encode() + body.read_bytes())


def _as_text(column: str, kind: str) -> str:
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"strftime({column}, '%Y-%m-%d %H:%M:%S.%g') || ' UTC'"
    if kind.startswith("TIMESTAMP"):
        return f"strftime({column}, '%Y-%m-%d %H:%M:%S.%g')"
    return f"CAST({column} AS VARCHAR)"


def store(location: str, path: Path) -> None:
    """Upload a file to an S3 URI."""
    bucket, key = split_uri(location)
    try:
        client("s3").upload_file(str(path), bucket, key)
    except Exception as error:
        raise QueryError(f"Unable to verify/create output bucket {bucket}: {error}") from error


def unload(connection: Any, sql: str, columns: Sequence[tuple[str, str]], target: str,  # noqa: ANN401
           properties: dict[str, str], work: Path) -> list[str]:  # fmt: skip
    """Write a query's rows to files below an S3 URI, which has to be empty; return the files' URIs.

    Raises
    ------
    QueryError
        When something lies there, or a property or type is not known.
    """
    target = target.rstrip("/") + "/"
    bucket, prefix = split_uri(target)
    if client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("KeyCount"):
        raise QueryError(f"HIVE_PATH_ALREADY_EXISTS: Target directory for table already exists: {target}")
    folder = work / "unload"
    options = _copy_options(properties)
    copied = connection.execute(
        f"COPY (SELECT {_typed_columns(columns)} FROM ({sql}) AS answer) TO '{folder}' ({options})"  # noqa: S608
    ).fetchone()
    if not copied[0]:
        return []
    token = secrets.token_hex(8)
    stored = []
    for number, path in enumerate(sorted(folder.iterdir())):
        stored.append(f"{target}{number:05d}_{token}{path.suffix if options.startswith('FORMAT parquet') else '.gz'}")
        store(stored[-1], path)
    return stored


def _copy_options(properties: dict[str, str]) -> str:
    unknown = sorted(set(properties) - {"format", "compression", "field_delimiter"})
    if unknown:
        raise QueryError(f"NOT_SUPPORTED: the laptop cloud's UNLOAD does not know {', '.join(unknown)}")
    form = _FORMATS.get(properties.get("format", "").upper())
    if form is None:
        raise QueryError(f"NOT_SUPPORTED: the laptop cloud's UNLOAD writes {', '.join(_FORMATS)}")
    compression = properties.get("compression", "GZIP").upper()
    if compression not in _COMPRESSIONS:
        raise QueryError(f"NOT_SUPPORTED: the laptop cloud's UNLOAD compresses by {', '.join(_COMPRESSIONS)}")
    if form != "parquet" and compression != "GZIP":
        raise QueryError("NOT_SUPPORTED: the laptop cloud's UNLOAD compresses text by GZIP")
    kind = "uncompressed" if compression == "NONE" else compression.lower()
    delimiter = properties.get("field_delimiter", "\x01").replace("'", "''")
    kinds = {"csv": f", DELIMITER '{delimiter}', HEADER false", "parquet": _PARQUET}
    return f"FORMAT {form}, COMPRESSION {kind}, FILE_SIZE_BYTES '{_FILE_BYTES}'{kinds.get(form, '')}"


def _typed_columns(columns: Sequence[tuple[str, str]]) -> str:
    """Return the columns with types that Parquet has; Athena lowers their names."""
    names = [name.lower() for name, _ in columns]
    if len(set(names)) < len(names):
        raise QueryError("DUPLICATE_COLUMN_NAME: Column names of an UNLOAD must be unique")
    zoned = [name for name, kind in columns if kind == "TIMESTAMP WITH TIME ZONE"]
    if zoned:
        raise QueryError(f"NOT_SUPPORTED: Unsupported Hive type: timestamp(3) with time zone: {', '.join(zoned)}")
    named = [(quoted(name), kind) for name, (_, kind) in zip(names, columns, strict=True)]
    return ", ".join(f"{f'CAST({name} AS BIGINT)' if kind == 'HUGEINT' else name} AS {name}" for name, kind in named)


def result_page(execution: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """Return a page of a finished query's rows.

    Raises
    ------
    AwsError
        InvalidRequestException when the query has no rows to give, or the request makes no sense.
    """
    state = execution["Status"]["State"]
    if state == "FAILED":
        raise _invalid("Query did not finish successfully. Final query state: FAILED")
    if state != "SUCCEEDED":
        raise _invalid(f"Query has not yet finished. Current state: {state}")
    size = request.get("MaxResults", MAX_ROWS)
    if not 1 <= size <= MAX_ROWS:
        raise _invalid(f"MaxResults is more than maximum allowed length {MAX_ROWS}")
    start = int(request.get("NextToken") or 0)
    columns = execution.get("_columns") or []
    rows = _rows(execution["ResultConfiguration"]["OutputLocation"]) if execution.get("_has_rows") else ()
    page = [
        {"Data": [{} if text is None else {"VarCharValue": text} for text in row]} for row in rows[start : start + size]
    ]
    answer: dict[str, Any] = {
        "UpdateCount": execution.get("_update_count", 0),
        "ResultSet": {"Rows": page, "ResultSetMetadata": {"ColumnInfo": [_column(*column) for column in columns]}},
    }
    return {**answer, "NextToken": str(start + size)} if start + size < len(rows) else answer


@lru_cache(maxsize=2)
def _rows(location: str) -> tuple[tuple[str | None, ...], ...]:
    """Return the lines of a result object, the heading first; pages of one result are read one after another."""
    from ministack.services import s3

    body = s3._get_object_data(*split_uri(location))  # on the event loop, where a client would wait for itself
    if body is None:
        raise _invalid(f"The query results of {location} are gone")
    rows, row = [], list[str | None]()
    for text, end in _fields(body.decode()):
        row.append(text)
        if end == "\n":
            rows.append(tuple(row))
            row = []
    return tuple(rows)


def _fields(text: str) -> list[tuple[str | None, str]]:
    return [(None if found[0] in ",\n" else found[1].replace('""', '"'), found[2]) for found in _FIELD.finditer(text)]


def _column(name: str, kind: str) -> dict[str, Any]:
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": kind,
        "Precision": _PRECISION.get(kind, 0),
        "Scale": 0,
        "Nullable": "UNKNOWN",
        "CaseSensitive": kind == "varchar",
    }


def metadata(columns: Sequence[tuple[str, str]]) -> str:
    """Return the text of a result's `.metadata` object; Athena's own is binary, and for Athena alone."""
    return json.dumps([{"name": name, "type": kind} for name, kind in columns])


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidRequestException", message)
