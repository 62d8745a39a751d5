"""Snapshots of the groups into one table: a row a case, sorted, in fixed bytes. Statements of DuckDB.

The work is done within a limit of memory, beyond which DuckDB uses its folder. Decision: dataset-1.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multimodal.dataset.columns import DatasetColumns, GroupColumns
from multimodal.dataset.request import BuildRequest
from multimodal.dataset.split import split_sql
from multimodal.dataset.sql import KEPT_TYPES, TYPES, quoted
from multimodal.features.group import RECORD_ID

VALUES_PER_ROW_GROUP = 4_000_000
"""A row group is held in memory as a whole: of a wide table it has fewer rows."""

MIN_ROWS, MAX_ROWS = 2_048, 122_880

DICTIONARY_VALUES = 64
"""Distinct values in a row group up to which a column is written as a dictionary: levels are, measured values are not,
and are not tried at length."""

Statement = str


@dataclass(frozen=True)
class JoinedColumn:
    """A column of the joined table: its name, the SQL that makes it, and what the dictionary says of it."""

    name: str
    sql: str
    role: str
    modality: str = ""
    group: str = ""
    feature: str = ""
    kind: str = "Integral"
    unit: str = ""
    timepoint: str = ""
    meaning: str = ""
    source: str = ""
    levels: str = ""


def connect(folder: Path, memory_mb: int, threads: int) -> Any:  # noqa: ANN401 - DuckDB's
    """Return a connection that stays within a limit of memory and spills into `folder`."""
    import duckdb  # one function needs it, and it takes a while to load

    connection = duckdb.connect(":memory:")
    spill = folder / "spill"
    for setting in (f"memory_limit = '{memory_mb}MB'", f"threads = {threads}", f"temp_directory = '{spill}'"):
        connection.execute(f"SET {setting}")
    return connection


def joined_columns(request: BuildRequest, groups: DatasetColumns) -> list[JoinedColumn]:
    """Return the columns of the joined table, in order: id, split, presence, times, features, labels."""
    features = [g for g in groups.groups if not g.is_labels]
    labels = [g for g in groups.groups if g.is_labels]
    return [
        JoinedColumn("case_id", "b.case_id", "id", kind="String", meaning="the patient"),
        _split(request),
        *(_presence(modality, features) for modality in groups.modalities),
        *(_time(group, features) for group in features if request.t0),
        *(column for group in (*features, *labels) for column in _values(group)),
    ]


def _split(request: BuildRequest) -> JoinedColumn:
    shares = f"{request.split.train:g} train, {request.split.validation:g} validation, the rest test"
    sql = split_sql(request.dataset, "b.case_id", request.split)
    return JoinedColumn("split", sql, "split", kind="String", meaning=f"part by a hash of the case: {shares}")


def _presence(modality: str, groups: Sequence[GroupColumns]) -> JoinedColumn:
    own = [_alias(group) for group in groups if group.modality == modality]
    there = " OR ".join(f"{alias}.{RECORD_ID} IS NOT NULL" for alias in own)
    meaning = f"1 where the case has a record of {modality}"
    return JoinedColumn(f"has_{modality}", f"CAST({there} AS INTEGER)", "presence", modality, meaning=meaning)


def _time(group: GroupColumns, groups: Sequence[GroupColumns]) -> JoinedColumn:
    alone = sum(other.modality == group.modality for other in groups) == 1
    name = f"{group.modality}__days_from_t0" if alone else f"{group.modality}__{group.timepoint}_days_from_t0"
    meaning = "days from the index time t0 to the record; null where only its upload dates it"
    return JoinedColumn(
        name, f"{_alias(group)}.days_from_t0", "time", group.modality, group.spec.name, unit="days", meaning=meaning,
        timepoint=group.timepoint,
    )  # fmt: skip


def _values(group: GroupColumns) -> list[JoinedColumn]:
    alias = _alias(group)
    return [
        JoinedColumn(
            group.name_of(c), f"{alias}.{quoted(c.feature)}", c.role, group.modality, group.spec.name, c.feature,
            c.kind.value, c.unit, group.timepoint, c.meaning, c.source, _json(c.levels),
        )
        for c in group.columns
    ]  # fmt: skip


def _json(levels: Mapping[str, float]) -> str:
    return json.dumps(levels, ensure_ascii=False) if levels else ""


def _alias(group: GroupColumns) -> str:
    return quoted(f"s_{group.modality or 'labels'}_{group.timepoint}")


def load_snapshot(group: GroupColumns, files: Sequence[Path]) -> list[Statement]:
    """Return the statements that make a view of a group's snapshot with exactly one row a case.

    Athena writes any number of files, also none, which is a group without records.

    Rows that are equal in every time differ in their content at most: the first in the order of all columns counts, so
    that the result does not depend on the order in which they were read. Last comes the row as text: it tells 0.0 from
    -0.0, which are equal as numbers. That order costs only where there are any.
    """
    raw, view = quoted(f"raw_{group.modality or 'labels'}_{group.timepoint}"), _alias(group)
    order = ", ".join([*(quoted(column.feature) for column in group.columns), f"CAST({raw} AS VARCHAR)"])
    tied = f"(SELECT {RECORD_ID} FROM {raw} GROUP BY {RECORD_ID} HAVING count(*) > 1)"
    return [
        f"CREATE VIEW {raw} AS {_rows_of(group, files)}",
        f"CREATE TABLE {quoted('tied' + view[1:-1])} AS SELECT * FROM {raw} WHERE {RECORD_ID} IN {tied} "
        f"QUALIFY row_number() OVER (PARTITION BY {RECORD_ID} ORDER BY {order}) = 1",
        f"CREATE VIEW {view} AS SELECT * FROM {raw} WHERE {RECORD_ID} NOT IN {tied} "
        f"UNION ALL BY NAME SELECT * FROM {quoted('tied' + view[1:-1])}",
    ]


def _rows_of(group: GroupColumns, files: Sequence[Path]) -> str:
    if files:
        return f"SELECT * FROM read_parquet([{', '.join(repr(str(file)) for file in files)}])"
    columns = [(RECORD_ID, "VARCHAR"), *KEPT_TYPES, *((c.feature, TYPES[c.kind]) for c in group.columns)]
    return f"SELECT {', '.join(f'CAST(NULL AS {kind}) AS {quoted(name)}' for name, kind in columns)} WHERE false"


LISTED = "CREATE TABLE listed AS SELECT unnest($1::VARCHAR[]) AS case_id"
"""Makes the table of listed cases; its parameter is the list, so that an id may hold anything."""


def base_statement(groups: DatasetColumns, *, is_listed: bool) -> Statement:
    """Return the statement that makes the cohort: `listed` cases, those with labels, or those with any record."""
    if is_listed:
        source = "SELECT case_id FROM listed"
    elif groups.labels is not None:
        source = f"SELECT {RECORD_ID} AS case_id FROM {_alias(groups.labels)}"
    else:
        source = " UNION ".join(f"SELECT {RECORD_ID} AS case_id FROM {_alias(group)}" for group in groups.groups)
    return f"CREATE TABLE base AS SELECT DISTINCT case_id FROM ({source})"


def unknown_cases_sql(groups: DatasetColumns) -> Statement:
    """Return the query for cases of the cohort that no group has a record of."""
    known = " UNION ALL ".join(f"SELECT {RECORD_ID} FROM {_alias(group)}" for group in groups.groups)
    return f"SELECT case_id FROM base WHERE case_id NOT IN ({known}) ORDER BY case_id"


def counts_sql(group: GroupColumns) -> Statement:
    """Return the query that counts a group within the cohort.

    Its columns: cases, cases with several event times, cases whose record only its upload dates, cases without t0.
    """
    return (
        "SELECT count(*), count(*) FILTER (WHERE g.event_times > 1), count(*) FILTER (WHERE g.dated_by_upload), "
        "count(*) FILTER (WHERE g.days_from_t0 IS NULL AND NOT g.dated_by_upload) "
        f"FROM base b JOIN {_alias(group)} g ON g.{RECORD_ID} = b.case_id"
    )


def rows_sql(group: GroupColumns) -> Statement:
    """Return the query for the number of cases in a group's snapshot, whatever the cohort."""
    return f"SELECT count(*) FROM {_alias(group)}"


