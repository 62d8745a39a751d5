"""Recognises barcodes and UMIs where a mate should be a piece of a transcript: of single cells, or of a bulk library.

As pairs of one sample they would be quantified without a complaint, from a mate that holds no transcript.
Source: 10x Genomics, Chromium Single Cell 3' and 5' gene expression: read 1 is 16 bases of barcode with 10 (v2) or
12 (v3, v4) of UMI; in 3' kits the poly-A tail follows, read as T.
"""

from typing import Final

from rnaseq_job.errors import Detail, InputRejectedError, ReasonCode
from rnaseq_job.reads.stream import FastqReader

BARCODE_LENGTHS: Final = frozenset({26, 28})
"""Bases of barcode and UMI: 16 + 10, 16 + 12."""

LEAST_MAPPED: Final = 31
"""Bases of the shortest read that salmon maps: one k-mer."""

LEAST_CDNA: Final = 50
"""Bases that the other mate has at least; it holds the transcript."""

_ENOUGH_READS: Final = 100
_TAIL: Final = slice(28, 38)
_TAIL_LETTERS: Final = b"T" * 10
_TAIL_SHARE: Final = 0.5


def check_bulk(first: FastqReader, second: FastqReader) -> None:
    """Reject the two files of a lane if one of them holds barcodes or UMIs; call it when both have been read.

    Raises
    ------
    InputRejectedError
        READS_SINGLE_CELL.
    """
    numbers: dict[str, Detail] = {"r1_bases": first.lengths.longest, "r2_bases": second.lengths.longest}
    if _has_tails(first) or (_are_short(first, second) and first.lengths.longest in BARCODE_LENGTHS):
        raise InputRejectedError(
            ReasonCode.READS_SINGLE_CELL,
            f"{first.file.name} looks like 10x single-cell data: its reads are cell barcodes and UMIs, no transcripts. "
            "Bulk RNA-seq is quantified here; count cells with Cell Ranger, STARsolo or alevin-fry and upload a "
            "pseudobulk matrix.",
            {"file": first.file.name, "mate": second.file.name, **numbers},
        )
    for short, other in ((first, second), (second, first)):
        if _are_short(short, other):
            raise InputRejectedError(
                ReasonCode.READS_SINGLE_CELL,
                f"All reads of {short.file.name} have {short.lengths.longest} bases, as barcodes and UMIs do: no mates "
                f"that can be mapped. Upload {other.file.name} alone (fastq_2 empty in samplesheet.csv), or its true "
                "mates, often called R3; count single cells with a program for them.",
                {"file": short.file.name, "mate": other.file.name, **numbers},
            )


def _are_short(one: FastqReader, other: FastqReader) -> bool:
    """Return whether all reads have one length, too short to be mapped, and their mates are long."""
    are_alike = one.lengths.shortest == one.lengths.longest
    return are_alike and one.lengths.longest < LEAST_MAPPED and other.lengths.shortest >= LEAST_CDNA


def _has_tails(reader: FastqReader) -> bool:
    """Return whether most reads have a poly-T just where a barcode and a UMI would end: read 1 sequenced further."""
    reads = list(reader.beginning.values())
    tails = sum(read[_TAIL].upper() == _TAIL_LETTERS for read in reads)
    return len(reads) >= _ENOUGH_READS and tails > _TAIL_SHARE * len(reads)
