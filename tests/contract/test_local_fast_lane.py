"""The fast lane on the laptop cloud: a function of the radiomics image stores what the processing job stores."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from local.synthetic.studies import write_cohort, write_corrupt_study
from tests.contract.local_cloud import ACCOUNT, KEY, Account, account_fixture, allow, wait_for

account = account_fixture()

IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/x-radiomics:1"


@pytest.fixture(scope="module")
def uploaded(account: Account, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A good and a damaged study in the bucket, and the role of both lanes."""
    folder = tmp_path_factory.mktemp("cohort")
    write_cohort(folder, studies=1)
    write_corrupt_study(folder)
    for bucket in ("raw", "processed"):
        account.bucket(bucket)
    for path in (p for p in folder.rglob("*") if p.is_file()):
        account.client("s3").upload_file(str(path), "raw", f"imaging/d/{path.relative_to(folder).as_posix()}")
    statements = (
        allow("s3:GetObject", ["arn:aws:s3:::raw/*", "arn:aws:s3:::processed/runs/*"]),
        allow("s3:ListBucket", "arn:aws:s3:::processed"),
        allow("s3:PutObject", "arn:aws:s3:::processed/*"),
    )
    account.role("job", "sagemaker", *statements)
    return account.role("fast", "lambda", *statements)


def _write_job(account: Account, keys: list[str]) -> dict[str, str]:
    """Store the documents of a job of all studies, and return what the state machine hands to a lane."""
    folders = sorted({"/".join(key.split("/")[:4]) for key in keys})
    units = [
        {
            "unit_id": f,
            "dataset": "d",
            "subject": f.split("/")[2],
            "study": f.split("/")[3],
            "path": f[len("imaging/") :],
        }
        for f in folders
    ]
    dataset = {"params": "ct"}
    document = {"schema": 1, "job_id": "j", "run_id": "r", "units": units, "datasets": {"d": dataset}}
    manifest = [{"prefix": "s3://raw/imaging/"}, *(key.removeprefix("imaging/") for key in keys)]
    for key, content in (("runs/r/jobs/j/job.json", document), ("runs/r/jobs/j.manifest", manifest)):
        account.client("s3").put_object(Bucket="processed", Key=key, Body=json.dumps(content).encode())
    uris = {"manifest_uri": "s3://processed/runs/r/jobs/j.manifest", "job_uri": "s3://processed/runs/r/jobs/j/"}
    return {"image_uri": IMAGE, **uris}


def _keys(account: Account, bucket: str, prefix: str) -> list[str]:
    pages = account.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def _stored(account: Account, prefix: str) -> dict[str, tuple[bytes, str]]:
    s3 = account.client("s3")
    found = {key: s3.get_object(Bucket="processed", Key=key) for key in _keys(account, "processed", prefix)}
    return {key.removeprefix(prefix): (o["Body"].read(), o["ContentType"]) for key, o in found.items()}


def _function(account: Account, role: str, name: str, image: str = IMAGE) -> None:
    account.client("lambda").create_function(
        FunctionName=name,
        PackageType="Image",
        Code={"ImageUri": IMAGE},
        ImageConfig={
            "EntryPoint": ["python", "-m", "awslambdaric"],
            "Command": ["radiomics_lambda.app.handler"],
        },
        Role=role,
        Timeout=300,
        Environment={"Variables": {"IMAGE_URI": image, "DATA_KEY_ARN": KEY}},
    )


def _invoke(account: Account, name: str, event: Mapping[str, str]) -> tuple[Any, bool]:
    answer = account.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read()), "FunctionError" in answer


def _events(account: Account, name: str) -> set[str]:
    lines = account.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    return {json.loads(e["message"])["event"] for e in lines if e["message"].startswith('{"event"')}


def _processing_job(account: Account, job: Mapping[str, str]) -> str:
    arguments = ["--input-dir", "input", "--output-dir", "output", "--job", "job/job.json"]
    at = [a if a.startswith("--") else f"/opt/ml/processing/{a}" for a in arguments]
    sources = (("input", job["manifest_uri"], "ManifestFile"), ("job", job["job_uri"], "S3Prefix"))
    account.client("sagemaker").create_processing_job(
        ProcessingJobName="slow",
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/job",
        AppSpecification={"ImageUri": IMAGE, "ContainerArguments": at},
        ProcessingInputs=[
            {
                "InputName": name,
                "S3Input": {
                    "S3Uri": uri,
                    "LocalPath": f"/opt/ml/processing/{name}",
                    "S3DataType": kind,
                    "S3InputMode": "File",
                },
            }
            for name, uri, kind in sources
        ],
        ProcessingOutputConfig={
            "Outputs": [
                {
                    "OutputName": "features",
                    "S3Output": {
                        "S3Uri": "s3://processed/slow/",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.r5.large", "VolumeSizeInGB": 5}},
    )

    def _status() -> str | None:
        found = account.client("sagemaker").describe_processing_job(ProcessingJobName="slow")["ProcessingJobStatus"]
        return str(found) if found != "InProgress" else None

    return str(wait_for(_status))


def test_both_lanes_store_the_same_bytes(account: Account, uploaded: str) -> None:
    job = _write_job(account, _keys(account, "raw", "imaging/"))
    _function(account, uploaded, "fast")
    answer, failed = _invoke(account, "fast", {**job, "output_uri": "s3://processed/fast/"})
    assert not failed, answer
    fast = _stored(account, "fast/")
    assert answer == {"objects": len(fast)}
    assert _events(account, "fast") >= {"study_ended"}, "its log"
    assert "object_left_to_boto3" not in _events(account, "fast"), "boto3 is for what the Common Runtime cannot do"
    names = {(key.split("/")[1], Path(key).name) for key in fast}
    assert {("R01-901", "features.json"), ("R01-999", "rejection.json")} <= names
    assert _processing_job(account, job) == "Completed"
    assert fast == _stored(account, "slow/")


def test_a_run_that_was_planned_for_another_image_is_left_to_a_processing_job(account: Account, uploaded: str) -> None:
    _function(account, uploaded, "newer", image=IMAGE + "0")
    event = {"image_uri": IMAGE, "manifest_uri": "s3://a/b", "job_uri": "s3://a/", "output_uri": "s3://processed/none/"}
    answer, failed = _invoke(account, "newer", event)
    assert failed
    assert answer["errorType"] == "NeedsProcessingJobError"
    assert _keys(account, "processed", "none/") == []


def test_an_object_that_may_not_be_read_is_told_as_s3_tells_it(account: Account, uploaded: str) -> None:
    account.client("s3").put_object(Bucket=account.bucket("secret"), Key="job.json", Body=b"{}")
    _function(account, uploaded, "denied")
    event = {
        "image_uri": IMAGE,
        "manifest_uri": "s3://a/b",
        "job_uri": "s3://secret/",
        "output_uri": "s3://processed/x/",
    }
    answer, failed = _invoke(account, "denied", event)
    assert failed
    assert answer["errorType"] == "TransferError"
    assert "403" in answer["errorMessage"] or "AccessDenied" in answer["errorMessage"]
