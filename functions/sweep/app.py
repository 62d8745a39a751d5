"""Rounds of checks, re-run requests, and the daily reconciliation. Trigger: schedules; operators may invoke it too."""

from functools import lru_cache
from typing import Any, Literal

from aws_lambda_powertools.utilities.typing import LambdaContext

from multimodal.aws.jobs import QueueJobs, ResultQueue, StepFunctionsRuns
from multimodal.aws.ports import connect, metrics
from multimodal.genomics.config import genomics_datasets
from multimodal.genomics.jobs import JobStarter, RnaJobSettings
from multimodal.genomics.readiness import GenomicsReadiness
from multimodal.imaging.completeness import ImagingRules
from multimodal.imaging.config import imaging_datasets
from multimodal.imaging.runs import StudyStarter
from multimodal.ledger.claim import Starter, UnitClaims
from multimodal.ledger.evaluate import UnitEvaluator
from multimodal.ledger.listing import CompletionTimeouts
from multimodal.ledger.outcome import OutcomeRecorder
from multimodal.ledger.ports import Ports
from multimodal.ledger.unit import TABLES, Modality
from multimodal.pipeline.messages import time_is_left
from multimodal.pipeline.reconcile import Reconciler
from multimodal.pipeline.retry import requested_units, rerun
from multimodal.pipeline.rules import all_rules
from multimodal.pipeline.sweep import Sweep
from multimodal.settings import Name, RunSettings
from multimodal.tables.start import TableStarter


class SweepSettings(RunSettings):
    """Settings of `sweep`."""

    IMAGING_STATE_MACHINE_ARN: Name
    TABLES_STATE_MACHINE_ARN: Name
    FEATURE_INGEST_QUEUE_URL: Name
    PAUSED: bool = False
    GENOMICS_ENGINE: Literal["salmon", "dragen"] = "salmon"
    RNASEQ_IMAGE_URI: str = ""
    BATCH_CPU_QUEUE_ARN: str = ""
    BATCH_FPGA_QUEUE_ARN: str = ""
    SAMPLE_JOB_DEFINITION_ARN: str = ""
    REFERENCE_JOB_DEFINITION_ARN: str = ""

    @property
    def genomics_queue(self) -> str:
        """Queue of the engine in use."""
        return self.BATCH_FPGA_QUEUE_ARN if self.GENOMICS_ENGINE == "dragen" else self.BATCH_CPU_QUEUE_ARN

    @property
    def genomics_image(self) -> str:
        """Image of the engine in use; empty while there is none, or no queue that could run it."""
        can_run = self.genomics_queue and self.SAMPLE_JOB_DEFINITION_ARN and self.REFERENCE_JOB_DEFINITION_ARN
        return self.RNASEQ_IMAGE_URI if can_run else ""


@lru_cache(maxsize=1)
def ports() -> Ports:
    """Return the ports, connected once per execution environment."""
    settings = SweepSettings.from_environment()
    return connect(settings.LEDGER_TABLE, settings.RAW_BUCKET, settings.PROCESSED_BUCKET)


@lru_cache(maxsize=1)
def sweep() -> Sweep:
    """Return the service, wired once per execution environment."""
    s = SweepSettings.from_environment()
    genomics = genomics_datasets(s.DATASET_NAMES)
    readiness = GenomicsReadiness(s.GENOMICS_ENGINE, s.genomics_image, s.RAW_BUCKET, genomics)
    imaging = ImagingRules(ports().raw, s.RADIOMICS_IMAGE_URI, imaging_datasets(s.DATASET_NAMES))
    rules_of = all_rules(ports(), imaging, readiness, s.DATASET_NAMES)
    timeouts, claims = CompletionTimeouts(s.QUIET_PERIOD_SECONDS, s.FORCE_AFTER_SECONDS), UnitClaims(ports())
    jobs = RnaJobSettings(s.RAW_BUCKET, s.PROCESSED_BUCKET, s.GENOMICS_ENGINE, s.genomics_image)
    queue = QueueJobs(s.genomics_queue, s.SAMPLE_JOB_DEFINITION_ARN, s.REFERENCE_JOB_DEFINITION_ARN)
    starters: dict[str, Starter] = {
        Modality.IMAGING.value: StudyStarter(StepFunctionsRuns(s.IMAGING_STATE_MACHINE_ARN), claims),
        Modality.GENOMICS.value: JobStarter(ports(), queue, claims, jobs, genomics),
        TABLES: TableStarter(ports(), StepFunctionsRuns(s.TABLES_STATE_MACHINE_ARN), claims),
    }
    evaluator, announce = UnitEvaluator(ports(), timeouts, rules_of), ResultQueue(s.FEATURE_INGEST_QUEUE_URL).announce
    return Sweep(ports(), evaluator, OutcomeRecorder(ports()), starters, announce, queue, s.PAUSED)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Check due units and start those that are ready; `rerun` named units; `reconcile` bucket and ledger."""
    try:
        if event.get("action") == "reconcile":
            return Reconciler(ports(), SweepSettings.from_environment().QUIET_PERIOD_SECONDS).run(
                time_is_left(context, 30_000)
            )
        if "action" in event:
            units = requested_units(event)
            return rerun(ports(), units)
        return dict(sweep().run(time_is_left(context)))
    finally:
        metrics().flush()
