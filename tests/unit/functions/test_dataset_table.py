"""The joined table as files: sorted whatever the engine does, and the same bytes."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from multimodal.dataset.columns import Column, DatasetColumns, GroupColumns
from multimodal.dataset.join import base_statement, connect, join_sql, joined_columns
from multimodal.dataset.request import BuildRequest
from multimodal.dataset.snapshots import load_snapshot
from multimodal.dataset.table import write_csv, write_parquet
from multimodal.features.group import FeatureGroupSpec, FeatureType, of_type

CASES, FEATURES = 40_000, 24
MEMORY_MB = 500


def _group(modality: str, role: str) -> GroupColumns:
    names = [f"f{n}" for n in range(FEATURES)]
    spec = FeatureGroupSpec(modality or "labels", of_type(FeatureType.FRACTIONAL, *names))
    columns = tuple(Column(name, FeatureType.FRACTIONAL, role, "", name, "") for name in names)
    return GroupColumns(modality, spec, "baseline", columns)


COLUMNS = DatasetColumns((_group("imaging", "feature"), _group("rna", "feature"), _group("", "label")))


class Recorded:
    """A connection that remembers its statements."""

    def __init__(self, connection: Any) -> None:
        self.connection, self.statements = connection, list[str]()

    def execute(self, statement: str) -> Any:
        self.statements.append(statement)
        return self.connection.execute(statement)


def _snapshot(folder: Path, number: int) -> list[Path]:
    """Write a snapshot in an order of its own, in two files; only that of the labels, the last, has every case."""
    files = []
    for part in range(2):
        rows = (
            f"SELECT 'R01-' || lpad(CAST(i AS VARCHAR), 6, '0') AS case_id, NULL::BIGINT AS days_from_t0, "
            f"false AS dated_by_upload, 1::BIGINT AS event_times, "
            f"{', '.join(f'(i * {n + 7 * number}) % 1000 / 8.0 AS f{n}' for n in range(FEATURES))} "
            f"FROM range({CASES}) r(i) WHERE i % 2 = {part} AND ({number} = 2 OR i % {number + 3} <> 0) "
            f"ORDER BY hash(i + {number})"
        )
        files.append(folder / f"{number}-{part}.parquet")
        duckdb.execute(f"COPY ({rows}) TO '{files[-1]}' (FORMAT parquet, ROW_GROUP_SIZE 4096)")
    return files


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> list[list[Path]]:
    folder = tmp_path_factory.mktemp("snapshots")
    return [_snapshot(folder, number) for number in range(len(COLUMNS.groups))]


def _write(folder: Path, snapshots: list[list[Path]]) -> tuple[Path, list[str]]:
    """Join the snapshots; return the table and the statements that wrote it."""
    columns, target = joined_columns(BuildRequest(dataset="cohort"), COLUMNS), folder / "dataset.parquet"
    with connect(folder, MEMORY_MB, 2) as connection:
        for group, files in zip(COLUMNS.groups, snapshots, strict=True):
            load_snapshot(connection, group, files, folder)
        connection.execute(base_statement(COLUMNS, is_listed=False))
        recorded = Recorded(connection)
        write_parquet(recorded, join_sql(columns, COLUMNS), len(columns), target)
    return target, recorded.statements


def _cases(table: Path) -> list[str]:
    return [row[0] for row in duckdb.execute(f"SELECT case_id FROM read_parquet('{table}')").fetchall()]


class TestWriteParquet:
    def test_looking_cases_up_keeps_their_order_without_a_sort(
        self, tmp_path: Path, snapshots: list[list[Path]]
    ) -> None:
        table, statements = _write(tmp_path, snapshots)
        assert _cases(table) == [f"R01-{number:06d}" for number in range(CASES)]
        assert not any("ORDER BY" in statement for statement in statements)

    def test_each_value_is_its_own_cases(self, tmp_path: Path, snapshots: list[list[Path]]) -> None:
        table, _ = _write(tmp_path, snapshots)
        number = "CAST(substr(case_id, 5) AS INTEGER)"
        wrong = duckdb.execute(
            f"SELECT count(*) FROM read_parquet('{table}') WHERE label__f5 <> ({number} * 19) % 1000 / 8.0 "
            f"OR imaging__f5 IS DISTINCT FROM CASE WHEN {number} % 3 <> 0 THEN ({number} * 5) % 1000 / 8.0 END "
            f"OR rna__f5 IS DISTINCT FROM CASE WHEN {number} % 4 <> 0 THEN ({number} * 12) % 1000 / 8.0 END "
            f"OR has_imaging <> CAST({number} % 3 <> 0 AS INTEGER) OR has_rna <> CAST({number} % 4 <> 0 AS INTEGER)"
        ).fetchone()
        assert wrong == (0,)

    def test_a_group_without_rows_changes_no_order(self, tmp_path: Path, snapshots: list[list[Path]]) -> None:
        table, statements = _write(tmp_path, [[], *snapshots[1:]])
        assert _cases(table) == [f"R01-{number:06d}" for number in range(CASES)]
        assert not any("ORDER BY" in statement for statement in statements)

    def test_rows_in_another_order_are_sorted_into_the_same_bytes(self, tmp_path: Path) -> None:
        rows = "SELECT CAST(i AS VARCHAR) AS case_id, i AS value FROM range(20_000) r(i)"
        for name, order in (("sorted", "case_id"), ("other", "value DESC")):
            with connect(tmp_path, MEMORY_MB, 2) as connection:
                write_parquet(connection, f"{rows} ORDER BY {order}", 2, tmp_path / f"{name}.parquet")
        assert (tmp_path / "other.parquet").read_bytes() == (tmp_path / "sorted.parquet").read_bytes()
        assert {path.name for path in tmp_path.glob("*.*")} == {"sorted.parquet", "other.parquet"}

    def test_two_records_of_a_case_are_none_to_choose_from(self, tmp_path: Path, snapshots: list[list[Path]]) -> None:
        table, _ = _write(tmp_path, [snapshots[0] * 2, *snapshots[1:]])
        assert len(_cases(table)) == CASES


@pytest.fixture
def awkward(tmp_path: Path) -> Path:
    """Write rows whose texts and numbers are hard to write."""
    path = tmp_path / "dataset.parquet"
    ids = ["'a,b'", "'a\"b'", "'a' || chr(10) || 'b'", "'Ä'", "'z'", "''", "'한'"]
    numbers = ["1e-7", "0.1", "-0.0", "NULL", "1e300", "123456789012345680.0", "'NaN'"]
    rows = " UNION ALL ".join(
        f"SELECT {i} AS case_id, CAST({n} AS DOUBLE) AS v" for i, n in zip(ids, numbers, strict=True)
    )
    with connect(tmp_path, MEMORY_MB, 1) as connection:
        write_parquet(connection, f"SELECT * FROM ({rows}) ORDER BY case_id", 2, path)
    return path


class TestWriteCsv:
    @pytest.mark.parametrize("threads", [1, 2, 3, 9])
    def test_parts_make_the_file_that_one_engine_makes(self, tmp_path: Path, awkward: Path, threads: int) -> None:
        expected, made = tmp_path / "expected.csv", tmp_path / "dataset.csv"
        duckdb.execute(f"COPY (SELECT * FROM read_parquet('{awkward}')) TO '{expected}' (FORMAT csv, HEADER)")
        write_csv(awkward, made, MEMORY_MB, threads)
        assert made.read_bytes() == expected.read_bytes()
        assert {path.name for path in tmp_path.iterdir()} == {"dataset.parquet", "dataset.csv", "expected.csv"}

    def test_ids_are_in_the_order_of_their_bytes(self, tmp_path: Path, awkward: Path) -> None:
        assert _cases(awkward) == sorted(_cases(awkward), key=lambda case: case.encode())

    def test_parts_of_many_rows_meet_where_they_should(self, tmp_path: Path, snapshots: list[list[Path]]) -> None:
        table, _ = _write(tmp_path, snapshots)
        write_csv(table, tmp_path / "dataset.csv", MEMORY_MB, 3)
        lines = (tmp_path / "dataset.csv").read_text().splitlines()
        assert [line.partition(",")[0] for line in lines] == ["case_id", *(f"R01-{n:06d}" for n in range(CASES))]
