"""The imaging state machine: the request that it makes, and what becomes of a job and of a run."""

import json
import re
from typing import Any

import pytest

from local.emulator.aws import AwsError
from local.emulator.requests import check_request, service_model
from multimodal.imaging.jobs import Lane
from radiomics_job import cli
from tests.infrastructure.support import (
    ACCOUNT,
    DEFINITION,
    REGION,
    ROOT,
    all_states,
    properties,
    resolve,
    resources,
)
from tests.sample_events import load_event

SUBSTITUTIONS = resolve(properties("ImagingStateMachine")["DefinitionSubstitutions"])
REALISTIC = {
    "PlanJobsFunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:stack-plan-jobs",
    "RecordOutcomeFunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:stack-record-outcome",
    "FastLaneFunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:stack-fast-lane",
    "ProcessingRoleArn": f"arn:aws:iam::{ACCOUNT}:role/stack-ProcessingRole-A1B2C3",
    "DataKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-4000-8000-000000000000",
    "ProcessedBucketName": "stack-processedbucket-a1b2c3",
    "SecurityGroupId": "sg-0123456789abcdef0",
    "SubnetIds": "subnet-0123456789abcdef0,subnet-0fedcba9876543210",
}
INLINE_LIMIT = 40
"""Most iterations that Step Functions runs at once in an inline Map."""
KNOWN_FALSE = {
    'Field "InputType" not allowed in State Machine.States.ProcessStudies.ItemReader.ReaderConfig',
}
"""statelint knows the language, not AWS's own fields. Each line here was checked in the Step Functions guide."""


