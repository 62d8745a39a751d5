"""The one place that wires adapters to services. Each function builds its service once per execution environment."""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from multimodal.aws.batch import QueueJobs
from multimodal.aws.feature_store import GroupSettings, SageMakerGroups, SageMakerRecords
from multimodal.aws.ledger import DynamoDbLedger
from multimodal.aws.objects import S3Objects
from multimodal.aws.processing import SageMakerJobs
from multimodal.aws.state_machines import StepFunctionsRuns
from multimodal.clinical.tables import ClinicalTables
from multimodal.features.ingest import IngestFeatures
from multimodal.features.record import RecordMaker
from multimodal.genomics.jobs import RnaJobSettings, StartJobs
from multimodal.genomics.matrix import MatrixTables
from multimodal.genomics.readiness import GenomicsReadiness, genomics_rules
from multimodal.genomics.record_outcome import RecordBatchJob
from multimodal.genomics.records import RnaRecords
from multimodal.imaging.jobs import JobSettings
from multimodal.imaging.plan import ClaimSubjects, PlanRun, StartStudies
from multimodal.imaging.record_outcome import RecordJob, SummarizeRun
from multimodal.imaging.records import ImagingRecords
from multimodal.imaging.uploads import ImagingRules, Readiness
from multimodal.ledger.claim import UnitClaims, Starter
from multimodal.ledger.completeness import CompletionTimeouts
from multimodal.ledger.evaluate import UnitEvaluator, Rules
from multimodal.ledger.outcome import OutcomeRecorder
from multimodal.ledger.ports import Ledger, R, T
from multimodal.ledger.unit import TABLES, Modality, Unit
from multimodal.observability import CloudWatchMetrics
from multimodal.pipeline.arrivals import RegisterArrivals
from multimodal.pipeline.groups import EnsureGroups
from multimodal.pipeline.package_files import (
    clinical_datasets,
    genomics_datasets,
    imaging_datasets,
    load_contract,
    load_dataset,
    matrix_datasets,
)
from multimodal.pipeline.sweep import Sweep
from multimodal.settings import (
    ArrivalsSettings,
    FeatureGroupsSettings,
    FeatureIngestSettings,
    PlanJobsSettings,
    RecordOutcomeSettings,
    RunSettings,
    Settings,
    SweepSettings,
    TableIngestSettings,
)
from multimodal.tables.check import CheckTable
from multimodal.tables.finish import FailTable, FinishTable
from multimodal.tables.ingest import IngestPart
from multimodal.tables.readiness import TableRules
from multimodal.tables.run import TableRuns
from multimodal.tables.spool import sqlite_spool
from multimodal.tables.start import StartTables
from multimodal.tables.table import TableKind

THREADS = 10
"""As many as boto3 keeps connections open for."""


def clock() -> int:
    """Return epoch seconds."""
    return int(time.time())


_thread = threading.local()


def _mark_thread() -> None:
    _thread.is_of_the_pool = True


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    """Return the threads that wait for S3 and DynamoDB side by side."""
    return ThreadPoolExecutor(max_workers=THREADS, initializer=_mark_thread)


def spread(action: Callable[[T], R], items: Iterable[T], /) -> Iterable[R]:
    """Do one thing for many items side by side; :class:`multimodal.ledger.ports.ParallelMap`.

    Within such a thread it is done one after the other: threads that all wait for more of themselves never end.
    """
    if getattr(_thread, "is_of_the_pool", False):
        return [action(item) for item in items]
    return _threads().map(action, items)


@lru_cache(maxsize=1)
def meter() -> CloudWatchMetrics:
    """Return the function's meter."""
    return CloudWatchMetrics(Settings.from_environment().METRICS_NAMESPACE)


@lru_cache(maxsize=1)
def register_arrivals() -> RegisterArrivals:
    """Return the service of ``arrivals``."""
    s = ArrivalsSettings.from_environment()
    return RegisterArrivals(
        DynamoDbLedger(s.LEDGER_TABLE),
        S3Objects(s.RAW_BUCKET),
        clock,
        meter(),
        s.QUIET_PERIOD_SECONDS,
        spread,
    )


