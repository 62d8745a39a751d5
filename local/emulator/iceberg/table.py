"""One Iceberg table: made, grown, appended to, rewritten, and rid of its past.

pyiceberg keeps schema, snapshots, manifests and the Glue table; data files are DuckDB's, their columns marked with the
table's field ids. Rows are deleted by writing their files anew (copy on write; Athena writes delete files beside them).
Decision: laptop-9.
"""

import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.typedef import Record
from pyiceberg.types import BooleanType, DoubleType, IcebergType, LongType, NestedField, StringType, TimestampType

from local.emulator.aws import client, split_uri
from local.emulator.iceberg.files import KEY, ROLE, S3Files, erase

TYPES: dict[str, IcebergType] = {
    "VARCHAR": StringType(),
    "DOUBLE": DoubleType(),
    "BIGINT": LongType(),
    "TIMESTAMP": TimestampType(),
    "BOOLEAN": BooleanType(),
}
"""Types of columns by DuckDB's names."""

_NAMES = {kind: name for name, kind in TYPES.items()}
_DAY_SECONDS = 86_400
MAX_AGE, KEPT = "vacuum_max_snapshot_age_seconds", "vacuum_min_snapshots_to_keep"
"""Properties of a table that Athena's VACUUM follows (Athena user guide, "VACUUM"), five days and one by default."""


@dataclass(frozen=True)
class Column:
    """A column of a table: name, DuckDB's type, and the id by which files know it."""

    name: str
    kind: str
    field_id: int


class IcebergTable:
    """A table of the Glue catalogue; one writer at a time."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @classmethod
    def create(cls, database: str, name: str, location: str, columns: Iterable[tuple[str, str]],
               *, role_arn: str, key_id: str | None) -> "IcebergTable":  # fmt: skip
        """Make a table with its first metadata and its entry in Glue.

        Parameters
        ----------
        database, name : str
            Where it is in the catalogue.
        location : str
            S3 URI; data files lie below `data/`, metadata below `metadata/`.
        columns : iterable of (str, str)
            Names and types, as in `TYPES`.
        role_arn : str
            Who writes.
        key_id : str, optional
            KMS key of every object.
        """
        fields = [NestedField(n, column, TYPES[kind], required=False) for n, (column, kind) in enumerate(columns, 1)]
        properties = {"write.parquet.compression-codec": "zstd"}
        catalog = _catalog(role_arn, key_id)
        return cls(catalog.create_table((database, name), Schema(*fields), location=location, properties=properties))

    @classmethod
    def load(cls, database: str, name: str) -> "IcebergTable":
        """Return a table as its entry in Glue describes it now."""
        return cls(_catalog().load_table((database, name)))

    def refresh(self) -> None:
        """Take the table as its entry in Glue describes it now."""
        self._table.refresh()

    @property
    def columns(self) -> list[Column]:
        """The columns in order."""
        return [Column(f.name, _NAMES[f.field_type], f.field_id) for f in self._table.schema().fields]

    def data_files(self) -> list[DataFile]:
        """Return the files of the current snapshot."""
        snapshot = self._table.current_snapshot()
        if snapshot is None:
            return []
        entries = (e for m in snapshot.manifests(self._table.io) for e in m.fetch_manifest_entry(self._table.io))
        return [entry.data_file for entry in entries]

    def add_columns(self, columns: Iterable[tuple[str, str]]) -> None:
        """Add columns; they are null in the rows that are there."""
        with self._table.update_schema() as update:
            for name, kind in columns:
                update.add_column(name, TYPES[kind])

    def replace(self, gone: Sequence[DataFile], bodies: Sequence[tuple[bytes, int]]) -> None:
        """Write files in the place of others, in one snapshot.

        Parameters
        ----------
        gone : sequence of DataFile
            Files of the current snapshot that are not part of the next.
        bodies : sequence of (bytes, int)
            Parquet with this table's field ids, and its number of rows.
        """
        added = [self._store(body, rows) for body, rows in bodies if rows]
        with self._table.transaction() as transaction:
            updates = transaction.update_snapshot()
            with updates.overwrite() if gone else updates.fast_append() as snapshot:
                for file in added:
                    snapshot.append_data_file(file)
                for file in gone:
                    snapshot.delete_data_file(file)

    def _store(self, body: bytes, rows: int) -> DataFile:
        path = f"{self._table.location()}/data/{datetime.now(UTC):%Y%m%dT%H%M%SZ}_{uuid.uuid4().hex[:16]}.parquet"
        files = self._table.io
        assert isinstance(files, S3Files)  # noqa: S101 - _catalog says so
        files.put(path, body)
        return DataFile.from_args(
            content=DataFileContent.DATA,
            file_path=path,
            file_format=FileFormat.PARQUET,
            partition=Record(),
            record_count=rows,
            file_size_in_bytes=len(body),
            spec_id=self._table.spec().spec_id,
        )

    def set_properties(self, properties: dict[str, str]) -> None:
        """Set properties of the table."""
        with self._table.transaction() as transaction:
            transaction.set_properties(properties)

    def vacuum(self) -> list[str]:
        """Expire old snapshots and erase every object that no remaining one refers to; return what is gone.

        Snapshots expire at the age that the table's property has, or at five days.
        """
        settings = self._table.properties
        snapshots = sorted(self._table.snapshots(), key=lambda snapshot: snapshot.timestamp_ms, reverse=True)
        limit = (time.time() - int(settings.get(MAX_AGE, 5 * _DAY_SECONDS))) * 1000
        expired = [s.snapshot_id for s in snapshots[int(settings.get(KEPT, 1)) :] if s.timestamp_ms <= limit]
        if expired:
            self._table.maintenance.expire_snapshots().by_ids(expired).commit()
        return self._erase_orphans()

    def forget_all_but(self, kept: int) -> None:
        """Expire all snapshots but the last few, and erase what only they refer to."""
        snapshots = sorted(self._table.snapshots(), key=lambda snapshot: snapshot.timestamp_ms, reverse=True)
        if expired := [snapshot.snapshot_id for snapshot in snapshots[kept:]]:
            self._table.maintenance.expire_snapshots().by_ids(expired).commit()
        self._erase_orphans()

    def _erase_orphans(self) -> list[str]:
        kept = self._referenced()
        bucket, prefix = split_uri(self._table.location())
        pages = client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=f"{prefix}/")
        found = {f"s3://{bucket}/{item['Key']}" for page in pages for item in page.get("Versions", [])}
        orphans = sorted(found - kept)
        for location in orphans:
            erase(location)
        return orphans

    def _referenced(self) -> set[str]:
        files = self._table.io
        kept = {self._table.metadata_location}
        for snapshot in self._table.snapshots():
            kept.add(snapshot.manifest_list)
            for manifest in snapshot.manifests(files):
                kept.add(manifest.manifest_path)
                kept |= {entry.data_file.file_path for entry in manifest.fetch_manifest_entry(files)}
        return kept


def _catalog(role_arn: str | None = None, key_id: str | None = None) -> GlueCatalog:
    properties: dict[str, Any] = {"py-io-impl": f"{S3Files.__module__}.{S3Files.__name__}"}
    properties |= {name: value for name, value in ((ROLE, role_arn), (KEY, key_id)) if value}
    return GlueCatalog("glue", client=client("glue"), **properties)
