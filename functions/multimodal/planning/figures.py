"""The figures that plans are computed from: prices with their date, and times with where they are from."""

from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

_FILE = Path(__file__).with_name("figures.yaml")

Positive = Annotated[float, Field(gt=0)]
Seconds = Annotated[float, Field(ge=0)]
StartUps = Annotated[tuple[Seconds, ...], Field(min_length=1)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Prices(_Model):
    """On-demand prices of one region on one day; hours, GiB seconds and requests."""

    region: str
    currency: str
    date: date
    source: str
    processing_hour: dict[str, Positive]
    lambda_gib_second: Positive
    lambda_request: Positive
    fargate_vcpu_hour: Positive
    fargate_gib_hour: Positive


class ImagingFigures(_Model):
    """What a study takes: CPU seconds by megabytes (10⁶ bytes) of DICOM, and bytes to and from S3."""

    study_seconds: Seconds
    seconds_per_megabyte: Positive
    megabytes_per_second: Positive
    results_share: Seconds

    def compute_seconds(self, size: int) -> float:
        """Return the CPU seconds of a study of `size` bytes."""
        return self.study_seconds + self.seconds_per_megabyte * size / 1e6

    def transfer_seconds(self, size: int) -> float:
        """Return the seconds for a study's way from S3 and its results' way back."""
        return (1 + self.results_share) * size / 1e6 / self.megabytes_per_second


class ProcessingFigures(_Model):
    """SageMaker Processing: named sets of start-up times, of which jobs take one after the other."""

    start_up_seconds: dict[str, StartUps]
    usual_start_up: str
    launches_per_second: Positive
    workers: Annotated[int, Field(ge=1)]

    @property
    def start_ups(self) -> tuple[float, ...]:
        """Start-up times of the usual case."""
        return self.start_up_seconds[self.usual_start_up]


class FastLaneFigures(_Model):
    """The same image as a Lambda function: one study an invocation."""

    memory_gib: Positive
    start_up_seconds: StartUps
    launches_per_second: Positive
    workers: Annotated[int, Field(ge=1)]


class GenomicsFigures(_Model):
    """What a sample takes on Batch, by bytes of its compressed reads."""

    start_up_seconds: Seconds
    sample_seconds: Seconds
    megabytes_per_second: Positive

    def seconds(self, size: int) -> float:
        """Return the seconds of a sample with `size` bytes of reads, without start-up."""
        return self.sample_seconds + size / 1e6 / self.megabytes_per_second


class ArticleFigures(_Model):
    """The article's run: 162 jobs of five minutes, 50 at once, done in 20 minutes."""

    studies: int
    study_megabytes: Positive
    concurrency: int
    instance_minutes: Positive
    minutes: Positive


class Figures(_Model):
    """All figures of `figures.yaml`."""

    prices: Prices
    imaging: ImagingFigures
    processing: ProcessingFigures
    fast_lane: FastLaneFigures
    genomics: GenomicsFigures
    article: ArticleFigures


@lru_cache(maxsize=1)
def read_figures() -> Figures:
    """Return the figures of this version of the project."""
    return Figures.model_validate(yaml.safe_load(_FILE.read_text(encoding="utf-8")))
