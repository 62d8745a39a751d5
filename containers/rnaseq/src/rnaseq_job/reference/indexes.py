"""The indexes of both quantifiers, behind one interface.

salmon's holds the transcripts, and the whole genome as decoys when there is one. A decoy catches reads that come from
unspliced or unannotated sequence and would otherwise be counted for the transcript that resembles it most.
Sequence-identical transcripts are kept, so that the result has every transcript of the table. DRAGEN's is a hash table
of the genome; it reads the annotation anew in every run, which so stays a file.
"""

import re
import shutil
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rnaseq_job.errors import HostFaultError, InputRejectedError, ReasonCode
from rnaseq_job.quantifiers.dragen import hash_table_arguments
from rnaseq_job.quantifiers.dragen_host import DragenHost
from rnaseq_job.quantifiers.salmon import PROGRAM, salmon_version
from rnaseq_job.reference.annotation import Annotation, read_annotations
from rnaseq_job.reference.roles import Sequences, known_names, sort_sequences
from rnaseq_job.reference.sequences import Cut, copy_genome, copy_transcripts, cut_transcripts, write_genome
from rnaseq_job.reference.source import Files, Part, invalid, reading
from rnaseq_job.reference.table import Row, choose, read_table, rows_for_fasta, rows_of
from rnaseq_job.runtime import run


@dataclass(frozen=True)
class Workplace:
    """Where and how to build."""

    work: Path
    """For intermediate files."""
    index: Path
    """Receives the quantifier's files; does not exist yet."""
    log: Path
    """Receives the quantifier's output."""
    threads: int
    """Processor threads."""


@dataclass(frozen=True)
class Index:
    """What a builder made; see `rnaseq_job.reference.manifest.Manifest` for the numbers."""

    rows: Sequence[Row]
    annotation: Path | None
    par_copies: int
    masked: int
    decoys: int
    left_out: Sequence[str] = ()


class IndexBuilder(Protocol):
    """Builds the index of one quantifier."""

    @property
    def engine(self) -> str:
        """`salmon` or `dragen`."""
        ...

    @property
    def parts(self) -> set[Part]:
        """What of the source it reads."""
        ...

    def version(self) -> str:
        """Return the quantifier's version."""
        ...

    def build(self, files: Files, place: Workplace) -> Index:
        """Build.

        Raises
        ------
        InputRejectedError
            REFERENCE_INVALID when the files do not fit each other, ENGINE_FAILED when the quantifier rejects them.
        HostFaultError
            When the machine failed.
        """
        ...


KMER = 31
"""salmon's default: reads of 75 bases and more. Recorded here because another length is another assay."""

_HOST_FAULT = re.compile(r"No space left on device|bad_alloc|Cannot allocate memory", re.IGNORECASE)
_TAIL = 2_000


def index_arguments(transcripts: Path, decoys: Path | None, index: Path, work: Path, threads: int) -> list[str]:
    """Return the command line."""
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
        """Return the installed version."""
        return salmon_version()

    def build(self, files: Files, place: Workplace) -> Index:
        """Cut or copy the transcripts, append the genome and run salmon."""
        transcripts, genome = place.work / "transcripts.fa", place.work / "genome.fa"
        rows, cut = _transcripts(files, transcripts, genome)
        decoys = _append_decoys(transcripts, genome, cut, place.work) if cut.lengths else None
        _run_salmon(index_arguments(transcripts, decoys, place.index, place.work, place.threads), place.log)
        return Index(rows, None, cut.par_copies, cut.masked, len(cut.lengths), cut.left_out)


def _transcripts(files: Files, transcripts: Path, genome: Path) -> tuple[list[Row], Cut]:
    annotation = read_annotations(files.get(Part.ANNOTATION, ()))
    table = read_table(files[Part.TABLE][0]) if Part.TABLE in files else None
    fasta = sort_sequences(files[Part.SEQUENCES], known_names(annotation, table or ()), transcripts.parent)
    if not fasta.transcriptomes:
        cut = _cut(fasta.genomes, annotation, table, transcripts, genome)
    else:
        cut = Cut()
        with genome.open("wb") as plain:
            deque(write_genome(fasta.genomes, plain, cut, annotation), maxlen=0)
    copied = [*fasta.transcriptomes, *fasta.spike_ins]
    if copied:
        copy_transcripts(copied, transcripts, annotation, cut)
    return _rows(files, cut, fasta, annotation, table), cut


def _cut(
    genomes: Sequence[Path],
    annotation: Annotation | None,
    table: Mapping[str, Row] | None,
    transcripts: Path,
    plain: Path,
) -> Cut:
    if annotation is None:
        raise invalid("The genome has no annotation beside it. Upload its GTF file (annotation.gtf.gz) too.")
    if table is not None:
        raise invalid("transcripts.tsv describes a transcriptome: upload transcripts.fa.gz too, or remove the table.")
    cut = cut_transcripts(genomes, annotation, plain, transcripts)
    if not cut.transcripts:
        raise invalid(f"{annotation.file} has no transcript outside of chromosome Y's pseudo-autosomal copies.")
    return cut


