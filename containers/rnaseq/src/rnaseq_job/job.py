"""One sample from its list of reads to published tables."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Final, TypeAlias

from rnaseq_job import __version__
from rnaseq_job.errors import (
    EXIT_CODES,
    EXIT_OK,
    Detail,
    HostFaultError,
    InputRejectedError,
    InvalidJobError,
    ReasonCode,
    rejecting_full_disk,
)
from rnaseq_job.output.quality import Quality, assess, write_multiqc
from rnaseq_job.output.results import SCHEMA, Publisher, Tables, mapped_percent, normalise, rejection
from rnaseq_job.quantifiers.quantifier import (
    LICENCE_VARIABLE,
    BuiltReference,
    Quantification,
    Quantifier,
    QuantifierOptions,
)
from rnaseq_job.quantifiers.salmon import as_json, declared_type, library_report
from rnaseq_job.reads.checks import ReadsReport, check_reads
from rnaseq_job.reads.lanes import check_sample_name, shown
from rnaseq_job.reads.trimming import Trimmed, trim_reads
from rnaseq_job.runtime import log
from rnaseq_job.storage import Opener, StagedSample, count_reads, fetch_list, open_storage, stage_sample

UNIT: Final = "TPM"

_LOG_ENDINGS = (".log", "_metrics.csv")
"""salmon's logs, and DRAGEN's with its mapping and time metrics."""

ReferenceStager: TypeAlias = Callable[[str, Path, str], BuiltReference]


@dataclass(frozen=True)
class JobOptions:
    """What the command line says."""

    engine: str
    """`salmon` or `dragen`."""
    sample: str
    """The case; not yet checked."""
    fastq_list: str
    reference: str
    output: str
    """Addresses: s3://bucket/key or paths."""
    library_type: str | None = None
    strandedness: str | None = None
    """Two ways to declare the library; None to detect it."""
    run: Mapping[str, str | None] = field(default_factory=dict)
    """run_id, job_id and content_version."""
    trim: bool = False
    """Whether adapters and bases of low quality are trimmed first."""
    threads: int = 1
    """For the quantifier."""
    buckets: tuple[str, ...] = ()
    """The only buckets that reads may come from; empty for no limit."""
    without_mate: tuple[str, ...] = ()
    """Files of reads whose mates were filtered out: they are counted, and nothing else."""


@dataclass(frozen=True)
class Ports:
    """What the job needs from outside; tests put their own in."""

    opener: Opener
    quantifier: Quantifier
    stage_reference: ReferenceStager


@dataclass(frozen=True)
class Work:
    """A sample on its way: everything that run.json speaks of."""

    staged: StagedSample
    reads: ReadsReport
    declared: str
    reference: BuiltReference
    quantification: Quantification
    k: int | None
    """Length of the index's k-mers."""
    trimmed: Trimmed | None


def run_job(options: JobOptions, ports: Ports, scratch: Path) -> int:
    """Process one sample.

    Parameters
    ----------
    scratch : Path
        A folder of this job's own; the caller removes it.

    Returns
    -------
    int
        0, or the exit code of the reason for which the sample was rejected.

    Raises
    ------
    InvalidJobError
        When the job is described wrongly.
    HostFaultError
        When the machine or a service failed.
    """
    publisher = Publisher(ports.opener(options.output), options.output.rstrip("/"), scratch)
    try:
        with rejecting_full_disk():
            work = _process(options, ports, scratch)
            tables = normalise(options.sample, work.quantification, scratch / "tables")
            quality = _assess(work, tables)
            reports = _reports(options.sample, work, quality, scratch)
        publisher.success(tables, reports, _run_document(options, ports.quantifier, work, tables, quality, scratch))
    except InputRejectedError as error:
        log("sample_rejected", sample=shown(options.sample), reason=error.code, message=error.message)
        _make_room(scratch)
        publisher.rejection(rejection(shown(options.sample), options.run, error))
        return EXIT_CODES[error.code]
    finally:
        _publish_logs(publisher, scratch / "engine")
    log("sample_done", sample=options.sample, mapped_percent=mapped_percent(work.quantification))
    return EXIT_OK


