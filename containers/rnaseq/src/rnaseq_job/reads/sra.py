"""SRA objects: reads as NCBI stores them, turned into FASTQ with fasterq-dump."""

import re
from dataclasses import dataclass
from pathlib import Path

from rnaseq_job import runtime
from rnaseq_job.errors import HostFaultError, InputRejectedError, ReasonCode, disk_is_full
from rnaseq_job.reads.records import LINES

PROGRAM = "fasterq-dump"
_DISK_FULL = re.compile(r"No space left|storage exhausted|disk-limit exceeded", re.IGNORECASE)
_OUT_OF_MEMORY = re.compile(r"out of memory", re.IGNORECASE)
_TAIL = 2_000
_STEM = "reads"


def dump_arguments(path: Path, folder: Path, threads: int) -> list[str]:
    """Return the command line: mates in two files, reads without a mate in a third."""
    return [
        *(PROGRAM, "--split-3", "--skip-technical", "--threads", str(threads)),
        *("--temp", str(folder), "--outdir", str(folder), "--outfile", f"{_STEM}.fastq", str(path)),
    ]


@dataclass(frozen=True)
class SraReads:
    """The reads of an SRA object as FASTQ."""

    first: Path
    second: Path | None
    """None for single-end reads."""
    without_mate: int = 0
    """Reads of a paired run whose mates the archive does not have; they are left out."""


def to_fastq(path: Path, folder: Path) -> SraReads:
    """Write the reads of an SRA object as FASTQ.

    Parameters
    ----------
    path : Path
        The object, under any name.
    folder : Path
        Receives the files; its own, with room for about ten times the object.

    Returns
    -------
    SraReads
        The files in `folder`.

    Raises
    ------
    InputRejectedError
        SRA_INVALID when fasterq-dump cannot read it, INPUT_TOO_LARGE when the disk is too small for its reads.
    InvalidJobError
        When fasterq-dump is not installed.
    HostFaultError
        When memory ran out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arguments = dump_arguments(path.resolve(), folder.resolve(), runtime.available_cpus())
    ended = runtime.run(arguments, folder / f"{PROGRAM}.log", {"HOME": str(folder.resolve())})  # it writes settings
    if ended.code != 0:
        if _DISK_FULL.search(ended.tail):
            raise disk_is_full()
        if _OUT_OF_MEMORY.search(ended.tail):
            raise HostFaultError(f"{PROGRAM} ran out of memory: {ended.tail[-200:]}")
        raise _rejected(path, f"{PROGRAM} ended with exit code {ended.code}", ended)
    return _reads(path, folder, ended)


def _reads(path: Path, folder: Path, ended: runtime.Ended) -> SraReads:
    single, first, second = (folder / f"{_STEM}{part}.fastq" for part in ("", "_1", "_2"))
    if _has_content(first) and _has_content(second):
        orphans = _count(single) if _has_content(single) else 0  # DRAGEN and salmon take either pairs or single reads
        single.unlink(missing_ok=True)
        return SraReads(first, second, orphans)
    for alone in (single, first):
        if _has_content(alone):
            return SraReads(alone, None)
    raise _rejected(path, "it holds no read", ended)


def _rejected(path: Path, problem: str, ended: runtime.Ended) -> InputRejectedError:
    return InputRejectedError(
        ReasonCode.SRA_INVALID,
        f"{path.name} cannot be turned into FASTQ: {problem}. Upload the run's .sra object again, or its FASTQ files.",
        {"object": path.name, "exit_code": ended.code, "log": ended.tail[-_TAIL:]},
    )


def _count(path: Path) -> int:
    with path.open("rb") as lines:
        return sum(1 for _ in lines) // LINES


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0
