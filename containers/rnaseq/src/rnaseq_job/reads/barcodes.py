"""Recognises single-cell reads by their first mate: a cell barcode and a UMI instead of a piece of a transcript.

As pairs of one sample they would be quantified without a complaint, from a mate that holds no transcript.
Source: 10x Genomics, Chromium Single Cell 3' and 5' gene expression: read 1 is 16 bases of barcode with 10 (v2) or
12 (v3, v4) of UMI; in 3' kits the poly-A tail follows, read as T.
"""

from typing import Final

from rnaseq_job.errors import InputRejectedError, ReasonCode
from rnaseq_job.reads.stream import FastqReader

BARCODE_LENGTHS: Final = frozenset({26, 28})
"""Bases of barcode and UMI: 16 + 10, 16 + 12."""

LEAST_CDNA: Final = 50
"""Bases that the other mate has at least; it holds the transcript."""

_ENOUGH_READS: Final = 100
_TAIL: Final = slice(28, 38)
_TAIL_LETTERS: Final = b"T" * 10
_TAIL_SHARE: Final = 0.5


def check_bulk(first: FastqReader, second: FastqReader) -> None:
    """Reject the two files of a lane if the first holds cell barcodes; call it when both have been read.

    Raises
    ------
    InputRejectedError
        READS_SINGLE_CELL.
    """
    one, two = first.lengths, second.lengths
    is_barcode = one.shortest == one.longest and one.longest in BARCODE_LENGTHS and two.shortest >= LEAST_CDNA
    if is_barcode or _has_tails(first):
        raise InputRejectedError(
            ReasonCode.READS_SINGLE_CELL,
            f"{first.file.name} looks like 10x single-cell data: its reads are cell barcodes and UMIs, no transcripts. "
            "Bulk RNA-seq is quantified here; count cells with Cell Ranger, STARsolo or alevin-fry and upload a "
            "pseudobulk matrix.",
            {"file": first.file.name, "mate": second.file.name, "r1_bases": one.longest, "r2_bases": two.longest},
        )


def _has_tails(reader: FastqReader) -> bool:
    """Return whether most reads have a poly-T just where a barcode and a UMI would end: read 1 sequenced further."""
    reads = list(reader.beginning.values())
    tails = sum(read[_TAIL].upper() == _TAIL_LETTERS for read in reads)
    return len(reads) >= _ENOUGH_READS and tails > _TAIL_SHARE * len(reads)
