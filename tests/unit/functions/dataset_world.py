"""An offline store in memory, with the columns that SageMaker adds, and the steps of a build upon it.

Statements run on DuckDB, as they are: the text is the one that Athena is given.
"""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from multimodal.dataset.build import CSV, MANIFEST, PARQUET, DatasetBuild
from multimodal.dataset.plan import Planner, dataset_columns
from multimodal.dataset.ports import GroupVersion
from multimodal.dataset.sql import TYPES, Table
from multimodal.features.group import FeatureType
from tests.unit.functions.fakes import FakeClock, FakeObjects

STACK, DATASET, DATABASE = "stack", "nsclc_radiogenomics", "sagemaker_featurestore"
IMAGING, RNA = f"{STACK}-{DATASET}-imaging-v1", f"{STACK}-{DATASET}-rna-v1"
BASELINE, SURGERY = f"{STACK}-{DATASET}-clinical-baseline-v1", f"{STACK}-{DATASET}-clinical-surgery-v1"
LABELS = f"{STACK}-{DATASET}-labels-v1"
GROUPS = (IMAGING, RNA, BASELINE, SURGERY, LABELS)
START = datetime(2026, 1, 1, tzinfo=UTC)
_TO = re.compile(r"(?s)UNLOAD \((.*)\) TO 's3://processed/(.*)' WITH \(format = 'PARQUET', compression = 'SNAPPY'\)")

Row = dict[str, Any]


@dataclass
class Store:
    """Rows of each group in the order in which they were written; a write takes a second."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in GROUPS})
    definitions: dict[str, dict[str, str]] = field(default_factory=dict)
    created_at: str = "2025-12-31T00:00:00Z"
    now: datetime = START
    files: int = 1

    def __post_init__(self) -> None:
        columns, _ = dataset_columns(STACK, DATASET)
        self.definitions = {g.spec.name: {n: kind.value for n, kind in g.spec.features} for g in columns.groups}

    def write(self, group: str, case: str, event_time: str, *, at: datetime | None = None, **values: Any) -> None:
        """Write a record."""
        self._append(group, case, event_time, at, is_deleted=False, values=values)

    def delete(self, group: str, case: str, event_time: str, *, at: datetime | None = None) -> None:
        """Write a tombstone, which has nothing but the id and an event time."""
        self._append(group, case, event_time, at, is_deleted=True, values={"event_time_source": None})

    def _append(
        self, group: str, case: str, event_time: str, at: datetime | None, *, is_deleted: bool, values: Row
    ) -> None:
        self.now += timedelta(seconds=1)
        stamp = (at or self.now).replace(tzinfo=None)
        times = {"write_time": stamp, "api_invocation_time": stamp, "is_deleted": is_deleted}
        names = {"case_id": case, "event_time": event_time, "event_time_source": "StudyDate"}
        self.rows[group].append({**names, **values, **times})

    def version(self, group: str) -> GroupVersion | None:
        """Return the group as `Catalogue` does."""
        if group not in self.definitions:
            return None
        table = Table(DATABASE, group.replace("-", "_"))
        return GroupVersion(f"arn:aws:sagemaker:::{group}", self.created_at, table, self.definitions[group])

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return an engine with the groups' tables, their columns in small letters as in Glue."""
        connection = duckdb.connect(":memory:")
        connection.execute(f"CREATE SCHEMA {DATABASE}")
        for group, rows in self.rows.items():
            types = {n.lower(): TYPES[FeatureType(kind)] for n, kind in self.definitions[group].items()}
            types |= {"write_time": "TIMESTAMP", "api_invocation_time": "TIMESTAMP", "is_deleted": "BOOLEAN"}
            table = f'{DATABASE}."{group.replace("-", "_")}"'
            defined = ", ".join(f'"{name}" {kind}' for name, kind in types.items())
            connection.execute(f"CREATE TABLE {table} ({defined})")
            with tempfile.NamedTemporaryFile("w", suffix=".json") as lines:
                lines.writelines(json.dumps({n.lower(): v for n, v in r.items()}, default=str) + "\n" for r in rows)
                lines.flush()
                columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
                read = f"read_json('{lines.name}', format = 'newline_delimited', columns = {{{columns}}})"
                connection.execute(f"INSERT INTO {table} SELECT * FROM {read}")
        return connection


