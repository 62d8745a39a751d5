"""The parts of the emulator that need no cloud: checks of requests and records, and what is read out of texts."""

import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from local.emulator import service_models
from local.emulator.aws import AwsError
from local.emulator.containers import image_command
from local.emulator.definitions import problem_of
from local.emulator.functions import exception_name, window_passed
from local.emulator.iam import sagemaker_resource
from local.emulator.image_functions import invocations_at_once
from local.emulator.metrics import metrics_of
from local.emulator.object_files import bytes_of
from local.emulator.requests import check_request, service_model
from local.emulator.sagemaker.record_values import Features, check_record, parse_event_time
from local.emulator.step_functions import map_permissions, task_permissions
from tests.cases import cases_of

CASES = cases_of(__file__)

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
    with pytest.raises(AwsError, match=words) as rejected:
        _check(**changes)
    assert rejected.value.code == "ValidationException"


def test_all_violations_are_named_at_once() -> None:
    with pytest.raises(AwsError, match="3 validation errors detected"):
        _check(ProcessingJobName="under_score", RoleArn="short")


def test_patterns_that_only_java_knows_are_left_to_aws() -> None:
    _check(Tags=[{"Key": "project", "Value": "übung"}])


_TYPES = {"id": "String", "at": "String", "count": "Integral", "size": "Fractional", "depth": "Fractional"}
_FEATURES = Features("g", _TYPES, "id", "at")
_GOOD = {"id": "c", "at": "2020-01-02T03:04:05Z"}


def _values(**changes: str | None) -> dict[str, list[Any]]:
    return {kind: json.loads(array) for kind, array in check_record(_FEATURES, {**_GOOD, **changes}).items()}


def test_texts_become_values_and_missing_ones_are_null() -> None:
    texts = list(_GOOD.values())
    assert _values(count="-7", size="1e3") == {"VARCHAR": texts, "BIGINT": [-7], "DOUBLE": [1000.0, None]}
    assert _values(count=None) == {"VARCHAR": texts, "BIGINT": [None], "DOUBLE": [None, None]}


@pytest.mark.parametrize(
    "text",
    ["0.1", "-0", "-0.0", "1_0", " 1 ", "+1", ".5", "1.", "1E5", "5e-324", "9007199254740993", "1" * 400 + "e-300"],
)
def test_a_number_is_what_python_reads_however_it_is_written(text: str) -> None:
    found = _values(size=text, depth="1.25")["DOUBLE"]
    assert [repr(float(value)) for value in found] == [repr(float(text)), "1.25"]


@pytest.mark.parametrize("text", ["2020-01-02T03:04:05Z", "2020-01-02T03:04:05.678Z"])
def test_the_two_formats_of_an_event_time(text: str) -> None:
    assert parse_event_time(text).isoformat().startswith("2020-01-02T03:04:05")


@pytest.mark.parametrize("text", CASES["test_every_other_event_time_is_rejected"])
def test_every_other_event_time_is_rejected(text: str) -> None:
    with pytest.raises(AwsError, match="must be in the format"):
        parse_event_time(text)


def test_a_fractional_event_time_is_epoch_seconds() -> None:
    assert parse_event_time("1577934245.5", "Fractional").year == 2020


@pytest.mark.parametrize("text", ["", "1.5", "9223372036854775808", "١", "1e3"])
def test_integral_values_are_64_bit_integers(text: str) -> None:
    with pytest.raises(AwsError, match="not of type Integral"):
        check_record(_FEATURES, {**_GOOD, "count": text})


@pytest.mark.parametrize("text", ["", "nan", "inf", "1,5", "1,", "1e999", "null", "[1]", "0x1", "--1"])
@pytest.mark.parametrize("depth", [None, "1.5", "1"])
def test_fractional_values_are_finite_numbers(text: str, depth: str | None) -> None:
    with pytest.raises(AwsError, match=rf"Value '{re.escape(text)}' of feature size is not of type Fractional"):
        check_record(_FEATURES, {**_GOOD, "size": text, "depth": depth})


def test_size_limits() -> None:
    with pytest.raises(AwsError, match="identifier is longer"):
        check_record(_FEATURES, {**_GOOD, "id": "x" * 2049})
    wide = Features("g", {**_TYPES, "text": "String"}, "id", "at")
    with pytest.raises(AwsError, match="record is larger"):
        check_record(wide, {**_GOOD, "text": "x" * 360_000})


_SAGEMAKER = "arn:aws:sagemaker:us-east-1:000000000000"


@pytest.mark.parametrize(("log", "name"), CASES["test_exception_name"])
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


DISPATCHED = ("arn:aws:states:::sagemaker:createProcessingJob", "arn:aws:states:::athena:startQueryExecution")


def _task(resource: str) -> str:
    inner = {"StartAt": "Do", "States": {"Do": {"Type": "Task", "Resource": resource, "End": True}}}
    return json.dumps({"StartAt": "All", "States": {"All": {"Type": "Parallel", "Branches": [inner], "End": True}}})


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:states:::sagemaker:createProcessingJob.sync",
        "arn:aws:states:::athena:startQueryExecution",
        "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "arn:aws:states:::states:startExecution.sync:2",
        "arn:aws:states:::aws-sdk:sagemaker:describeProcessingJob",
        "arn:aws:lambda:us-east-1:000000000000:function:mine:live",
        "arn:aws:states:us-east-1:000000000000:activity:person",
    ],
)
def test_a_task_with_a_resource_of_the_service_is_taken(resource: str) -> None:
    assert problem_of(_task(resource), DISPATCHED) is None


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:states:::sagemaker:createProcessingJobs",
        "arn:aws:states:::sagemaker:createTrainingJob.sync",
        "arn:aws:states:::lambda:invoke.sync",
        "arn:aws:states:::lambda:invoked",
        "arn:aws:states:::athena:startQueryExecution.wait",
        "arn:aws:states:::aws-sdk:sagemaker",
        "arn:aws:sagemaker:us-east-1:000000000000:processing-job/mine",
        "arn:aws:lambda:us-east-1:1:function:mine",
        "mine",
        "",
    ],
)
def test_a_task_with_another_resource_is_no_definition(resource: str) -> None:
    problem = problem_of(_task(resource), DISPATCHED)
    assert problem is not None
    assert f"The resource provided {resource} is not recognized" in problem
    assert "at /States/All/Branches[0]/States/Do/Resource" in problem


@pytest.mark.parametrize(
    ("processors", "gibibytes", "at_once"), [(1, 8, 2), (2, 8, 3), (8, 4, 2), (8, 16, 8), (8, 64, 9)]
)
def test_small_studies_take_turns_by_processors_and_memory(processors: int, gibibytes: int, at_once: int) -> None:
    assert invocations_at_once(processors, gibibytes * 1024**3) == at_once


def test_a_file_that_is_as_its_object_says(tmp_path: Path) -> None:
    folder = tmp_path.resolve() / "bucket"
    folder.mkdir()
    file, link, way = folder / "scan", folder / "link", folder.with_name("way")
    file.write_bytes(b"pixels")
    link.symlink_to(file)
    way.symlink_to(folder)
    assert bytes_of(str(file), 6) == b"pixels"
    others = [(file, 5), (file, 7), (folder / "none", 6), (folder, 6), (link, 6), (way / "scan", 6)]
    assert [bytes_of(str(path), size) for path, size in others] == [None] * len(others)


def test_sessions_share_what_they_read_of_botocores_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.session, "create_loader", botocore.session.create_loader)
    service_models.install()
    one, other = (botocore.session.get_session() for _ in range(2))
    assert one.get_component("data_loader") is other.get_component("data_loader")
