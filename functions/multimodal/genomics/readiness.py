"""When a sample can be quantified, when a reference can be built, and which samples a sheet has evaluated."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from multimodal.genomics.config import GenomicsConfig
from multimodal.genomics.dates import SampleDates
from multimodal.genomics.jobs import job_name
from multimodal.genomics.keys import (
    ACCESSIONS_CASE,
    SHEET_CASE,
    is_sheet,
    manifest_key,
    parse_key,
    reference_unit,
    sheet_keys,
)
from multimodal.genomics.samples import SampleListing, decide_sample, folder_listing, sheet_listing
from multimodal.genomics.samplesheet import SampleSheet, SheetSample, parse_accessions, parse_samplesheet
from multimodal.ledger.dataset_file import quarantine_unknown_dataset
from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.evaluate import Rules
from multimodal.ledger.listing import (
    MAX_OBJECTS,
    Blocked,
    Complete,
    CompletionTimeouts,
    Decision,
    FanOut,
    Listing,
    Quarantine,
    Wait,
    deadlines,
    decide_by_marker,
    expected_object_count,
    find,
    list_folder,
    make_listing,
    quarantine_removed,
)
from multimodal.ledger.ports import Ports, StoredObject
from multimodal.ledger.unit import LedgerItem, Status, Unit, case_unit

_BUILDING = frozenset({Status.RECEIVING, Status.READY, Status.PROCESSING})
"""Status of a reference that is built, perhaps again: cases wait for the outcome."""

_TABLE = re.compile(r"transcripts\.tsv(\.b?gz)?$", re.IGNORECASE)
_FASTA = re.compile(r"\.(fa|fasta|fna)(\.b?gz)?$", re.IGNORECASE)
_GTF = re.compile(r"\.gtf(\.b?gz)?$", re.IGNORECASE)


@dataclass(frozen=True)
class GenomicsReadiness:
    """What the deployment can process."""

    engine: str
    """`salmon` or `dragen`."""
    image_uri: str
    """Image of the engine; empty while none was given."""
    raw_bucket: str
    """Name of the bucket of uploads."""
    datasets: Mapping[str, GenomicsConfig]
    """Name → genomics configuration, for those datasets that have one."""


@dataclass(frozen=True)
class _GenomicsRules:
    """What the rules of samples, references and sheets share; `Rules` of `multimodal.ledger.evaluate`."""

    ports: Ports
    readiness: GenomicsReadiness

    def read_sheet(self, dataset: str, sheet_case: str) -> SampleSheet | None:
        """Return a dataset's sheet or None; `SAMPLESHEET_INVALID` when no row is valid, or they are too many."""
        texts = (self.ports.raw.read_text(key) for key in sheet_keys(dataset, sheet_case))
        text = next((text for text in texts if text is not None), None)
        if text is None:
            return None
        dates = self._dates(dataset)
        if sheet_case == ACCESSIONS_CASE:
            sheet = parse_accessions(text, dates)
        else:
            sheet = parse_samplesheet(text, dataset, self.readiness.raw_bucket, dates)
        config = self.readiness.datasets.get(dataset)
        if config is not None and len(sheet.samples) > config.max_samples:
            raise _too_long(len(sheet.samples), config.max_samples)
        return sheet

    def _dates(self, dataset: str) -> SampleDates | None:
        config = self.readiness.datasets.get(dataset)
        if config is None or config.date_column is None:
            return None
        return SampleDates(config.date_column, datetime.fromtimestamp(self.ports.clock(), UTC).date())


