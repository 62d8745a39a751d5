"""What the benchmark of joined datasets measures: `python -m benchmarks.dataset_join_work make|plain|ours DIR`.

It prints the rows that were written,
CPU seconds of the join and of the CSV after it; then the join's wall clock in seconds.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.dataset_join import CASES, FEATURES, VERSIONS
from multimodal.dataset.columns import Column, DatasetColumns, GroupColumns
from multimodal.dataset.join import base_statement, connect, join_sql, joined_columns
from multimodal.dataset.request import BuildRequest
from multimodal.dataset.snapshots import load_snapshot
from multimodal.dataset.sql import Cut, Table, quoted, snapshot
from multimodal.dataset.table import write_csv, write_parquet
from multimodal.features.group import FeatureGroupSpec, FeatureType, of_type

THREADS = 2
MEMORY_MB = {"ours": 1_500, "plain": 3_000}
"""What the engine may hold: the function's share, and what the plain join needs."""
QUERIES_AT_ONCE = 2
"""As many as a run of the state machine has."""
DATABASE = "store"
UNLOADED = "FORMAT parquet, ROW_GROUP_SIZE 8192, DICTIONARY_SIZE_LIMIT 64"
"""As the laptop's Athena writes what a query unloads."""


def groups() -> DatasetColumns:
    """Return three groups of features and the labels."""
    made = [_group(modality, count, "feature") for modality, count in FEATURES.items()]
    return DatasetColumns((*made, _group("", 2, "label")))


def _group(modality: str, count: int, role: str) -> GroupColumns:
    names = [f"f{n}" for n in range(count)] if modality else ["os_event", "os_days"]
    spec = FeatureGroupSpec(f"bench-{modality or 'labels'}-v1", of_type(FeatureType.FRACTIONAL, *names))
    columns = tuple(Column(name, FeatureType.FRACTIONAL, role, "", name, "") for name in names)
    return GroupColumns(modality, spec, "baseline", columns)


def _file(folder: Path, group: GroupColumns) -> Path:
    return folder / f"{group.spec.name}.parquet"


def make(folder: Path) -> None:
    """Write an offline store: every case in every group, in several versions."""
    with connect(folder, MEMORY_MB["ours"], THREADS) as connection:
        for group in groups().groups:
            values = ", ".join(f"random() AS {quoted(column.feature)}" for column in group.columns)
            rows = (
                f"SELECT 'R01-' || lpad(CAST(i % {CASES} AS VARCHAR), 6, '0') AS case_id, "
                f"CAST(2001 + i // {CASES} AS VARCHAR) || '-01-01T00:00:00Z' AS event_time, "
                f"'StudyDate' AS event_time_source, {values}, TIMESTAMP '2026-01-01' + to_seconds(i) AS write_time, "
                f"TIMESTAMP '2026-01-01' + to_seconds(i) AS api_invocation_time, false AS is_deleted "
                f"FROM range({CASES * VERSIONS}) r(i)"
            )
            connection.execute(f"COPY ({rows}) TO '{_file(folder, group)}' (FORMAT parquet)")


def plain(folder: Path, connection: Any) -> str:  # noqa: ANN401 - DuckDB's
    """Return a join as it is often written: all columns are ranked, and nothing is said of deletions or ties."""
    found = groups().groups
    newest = [
        f"(SELECT * FROM read_parquet('{_file(folder, group)}') QUALIFY row_number() OVER "
        f"(PARTITION BY case_id ORDER BY event_time DESC, api_invocation_time DESC) = 1) g{number}"
        for number, group in enumerate(found)
    ]
    values = [f"g{n}.{quoted(c.feature)} AS {quoted(g.name_of(c))}" for n, g in enumerate(found) for c in g.columns]
    last = len(found) - 1
    joins = " ".join(f"LEFT JOIN {newest[n]} ON g{n}.case_id = g{last}.case_id" for n in range(last))
    return f"SELECT g{last}.case_id, {', '.join(values)} FROM {newest[last]} {joins} ORDER BY g{last}.case_id"


def ours(folder: Path, connection: Any) -> str:  # noqa: ANN401
    """Take the steps of a build: a snapshot of each group, then the statement that joins them."""
    columns, request = groups(), BuildRequest(dataset="bench")
    connection.execute(f"CREATE SCHEMA {DATABASE}")
    with ThreadPoolExecutor(QUERIES_AT_ONCE) as pool:
        files = list(pool.map(lambda group: _unload(folder, connection.cursor(), group), columns.groups))
    for group, file in zip(columns.groups, files, strict=True):
        load_snapshot(connection, group, [file], folder)
    connection.execute(base_statement(columns, is_listed=False))
    return join_sql(joined_columns(request, columns), columns)


def _unload(folder: Path, connection: Any, group: GroupColumns) -> Path:  # noqa: ANN401
    table, target = Table(DATABASE, group.spec.name), folder / f"snapshot-{group.spec.name}.parquet"
    connection.execute(f"CREATE VIEW {table.sql} AS SELECT * FROM read_parquet('{_file(folder, group)}')")
    statement = snapshot(table, [(c.feature, c.kind) for c in group.columns], Cut())
    connection.execute(f"COPY ({statement}) TO '{target}' ({UNLOADED})")
    return target


SIDES: dict[str, Callable[[Path, Any], str]] = {"plain": plain, "ours": ours}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the work."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=["make", *SIDES])
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    if options.work == "make":
        make(options.folder)
        return 0
    target, started, cpu = options.folder / f"{options.work}.parquet", time.monotonic(), time.process_time()
    with connect(options.folder, MEMORY_MB[options.work], THREADS) as connection:
        query = SIDES[options.work](options.folder, connection)
        write_parquet(connection, query, sum(FEATURES.values()), target)
        joined, joined_cpu = time.monotonic(), time.process_time()
        csv = target.with_suffix(".csv")
        if options.work == "ours":
            write_csv(target, csv, MEMORY_MB["ours"], THREADS)
        else:
            connection.execute(f"COPY (SELECT * FROM read_parquet('{target}')) TO '{csv}' (FORMAT csv, HEADER)")
        ended_cpu = time.process_time()
        rows = connection.execute(f"SELECT count(*) FROM read_parquet('{target}')").fetchone()
    print(rows[0], joined_cpu - cpu, ended_cpu - joined_cpu, joined - started)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
