"""CloudWatch metrics that the emulator does not make: of log lines in the embedded metric format, of executions, and of
functions that no client invoked.

Seams:

- `ministack.services.cloudwatch_logs._fanout_to_subscription_filters` sees every line that is logged;
- `ministack.services.stepfunctions._emit_execution_status_event` is called at every change of status; a Map's child
  executions do not pass it, and in AWS too only those of the state machine itself count;
- `ministack.services.lambda_svc._execute_function` runs every invocation; `_emit_lambda_metrics` is called after
  those by clients alone, not after those by an event source or a state machine;
- `ministack.services.cloudwatch._put_metric_data` takes exactly the dimensions that it is given.
"""

import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_logger = logging.getLogger(__name__)
_MAX_DATA = 1000

_METRICS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


def install() -> None:
    """Look for metrics in everything that is logged; count executions and invocations."""
    _patch_logs()
    _patch_executions()
    _patch_invocations()


def _patch_logs() -> None:
    """Look for metrics in everything that is logged."""
    from ministack.services import cloudwatch, cloudwatch_logs

    fan_out = cloudwatch_logs._fanout_to_subscription_filters

    def _fanout_to_subscription_filters(group_name: str, stream_name: str, events: Sequence[Mapping[str, Any]]) -> None:
        for event in events:
            for namespace, data in metrics_of(str(event.get("message", ""))):
                request = {"Namespace": namespace, "MetricData": data[:_MAX_DATA]}
                cloudwatch._put_metric_data({}, request, False, True)
        fan_out(group_name, stream_name, events)

    cloudwatch_logs._fanout_to_subscription_filters = _fanout_to_subscription_filters


def metrics_of(line: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield each namespace of a log line with its data, as PutMetricData takes them; nothing for other lines."""
    if '"_aws"' not in line:
        return
    try:
        document = json.loads(line)
        metadata = document["_aws"]
        for directive in metadata["CloudWatchMetrics"]:
            yield directive["Namespace"], list(_data(document, metadata["Timestamp"] / 1000, directive))
    except (ValueError, KeyError, TypeError) as error:
        _logger.warning("A log line with _aws is not in the embedded metric format (%r): %.200s", error, line)


def _data(document: Mapping[str, Any], timestamp: float, directive: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for names in directive["Dimensions"]:
        dimensions = [{"Name": name, "Value": str(document[name])} for name in names]
        for metric in directive["Metrics"]:
            value = document[metric["Name"]]
            values = value if isinstance(value, list) else [value]
            yield {
                "MetricName": metric["Name"],
                "Dimensions": dimensions,
                "Timestamp": timestamp,
                "Unit": metric.get("Unit", "None"),
                "Values": [float(item) for item in values],
                "Counts": [1.0] * len(values),
            }


def _patch_executions() -> None:
    """Count executions by how they go."""
    from ministack.services import cloudwatch, stepfunctions

    emit = stepfunctions._emit_execution_status_event

    def _emit_execution_status_event(execution: dict[str, Any]) -> None:
        datum = {
            "MetricName": _METRICS[execution["status"]],
            "Dimensions": [{"Name": "StateMachineArn", "Value": execution["stateMachineArn"]}],
            "Unit": "Count",
            "Value": 1.0,
        }
        cloudwatch._put_metric_data({}, {"Namespace": "AWS/States", "MetricData": [datum]}, False, True)
        emit(execution)

    stepfunctions._emit_execution_status_event = _emit_execution_status_event


def _patch_invocations() -> None:
    """Measure every invocation once, whoever asked for it."""
    from ministack.services import lambda_svc

    execute, emit = lambda_svc._execute_function, lambda_svc._emit_lambda_metrics

    def _execute_function(func: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        started = time.monotonic()
        result: dict[str, Any] = execute(func, event)
        if not result.get("throttle"):
            name = (func.get("config") or func).get("FunctionName", "unknown")
            emit(name, 1000 * (time.monotonic() - started), bool(result.get("error")), throttle=False)
        return result

    def _emit_lambda_metrics(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        if throttle:
            emit(function_name, duration_ms, error, throttle)

    lambda_svc._execute_function, lambda_svc._emit_lambda_metrics = _execute_function, _emit_lambda_metrics
