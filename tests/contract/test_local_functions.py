"""Functions on the laptop cloud: what they see, what they may do, and what their errors and metrics become."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from multimodal.observability import CloudWatchMetrics, Metric
from tests.contract.local_cloud import ACCOUNT, Account, account_fixture, allow, wait_for, wait_until
from tests.infrastructure.support import properties, resolve

account = account_fixture(extra_env={"HOST_SECRET": "leaked"})

_LOGS = allow(["logs:CreateLogStream", "logs:PutLogEvents"])


def _invoke(account: Account, name: str, payload: object = None) -> Any:
    answer = account.client("lambda").invoke(FunctionName=name, Payload=json.dumps(payload or {}).encode())
    return json.loads(answer["Payload"].read())


@pytest.fixture(scope="module")
def role(account: Account) -> str:
    """A role that may only log."""
    return account.role("function", "lambda", _LOGS)


def test_a_function_sees_neither_the_hosts_variables_nor_its_packages(account: Account, role: str) -> None:
    code = """
import importlib.util, os
def handler(event, context):
    found = [name for name in ("boto3", "ministack", "duckdb", "yaml", "local") if importlib.util.find_spec(name)]
    return {"found": found, "names": sorted(os.environ)}
"""
    account.function("sees", code, role, Environment={"Variables": {"STAGE": "dev"}})
    seen = _invoke(account, "sees")
    assert seen["found"] == []
    assert {"STAGE", "AWS_ACCESS_KEY_ID", "AWS_LAMBDA_FUNCTION_NAME"} <= set(seen["names"])
    assert not {name for name in seen["names"] if name.startswith(("MULTIMODAL_", "S3_", "HOST_", "GATEWAY"))}


def test_a_function_imports_what_its_layer_holds(account: Account, role: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("python/joiner.py", "VERSION = 7")
    layer = account.client("lambda").publish_layer_version(LayerName="joiner", Content={"ZipFile": packed.getvalue()})
    code = "def handler(event, context):\n    import joiner\n    return [joiner.VERSION, joiner.__file__]"
    account.function("layered", code, role, Layers=[layer["LayerVersionArn"]])
    version, file = _invoke(account, "layered")
    assert version == 7
    assert "/runtime/layer-" in file, "processes share an unpacked layer"


def test_an_exceptions_class_name_reaches_retry_and_catch(account: Account, role: str) -> None:
    code = """
class PermanentError(Exception):
    pass
def handler(event, context):
    try:
        {}["missing"]
    except KeyError as error:
        raise PermanentError("several\\nlines: of text") from error
"""
    function = account.function("raises", code, role)
    states_role = account.role("machine", "states", allow("lambda:InvokeFunction", function))
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function},
        "Catch": [{"ErrorEquals": ["PermanentError"], "Next": "Caught"}],
        "End": True,
    }
    definition = {"StartAt": "Task", "States": {"Task": task, "Caught": {"Type": "Pass", "End": True}}}
    execution = account.run(definition, states_role, "catches")
    assert execution["status"] == "SUCCEEDED", execution
    assert json.loads(execution["output"])["Error"] == "PermanentError"


def test_a_killed_function_is_an_unknown_error_of_lambda(account: Account, role: str) -> None:
    function = account.function("dies", "import os\ndef handler(*_): os.kill(os.getpid(), 9)", role)
    states_role = account.role("kills", "states", allow("lambda:InvokeFunction", function))
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
    definition = {"StartAt": "Task", "States": {"Task": {**task, "Parameters": {"FunctionName": function}}}}
    assert account.run(definition, states_role, "kills")["error"] == "Lambda.Unknown"


def test_a_state_machine_may_only_invoke_what_its_role_names(account: Account, role: str) -> None:
    account.function("other", "def handler(event, context): return 1", role)
    states_role = account.role("narrow", "states", allow("lambda:InvokeFunction", "arn:aws:lambda:*:*:function:x"))
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
    function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:other"
    definition = {"StartAt": "Task", "States": {"Task": {**task, "Parameters": {"FunctionName": function}}}}
    assert account.run(definition, states_role, "narrow")["error"] == "States.Permissions"


def _datapoints(account: Account, dimensions: Any, name: str = "UnitsReceived") -> list[Any]:
    now = datetime.now(UTC)
    answer = account.client("cloudwatch").get_metric_statistics(
        Namespace="N",
        MetricName=name,
        Dimensions=dimensions,
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=3600,
        Statistics=["Sum", "SampleCount"],
    )
    return list(answer["Datapoints"])


def test_embedded_metrics_become_metrics_with_exactly_their_dimensions(account: Account, role: str) -> None:
    code = """
