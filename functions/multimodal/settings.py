"""What each function is told by its environment, checked once."""

import os
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from multimodal.ledger.errors import ConfigurationError


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Name = Annotated[str, Field(min_length=1)]
Seconds = Annotated[int, Field(ge=1)]
Names = Annotated[list[str], BeforeValidator(_split)]


class Settings(BaseModel):
    """Settings that every function has."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    STACK_NAME: Name
    METRICS_NAMESPACE: Name

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings.

        Raises
        ------
        ConfigurationError
            Naming every variable that is missing or wrong.
        """
        source = os.environ if environment is None else environment
        try:
            return cls.model_validate(dict(source))
        except ValidationError as error:
            wrong = "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors(include_input=False))
            raise ConfigurationError(f"environment variables of the function are wrong: {wrong}") from error


class ArrivalsSettings(Settings):
    """Settings of ``arrivals``."""

    LEDGER_TABLE: Name
    RAW_BUCKET: Name
    QUIET_PERIOD_SECONDS: Seconds


class RunSettings(Settings):
    """What ``sweep`` and ``plan_jobs`` share: how units are reviewed and claimed."""

    LEDGER_TABLE: Name
    RAW_BUCKET: Name
    PROCESSED_BUCKET: Name
    QUIET_PERIOD_SECONDS: Seconds
    FORCE_AFTER_SECONDS: Seconds
    RADIOMICS_IMAGE_URI: str = ""
    DATASET_NAMES: Names


class SweepSettings(RunSettings):
    """Settings of ``sweep``."""

    IMAGING_STATE_MACHINE_ARN: Name
    TABLES_STATE_MACHINE_ARN: Name
    GENOMICS_ENGINE: Literal["salmon", "dragen"] = "salmon"
    RNASEQ_IMAGE_URI: str = ""
    BATCH_CPU_QUEUE_ARN: str = ""
    BATCH_FPGA_QUEUE_ARN: str = ""
    RNASEQ_JOB_DEFINITION_ARN: str = ""
    DRAGEN_JOB_DEFINITION_ARN: str = ""

    @property
    def genomics_queue(self) -> str:
        """Queue of the engine in use."""
        return self.BATCH_FPGA_QUEUE_ARN if self.GENOMICS_ENGINE == "dragen" else self.BATCH_CPU_QUEUE_ARN

    @property
    def genomics_definition(self) -> str:
        """Job definition of the engine in use."""
        return self.DRAGEN_JOB_DEFINITION_ARN if self.GENOMICS_ENGINE == "dragen" else self.RNASEQ_JOB_DEFINITION_ARN

    @property
    def genomics_image(self) -> str:
        """Image of the engine in use; empty while there is none, or no queue that could run it."""
        return self.RNASEQ_IMAGE_URI if self.genomics_queue and self.genomics_definition else ""


class PlanJobsSettings(RunSettings):
    """Settings of ``plan_jobs``."""

    MAX_CONCURRENCY: Annotated[int, Field(ge=1)]
    MIN_VOLUME_GB: Annotated[int, Field(ge=5)]
    TIME_LIMIT_SECONDS: Seconds


class RecordOutcomeSettings(Settings):
    """Settings of ``record_outcome``."""

    LEDGER_TABLE: Name
    PROCESSED_BUCKET: Name


class FeatureIngestSettings(Settings):
    """Settings of ``feature_ingest``."""

    LEDGER_TABLE: Name
    PROCESSED_BUCKET: Name


class TableIngestSettings(Settings):
    """Settings of ``table_ingest``."""

    LEDGER_TABLE: Name
    RAW_BUCKET: Name
    PROCESSED_BUCKET: Name
    DATASET_NAMES: Names


class FeatureGroupsSettings(Settings):
    """Settings of ``feature_groups``."""

    FEATURE_STORE_BUCKET: Name
    FEATURE_STORE_ROLE_ARN: Name
    DATA_KEY_ARN: Name
