"""Logs and metrics of every function, in one place.

Log lines carry the subject key at most; metrics carry only the dimensions `modality` and `stage`.
"""

from enum import StrEnum
from functools import lru_cache
from threading import Lock

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit


class Metric(StrEnum):
    """Every metric of the application and the stage of the pipeline that emits it."""

    OBJECTS_RECEIVED = "ObjectsReceived"
    OBJECTS_IGNORED = "ObjectsIgnored"
    OBJECTS_REFUSED = "ObjectsRefused"
    UNITS_RECEIVED = "UnitsReceived"
    UNITS_READY = "UnitsReady"
    UNITS_STARTED = "UnitsStarted"
    UNITS_RETRIED = "UnitsRetried"
    FAST_LANE_FALLBACKS = "FastLaneFallbacks"
    BATCH_JOBS_WAITING = "BatchJobsWaiting"
    BATCH_JOBS_STARTING = "BatchJobsStarting"
    BATCH_JOBS_RUNNING = "BatchJobsRunning"
    UNITS_PROCESSED = "UnitsProcessed"
    UNITS_QUARANTINED = "UnitsQuarantined"
    UNITS_FAILED = "UnitsFailed"
    UNITS_INCOMPLETE = "UnitsIncomplete"
    OLDEST_INCOMPLETE_UNIT_SECONDS = "OldestIncompleteUnitSeconds"
    EVALUATIONS_FAILED = "EvaluationsFailed"
    UNITS_COMPLETED = "UnitsCompleted"
    FEATURE_RECORDS_WRITTEN = "FeatureRecordsWritten"
    UPLOAD_TO_FEATURE_SECONDS = "UploadToFeatureSeconds"
    ROWS_READ = "RowsRead"
    ROWS_REJECTED = "RowsRejected"
    RECORDS_UNCHANGED = "RecordsUnchanged"
    TABLES_HELD = "TablesHeld"

    @property
    def stage(self) -> str:
        """Stage of the pipeline: `arrival`, `run`, `features` or, for what only tables have, `table`."""
        return _STAGES[self]

    @property
    def unit(self) -> MetricUnit:
        """CloudWatch unit."""
        return MetricUnit.Seconds if self.value.endswith("Seconds") else MetricUnit.Count


_ARRIVAL = (Metric.OBJECTS_RECEIVED, Metric.OBJECTS_IGNORED, Metric.OBJECTS_REFUSED, Metric.UNITS_RECEIVED)
_FEATURES = (Metric.UNITS_COMPLETED, Metric.FEATURE_RECORDS_WRITTEN, Metric.UPLOAD_TO_FEATURE_SECONDS)
TABLE_METRICS = (Metric.ROWS_READ, Metric.ROWS_REJECTED, Metric.RECORDS_UNCHANGED, Metric.TABLES_HELD)
"""What there is of tables alone."""
IMAGING_METRICS = (Metric.FAST_LANE_FALLBACKS,)
"""What there is of imaging alone: 1 for a job of the fast lane that SageMaker Processing had to do, else 0."""
GENOMICS_METRICS = (Metric.BATCH_JOBS_WAITING, Metric.BATCH_JOBS_STARTING, Metric.BATCH_JOBS_RUNNING)
"""What there is of genomics alone: the jobs of its queue by state."""
_STAGES = (
    dict.fromkeys(Metric, "run")
    | dict.fromkeys(_ARRIVAL, "arrival")
    | dict.fromkeys(_FEATURES, "features")
    | dict.fromkeys(TABLE_METRICS, "table")
)


@lru_cache(maxsize=1)
def logger() -> Logger:
    """Return the structured logger; its level comes from `POWERTOOLS_LOG_LEVEL`."""
    return Logger(service="multimodal", utc=True)


class CloudWatchMetrics:
    """Collects metrics of one invocation and prints them as embedded metric format when flushed.

    Parameters
    ----------
    namespace : str
        CloudWatch namespace; the stack is part of it, so that two stacks of one account stay apart.
    """

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._stages: dict[tuple[str, str], EphemeralMetrics] = {}
        self._lock = Lock()

    def count(self, metric: str, value: float = 1, modality: str = "imaging") -> None:
        """Record a value; threads may do so side by side."""
        known = Metric(metric)
        with self._lock:
            self._of_stage(modality, known.stage).add_metric(name=known.value, unit=known.unit, value=value)

    def flush(self) -> None:
        """Print what was recorded, one line per modality and stage."""
        for metrics in self._stages.values():
            metrics.flush_metrics()
        self._stages = {}

    def _of_stage(self, modality: str, stage: str) -> EphemeralMetrics:
        if (modality, stage) not in self._stages:
            metrics = EphemeralMetrics(namespace=self._namespace)
            metrics.add_dimension(name="modality", value=str(modality))
            metrics.add_dimension(name="stage", value=stage)
            self._stages[modality, stage] = metrics
        return self._stages[modality, stage]
