"""Request checks against service models, without a cloud."""

from typing import Any

import pytest

from local.emulator.aws import AwsError
from local.emulator.requests import check_request, service_model

_JOB: dict[str, Any] = {
    "ProcessingJobName": "img-0123-1",
    "RoleArn": "arn:aws:iam::000000000000:role/job",
    "AppSpecification": {"ImageUri": "repository:tag", "ContainerArguments": ["--input-dir"]},
    "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.r5.large", "VolumeSizeInGB": 5}},
}


def _check(**changes: Any) -> None:
    operation = service_model("sagemaker").operation_model("CreateProcessingJob")
    check_request(operation, {**_JOB, **changes}, "ValidationException")


def test_a_good_request_passes() -> None:
    _check()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ProcessingJobName": None}, "Value null at 'processingJobName'"),
        ({"ProcessingJobName": "under_score"}, "regular expression pattern"),
        ({"ProcessingJobName": "n" * 64}, "length less than or equal to 63"),
        ({"ProcessingJobName": 7}, "must be of type string"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 0}}, "greater than or equal to 1"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": True}}, "must be of type integer"),
        ({"AppSpecification": {"ImageUri": "i", "ContainerArguments": ["a"] * 101}}, "less than or equal to 100"),
        ({"AppSpecification": {"ImageUri": "i", "ContainerArguments": ["a" * 257]}}, "less than or equal to 256"),
        ({"ProcessingInputs": [{}]}, "'processingInputs.1.member.inputName'"),
        ({"Environment": {"9bad": "x"}}, "'environment.key'"),
        ({"Surprise": 1}, "Unknown member 'surprise'"),
        (
            {
                "ProcessingResources": {
                    "ClusterConfig": {**_JOB["ProcessingResources"]["ClusterConfig"], "InstanceType": "ml.x"}
                }
            },
            "enum value set",
        ),
    ],
)
def test_each_kind_of_constraint_is_checked(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(AwsError, match=words) as refused:
        _check(**changes)
    assert refused.value.code == "ValidationException"


def test_all_violations_are_named_at_once() -> None:
    with pytest.raises(AwsError, match="3 validation errors detected"):
        _check(ProcessingJobName="under_score", RoleArn="short")


def test_patterns_that_only_java_knows_are_left_to_aws() -> None:
    _check(Tags=[{"Key": "project", "Value": "übung"}])
