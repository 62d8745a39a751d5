"""Processing jobs on the laptop cloud: requests, transfers, runs and how Step Functions sees them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli.project import ROOT
from tests.contract.local_cloud import (
    ACCOUNT,
    JOB_COMMANDS,
    KEY,
    STAND_IN,
    Account,
    account_fixture,
    allow,
    is_gone,
    policy,
    wait_for,
    wait_until,
)

account = account_fixture(extra_env=JOB_COMMANDS)


@pytest.fixture(scope="module")
def job_role(account: Account) -> str:
    """A job role and the objects that jobs read."""
    s3 = account.client("s3")
    for bucket in ("raw", "processed"):
        account.bucket(bucket)
    for key in ("imaging/d/R01-1/t/a", "imaging/d/R01-1/t/b", "imaging/d/R01-10/t/c"):
        s3.put_object(Bucket="raw", Key=key, Body=key.encode())
    entries = [{"prefix": "s3://raw/imaging/"}, "d/R01-1/t/a", "d/R01-1/t/b"]
    s3.put_object(Bucket="processed", Key="runs/r/inputs.manifest", Body=json.dumps(entries).encode())
    s3.put_object(Bucket="processed", Key="runs/r/job/job.json", Body=b"{}")
    return account.role(
        "job",
        "sagemaker",
        allow("s3:GetObject", ["arn:aws:s3:::raw/*", "arn:aws:s3:::processed/runs/*"]),
        allow("s3:ListBucket", "arn:aws:s3:::processed"),
        allow("s3:PutObject", "arn:aws:s3:::processed/imaging/*"),
    )


def _input(name: str, uri: str, kind: str, path: str) -> dict[str, Any]:
    source = {"S3Uri": uri, "S3DataType": kind, "LocalPath": path, "S3InputMode": "File"}
    return {"InputName": name, "S3Input": source}


def _request(name: str, role: str, *arguments: str, **changes: Any) -> dict[str, Any]:
    output = {
        "S3Uri": f"s3://processed/imaging/{name}",
        "LocalPath": "/opt/ml/processing/output",
        "S3UploadMode": "EndOfJob",
    }
    cluster = {"InstanceCount": 1, "InstanceType": "ml.r5.large", "VolumeSizeInGB": 5, "VolumeKmsKeyId": KEY}
    return {
        "ProcessingJobName": name,
        "RoleArn": role,
        "AppSpecification": {
            "ImageUri": STAND_IN,
            "ContainerArguments": ["/opt/ml/processing/input", "/opt/ml/processing/output", *arguments],
        },
        "ProcessingInputs": [
            _input("study", "s3://processed/runs/r/inputs.manifest", "ManifestFile", "/opt/ml/processing/input"),
            _input("job", "s3://processed/runs/r/job/", "S3Prefix", "/opt/ml/processing/job"),
        ],
        "ProcessingOutputConfig": {
            "KmsKeyId": KEY,
            "Outputs": [{"OutputName": "results", "S3Output": output}],
        },
        "ProcessingResources": {"ClusterConfig": cluster},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "NetworkConfig": {"EnableNetworkIsolation": True, "EnableInterContainerTrafficEncryption": True},
        **changes,
    }


def _create(account: Account, name: str, role: str, *arguments: str, **changes: Any) -> None:
    account.client("sagemaker").create_processing_job(**_request(name, role, *arguments, **changes))


def _run(account: Account, name: str, role: str, *arguments: str, **changes: Any) -> dict[str, Any]:
    """Run a job to its end."""
    _create(account, name, role, *arguments, **changes)
    return _ended(account, name)


def _ended(account: Account, name: str) -> dict[str, Any]:
    def _read() -> dict[str, Any] | None:
        job: dict[str, Any] = account.client("sagemaker").describe_processing_job(ProcessingJobName=name)
        return job if job["ProcessingJobStatus"] in ("Completed", "Failed", "Stopped") else None

    return wait_for(_read)


def _report(account: Account, name: str) -> dict[str, Any]:
    stored = account.client("s3").get_object(Bucket="processed", Key=f"imaging/{name}/report.json")
    report: dict[str, Any] = json.loads(stored["Body"].read())
    return report


def test_a_job_gets_exactly_the_objects_of_its_manifest(account: Account, job_role: str) -> None:
    assert _run(account, "exact", job_role)["ProcessingJobStatus"] == "Completed"
    report = _report(account, "exact")
    assert report["files"] == {"d/R01-1/t/a": "imaging/d/R01-1/t/a", "d/R01-1/t/b": "imaging/d/R01-1/t/b"}
    assert report["job_files"] == ["job.json"]


def test_a_job_has_no_credentials_and_no_endpoint(account: Account, job_role: str) -> None:
    _run(account, "isolated", job_role)
    names = set(_report(account, "isolated")["environment"])
    assert not {name for name in names if name.startswith(("AWS_", "S3_", "MULTIMODAL_", "GATEWAY"))}


def test_a_missing_object_fails_the_job_with_its_name(account: Account, job_role: str) -> None:
    entries = [{"prefix": "s3://raw/imaging/"}, "d/R01-1/t/a", "d/R01-1/t/gone"]
    account.client("s3").put_object(
        Bucket="processed", Key="runs/gone/inputs.manifest", Body=json.dumps(entries).encode()
    )
    inputs = [_input("study", "s3://processed/runs/gone/inputs.manifest", "ManifestFile", "/opt/ml/processing/input")]
    job = _run(account, "gone", job_role, ProcessingInputs=inputs)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed")


def test_a_role_that_may_not_write_fails_the_job(account: Account, job_role: str) -> None:
    reader = account.role("reader", "sagemaker", allow(["s3:GetObject", "s3:ListBucket"]))
    job = _run(account, "denied", reader)
    assert job["ProcessingJobStatus"] == "Failed"
    assert "Data upload failed" in job["FailureReason"]
    assert "AccessDenied" in job["FailureReason"]


def test_a_failing_command_fails_the_job_and_keeps_its_log(account: Account, job_role: str) -> None:
    job = _run(account, "broken", job_role, "exit", "3")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information (exit code 3)"
    assert "ExitMessage" not in job
    assert account.log_lines("/aws/sagemaker/ProcessingJobs", "broken/algo-1") == ["leaving with 3"]


def test_what_a_container_leaves_in_its_message_file_is_the_exit_message(account: Account, job_role: str) -> None:
    job = _run(account, "says-why", job_role, "exit", "2", "/opt/ml/output/message")
    assert (job["ProcessingJobStatus"], job["ExitMessage"]) == ("Failed", "because of 2")


def test_the_time_limit_ends_a_job_with_its_workers(account: Account, job_role: str, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    job = _run(account, "slow", job_role, "hang", str(pid_file), StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "MaxRuntimeExceeded" in job["FailureReason"]
    wait_until(lambda: is_gone(int(pid_file.read_text())))


def test_a_job_can_be_stopped(account: Account, job_role: str, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    sagemaker = account.client("sagemaker")
    _create(account, "stopped", job_role, "hang", str(pid_file))
    wait_until(pid_file.exists)
    sagemaker.stop_processing_job(ProcessingJobName="stopped")
    assert _ended(account, "stopped")["ProcessingJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="cannot be stopped"):
        sagemaker.stop_processing_job(ProcessingJobName="stopped")


def test_no_more_jobs_run_at_once_than_there_are_slots(account: Account, job_role: str) -> None:
    for number in range(4):
        _create(account, f"many-{number}", job_role, "sleep", "0.3")
    jobs = [_ended(account, f"many-{number}") for number in range(4)]
    for moment in [job["ProcessingStartTime"] for job in jobs]:
        running = [job for job in jobs if job["ProcessingStartTime"] <= moment < job["ProcessingEndTime"]]
        assert len(running) <= 2


def test_a_name_is_taken_for_ever(account: Account, job_role: str) -> None:
    _run(account, "once", job_role)
    with pytest.raises(ClientError) as rejected:
        _create(account, "once", job_role)
    assert rejected.value.response["Error"]["Code"] == "ResourceInUse"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ProcessingJobName": "img_1"}, "regular expression"),
        ({"ProcessingJobName": "a" * 64}, "less than or equal to 63"),
        ({"AppSpecification": {"ImageUri": STAND_IN, "ContainerArguments": ["a" * 257]}}, "less than or equal to 256"),
        ({"RoleArn": "arn:aws:iam::000000000000:role/nobody"}, "Could not assume role"),
    ],
)
def test_requests_that_aws_rejects_are_rejected(
    account: Account, job_role: str, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ClientError, match=words) as rejected:
        _create(account, "rejected", job_role, **changes)
    assert rejected.value.response["Error"]["Code"] == "ValidationException"


def test_an_unknown_image_fails_the_job(account: Account, job_role: str) -> None:
    image = {"ImageUri": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/nobody:1"}
    assert "Cannot pull" in _run(account, "unknown", job_role, AppSpecification=image)["FailureReason"]


def test_state_changes_are_published(account: Account, job_role: str) -> None:
    kind = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Processing Job State Change"]}
    take = account.subscribe(**kind)
    _run(account, "told", job_role)
    details = [event["detail"] for event in take()]
    told = [item["ProcessingJobStatus"] for item in details if item["ProcessingJobName"] == "told"]
    assert told == ["InProgress", "Completed"]


def test_jobs_are_listed_newest_first(account: Account, job_role: str) -> None:
    sagemaker = account.client("sagemaker")
    for name in ("listed-1", "listed-2"):
        _run(account, name, job_role)
    found = sagemaker.list_processing_jobs(NameContains="listed", StatusEquals="Completed", MaxResults=1)
    assert [job["ProcessingJobName"] for job in found["ProcessingJobSummaries"]] == ["listed-2"]
    assert found["NextToken"]
    assert not sagemaker.list_processing_jobs(NameContains="listed", StatusEquals="InProgress")[
        "ProcessingJobSummaries"
    ]


def _machine(request: dict[str, Any]) -> dict[str, Any]:
    create = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sagemaker:createProcessingJob.sync",
        "Parameters": request,
        "Next": "Describe",
    }
    describe = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sagemaker:describeProcessingJob",
        "Parameters": {"ProcessingJobName.$": "$.ProcessingJobName"},
        "End": True,
    }
    return {"StartAt": "Create", "States": {"Create": create, "Describe": describe}}


@pytest.fixture(scope="module")
def machine_role(account: Account, job_role: str) -> str:
    """A role with exactly what `.sync` needs."""
    passed = {"iam:PassedToService": "sagemaker.amazonaws.com"}
    return account.role(
        "machine",
        "states",
        allow([f"sagemaker:{name}ProcessingJob" for name in ("Create", "Describe", "Stop")] + ["sagemaker:AddTags"]),
        allow("iam:PassRole", job_role, StringEquals=passed),
        allow(["events:PutTargets", "events:PutRule", "events:DescribeRule"]),
    )


def test_a_state_machine_waits_for_the_job(account: Account, job_role: str, machine_role: str) -> None:
    execution = account.run(_machine(_request("sync", job_role)), machine_role, "sync")
    assert execution["status"] == "SUCCEEDED", execution
    assert json.loads(execution["output"])["ProcessingJobStatus"] == "Completed"


def test_a_failed_job_fails_the_task_with_the_job_as_cause(account: Account, job_role: str, machine_role: str) -> None:
    execution = account.run(_machine(_request("sync-broken", job_role, "exit", "4")), machine_role, "broken")
    assert execution["error"] == "States.TaskFailed"
    assert json.loads(execution["cause"])["FailureReason"].endswith("(exit code 4)")


def test_service_errors_have_their_names_in_a_state_machine(account: Account, job_role: str, machine_role: str) -> None:
    _create(account, "used", job_role)
    execution = account.run(_machine(_request("used", job_role)), machine_role, "used")
    assert execution["error"] == "SageMaker.ResourceInUseException"
    execution = account.run(_machine(_request("not_a_name", job_role)), machine_role, "invalid")
    assert execution["error"] == "SageMaker.AmazonSageMakerException"
    lookup = _machine({})["States"]["Describe"]
    definition = {"StartAt": "Describe", "States": {"Describe": lookup}}
    execution = account.run(definition, machine_role, "lookup", {"ProcessingJobName": "no-such-job"})
    assert execution["error"] == "SageMaker.ResourceNotFoundException"


def test_a_state_machine_without_the_permission_fails(account: Account, job_role: str) -> None:
    role = account.role("weak", "states", allow(["sagemaker:CreateProcessingJob", "sagemaker:AddTags"]))
    execution = account.run(_machine(_request("weak", job_role)), role, "weak")
    assert execution["error"] == "States.Permissions"
    assert "iam:PassRole" in execution["cause"]


def test_a_task_that_names_no_integration_is_no_definition(account: Account, machine_role: str) -> None:
    state = {"Type": "Task", "Resource": "arn:aws:states:::sagemaker:createProcessingJobs", "End": True}
    definition = {"StartAt": "Do", "States": {"Do": state}}
    with pytest.raises(ClientError, match=r"createProcessingJobs is not recognized.*/States/Do/Resource") as caught:
        account.run(definition, machine_role, "unknown")
    assert caught.value.response["Error"]["Code"] == "InvalidDefinition"


@pytest.mark.parametrize("robustness", [{}, {"robustness": False}, {"robustness": True}])
def test_a_training_run_gives_its_job_the_robustness_file_when_there_is_one(
    account: Account, machine_role: str, robustness: dict[str, bool]
) -> None:
    text = (ROOT / "statemachines" / "models.asl.json").read_text(encoding="utf-8")
    definition = json.loads(re.sub(r"\$\{(\w+)\}", lambda name: "aws" if name[1] == "Partition" else name[1], text))
    definition["States"]["TrainModels"] = {"Type": "Succeed", "OutputPath": "$.given"}
    asked = {"action": "train", "dataset": "made", "build": "b1", "settings": {"repeats": 2}, **robustness}
    name = f"given-{json.dumps(robustness)}".translate(str.maketrans("", "", '{}": '))
    execution = account.run(definition, machine_role, name, asked)
    assert execution["status"] == "SUCCEEDED", execution
    given, run = json.loads(execution["output"]), execution["name"]
    uris = ["s3://ProcessedBucketName/datasets/made/b1/"]
    uris += [f"s3://ProcessedBucketName/models/made/b1/{run}/robustness.csv"] if robustness.get("robustness") else []
    assert [each["S3Input"]["S3Uri"] for each in given["inputs"]] == uris
    assert given["arguments"][given["arguments"].index("--settings") + 1] == '{"repeats":2}'
    assert ("--robustness" in given["arguments"]) == (len(uris) == 2)


def test_a_map_honours_its_concurrency_path_and_writes_its_results(
    account: Account, job_role: str, machine_role: str
) -> None:
    items = [_request(f"map-{number}", job_role, "sleep", "0.2") for number in range(2)]
    account.client("s3").put_object(Bucket="processed", Key="runs/m/jobs.json", Body=json.dumps(items).encode())
    create = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sagemaker:createProcessingJob.sync",
        "Parameters": {f"{key}.$": f"$.{key}" for key in items[0]},
        "End": True,
    }
    state = {
        "Type": "Map",
        "MaxConcurrencyPath": "$.concurrency",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": "processed", "Key.$": "$.key"},
        },
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "processed", "Prefix": "runs/m/results"},
        },
        "ResultPath": "$.written",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Create",
            "States": {"Create": create},
        },
        "End": True,
    }
    definition = {"StartAt": "Map", "States": {"Map": state}}
    missing = policy(
        allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::processed/runs/*"), allow("states:StartExecution")
    )
    payload = {"concurrency": 1, "key": "runs/m/jobs.json"}
    execution = account.run(definition, machine_role, "map-denied", payload)
    assert execution["error"] == "States.Permissions"
    account.client("iam").put_role_policy(RoleName="machine", PolicyName="map", PolicyDocument=missing)
    execution = account.run(definition, machine_role, "map", payload)
    assert execution["status"] == "SUCCEEDED", execution
    key = json.loads(execution["output"])["written"]["ResultWriterDetails"]["Key"]
    manifest = json.loads(account.client("s3").get_object(Bucket="processed", Key=key)["Body"].read())
    assert [len(manifest["ResultFiles"][status]) for status in ("SUCCEEDED", "FAILED")] == [1, 0]
    first, second = (_ended(account, f"map-{number}") for number in range(2))
    assert max(first["CreationTime"], second["CreationTime"]) >= min(
        first["ProcessingEndTime"], second["ProcessingEndTime"]
    )
