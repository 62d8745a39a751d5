"""One row a patient: the steps of a build of a dataset. Called by the state machine for datasets."""

from functools import lru_cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from multimodal.aws.dataset import S3Files, SageMakerCatalogue
from multimodal.aws.objects import S3Objects
from multimodal.aws.ports import clock
from multimodal.dataset.build import DatasetBuild, Engine
from multimodal.dataset.plan import Planner
from multimodal.ledger.errors import InvalidRequestError
from multimodal.settings import Name, Names, Settings

SHARE_OF_MEMORY = 0.6
"""What the join may use of the function's memory; Python and buffers of files need the rest."""


class DatasetBuildSettings(Settings):
    """Settings of `dataset_build`."""

    RAW_BUCKET: Name
    PROCESSED_BUCKET: Name
    DATASET_NAMES: Names


@lru_cache(maxsize=1)
def dataset_build(memory_mb: int) -> DatasetBuild:
    """Return the service, wired once per execution environment."""
    settings = DatasetBuildSettings.from_environment()
    planner = Planner(SageMakerCatalogue(), settings.STACK_NAME, settings.DATASET_NAMES)
    raw, processed = S3Objects(settings.RAW_BUCKET), S3Objects(settings.PROCESSED_BUCKET)
    files, engine = S3Files(settings.PROCESSED_BUCKET), Engine(int(memory_mb * SHARE_OF_MEMORY))
    return DatasetBuild(raw, processed, files, planner, clock, engine)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take one step of a run: `plan`, name a `query`, `write`, or `fail` with the error that ended it."""
    build = dataset_build(int(context.memory_limit_in_mb))
    match event:
        case {"step": "plan", "run_id": str(run), "asked": dict(asked)}:
            return build.plan(run, asked)
        case {"step": "query", "run_id": str(run), "query": int(number)}:
            return build.query(run, number)
        case {"step": "write", "run_id": str(run)}:
            return build.write(run)
        case {"step": "fail", "run_id": str(run), "asked": dict(asked), "error": dict(error)}:
            return build.fail(run, asked, error)
    raise InvalidRequestError('step must be "plan" (with asked), "query" (with query), "write" or "fail" (with error)')
