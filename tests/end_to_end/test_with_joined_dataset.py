"""Records of all groups become one row a patient: by the command, and by an uploaded request."""

import csv
import io
import json
import os
import time
from dataclasses import dataclass
from typing import Any

import pytest

from cli.dataset import Build, build_dataset
from cli.errors import CommandError
from cli.features import find_group
from cli.project import DATASET
from tests.end_to_end.pipeline import Pipeline, silent_console

pytestmark = pytest.mark.skipif("SMOKE_STACK" in os.environ, reason="made-up records would be among a real dataset's")
CASES = ["R01-901", "R01-902", "R01-903", "R01-904"]
WITHOUT_CT, WITHOUT_RNA, DELETED = "R01-902", "R01-903", "R01-904"
REQUEST = {"dataset": DATASET, "cases": CASES}


@dataclass(frozen=True)
class Joined:
    """The pipeline after records were written to the feature groups of its dataset."""

    pipeline: Pipeline

    @property
    def runtime(self) -> Any:
        deployment = self.pipeline.deployment
        return deployment.session.client("sagemaker-featurestore-runtime", endpoint_url=deployment.endpoint)

    def group(self, content: str) -> str:
        return find_group(self.pipeline.deployment, f"{DATASET}-{content}")

    def write(self, content: str, case: str, event_time: str, **values: object) -> None:
        """Write a record."""
        given = {"case_id": case, "event_time": event_time, **values}
        record = [{"FeatureName": name, "ValueAsString": str(value)} for name, value in given.items()]
        self.runtime.put_record(FeatureGroupName=self.group(content), Record=record)

    def build(self, **request: object) -> Build:
        return build_dataset(silent_console(), self.pipeline.deployment, {**REQUEST, **request})

    def read(self, key: str) -> bytes:
        """Return an object of the processed bucket."""
        bucket = self.pipeline.processed_bucket
        return self.pipeline.deployment.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def rows(self, built: Build) -> dict[str, dict[str, str]]:
        """Return the rows by case."""
        text = self.read(f"{built.key}dataset.csv").decode()
        return {row["case_id"]: row for row in csv.DictReader(io.StringIO(text))}


@pytest.fixture(scope="module")
def joined(pipeline: Pipeline) -> Joined:
    made = Joined(pipeline)
    for number, case in enumerate(CASES, 1):
        if case != WITHOUT_CT:
            made.write("imaging", case, f"200{number}-01-01T08:00:00Z", volume_ml=9.5 * number)
            made.write("imaging", case, f"200{number}-01-01T08:00:00Z", volume_ml=10.5 * number)  # a correction
        if case != WITHOUT_RNA:
            made.write("rna", case, "2026-01-01T00:00:00Z", event_time_source="UploadTime", log2tpm_CD4=1.25 * number)
        made.write("clinical-baseline", case, f"200{number}-01-01T00:00:00Z", age_years=60 + number)
        made.write("labels", case, "2015-01-01T00:00:00Z", os_event=number % 2, os_days=100 * number)
    made.runtime.delete_record(
        FeatureGroupName=made.group("imaging"),
        RecordIdentifierValueAsString=DELETED,
        EventTime="2026-01-01T00:00:00Z",
    )
    return made


@pytest.fixture(scope="module")
def built(joined: Joined) -> Build:
    return joined.build()


def test_a_patient_is_a_row_with_what_it_has(joined: Joined, built: Build) -> None:
    rows = joined.rows(built)

    assert list(rows) == CASES
    flags = {case: tuple(row[f"has_{m}"] for m in ("imaging", "rna", "clinical")) for case, row in rows.items()}
    assert flags == {
        CASES[0]: ("1", "1", "1"),
        WITHOUT_CT: ("0", "1", "1"),
        WITHOUT_RNA: ("1", "0", "1"),
        DELETED: ("0", "1", "1"),
    }
    assert rows[CASES[0]]["imaging__volume_ml"] == "10.5"
    assert (rows[WITHOUT_CT]["rna__log2tpm_CD4"], rows[WITHOUT_CT]["label__os_days"]) == ("2.5", "200")
    assert built.manifest["complete_cases"] == "1 of 4 cases have all modalities"


def test_the_function_that_joins_has_a_layer_and_all_packages_are_small(joined: Joined) -> None:
    deployment = joined.pipeline.deployment
    pages = deployment.lambda_.get_paginator("list_functions").paginate()
    every = [function for page in pages for function in page["Functions"]]
    ours = [each for each in every if each["FunctionName"].startswith(f"{deployment.stack}-") and "Handler" in each]
    assert [each["FunctionName"] for each in ours if each.get("Layers")] == [f"{deployment.stack}-dataset-build"]
    assert max(each["CodeSize"] for each in ours) < 30_000_000


def test_an_uploaded_request_builds_the_same_bytes(joined: Joined, built: Build) -> None:
    joined.pipeline.store(f"datasets/{DATASET}/_build.json", json.dumps({"cases": CASES, "build": "uploaded"}).encode())
    prefix, deadline = f"datasets/{DATASET}/uploaded/", time.monotonic() + joined.pipeline.timeout
    s3, bucket = joined.pipeline.deployment.s3, joined.pipeline.processed_bucket
    while not s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}manifest.json")["KeyCount"]:
        assert time.monotonic() < deadline, "nothing was built"
        time.sleep(0.5)

    for name in ("dataset.csv", "dataset.parquet", "dictionary.csv"):
        assert joined.read(f"{prefix}{name}") == joined.read(f"{built.key}{name}")


def test_what_cannot_be_built_says_why_and_leaves_nothing(joined: Joined) -> None:
    with pytest.raises(CommandError) as caught:
        joined.build(cases=["R01-999"], build="wrong")
    assert "R01-999" in (caught.value.details or "")
    listed = joined.pipeline.deployment.s3.list_objects_v2(
        Bucket=joined.pipeline.processed_bucket, Prefix=f"datasets/{DATASET}/wrong/"
    )
    assert listed["KeyCount"] == 0
