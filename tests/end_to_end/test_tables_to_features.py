"""Clinical tables go in; features, labels and reports come out, and nothing of what must not."""

import csv
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.features import GroupTable, Row, describe_group, find_group, read_features, run_query
from cli.ledger import Unit
from cli.project import DATASET
from cli.results import results_prefix
from cli.retry import request_reruns
from local.synthetic.clinical import Spoiled, write_clinical_table
from tests.end_to_end.canaries import BORN, GIVEN, MRN, SURNAME
from tests.end_to_end.pipeline import Pipeline
from tests.end_to_end.sources import PART_RECORDS, deploy_sources
from tests.end_to_end.tables import (
    KEPT_EVERY,
    LEAK,
    LEAKING,
    LONG,
    LONG_ROWS,
    POUND_KG,
    Table,
    expected_features,
    expected_labels,
    leaking_table,
    long_table,
    read_table,
    to_csv,
)

pytestmark = pytest.mark.skipif("SMOKE_STACK" in os.environ, reason="made-up rows would be among a real dataset's")
ROWS, WRONG = 30, 4


@dataclass(frozen=True)
class Tables:
    """The pipeline and the first table.

    Parameters
    ----------
    pipeline : Pipeline
    rows : list of dict
        The table's rows.
    wrong : list of Spoiled
        Those that are wrong on purpose.
    first : Unit
        The table after it was taken.
    """

    pipeline: Pipeline
    rows: Table
    wrong: list[Spoiled]
    first: Unit

    def put(self, name: str, body: bytes, dataset: str = DATASET) -> str:
        """Upload a table; return its unit."""
        key = f"clinical/{dataset}/{name}"
        self.pipeline.deployment.s3.put_object(Bucket=self.pipeline.raw_bucket, Key=key, Body=body)
        return f"clinical#{dataset}#{name}"

    def take(self, bodies: Mapping[str, bytes], dataset: str = DATASET) -> dict[str, Unit]:
        """Upload tables and wait for their end."""
        return self.pipeline.wait_for([self.put(name, body, dataset) for name, body in bodies.items()])

    def group(self, content: str, dataset: str = DATASET) -> GroupTable:
        """Where a group is."""
        deployment = self.pipeline.deployment
        return describe_group(deployment, find_group(deployment, f"{dataset}-{content}"))

    def records(self, content: str, dataset: str = DATASET) -> dict[str, Row]:
        """The newest record of each case."""
        rows = read_features(self.pipeline.deployment, self.group(content, dataset))
        return {str(row["case_id"]): row for row in rows}

    def stored(self, content: str, dataset: str = DATASET) -> int:
        """How many rows the offline store holds, older ones included."""
        group = self.group(content, dataset)
        sql = f"SELECT count(*) AS n FROM {group.qualified_table}"
        return int(str(run_query(self.pipeline.deployment, sql, database=group.database)[0]["n"]))

    def counts(self) -> list[int]:
        """How many rows each group of the default dataset holds."""
        return [self.stored(content) for content in ("clinical-baseline", "clinical-surgery", "labels")]

    def report(self, unit: Unit, name: str) -> str:
        """A report on a table."""
        key = results_prefix(unit) + name
        body = self.pipeline.deployment.s3.get_object(Bucket=self.pipeline.processed_bucket, Key=key)["Body"]
        return body.read().decode()

    def rejected(self, unit: Unit) -> list[dict[str, str]]:
        """The rows that were not taken."""
        return list(csv.DictReader(io.StringIO(self.report(unit, "rejected.csv"))))


