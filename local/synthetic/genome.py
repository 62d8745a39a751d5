"""A small made-up genome: one chromosome, two dozen genes with exons and isoforms, as FASTA, GTF or transcriptome."""

import gzip
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

CHROMOSOME: Final = "chr1"

PANEL: Final = [
    "LRIG1", "HPGD", "GDF15", "CDH2", "POSTN", "VCAN", "PDGFRA", "VCAM1", "CD44", "CD48", "CD4", "LYL1",
    "SPI1", "CD37", "VIM", "LMO2", "EGR2", "BGN", "COL4A1", "COL5A1", "COL5A2",
]  # fmt: skip
"""The genes of the published NSCLC panel; their sequences here are random."""

OTHERS: Final = ("ACTB", "GAPDH", "TP53")
_BASES: Final = np.frombuffer(b"ACGT", dtype=np.uint8)
_COMPLEMENT: Final = bytes.maketrans(b"ACGT", b"TGCA")
_GAP, _INTRON = 400, 150
_LINE = 60


@dataclass(frozen=True)
class Transcript:
    """One transcript.

    Parameters
    ----------
    transcript_id, gene_id, gene_name : str
        Ensembl-like ids with versions, and the symbol.
    strand : str
        `+` or `-`.
    exons : tuple of (int, int)
        Start and end of each on the chromosome, from 0, end excluded, in the chromosome's order.
    sequence : bytes
        As it is transcribed, 5' to 3'.
    """

    transcript_id: str
    gene_id: str
    gene_name: str
    strand: str
    exons: tuple[tuple[int, int], ...]
    sequence: bytes


@dataclass(frozen=True)
class Genome:
    """A chromosome and what is transcribed from it."""

    chromosome: bytes
    transcripts: tuple[Transcript, ...]

    @property
    def genes(self) -> dict[str, str]:
        """Symbol of each gene by its id."""
        return {transcript.gene_id: transcript.gene_name for transcript in self.transcripts}


def make_genome(seed: int = 7) -> Genome:
    """Make the genome; the same seed gives the same bases.

    Examples
    --------
    >>> len(make_genome().genes)
    24
    """
    random = np.random.default_rng([seed, 1])
    position, plans = _GAP, []
    for number, name in enumerate([*PANEL, *OTHERS], start=1):
        exons, position = _exons(random, position)
        plans.append((number, name, "+-"[number % 2], exons))
    chromosome = _BASES[random.integers(0, 4, position)].tobytes()
    return Genome(chromosome, tuple(t for plan in plans for t in _transcripts(chromosome, *plan)))


def reverse_complement(sequence: bytes) -> bytes:
    """Return the other strand, 5' to 3'."""
    return sequence.translate(_COMPLEMENT)[::-1]


def write_transcriptome(genome: Genome, folder: Path) -> list[Path]:
    """Write `transcripts.fa.gz`, `transcripts.tsv` and `reference.json`.

    Returns
    -------
    list of Path
        The files.
    """
    fasta = b"".join(_fasta(t.transcript_id, t.sequence) for t in genome.transcripts)
    rows = ["transcript_id\tgene_id\tgene_name"]
    rows += [f"{t.transcript_id}\t{t.gene_id}\t{t.gene_name}" for t in genome.transcripts]
    files = {"transcripts.fa.gz": compressed(fasta), "transcripts.tsv": ("\n".join(rows) + "\n").encode()}
    return _write(folder, files)


def write_annotated_genome(genome: Genome, folder: Path) -> list[Path]:
    """Write `genome.fa.gz`, `annotation.gtf.gz` and `reference.json`.

    Returns
    -------
    list of Path
        The files.
    """
    lines = [line for transcript in genome.transcripts for line in _gtf_lines(transcript)]
    text = "##provider: simulated\n" + "".join(f"{line}\n" for line in lines)
    fasta = _fasta(CHROMOSOME, genome.chromosome)
    files = {"genome.fa.gz": compressed(fasta), "annotation.gtf.gz": compressed(text.encode())}
    return _write(folder, files)


def compressed(content: bytes) -> bytes:
    """Return gzip bytes that depend on the content alone."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=buffer, mode="wb", compresslevel=4, mtime=0) as stream:
        stream.write(content)
    return buffer.getvalue()


def _exons(random: np.random.Generator, position: int) -> tuple[list[tuple[int, int]], int]:
    """Return three or four exons from a position on, and where the next gene may begin."""
    exons = []
    for length in random.integers(250, 550, int(random.integers(3, 5))):
        exons.append((position, position + int(length)))
        position += int(length) + _INTRON
    return exons, position + _GAP


def _transcripts(
    chromosome: bytes, number: int, name: str, strand: str, exons: list[tuple[int, int]]
) -> list[Transcript]:
    """Return a gene's transcripts: every third gene also has one without its second exon."""
    isoforms = [exons, exons[:1] + exons[2:]] if number % 3 == 0 else [exons]
    gene_id = f"ENSG{number:011d}.{1 + number % 5}"
    found = []
    for index, chosen in enumerate(isoforms, start=1):
        spliced = b"".join(chromosome[start:end] for start, end in chosen)
        sequence = spliced if strand == "+" else reverse_complement(spliced)
        transcript_id = f"ENST{number * 10 + index:011d}.1"
        found.append(Transcript(transcript_id, gene_id, name, strand, tuple(chosen), sequence))
    return found


def _gtf_lines(transcript: Transcript) -> list[str]:
    start, end = transcript.exons[0][0], transcript.exons[-1][1]
    gene = f'gene_id "{transcript.gene_id}"; gene_type "protein_coding"; gene_name "{transcript.gene_name}";'
    own = f'{gene} transcript_id "{transcript.transcript_id}";'
    # A gene's line comes with its first transcript, which has all its exons.
    first = transcript.transcript_id.removeprefix("ENST").partition(".")[0].endswith("1")
    lines = [_gtf_line("gene", start, end, transcript.strand, gene)] if first else []
    lines.append(_gtf_line("transcript", start, end, transcript.strand, own))
    return lines + [_gtf_line("exon", *exon, transcript.strand, own) for exon in transcript.exons]


def _gtf_line(feature: str, start: int, end: int, strand: str, attributes: str) -> str:
    """Return a line of GTF, which counts from 1 and includes the end."""
    fields = [CHROMOSOME, "SIMULATED", feature, str(start + 1), str(end), ".", strand, ".", attributes]
    return "\t".join(fields)


def _fasta(name: str, sequence: bytes) -> bytes:
    lines = [sequence[start : start + _LINE] for start in range(0, len(sequence), _LINE)]
    return b"\n".join([f">{name}".encode(), *lines]) + b"\n"


def _write(folder: Path, files: dict[str, bytes]) -> list[Path]:
    about = {"genome": "simulated", "annotation": "simulated 1"}
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in {**files, "reference.json": json.dumps(about).encode()}.items():
        path = folder / name
        path.write_bytes(content)
        paths.append(path)
    return paths
