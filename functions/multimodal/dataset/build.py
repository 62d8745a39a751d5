"""The steps of a build: plan it, name each group's query, join the snapshots and write the dataset, or say why not.

Nothing is below `datasets/<dataset>/<build>/` before all of it was made and checked. `manifest.json` is written last:
a build without it is not one.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from multimodal.dataset.checks import Counted, check_cohort, check_events
from multimodal.dataset.columns import RNA
from multimodal.dataset.expression import EXPRESSION, CohortExpression
from multimodal.dataset.join import (
    DICTIONARY,
    LISTED,
    JoinedColumn,
    base_statement,
    connect,
    counts_sql,
    dictionary_row,
    join_sql,
    joined_columns,
    rows_sql,
    unknown_cases_sql,
)
from multimodal.dataset.manifest import file_hash, manifest_of
from multimodal.dataset.plan import BuildPlan, Planner, plan_document
from multimodal.dataset.ports import Files
from multimodal.dataset.request import BuildRequest, parse_build_file, parse_request
from multimodal.dataset.snapshots import load_snapshot
from multimodal.dataset.split import count_strata
from multimodal.dataset.sql import quoted
from multimodal.dataset.table import write_csv, write_parquet
from multimodal.ledger.errors import BadInputError, ConfigurationError, InvalidRequestError, Reason
from multimodal.ledger.ports import Clock, ObjectStore
from multimodal.ledger.text import csv_text
from multimodal.observability import logger

BUILD_FILE = "_build.json"
"""Uploaded as `datasets/<dataset>/_build.json`, it asks for a build."""

LATEST_FILE = "_latest.json"
"""`datasets/<dataset>/_latest.json` says how the last run of the dataset ended, and when."""

PARQUET, CSV, DICTIONARY_CSV, MANIFEST = "dataset.parquet", "dataset.csv", "dictionary.csv", "manifest.json"

CLAIM = "claim.txt"
"""Hash of the manifest that a build's name stands for, written before all else: of two runs that give one name to
different datasets, only the first writes. Decision: dataset-42."""

_PARQUET_TYPE = "application/vnd.apache.parquet"
_MEDIA = {PARQUET: _PARQUET_TYPE, CSV: "text/csv", DICTIONARY_CSV: "text/csv", EXPRESSION: _PARQUET_TYPE}

MAX_MESSAGE = 1_000


@dataclass(frozen=True)
class Engine:
    """What the join may use: memory in MB, and threads."""

    memory_mb: int = 1_500
    threads: int = 2


@dataclass(frozen=True)
class DatasetBuild:
    """Takes each step of a run of the state machine.

    Parameters
    ----------
    raw, processed : ObjectStore
        Uploads, and everything that is made of them.
    files : Files
        Objects of the processed bucket as files.
    planner : Planner
    clock : Clock
    engine : Engine
    """

    raw: ObjectStore
    processed: ObjectStore
    files: Files
    planner: Planner
    clock: Clock
    engine: Engine = Engine()

    def plan(self, run: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Plan a build and keep the plan; return the numbers of its queries.

        Parameters
        ----------
        run : str
            Name of the run.
        asked : mapping
            `request`, the request itself, or `key`, that of an uploaded `_build.json`.

        Raises
        ------
        BadInputError, ConfigurationError
            When the build cannot be made; the message says what to do.
        """
        plan = self.planner.plan(self._request(asked))
        self.processed.write_json(_plan_key(run), plan_document(plan))
        return {"run_id": run, "queries": list(range(len(plan.groups)))}

    def query(self, run: str, number: int) -> dict[str, Any]:
        """Return the statement by which Athena stores a group's snapshot, and the database it is about."""
        group = self._kept_plan(run)["groups"][number]
        target = self.processed.uri(_snapshot_prefix(run, number))
        sql = f"UNLOAD (\n{group['statement']}\n) TO '{target}' WITH (format = 'PARQUET', compression = 'SNAPPY')"
        return {"run_id": run, "sql": sql, "database": group["database"]}

    def write(self, run: str) -> dict[str, Any]:
        """Join the snapshots and write the dataset; return its name and how many cases it has.

        Raises
        ------
        BadInputError
            `BUILD_INVALID` when the cohort cannot be built, or a build of that name holds something else.
        """
        kept = self._kept_plan(run)
        plan = self.planner.plan(parse_request(kept["request"]))
        if plan_document(plan) != kept:
            raise ConfigurationError("the dataset or its feature groups changed while it was built; build it again")
        with tempfile.TemporaryDirectory() as folder:
            manifest = self._make(plan, run, Path(folder))
            self._store(plan.request, manifest, Path(folder))
        where = f"{_folder(plan.request.dataset)}{manifest['build']}/"
        answer = {"run_id": run, "build": manifest["build"], "cases": manifest["cases"], "key": where}
        self._record(plan.request.dataset, {**answer, "complete_cases": manifest["complete_cases"]})
        logger().info("dataset built", run_id=run, dataset=plan.request.dataset, cases=manifest["cases"])
        return answer

    def fail(self, run: str, asked: Mapping[str, Any], error: Mapping[str, Any]) -> dict[str, Any]:
        """Record why a run ended without a dataset; return the cause in one line."""
        cause = _cause(error)
        dataset = _dataset_of(asked)
        logger().warning("dataset not built", run_id=run, dataset=dataset or "-", reason=cause)
        if dataset:
            self._record(dataset, {"run_id": run, "error": str(error.get("Error", "")), "message": cause})
        return {"run_id": run, "cause": cause}

    def _request(self, asked: Mapping[str, Any]) -> BuildRequest:
        match asked:
            case {"request": request}:
                return parse_request(request)
            case {"key": str(key)} if dataset := _dataset_of(asked):
                return parse_build_file(self.raw.read_text(key), dataset)
        raise InvalidRequestError(f'give "request", or the "key" of an uploaded datasets/<dataset>/{BUILD_FILE}')

    def _kept_plan(self, run: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] | None = self.processed.read_json(_plan_key(run))
        if found is None:
            raise InvalidRequestError(f"run {run} has no plan; a run begins with the step plan")
        return found

    def _make(self, plan: BuildPlan, run: str, folder: Path) -> dict[str, Any]:
        """Write the dataset's files into a folder; return the manifest."""
        columns = joined_columns(plan.request, plan.columns)
        query = join_sql(columns, plan.columns)
        with connect(folder, self.engine.memory_mb, self.engine.threads) as connection:
            self._load(connection, plan, run, folder)
            counted = _count(connection, plan)
            check_cohort(counted, plan)
            write_parquet(connection, query, len(columns), folder / PARQUET)
            write_csv(folder / PARQUET, folder / CSV, self.engine.memory_mb, self.engine.threads)
            _write_dictionary(columns, folder / DICTIONARY_CSV)
            strata = _strata(connection, plan, columns, folder)
            check_events(strata, plan)
            complete = _complete(connection, plan, folder)
            expression = self._write_expression(connection, plan, folder)
        hashes = {name: file_hash(folder / name) for name in _MEDIA if (folder / name).exists()}
        return manifest_of(plan, counted, complete, strata, query, len(columns), hashes, expression)

    def _write_expression(self, connection: Any, plan: BuildPlan, folder: Path) -> dict[str, Any]:  # noqa: ANN401
        """Write the expression of all genes of the cohort, where its cases were quantified here."""
        if RNA not in plan.columns.modalities:
            return {"cases": 0, "left_out": "the dataset has no expression"}
        if plan.request.written_before is not None:
            # Results of an earlier run are not kept: what lies there may be another quantification.
            return {"cases": 0, "left_out": "written_before asks for earlier records"}
        there = f"SELECT case_id FROM read_parquet('{folder / PARQUET}') WHERE has_{RNA} = 1 ORDER BY case_id"
        cases = [str(case) for (case,) in connection.execute(there).fetchall()]
        writer = CohortExpression(self.processed, self.files, self.engine.memory_mb // 2)
        return writer.write(plan.request.dataset, cases, folder)

    def _load(self, connection: Any, plan: BuildPlan, run: str, folder: Path) -> None:  # noqa: ANN401 - DuckDB's
        for number, group in enumerate(plan.groups):
            target = folder / f"snapshot-{number}"
            target.mkdir()
            files = self.files.download(_snapshot_prefix(run, number), target)
            load_snapshot(connection, group.columns, files, folder)
        cohort = plan.request.cohort
        if cohort is not None:
            connection.execute(LISTED, [cohort])
        connection.execute(base_statement(plan.columns, is_listed=cohort is not None))

    def _store(self, request: BuildRequest, manifest: Mapping[str, Any], folder: Path) -> None:
        key = f"{_folder(request.dataset)}{manifest['build']}/"
        text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
        digest = sha256(text.encode()).hexdigest()
        if self.processed.write_if_absent(f"{key}{CLAIM}", digest) != digest:
            raise BadInputError(Reason.BUILD_INVALID, self._taken(manifest["build"], key))
        for name in manifest["files"]:
            self.files.upload(folder / name, f"{key}{name}", _MEDIA[name])
        self.processed.write_text(f"{key}{MANIFEST}", text, "application/json")

    def _taken(self, build: str, key: str) -> str:
        if self.processed.read_text(f"{key}{MANIFEST}") is not None:
            return f"the build {build} exists and holds something else; give this one another name"
        return (
            f"the build {build} is being written with another content, or its run broke off; give this one another "
            f"name, or, when no build of the dataset runs, delete {self.processed.uri(key + CLAIM)} and build again"
        )

    def _record(self, dataset: str, document: Mapping[str, Any]) -> None:
        self.processed.write_json(f"{_folder(dataset)}{LATEST_FILE}", {"schema": 1, "at": self.clock(), **document})


def _folder(dataset: str) -> str:
    return f"datasets/{dataset}/"


def _plan_key(run: str) -> str:
    return f"runs/{run}/dataset.json"


def _snapshot_prefix(run: str, number: int) -> str:
    return f"runs/{run}/snapshots/{number}/"


def _dataset_of(asked: Mapping[str, Any]) -> str | None:
    """Return the dataset that a run is about, as far as its input tells."""
    match asked:
        case {"request": {"dataset": str(dataset)}} if dataset.isidentifier():
            return dataset
        case {"key": str(key)}:
            match key.split("/"):
                case ["datasets", dataset, name] if name == BUILD_FILE and dataset.isidentifier():
                    return dataset
    return None


def _cause(error: Mapping[str, Any]) -> str:
    """Return the message of an error as Step Functions tells it: a function's cause is a document."""
    cause = str(error.get("Cause", ""))
    try:
        document = json.loads(cause)
    except ValueError:
        return (cause or str(error.get("Error", "no reason given")))[:MAX_MESSAGE]
    if not isinstance(document, Mapping):
        return cause[:MAX_MESSAGE]
    query = document.get("QueryExecution") or {}
    told = document.get("errorMessage") or (query.get("Status") or {}).get("StateChangeReason")
    return str(told or cause)[:MAX_MESSAGE]


def _count(connection: Any, plan: BuildPlan) -> Counted:  # noqa: ANN401
    def one(sql: str) -> Sequence[int]:
        return tuple(int(value) for value in connection.execute(sql).fetchone())

    unknown = [str(row[0]) for row in connection.execute(unknown_cases_sql(plan.columns)).fetchall()]
    return Counted(
        cases=one("SELECT count(*) FROM base")[0],
        unknown=unknown,
        rows={g.columns.spec.name: one(rows_sql(g.columns))[0] for g in plan.groups},
        within={g.columns.spec.name: one(counts_sql(g.columns)) for g in plan.groups},
    )


def _strata(
    connection: Any,  # noqa: ANN401
    plan: BuildPlan,
    columns: Sequence[JoinedColumn],
    folder: Path,
) -> dict[str, dict[str, int]]:
    event = next((c.name for c in columns if c.role == "label" and c.feature == "os_event"), None)
    event = event or next((c.name for c in columns if c.role == "label" and c.feature == "survival_status"), None)
    selected = f"SELECT case_id, split, {quoted(event) if event else 'NULL'} FROM read_parquet('{folder / PARQUET}')"
    return count_strata(connection.execute(selected).fetchall(), plan.cohort_pattern)


def _complete(connection: Any, plan: BuildPlan, folder: Path) -> int:  # noqa: ANN401
    """Return how many cases have every modality."""
    there = " AND ".join(f"has_{modality} = 1" for modality in plan.columns.modalities)
    found = connection.execute(f"SELECT count(*) FROM read_parquet('{folder / PARQUET}') WHERE {there}").fetchone()
    return int(found[0])


def _write_dictionary(columns: Sequence[JoinedColumn], path: Path) -> None:
    path.write_text(csv_text([DICTIONARY, *map(dictionary_row, columns)]), encoding="utf-8")
