"""The offline store of feature groups: Parquet in SageMaker's own layout, and the Glue table over it.

Files have the three columns that SageMaker adds. Of a group of the format Glue they lie below
`…/data/year=/month=/day=/hour=` of the event time; of the format Iceberg, directly in `…/data`, and the table has no
partition columns, as a query sees it in AWS. Iceberg's own metadata is not written: Athena's emulator reads the files.
Features added later are new columns of the table; in older files they are null.
"""

import contextlib
import json
import math
import re
import secrets
import string
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from local.emulator.aws import ACCOUNT, REGION, AwsError, client
from local.emulator.iam import role_credentials

RESERVED_NAMES = frozenset({"is_deleted", "write_time", "api_invocation_time"})
Value = str | int | float
_EVENT_TIME = re.compile(r"(?a)\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_INT64 = 2**63
_RECORD_BYTES = 350 * 1024
_IDENTIFIER_BYTES = 2 * 1024
_LINE_BYTES = 16 * 1024 * 1024
DATABASE = "sagemaker_featurestore"
_GLUE_TYPES = {"String": "string", "Fractional": "double", "Integral": "bigint"}
_DUCKDB_TYPES = {"String": "VARCHAR", "Fractional": "DOUBLE", "Integral": "BIGINT"}
_ADDED_COLUMNS = (("write_time", "timestamp"), ("api_invocation_time", "timestamp"), ("is_deleted", "boolean"))
_PARTITIONS = ("year", "month", "day", "hour")
_ROWS_PER_FILE = 5_000


def check_record(
    group: Mapping[str, Any], definitions: Sequence[Mapping[str, str]], record: Mapping[str, str | None]
) -> dict[str, Value]:
    """Convert a record's texts to values, or reject the record.

    Parameters
    ----------
    group : mapping
        The request that created the group.
    definitions : sequence of mapping
        The group's features: name and type.
    record : mapping
        Text of each feature by name; features that are left out have no value.

    Raises
    ------
    AwsError
        ValidationError with the first thing that is wrong.
    """
    types = {item["FeatureName"]: item["FeatureType"] for item in definitions}
    unknown = sorted(set(record) - set(types))
    if unknown:
        raise _validation_error(f"Feature names {unknown} do not exist in feature group {group['FeatureGroupName']}")
    for member in ("RecordIdentifierFeatureName", "EventTimeFeatureName"):
        if not record.get(group[member]):
            raise _validation_error(f"The record has no value for {member} {group[member]}")
    _check_sizes(record, str(record[group["RecordIdentifierFeatureName"]]))
    parse_event_time(str(record[group["EventTimeFeatureName"]]), types[group["EventTimeFeatureName"]])
    return {name: _convert(name, types[name], text) for name, text in record.items() if text is not None}


def parse_event_time(text: str, feature_type: str = "String") -> datetime:
    """Return an event time as a moment in UTC.

    Parameters
    ----------
    text : str
        `yyyy-MM-ddTHH:mm:ssZ` or with `.SSS`, and nothing else; epoch seconds when the feature is Fractional.
    feature_type : str
        Type of the event time feature.

    Raises
    ------
    AwsError
        ValidationError when the text is anything else.
    """
    try:
        if feature_type == "Fractional":
            return datetime.fromtimestamp(float(text), UTC)
        if _EVENT_TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except (ValueError, OverflowError):  # not a number, or not a day of the calendar
        pass
    formats = "yyyy-MM-dd'T'HH:mm:ssZ or yyyy-MM-dd'T'HH:mm:ss.SSSZ"
    raise _validation_error(f"Event time '{text}' must be in the format {formats}")


def _check_sizes(record: Mapping[str, str | None], identifier: str) -> None:
    if len(identifier.encode()) > _IDENTIFIER_BYTES:
        raise _validation_error(f"The record identifier is longer than {_IDENTIFIER_BYTES} bytes")
    if sum(len(name) + len((text or "").encode()) for name, text in record.items()) > _RECORD_BYTES:
        raise _validation_error(f"The record is larger than {_RECORD_BYTES} bytes")


def _convert(name: str, feature_type: str, text: str) -> Value:
    try:
        return _CONVERTERS[feature_type](text)
    except ValueError:
        raise _validation_error(f"Value '{text}' of feature {name} is not of type {feature_type}") from None


def _integral(text: str) -> int:
    value = int(text) if _INTEGER.fullmatch(text) else _INT64
    if not -_INT64 <= value < _INT64:
        raise ValueError(text)
    return value


def _fractional(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


_CONVERTERS: dict[str, Callable[[str], Value]] = {"String": str, "Integral": _integral, "Fractional": _fractional}


def _validation_error(message: str) -> AwsError:
    return AwsError("ValidationError", f"Validation Error: {message}")


@dataclass(frozen=True)
class OfflineTable:
    """Where a group's offline data is: Glue table, S3 URI of the folder, role that writes, KMS key."""

    database: str
    name: str
    uri: str
    role_arn: str
    key_id: str | None = None
    is_iceberg: bool = False

    @classmethod
    def for_request(cls, request: Mapping[str, Any]) -> "OfflineTable":
        """Return the table of a CreateFeatureGroup request; its name carries the moment of creation."""
        storage = request["OfflineStoreConfig"]["S3StorageConfig"]
        versioned = f"{request['FeatureGroupName']}-{int(time.time())}"
        base = f"{storage['S3Uri'].rstrip('/')}/{ACCOUNT}/sagemaker/{REGION}/offline-store"
        catalog = request["OfflineStoreConfig"].get("DataCatalogConfig", {})
        return cls(
            database=catalog.get("Database", DATABASE),
            name=catalog.get("TableName", versioned.replace("-", "_").lower()),
            uri=f"{base}/{versioned}/data",
            role_arn=request["RoleArn"],
            key_id=storage.get("KmsKeyId"),
            is_iceberg=request["OfflineStoreConfig"].get("TableFormat") == "Iceberg",
        )


def create_table(table: OfflineTable, definitions: Sequence[Mapping[str, str]]) -> None:
    """Create the Glue table of a new group, and the database when it is the first one."""
    glue = client("glue")
    with contextlib.suppress(glue.exceptions.AlreadyExistsException):
        glue.create_database(DatabaseInput={"Name": table.database})
    glue.create_table(DatabaseName=table.database, TableInput=_table_input(table, definitions))


def extend_table(table: OfflineTable, definitions: Sequence[Mapping[str, str]]) -> None:
    """Give the Glue table the columns of all these features."""
    client("glue").update_table(DatabaseName=table.database, TableInput=_table_input(table, definitions))


def append_row(
    table: OfflineTable,
    definitions: Sequence[Mapping[str, str]],
    values: Mapping[str, Value],
    event_time: str,
    *,
    is_deleted: bool = False,
) -> Future[dict[str, Any]]:
    """Append one row, with the permissions of the group's role.

    Rows that come side by side share a file, as far as their partition is the same.

    Parameters
    ----------
    table : OfflineTable
        Where to.
    definitions : sequence of mapping
        The group's features: name and type.
    values : mapping
        Value of each feature that has one.
    event_time : str
        Event time of the record, which decides the partition.
    is_deleted : bool
        The row is a tombstone.

    Returns
    -------
    Future
        The empty answer once the row is readable, or AccessForbidden when the role may not write there.
    """
    when = parse_event_time(event_time, "String" if "T" in event_time else "Fractional")
    columns = tuple((item["FeatureName"], _DUCKDB_TYPES[item["FeatureType"]]) for item in definitions)
    row = _Row(table, columns, [*(values.get(name) for name, _ in columns), _now(), is_deleted], when)
    _rows.put(row)
    _start_writer()
    return row.written


@dataclass(frozen=True)
class _Row:
    table: OfflineTable
    columns: tuple[tuple[str, str], ...]
    values: list[Any]
    """The features, then when the record came and whether it is a tombstone."""
    when: datetime
    written: Future[dict[str, Any]] = field(default_factory=Future)

    @property
    def folder(self) -> str:
        """Partition of the record, ending in a slash; Iceberg has none."""
        if self.table.is_iceberg:
            return ""
        parts = zip(_PARTITIONS, self.when.strftime("%Y %m %d %H").split(), strict=True)
        return "".join(f"{part}={value}/" for part, value in parts)


_rows: SimpleQueue[_Row] = SimpleQueue()


@lru_cache(maxsize=1)
def _start_writer() -> None:
    threading.Thread(target=_write_for_ever, name="offline-store", daemon=True).start()


def _write_for_ever() -> None:
    import duckdb  # only the emulator's environment has it

    with duckdb.connect(":memory:") as connection:
        while True:
            files: dict[object, list[_Row]] = {}
            for row in _waiting():
                files.setdefault((row.table, row.columns, row.folder), []).append(row)
            for rows in files.values():
                _write_file(connection, rows)


def _waiting() -> list[_Row]:
    """Wait for a row; return it with all others that wait by now."""
    rows = [_rows.get()]
    while not _rows.empty() and len(rows) < _ROWS_PER_FILE:
        rows.append(_rows.get())
    return rows


def _write_file(connection: Any, rows: Sequence[_Row]) -> None:  # noqa: ANN401 - DuckDB's
    first = rows[0]
    bucket, prefix = urlsplit(first.table.uri).netloc, urlsplit(first.table.uri).path.strip("/")
    token = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(16))
    key = f"{prefix}/{first.folder}{first.when:%Y%m%dT%H%M%SZ}_{token}.parquet"
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": first.table.key_id} if first.table.key_id else {}
    try:
        body = _parquet(connection, first.columns, [row.values for row in rows])
        s3 = client("s3", role_credentials(first.table.role_arn, "SageMaker"))
        s3.put_object(Bucket=bucket, Key=key, Body=body, **encryption)
    except Exception as error:  # noqa: BLE001 - callers get the error, and the thread goes on
        failure = AwsError("AccessForbidden", f"The role of the feature group cannot write: {error}", 403)
        for row in rows:
            row.written.set_exception(failure if isinstance(error, ClientError) else error)
        return
    for row in rows:
        row.written.set_result({})


def _parquet(connection: Any, features: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]]) -> bytes:  # noqa: ANN401
    """Return a Parquet file: the features, then the columns that SageMaker adds."""
    types = [*(kind for _, kind in features), "TIMESTAMP", "BOOLEAN"]
    given = ", ".join(f"c{n}: '{kind}'" for n, kind in enumerate(types))
    write_time, invocation, deleted = (f'"{name}"' for name, _ in _ADDED_COLUMNS)
    columns = [f'c{n} AS "{name}"' for n, (name, _) in enumerate(features)]
    columns += [f"TIMESTAMP '{_now()}' AS {write_time}", f"c{len(features)} AS {invocation}"]
    columns += [f"c{len(features) + 1} AS {deleted}"]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "rows.json", Path(folder) / "rows.parquet"
        names = [f"c{n}" for n in range(len(types))]
        lines = (json.dumps(dict(zip(names, row, strict=True)), default=str) for row in rows)
        source.write_text("\n".join(lines), encoding="utf-8")
        read = (
            f"read_json('{source}', format='newline_delimited', columns={{{given}}}, maximum_object_size={_LINE_BYTES})"
        )
        connection.execute(f"COPY (SELECT {', '.join(columns)} FROM {read}) TO '{target}' (FORMAT parquet)")  # noqa: S608
        return target.read_bytes()


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _table_input(table: OfflineTable, definitions: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    columns = [{"Name": item["FeatureName"].lower(), "Type": _GLUE_TYPES[item["FeatureType"]]} for item in definitions]
    columns += [{"Name": name, "Type": kind} for name, kind in _ADDED_COLUMNS]
    return {
        "Name": table.name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "parquet", "EXTERNAL": "TRUE"},
        "PartitionKeys": [] if table.is_iceberg else [{"Name": name, "Type": "string"} for name in _PARTITIONS],
        "StorageDescriptor": {
            "Columns": columns,
            "Location": table.uri,
            "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
        },
    }
