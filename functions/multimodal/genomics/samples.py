"""List a sample's FASTQ files and decide whether the set is complete, from a listing and a clock."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from multimodal.genomics.keys import parse_key
from multimodal.genomics.owners import samples_in
from multimodal.genomics.reads import Lane, Pairing, pair_files
from multimodal.genomics.samplesheet import ReadFiles, SheetSample
from multimodal.ledger.errors import Reason
from multimodal.ledger.listing import (
    CONTENT_VERSION_LENGTH,
    Complete,
    CompletionTimeouts,
    Decision,
    FanOut,
    Listing,
    Quarantine,
    Wait,
    deadlines,
    decide_by_marker,
    make_listing,
    quarantine_archived,
    quarantine_removed,
)
from multimodal.ledger.ports import StoredObject
from multimodal.ledger.unit import LedgerItem, Unit, case_unit
from multimodal.ledger.upload_key import KeyKind, shown_key, shown_name

MAX_LANES = 512
"""Most lanes of a case; what lists more is several cases in one folder."""

_NAMED = 5
"""How many files a message names."""


@dataclass(frozen=True)
class SampleListing(Listing):
    """The reads of a case."""

    lanes: tuple[Lane, ...] = ()
    """Complete lanes, with URIs."""
    strandedness: str = "auto"
    """As the sample sheet says; `auto` without one."""
    sheet: SheetSample | None = None
    """The case's rows of the sample sheet; without one the files' names say what belongs together."""
    missing: tuple[str, ...] = ()
    """Files that the sheet names and that are not there."""
    pairing: Pairing = field(default_factory=Pairing)
    """What the names of the files said."""
    others: int = 0
    """Objects in the folder that are no reads."""
    rejected: tuple[str, ...] = ()
    """Keys in the folder that are not accepted."""
    samples: tuple[str, ...] = ()
    """Names of the samples whose reads these are, when they are several."""
    listed_for: tuple[str, ...] = ()
    """Samples for which the sheet names files of this folder, when the folder itself is none."""
    unlisted: bool = False
    """Whether there is a sheet that says nothing of the case."""

    @cached_property
    def content_version(self) -> str:
        """Name of exactly this content; with a sheet also of what the sheet says of it."""
        content = super().content_version
        if self.sheet is None:
            return content
        lines = [content, self.strandedness, *(f"{x.read1}\t{x.read2}" for x in self.lanes)]
        lines += [self.event_time] if self.event_time else []
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:CONTENT_VERSION_LENGTH]

    @property
    def event_time(self) -> str | None:
        """When the sample was taken, as the sheet says."""
        return self.sheet.event_time if self.sheet else None


def folder_listing(unit: Unit, found: Iterable[StoredObject], raw_bucket: str) -> SampleListing:
    """Return the reads of a case's folder in `raw_bucket`, paired by their names; `found` is whatever is under it."""
    everything = make_listing(unit, found)
    kinds = {o.key: parse_key(o.key).kind for o in everything.objects}
    reads = tuple(o for o in everything.objects if kinds[o.key] is KeyKind.OBJECT)
    paths = [o.key[len(unit.folder) :] for o in reads]
    pairing = pair_files(paths)
    if everything.marker is not None and pairing.only_first_mates:
        # The marker says that nothing else comes: the reads have no mates.
        pairing = pairing.as_single_end()
    return SampleListing(
        reads,
        everything.marker,
        lanes=tuple(_with_uris(pairing.lanes, f"s3://{raw_bucket}/{unit.folder}")),
        pairing=pairing,
        others=len(everything.objects) - len(reads),
        rejected=tuple(key for key, kind in kinds.items() if kind is KeyKind.REJECTED),
        samples=samples_in(unit.subject, paths),
    )


def _with_uris(lanes: Iterable[Lane], prefix: str) -> Iterable[Lane]:
    return (Lane(x.number, prefix + x.read1, x.read2 and prefix + x.read2) for x in lanes)


def sheet_listing(sample: SheetSample, found: Sequence[StoredObject], raw_bucket: str) -> SampleListing:
    """Return the reads that a sheet's rows name, `found` being those that exist in `raw_bucket`.

    Addresses of public archives are taken as they are.
    """
    there = {o.key for o in found}
    missing = [key for key in sample.keys if key not in there and "://" not in key]

    def uri(key: str) -> str:
        return key if not key or "://" in key else f"s3://{raw_bucket}/{key}"

    def lane(number: int, row: ReadFiles) -> Lane:
        return Lane(number, uri(row.fastq_1), uri(row.fastq_2))

    return SampleListing(
        tuple(sorted(found, key=lambda o: o.key)),
        lanes=tuple(lane(number, row) for number, row in enumerate(sample.rows, start=1)),
        strandedness=sample.strandedness,
        sheet=sample,
        missing=tuple(missing),
    )


