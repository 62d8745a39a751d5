"""Where the offline store of a feature group is, and a row on its way there."""

import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.emulator.aws import ACCOUNT, REGION
from local.emulator.sagemaker.record_values import Features

DATABASE = "sagemaker_featurestore"


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
    features: Features
    line: str
    """The row as `as_parquet` takes it."""
    when: datetime
    """Event time."""
    written: Future[dict[str, Any]] = field(default_factory=Future)
