"""FASTA files, and transcripts cut out of a genome: exons joined in the order in which they are transcribed.

One sequence is in memory at a time: a human chromosome is up to 250 MB, the genome 3 GB.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from rnaseq_job.errors import Detail
from rnaseq_job.reference import par
from rnaseq_job.reference.annotation import Annotation, Transcript
from rnaseq_job.reference.source import examples, invalid, reading

BASES = b"ACGTNRYSWKMBDHV"
"""Nucleotides and their ambiguity codes. No U: salmon would replace each by a random base without a word."""

_LETTERS = BASES + BASES.lower()
_WIDTH = 80

_REGION = re.compile(
    r" (?:chromosome|scaffold|supercontig|contig|group|primary_assembly):[^:\s]*:([^:\s]+):\d+:\d+:-?1\b"
)
"""Where a sequence lies, in the headers of Ensembl's FASTA files (their README)."""


@dataclass(frozen=True)
class Record:
    """One sequence."""

    name: str
    """Header up to the first white space."""
    sequence: bytes
    """Upper-case letters of `BASES`: soft masking does not matter to any quantifier here."""
    header: str = ""
    """Its whole header, where it was read from a file."""

    @property
    def region(self) -> str:
        """Chromosome, haplotype or patch that an Ensembl header names (`cdna chromosome:GRCh38:6:1:900:1`)."""
        found = _REGION.search(self.header)
        return found[1] if found else ""


def records_of(path: Path) -> Iterator[Record]:
    """Yield the sequences of a FASTA file in their order.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID for an empty or damaged file, a name that occurs twice, a sequence without bases or with
        letters that are none.
    """
    seen: set[str] = set()
    with reading(path) as file:
        for header, lines in _blocks(file, path):
            name = header.split(maxsplit=1)[0]
            if name in seen:
                raise invalid(f"{path.name} holds {name} twice. Remove one of the two.", file=path.name, name=name)
            seen.add(name)
            yield Record(name, _sequence(path, name, lines), header)
    if not seen:
        raise invalid(f"{path.name} holds no sequence. Upload the FASTA file again.", file=path.name)


