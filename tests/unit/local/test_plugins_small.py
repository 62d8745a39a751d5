"""The pure parts of the plug-ins."""

import json

import pytest

from local.emulator.containers import image_command
from local.emulator.functions import exception_name, window_passed
from local.emulator.iam import sagemaker_resource
from local.emulator.metrics import metrics_of
from local.emulator.step_functions import map_permissions, task_permissions

_SAGEMAKER = "arn:aws:sagemaker:us-east-1:000000000000"


@pytest.mark.parametrize(
    ("log", "name"),
    [
        ("Traceback (most recent call last):\n  File x, line 1\nValueError: no", "ValueError"),
        ("Traceback (most recent call last):\n  File x\nmy.package.RetryableError: two\nlines: here", "RetryableError"),
        ("Traceback (most recent call last):\n  File x\nKeyError\n", "KeyError"),
        (
            "Traceback (most recent call last):\n  File x\nKeyError: 1\n\nDuring handling …\n\n"
            "Traceback (most recent call last):\n  File y\n    raise\n    ^^^^^\nInvalidRequestError: bad",
            "InvalidRequestError",
        ),
        ("nothing was raised", None),
    ],
)
def test_exception_name(log: str, name: str | None) -> None:
    assert exception_name(log) == name


def test_metrics_of_a_line() -> None:
    directive = {
        "Namespace": "N",
        "Dimensions": [["stage"], []],
        "Metrics": [{"Name": "Units", "Unit": "Count"}],
    }
    line = {"_aws": {"Timestamp": 5000, "CloudWatchMetrics": [directive]}, "stage": "run", "Units": 2, "run_id": "r"}
    [(namespace, data)] = metrics_of(json.dumps(line))
    assert namespace == "N"
    assert [item["Dimensions"] for item in data] == [[{"Name": "stage", "Value": "run"}], []]
    assert {(item["MetricName"], item["Timestamp"], item["Unit"]) for item in data} == {("Units", 5.0, "Count")}
    assert [item["Values"] for item in data] == [[2.0], [2.0]]


@pytest.mark.parametrize("line", ["", "plain text", '{"_aws": 1}', '{"_aws": {"CloudWatchMetrics": [{}]}}', '"_aws" {'])
def test_other_lines_hold_no_metrics(line: str) -> None:
    assert list(metrics_of(line)) == []


@pytest.mark.parametrize(
    ("path", "body", "arn"),
    [
        ("/", b'{"ProcessingJobName": "j"}', f"{_SAGEMAKER}:processing-job/j"),
        ("/", b'{"FeatureGroupName": "g"}', f"{_SAGEMAKER}:feature-group/g"),
        ("/FeatureGroup/g", b'{"Record": []}', f"{_SAGEMAKER}:feature-group/g"),
        ("/", b"{}", "*"),
        ("/", b"not json", "*"),
    ],
)
def test_resource_of_a_sagemaker_request(path: str, body: bytes, arn: str) -> None:
    assert sagemaker_resource(path, body) == arn


def test_a_batch_waits_until_it_is_full_or_old() -> None:
    young, old, hidden = ({"sent_at": 99.5}, {"sent_at": 98.0}, {"sent_at": 90.0, "visible_at": 200.0})
    assert not window_passed([young, hidden], 500, now=100.0)
    assert window_passed([young, old], 500, now=100.0)
    assert window_passed([young, young], 2, now=100.0)
    assert not window_passed([], 500, now=100.0)


def test_an_images_command(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = "000000000000.dkr.ecr.us-east-1.amazonaws.com"
    command = image_command(f"{registry}/stack-radiomics:1")
    assert command is not None
    assert command[1:] == ["-m", "radiomics_job"]
    assert image_command(f"{registry}/other:1") is None
    monkeypatch.setenv("MULTIMODAL_JOB_COMMANDS", '{"radiomics": ["true"], "other": ["false"]}')
    assert image_command(f"{registry}/stack-radiomics:1") == ["true"]
    assert image_command(f"{registry}/other@sha256:0") == ["false"]


def test_permissions_of_tasks() -> None:
    request = {"ProcessingJobName": "j", "RoleArn": "arn:role"}
    waiting = {
        action for action, _, _ in task_permissions("arn:aws:states:::sagemaker:createProcessingJob.sync", request)
    }
    starting = {action for action, _, _ in task_permissions("arn:aws:states:::sagemaker:createProcessingJob", request)}
    assert starting == {"sagemaker:CreateProcessingJob", "sagemaker:AddTags", "iam:PassRole"}
    assert waiting - starting == {
        "sagemaker:DescribeProcessingJob",
        "sagemaker:StopProcessingJob",
        "events:PutTargets",
        "events:PutRule",
        "events:DescribeRule",
    }
    describe = "arn:aws:states:::aws-sdk:sagemaker:describeProcessingJob"
    assert list(task_permissions(describe, request)) == [
        ("sagemaker:DescribeProcessingJob", f"{_SAGEMAKER}:processing-job/j", {})
    ]
    assert list(task_permissions("arn:aws:states:::sqs:sendMessage", {})) == []


def test_permissions_of_a_map() -> None:
    resolved = {"ItemReader": {"Bucket": "b", "Key": "k"}, "ResultWriter": {"Bucket": "b", "Prefix": "p/"}}
    assert [(action, resource) for action, resource, _ in map_permissions("arn:machine", resolved)] == [
        ("states:StartExecution", "arn:machine"),
        ("s3:GetObject", "arn:aws:s3:::b/k"),
        ("s3:PutObject", "arn:aws:s3:::b/p/manifest.json"),
    ]
