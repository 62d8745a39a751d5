"""Data files of a table read and written anew by DuckDB: to merge small ones, and to leave rows out."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyiceberg.manifest import DataFile

from local.emulator.iceberg.files import link
from local.emulator.iceberg.table import IcebergTable

_SMALL_BYTES = 32 * 1024 * 1024


def merge_small_files(table: IcebergTable, least: int = 2) -> int:
    """Write small files as one, when there are enough of them; return how many there were.

    Old snapshots of a table that is appended to all the time would grow its metadata without end: the last few stay.
    """
    import duckdb  # only the emulator's environment has it

    small = [file for file in table.data_files() if file.file_size_in_bytes < _SMALL_BYTES]
    if len(small) < least:
        return 0
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(":memory:") as connection:
        body = _rewritten(connection, table, _linked(small, Path(folder)), "TRUE", Path(folder) / "merged.parquet")
    table.replace(small, [body])
    table.forget_all_but(8)
    return len(small)


def delete_rows(connection: Any, table: IcebergTable, condition: str, work: Path) -> int:  # noqa: ANN401 - DuckDB's
    """Leave out the rows for which a condition is true; return their number.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Where the condition is understood.
    table : IcebergTable
        The table.
    condition : str
        In DuckDB's SQL, on the table's columns.
    work : Path
        Folder for files.
    """
    gone, bodies, rows = [], [], 0
    files = table.data_files()
    for number, (file, path) in enumerate(zip(files, _linked(files, work), strict=True)):
        source = relation(table, [path])
        hit = connection.execute(f"SELECT count(*) FROM {source} AS rows WHERE {condition}").fetchone()[0]  # noqa: S608
        if hit:
            gone.append(file)
            rows += int(hit)
            kept = f"({condition}) IS NOT TRUE"
            bodies.append(_rewritten(connection, table, [path], kept, work / f"kept-{number}.parquet"))
    if gone:
        table.replace(gone, bodies)
    return rows


def relation(table: IcebergTable, paths: Sequence[Path]) -> str:
    """Return DuckDB's relation of a table's files, its columns found by their ids: null where a file lacks one."""
    fields = ", ".join(
        f"{column.field_id}: {{name: '{column.name}', type: '{column.kind}', default_value: NULL}}"
        for column in table.columns
    )
    if not paths:
        empty = ", ".join(f'CAST(NULL AS {column.kind}) AS "{column.name}"' for column in table.columns)
        return f"(SELECT {empty} WHERE FALSE)"
    listed = ", ".join(f"'{path}'" for path in paths)
    return f"read_parquet([{listed}], schema = MAP {{{fields}}})"


def _linked(files: Sequence[DataFile], folder: Path) -> list[Path]:
    return [link(file.file_path, folder / f"{number}.parquet") for number, file in enumerate(files)]


def _rewritten(
    connection: Any,  # noqa: ANN401
    table: IcebergTable,
    paths: Sequence[Path],
    condition: str,
    target: Path,
) -> tuple[bytes, int]:
    ids = ", ".join(f'"{column.name}": {column.field_id}' for column in table.columns)
    source = f"SELECT * FROM {relation(table, paths)} AS rows WHERE {condition}"  # noqa: S608
    options = f"FORMAT parquet, COMPRESSION zstd, FIELD_IDS {{{ids}}}"
    rows = connection.execute(f"COPY ({source}) TO '{target}' ({options})").fetchone()[0]
    return target.read_bytes(), int(rows)