def _imaging_rules(s: RunSettings) -> Rules:
    return ImagingRules(S3Objects(s.RAW_BUCKET), Readiness(s.RADIOMICS_IMAGE_URI, imaging_datasets(s.DATASET_NAMES)))


def _review(s: RunSettings, ledger: Ledger, rules_of: Callable[[Unit], Rules]) -> UnitEvaluator:
    timeouts = CompletionTimeouts(s.QUIET_PERIOD_SECONDS, s.FORCE_AFTER_SECONDS)
    return UnitEvaluator(ledger, clock, meter(), timeouts, rules_of)


def _rules_of(s: SweepSettings, ledger: Ledger) -> Callable[[Unit], Rules]:
    readiness = GenomicsReadiness(s.GENOMICS_ENGINE, s.genomics_image, s.RAW_BUCKET, genomics_datasets(s.DATASET_NAMES))
    imaging, genomics = (
        _imaging_rules(s),
        genomics_rules(ledger, S3Objects(s.RAW_BUCKET), S3Objects(s.PROCESSED_BUCKET), readiness),
    )
    tables = TableRules(S3Objects(s.RAW_BUCKET), _kind_of(ledger, s.STACK_NAME, s.DATASET_NAMES))

    def rules_of(unit: Unit) -> Rules:
        if unit.is_table:
            return tables
        return genomics(unit) if unit.modality == Modality.GENOMICS else imaging

    return rules_of


def _kind_of(ledger: Ledger, stack: str, dataset_names: list[str]) -> Callable[[Unit], TableKind]:
    """Return the choice of the kind of a table: one for each modality that has tables."""
    kinds: dict[str, TableKind] = {
        Modality.CLINICAL.value: ClinicalTables(stack, clinical_datasets(dataset_names)),
        Modality.GENOMICS.value: MatrixTables(ledger, stack, matrix_datasets(dataset_names)),
    }
    return lambda unit: kinds[unit.modality]


def _starters(s: SweepSettings, ledger: Ledger, claim: UnitClaims) -> dict[str, Starter]:
    settings = RnaJobSettings(s.RAW_BUCKET, s.PROCESSED_BUCKET, s.GENOMICS_ENGINE, s.genomics_image)
    jobs = StartJobs(
        ledger,
        S3Objects(s.PROCESSED_BUCKET),
        QueueJobs(s.genomics_queue, s.genomics_definition),
        clock,
        meter(),
        claim,
        settings,
        genomics_datasets(s.DATASET_NAMES),
        spread,
    )
    studies = StartStudies(StepFunctionsRuns(s.IMAGING_STATE_MACHINE_ARN), claim)
    tables = StartTables(ledger, StepFunctionsRuns(s.TABLES_STATE_MACHINE_ARN), clock, claim)
    return {Modality.IMAGING.value: studies, Modality.GENOMICS.value: jobs, TABLES: tables}


@lru_cache(maxsize=1)
def sweep() -> Sweep:
    """Return the service of ``sweep``."""
    s = SweepSettings.from_environment()
    ledger, processed = DynamoDbLedger(s.LEDGER_TABLE), S3Objects(s.PROCESSED_BUCKET)
    settle = OutcomeRecorder(ledger, processed, clock, meter())
    claim = UnitClaims(ledger, processed, clock, meter(), spread)
    review = _review(s, ledger, _rules_of(s, ledger))
    return Sweep(ledger, clock, meter(), review, _starters(s, ledger, claim), settle, spread)


@lru_cache(maxsize=1)
def plan_run() -> PlanRun:
    """Return the service of ``plan_jobs``."""
    s = PlanJobsSettings.from_environment()
    ledger, processed = DynamoDbLedger(s.LEDGER_TABLE), S3Objects(s.PROCESSED_BUCKET)
    claim = UnitClaims(ledger, processed, clock, meter(), spread)
    imaging = _imaging_rules(s)
    subjects = ClaimSubjects(ledger, S3Objects(s.RAW_BUCKET), clock, _review(s, ledger, lambda _: imaging), claim)
    settings = JobSettings(
        s.RAW_BUCKET, s.PROCESSED_BUCKET, s.RADIOMICS_IMAGE_URI, s.MIN_VOLUME_GB, s.TIME_LIMIT_SECONDS
    )
    return PlanRun(processed, SageMakerJobs(), subjects, settings, s.MAX_CONCURRENCY, load_dataset)


