"""The state machine for models: its requests, and what a failed job's user is told."""

import json
from typing import Any

import pytest

from cli.models import ROBUSTNESS
from local.emulator.requests import check_request, service_model
from survival_job import cli
from tests.infrastructure.support import ACCOUNT, REGION, STATEMACHINES, all_states

DEFINITION = STATEMACHINES / "models.asl.json"
REALISTIC = {
    "Partition": "aws",
    "StackName": "stack",
    "SurvivalImageUri": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/stack-survival:1.0.0",
    "ScoreIngestFunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:stack-score-ingest",
    "ModelsRoleArn": f"arn:aws:iam::{ACCOUNT}:role/stack-ModelsRole-A1B2C3",
    "DataKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-4000-8000-000000000000",
    "ProcessedBucketName": "stack-processedbucket-a1b2c3",
    "ProcessingInstanceType": "ml.r5.large",
    "SecurityGroupId": "sg-0123456789abcdef0",
    "SubnetIds": "subnet-0123456789abcdef0,subnet-0fedcba9876543210",
}


def deployed() -> dict[str, Any]:
    """Return the definition with its substitutions made."""
    text = DEFINITION.read_text(encoding="utf-8")
    for name, value in REALISTIC.items():
        text = text.replace(f"${{{name}}}", value)
    document: dict[str, Any] = json.loads(text)
    return document


STATES = dict(all_states(deployed()["States"]))
JOBS = ["TrainModels", "ScoreCases"]


GIVEN = {"TrainModels": ["GiveBuild", "GiveBuildAndRobustness"], "ScoreCases": [""]}
"""The states that give a job its arguments and inputs; none: it has them itself."""
WAYS = [(job, given) for job in JOBS for given in GIVEN[job]]


def inputs(name: str, given: str) -> list[dict[str, Any]]:
    """Return a job's inputs."""
    found: list[dict[str, Any]] = (
        STATES[given]["Parameters"]["inputs"] if given else STATES[name]["Parameters"]["ProcessingInputs"]
    )
    return found


def arguments(name: str, given: str) -> list[str]:
    """Return what a job's container gets, with a made-up text for each path of the state."""
    own = STATES[name]["Parameters"]["AppSpecification"]["ContainerArguments.$"]
    call = STATES[given]["Parameters"]["arguments.$"] if given else own
    assert call.startswith("States.Array(")
    known = {"$.run": "run-1", "$.settings": '{"repeats": 3, "timepoint": "surgery"}'}
    parts = [part.strip() for part in call.removeprefix("States.Array(").removesuffix(")").split(",")]
    return [known.get(part, part.strip("'")) for part in parts]


def request(name: str, given: str) -> dict[str, Any]:
    """Return a job's request with its paths filled in."""
    parameters = {k: v for k, v in STATES[name]["Parameters"].items() if k != "ProcessingInputs.$"}
    text = json.dumps({**parameters, "ProcessingInputs": inputs(name, given)})
    filled = {"$.job_name": "models-run-1", "$.image_uri": REALISTIC["SurvivalImageUri"]}
    found = _filled(json.loads(text), filled, arguments(name, given))
    return dict(found)


def _filled(value: Any, known: dict[str, str], listed: list[str]) -> Any:
    if isinstance(value, list):
        return [_filled(v, known, listed) for v in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for key, inner in value.items():
        if not key.endswith(".$"):
            made[key] = _filled(inner, known, listed)
        elif key == "ContainerArguments.$":
            made["ContainerArguments"] = listed
        elif key == "Subnets.$":
            made["Subnets"] = REALISTIC["SubnetIds"].split(",")
        else:
            made[key[:-2]] = known.get(inner, "s3://bucket/folder/")
    return made


@pytest.mark.parametrize(("name", "given"), WAYS)
def test_the_request_is_one_that_sagemaker_takes(name: str, given: str) -> None:
    operation = service_model("sagemaker").operation_model("CreateProcessingJob")
    check_request(operation, request(name, given), "ValidationException")


@pytest.mark.parametrize(("name", "given"), WAYS)
def test_the_job_takes_its_arguments_and_finds_its_inputs(name: str, given: str) -> None:
    options = cli._parser().parse_args(arguments(name, given))
    robustness = getattr(options, "robustness", None)
    assert (robustness is not None) == (given == "GiveBuildAndRobustness")
    wanted = {str(options.input_dir), *([str(options.model_dir)] if name == "ScoreCases" else [])}
    wanted |= {str(robustness.parent)} if robustness else set()
    assert {i["S3Input"]["LocalPath"] for i in inputs(name, given)} == wanted
    (output,) = STATES[name]["Parameters"]["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["LocalPath"] == str(options.output_dir)
    assert str(options.message_file) == "/opt/ml/output/message"


def test_settings_reach_the_job_as_options() -> None:
    given = arguments("TrainModels", "GiveBuild")
    settings = cli._settings(cli._parser().parse_args(given).settings)
    options = cli._parser().parse_args([*given, *settings])
    assert (options.repeats, options.timepoint) == (3, "surgery")


def test_a_run_with_a_robustness_file_reads_it_from_the_model_s_folder_under_the_command_s_name() -> None:
    (choice,) = STATES["HasRobustness"]["Choices"]
    assert {c["Variable"] for c in choice["And"]} == {"$.asked.robustness"}
    (_, robustness) = inputs("TrainModels", choice["Next"])
    assert robustness["S3Input"]["S3Uri.$"] == f"States.Format('{{}}{ROBUSTNESS}', $.made.output_uri)"
    assert arguments("TrainModels", choice["Next"])[-1].endswith(f"/{ROBUSTNESS}")


@pytest.mark.parametrize(("name", "given"), WAYS)
def test_jobs_are_isolated_and_encrypted(name: str, given: str) -> None:
    found = request(name, given)
    assert found["NetworkConfig"]["EnableNetworkIsolation"] is True
    assert found["ProcessingOutputConfig"]["KmsKeyId"] == REALISTIC["DataKeyArn"]
    assert found["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] == REALISTIC["DataKeyArn"]


def test_a_failed_run_tells_what_the_job_said() -> None:
    said, failed = STATES["WhatTheJobSaid"]["Choices"]
    assert (said["Variable"], STATES[said["Next"]]["CausePath"]) == (
        "$.described.ExitMessage",
        "$.described.ExitMessage",
    )
    assert STATES[failed["Next"]]["CausePath"] == "$.described.FailureReason"
    assert all(STATES[name]["Catch"][-1]["Next"] == "DescribeJob" for name in JOBS)


def test_without_an_image_nothing_is_started() -> None:
    first, *_ = STATES["HasImage"]["Choices"]
    assert (first["StringEquals"], first["Next"]) == ("", "ImageNotSet")
    assert "SurvivalImageUri" in STATES["ImageNotSet"]["Cause"]
