"""CloudWatch metrics of Step Functions: how many executions started, succeeded and failed.

Seams: `ministack.services.stepfunctions._emit_execution_status_event`, called at every change of status, and
`ministack.services.cloudwatch._put_metric_data`. A Map's child executions do not count, as in AWS only those
of the state machine itself do.
"""

from __future__ import annotations

from typing import Any

_METRICS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


def install() -> None:
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
