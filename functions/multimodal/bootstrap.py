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
from multimodal.features.ingest import FeatureIngest
from multimodal.features.record import RecordMaker
from multimodal.genomics.jobs import JobStarter, RnaJobSettings
from multimodal.genomics.matrix import MatrixTables
from multimodal.genomics.readiness import GenomicsReadiness, genomics_rules
from multimodal.genomics.record_outcome import BatchJobRecorder
from multimodal.genomics.records import RnaRecords
from multimodal.imaging.jobs import JobSettings
from multimodal.imaging.plan import RunPlanner, StudyStarter, SubjectClaims
from multimodal.imaging.record_outcome import JobRecorder, RunSummarizer
from multimodal.imaging.records import ImagingRecords
from multimodal.imaging.uploads import ImagingRules, Readiness
from multimodal.ledger.claim import Starter, UnitClaims
from multimodal.ledger.evaluate import Rules, UnitEvaluator
from multimodal.ledger.listing import CompletionTimeouts
from multimodal.ledger.outcome import OutcomeRecorder
from multimodal.ledger.ports import Ledger, Ports, R, T
from multimodal.ledger.unit import TABLES, Modality, Unit
from multimodal.observability import CloudWatchMetrics
from multimodal.pipeline.arrivals import ArrivalRegistrar
from multimodal.pipeline.groups import FeatureGroupDeployer
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
from multimodal.tables.start import TableStarter
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
def metrics() -> CloudWatchMetrics:
    """Return the function's metrics."""
    return CloudWatchMetrics(Settings.from_environment().METRICS_NAMESPACE)


def _ports(ledger: str = "", raw: str = "", processed: str = "") -> Ports:
    return Ports(DynamoDbLedger(ledger), S3Objects(raw), S3Objects(processed), clock, metrics(), spread)


@lru_cache(maxsize=1)
def register_arrivals() -> ArrivalRegistrar:
    """Return the service of ``arrivals``."""
    s = ArrivalsSettings.from_environment()
    return ArrivalRegistrar(_ports(s.LEDGER_TABLE, s.RAW_BUCKET), s.QUIET_PERIOD_SECONDS)


def _imaging_rules(s: RunSettings, ports: Ports) -> Rules:
    return ImagingRules(ports.raw, Readiness(s.RADIOMICS_IMAGE_URI, imaging_datasets(s.DATASET_NAMES)))


def _evaluator(s: RunSettings, ports: Ports, rules_of: Callable[[Unit], Rules]) -> UnitEvaluator:
    return UnitEvaluator(ports, CompletionTimeouts(s.QUIET_PERIOD_SECONDS, s.FORCE_AFTER_SECONDS), rules_of)


def _rules_of(s: SweepSettings, ports: Ports) -> Callable[[Unit], Rules]:
    readiness = GenomicsReadiness(s.GENOMICS_ENGINE, s.genomics_image, s.RAW_BUCKET, genomics_datasets(s.DATASET_NAMES))
    imaging, genomics = _imaging_rules(s, ports), genomics_rules(ports, readiness)
    tables = TableRules(ports.raw, _kind_of(ports.ledger, s.STACK_NAME, s.DATASET_NAMES))

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


def _starters(s: SweepSettings, ports: Ports, claims: UnitClaims) -> dict[str, Starter]:
    settings = RnaJobSettings(s.RAW_BUCKET, s.PROCESSED_BUCKET, s.GENOMICS_ENGINE, s.genomics_image)
    queue = QueueJobs(s.genomics_queue, s.genomics_definition)
    return {
        Modality.IMAGING.value: StudyStarter(StepFunctionsRuns(s.IMAGING_STATE_MACHINE_ARN), claims),
        Modality.GENOMICS.value: JobStarter(ports, queue, claims, settings, genomics_datasets(s.DATASET_NAMES)),
        TABLES: TableStarter(ports, StepFunctionsRuns(s.TABLES_STATE_MACHINE_ARN), claims),
    }


@lru_cache(maxsize=1)
def sweep() -> Sweep:
    """Return the service of ``sweep``."""
    s = SweepSettings.from_environment()
    ports = _ports(s.LEDGER_TABLE, s.RAW_BUCKET, s.PROCESSED_BUCKET)
    evaluator = _evaluator(s, ports, _rules_of(s, ports))
    return Sweep(ports, evaluator, OutcomeRecorder(ports), _starters(s, ports, UnitClaims(ports)))


