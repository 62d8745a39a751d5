"""The offline store of feature groups, in SageMaker's own layout: Parquet, the Glue table over it, or an Iceberg table.

Files have the three columns that SageMaker adds. Of a group of the format Glue they lie below
`…/data/year=/month=/day=/hour=` of the event time; of the format Iceberg, in `…/data` beside `…/metadata`. Features
added later are new columns of the table; in older files they are null.
"""

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, Protocol

from local.emulator.aws import client
from local.emulator.sagemaker import glue_store
from local.emulator.sagemaker.offline_table import OfflineTable, Row
from local.emulator.sagemaker.record_values import Features, check_record, parse_event_time


class _Store(Protocol):
    """What both table formats offer."""

    def create_table(self, table: OfflineTable, columns: Sequence[tuple[str, str]]) -> None: ...

    def extend_table(self, table: OfflineTable, columns: Sequence[tuple[str, str]]) -> None: ...

    def accept(self, row: Row) -> None: ...


def _store(table: OfflineTable) -> _Store:
    if not table.is_iceberg:
        return glue_store
    from local.emulator.sagemaker import iceberg_store  # pyiceberg is in the emulator's environment alone

    return iceberg_store


def create_table(table: OfflineTable, features: Features) -> None:
    """Create the table of a new group, and the database when it is the first one."""
    glue = client("glue")
    with contextlib.suppress(glue.exceptions.AlreadyExistsException):
        glue.create_database(DatabaseInput={"Name": table.database})
    _store(table).create_table(table, features.columns)


def extend_table(table: OfflineTable, features: Features) -> None:
    """Give the table the columns of all these features."""
    _store(table).extend_table(table, features.columns)


def append_row(
    table: OfflineTable, features: Features, record: Mapping[str, str | None], *, is_deleted: bool = False
) -> Future[dict[str, Any]]:
    """Append one row, with the permissions of the group's role.

    Parameters
    ----------
    table : OfflineTable
        Where to.
    features : Features
        The group's.
    record : mapping
        Text of each feature that has a value; the event time decides the partition.
    is_deleted : bool
        The row is a tombstone.

    Returns
    -------
    Future
        The empty answer once the row is accepted: a query that starts later sees it. AccessForbidden when the role may
        not write there.

    Raises
    ------
    AwsError
        ValidationError when the record does not fit the group.
    """
    values = check_record(features, record)
    when = parse_event_time(str(record[features.event_time]), features.types[features.event_time])
    now = datetime.now(UTC).replace(tzinfo=None)
    added = {"TIMESTAMP": f'["{now}", "{now}"]', "BOOLEAN": json.dumps([is_deleted])}
    line = ", ".join(f'"{kind}": {array}' for kind, array in (values | added).items())
    row = Row(table, features, f"{{{line}}}", when)
    _store(table).accept(row)
    return row.written


def flush(offline_tables: Iterable[OfflineTable]) -> None:
    """Write what was accepted."""
    from local.emulator.iceberg import tables

    for table in offline_tables:
        if table.is_iceberg:
            with tables.opened(table.database, table.name):
                pass  # whoever opens a table has its rows written


def reopen(offline_tables: Iterable[OfflineTable]) -> None:
    """Take rows again for tables of before a restart."""
    for table in offline_tables:
        if table.is_iceberg:
            from local.emulator.sagemaker import iceberg_store

            iceberg_store.open_table(table)
