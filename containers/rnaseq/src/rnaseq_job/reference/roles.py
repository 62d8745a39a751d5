"""What each FASTA file of a reference is: its sequences' names say it, whatever it is called.

`Homo_sapiens.GRCh38.ncrna.fa.gz` is a transcriptome, and taken for a genome it would be decoys that swallow the reads
of its own transcripts; `rna.fna` and `mrna.fa` likewise; a gentrome holds both (docs/decisions.md#genomics-26).
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from rnaseq_job.reference.annotation import Annotation
from rnaseq_job.reference.sequences import header_of, records_of, write_record
from rnaseq_job.reference.source import invalid, reading

_SPIKE_IN = re.compile(r"ERCC[-_]\d{5}|SIRV\w*|(?P<sequin>R[12]_\d+)_\d+")
"""Controls that are added to samples: NIST's ERCC, Lexogen's SIRVs, Garvan's sequins (`R1_101_1`: gene R1_101)."""

_OF_TRANSCRIPT = re.compile(
    r"(?:ENS[A-Z]*T\d|[NX][MR]_)|\S+ (?:cdna|ncrna|cds|mrna)\b|\S*_(?:mrna|cds)_", re.IGNORECASE
)
_OF_CHROMOSOME = re.compile(r"\S+ dna(?:_sm|_rm)?:|(?:N[CTW]_|CM0|GL0|KI2|chr)", re.IGNORECASE)
"""How headers of the archives begin (Ensembl, RefSeq, GenBank, UCSC)."""

_TRANSCRIPTOME = re.compile(
    r"(?:^|[._-])(?:transcripts?|transcriptome|cdna|ncrna|rna|mrna|cds)(?:[._-]|$)", re.IGNORECASE
)
_NO_TRANSCRIPT: Final = 1_000_000
"""Bases of a sequence that is no transcript; the longest known of man has a third of that."""


class Role(StrEnum):
    """What a file is to the reference."""

    GENOME = "genome"
    TRANSCRIPTOME = "transcriptome"
    GENTROME = "gentrome"
    """Transcripts, and behind them the genome for decoys, as salmon's manual joins them."""
    SPIKE_INS = "spike-ins"


@dataclass(frozen=True)
class KnownNames:
    """What sequences may be called."""

    transcripts: Collection[str]
    """As the annotation or the table has them, with and without version."""
    chromosomes: Collection[str]
    """As the annotation has them."""

    def is_transcript(self, name: str) -> bool:
        """Whether a sequence is a transcript of the annotation or table."""
        return name.partition("|")[0] in self.transcripts

    def is_chromosome(self, name: str) -> bool:
        """Whether a sequence is where transcripts of the annotation lie, and none itself."""
        return name in self.chromosomes and not self.is_transcript(name)


@dataclass
class Sequences:
    """The FASTA files of a reference by their roles."""

    genomes: list[Path] = field(default_factory=list)
    transcriptomes: list[Path] = field(default_factory=list)
    spike_ins: list[Path] = field(default_factory=list)


def is_spike_in(name: str) -> bool:
    """Return whether a transcript is a control, which is a gene of its own in any annotation."""
    return _SPIKE_IN.fullmatch(name) is not None


def is_chromosome_name(name: str) -> bool:
    """Return whether archives call chromosomes so (`chr1`, `1`, `MT`, `NC_000001.11`)."""
    return bool(_OF_CHROMOSOME.match(name) or re.fullmatch(r"\d{1,2}|[XYZW]|MT?", name))


def gene_of_spike_in(name: str) -> str:
    """Return the gene of a control without an annotation: itself, or of a sequin its gene."""
    found = _SPIKE_IN.fullmatch(name)
    return (found["sequin"] if found else None) or name


def known_names(annotation: Annotation | None, table: Iterable[str]) -> KnownNames:
    """Return the names of an annotation and of a table of transcripts."""
    if annotation is None:
        return KnownNames(frozenset(table), frozenset())
    chromosomes = frozenset(transcript.chromosome for transcript in annotation.transcripts.values())
    return KnownNames(annotation.fasta_names().keys() | frozenset(table), chromosomes)


