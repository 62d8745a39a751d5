"""Writes the cohort page of each dataset. Called by a rule every five minutes; ends at once when nothing changed."""

from functools import lru_cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from multimodal.aws.ledger import DynamoDbLedger
from multimodal.aws.objects import S3Objects
from multimodal.aws.ports import parallel_map
from multimodal.report.build import ReportBuilder
from multimodal.settings import Name, Names, Settings


class ReportBuildSettings(Settings):
    """Settings of `report_build`."""

    LEDGER_TABLE: Name
    PROCESSED_BUCKET: Name
    DATASET_NAMES: Names


@lru_cache(maxsize=1)
def report_builder() -> ReportBuilder:
    """Return the service, wired once per execution environment."""
    settings = ReportBuildSettings.from_environment()
    ledger, processed = DynamoDbLedger(settings.LEDGER_TABLE), S3Objects(settings.PROCESSED_BUCKET)
    return ReportBuilder(ledger, processed, settings.DATASET_NAMES, parallel_map)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Write the reports that are out of date; the answer counts the files of each dataset."""
    return report_builder().build()