class SampleRules(_GenomicsRules):
    """Rules of sequenced cases."""

    def list_objects(self, unit: Unit) -> Listing:
        """List what a sheet names for the case, the user's own before the archive's; without one, the case's folder."""
        for table in (SHEET_CASE, ACCESSIONS_CASE):
            sheet = self.read_sheet(unit.dataset, table)
            sample = sheet.samples.get(unit.subject) if sheet else None
            if sample is not None:
                found = {key: self._find(key, sample) for key in sample.keys if "://" not in key}
                there = {key: stored.key for key, stored in found.items() if stored is not None}
                objects = {stored.key: stored for stored in found.values() if stored is not None}
                return sheet_listing(sample.at(there), list(objects.values()), self.readiness.raw_bucket)
        listing = folder_listing(unit, list_folder(self.ports.raw, unit), self.readiness.raw_bucket)
        return self._elsewhere(unit, listing)

    def _find(self, key: str, sample: SheetSample) -> StoredObject | None:
        """Return the object of a sheet's path, at the first place where there is one."""
        places = (find(self.ports.raw, place) for place in (key, *sample.places.get(key, ())))
        return next((stored for stored in places if stored is not None), None)

    def _elsewhere(self, unit: Unit, listing: SampleListing) -> SampleListing:
        """A sheet speaks for its whole dataset: a folder that is no sample of it holds the reads of others."""
        sheet = self.read_sheet(unit.dataset, SHEET_CASE)
        if sheet is None:
            return listing
        users = [name for name, sample in sheet.samples.items() if _may_lie_in(unit.folder, sample)]
        return replace(listing, listed_for=tuple(users), unlisted=True)

    def decide(self, item: LedgerItem, listing: Listing, timeouts: CompletionTimeouts, now: int) -> Decision:
        """Decide by sheet, marker, or mates and quiet period."""
        assert isinstance(listing, SampleListing)  # noqa: S101 – it is what list_objects returned
        rejection = _reject_reads(item.unit, self.readiness)
        if rejection is not None:
            return rejection
        return decide_sample(item, listing, expected_object_count(self.ports.raw, listing), timeouts, now)

    def blocked(self, unit: Unit) -> Blocked | None:
        """Report that there is no image, or no reference that was built with it."""
        without_image = _no_image(self.readiness)
        if without_image is not None:
            return without_image
        reference = reference_unit(self.readiness.datasets[unit.dataset].reference)
        item = self.ports.ledger.get(reference.unit_id)
        if item is not None and item.status is Status.COMPLETED and not self._is_of_this_image(item):
            return self._outdated(reference)
        building = item is not None and item.status in _BUILDING
        if not building and find(self.ports.processed, self._manifest_key(reference)) is not None:
            return None
        message = (
            f"the reference {reference.subject!r} is not built for {self.readiness.engine}; upload it to "
            f"{reference.folder} or see its own entry in the ledger; the case starts by itself"
        )
        return Blocked(Reason.REFERENCE_NOT_READY, message)

    def _manifest_key(self, reference: Unit) -> str:
        return manifest_key(reference.subject, self.readiness.engine)

    def _is_of_this_image(self, item: LedgerItem) -> bool:
        """Whether the last build was this image's: an index belongs to the version of the engine that wrote it."""
        return item.run_id == job_name(item.unit, item.content_version or "", item.attempt, self.readiness.image_uri)

    def _outdated(self, reference: Unit) -> Blocked:
        manifest = self.ports.processed.read_json(self._manifest_key(reference)) or {}
        version = manifest.get("engine_version")
        built = f" with {self.readiness.engine} {version}" if version else ""
        message = (
            f"the reference {reference.subject!r} was built{built} by another image than the one deployed now; it is "
            "built again, and the case starts by itself"
        )
        return Blocked(Reason.REFERENCE_NOT_READY, message, depends_on=reference)


class ReferenceRules(_GenomicsRules):
    """Rules of references."""

    def list_objects(self, unit: Unit) -> Listing:
        """List the reference's folder."""
        return make_listing(unit, list_folder(self.ports.raw, unit))

    def decide(self, item: LedgerItem, listing: Listing, timeouts: CompletionTimeouts, now: int) -> Decision:
        """Decide whether it can be built."""
        return decide_reference(item, listing, expected_object_count(self.ports.raw, listing), timeouts, now)

    def blocked(self, unit: Unit) -> Blocked | None:
        """Report that there is no image."""
        return _no_image(self.readiness)


class SheetRules(_GenomicsRules):
    """Rules of a dataset's sheets and of reads that only a sheet assigns to samples."""

    def list_objects(self, unit: Unit) -> Listing:
        """List the sheet and, for a sample sheet, the reads directly beside it."""
        if unit.subject != SHEET_CASE:
            found = (find(self.ports.raw, key) for key in sheet_keys(unit.dataset, unit.subject))
            return Listing(tuple(sheet for sheet in found if sheet))
        # However many reads of samples come before the sheet by name: a sheet that is not listed never changes.
        under = self.ports.raw.objects_under(f"genomics/{unit.dataset}/")
        return Listing(tuple(islice((o for o in under if parse_key(o.key).unit == unit), MAX_OBJECTS)))

    def decide(self, item: LedgerItem, listing: Listing, timeouts: CompletionTimeouts, now: int) -> Decision:
        """Have every sample of the sheet evaluated."""
        unit, rejection = item.unit, _reject_reads(item.unit, self.readiness)
        if rejection is not None:
            return rejection
        sheet = self.read_sheet(unit.dataset, unit.subject)
        if sheet is None:
            return _without_sheet(listing, deadlines(item, timeouts)[0], now)
        problem = None
        if sheet.problems:
            message = f"rows of the table belong to no sample: {'; '.join(sheet.problems[:3])}; upload it corrected"
            problem = Quarantine(Reason.SAMPLESHEET_INVALID, message, {"problems": list(sheet.problems)})
        return FanOut(tuple(case_unit(unit.dataset, name) for name in sheet.samples), problem)

    def blocked(self, unit: Unit) -> Blocked | None:
        """Return None: a sheet is not run."""
        return None