@pytest.fixture(scope="module")
def tables(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The pipeline after a first table, some rows of which are wrong."""
    path = tmp_path_factory.mktemp("tables") / "labels.csv"
    wrong = write_clinical_table(path, [], rows=ROWS, bad=WRONG, seed=3)
    key = f"clinical/{DATASET}/first/labels.csv"
    pipeline.deployment.s3.upload_file(str(path), pipeline.raw_bucket, key)
    unit = pipeline.wait_for([f"clinical#{DATASET}#first/labels.csv"])["first/labels.csv"]
    return Tables(pipeline, read_table(path), wrong, unit)


def good(tables: Tables, scope: str) -> list[dict[str, str]]:
    """Rows of which nothing of a scope is wrong."""
    wrong = {spoiled.case_id for spoiled in tables.wrong if spoiled.scope in {"row", scope}}
    return [row for row in tables.rows if row["Case ID"] not in wrong]


def seen(row: Row, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says of some features, rounded as the expectation is."""
    return {
        name: round(float(str(row[name])), 6) if isinstance(row[name], float | int) else row[name] for name in wanted
    }


def test_features_are_what_the_table_says(tables: Tables) -> None:
    records = tables.records("clinical-baseline")
    wanted = {row["Case ID"]: expected_features(row) for row in good(tables, "row")}
    assert {case: seen(records[case], wanted[case]) for case in records} == wanted
    assert set(tables.records("clinical-surgery")) == set(wanted)


def test_labels_are_what_the_table_says_and_lie_apart(tables: Tables) -> None:
    records = tables.records("labels")
    wanted = {row["Case ID"]: expected_labels(row) for row in good(tables, "label")}
    assert {case: seen(records[case], wanted[case]) for case in records} == wanted
    names = {*tables.group("clinical-baseline").features, *tables.group("clinical-surgery").features}
    assert not names & {"os_event", "os_days", "survival_status", "time_to_death_days", "recurrence"}


def test_rows_that_are_wrong_are_told_one_by_one(tables: Tables) -> None:
    unit = tables.first
    assert unit.status == "COMPLETED"
    assert {(int(r["row"]), r["case_id"], r["code"], r["scope"]) for r in tables.rejected(unit)} == {
        (wrong.row, wrong.case_id, wrong.code, wrong.scope) for wrong in tables.wrong
    }
    assert (unit.counts["rows"], unit.counts["rejected_rows"], unit.counts["labels_held"]) == (ROWS, 3, 1)
    assert "<html" in tables.report(unit, "report.html")


def test_the_same_rows_again_change_nothing(tables: Tables) -> None:
    before = tables.counts()
    body = tables.pipeline.deployment.s3.get_object(
        Bucket=tables.pipeline.raw_bucket, Key=f"clinical/{DATASET}/first/labels.csv"
    )["Body"].read()
    again = tables.take({"first/labels.csv": body, "copy.csv": body})
    assert again["first/labels.csv"].text("run_id") == tables.first.text("run_id"), "the same object runs once"
    assert (again["copy.csv"].counts["written"], again["copy.csv"].counts["unchanged"]) == (0, sum(before))
    assert tables.counts() == before


def test_a_corrected_file_writes_only_the_rows_that_changed(tables: Tables) -> None:
    before, cases = tables.counts(), [row["Case ID"] for row in good(tables, "row")[:2]]
    for row in tables.rows:
        if row["Case ID"] in cases:
            row["Weight (lbs)"] = "199"
    body = to_csv(tables.rows)
    unit = tables.take({"corrected.csv": body})["corrected.csv"]
    assert unit.counts["written"] == 2
    assert tables.counts() == [before[0] + 2, *before[1:]]
    records = tables.records("clinical-baseline")
    changed = {case for case, row in records.items() if row["upload_id"] == unit.text("content_version")}
    assert changed == set(cases)
    assert {round(float(str(records[case]["weight_kg"])), 6) for case in cases} == {round(199 * POUND_KG, 6)}


@pytest.fixture(scope="module")
def rejected(tables: Tables) -> dict[str, Unit]:
    """Files that cannot be taken, and how many rows the store held before and after."""
    before = tables.counts()
    named = [{**row, "Histology ": f"{GIVEN} {SURNAME}, MRN {MRN}, 555-867-5309"} for row in tables.rows]
    extra = [{**row, "Surname": SURNAME, "Born": BORN} for row in tables.rows]
    cells = [{**row, "Weight (lbs)": f"{GIVEN} {SURNAME}"} for row in tables.rows]
    bodies = {
        "pipes.csv": to_csv(tables.rows, delimiter="|"),
        "undeclared.csv": to_csv(extra),
        "identifying.csv": to_csv(named),
        "cells.csv": to_csv(cells),
        "excel.csv": b"PK\x03\x04\x14\x00\x06\x00\x08\x00[Content_Types].xml xl/workbook.xml" + bytes(200),
        "empty.csv": b"",
    }
    units = tables.take(bodies)
    assert tables.counts() == before, "nothing is half ingested"
    return units


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("pipes.csv", "HEADER_NOT_RECOGNISED"),
        ("undeclared.csv", "COLUMNS_NOT_DECLARED"),
        ("identifying.csv", "IDENTIFIERS_FOUND"),
        ("cells.csv", "NO_ROW_TAKEN"),
        ("excel.csv", "NOT_CSV"),
        ("empty.csv", "TABLE_EMPTY"),
    ],
)
def test_a_bad_file_is_rejected_as_a_whole_with_its_reason(
    tables: Tables, rejected: dict[str, Unit], name: str, reason: str
) -> None:
    unit = rejected[name]
    assert (unit.status, unit.text("reason_code")) == ("QUARANTINED", reason)
    told = unit.text("reason_message") + tables.report(unit, "report.json") + str(unit.item)
    assert not [text for text in (SURNAME, GIVEN, MRN, BORN, "867-5309") if text in told]


