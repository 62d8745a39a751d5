"""References: what their folder must hold, and where a built one lies."""

import re
from collections.abc import Mapping
from typing import Any

from multimodal.genomics.fastq_names import has_safe_parts
from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.listing import (
    Complete,
    CompletionTimeouts,
    Decision,
    Listing,
    Quarantine,
    Wait,
    deadlines,
    decide_by_marker,
    quarantine_removed,
)
from multimodal.ledger.unit import REFERENCES, LedgerItem, Unit, case_unit

_TRANSCRIPTOME = re.compile(r"(^|[._-])(transcripts|transcriptome|cdna)[._-]", re.IGNORECASE)
_TABLE = re.compile(r"transcripts\.tsv(\.gz)?$", re.IGNORECASE)
_FASTA = re.compile(r"\.(fa|fasta|fna)(\.gz)?$", re.IGNORECASE)
_GTF = re.compile(r"\.gtf(\.gz)?$", re.IGNORECASE)


def reference_unit(name: str) -> Unit:
    """Return the unit of a reference."""
    return case_unit(REFERENCES, name)


def manifest_key(name: str, engine: str) -> str:
    """Return the key of what is written last when a reference was built for an engine: its presence means ready."""
    return reference_unit(name).result_key(f"{engine}.manifest.json")


def transcripts_key(name: str, manifest: Mapping[str, Any]) -> str:
    """Return the key of a built reference's table of transcripts, gene ids and symbols.

    Each build has a folder of its own; the manifest says which file of it is the table.
    """
    path = str((manifest.get("files") or {}).get("transcripts") or "transcripts.tsv")
    if not has_safe_parts(path):
        message = "the reference's manifest names no table; build the reference again"
        raise BadInputError(Reason.FEATURES_INVALID, message)
    return reference_unit(name).result_key(path)


def decide_reference(
    item: LedgerItem, listing: Listing, promised: int | None, timeouts: CompletionTimeouts, now: int
) -> Decision:
    """Decide whether a reference can be built: genome and annotation, or transcriptome and transcript table.

    Parameters
    ----------
    item, listing, promised, timeouts, now
        As for :func:`multimodal.imaging.uploads.decide`.
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