def open_quantifier(name: str) -> Quantifier:
    """Return the quantifier of a name.

    Raises
    ------
    InvalidJobError
        When there is none.
    """
    if name == "dragen":
        from rnaseq_job.quantifiers.dragen import DragenQuantifier

        return DragenQuantifier()
    if name == "salmon":
        from rnaseq_job.quantifiers.salmon import SalmonQuantifier

        return SalmonQuantifier()
    raise InvalidJobError(f"--engine {name}: expected salmon or dragen")


def default_ports(engine: str) -> Ports:
    """Wire the job as it runs in its image."""
    from rnaseq_job.reference.manifest import stage_reference

    return Ports(open_storage, open_quantifier(engine), stage_reference)


def _process(options: JobOptions, ports: Ports, scratch: Path) -> Work:
    check_sample_name(options.sample)
    clock = _Clock(options.sample)
    listed = fetch_list(options.fastq_list, options.sample, options.buckets, scratch, ports.opener)
    staged = stage_sample(options.sample, listed, scratch / "reads", ports.opener)
    clock.log("reads_staged", lanes=len(listed))
    declared = declared_type(options.library_type, options.strandedness, staged.sample.paired)
    reads = check_reads(staged.files)
    left = sum(count_reads(uri, options.sample, scratch / "reads", ports.opener) for uri in options.without_mate)
    reads = replace(reads, without_mate=reads.without_mate + left)
    clock.log("reads_checked", fragments=reads.fragments, stored_bytes=reads.stored_bytes)
    trimmed = trim_reads(staged.sample, scratch / "trimmed", options.threads) if options.trim else None
    if trimmed:
        clock.log("reads_trimmed", fragments=trimmed.fragments)
    reference = ports.stage_reference(options.reference, scratch / "reference", options.engine)
    clock.log("reference_staged", reference=reference.name)
    quantifier_options = QuantifierOptions(declared, options.threads, scratch / "engine", licence_file(scratch))
    k = ports.quantifier.kmer_length(reference)
    with _explaining_short_reads(reads, k):
        sample = trimmed.sample if trimmed else staged.sample
        quantification = ports.quantifier.quantify(sample, reference, quantifier_options)
        clock.log("quantified", total=quantification.total, mapped=quantification.mapped)
        _check_counts(quantification, trimmed.fragments if trimmed else reads.fragments)
    return Work(staged, reads, declared, reference, quantification, k, trimmed)


@contextmanager
def _explaining_short_reads(reads: ReadsReport, k: int | None) -> Iterator[None]:
    """Turn "nothing mapped" into its reason where most of the reads are shorter than the index's k-mers."""
    try:
        yield
    except InputRejectedError as error:
        if (
            error.code is not ReasonCode.NOTHING_MAPPED
            or k is None
            or 2 * reads.lengths.shorter_than(k) < reads.lengths.total
        ):
            raise
        short, total = reads.lengths.shorter_than(k), reads.lengths.total
        raise InputRejectedError(
            ReasonCode.READS_TOO_SHORT,
            f"{short} of {total} reads are shorter than the {k} bases that the reference's index needs (mean "
            f"{reads.lengths.mean:.0f}), and nothing mapped. Upload the reads as sequenced, if these were trimmed; "
            "small-RNA and tag libraries need another program.",
            {**error.details, "k": k, "shorter_than_k": short, "reads": total},
        ) from error


def _make_room(scratch: Path) -> None:
    """Remove what is of no more use: an outcome has to be written first, also to a disk that is full."""
    for folder in ("reads", "trimmed", "reference"):
        shutil.rmtree(scratch / folder, ignore_errors=True)


class _Clock:
    """Logs the steps of a job with the seconds that each took."""

    def __init__(self, sample: str) -> None:
        self._sample, self._since = sample, monotonic()

    def log(self, event: str, **fields: Detail) -> None:
        now = monotonic()
        log(event, sample=self._sample, seconds=round(now - self._since, 3), **fields)
        self._since = now


