"""Rows as Parquet, by DuckDB."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_LINE_BYTES = 16 * 1024 * 1024


def as_parquet(
    connection: Any,  # noqa: ANN401 - DuckDB's
    columns: Sequence[tuple[str, str]],
    rows: Sequence[Sequence[Any]],
    field_ids: Sequence[int] = (),
) -> bytes:
    """Return rows as a Parquet file.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Any.
    columns : sequence of (str, str)
        Names and DuckDB's types.
    rows : sequence of sequence
        Values in the order of the columns; times as `datetime` in UTC without a zone.
    field_ids : sequence of int
        Ids of the columns in an Iceberg table.
    """
    names = [f"c{n}" for n in range(len(columns))]
    given = ", ".join(f"{name}: '{kind}'" for name, (_, kind) in zip(names, columns, strict=True))
    selected = ", ".join(f"{name} AS {quoted(column)}" for name, (column, _) in zip(names, columns, strict=True))
    ids = ", ".join(f"{quoted(column)}: {n}" for n, (column, _) in zip(field_ids, columns, strict=False))
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "rows.json", Path(folder) / "rows.parquet"
        lines = (json.dumps(dict(zip(names, row, strict=True)), default=str) for row in rows)
        source.write_text("\n".join(lines), encoding="utf-8")
        read = (
            f"read_json('{source}', format='newline_delimited', columns={{{given}}}, maximum_object_size={_LINE_BYTES})"
        )
        options = f"FORMAT parquet{f', FIELD_IDS {{{ids}}}' if ids else ''}"
        connection.execute(f"COPY (SELECT {selected} FROM {read}) TO '{target}' ({options})")  # noqa: S608
        return target.read_bytes()


def quoted(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'
