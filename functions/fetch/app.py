"""Public series into RawBucket, and uploaded requests for a plan. Called by the state machine `fetch`."""

from functools import lru_cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Json

from multimodal.aws.archive import S3Archive
from multimodal.aws.ports import connect, metrics, parallel_map
from multimodal.imaging.fetch import StudyCopier
from multimodal.ledger.errors import InvalidRequestError
from multimodal.ledger.ports import Ports
from multimodal.pipeline.fetching import ManifestReader, StudyFetcher
from multimodal.pipeline.messages import time_is_left
from multimodal.planning.estimate import settings_of
from multimodal.planning.uploaded import PlanWriter
from multimodal.settings import Name, Names, Settings

COPY_RESERVE_MS = 120_000
"""A batch of copies and the end of a study fit into it."""


class FetchSettings(Settings):
    """Settings of `fetch`."""

    LEDGER_TABLE: Name
    RAW_BUCKET: Name
    PROCESSED_BUCKET: Name
    DATASET_NAMES: Names
    ARCHIVE_BUCKET_ARNS: Names
    PLAN_PARAMETERS: Json[dict[str, str]]


@lru_cache(maxsize=1)
def settings() -> FetchSettings:
    """Return the settings, read once per execution environment."""
    return FetchSettings.from_environment()


@lru_cache(maxsize=1)
def ports() -> Ports:
    """Return the ports, connected once per execution environment."""
    return connect(settings().LEDGER_TABLE, settings().RAW_BUCKET, settings().PROCESSED_BUCKET)


@lru_cache(maxsize=1)
def reader() -> ManifestReader:
    """Return the service that reads a manifest."""
    buckets = tuple(arn.rpartition(":")[2] for arn in settings().ARCHIVE_BUCKET_ARNS)
    return ManifestReader(ports(), buckets, frozenset(settings().DATASET_NAMES))


@lru_cache(maxsize=1)
def fetcher() -> StudyFetcher:
    """Return the service that copies a study."""
    return StudyFetcher(ports(), StudyCopier(S3Archive(settings().RAW_BUCKET), ports().raw, parallel_map))


@lru_cache(maxsize=1)
def planner() -> PlanWriter:
    """Return the service that writes a plan."""
    return PlanWriter(ports(), frozenset(settings().DATASET_NAMES), settings_of(settings().PLAN_PARAMETERS))


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take one step: `read` a manifest, `copy` a study, `fail` with the error that ended it, or write a `plan`."""
    try:
        match event:
            case {"step": "read", "key": str(key)}:
                return reader().read(key) | {"bucket": settings().PROCESSED_BUCKET}
            case {"step": "copy", "item": dict(item)}:
                return fetcher().copy(item, time_is_left(context, COPY_RESERVE_MS))
            case {"step": "fail", "item": dict(item), "error": dict(error)}:
                return fetcher().fail(item, error)
            case {"step": "plan", "key": str(key)}:
                return planner().write(key)
        raise InvalidRequestError('step must be "read", "plan" (with key), "copy" or "fail" (with item, error)')
    finally:
        metrics().flush()