def test_a_long_table_goes_through_in_many_parts(tables: Tables) -> None:
    unit = tables.take({"long.csv": long_table()}, LONG)["long.csv"]
    kept = LONG_ROWS // KEPT_EVERY
    assert unit.status == "COMPLETED", unit.text("reason_message")
    counts = unit.counts
    assert (counts["rows"], counts["written"], counts["dropped_rows"]) == (LONG_ROWS, kept, LONG_ROWS - kept)
    keys = tables.pipeline._keys(f"runs/{unit.text('run_id')}/parts/")
    assert len(keys) == kept // PART_RECORDS
    records = tables.records("clinical-baseline", LONG)
    assert {case: row["dose_mg"] for case, row in records.items()} == {
        f"L{n:06d}": float(n) for n in range(0, LONG_ROWS, KEPT_EVERY)
    }
    assert tables.stored("clinical-baseline", LONG) == kept


def without_the_leak(source: Path) -> None:
    """Change the configuration so that it makes no feature of the column."""
    path = source / "functions" / "datasets" / f"{LEAKING}.yaml"
    config = yaml.safe_load(path.read_text())
    (leak,) = [column for column in config["clinical"]["columns"] if column["source"] == LEAK]
    leak["feature"] = False
    path.write_text(yaml.safe_dump(config))


def test_a_column_that_leaks_holds_the_upload_until_the_configuration_drops_it(
    tables: Tables, cloud_environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "labels.csv"
    write_clinical_table(path, [], rows=120, seed=5)
    held = tables.take({"labels.csv": leaking_table(path)}, LEAKING)["labels.csv"]
    assert (held.status, held.text("reason_code")) == ("QUARANTINED", "LEAKAGE_SUSPECTED")
    assert LEAK in held.text("reason_message")
    assert tables.stored("clinical-baseline", LEAKING) == 0
    assert "<html" in tables.report(held, "report.html")

    deploy_sources(cloud_environment, without_the_leak)
    assert request_reruns(tables.pipeline.deployment, [held.unit_id])["requested"] == [held.unit_id]
    taken = tables.pipeline.wait_for([held.unit_id])["labels.csv"]
    assert (taken.status, taken.text("reason_code")) == ("COMPLETED", "")
    assert set(tables.records("clinical-baseline", LEAKING)) == {row["Case ID"] for row in read_table(path)}
