"""A table into Feature Store, step by step. Called by the state machine for tables."""

from functools import lru_cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from multimodal.aws.feature_store import SageMakerRecords
from multimodal.aws.ports import connect, metrics
from multimodal.clinical.lint import clinical_datasets
from multimodal.clinical.table import ClinicalTables
from multimodal.genomics.config import matrix_datasets
from multimodal.genomics.matrix import MatrixTables
from multimodal.ledger.errors import InvalidRequestError
from multimodal.ledger.ports import Ports
from multimodal.ledger.unit import Modality
from multimodal.pipeline.messages import time_is_left
from multimodal.settings import Name, Names, Settings
from multimodal.tables.check import CheckTable
from multimodal.tables.run import READ_RESERVE_MS, WRITE_RESERVE_MS
from multimodal.tables.table import TableKind
from multimodal.tables.write import FailTable, FinishTable, IngestPart


class TableIngestSettings(Settings):
    """Settings of `table_ingest`."""

    LEDGER_TABLE: Name
    RAW_BUCKET: Name
    PROCESSED_BUCKET: Name
    DATASET_NAMES: Names


@lru_cache(maxsize=1)
def ports() -> Ports:
    """Return the ports, connected once per execution environment."""
    settings = TableIngestSettings.from_environment()
    return connect(settings.LEDGER_TABLE, settings.RAW_BUCKET, settings.PROCESSED_BUCKET)


@lru_cache(maxsize=1)
def check_table() -> CheckTable:
    """Return the service that reads a table."""
    s = TableIngestSettings.from_environment()
    kinds: dict[str, TableKind] = {
        Modality.CLINICAL.value: ClinicalTables(s.STACK_NAME, clinical_datasets(s.DATASET_NAMES)),
        Modality.GENOMICS.value: MatrixTables(
            ports().ledger, s.STACK_NAME, matrix_datasets(s.DATASET_NAMES), ports().raw
        ),
    }
    return CheckTable(ports(), lambda unit: kinds[unit.modality], SageMakerRecords())


@lru_cache(maxsize=1)
def ingest_part() -> IngestPart:
    """Return the service that writes records."""
    return IngestPart(ports(), SageMakerRecords())


@lru_cache(maxsize=1)
def finish_table() -> FinishTable:
    """Return the service that ends a run."""
    return FinishTable(ports())


@lru_cache(maxsize=1)
def fail_table() -> FailTable:
    """Return the service that ends a run that broke off."""
    return FailTable(ports())


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take one step of a run: `check`, `ingest` a part, `finish`, or `fail` with the error that ended it."""
    try:
        match event:
            case {"step": "check", "run_id": str(run)}:
                return check_table().check(run, time_is_left(context, READ_RESERVE_MS))
            case {"step": "ingest", "run_id": str(run), "part": int(part)}:
                return ingest_part().ingest(run, part, time_is_left(context, WRITE_RESERVE_MS))
            case {"step": "finish", "run_id": str(run)}:
                return finish_table().finish(run)
            case {"step": "fail", "run_id": str(run), "error": dict(error)}:
                return fail_table().fail(run, error)
        raise InvalidRequestError('step must be "check", "ingest" (with part), "finish" or "fail" (with error)')
    finally:
        metrics().flush()