def sort_sequences(paths: Sequence[Path], known: KnownNames, work: Path) -> Sequences:
    """Sort the FASTA files of a reference by what they hold; a gentrome is split into two files in `work`.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID for what is not FASTA.
    """
    found = Sequences()
    places = {
        Role.GENOME: found.genomes,
        Role.TRANSCRIPTOME: found.transcriptomes,
        Role.SPIKE_INS: found.spike_ins,
    }
    strange = list[Path]()
    for path in paths:
        role, is_known = role_of(path, known)
        if role is Role.GENTROME:
            transcripts, genome = _split(path, known, work)
            found.transcriptomes.append(transcripts)
            found.genomes.append(genome)
            continue
        places[role].append(path)
        if role is Role.GENOME and not is_known:
            strange.append(path)
    if known.chromosomes:
        _check_genomes(found.genomes, strange)
    return found


def _check_genomes(genomes: Sequence[Path], strange: Sequence[Path]) -> None:
    """Reject a second genome beside the annotation's: as decoys it would take reads that are the first one's."""
    known_ones = [path.name for path in genomes if path not in strange]
    if strange and known_ones:
        raise invalid(
            f"{strange[0].name} holds no chromosome of the annotation, and {known_ones[0]} is a genome, too. "
            "Keep one genome in one folder.",
            files=[path.name for path in genomes],
        )


def role_of(path: Path, known: KnownNames) -> tuple[Role, bool]:
    """Return the role of a FASTA file, and whether it holds a chromosome of the annotation.

    The names of its sequences decide; where the annotation knows none of them, how archives write headers does, then
    the length of the longest sequence, and the file's own name last.
    """
    headers, longest = _scan(path, known)
    names = [header.split(maxsplit=1)[0] for header in headers]
    has_transcripts = any(map(known.is_transcript, names))
    if any(map(known.is_chromosome, names)):
        return (Role.GENTROME if has_transcripts else Role.GENOME), True
    if names and all(map(is_spike_in, names)):
        return Role.SPIKE_INS, False
    if has_transcripts:
        return Role.TRANSCRIPTOME, False
    return _guess(headers, longest, path.name), False


def _scan(path: Path, known: KnownNames) -> tuple[list[str], int]:
    """Return the headers of a file and the length of its longest sequence; of a genome the first header is enough."""
    headers, length, longest = list[str](), 0, 0
    with reading(path) as file:
        for line in file:
            if not line.startswith(b">"):
                length += len(line)
                longest = max(longest, length)
                continue
            headers.append(header_of(line, path))
            length = 0
            if len(headers) == 1 and known.is_chromosome(headers[0].split(maxsplit=1)[0]):
                break
    return headers, longest


def _guess(headers: Sequence[str], longest: int, name: str) -> Role:
    for pattern, role in ((_OF_TRANSCRIPT, Role.TRANSCRIPTOME), (_OF_CHROMOSOME, Role.GENOME)):
        if any(map(pattern.match, headers)):
            return role
    if longest < _NO_TRANSCRIPT and _TRANSCRIPTOME.search(name):
        return Role.TRANSCRIPTOME
    return Role.GENOME


def _split(path: Path, known: KnownNames, work: Path) -> tuple[Path, Path]:
    """Write the transcripts and the genome of a gentrome as two files; what is neither follows what it stands behind.

    Headers stay whole: Ensembl's say which transcripts lie on a haplotype that the annotation lacks.
    """
    parts = work / f"transcripts of {path.name}.fa", work / f"genome of {path.name}.fa"
    with parts[0].open("wb") as transcripts, parts[1].open("wb") as genome:
        target = transcripts
        for record in records_of(path):
            if known.is_transcript(record.name):
                target = transcripts
            elif known.is_chromosome(record.name):
                target = genome
            write_record(target, record, record.header)
    return parts
