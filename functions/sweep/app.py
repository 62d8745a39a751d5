"""The minute's round over the ledger. Trigger: a schedule; anybody may invoke it in between."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from multimodal import bootstrap
from multimodal.pipeline.messages import time_is_left


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Look at the units that are due and start those that are ready."""
    try:
        return dict(bootstrap.sweep().run(time_is_left(context)))
    finally:
        bootstrap.metrics().flush()
