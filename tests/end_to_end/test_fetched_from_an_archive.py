"""An uploaded manifest copies made-up public series into the raw bucket, and they become features."""

import os
from pathlib import Path

import pytest

from cli.wait import wait_for_units
from local.synthetic.archive import NON_COMMERCIAL, fill_archive
from local.synthetic.studies import write_cohort
from multimodal.imaging.series_manifest import manifest_text
from multimodal.ledger.unit import Unit
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
    licences = deployment.s3.get_object(Bucket=raw, Key=f"{unit.folder}LICENSE.csv")["Body"].read().decode()
    assert licences.count(NON_COMMERCIAL) == len(series) == 2