def _blocks(file: BinaryIO, path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """Yield headers and the lines below them."""
    name, lines = "", list[bytes]()
    for line in file:
        if not line.startswith(b">"):
            lines.append(line.rstrip())
            continue
        if name:
            yield name, lines
        elif any(lines):
            raise _not_fasta(path)
        name, lines = header_of(line, path), []
    if name:
        yield name, lines
    elif any(lines):
        raise _not_fasta(path)


def header_of(line: bytes, path: Path) -> str:
    """Return a header without its `>`; REFERENCE_INVALID when it does not begin with a name."""
    words = line[1:].split(maxsplit=1)
    if not words or line[1:2].isspace():
        raise invalid(f"{path.name} holds a sequence without a name. Give every '>' line a name.", file=path.name)
    try:
        words[0].decode("ascii")
    except UnicodeDecodeError as error:
        raise invalid(f"{path.name} holds a name that is not ASCII text.", file=path.name) from error
    return line[1:].decode("utf-8", "replace").strip()


def _sequence(path: Path, name: str, lines: list[bytes]) -> bytes:
    sequence = b"".join(lines)
    wrong = sequence.translate(None, _LETTERS)
    if wrong:
        shown = wrong[:10].decode("latin-1")
        raise invalid(
            f"{path.name}: {name} holds letters that are no DNA bases ({shown!r}). "
            "Use a DNA FASTA file (no RNA, no protein, no alignment).",
            file=path.name,
            name=name,
            letters=len(wrong),
        )
    if not sequence:
        raise invalid(f"{path.name}: {name} has no bases. Was the file cut short?", file=path.name, name=name)
    return sequence.upper()


def _not_fasta(path: Path) -> Exception:
    return invalid(f"{path.name} is not FASTA: its first line must begin with '>'.", file=path.name)


def write_record(file: BinaryIO, record: Record, header: str = "") -> None:
    """Write one sequence in lines of 80, with its name or a whole header above."""
    file.write(b">" + (header or record.name).encode() + b"\n")
    sequence = record.sequence
    for start in range(0, len(sequence), _WIDTH):
        file.write(sequence[start : start + _WIDTH])
        file.write(b"\n")


_COMPLEMENT = bytes.maketrans(b"ACGTNRYSWKMBDHV", b"TGCANYRSWMKVHDB")


@dataclass
class Cut:
    """What cutting left."""

    lengths: dict[str, int] = field(default_factory=dict)
    """Bases of every sequence of the genome."""
    transcripts: list[str] = field(default_factory=list)
    """Ids in the order in which they were written."""
    masked: int = 0
    """Transcripts of which the genome shows nothing but N."""
    par_copies: int = 0
    """Pseudo-autosomal copies on chromosome Y that were left out, or are counted for the gene on X."""
    left_out: list[str] = field(default_factory=list)
    """Transcripts on haplotypes and patches that the annotation does not have."""
    twins: dict[str, str] = field(default_factory=dict)
    """Transcripts with the sequence of an earlier one → that one; looked for where nothing says where they lie."""


def spliced(chromosome: bytes, transcript: Transcript) -> bytes:
    """Return the sequence of a transcript, 5' to 3'.

    Parameters
    ----------
    chromosome : bytes
        The forward strand, upper case.
    transcript : Transcript
        Its exons may come in any order: GENCODE lists those of the reverse strand downwards, others upwards.

    Examples
    --------
    >>> spliced(b"AACCGGTT", Transcript("g", "", "1", "-", [(1, 3), (7, 8)]))
    b'AAGTT'
    """
    forward = b"".join(chromosome[start - 1 : end] for start, end in sorted(transcript.exons))
    return forward if transcript.strand == "+" else forward.translate(_COMPLEMENT)[::-1]


def cut_transcripts(genomes: Sequence[Path], annotation: Annotation, plain: Path, transcripts: Path) -> Cut:
    """Write the genome uncompressed and, beside it, the transcripts of the annotation.

    The copies on chromosome Y of pseudo-autosomal transcripts are left out: their sequence is that of X, or masked,
    and the reads would be split between the two at random.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID when the annotation was not made for this genome.
    """
    grouped, copies, cut = annotation.by_chromosome(), par.copies_on_y(annotation), Cut()
    with plain.open("wb") as all_bases, transcripts.open("wb") as joined:
        for record in write_genome(genomes, all_bases, cut, annotation):
            for name in grouped.get(record.name, ()):
                if name in copies or par.is_copy(name):
                    cut.par_copies += 1
                else:
                    _cut_one(record, name, annotation, joined, cut)
    check_fit(_names(genomes), cut.lengths, annotation)
    return cut


def write_genome(genomes: Sequence[Path], plain: BinaryIO, cut: Cut, annotation: Annotation | None) -> Iterator[Record]:
    """Write the sequences of several files and yield each.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID when two have one name, or one is a transcript: as a decoy it would take its own reads.
    """
    chromosomes = annotation.by_chromosome() if annotation else {}
    transcripts = annotation.fasta_names().keys() - chromosomes.keys() if annotation else set[str]()
    for path in genomes:
        for record in records_of(path):
            if record.name in cut.lengths:
                raise _twice(genomes, record.name)
            if record.name.partition("|")[0] in transcripts:
                raise invalid(
                    f"{path.name} is a genome and holds the transcript {record.name}, too. Put the transcripts in "
                    "front of the genome (a gentrome), or into a file of their own.",
                    file=path.name,
                    name=record.name,
                )
            cut.lengths[record.name] = len(record.sequence)
            write_record(plain, record)
            yield record


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths)


def _twice(paths: Sequence[Path], name: str) -> Exception:
    where = f"{_names(paths)} hold" + ("s" if len(paths) == 1 else "")
    return invalid(f"{where} {name} twice. Keep each sequence in one file only.", name=name)


def _cut_one(record: Record, name: str, annotation: Annotation, joined: BinaryIO, cut: Cut) -> None:
    transcript = annotation.transcripts[name]
    _check_inside(record.name, len(record.sequence), name, transcript, annotation)
    sequence = spliced(record.sequence, transcript)
    cut.masked += not sequence.strip(b"N")
    cut.transcripts.append(name)
    write_record(joined, Record(name, sequence))


def copy_genome(genomes: Sequence[Path], annotation: Annotation, plain: Path) -> Cut:
    """Write the genome uncompressed, for a quantifier that cuts transcripts itself; otherwise as `cut_transcripts`."""
    cut = Cut()
    with plain.open("wb") as all_bases:
        for _ in write_genome(genomes, all_bases, cut, annotation):
            pass
    check_fit(_names(genomes), cut.lengths, annotation)
    for name, transcript in annotation.transcripts.items():
        _check_inside(transcript.chromosome, cut.lengths[transcript.chromosome], name, transcript, annotation)
    cut.transcripts.extend(annotation.transcripts)
    return cut


