"""salmon's index: transcripts, and the whole genome as decoys when there is one.

A decoy catches reads that come from unspliced or unannotated sequence and would otherwise be counted for the transcript
that resembles it most. Sequence-identical transcripts are kept, so that the result has every transcript of the table.
"""

import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rnaseq_job import runtime as process
from rnaseq_job.errors import HostFaultError, InputRejectedError, InvalidJobError, ReasonCode
from rnaseq_job.reference.annotation import read_annotation
from rnaseq_job.reference.fasta import records_of, write_record
from rnaseq_job.reference.indexing import Index, Workplace
from rnaseq_job.reference.source import Part, invalid
from rnaseq_job.reference.splicing import Cut, copy_transcripts, cut_transcripts
from rnaseq_job.reference.table import Row, choose, read_table, rows_for_fasta, rows_of

PROGRAM = "salmon"
KMER = 31
"""salmon's default: reads of 75 bases and more. Recorded here because another length is another assay."""

_VERSION = re.compile(r"salmon (\d+\.\d+\.\d+)")
_HOST_FAULT = re.compile(r"No space left on device|bad_alloc|Cannot allocate memory", re.IGNORECASE)
_TAIL = 2_000


def salmon_version() -> str:
    """Give the installed version.

    Raises
    ------
    InvalidJobError
        When salmon is not installed, or does not say.
    """
    with tempfile.TemporaryDirectory() as folder:
        tail = process.run([PROGRAM, "--version"], Path(folder) / "version.log").tail
    found = _VERSION.search(tail)
    if not found:
        raise InvalidJobError(f"salmon --version answers {tail.strip()!r}")
    return found[1]


def index_arguments(transcripts: Path, decoys: Path | None, index: Path, work: Path, threads: int) -> list[str]:
    """Give the command line."""
    return [
        *(PROGRAM, "index", "--transcripts", str(transcripts), "--index", str(index)),
        *("--kmerLen", str(KMER), "--keepDuplicates", "--threads", str(threads), "--tmpdir", str(work / "salmon_tmp")),
        *(("--decoys", str(decoys)) if decoys else ()),
    ]


class SalmonIndex:
    """Builds salmon's index."""

    engine = "salmon"
    parts: set[Part] = set(Part)  # noqa: RUF012  # the protocol's type; nobody adds to it

    def version(self) -> str:
        """Give the installed version."""
        return salmon_version()

    def build(self, files: Mapping[Part, Path], place: Workplace) -> Index:
        """Cut or copy the transcripts, append the genome and run salmon."""
        transcripts, genome = place.work / "transcripts.fa", place.work / "genome.fa"
        rows, cut = _transcripts(files, transcripts, genome)
        decoys = _append_decoys(transcripts, genome, cut, place.work) if Part.GENOME in files else None
        _run(index_arguments(transcripts, decoys, place.index, place.work, place.threads), place.log)
        return Index(rows, None, cut.par_copies, cut.masked, len(cut.lengths))


def _transcripts(files: Mapping[Part, Path], transcripts: Path, genome: Path) -> tuple[list[Row], Cut]:
    if Part.TRANSCRIPTOME not in files:
        return _cut(files, transcripts, genome)
    fasta = files[Part.TRANSCRIPTOME]
    cut = copy_transcripts(fasta, transcripts)
    if Part.GENOME in files:
        with genome.open("wb") as plain:
            for record in records_of(files[Part.GENOME]):
                cut.lengths[record.name] = len(record.sequence)
                write_record(plain, record)
    return _rows(files, cut, fasta), cut


def _cut(files: Mapping[Part, Path], transcripts: Path, genome: Path) -> tuple[list[Row], Cut]:
    if Part.ANNOTATION not in files:
        raise invalid("The genome has no annotation beside it. Upload its GTF file (annotation.gtf.gz) too.")
    if Part.TABLE in files:
        raise invalid("transcripts.tsv describes a transcriptome: upload transcripts.fa.gz too, or remove the table.")
    annotation = read_annotation(files[Part.ANNOTATION])
    cut = cut_transcripts(files[Part.GENOME], annotation, genome, transcripts)
    if not cut.transcripts:
        raise invalid(f"{annotation.file} has no transcript outside of chromosome Y's pseudo-autosomal copies.")
    return rows_of(annotation, cut.transcripts), cut


def _rows(files: Mapping[Part, Path], cut: Cut, fasta: Path) -> list[Row]:
    if Part.TABLE in files:
        return choose(read_table(files[Part.TABLE]), cut.transcripts, fasta.name, files[Part.TABLE].name)
    if Part.ANNOTATION in files:
        return rows_for_fasta(read_annotation(files[Part.ANNOTATION]), cut.transcripts, fasta.name)
    raise invalid(f"{fasta.name} has neither transcripts.tsv nor a GTF beside it, so genes are unknown. Upload one.")


def _append_decoys(transcripts: Path, genome: Path, cut: Cut, work: Path) -> Path:
    """Put the genome behind the transcripts, where salmon wants decoys, and list its sequences."""
    both = set(cut.lengths) & set(cut.transcripts)
    if both:
        raise invalid(f"{sorted(both)[0]} names a transcript and a chromosome.", names=len(both))
    with transcripts.open("ab") as target, genome.open("rb") as bases:
        shutil.copyfileobj(bases, target, 1 << 20)
    genome.unlink()  # three gigabytes less beside the index
    decoys = work / "decoys.txt"
    decoys.write_text("".join(f"{name}\n" for name in cut.lengths), encoding="ascii")
    return decoys


def _run(arguments: list[str], log: Path) -> None:
    ended = process.run(arguments, log)
    if ended.code == 0:
        return
    if _HOST_FAULT.search(ended.tail):
        raise HostFaultError(f"salmon index ran out of memory or disk: {ended.tail[-200:]}")
    raise InputRejectedError(
        ReasonCode.ENGINE_FAILED,
        f"salmon index ended with exit code {ended.code}. Its last lines are in the details.",
        {"exit_code": ended.code, "log": ended.tail[-_TAIL:]},
    )
