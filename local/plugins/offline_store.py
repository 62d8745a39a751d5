"""The offline store of feature groups: Parquet in SageMaker's own layout, and the Glue table over it.

One file per record, below `…/data/year=/month=/day=/hour=` of the event time, with the three columns that
SageMaker adds. Features added later are new columns of the table; in older files they are null.
"""

from __future__ import annotations

import contextlib
import secrets
import string
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from local.plugins.aws import ACCOUNT, REGION, AwsError, client
from local.plugins.feature_records import Value, parse_event_time
from local.plugins.roles import role_credentials

DATABASE = "sagemaker_featurestore"
_GLUE_TYPES = {"String": "string", "Fractional": "double", "Integral": "bigint"}
_DUCKDB_TYPES = {"String": "VARCHAR", "Fractional": "DOUBLE", "Integral": "BIGINT"}
_ADDED_COLUMNS = (("write_time", "timestamp"), ("api_invocation_time", "timestamp"), ("is_deleted", "boolean"))
_PARTITIONS = ("year", "month", "day", "hour")


@dataclass(frozen=True)
class OfflineTable:
    """Where a group's offline data is.

    Parameters
    ----------
    database, name : str
        Of the Glue table.
    uri : str
        S3 URI of the data folder, without a slash at the end.
    role_arn : str
        Role that writes.
    key_id : str or None
        KMS key of the objects.
    """

    database: str
    name: str
    uri: str
    role_arn: str
    key_id: str | None = None

    @classmethod
    def for_request(cls, request: Mapping[str, Any]) -> OfflineTable:
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


def write_record(
    table: OfflineTable,
    definitions: Sequence[Mapping[str, str]],
    values: Mapping[str, Value],
    event_time: str,
) -> None:
    """Append one record as a Parquet file, with the permissions of the group's role.

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

    Raises
    ------
    AwsError
        AccessForbidden when the role may not write there.
    """
    when = parse_event_time(event_time, "String" if "T" in event_time else "Fractional")
    bucket, prefix = urlsplit(table.uri).netloc, urlsplit(table.uri).path.strip("/")
    folder = "/".join(
        f"{part}={value}" for part, value in zip(_PARTITIONS, when.strftime("%Y %m %d %H").split(), strict=True)
    )
    name = f"{when:%Y%m%dT%H%M%SZ}_{''.join(secrets.choice(string.ascii_letters + string.digits) for _ in range(16))}"
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": table.key_id} if table.key_id else {}
    try:
        client("s3", role_credentials(table.role_arn, "SageMaker")).put_object(
            Bucket=bucket,
            Key=f"{prefix}/{folder}/{name}.parquet",
            Body=_parquet(definitions, values),
            **encryption,
        )
    except ClientError as error:
        raise AwsError("AccessForbidden", f"The role of the feature group cannot write: {error}", 403) from error


def _parquet(definitions: Sequence[Mapping[str, str]], values: Mapping[str, Value]) -> bytes:
    """Return a Parquet file with one row."""
    import duckdb  # only the emulator's environment has it

    now = datetime.now(UTC).replace(tzinfo=None)
    columns = [(item["FeatureName"], _DUCKDB_TYPES[item["FeatureType"]]) for item in definitions]
    columns += [(name, kind.upper()) for name, kind in _ADDED_COLUMNS]
    row = [*(values.get(item["FeatureName"]) for item in definitions), now, now, False]
    selected = ", ".join(f'CAST(? AS {kind}) AS "{name}"' for name, kind in columns)
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(":memory:") as connection:
        target = Path(folder) / "record.parquet"
        connection.execute(f"COPY (SELECT {selected}) TO '{target}' (FORMAT parquet)", row)
        return target.read_bytes()


def _table_input(table: OfflineTable, definitions: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    columns = [{"Name": item["FeatureName"].lower(), "Type": _GLUE_TYPES[item["FeatureType"]]} for item in definitions]
    columns += [{"Name": name, "Type": kind} for name, kind in _ADDED_COLUMNS]
    return {
        "Name": table.name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "parquet", "EXTERNAL": "TRUE"},
        "PartitionKeys": [{"Name": name, "Type": "string"} for name in _PARTITIONS],
        "StorageDescriptor": {
            "Columns": columns,
            "Location": table.uri,
            "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
        },
    }
