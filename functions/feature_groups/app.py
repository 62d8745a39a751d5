"""Feature groups as configured. Trigger: CloudFormation (Custom::FeatureGroups), on every change of the code."""

from functools import lru_cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from multimodal.aws.cloudformation import respond
from multimodal.aws.feature_store import GroupSettings, SageMakerGroups, TableFormat
from multimodal.imaging.config import load_contract
from multimodal.ledger.errors import MultimodalError
from multimodal.observability import logger
from multimodal.pipeline.dataset import FeatureGroupDeployer, load_dataset
from multimodal.settings import Name, Settings


class FeatureGroupsSettings(Settings):
    """Settings of `feature_groups`."""

    FEATURE_STORE_BUCKET: Name
    FEATURE_STORE_ROLE_ARN: Name
    DATA_KEY_ARN: Name
    OFFLINE_STORE_FORMAT: TableFormat = "Iceberg"


@lru_cache(maxsize=1)
def deployer() -> FeatureGroupDeployer:
    """Return the service, wired once per execution environment."""
    s = FeatureGroupsSettings.from_environment()
    settings = GroupSettings(s.FEATURE_STORE_BUCKET, s.FEATURE_STORE_ROLE_ARN, s.DATA_KEY_ARN, s.OFFLINE_STORE_FORMAT)
    return FeatureGroupDeployer(SageMakerGroups(settings), load_dataset, load_contract)


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Create or grow the groups and answer CloudFormation; a deletion keeps every group and its data."""
    data, failure = {}, None
    try:
        if event["RequestType"] != "Delete":
            wanted = event["ResourceProperties"]
            names = [n.strip() for n in wanted["DatasetNames"].split(",") if n.strip()]
            data = {"Names": ",".join(deployer().deploy(wanted["StackName"], names))}
    except MultimodalError as error:
        failure = str(error)
        logger().error("feature groups are not as configured", reason=failure)
    respond(event, context.log_stream_name, data, failure)