def genomics_rules(ports: Ports, readiness: GenomicsReadiness) -> Callable[[Unit], Rules]:
    """Return the choice of rules for units of the genomics path."""
    samples, references = SampleRules(ports, readiness), ReferenceRules(ports, readiness)
    sheets = SheetRules(ports, readiness)

    def rules_of(unit: Unit) -> Rules:
        return references if unit.is_reference else sheets if is_sheet(unit) else samples

    return rules_of


def _too_long(samples: int, most: int) -> BadInputError:
    message = (
        f"the sheet names {samples:,} samples, each of which is a job, and the dataset's file admits {most:,}; upload "
        "a shorter one, or raise genomics.max_samples there and deploy"
    )
    return BadInputError(Reason.SAMPLESHEET_INVALID, message, {"samples": samples})


def _may_lie_in(folder: str, sample: SheetSample) -> bool:
    return any(key.startswith(folder) for own in sample.keys for key in (own, *sample.places.get(own, ())))


def _reject_reads(unit: Unit, readiness: GenomicsReadiness) -> Quarantine | None:
    config = readiness.datasets.get(unit.dataset)
    if config is None:
        return quarantine_unknown_dataset(unit)
    if config.matrix is None:
        return None
    message = (
        f"dataset {unit.dataset!r} takes a ready matrix (genomics.matrix in its file) and no reads; upload these to a "
        "dataset with genomics.reference"
    )
    return Quarantine(Reason.ROUTE_NOT_CONFIGURED, message, {})


def _no_image(readiness: GenomicsReadiness) -> Blocked | None:
    if readiness.image_uri:
        return None
    parameter = "DragenImageUri" if readiness.engine == "dragen" else "RnaseqImageUri"
    message = f"no RNA-seq image is deployed; push one, deploy with {parameter}, and the unit starts by itself"
    return Blocked(Reason.IMAGE_NOT_SET, message)


def _without_sheet(listing: Listing, limit: int, now: int) -> Decision:
    if not listing.objects:
        return quarantine_removed()
    if now < limit:
        return Wait(limit)
    message = (
        "reads lie directly under the dataset and no samplesheet.csv says whose they are; upload one, or move the "
        "reads to genomics/<dataset>/<case>/"
    )
    return Quarantine(Reason.KEY_NOT_ACCEPTED, message, {"objects": len(listing.objects)})


def decide_reference(
    item: LedgerItem, listing: Listing, declared: int | None, timeouts: CompletionTimeouts, now: int
) -> Decision:
    """Decide whether a reference can be built: genome and annotation, or transcriptome and transcript table.

    `declared` is the number of objects in its marker, None without one.
    """
    limit, quiet_at = deadlines(item, timeouts)
    if not listing.objects:
        return Wait(limit) if listing.marker and now < limit else quarantine_removed()
    if declared is not None and not item.rerun_requested:
        decision = decide_by_marker(listing, declared, (limit, quiet_at), now)
        if not isinstance(decision, Complete):
            return decision
    elif now < quiet_at:
        return Wait(quiet_at)
    lacking = _lacking([o.key.rsplit("/", 1)[-1] for o in listing.objects])
    if not lacking:
        return Complete()
    message = f"the reference lacks {lacking}; upload it to {item.unit.folder}"
    return Wait(limit) if now < limit else Quarantine(Reason.REFERENCE_INCOMPLETE, message, {})


def _lacking(names: list[str]) -> str:
    """Name what is missing; which FASTA file is a genome and which a transcriptome, the job sees by what they hold."""
    if not any(_FASTA.search(n) for n in names):
        return "the genome (*.fa) or the transcriptome (transcripts.fa)"
    if any(_GTF.search(n) or _TABLE.fullmatch(n) for n in names):
        return ""
    return (
        "the annotation (*.gtf); for a transcriptome also transcripts.tsv (transcript_id, gene_id, gene_name) would do"
    )
