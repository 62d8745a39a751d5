"""Feature groups as configured. Trigger: CloudFormation (Custom::FeatureGroups), on every change of the code."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from multimodal import bootstrap
from multimodal.aws.cloudformation import respond
from multimodal.ledger.errors import MultimodalError
from multimodal.observability import logger


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Create or grow the groups and answer CloudFormation; a deletion keeps every group and its data."""
    data, failure = {}, None
    try:
        if event["RequestType"] != "Delete":
            wanted = event["ResourceProperties"]
            names = [n.strip() for n in wanted["DatasetNames"].split(",") if n.strip()]
            data = {"Names": ",".join(bootstrap.ensure_groups().deploy(wanted["StackName"], names))}
    except MultimodalError as error:
        failure = str(error)
        logger().error("feature groups are not as configured", reason=failure)
    respond(event, context.log_stream_name, data, failure)
