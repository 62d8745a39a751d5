"""Rows as Parquet, by DuckDB."""

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

_LINE_BYTES = 16 * 1024 * 1024


def as_parquet(
    connection: Any,  # noqa: ANN401 - DuckDB's
    columns: Sequence[tuple[str, str]],
    lines: Iterable[str],
    field_ids: Sequence[int] = (),
) -> bytes:
    """Return rows as a Parquet file.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Any.
    columns : sequence of (str, str)
        Names and DuckDB's types.
    lines : iterable of str
        Of each row a JSON object without line breaks: by type the list of the values of its columns, in their order;
        times in UTC without a zone.
    field_ids : sequence of int
        Ids of the columns in an Iceberg table.
    """
    numbers = defaultdict[str, Iterator[int]](lambda: count(1))
    selected = ", ".join(f"{kind}[{next(numbers[kind])}] AS {quoted(name)}" for name, kind in columns)
    given = ", ".join(f"{kind}: '{kind}[]'" for kind in numbers)
    ids = ", ".join(f"{quoted(column)}: {n}" for n, (column, _) in zip(field_ids, columns, strict=False))
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "rows.json", Path(folder) / "rows.parquet"
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
