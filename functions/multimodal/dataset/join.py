"""Snapshots of the groups into one table: a row a case, sorted. Statements of DuckDB.

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
from multimodal.dataset.sql import quoted
from multimodal.features.group import RECORD_ID

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
    own = [view_of(group) for group in groups if group.modality == modality]
    there = " OR ".join(f"{alias}.{RECORD_ID} IS NOT NULL" for alias in own)
    meaning = f"1 where the case has a record of {modality}"
    return JoinedColumn(f"has_{modality}", f"CAST({there} AS INTEGER)", "presence", modality, meaning=meaning)


def _time(group: GroupColumns, groups: Sequence[GroupColumns]) -> JoinedColumn:
    alone = sum(other.modality == group.modality for other in groups) == 1
    name = f"{group.modality}__days_from_t0" if alone else f"{group.modality}__{group.timepoint}_days_from_t0"
    meaning = "days from the index time t0 to the record; null where only its upload dates it"
    return JoinedColumn(
        name, f"{view_of(group)}.days_from_t0", "time", group.modality, group.spec.name, unit="days", meaning=meaning,
        timepoint=group.timepoint,
    )  # fmt: skip


def _values(group: GroupColumns) -> list[JoinedColumn]:
    alias = view_of(group)
    return [
        JoinedColumn(
            group.name_of(c), f"{alias}.{quoted(c.feature)}", c.role, group.modality, group.spec.name, c.feature,
            c.kind.value, c.unit, group.timepoint, c.meaning, c.source, _json(c.levels),
        )
        for c in group.columns
    ]  # fmt: skip


def _json(levels: Mapping[str, float]) -> str:
    return json.dumps(levels, ensure_ascii=False) if levels else ""


def view_of(group: GroupColumns) -> str:
    """Return the name of the view of a group's snapshot."""
    return quoted(f"s_{group.modality or 'labels'}_{group.timepoint}")


LISTED = "CREATE TABLE listed AS SELECT unnest($1::VARCHAR[]) AS case_id"
"""Makes the table of listed cases; its parameter is the list, so that an id may hold anything."""


def base_statement(groups: DatasetColumns, *, is_listed: bool) -> Statement:
    """Return the statement that makes the cohort, sorted: `listed` cases, those with labels, or with any record."""
    if is_listed:
        source = "SELECT case_id FROM listed"
    elif groups.labels is not None:
        source = f"SELECT {RECORD_ID} AS case_id FROM {view_of(groups.labels)}"
    else:
        source = " UNION ".join(f"SELECT {RECORD_ID} AS case_id FROM {view_of(group)}" for group in groups.groups)
    return f"CREATE TABLE base AS SELECT DISTINCT case_id FROM ({source}) ORDER BY case_id"


def unknown_cases_sql(groups: DatasetColumns) -> Statement:
    """Return the query for cases of the cohort that no group has a record of."""
    known = " UNION ALL ".join(f"SELECT {RECORD_ID} FROM {view_of(group)}" for group in groups.groups)
    return f"SELECT case_id FROM base WHERE case_id NOT IN ({known}) ORDER BY case_id"


def counts_sql(group: GroupColumns) -> Statement:
    """Return the query that counts a group within the cohort.

    Its columns: cases, cases with several event times, cases whose record only its upload dates, cases without t0.
    """
    return (
        "SELECT count(*), count(*) FILTER (WHERE g.event_times > 1), count(*) FILTER (WHERE g.dated_by_upload), "
        "count(*) FILTER (WHERE g.days_from_t0 IS NULL AND NOT g.dated_by_upload) "
        f"FROM base b JOIN {view_of(group)} g ON g.{RECORD_ID} = b.case_id"
    )


def rows_sql(group: GroupColumns) -> Statement:
    """Return the query for the number of cases in a group's snapshot, whatever the cohort."""
    return f"SELECT count(*) FROM {view_of(group)}"


def join_sql(columns: Sequence[JoinedColumn], groups: DatasetColumns) -> Statement:
    """Return the statement that looks the cohort up in the snapshots: a row a case, in the order of `base`.

    A look-up is a scalar subquery that answers with a whole record. It keeps the order of the one table in FROM, as a
    join does not, and it refuses two records of a case. With `=` in place of IS NOT DISTINCT FROM, or a condition in a
    snapshot's view, DuckDB 1.4 sets the rows aside between two look-ups, and their order is lost. Decision: dataset-44.
    """
    selected = ",\n  ".join(f"{column.sql} AS {quoted(column.name)}" for column in columns)
    found = "".join(f",\n  {_look_up(group)}" for group in groups.groups)
    return f"SELECT {selected}\nFROM (SELECT case_id{found}\nFROM base) b"


def _look_up(group: GroupColumns) -> str:
    same = f"s.{RECORD_ID} IS NOT DISTINCT FROM base.case_id"
    return f"(SELECT s FROM {view_of(group)} s WHERE {same}) AS {view_of(group)}"


DICTIONARY = (
    *("column", "role", "modality", "group", "feature", "type", "unit", "timepoint"),
    *("meaning", "source", "levels"),
)
"""Columns of the dictionary, as `JoinedColumn` has them; `levels` is the numbers of an ordinal column's, as JSON."""


def dictionary_row(column: JoinedColumn) -> list[str]:
    """Return a column's line of the dictionary."""
    return [value for name, value in vars(column).items() if name != "sql"]
