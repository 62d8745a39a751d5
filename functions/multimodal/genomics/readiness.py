"""When a case may be quantified, when a reference can be built, and what a sample sheet sets going."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from multimodal.genomics.config import GenomicsConfig
from multimodal.genomics.jobs import job_name
from multimodal.genomics.keys import (
    ACCESSIONS_CASE,
    SHEET_CASE,
    is_sheet,
    manifest_key,
    parse_key,
    reference_unit,
    sheet_key,
)
from multimodal.genomics.samples import SampleListing, decide_sample, folder_listing, sheet_listing
from multimodal.genomics.samplesheet import SampleSheet, parse_accessions, parse_samplesheet
from multimodal.ledger.errors import Reason
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
    quarantine_unknown_dataset,
)
from multimodal.ledger.ports import ObjectStore, Ports
from multimodal.ledger.unit import LedgerItem, Status, Unit, case_unit

_IN_THE_MAKING = frozenset({Status.RECEIVING, Status.READY, Status.PROCESSING})
"""Where a reference stands while it is built, perhaps again: cases wait for what it will be."""


@dataclass(frozen=True)
class GenomicsReadiness:
    """What the deployment can process.

    Parameters
    ----------
    engine : str
        `salmon` or `dragen`.
    image_uri : str
        Image of the engine; empty while none was given.
    raw_bucket : str
        Name of the bucket of uploads.
    datasets : mapping
        Name → genomics configuration, for those datasets that have one.
    """

    engine: str
    image_uri: str
    raw_bucket: str
    datasets: Mapping[str, GenomicsConfig]


class SampleSheets:
    """The tables of a dataset that say whose reads are whose."""

    def __init__(self, raw: ObjectStore, raw_bucket: str) -> None:
        self._raw, self._bucket = raw, raw_bucket

    def read(self, dataset: str, sheet_case: str) -> SampleSheet | None:
        """Return a table, or None when there is none.

        Raises
        ------
        BadInputError
            `SAMPLESHEET_INVALID` when no row can be used.
        """
        text = self._raw.read_text(sheet_key(dataset, sheet_case))
        if text is None:
            return None
        return parse_accessions(text) if sheet_case == ACCESSIONS_CASE else self._parse(text, dataset)

    def _parse(self, text: str, dataset: str) -> SampleSheet:
        return parse_samplesheet(text, dataset, self._bucket)


class SampleRules:
    """`Rules` of sequenced cases."""

    def __init__(self, ports: Ports, readiness: GenomicsReadiness) -> None:
        self.ports, self._readiness = ports, readiness
        self._sheets = SampleSheets(ports.raw, readiness.raw_bucket)

    def list_objects(self, unit: Unit) -> Listing:
        """List what a sheet names for the case, the user's own before the archive's; without one, the case's folder."""
        for table in (SHEET_CASE, ACCESSIONS_CASE):
            sheet = self._sheets.read(unit.dataset, table)
            sample = sheet.samples.get(unit.subject) if sheet else None
            if sample is not None:
                found = (find(self.ports.raw, key) for key in sample.keys if "://" not in key)
                return sheet_listing(sample, [o for o in found if o is not None], self._readiness.raw_bucket)
        listing = folder_listing(unit, list_folder(self.ports.raw, unit), self._readiness.raw_bucket)
        return self._elsewhere(unit, listing)

    def _elsewhere(self, unit: Unit, listing: SampleListing) -> SampleListing:
        """A sheet speaks for its whole dataset: a folder that is no sample of it holds the reads of others."""
        sheet = self._sheets.read(unit.dataset, SHEET_CASE)
        if sheet is None:
            return listing
        users = [name for name, s in sheet.samples.items() if any(k.startswith(unit.folder) for k in s.keys)]
        return replace(listing, listed_for=tuple(users), unlisted=True)

    def decide(self, item: LedgerItem, listing: Listing, timeouts: CompletionTimeouts, now: int) -> Decision:
        """Decide by sheet, marker, or mates and quiet period."""
        assert isinstance(listing, SampleListing)  # noqa: S101 – it is what list_objects returned
        refusal = _takes_no_reads(item.unit, self._readiness)
        if refusal is not None:
            return refusal
        return decide_sample(item, listing, expected_object_count(self.ports.raw, listing), timeouts, now)

    def blocked(self, unit: Unit) -> Blocked | None:
        """Say that there is no image, or no reference that was built with it."""
        without_image = _no_image(self._readiness)
        if without_image is not None:
            return without_image
        reference = reference_unit(self._readiness.datasets[unit.dataset].reference)
        item = self.ports.ledger.get(reference.unit_id)
        if item is not None and item.status is Status.COMPLETED and not self._is_of_this_image(item):
            return self._outdated(reference)
        in_the_making = item is not None and item.status in _IN_THE_MAKING
        if not in_the_making and find(self.ports.processed, self._manifest_key(reference)) is not None:
            return None
        message = (
            f"the reference {reference.subject!r} is not built for {self._readiness.engine}; upload it to "
            f"{reference.folder} or see its own entry in the ledger; the case starts by itself"
        )
        return Blocked(Reason.REFERENCE_NOT_READY, message)

    def _manifest_key(self, reference: Unit) -> str:
        return manifest_key(reference.subject, self._readiness.engine)

    def _is_of_this_image(self, item: LedgerItem) -> bool:
        """Whether the last build was this image's: an index belongs to the version of the engine that wrote it."""
        return item.run_id == job_name(item.unit, item.content_version or "", item.attempt, self._readiness.image_uri)

    def _outdated(self, reference: Unit) -> Blocked:
        manifest = self.ports.processed.read_json(self._manifest_key(reference)) or {}
        version = manifest.get("engine_version")
        built = f" with {self._readiness.engine} {version}" if version else ""
        message = (
            f"the reference {reference.subject!r} was built{built} by another image than the one deployed now; it is "
            "built again, and the case starts by itself"
        )
        return Blocked(Reason.REFERENCE_NOT_READY, message, depends_on=reference)


