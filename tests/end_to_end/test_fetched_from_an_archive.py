"""An uploaded manifest copies made-up public series into the raw bucket, and they become features."""

import os
import time
from pathlib import Path

import pytest

from cli.wait import wait_for_units
from local.synthetic.archive import NON_COMMERCIAL, fill_archive
from local.synthetic.studies import write_cohort
from multimodal.imaging.series_manifest import manifest_text
from multimodal.ledger.unit import Unit
from multimodal.pipeline.fetching import MANIFEST_STUDY
from tests.end_to_end.pipeline import Pipeline, silent_console

DATASET = "nsclc_radiogenomics"


@pytest.mark.skipif("SMOKE_STACK" in os.environ, reason="the archive's bucket is somebody else's")
def test_a_manifest_of_public_series_becomes_features(pipeline: Pipeline, tmp_path: Path) -> None:
    deployment = pipeline.deployment
    study, *_ = write_cohort(tmp_path, seed=4711, studies=1)
    series = fill_archive(deployment.s3, [study.path], licence=NON_COMMERCIAL)
    raw, key = deployment.output("RawBucketName"), f"imaging/{DATASET}/_manifest.csv"
    deployment.s3.put_object(Bucket=raw, Key=key, Body=manifest_text(series).encode())
    unit = Unit(DATASET, series[0].patient, series[0].study)
    outcome = wait_for_units(
        silent_console(), deployment, unit_ids=[unit.unit_id], arriving=True, timeout=pipeline.timeout
    )
    assert [each.status for each in outcome.units] == ["COMPLETED"], outcome
    _ask_for_nonsense_and_a_plan(pipeline)
    licences = deployment.s3.get_object(Bucket=raw, Key=f"{unit.folder}LICENSE.csv")["Body"].read().decode()
    assert licences.count(NON_COMMERCIAL) == len(series) == 2


def _ask_for_nonsense_and_a_plan(pipeline: Pipeline) -> None:
    """Upload a manifest that cannot be used, which the ledger tells, and a request for a plan."""
    pipeline.put("_manifest.csv", b"PatientID\n")
    pipeline.put("_plan.json", b"{}")
    pipeline.reach([Unit(DATASET, "-", MANIFEST_STUDY).unit_id], "QUARANTINED", "MANIFEST_INVALID")
    deadline = time.monotonic() + pipeline.timeout
    while not pipeline.deployment.s3.list_objects_v2(Bucket=pipeline.processed_bucket, Prefix="plans/")["KeyCount"]:
        assert time.monotonic() < deadline, "no plan was written"
        time.sleep(0.5)
