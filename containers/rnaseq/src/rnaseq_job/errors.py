"""The errors of the job and the exit codes by which AWS Batch tells them apart.

A fault of the machine may go away when the job runs again; bad input never does. Batch sees nothing but the exit code,
so every reason has one of its own, and the job definition retries hosts only.
"""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Final, TypeAlias

Detail: TypeAlias = "str | int | float | bool | list[Detail] | dict[str, Detail] | None"
"""What a rejection's details may hold: JSON values."""

EXIT_OK: Final = 0
EXIT_HOST_FAULT: Final = 1
EXIT_INVALID_JOB: Final = 2


class ReasonCode(StrEnum):
    """Why a sample or a reference was rejected. The comment beside each value says when it is used."""

    READS_NOT_FOUND = "READS_NOT_FOUND"  # a file of the list is not there
    READS_EMPTY = "READS_EMPTY"  # a file without a read
    READS_TRUNCATED = "READS_TRUNCATED"  # the gzip stream ends early or is damaged
    READS_INVALID = "READS_INVALID"  # not FASTQ: a record is broken, or sequence and quality differ in length
    READS_TOO_LONG = "READS_TOO_LONG"  # a line beyond the cap
    MATES_UNEQUAL = "MATES_UNEQUAL"  # R1 and R2 hold different numbers of reads
    MATES_MISMATCHED = "MATES_MISMATCHED"  # the names of mates differ: other samples, or another order
    MATES_IDENTICAL = "MATES_IDENTICAL"  # R1 and R2 are the same reads
    MATES_SWAPPED = "MATES_SWAPPED"  # the file named R1 says that it holds second reads
    SAMPLE_NAME_INVALID = "SAMPLE_NAME_INVALID"  # a name that could be an option or a path
    FASTQ_LIST_INVALID = "FASTQ_LIST_INVALID"  # the list of reads cannot be used
    REFERENCE_NOT_READY = "REFERENCE_NOT_READY"  # no manifest, or not one for this quantifier
    REFERENCE_INVALID = "REFERENCE_INVALID"  # FASTA, GTF or table do not fit each other
    SRA_INVALID = "SRA_INVALID"  # not an SRA object that fasterq-dump can read
    NOTHING_MAPPED = "NOTHING_MAPPED"  # no read belongs to the reference: probably another species
    ENGINE_FAILED = "ENGINE_FAILED"  # the quantifier rejected the input
    INPUT_TOO_LARGE = "INPUT_TOO_LARGE"  # a budget was exceeded
    READS_TWICE = (
        "READS_TWICE"  # two lanes hold the same reads: copies, raw beside cleaned ones, parts beside their whole
    )
    READS_SINGLE_CELL = "READS_SINGLE_CELL"  # R1 holds cell barcodes and UMIs (10x)
    READS_TOO_SHORT = "READS_TOO_SHORT"  # nothing mapped, and most reads are shorter than the index's k-mers


EXIT_CODES: Final[Mapping[ReasonCode, int]] = {reason: 64 + number for number, reason in enumerate(ReasonCode)}
"""64 and up: below are the shell's and the programs' own, 128 and up are signals (docs/reference/reason-codes.md)."""


class RnaseqJobError(Exception):
    """Base of every error that this package raises on purpose."""


class InputRejectedError(RnaseqJobError):
    """The sample or the reference is not supported.

    Parameters
    ----------
    code : ReasonCode
        The enumerated reason.
    message : str
        What is wrong and what the user can do about it.
    details : mapping, optional
        The numbers behind the message; JSON values only.
    """

    def __init__(self, code: ReasonCode, message: str, details: Mapping[str, Detail] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.details: dict[str, Detail] = dict(details or {})


class InvalidJobError(RnaseqJobError):
    """The job itself is described wrongly: an option, an address, a quantifier that is not there."""


class HostFaultError(RnaseqJobError):
    """The machine or a service failed: running the job again may help."""


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def disk_is_full() -> InputRejectedError:
    """Return the rejection for an input that needs more room than the job's disk has: it would need it again."""
    return InputRejectedError(
        ReasonCode.INPUT_TOO_LARGE,
        "The job's disk is full: the input and what is made of it need more room. Give the job a larger one "
        "(with salmon: RnaseqStorageGib), then retry.",
    )


@contextmanager
def rejecting_full_disk() -> Iterator[None]:
    """Turn the error of a full disk into a rejection; any other is the machine's.

    Raises
    ------
    InputRejectedError
        INPUT_TOO_LARGE.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise disk_is_full() from error
        raise
