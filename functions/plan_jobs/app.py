"""A run's units → jobs. Called by the imaging state machine."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from multimodal import bootstrap


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Plan the jobs of the run that the execution's input names."""
    try:
        return bootstrap.plan_run().plan(event["execution_name"], event["input"])
    finally:
        bootstrap.metrics().flush()
