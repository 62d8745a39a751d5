"""A deployment with one more feature in its configuration grows the group; what was there stays."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cli.retry import request_reruns
from tests.end_to_end.pipeline import Pipeline
from tests.end_to_end.sources import deploy_sources
from tests.end_to_end.studies import Studies

NEW_FEATURE = "original_shape_AddedByTheTest"

pytestmark = pytest.mark.skipif(
    "SMOKE_STACK" in os.environ, reason="it would add a feature to a real feature group, for good"
)


def add_a_feature(source: Path) -> None:
    """Add a feature to the contract of the parameter file `ct`."""
    contract = source / "functions" / "multimodal" / "contracts" / "imaging_features" / "ct.json"
    document = json.loads(contract.read_text())
    document["features"].append(NEW_FEATURE)
    contract.write_text(json.dumps(document))


def without_run(document: dict[str, Any] | None) -> dict[str, Any]:
    """Return a result without the names of its run and its job, which `qc.json` has too."""
    artifacts = [file for file in (document or {})["artifacts"] if file["name"] != "qc.json"]
    return {key: value for key, value in (document or {}).items() if key != "run"} | {"artifacts": artifacts}


def test_a_new_feature_grows_the_group_and_is_null_in_old_rows(
    first_upload: Pipeline, studies: Studies, cloud_environment: dict[str, str]
) -> None:
    subjects = [study.subject for study in studies.good]
    before = first_upload.group
    rows = first_upload.features(subjects)

    deploy_sources(cloud_environment, add_a_feature, ImagingCompute="processing")

    after = first_upload.group
    assert set(after.features) - set(before.features) == {NEW_FEATURE}
    assert (after.group, after.table) == (before.group, before.table)
    grown = first_upload.features(subjects)
    assert {subject: {**row, NEW_FEATURE: None} for subject, row in rows.items()} == {
        subject: {**row, NEW_FEATURE: row.get(NEW_FEATURE)} for subject, row in grown.items()
    }

    # The same deployment has no fast lane: a processing job measures what a function measured.
    unit = first_upload.unit(subjects[0])
    measured = first_upload.result(unit, "features.json")
    assert request_reruns(first_upload.deployment, [unit.unit_id])["requested"] == [unit.unit_id]
    again = first_upload.wait_for_run(unit)
    [job_id] = first_upload.jobs_of(again.text("run_id"))
    assert first_upload.attempts_at(job_id) == [f"{job_id}-1"]
    assert without_run(first_upload.result(again, "features.json")) == without_run(measured)