def _takes_no_reads(unit: Unit, readiness: GenomicsReadiness) -> Quarantine | None:
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


class ReferenceRules:
    """`Rules` of references."""

    def __init__(self, ports: Ports, readiness: GenomicsReadiness) -> None:
        self.ports, self._readiness = ports, readiness

    def list_objects(self, unit: Unit) -> Listing:
        """List the reference's folder."""
        return make_listing(unit, list_folder(self.ports.raw, unit))

    def decide(self, item: LedgerItem, listing: Listing, timeouts: CompletionTimeouts, now: int) -> Decision:
        """Decide whether it can be built."""
        return decide_reference(item, listing, expected_object_count(self.ports.raw, listing), timeouts, now)

    def blocked(self, unit: Unit) -> Blocked | None:
        """Say that there is no image."""
        return _no_image(self._readiness)


class SheetRules:
    """`Rules` of a dataset's tables and of reads that only a sheet places."""

    def __init__(self, ports: Ports, readiness: GenomicsReadiness) -> None:
        self.ports, self._readiness = ports, readiness
        self._sheets = SampleSheets(ports.raw, readiness.raw_bucket)

    def list_objects(self, unit: Unit) -> Listing:
        """List the table and, for a sheet, the reads directly beside it."""
        if unit.subject != SHEET_CASE:
            table = find(self.ports.raw, sheet_key(unit.dataset, unit.subject))
            return Listing((table,) if table else ())
        beside = self.ports.raw.objects_under(f"genomics/{unit.dataset}/")
        return Listing(tuple(o for o in islice(beside, MAX_OBJECTS) if parse_key(o.key).unit == unit))

    def decide(self, item: LedgerItem, listing: Listing, timeouts: CompletionTimeouts, now: int) -> Decision:
        """Have every sample that the table names looked at."""
        unit, refusal = item.unit, _takes_no_reads(item.unit, self._readiness)
        if refusal is not None:
            return refusal
        sheet = self._sheets.read(unit.dataset, unit.subject)
        if sheet is None:
            return _without_sheet(listing, deadlines(item, timeouts)[0], now)
        problem = None
        if sheet.problems:
            message = f"rows of the table belong to no sample: {'; '.join(sheet.problems[:3])}; upload it corrected"
            problem = Quarantine(Reason.SAMPLESHEET_INVALID, message, {"problems": list(sheet.problems)})
        return FanOut(tuple(case_unit(unit.dataset, name) for name in sheet.samples), problem)

    def blocked(self, unit: Unit) -> Blocked | None:
        """Nothing blocks what is not run."""
        return None


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


def genomics_rules(ports: Ports, readiness: GenomicsReadiness) -> Callable[[Unit], Rules]:
    """Return the choice of rules for units of the genomics path."""
    samples, references = SampleRules(ports, readiness), ReferenceRules(ports, readiness)
    sheets = SheetRules(ports, readiness)

    def rules_of(unit: Unit) -> Rules:
        return references if unit.is_reference else sheets if is_sheet(unit) else samples

    return rules_of


_TRANSCRIPTOME = re.compile(r"(^|[._-])(transcripts|transcriptome|cdna)[._-]", re.IGNORECASE)
_TABLE = re.compile(r"transcripts\.tsv(\.gz)?$", re.IGNORECASE)
_FASTA = re.compile(r"\.(fa|fasta|fna)(\.gz)?$", re.IGNORECASE)
_GTF = re.compile(r"\.gtf(\.gz)?$", re.IGNORECASE)


def decide_reference(
    item: LedgerItem, listing: Listing, promised: int | None, timeouts: CompletionTimeouts, now: int
) -> Decision:
    """Decide whether a reference can be built: genome and annotation, or transcriptome and transcript table.

    Parameters
    ----------
    item, listing, promised, timeouts, now
        As for `decide`.
    """
    limit, quiet_at = deadlines(item, timeouts)
    if not listing.objects:
        return Wait(limit) if listing.marker and now < limit else quarantine_removed()
    if promised is not None and not item.rerun_requested:
        decision = decide_by_marker(len(listing.objects), promised, limit, now)
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
    has_gtf = any(_GTF.search(n) for n in names)
    sequences = [n for n in names if _FASTA.search(n)]
    has_transcripts = any(_TRANSCRIPTOME.search(n) for n in sequences)
    has_genome = any(not _TRANSCRIPTOME.search(n) for n in sequences)
    if has_gtf and (has_genome or has_transcripts):
        return ""
    if has_transcripts:
        has_table = any(_TABLE.fullmatch(n) for n in names)
        return "" if has_table else "transcripts.tsv (transcript_id, gene_id, gene_name) or a *.gtf"
    return "the annotation (*.gtf)" if has_genome else "the genome (*.fa) or the transcriptome (transcripts.fa)"