def deployed(changes: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the definition with its substitutions made."""
    text = DEFINITION.read_text(encoding="utf-8")
    for name, value in {**SUBSTITUTIONS, **REALISTIC, **(changes or {})}.items():
        text = text.replace(f"${{{name}}}", value)
    document: dict[str, Any] = json.loads(text)
    return document


STATES = dict(all_states(deployed()["States"]))
FAST_LANE = "MeasureInFunction"


def inline_maps_above_the_limit(definition: dict[str, Any]) -> list[str]:
    """Return the inline Maps that ask for more iterations at once than Step Functions runs."""
    found = []
    for name, state in all_states(definition["States"]):
        processor = state.get("ItemProcessor") or state.get("Iterator") or {}
        distributed = processor.get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED"
        limit = state.get("MaxConcurrency", 0)
        unbounded = limit == 0 or limit > INLINE_LIMIT or "MaxConcurrencyPath" in state
        if state["Type"] == "Map" and not distributed and unbounded:
            found.append(name)
    return found


def worked_out(value: Any, data: dict[str, Any]) -> Any:
    """Fill a payload template from a state's input, as far as the definition uses the language."""
    if isinstance(value, list):
        return [worked_out(v, data) for v in value]
    if not isinstance(value, dict):
        return value
    return {
        k.removesuffix(".$"): _look_up(v, data) if k.endswith(".$") else worked_out(v, data) for k, v in value.items()
    }


def _look_up(path: str, data: dict[str, Any]) -> Any:
    if split := re.fullmatch(r"States\.StringSplit\('([^']*)', ','\)", path):
        return split.group(1).split(",")
    found: Any = data
    for name in path.removeprefix("$.").split("."):
        found = found[name]
    return found


def job_request() -> dict[str, Any]:
    """Return the CreateProcessingJob request for the sample job."""
    data = {"job": load_event("record_outcome_job_completed")["job"]}
    request: dict[str, Any] = worked_out(STATES["CreateProcessingJob"]["Parameters"], data)
    return request


def test_substitutions_are_names_and_arns() -> None:
    assert all(re.search(r"(Arn|Name|Ids?|Type|Partition)$", name) for name in SUBSTITUTIONS), (
        "numbers come with the plan"
    )


def test_no_inline_map_is_above_the_limit() -> None:
    assert inline_maps_above_the_limit(deployed()) == []


@pytest.mark.parametrize("concurrency", [{"MaxConcurrency": 50}, {}, {"MaxConcurrencyPath": "$.concurrency"}])
def test_the_map_check_can_fail(concurrency: dict[str, Any]) -> None:
    definition = deployed()
    definition["States"]["ProcessStudies"].pop("MaxConcurrencyPath")
    definition["States"]["ProcessStudies"].update(concurrency)
    definition["States"]["ProcessStudies"]["ItemProcessor"]["ProcessorConfig"] = {"Mode": "INLINE"}
    assert inline_maps_above_the_limit(definition) == ["ProcessStudies"]


def test_the_map_runs_jobs_side_by_side_and_tolerates_every_failure() -> None:
    state = STATES["ProcessStudies"]
    assert state["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert state["MaxConcurrencyPath"] == "$.concurrency"
    assert state["ToleratedFailurePercentage"] == 100, "beyond a threshold the other studies would be aborted"
    assert state["ResultPath"] is None
    assert state["ResultWriter"]["Parameters"]["Prefix.$"] == "States.Format('runs/{}/results', $.run_id)"


@pytest.mark.parametrize(
    ("task", "end"),
    [("PlanJobs", "PlanningFailed"), ("RecordJob", "OutcomeNotRecorded"), ("SummarizeRun", "SummaryFailed")],
)
def test_a_function_that_fails_for_good_fails_the_execution(task: str, end: str) -> None:
    (catcher,) = STATES[task]["Catch"]
    assert catcher["Next"] == end
    assert STATES[end]["Type"] == "Fail"
    assert (STATES[end]["ErrorPath"], STATES[end]["CausePath"]) == ("$.Error", "$.Cause")


def test_only_planned_jobs_take_the_fast_lane_and_whatever_it_cannot_do_is_a_processing_job() -> None:
    (small,) = STATES["Lane"]["Choices"]
    assert small == {"Variable": "$.job.lane", "StringEquals": Lane.FUNCTION, "Next": FAST_LANE}
    assert STATES["Lane"]["Default"] == "CreateProcessingJob"
    state = STATES[FAST_LANE]
    assert state["Catch"] == [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.fast_lane", "Next": "FallBack"}]
    fallback = STATES["FallBack"]
    assert (fallback["Result"], fallback["ResultPath"], fallback["Next"]) == (
        Lane.FALLBACK,
        "$.job.lane",
        "CreateProcessingJob",
    )
    assert (state["Next"], state["ResultPath"]) == ("JobCompleted", None)
    assert state["TimeoutSeconds"] > properties("FastLaneFunction")["Timeout"], "two would write at once"
    retried = {error for retrier in state["Retry"] for error in retrier["ErrorEquals"]}
    assert all(error.startswith("Lambda.") for error in retried), "what the function says is no reason to ask it again"


def test_the_fast_lane_is_told_what_its_handler_reads() -> None:
    data = {"job": load_event("record_outcome_job_completed")["job"]}
    payload = worked_out(STATES[FAST_LANE]["Parameters"]["Payload"], data)
    source = (ROOT / "containers/radiomics/src/radiomics_lambda/app.py").read_text(encoding="utf-8")
    assert set(payload) == set(re.findall(r'event\["(\w+)"\]', source))


def test_the_fast_lane_runs_the_image_of_the_jobs_where_only_s3_can_be_reached() -> None:
    function = resolve(properties("FastLaneFunction"))
    assert function["Code"]["ImageUri"] == function["Environment"]["Variables"]["IMAGE_URI"]
    assert function["ImageConfig"]["Command"] == ["radiomics_lambda.app.handler"]
    (group,) = function["VpcConfig"]["SecurityGroupIds"]
    assert {r["VpcId"] for r in (resolve(properties(n)) for n in [group, *function["VpcConfig"]["SubnetIds"]])} == {
        "FastLaneVpc"
    }
    routes = [r for r in resources("AWS::EC2::Route").values() if "FastLane" in str(r)]
    gateways = [r for r in resources("AWS::EC2::VPCGatewayAttachment").values() if "FastLane" in str(r)]
    assert not routes + gateways
    endpoints = [n for n, r in resources("AWS::EC2::VPCEndpoint").items() if "FastLane" in str(r)]
    assert endpoints == ["FastLaneEndpoint"]


def test_only_the_ledger_makes_a_run_succeed() -> None:
    top = deployed()["States"]
    assert [name for name, s in top.items() if s["Type"] == "Succeed"] == ["RunSucceeded"]
    assert [name for name, s in top.items() if s.get("Next") == "RunSucceeded"] == []
    (rule,) = top["RunStatus"]["Choices"]
    assert rule == {"Variable": "$.status", "StringEquals": "SUCCEEDED", "Next": "RunSucceeded"}
    assert top[top["RunStatus"]["Default"]]["Type"] == "Fail"
    assert top["SummarizeRun"]["Next"] == "RunStatus"


def test_a_map_that_breaks_is_still_summed_up() -> None:
    (catcher,) = STATES["ProcessStudies"]["Catch"]
    assert (catcher["ErrorEquals"], catcher["Next"]) == (["States.ALL"], "SummarizeRun")
    assert catcher["ResultPath"] == "$.map_error", "the run's id must survive"


def test_a_job_that_exists_is_adopted() -> None:
    create = STATES["CreateProcessingJob"]
    assert create["Catch"] == [
        {
            "Comment": create["Catch"][0]["Comment"],
            "ErrorEquals": ["States.ALL"],
            "ResultPath": "$.error",
            "Next": "DescribeJob",
        }
    ]
    assert STATES["DescribeJob"]["Next"] == "JobStatus"
    assert STATES["WaitForJob"]["Next"] == "DescribeJob"
    rounds = 86_400 / STATES["WaitForJob"]["Seconds"]
    assert rounds * 9 < 25_000, "wait, call and choice are nine events of a history, which holds 25,000"
    nexts = {_status(c): c["Next"] for c in STATES["JobStatus"]["Choices"]}
    assert nexts == {
        ("Completed",): "JobCompleted",
        ("InProgress", "Stopping"): "WaitForJob",
        ("FailureReason",): "JobFailed",
    }
    assert STATES["JobStatus"]["Default"] == "JobStopped"
    assert STATES["DescribeJob"]["Catch"][0]["Next"] == "JobNotMade"


def _status(choice: dict[str, Any]) -> tuple[str, ...]:
    if "Or" in choice:
        return tuple(c["StringEquals"] for c in choice["Or"])
    return (choice["StringEquals"],) if "StringEquals" in choice else (choice["Variable"].rpartition(".")[2],)


def test_throttling_and_quotas_are_waited_for() -> None:
    limits, service = STATES["CreateProcessingJob"]["Retry"]
    assert {"SageMaker.ResourceLimitExceededException", "SageMaker.ThrottlingException", "ThrottlingException"} <= set(
        limits["ErrorEquals"]
    )
    assert limits["MaxAttempts"] * limits["MaxDelaySeconds"] / 2 >= 1800, "other jobs need their time"
    assert "SageMaker.AmazonSageMakerException" in service["ErrorEquals"]
    assert service["MaxAttempts"] < limits["MaxAttempts"], "a request that is rejected comes under this name too"


def test_a_failed_job_gets_the_next_attempt_that_the_ledger_grants() -> None:
    (again,) = STATES["AnotherAttempt"]["Choices"]
    assert again == {"Variable": "$.decision", "StringEquals": "retry", "Next": "CreateProcessingJob"}
    assert STATES["RecordJob"]["ResultSelector"]["job.$"] == "$.Payload.job"
    assert STATES["JobRecorded"] == {
        "Comment": STATES["JobRecorded"]["Comment"],
        "Type": "Succeed",
        "InputPath": "$.line",
    }


def test_the_request_is_one_that_sagemaker_takes() -> None:
    check_request(
        service_model("sagemaker").operation_model("CreateProcessingJob"), job_request(), "ValidationException"
    )


@pytest.mark.parametrize(
    "wrong", [{"ProcessingJobName": "no_underscores"}, {"ProcessingJobName": "x" * 64}, {"RoleArn": "role"}]
)
def test_the_request_check_can_fail(wrong: dict[str, str]) -> None:
    operation = service_model("sagemaker").operation_model("CreateProcessingJob")
    with pytest.raises(AwsError):
        check_request(operation, job_request() | wrong, "ValidationException")


def test_jobs_are_isolated_and_encrypted() -> None:
    request = job_request()
    key = REALISTIC["DataKeyArn"]
    assert request["NetworkConfig"] == {
        "EnableNetworkIsolation": True,
        "EnableInterContainerTrafficEncryption": True,
        "VpcConfig": {
            "SecurityGroupIds": ["sg-0123456789abcdef0"],
            "Subnets": ["subnet-0123456789abcdef0", "subnet-0fedcba9876543210"],
        },
    }
    assert request["ProcessingOutputConfig"]["KmsKeyId"] == key
    assert request["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] == key
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 7200}
    assert "Environment" not in request


def test_jobs_get_exactly_what_the_plan_lists() -> None:
    studies, job = job_request()["ProcessingInputs"]
    assert studies["S3Input"]["S3DataType"] == "ManifestFile"
    assert job["S3Input"]["S3DataType"] == "S3Prefix"
    assert job["S3Input"]["S3Uri"].endswith("/"), "a prefix without a slash also matches longer names"
    (output,) = job_request()["ProcessingOutputConfig"]["Outputs"]
    paths = [studies["S3Input"]["LocalPath"], job["S3Input"]["LocalPath"], output["S3Output"]["LocalPath"]]
    assert len(set(paths)) == 3
    assert output["S3Output"]["S3UploadMode"] == "EndOfJob"


def test_the_container_takes_the_arguments() -> None:
    specification = job_request()["AppSpecification"]
    assert "ContainerEntrypoint" not in specification, "the image has its own"
    options = cli._parser().parse_args(specification["ContainerArguments"])
    paths = {i["InputName"]: i["S3Input"]["LocalPath"] for i in job_request()["ProcessingInputs"]}
    assert str(options.input_dir) == paths["studies"]
    assert str(options.job) == f"{paths['job']}/job.json"
    assert str(options.output_dir) == "/opt/ml/processing/output"


def test_state_data_stays_small() -> None:
    assert STATES["CreateProcessingJob"]["ResultPath"] is None