def decide_sample(
    item: LedgerItem, listing: SampleListing, declared: int | None, timeouts: CompletionTimeouts, now: int
) -> Decision:
    """Decide whether the listed reads are all of the case.

    With a sheet they are when every named file exists. Without one a marker's number decides, else the names (every
    first mate has its second) together with the quiet period.
    `declared` is the number of objects in the case's marker.
    """
    limit, quiet_at = deadlines(item, timeouts)
    if listing.sheet is not None:
        return _decide_by_sheet(item.unit.subject, listing, listing.sheet, limit, now)
    if listing.listed_for:
        return FanOut(tuple(case_unit(item.unit.dataset, name) for name in listing.listed_for))
    if listing.unlisted:
        message = "the sample sheet of the dataset does not name this case; add a row for it and upload the sheet again"
        return Quarantine(Reason.NOT_IN_SAMPLESHEET, message, {})
    quarantine = _quarantine(item.unit.subject, listing)
    if quarantine is not None:
        return quarantine
    if not listing.objects:
        return Wait(limit) if listing.marker and now < limit else quarantine_removed()
    if declared is not None and not item.rerun_requested:
        decision = decide_by_marker(listing, declared, (limit, quiet_at), now, listing.others)
        if not isinstance(decision, Complete):
            return decision
    elif now < quiet_at:
        return Wait(quiet_at)
    return _decide_by_mates(item.unit.subject, listing.pairing, limit, now)


def _decide_by_sheet(case: str, listing: SampleListing, sheet: SheetSample, limit: int, now: int) -> Decision:
    if sheet.problems:
        message = f"the sample sheet cannot be used for this case: {'; '.join(sheet.problems[:3])}; upload it corrected"
        return Quarantine(Reason.SAMPLESHEET_INVALID, message, {"problems": list(sheet.problems[:20])})
    if len(listing.lanes) > MAX_LANES:
        return _too_many(len(listing.lanes))
    if not listing.missing:
        return quarantine_archived(listing) or Complete()
    if now < limit:
        return Wait(limit)
    missing = _shown(case, listing.missing)
    message = (
        f"{len(listing.missing)} files of the sample sheet are not there: {_names(missing)}; upload them into "
        "the case's folder, beside the sheet, or where the sheet says"
    )
    return Quarantine(Reason.INCOMPLETE_UPLOAD, message, {"missing": missing})


def _quarantine(case: str, listing: SampleListing) -> Quarantine | None:
    """Quarantine files of which one omitted, or counted twice, would silently give wrong values."""
    if listing.rejected:
        key = listing.rejected[0]
        problem = f"{shown_name(key, case)}: {parse_key(key).problem}"
        details: dict[str, object] = {"objects": len(listing.rejected), "example_key": shown_key(key)}
        return Quarantine(Reason.KEY_NOT_ACCEPTED, f"a file in the case's folder is not accepted, {problem}", details)
    if listing.samples:
        message = (
            f"the folder holds reads of {len(listing.samples)} samples, by their files' names; give each a folder of "
            "its own, genomics/<dataset>/<case>/, or say in samplesheet.csv whose they are"
        )
        return Quarantine(Reason.READS_MIXED, message, {"samples": len(listing.samples)})
    if listing.pairing.clashes:
        clashes = _shown(case, listing.pairing.clashes)
        message = (
            f"files cannot be told apart, may be mates, or hold third reads: {_names(clashes)}; remove "
            "what does not belong, then retry, or name the files in samplesheet.csv (where R2 holds barcodes, the "
            "mates are R1 and R3)"
        )
        return Quarantine(Reason.READS_AMBIGUOUS, message, {"files": clashes})
    if len(listing.lanes) > MAX_LANES:
        return _too_many(len(listing.lanes))
    return quarantine_archived(listing)


def _too_many(lanes: int) -> Quarantine:
    message = (
        f"more than {MAX_LANES} lanes in one case; expected genomics/<dataset>/<case>/… with a folder for each case"
    )
    return Quarantine(Reason.INPUT_TOO_LARGE, message, {"lanes": lanes})


def _decide_by_mates(case: str, pairing: Pairing, limit: int, now: int) -> Decision:
    if not pairing.unpaired and not pairing.mixed:
        return Complete()
    if now < limit:
        return Wait(limit)
    if pairing.unpaired:
        unpaired = _shown(case, pairing.unpaired)
        message = (
            f"{len(pairing.unpaired)} files have no mate: {_names(unpaired)}; upload the mates, or, for "
            "single-end reads, a _COMPLETE.json or a samplesheet.csv with fastq_2 empty"
        )
        return Quarantine(Reason.MATE_MISSING, message, {"files": unpaired})
    message = (
        "some files have mates and others do not; remove what does not belong, or name the reads in samplesheet.csv"
    )
    return Quarantine(Reason.READS_MIXED, message, {"lanes": len(pairing.lanes)})


def _shown(case: str, paths: Sequence[str]) -> list[str]:
    """Return files' names as they may be shown, each once."""
    return list(dict.fromkeys(shown_name(path, case) for path in paths))[:20]


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