def _rows(
    files: Files, cut: Cut, fasta: Sequences, annotation: Annotation | None, table: dict[str, Row] | None
) -> list[Row]:
    names = ", ".join(path.name for path in fasta.transcriptomes or fasta.genomes)
    if table is not None:
        rows = choose(table, cut.transcripts, names, files[Part.TABLE][0].name, cut.twins)
        cut.par_copies += sum(row.gene_id != table.get(row.transcript_id, row).gene_id for row in rows)
        return rows
    if annotation is not None:
        return rows_for_fasta(annotation, cut.transcripts, names)
    raise invalid(f"{names} has neither transcripts.tsv nor a GTF beside it, so genes are unknown. Upload one.")


def _append_decoys(transcripts: Path, genome: Path, cut: Cut, work: Path) -> Path:
    """Append the genome to the transcripts, where salmon wants decoys, and list its sequences."""
    both = set(cut.lengths) & set(cut.transcripts)
    if both:
        raise invalid(f"{sorted(both)[0]} names a transcript and a chromosome.", names=len(both))
    with transcripts.open("ab") as target, genome.open("rb") as bases:
        shutil.copyfileobj(bases, target, 1 << 20)
    genome.unlink()  # three gigabytes less beside the index
    decoys = work / "decoys.txt"
    decoys.write_text("".join(f"{name}\n" for name in cut.lengths), encoding="ascii")
    return decoys


def _run_salmon(arguments: list[str], log: Path) -> None:
    ended = run(arguments, log)
    if ended.code == 0:
        return
    if _HOST_FAULT.search(ended.tail):
        raise HostFaultError(f"salmon index ran out of memory or disk: {ended.tail[-200:]}")
    raise InputRejectedError(
        ReasonCode.ENGINE_FAILED,
        f"salmon index ended with exit code {ended.code}. Its last lines are in the details.",
        {"exit_code": ended.code, "log": ended.tail[-_TAIL:]},
    )


_MARKERS = ("hash_table.cfg", "anchored_rna/hash_table.cfg")
"""DRAGEN puts the table for RNA into a folder of its own within the other."""

_BLOCK = 1 << 20


@dataclass(frozen=True)
class DragenHashTable:
    """Builds DRAGEN's hash table; transcripts stay as the GTF has them, pseudo-autosomal copies included."""

    host: DragenHost = field(default_factory=DragenHost.here)
    """The machine; by default this one."""

    @property
    def engine(self) -> str:
        """`dragen`."""
        return "dragen"

    @property
    def parts(self) -> set[Part]:
        """DRAGEN cuts transcripts itself."""
        return {Part.SEQUENCES, Part.ANNOTATION, Part.DESCRIPTION}

    def version(self) -> str:
        """Return the installed version."""
        return self.host.version()

    def build(self, files: Files, place: Workplace) -> Index:
        """Check genome and annotation against each other and run DRAGEN."""
        annotation = read_annotations(files.get(Part.ANNOTATION, ()))
        fasta = sort_sequences(files[Part.SEQUENCES], known_names(annotation, ()), place.work)
        if not fasta.genomes or annotation is None:
            raise invalid("DRAGEN needs a genome (genome.fa.gz) and its annotation (annotation.gtf.gz). Upload both.")
        if annotation.renamed:
            raise invalid(
                f"{annotation.file} calls transcripts of several genes {annotation.renamed}, which DRAGEN would take "
                "for one. Take GENCODE's or Ensembl's annotation, or give each an id of its own."
            )
        genome = place.work / "genome.fa"
        cut = copy_genome(fasta.genomes, annotation, genome)
        place.index.mkdir(parents=True)
        self.host.run(hash_table_arguments(genome, place.index), place.log)
        _check_markers(place.index)
        gtf = place.work / "annotation.gtf"
        _unpack(files[Part.ANNOTATION], gtf)
        return Index(rows_of(annotation, cut.transcripts), gtf, cut.par_copies, cut.masked, 0)


def _check_markers(index: Path) -> None:
    missing = [name for name in _MARKERS if not (index / name).is_file()]
    if missing:
        raise InputRejectedError(
            ReasonCode.ENGINE_FAILED,
            f"DRAGEN ended without {missing[0]}, so the hash table is not complete. Its log says why.",
            {"missing": list(missing)},
        )


def _unpack(sources: Iterable[Path], target: Path) -> None:
    """Write plain text: every run would otherwise unpack it again."""
    with target.open("wb") as plain:
        for number, source in enumerate(sources):
            plain.write(b"\n" if number else b"")  # the file before may end without one
            with reading(source) as packed:
                shutil.copyfileobj(packed, plain, _BLOCK)
