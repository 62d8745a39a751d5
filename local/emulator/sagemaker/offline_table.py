"""Where the offline store of a feature group is, its columns, and a row on its way there."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from local.emulator.aws import ACCOUNT, REGION

RESERVED_NAMES = frozenset({"is_deleted", "write_time", "api_invocation_time"})
DATABASE = "sagemaker_featurestore"
_DUCKDB_TYPES = {"String": "VARCHAR", "Fractional": "DOUBLE", "Integral": "BIGINT"}
_ADDED_COLUMNS = (("write_time", "TIMESTAMP"), ("api_invocation_time", "TIMESTAMP"), ("is_deleted", "BOOLEAN"))


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


@dataclass(frozen=True)
class Row:
    """One row of an offline store on its way there; its future ends when it is accepted."""

    table: OfflineTable
    columns: tuple[tuple[str, str], ...]
    """Names of all columns in lower case, as the table has them, and DuckDB's types."""
    values: tuple[Any, ...]
    when: datetime
    """Event time."""
    written: Future[dict[str, Any]] = field(default_factory=Future)


def columns_of(definitions: Sequence[Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the columns of a group's table: its features, then those that SageMaker adds."""
    return _columns(tuple((item["FeatureName"], item["FeatureType"]) for item in definitions))


@lru_cache(maxsize=64)
def _columns(features: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return (*((name.lower(), _DUCKDB_TYPES[kind]) for name, kind in features), *_ADDED_COLUMNS)
