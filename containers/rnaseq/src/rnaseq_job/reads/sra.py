"""SRA objects: reads as NCBI stores them, turned into FASTQ with fasterq-dump."""

import re
from pathlib import Path

from rnaseq_job import runtime
from rnaseq_job.errors import HostFaultError, InputRejectedError, ReasonCode, disk_is_full
from rnaseq_job.runtime import log

PROGRAM = "fasterq-dump"
_BUCKET = "sra-pub-run-odp"
_ACCESSION = re.compile(r"[SED]RR[0-9]{6,9}")
_DISK_FULL = re.compile(r"No space left|storage exhausted|disk-limit exceeded", re.IGNORECASE)
_OUT_OF_MEMORY = re.compile(r"out of memory", re.IGNORECASE)
_TAIL = 2_000
_STEM = "reads"


def open_data_uri(accession: str) -> str:
    """Return the address of a run in the public bucket of the Registry of Open Data.

    Raises
    ------
    InputRejectedError
        SRA_INVALID for anything but a run accession.

    Examples
    --------
    >>> open_data_uri("SRR7938741")
    's3://sra-pub-run-odp/sra/SRR7938741/SRR7938741'
    """
    if not _ACCESSION.fullmatch(accession):
        raise InputRejectedError(
            ReasonCode.SRA_INVALID,
            f"{accession!r} is not the accession of a run. Give SRR, ERR or DRR and its digits; experiments (SRX), "
            "samples (SRS) and projects (PRJNA) hold several runs.",
            {"accession": accession[:60]},
        )
    return f"s3://{_BUCKET}/sra/{accession}/{accession}"


def dump_arguments(path: Path, folder: Path, threads: int) -> list[str]:
    """Return the command line: mates in two files, reads without a mate in a third."""
    return [
        *(PROGRAM, "--split-3", "--skip-technical", "--threads", str(threads)),
        *("--temp", str(folder), "--outdir", str(folder), "--outfile", f"{_STEM}.fastq", str(path)),
    ]


def to_fastq(path: Path, folder: Path) -> tuple[Path, Path | None]:
    """Write the reads of an SRA object as FASTQ.

    Parameters
    ----------
    path : Path
        The object, under any name.
    folder : Path
        Receives the files; its own, with room for about ten times the object.

    Returns
    -------
    tuple of (Path, Path or None)
        First and second reads; None for single-end reads.

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


def _reads(path: Path, folder: Path, ended: runtime.Ended) -> tuple[Path, Path | None]:
    single, first, second = (folder / f"{_STEM}{part}.fastq" for part in ("", "_1", "_2"))
    if _has_content(first) and _has_content(second):
        if _has_content(single):  # DRAGEN and salmon take either pairs or single reads
            log("sra_reads_without_mate", object=path.name, bytes=single.stat().st_size)
            single.unlink()
        return first, second
    for alone in (single, first):
        if _has_content(alone):
            return alone, None
    raise _rejected(path, "it holds no read", ended)


def _rejected(path: Path, problem: str, ended: runtime.Ended) -> InputRejectedError:
    return InputRejectedError(
        ReasonCode.SRA_INVALID,
        f"{path.name} cannot be turned into FASTQ: {problem}. Upload the run's .sra object again, or its FASTQ files.",
        {"object": path.name, "exit_code": ended.code, "log": ended.tail[-_TAIL:]},
    )


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0