@lru_cache(maxsize=1)
def plan_run() -> RunPlanner:
    """Return the service of ``plan_jobs``."""
    s = PlanJobsSettings.from_environment()
    ports = _ports(s.LEDGER_TABLE, s.RAW_BUCKET, s.PROCESSED_BUCKET)
    imaging = _imaging_rules(s, ports)
    subjects = SubjectClaims(ports, _evaluator(s, ports, lambda _: imaging), UnitClaims(ports))
    settings = JobSettings(
        s.RAW_BUCKET, s.PROCESSED_BUCKET, s.RADIOMICS_IMAGE_URI, s.MIN_VOLUME_GB, s.TIME_LIMIT_SECONDS
    )
    return RunPlanner(ports, SageMakerJobs(), subjects, settings, s.MAX_CONCURRENCY, load_dataset)


@lru_cache(maxsize=1)
def _outcome_ports() -> Ports:
    s = RecordOutcomeSettings.from_environment()
    return _ports(s.LEDGER_TABLE, processed=s.PROCESSED_BUCKET)


@lru_cache(maxsize=1)
def record_job() -> JobRecorder:
    """Return the service of ``record_outcome`` for a job."""
    return JobRecorder(_outcome_ports(), OutcomeRecorder(_outcome_ports()))


@lru_cache(maxsize=1)
def record_batch_job() -> BatchJobRecorder:
    """Return the service of ``record_outcome`` for an event of Batch."""
    return BatchJobRecorder(_outcome_ports(), OutcomeRecorder(_outcome_ports()))


@lru_cache(maxsize=1)
def summarize_run() -> RunSummarizer:
    """Return the service of ``record_outcome`` for a run."""
    return RunSummarizer(_outcome_ports())


@lru_cache(maxsize=1)
def ingest_features() -> FeatureIngest:
    """Return the service of ``feature_ingest``."""
    s = FeatureIngestSettings.from_environment()
    ports = _ports(s.LEDGER_TABLE, processed=s.PROCESSED_BUCKET)
    makers: dict[str, RecordMaker] = {
        Modality.IMAGING.value: ImagingRecords(ports, s.STACK_NAME, load_dataset, load_contract),
        Modality.GENOMICS.value: RnaRecords(ports, s.STACK_NAME, load_dataset),
    }
    return FeatureIngest(ports, SageMakerRecords(), makers)


@lru_cache(maxsize=1)
def _table_ports() -> Ports:
    s = TableIngestSettings.from_environment()
    return _ports(s.LEDGER_TABLE, s.RAW_BUCKET, s.PROCESSED_BUCKET)


@lru_cache(maxsize=1)
def check_table() -> CheckTable:
    """Return the service of ``table_ingest`` that reads a table."""
    s, ports = TableIngestSettings.from_environment(), _table_ports()
    kind_of = _kind_of(ports.ledger, s.STACK_NAME, s.DATASET_NAMES)
    return CheckTable(TableRuns(ports), OutcomeRecorder(ports), ports, sqlite_spool, kind_of)


@lru_cache(maxsize=1)
def ingest_part() -> IngestPart:
    """Return the service of ``table_ingest`` that writes records."""
    return IngestPart(TableRuns(_table_ports()), _table_ports(), SageMakerRecords())


@lru_cache(maxsize=1)
def finish_table() -> FinishTable:
    """Return the service of ``table_ingest`` that ends a run."""
    return FinishTable(TableRuns(_table_ports()), OutcomeRecorder(_table_ports()), _table_ports())


@lru_cache(maxsize=1)
def fail_table() -> FailTable:
    """Return the service of ``table_ingest`` that ends a run that broke off."""
    return FailTable(TableRuns(_table_ports()), OutcomeRecorder(_table_ports()))


@lru_cache(maxsize=1)
def ensure_groups() -> FeatureGroupDeployer:
    """Return the service of ``feature_groups``."""
    s = FeatureGroupsSettings.from_environment()
    groups = SageMakerGroups(GroupSettings(s.FEATURE_STORE_BUCKET, s.FEATURE_STORE_ROLE_ARN, s.DATA_KEY_ARN))
    return FeatureGroupDeployer(groups, load_dataset, load_contract)
