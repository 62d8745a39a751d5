"""Offline stores of the format Glue: a file for the rows of a partition that come side by side, and then the answer."""

import secrets
import string
import threading
from collections.abc import Sequence
from functools import lru_cache
from queue import SimpleQueue
from typing import Any

from botocore.exceptions import ClientError

from local.emulator.aws import AwsError, client, split_uri
from local.emulator.iam import role_credentials
from local.emulator.sagemaker.offline_table import OfflineTable, Row
from local.emulator.sagemaker.parquet import as_parquet

_GLUE_TYPES = {
    "VARCHAR": "string",
    "DOUBLE": "double",
    "BIGINT": "bigint",
    "TIMESTAMP": "timestamp",
    "BOOLEAN": "boolean",
}
_PARTITIONS = ("year", "month", "day", "hour")
_ROWS_PER_FILE = 5_000
_rows: SimpleQueue[Row] = SimpleQueue()


def create_table(table: OfflineTable, columns: Sequence[tuple[str, str]]) -> None:
    """Make a group's table."""
    client("glue").create_table(DatabaseName=table.database, TableInput=_table_input(table, columns))


def extend_table(table: OfflineTable, columns: Sequence[tuple[str, str]]) -> None:
    """Give the table these columns, those that it has among them."""
    client("glue").update_table(DatabaseName=table.database, TableInput=_table_input(table, columns))


def _table_input(table: OfflineTable, columns: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {
        "Name": table.name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "parquet", "EXTERNAL": "TRUE"},
        "PartitionKeys": [{"Name": name, "Type": "string"} for name in _PARTITIONS],
        "StorageDescriptor": {
            "Columns": [{"Name": name, "Type": _GLUE_TYPES[kind]} for name, kind in columns],
            "Location": table.uri,
            "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
        },
    }


def accept(row: Row) -> None:
    """Write a row soon; its future ends when it is there."""
    _rows.put(row)
    _start_writer()


@lru_cache(maxsize=1)
def _start_writer() -> None:
    threading.Thread(target=_write_for_ever, name="glue-store", daemon=True).start()


def _write_for_ever() -> None:
    import duckdb  # only the emulator's environment has it

    with duckdb.connect(":memory:") as connection:
        while True:
            files: dict[object, list[Row]] = {}
            for row in _waiting():
                files.setdefault((row.table, row.features, _partition(row)), []).append(row)
            for rows in files.values():
                _write_file(connection, rows)


def _waiting() -> list[Row]:
    """Wait for a row; return it with all others that wait by now."""
    rows = [_rows.get()]
    while not _rows.empty() and len(rows) < _ROWS_PER_FILE:
        rows.append(_rows.get())
    return rows


def _partition(row: Row) -> str:
    parts = zip(_PARTITIONS, row.when.strftime("%Y %m %d %H").split(), strict=True)
    return "".join(f"{part}={value}/" for part, value in parts)


def _write_file(connection: Any, rows: Sequence[Row]) -> None:  # noqa: ANN401 - DuckDB's
    first = rows[0]
    bucket, prefix = split_uri(first.table.uri)
    token = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(16))
    key = f"{prefix}/{_partition(first)}{first.when:%Y%m%dT%H%M%SZ}_{token}.parquet"
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": first.table.key_id} if first.table.key_id else {}
    try:
        body = as_parquet(connection, first.features.columns, [row.line for row in rows])
        s3 = client("s3", role_credentials(first.table.role_arn, "SageMaker"))
        s3.put_object(Bucket=bucket, Key=key, Body=body, **encryption)
    except Exception as error:  # noqa: BLE001 - callers get the error, and the thread goes on
        failure = AwsError("AccessForbidden", f"The role of the feature group cannot write: {error}", 403)
        for row in rows:
            row.written.set_exception(failure if isinstance(error, ClientError) else error)
        return
    for row in rows:
        row.written.set_result({})