def licence_file(scratch: Path) -> Path | None:
    """Write DRAGEN's licence from the environment into a file that no one else can read, and forget the variable.

    Returns
    -------
    Path or None
        None without a licence: some machine images hold one.
    """
    licence = os.environ.pop(LICENCE_VARIABLE, "")
    if not licence:
        return None
    path = scratch / "licence"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(licence)
    return path


def _check_counts(quantification: Quantification, fragments: int) -> None:
    """Reject the result of a quantifier that ends with success after a part of the reads."""
    if quantification.total is not None and quantification.total < fragments:
        raise HostFaultError(f"the quantifier read {quantification.total} of {fragments} fragments")
    if quantification.mapped == 0:
        raise InputRejectedError(
            ReasonCode.NOTHING_MAPPED,
            "No read belongs to the reference. Compare the sample's species with the dataset's reference.",
            {"total": quantification.total, "mapped": 0},
        )


def _assess(work: Work, tables: Tables) -> Quality:
    found = work.quantification
    return assess(tables.genes, work.reference.transcripts, work.reads.lengths, work.k, found.forward_share)


def _reports(sample: str, work: Work, quality: Quality, scratch: Path) -> dict[str, Path]:
    """Return what MultiQC reads, by the name that it is published under: it names samples by folders and files."""
    folder, found = f"multiqc/{sample}", work.quantification
    own = scratch / f"{sample}_mqc.json"
    write_multiqc(sample, quality, mapped_percent(found), own)
    files = [own, *(work.trimmed.reports if work.trimmed else ())]
    engines = {f"{folder}/{name}": found.transcripts.parent / name for name in found.reports}
    return {f"{folder}/{path.name}": path for path in files} | engines


def _engine_version(quantifier: Quantifier, trimmed: Trimmed | None) -> str:
    """Return what made the values: those of trimmed and of untrimmed reads are not mixed in a group (genomics-27)."""
    version = quantifier.version()
    return f"{version}, fastp {trimmed.version}" if trimmed else version


def _run_document(
    options: JobOptions, quantifier: Quantifier, work: Work, tables: Tables, quality: Quality, scratch: Path
) -> dict[str, Detail]:
    """Return the content of `run.json`; the same input and versions give the same bytes, but for `run`."""
    found = work.quantification
    report = library_report(work.declared, found.detected_library_type, found.compatible_fragment_ratio)
    return {
        "schema": SCHEMA,
        "subject": options.sample,
        "run": dict(options.run),
        "assay": {
            "engine": quantifier.name,
            "engine_version": _engine_version(quantifier, work.trimmed),
            "reference": work.reference.name,
            "genome": work.reference.genome,
            "annotation": work.reference.annotation_name,
            "unit": UNIT,
            "library_type": work.declared,
        },
        "files": {
            "transcripts": tables.transcripts.name,
            "genes": tables.genes.name,
            "metrics": tables.metrics.name,
        },
        "library": as_json(report),
        "reads": _reads_section(work),
        "metrics": {
            "total_reads": found.total,
            "mapped_reads": found.mapped,
            "mapped_percent": mapped_percent(found),
        },
        "qc": {**quality.as_json(), "trimming": work.trimmed.as_json() if work.trimmed else None},
        "provenance": {
            "input_hash": work.reads.input_hash,
            "rnaseq_job_version": __version__,
            "command": [argument.replace(f"{scratch}/", "") for argument in found.command],
        },
    }


def _reads_section(work: Work) -> dict[str, Detail]:
    kind = "pairs" if work.staged.sample.paired else "reads"
    return {
        kind: work.reads.fragments,
        "lanes": len(work.staged.sample.lanes),
        "bytes": work.reads.stored_bytes,
        "without_mate": work.reads.without_mate,
    }


def _publish_logs(publisher: Publisher, folder: Path) -> None:
    """Publish the quantifier's logs also after a failure, whose own error must not be hidden by another."""
    try:
        publisher.logs(_log_files(folder), folder)
    except (HostFaultError, InvalidJobError, OSError) as error:
        log("logs_not_published", reason=str(error))


def _log_files(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.is_file() and path.name.endswith(_LOG_ENDINGS))
