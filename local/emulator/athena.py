"""Athena: a Parquet table has the columns of its Glue table, whatever its files hold.

Seam: `ministack.services.athena._table_relation` and `_empty_relation`. Columns that no file has yet, such as
a feature that was added after the last record, are null instead of unknown, and names are in lower case.
"""

from typing import Any


def install() -> None:
    """Put the Glue table's columns in front of the files' own."""
    from ministack.services import athena

    relation = athena._table_relation

    def _table_relation(table_data: dict[str, Any], files: list[str]) -> str:
        files_relation = relation(table_data, files)
        if not str(files_relation).startswith("read_parquet("):
            return str(files_relation)
        empty = athena._empty_relation(table_data)
        return f"(SELECT * FROM {empty} UNION ALL BY NAME SELECT * FROM {files_relation})"  # noqa: S608

    athena._table_relation = _table_relation