@lru_cache(maxsize=1)
def record_job() -> RecordJob:
    """Return the service of ``record_outcome`` for a job."""
    s = RecordOutcomeSettings.from_environment()
    ledger, processed = DynamoDbLedger(s.LEDGER_TABLE), S3Objects(s.PROCESSED_BUCKET)
    return RecordJob(processed, ledger, OutcomeRecorder(ledger, processed, clock, meter()))


@lru_cache(maxsize=1)
def record_batch_job() -> RecordBatchJob:
    """Return the service of ``record_outcome`` for an event of Batch."""
    s = RecordOutcomeSettings.from_environment()
    ledger, processed = DynamoDbLedger(s.LEDGER_TABLE), S3Objects(s.PROCESSED_BUCKET)
    return RecordBatchJob(processed, OutcomeRecorder(ledger, processed, clock, meter()))


@lru_cache(maxsize=1)
def summarize_run() -> SummarizeRun:
    """Return the service of ``record_outcome`` for a run."""
    s = RecordOutcomeSettings.from_environment()
    return SummarizeRun(S3Objects(s.PROCESSED_BUCKET), DynamoDbLedger(s.LEDGER_TABLE))


@lru_cache(maxsize=1)
def ingest_features() -> IngestFeatures:
    """Return the service of ``feature_ingest``."""
    s = FeatureIngestSettings.from_environment()
    ledger, processed = DynamoDbLedger(s.LEDGER_TABLE), S3Objects(s.PROCESSED_BUCKET)
    makers: dict[str, RecordMaker] = {
        Modality.IMAGING.value: ImagingRecords(processed, s.STACK_NAME, load_dataset, load_contract),
        Modality.GENOMICS.value: RnaRecords(ledger, processed, s.STACK_NAME, load_dataset),
    }
    return IngestFeatures(ledger, processed, SageMakerRecords(), clock, meter(), makers)


@lru_cache(maxsize=1)
def check_table() -> CheckTable:
    """Return the service of ``table_ingest`` that reads a table."""
    s = TableIngestSettings.from_environment()
    raw, processed = S3Objects(s.RAW_BUCKET), S3Objects(s.PROCESSED_BUCKET)
    kind_of = _kind_of(DynamoDbLedger(s.LEDGER_TABLE), s.STACK_NAME, s.DATASET_NAMES)
    return CheckTable(_table_runs(), _settle_table(), raw, processed, sqlite_spool, kind_of)


@lru_cache(maxsize=1)
def ingest_part() -> IngestPart:
    """Return the service of ``table_ingest`` that writes records."""
    processed = S3Objects(TableIngestSettings.from_environment().PROCESSED_BUCKET)
    return IngestPart(_table_runs(), processed, SageMakerRecords(), meter(), spread)


@lru_cache(maxsize=1)
def finish_table() -> FinishTable:
    """Return the service of ``table_ingest`` that ends a run."""
    processed = S3Objects(TableIngestSettings.from_environment().PROCESSED_BUCKET)
    return FinishTable(_table_runs(), _settle_table(), processed)


@lru_cache(maxsize=1)
def fail_table() -> FailTable:
    """Return the service of ``table_ingest`` that ends a run that broke off."""
    return FailTable(_table_runs(), _settle_table())


def _table_runs() -> TableRuns:
    s = TableIngestSettings.from_environment()
    return TableRuns(DynamoDbLedger(s.LEDGER_TABLE), S3Objects(s.PROCESSED_BUCKET))


def _settle_table() -> OutcomeRecorder:
    s = TableIngestSettings.from_environment()
    return OutcomeRecorder(DynamoDbLedger(s.LEDGER_TABLE), S3Objects(s.PROCESSED_BUCKET), clock, meter())


@lru_cache(maxsize=1)
def ensure_groups() -> EnsureGroups:
    """Return the service of ``feature_groups``."""
    s = FeatureGroupsSettings.from_environment()
    groups = SageMakerGroups(GroupSettings(s.FEATURE_STORE_BUCKET, s.FEATURE_STORE_ROLE_ARN, s.DATA_KEY_ARN))
    return EnsureGroups(groups, load_dataset, load_contract)