def check_fit(genome: str, lengths: Mapping[str, int], annotation: Annotation) -> None:
    """Reject an annotation with chromosomes that the genome does not have.

    A part of the annotation would otherwise be dropped without a word: all of it, when one side says `chr1` and the
    other `1`.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID, with numbers and names of both sides.
    """
    grouped = annotation.by_chromosome()
    absent = [name for name in grouped if name not in lengths]
    if not absent:
        return
    lost = sum(len(grouped[name]) for name in absent)
    details: dict[str, Detail] = {
        "transcripts": len(annotation.transcripts),
        "transcripts_without_sequence": lost,
        "chromosomes_absent": len(absent),
        "absent": examples(absent),
        "genome": examples(lengths),
    }
    here, there = ", ".join(absent[:3]), ", ".join(list(lengths)[:3])
    raise invalid(
        f"{lost} of {len(annotation.transcripts)} transcripts of {annotation.file} lie on chromosomes that {genome} "
        f"does not have ({here}; the genome has {there}). {_advice(absent, lengths)}",
        **details,
    )


def _advice(absent: list[str], lengths: Mapping[str, int]) -> str:
    if any(f"chr{name}" in lengths or name.removeprefix("chr") in lengths.keys() - {name} for name in absent):
        return "One side has the prefix 'chr' and the other has not: take genome and annotation from one source."
    return "Take the annotation that was made for this genome file (GENCODE: PRI with the primary assembly)."


def _check_inside(chromosome: str, length: int, name: str, transcript: Transcript, annotation: Annotation) -> None:
    end = max(last for _, last in transcript.exons)
    if end > length:
        raise invalid(
            f"{annotation.file}: {name} ends at base {end} of {chromosome}, which has {length} bases in the genome. "
            "The annotation was made for another genome build.",
            transcript=name,
            chromosome=chromosome,
            end=end,
            length=length,
        )


def copy_transcripts(paths: Sequence[Path], transcripts: Path, annotation: Annotation | None, cut: Cut) -> None:
    """Append transcriptomes uncompressed, with ids for headers, and say in `cut` what was written.

    Transcripts on haplotypes and patches that the annotation does not have are left out: Ensembl's cDNA has them,
    its GTF of the chromosomes has not, and their reads belong to the gene's copy on the chromosome.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID when a transcript occurs twice, or none is left.
    """
    copies = par.copies_on_y(annotation) if annotation else {}
    known = annotation.fasta_names() if annotation else {}
    regions = {_plain(each.chromosome) for each in annotation.transcripts.values()} if annotation else set()
    seen, sequences = set[str](cut.transcripts), dict[bytes, str]()
    with transcripts.open("ab") as joined:
        for record in (record for path in paths for record in records_of(path)):
            name = record.name.partition("|")[0]
            if name in seen:
                raise _twice(paths, name)
            seen.add(name)
            if par.is_copy(name) or name in copies or known.get(name) in copies:
                cut.par_copies += 1
            elif regions and record.region and name not in known and _plain(record.region) not in regions:
                cut.left_out.append(name)
            else:
                cut.masked += not record.sequence.strip(b"N")
                cut.transcripts.append(name)
                write_record(joined, Record(name, record.sequence))
                if annotation is None and len(record.sequence) >= _SHORTEST_TWIN:
                    _note_twin(name, record.sequence, sequences, cut)
    if not cut.transcripts:
        raise invalid(f"{_names(paths)} holds no transcript that the annotation has, outside of chromosome Y's copies.")


def _plain(chromosome: str) -> str:
    """Return a chromosome's name as Ensembl writes it, whose headers may stand beside an annotation of GENCODE."""
    name = chromosome.removeprefix("chr")
    return "MT" if name == "M" else name


_SHORTEST_TWIN = 300
"""Bases: small RNAs share sequences and names, and are many genes."""


def _note_twin(name: str, sequence: bytes, sequences: dict[bytes, str], cut: Cut) -> None:
    first = sequences.setdefault(hashlib.blake2b(sequence, digest_size=16).digest(), name)
    if first != name:
        cut.twins[name] = first
