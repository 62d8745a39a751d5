"""Uploads → ledger. Trigger: ArrivalsQueue (`Object Created` events of RawBucket)."""

from functools import lru_cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from multimodal.aws.ports import connect, metrics
from multimodal.pipeline.arrivals import ArrivalRegistrar
from multimodal.pipeline.messages import parsed_uploads, partial_failure
from multimodal.settings import Name, Seconds, Settings


class ArrivalsSettings(Settings):
    """Settings of `arrivals`."""

    LEDGER_TABLE: Name
    RAW_BUCKET: Name
    QUIET_PERIOD_SECONDS: Seconds


@lru_cache(maxsize=1)
def registrar() -> ArrivalRegistrar:
    """Return the service, wired once per execution environment."""
    settings = ArrivalsSettings.from_environment()
    return ArrivalRegistrar(connect(settings.LEDGER_TABLE, settings.RAW_BUCKET), settings.QUIET_PERIOD_SECONDS)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Register a batch of uploads; return the messages that must be delivered again."""
    uploads, unreadable = parsed_uploads(event)
    try:
        return partial_failure(unreadable | registrar().register(uploads))
    finally:
        metrics().flush()