import json, time
def handler(event, context):
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [{"Namespace": "N",
        "Dimensions": [["modality", "stage"]], "Metrics": [{"Name": "UnitsReceived", "Unit": "Count"}]}]}
    print(json.dumps({"_aws": metadata, "modality": "imaging", "stage": "arrival", "UnitsReceived": [2, 3], "x": 1}))
"""
    account.function("measures", code, role)
    _invoke(account, "measures")
    dimensions = [{"Name": "modality", "Value": "imaging"}, {"Name": "stage", "Value": "arrival"}]
    points = wait_for(lambda: _datapoints(account, dimensions) or None)  # they come by way of the log
    assert [(point["Sum"], point["SampleCount"]) for point in points] == [(5.0, 2.0)]
    listed = account.client("cloudwatch").list_metrics(Namespace="N")["Metrics"]
    assert [(metric["MetricName"], metric["Dimensions"]) for metric in listed] == [("UnitsReceived", dimensions)]


def test_a_failed_execution_is_counted_and_raises_its_alarm(account: Account) -> None:
    role = account.role("fails", "states", allow("sns:Publish"))
    arn = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:fails"
    account.client("cloudwatch").put_metric_alarm(
        AlarmName="failed",
        Namespace="AWS/States",
        MetricName="ExecutionsFailed",
        Dimensions=[{"Name": "StateMachineArn", "Value": arn}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
    )
    definition = {"StartAt": "Fail", "States": {"Fail": {"Type": "Fail", "Error": "RunIncomplete"}}}
    assert account.run(definition, role, "fails")["error"] == "RunIncomplete"

    def _is_alarmed() -> bool:
        [alarm] = account.client("cloudwatch").describe_alarms(AlarmNames=["failed"])["MetricAlarms"]
        return bool(alarm["StateValue"] == "ALARM")

    wait_until(_is_alarmed)


def test_a_fast_lane_that_falls_back_raises_its_alarm(
    account: Account, role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    watched = resolve(properties("FastLaneFallbacksAlarm")) | {"Namespace": "N"}
    account.client("cloudwatch").put_metric_alarm(**{k: v for k, v in watched.items() if not k.endswith("Actions")})

    def measure(*fallbacks: int) -> None:
        metrics = CloudWatchMetrics("N")
        for value in fallbacks:
            metrics.count(Metric.FAST_LANE_FALLBACKS, value)
        metrics.flush()
        account.function(f"lane{len(fallbacks)}", f"def handler(*_): print({capsys.readouterr().out!r})", role)
        _invoke(account, f"lane{len(fallbacks)}")

    def rings() -> bool:
        [alarm] = account.client("cloudwatch").describe_alarms(AlarmNames=[watched["AlarmName"]])["MetricAlarms"]
        return bool(alarm["StateValue"] == "ALARM")

    measure(0, 1)
    wait_until(lambda: _datapoints(account, watched["Dimensions"], watched["MetricName"]))
    assert not rings(), "a study that needs more memory is what the other lane is for"
    measure(1, 1, 1)
    wait_until(rings)


def test_a_queue_delivers_batches_above_ten(account: Account, role: str) -> None:
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="arrivals")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:arrivals"
    account.function("counts", "def handler(event, context): print('BATCH', len(event['Records']))", role)
    for start in range(0, 60, 10):
        entries = [{"Id": str(number), "MessageBody": str(number)} for number in range(start, start + 10)]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
    account.client("lambda").create_event_source_mapping(
        EventSourceArn=arn, FunctionName="counts", BatchSize=500, MaximumBatchingWindowInSeconds=10
    )

    def _batches() -> list[int] | None:
        events = account.client("logs").filter_log_events(logGroupName="/aws/lambda/counts")["events"]
        sizes = [int(event["message"].split()[1]) for event in events if event["message"].startswith("BATCH")]
        return sizes if sum(sizes) == 60 else None

    account_logs = account.client("logs")
    wait_until(lambda: account_logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/counts")["logGroups"])
    assert max(wait_for(_batches)) > 10


def test_an_alarm_on_several_metrics_watches_the_first(account: Account) -> None:
    errors = [
        {"MetricName": "Errors", "Namespace": "AWS/Lambda", "Dimensions": [{"Name": "FunctionName", "Value": name}]}
        for name in ("one", "other")
    ]
    measured = [
        {"Id": f"m{n}", "ReturnData": False, "MetricStat": {"Stat": "Sum", "Period": 300, "Metric": metric}}
        for n, metric in enumerate(errors)
    ]
    properties = {
        "AlarmName": "failing",
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "Metrics": [{"Id": "all", "Expression": "SUM(METRICS())"}, *measured],
    }
    template = {"Resources": {"Failing": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}}
    cloudformation = account.client("cloudformation")
    cloudformation.create_stack(StackName="alarms", TemplateBody=json.dumps(template))
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName="alarms", WaiterConfig={"Delay": 1})
    (alarm,) = account.client("cloudwatch").describe_alarms(AlarmNames=["failing"])["MetricAlarms"]
    assert {name: alarm[name] for name in errors[0]} == errors[0]


def test_a_functions_calls_of_sagemaker_are_checked(account: Account) -> None:
    allowed = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:feature-group/stack-*"
    sagemaker = account.client_of_function("sagemaker", "caller", allow(["sagemaker:CreateFeatureGroup"], allowed))
    for name, action in (("other-group", "sagemaker:CreateFeatureGroup"), ("stack-group", "iam:PassRole")):
        with pytest.raises(ClientError, match=action) as rejected:
            sagemaker.create_feature_group(
                FeatureGroupName=name,
                RecordIdentifierFeatureName="case_id",
                EventTimeFeatureName="event_time",
                FeatureDefinitions=[{"FeatureName": "case_id", "FeatureType": "String"}],
                RoleArn=f"arn:aws:iam::{ACCOUNT}:role/store",
            )
        assert rejected.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")


def test_an_update_of_a_nested_stack_keeps_the_attributes_of_what_does_not_change(account: Account) -> None:
    changed = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": {"Ref": "Seconds"}}}
    child = {
        "Parameters": {"Seconds": {"Type": "Number"}},
        "Resources": {"Kept": {"Type": "AWS::SQS::Queue"}, "Changed": changed},
        "Outputs": {"Kept": {"Value": {"Fn::GetAtt": ["Kept", "Arn"]}}},
    }
    account.client("s3").create_bucket(Bucket="templates")
    account.client("s3").put_object(Bucket="templates", Key="child.json", Body=json.dumps(child).encode())
    nested = {
        "TemplateURL": f"{account.cloud.endpoint}/templates/child.json",
        "Parameters": {"Seconds": {"Ref": "Seconds"}},
    }
    root = {
        "Parameters": {"Seconds": {"Type": "Number"}},
        "Resources": {"Child": {"Type": "AWS::CloudFormation::Stack", "Properties": nested}},
        "Outputs": {"Kept": {"Value": {"Fn::GetAtt": ["Child", "Outputs.Kept"]}}},
    }
    cloudformation = account.client("cloudformation")
    for seconds, verb in (("30", "create"), ("60", "update")):
        parameters = [{"ParameterKey": "Seconds", "ParameterValue": seconds}]
        deploy = getattr(cloudformation, f"{verb}_stack")
        deploy(StackName="nesting", TemplateBody=json.dumps(root), Parameters=parameters)
        waiter = cloudformation.get_waiter(f"stack_{verb}_complete")
        waiter.wait(StackName="nesting", WaiterConfig={"Delay": 1})
        (stack,) = cloudformation.describe_stacks(StackName="nesting")["Stacks"]
        assert stack["Outputs"][0]["OutputValue"].startswith("arn:aws:sqs:")
