"""Start what is ready: one run for all studies, one job for each case and each reference."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from multimodal.domain.dataset import GenomicsConfig
from multimodal.domain.errors import MultimodalError
from multimodal.domain.lanes import fastq_list
from multimodal.domain.rna_jobs import RnaJobSettings, build_command, fastq_list_key, job_name, quantify_command
from multimodal.domain.sample_listing import SampleListing
from multimodal.domain.units import Status
from multimodal.observability import Metric, logger
from multimodal.ports import BatchJobs, Clock, Ledger, Meter, ObjectStore, Runs, Spread
from multimodal.services.due import look_at
from multimodal.services.review_unit import ReadyUnit
from multimodal.services.start_run import ClaimUnits

RESUBMIT_SECONDS = 60
"""A unit whose job could not be submitted is started again after this long, under the same name."""


class Starter(Protocol):
    """Starts ready units of one modality."""

    def __call__(self, ready: Sequence[ReadyUnit]) -> list[str]:
        """Claim and start units; return the names of the runs that were started."""

    def is_running(self, run_id: str) -> bool:
        """Return whether a run is still at work; False also when it never started."""


class StartStudies:
    """One run of the imaging state machine for all studies that are ready."""

    def __init__(self, runs: Runs, claim: ClaimUnits) -> None:
        self._runs, self._claim = runs, claim

    def __call__(self, ready: Sequence[ReadyUnit]) -> list[str]:
        """Claim the studies for one run and start it."""
        run = self._claim.name_of(ready) if ready else ""
        if not run or not self._claim(run, ready):
            return []
        self._runs.start(run)
        logger().info("run started", run_id=run, units=len(ready))
        return [run]

    def is_running(self, run_id: str) -> bool:
        """Ask the state machine."""
        return self._runs.is_running(run_id)


class StartJobs:
    """A Batch job of its own for every case and every reference.

    Parameters
    ----------
    ledger, processed, jobs, clock, meter, claim, spread
        Ports and the service that claims.
    settings : RnaJobSettings
        Buckets, engine, image.
    datasets : mapping
        Name → genomics configuration.
    """

    def __init__(
        self,
        ledger: Ledger,
        processed: ObjectStore,
        jobs: BatchJobs,
        clock: Clock,
        meter: Meter,
        claim: ClaimUnits,
        settings: RnaJobSettings,
        datasets: Mapping[str, GenomicsConfig],
        spread: Spread = map,
    ) -> None:
        self._ledger, self._processed, self._jobs, self._clock = ledger, processed, jobs, clock
        self._meter, self._claim, self._settings = meter, claim, settings
        self._datasets, self._spread = datasets, spread

    def __call__(self, ready: Sequence[ReadyUnit]) -> list[str]:
        """Claim each unit and submit its job."""
        return [run for run in self._spread(self._start, ready) if run]

    def is_running(self, run_id: str) -> bool:
        """Ask Batch."""
        return self._jobs.is_running(run_id)

    def _start(self, ready: ReadyUnit) -> str | None:
        run = self._name_of(ready)
        if not self._claim(run, [ready]):
            return None
        try:
            self._jobs.submit(run, self._prepare(run, ready))
        except MultimodalError as error:
            self._give_back(run, ready, error)
            return None
        logger().info("job submitted", correlation_id=ready.item.unit.correlation_id, run_id=run)
        return run

    def _name_of(self, ready: ReadyUnit) -> str:
        unit, attempt = ready.item.unit, ready.item.attempt + 1
        reference = "" if unit.is_reference else self._datasets[unit.dataset].reference
        return job_name(unit, ready.listing.content_version, attempt, self._settings.image_uri, reference)

    def _prepare(self, run: str, ready: ReadyUnit) -> list[str]:
        """Write down what the job reads and return its arguments."""
        unit, listing = ready.item.unit, ready.listing
        if not isinstance(listing, SampleListing):
            return build_command(unit, run, listing.content_version, self._settings)
        self._processed.write_text(fastq_list_key(unit, run), fastq_list(unit.subject, listing.lanes))
        config = self._datasets[unit.dataset]
        return quantify_command(unit, run, listing, config, self._settings)

    def _give_back(self, run: str, ready: ReadyUnit, error: MultimodalError) -> None:
        """Undo the claim: the same attempt, so the same name, comes again and cannot run twice."""
        unit = ready.item.unit
        logger().error("job not submitted", correlation_id=unit.correlation_id, run_id=run, reason=str(error)[:500])
        self._meter(Metric.LOOKS_FAILED, modality=unit.modality)
        item = self._ledger.get(unit.unit_id)
        if item is not None and item.run_id == run and item.status is Status.PROCESSING:
            changes = {"status": Status.READY.value, "attempt": ready.item.attempt, "lease_until": None}
            self._ledger.update(item, changes | look_at(unit, self._clock() + RESUBMIT_SECONDS))
