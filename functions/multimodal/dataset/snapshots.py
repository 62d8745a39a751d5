"""Snapshots of the groups, as Athena left them, as views with exactly one row a case."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from multimodal.dataset.columns import GroupColumns
from multimodal.dataset.join import Statement, view_of
from multimodal.dataset.sql import KEPT_TYPES, TYPES, quoted
from multimodal.dataset.table import copy_to
from multimodal.features.group import RECORD_ID


def load_snapshot(connection: Any, group: GroupColumns, files: Sequence[Path], folder: Path) -> None:  # noqa: ANN401
    """Make the view of a group's snapshot.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    group : GroupColumns
    files : sequence of Path
        Athena writes any number of files, also none, which is a group without records.
    folder : Path
        A snapshot that has several rows of a case is written here again, with one.
    """
    rows = _rows_of(group, files)
    is_tied = f"SELECT count(*) > count(DISTINCT {RECORD_ID}) FROM ({rows})"
    if connection.execute(is_tied).fetchone()[0]:
        untied = folder / f"{view_of(group)[1:-1]}.parquet"
        connection.execute(copy_to(untied, _untied(rows, group), len(group.columns)))
        rows = _rows_of(group, [untied])
    connection.execute(f"CREATE VIEW {view_of(group)} AS {rows}")


def _rows_of(group: GroupColumns, files: Sequence[Path]) -> Statement:
    if files:
        return f"SELECT * FROM read_parquet([{', '.join(repr(str(file)) for file in files)}])"
    columns = [(RECORD_ID, "VARCHAR"), *KEPT_TYPES, *((c.feature, TYPES[c.kind]) for c in group.columns)]
    return f"SELECT {', '.join(f'CAST(NULL AS {kind}) AS {quoted(name)}' for name, kind in columns)} WHERE false"


def _untied(rows: Statement, group: GroupColumns) -> Statement:
    """Return the query for the first row of each case, in the order of all columns.

    Rows that are equal in every time differ in their content at most, so that the result does not depend on the order
    in which they were read. Last comes the row as text: it tells 0.0 from -0.0, which are equal as numbers.
    """
    order = ", ".join([*(quoted(column.feature) for column in group.columns), "CAST(r AS VARCHAR)"])
    tied = f"(SELECT {RECORD_ID} FROM r GROUP BY {RECORD_ID} HAVING count(*) > 1)"
    first = f"QUALIFY row_number() OVER (PARTITION BY {RECORD_ID} ORDER BY {order}) = 1"
    return (
        f"WITH r AS NOT MATERIALIZED ({rows}) SELECT * FROM r WHERE {RECORD_ID} NOT IN {tied} "
        f"UNION ALL BY NAME SELECT * FROM r WHERE {RECORD_ID} IN {tied} {first}"
    )