@dataclass
class FakeFiles:
    """Objects of the processed bucket as files."""

    objects: FakeObjects

    def download(self, prefix: str, folder: Path) -> Sequence[Path]:
        """Store objects as files."""
        paths = []
        for number, found in enumerate(self.objects.objects_under(prefix)):
            paths.append(folder / f"{number}.parquet")
            paths[-1].write_bytes(self.objects.content[found.key])
        return paths

    def fetch(self, key: str, path: Path) -> None:
        """Store one object as a file."""
        path.write_bytes(self.objects.content[key])

    def upload(self, path: Path, key: str, media_type: str) -> None:
        """Store a file."""
        self.objects.put(key, path.read_bytes())


@dataclass
class Builder:
    """A stack that builds datasets of a store."""

    store: Store = field(default_factory=Store)
    raw: FakeObjects = field(default_factory=lambda: FakeObjects("raw"))
    processed: FakeObjects = field(default_factory=lambda: FakeObjects("processed"))
    clock: FakeClock = field(default_factory=FakeClock)
    runs: int = 0

    @property
    def service(self) -> DatasetBuild:
        """The service as the function wires it."""
        planner = Planner(self.store, STACK, [DATASET])
        return DatasetBuild(self.raw, self.processed, FakeFiles(self.processed), planner, self.clock)

    def run(self, **request: Any) -> dict[str, Any]:
        """Run the state machine's steps; return the answer of the last."""
        return self.run_of({"request": {"dataset": DATASET, **request}})

    def run_of(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Run the steps for the input of an execution."""
        self.runs += 1
        run, service = f"run-{self.runs}", self.service
        queries = service.plan(run, asked)["queries"]
        with self.store.connect() as connection:
            for number in queries:
                self.unload(connection, service.query(run, number)["sql"])
        return service.write(run)

    def unload(self, connection: duckdb.DuckDBPyConnection, sql: str) -> None:
        """Do what Athena does with UNLOAD; rows come in files of any order, and none without rows."""
        query, prefix = _TO.fullmatch(sql).groups()  # type: ignore[union-attr]
        connection.execute(f"CREATE OR REPLACE TEMP TABLE unloaded AS {query}")
        count = connection.execute("SELECT count(*) FROM unloaded").fetchone()
        for part in range(self.store.files if count and count[0] else 0):
            some = f"SELECT * FROM unloaded WHERE hash(case_id) % {self.store.files} = {part}"
            with tempfile.NamedTemporaryFile(suffix=".parquet") as target:
                connection.execute(f"COPY ({some}) TO '{target.name}' (FORMAT parquet)")
                self.processed.put(f"{prefix}{part:05d}_0", Path(target.name).read_bytes())

    def file(self, answer: Mapping[str, Any], name: str) -> bytes:
        """Return a file of a build."""
        return self.processed.content[f"{answer['key']}{name}"]

    def rows(self, **request: Any) -> dict[str, Row]:
        """Build; return the rows by case."""
        answer = self.run(**request)
        with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
            Path(file.name).write_bytes(self.file(answer, PARQUET))
            found = duckdb.sql(f"SELECT * FROM read_parquet('{file.name}')")
            names, rows = found.columns, found.fetchall()
        assert len({row[0] for row in rows}) == len(rows), "a case has several rows"
        return {row[0]: dict(zip(names, row, strict=True)) for row in rows}

    def manifest(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Return a build's manifest."""
        found: dict[str, Any] = json.loads(self.file(answer, MANIFEST))
        return found

    def csv(self, **request: Any) -> bytes:
        """Build; return `dataset.csv`."""
        return self.file(self.run(**request), CSV)


def fill(store: Store) -> None:
    """Write a small cohort: R01-003 has no RNA, R01-004 no CT, R01-005 lived."""
    for number in range(1, 6):
        case = f"R01-{number:03d}"
        day = f"200{number}-01-0{number}"
        if case != "R01-004":
            volume: Row = {"volume_ml": 10.0 * number, "original_shape_Sphericity": 0.1 * number, "manufacturer": "A"}
            store.write(IMAGING, case, f"{day}T08:00:00Z", **volume)
        if case != "R01-003":
            uploaded: Row = {"event_time_source": "UploadTime", "log2tpm_CD4": 1.5 * number}
            store.write(RNA, case, "2026-01-01T00:00:00Z", **uploaded)
        store.write(BASELINE, case, f"{day}T00:00:00Z", age_years=60 + number, sex_female=number % 2)
        store.write(SURGERY, case, f"200{number}-02-0{number}T00:00:00Z", pathological_t=float(number))
        died = int(case != "R01-005")
        labels: Row = {"survival_status": died, "os_event": died, "os_days": 100 * number}
        store.write(LABELS, case, f"200{number + 2}-01-01T00:00:00Z", **labels)
