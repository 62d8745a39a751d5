"""Scores of a saved model → Feature Store. Called by the state machine for models."""

from functools import lru_cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from multimodal.aws.feature_store import SageMakerRecords
from multimodal.aws.objects import S3Objects
from multimodal.features.scores import ScoreIngest
from multimodal.ledger.errors import InvalidRequestError
from multimodal.settings import Name, Names, Settings


class ScoreIngestSettings(Settings):
    """Settings of `score_ingest`."""

    PROCESSED_BUCKET: Name
    DATASET_NAMES: Names


@lru_cache(maxsize=1)
def score_ingest() -> ScoreIngest:
    """Return the service, wired once per execution environment."""
    settings = ScoreIngestSettings.from_environment()
    store = S3Objects(settings.PROCESSED_BUCKET)
    return ScoreIngest(store, SageMakerRecords(), settings.STACK_NAME, settings.DATASET_NAMES)


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Write the scores of one run."""
    match event:
        case {"dataset": str(dataset), "run": str(run), "model": str(model), "scored_at": str(scored_at)}:
            return score_ingest().ingest(dataset, run, model, scored_at)
    raise InvalidRequestError("dataset, run, model and scored_at must be given")
