"""The joined table as files: Parquet, sorted by case, and CSV in the same order. The same rows are the same bytes."""

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from multimodal.dataset.join import Statement, connect

VALUES_PER_ROW_GROUP = 4_000_000
"""A row group is held in memory as a whole: of a wide table it has fewer rows. Decision: dataset-41."""

MIN_ROWS, MAX_ROWS = 2_048, 122_880

DICTIONARY_VALUES = 64
"""Distinct values in a row group up to which a column is written as a dictionary: levels are, measured values are not,
and are not tried at length."""


def write_parquet(connection: Any, query: Statement, width: int, path: Path) -> None:  # noqa: ANN401 - DuckDB's
    """Write a query's rows, sorted by case.

    They come in that order; should the engine once not keep it, they are sorted here. Decision: dataset-44.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    query : str
        Has the column `case_id`.
    width : int
        The number of its columns.
    path : Path
    """
    connection.execute(copy_to(path, query, width))
    if not _is_sorted(connection, path):
        unsorted = path.rename(path.with_suffix(".unsorted"))
        connection.execute(copy_to(path, f"SELECT * FROM read_parquet('{unsorted}') ORDER BY case_id", width))
        unsorted.unlink()


def copy_to(path: Path, query: Statement, width: int) -> Statement:
    """Return the statement that writes a query's rows, of so many columns, as Parquet with fixed settings."""
    rows = max(MIN_ROWS, min(MAX_ROWS, VALUES_PER_ROW_GROUP // max(width, 1) // MIN_ROWS * MIN_ROWS))
    return (
        f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {rows}, "
        f"DICTIONARY_SIZE_LIMIT {DICTIONARY_VALUES})"
    )


def _is_sorted(connection: Any, path: Path) -> bool:  # noqa: ANN401
    pairs = f"SELECT case_id, lag(case_id) OVER () AS before FROM read_parquet('{path}')"
    (is_sorted,) = connection.execute(f"SELECT coalesce(bool_and(case_id > before), true) FROM ({pairs})").fetchone()
    return bool(is_sorted)


def write_csv(parquet: Path, path: Path, memory_mb: int, threads: int) -> None:
    """Write a Parquet file's rows as CSV, in their order; what is missing is empty.

    Each thread has an engine of its own and writes a part: one engine would want 4 MB a column for every thread that
    writes rows in order, and of a wide table work with one while the other waits at full speed. Decision: dataset-44.

    Parameters
    ----------
    parquet, path : Path
        What is read, and what is written.
    memory_mb : int
        What the engines may hold together.
    threads : int
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, ThreadPoolExecutor(threads) as pool:

        def write(number: int) -> Path:
            own = Path(folder, str(number))
            own.mkdir()
            with connect(own, memory_mb // threads, 1) as connection:
                return _write_part(connection, parquet, own / path.name, (number, threads))

        first, *others = pool.map(write, range(threads))
        with first.open("ab") as whole:
            for part in others:
                with part.open("rb") as rows:
                    shutil.copyfileobj(rows, whole)
        first.replace(path)


def _write_part(connection: Any, parquet: Path, path: Path, part: tuple[int, int]) -> Path:  # noqa: ANN401
    """Write the rows of a part, given as its number and that of all; only the first has a heading."""
    number, parts = part
    source = f"read_parquet('{parquet}')"
    (rows,) = connection.execute(f"SELECT count(*) FROM {source}").fetchone()
    within = f"file_row_number >= {rows * number // parts} AND file_row_number < {rows * (number + 1) // parts}"
    heading = f"HEADER {str(number == 0).lower()}"
    connection.execute(f"COPY (SELECT * FROM {source} WHERE {within}) TO '{path}' (FORMAT csv, {heading}, NULLSTR '')")
    return path