def join_sql(columns: Sequence[JoinedColumn], groups: DatasetColumns) -> Statement:
    """Return the statement that joins the snapshots to the cohort, a row a case, sorted by case."""
    selected = ",\n  ".join(f"{column.sql} AS {quoted(column.name)}" for column in columns)
    joins = "".join(
        f"\n  LEFT JOIN {_alias(group)} ON {_alias(group)}.{RECORD_ID} = b.case_id" for group in groups.groups
    )
    return f"SELECT {selected}\nFROM base b{joins}\nORDER BY b.case_id"


def write_statements(query: Statement, width: int, parquet: Path, csv: Path) -> list[Statement]:
    """Return the statements that write a query's rows with fixed settings: as Parquet, and as CSV in the same order.

    In the CSV, what is missing is empty. Decision: dataset-41.
    """
    rows = max(MIN_ROWS, min(MAX_ROWS, VALUES_PER_ROW_GROUP // max(width, 1) // MIN_ROWS * MIN_ROWS))
    return [
        f"COPY ({query}) TO '{parquet}' (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {rows}, "
        f"DICTIONARY_SIZE_LIMIT {DICTIONARY_VALUES})",
        f"COPY (SELECT * FROM read_parquet('{parquet}')) TO '{csv}' (FORMAT csv, HEADER, NULLSTR '')",
    ]


DICTIONARY = (
    "column",
    "role",
    "modality",
    "group",
    "feature",
    "type",
    "unit",
    "timepoint",
    "meaning",
    "source",
    "levels",
)
"""Columns of the dictionary; `levels` is the numbers of an ordinal column's levels, as JSON."""


def dictionary_row(column: JoinedColumn) -> Mapping[str, str]:
    """Return a column's line of the dictionary."""
    values = (
        column.name, column.role, column.modality, column.group, column.feature, column.kind, column.unit,
        column.timepoint, column.meaning, column.source, column.levels,
    )  # fmt: skip
    return dict(zip(DICTIONARY, values, strict=True))
