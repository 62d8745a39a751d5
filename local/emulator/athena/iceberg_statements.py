"""Statements of Athena that change Iceberg tables: DELETE, OPTIMIZE, VACUUM and the properties that VACUUM follows.

With them a record's history is erased: DELETE leaves its rows out of the current snapshot, VACUUM takes away the older
ones with their files (Athena user guide, "Perform row-level deletes", "VACUUM", "OPTIMIZE"; Amazon SageMaker developer
guide, "Delete records from your feature groups").
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlglot import exp

from local.emulator.athena.dialect import QueryError, to_duckdb
from local.emulator.athena.tables import definition_of, is_iceberg, prepare_tables
from local.emulator.iceberg.rewrite import delete_rows, merge_small_files
from local.emulator.iceberg.table import KEPT, MAX_AGE, IcebergTable
from local.emulator.iceberg.tables import opened

_NAME = r"((?:[\"`\w-]+\.)*[\"`\w-]+)"
_OPTIMIZE = re.compile(rf"\s*OPTIMIZE\s+{_NAME}\s+REWRITE\s+DATA\s+USING\s+BIN_PACK\s*;?\s*", re.IGNORECASE)
_VACUUM = re.compile(rf"\s*VACUUM\s+{_NAME}\s*;?\s*", re.IGNORECASE)
_ALTER = re.compile(rf"\s*ALTER\s+TABLE\s+{_NAME}\s+SET\s+TBLPROPERTIES\s*\(([^()]*)\)\s*;?\s*", re.IGNORECASE)
_PROPERTIES = frozenset({MAX_AGE, KEPT, "optimize_rewrite_delete_file_threshold"})
"""The last is of no effect here: there are no delete files, as deleted rows' files are written anew at once."""
_PROPERTY = re.compile(r"\s*'(\w+)'\s*=\s*'(\d+)'\s*")


def is_maintenance(sql: str) -> bool:
    """Whether a statement is OPTIMIZE, VACUUM or ALTER TABLE SET TBLPROPERTIES."""
    return any(pattern.fullmatch(sql) for pattern in (_OPTIMIZE, _VACUUM, _ALTER))


def run_maintenance(sql: str, database: str) -> None:
    """Run a statement of which `is_maintenance` is true.

    Raises
    ------
    QueryError
        When the table is missing or no Iceberg table, or a property is none of Athena's.
    """
    if found := _OPTIMIZE.fullmatch(sql):
        with _iceberg(found[1], database) as table:
            merge_small_files(table)
    elif found := _VACUUM.fullmatch(sql):
        with _iceberg(found[1], database) as table:
            table.vacuum()
    elif found := _ALTER.fullmatch(sql):
        properties = _properties(found[2])
        with _iceberg(found[1], database) as table:
            table.set_properties(properties)


def _properties(text: str) -> dict[str, str]:
    pairs = [_PROPERTY.fullmatch(part) for part in text.split(",")]
    properties = {pair[1]: pair[2] for pair in pairs if pair}
    if None in pairs or set(properties) - _PROPERTIES:
        known = ", ".join(sorted(_PROPERTIES))
        raise QueryError(f"NOT_SUPPORTED: the laptop cloud knows these table properties, with numbers: {known}")
    return properties


@contextmanager
def _iceberg(name: str, database: str) -> Iterator[IcebergTable]:
    parts = [part.strip('"`').lower() for part in name.split(".")]
    schema, table = (parts[-2] if len(parts) > 1 else database), parts[-1]
    with _only_iceberg(schema, table) as found:
        yield found


@contextmanager
def _only_iceberg(schema: str, name: str) -> Iterator[IcebergTable]:
    if not is_iceberg(definition_of(schema, name)):
        raise QueryError("NOT_SUPPORTED: Modifying Hive table rows is only supported for transactional tables")
    with opened(schema, name) as table:
        yield table


def run_delete(connection: Any, tree: exp.Delete, database: str, work: Path) -> int:  # noqa: ANN401 - DuckDB's
    """Delete the rows that a condition names; return their number.

    Raises
    ------
    QueryError
        When the table is no Iceberg table, or the condition cannot be translated.
    """
    schema, name = (tree.this.db or database).lower(), tree.this.name.lower()
    where = tree.args.get("where")
    condition = where.this if where else exp.true()
    prepare_tables(connection, exp.select("1").where(condition.copy()), database, work)  # those of subqueries
    with _only_iceberg(schema, name) as table:
        return delete_rows(connection, table, to_duckdb(condition), work)
