"""Annotations (GTF)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise
from pathlib import Path

from rnaseq_job.reference.source import examples, invalid, lines_of

_COLUMNS = 9

LONGEST_INTRON = 5_000_000
"""The longest known ones of man have about 1.2 million bases."""


def _attribute(name: str) -> re.Pattern[str]:
    return re.compile(rf'(?:^|[;\s]){name} "([^"]*)"')


_TRANSCRIPT_ID, _GENE_ID = _attribute("transcript_id"), _attribute("gene_id")

_GENE_NAME, _SYMBOL = _attribute("gene_name"), _attribute("(?:gene|gene_symbol|ref_gene_name)")
"""Ensembl and GENCODE write `gene_name`, RefSeq `gene`, FlyBase `gene_symbol`, StringTie `ref_gene_name`."""

_OF_TRANSCRIPT = re.compile(r"ENS[A-Z]*T\d{11}|[NX][MR]_\d{6}|uc\d{3}[a-z]{3}\.\d")
"""Ids of transcripts, which UCSC's Table Browser writes for those of genes, too."""

_UNKNOWN = "unknown_transcript"
"""What NCBI calls the transcript of any gene for which it has none (those of mitochondria, tRNA, immune segments)."""

_VERSION = _attribute("transcript_version")
_EXON_NUMBER = re.compile(r'(?:^|[;\s])exon_number "?(\d+)')


@dataclass(slots=True)
class Transcript:
    """One transcript of the annotation."""

    gene_id: str
    """As in the annotation."""
    version: str
    """Ensembl's `transcript_version`; empty where the annotation has none or keeps it in the id."""
    chromosome: str
    """As in the annotation."""
    strand: str
    """`+` or `-`."""
    exons: list[tuple[int, int]]
    """First and last base, counted from 1, both included; in the order of the file."""
    numbers: set[str] = field(default_factory=set)
    """The exons' `exon_number`."""


@dataclass
class Annotation:
    """What a GTF file says."""

    file: str
    """Its name, for messages."""
    transcripts: dict[str, Transcript] = field(default_factory=dict)
    """By id, in the order of the file."""
    gene_names: dict[str, str] = field(default_factory=dict)
    """Symbols by gene id; genes without one are absent."""
    tagged_par: set[str] = field(default_factory=set)
    """Ids of genes with `tag "PAR"`."""
    loci: dict[str, list[str]] = field(default_factory=dict)
    """Ids given to the places of a transcript id that lies at several: `NM_1`, `NM_1_dup1`, …"""
    renamed: str = ""
    """A transcript id that several genes share and that was told apart by them."""

    def by_chromosome(self) -> dict[str, list[str]]:
        """Return transcript ids by chromosome."""
        grouped: dict[str, list[str]] = {}
        for name, transcript in self.transcripts.items():
            grouped.setdefault(transcript.chromosome, []).append(name)
        return grouped

    def fasta_names(self) -> dict[str, str]:
        """Return how a FASTA file may call each transcript, and its id: with Ensembl's version behind a dot, too."""
        items = self.transcripts.items()
        return {f"{name}.{item.version}": name for name, item in items if item.version} | {
            n: n for n in self.transcripts
        }

    def joined(self, other: "Annotation") -> "Annotation":
        """Return both as one: a genome's and that of spike-ins.

        Raises
        ------
        InputRejectedError
            REFERENCE_INVALID when both annotate the same gene: they are two versions of one annotation.
        """
        genes, others = ({t.gene_id for t in each.transcripts.values()} for each in (self, other))
        both = sorted(genes & others) or sorted(self.transcripts.keys() & other.transcripts.keys())
        if both:
            raise invalid(
                f"{self.file} and {other.file} both annotate {both[0]}. Keep one annotation in one folder.",
                files=[self.file, other.file],
                shared=len(both),
            )
        return Annotation(
            f"{self.file}, {other.file}",
            self.transcripts | other.transcripts,
            self.gene_names | other.gene_names,
            self.tagged_par | other.tagged_par,
            self.loci | other.loci,
            self.renamed or other.renamed,
        )


def read_annotations(paths: Sequence[Path]) -> Annotation | None:
    """Read the exons of several GTF files of different genes as one annotation; None without any."""
    return reduce(Annotation.joined, map(read_annotation, paths)) if paths else None


def read_annotation(path: Path) -> Annotation:
    """Read the exons of a GTF file.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID when the file is damaged, is no GTF, has no exon, or contradicts itself.
    """
    annotation = Annotation(path.name)
    for number, line in lines_of(path):
        if line and not line.startswith("#"):
            columns = line.split("\t")
            if len(columns) != _COLUMNS:
                raise _broken(path, number, f"{len(columns)} columns instead of 9; expected GTF, not GFF3 or BED")
            if columns[2] in ("exon", "gene", "transcript"):
                _add_line(annotation, path, number, columns)
    if not annotation.transcripts:
        raise invalid(f"{path.name} has no exon with a transcript_id. Upload the annotation as GTF.", file=path.name)
    for name, transcript in annotation.transcripts.items():
        _check_exons(path, name, transcript)
    return annotation


def _add_line(annotation: Annotation, path: Path, number: int, columns: list[str]) -> None:
    attributes = columns[8]
    gene = _value(_GENE_ID, attributes)
    if not gene:
        hint = "; expected GTF, not GFF3" if "=" in attributes else ""
        raise _broken(path, number, f"no gene_id{hint}")
    if _has_blank(gene):
        raise _broken(path, number, f"the gene_id {gene!r} holds a blank, at which salmon would cut it")
    if _OF_TRANSCRIPT.match(gene):
        raise _broken(
            path,
            number,
            f"the gene_id {gene!r} is a transcript's, as UCSC's Table Browser writes it, so values would be of "
            "transcripts; take the GTF from UCSC's bigZips/genes folder, or GENCODE's",
        )
    symbol = _value(_GENE_NAME, attributes) or _value(_SYMBOL, attributes)
    if symbol:
        annotation.gene_names.setdefault(gene, symbol)
    if 'tag "PAR"' in attributes:
        annotation.tagged_par.add(gene)
    if columns[2] == "exon":
        _add_exon(annotation, path, number, columns, gene)


def _add_exon(annotation: Annotation, path: Path, number: int, columns: list[str], gene: str) -> None:
    chromosome, strand, attributes = columns[0], columns[6], columns[8]
    name = _value(_TRANSCRIPT_ID, attributes)
    if not name or _has_blank(name):
        raise _broken(path, number, "an exon without a usable transcript_id")
    if strand not in "+-":
        raise _broken(path, number, f"transcript {name} has no strand")
    if name.startswith(_UNKNOWN):
        annotation.renamed, name = name, f"{gene}_{name}"
    exon = _interval(path, number, columns)
    place = (gene, chromosome, strand)
    transcript = _at_its_place(annotation, name, place, _value(_EXON_NUMBER, attributes), _value(_VERSION, attributes))
    if transcript.gene_id != gene:
        raise _broken(path, number, f"transcript {name} lies in two genes")
    transcript.exons.append(exon)


def _at_its_place(
    annotation: Annotation, name: str, place: tuple[str, str, str], exon_number: str, version: str
) -> Transcript:
    """Return the transcript that an exon belongs to; of a transcript id at several places, that of its place.

    UCSC's tables have such ids: a gene's copies, and genes on X and Y. Another place begins on another chromosome or
    strand, or where a number of an exon comes again.
    """
    known = annotation.transcripts.get(annotation.loci.get(name, [name])[-1])
    is_there = known is not None and (known.chromosome, known.strand) == place[1:]
    if known is not None and is_there and not (exon_number and exon_number in known.numbers):
        found = known
    else:
        found = Transcript(place[0], version, place[1], place[2], [])
        ids = annotation.loci.setdefault(name, [])
        ids.append(name if not ids else f"{name}_dup{len(ids)}")
        annotation.transcripts[ids[-1]] = found
    if exon_number:
        found.numbers.add(exon_number)
    return found


def _interval(path: Path, number: int, columns: list[str]) -> tuple[int, int]:
    start, end = columns[3], columns[4]
    if not (start.isdecimal() and end.isdecimal() and 1 <= int(start) <= int(end)):
        raise _broken(path, number, f"start {start!r} and end {end!r} are no interval")
    return int(start), int(end)


def _has_blank(name: str) -> bool:
    return any(letter.isspace() for letter in name)


def _value(pattern: re.Pattern[str], attributes: str) -> str:
    found = pattern.search(attributes)
    return found[1] if found else ""


def _check_exons(path: Path, name: str, transcript: Transcript) -> None:
    ordered = sorted(transcript.exons)
    if any(after[0] - before[1] > LONGEST_INTRON for before, after in pairwise(ordered)):
        raise invalid(
            f"{path.name}: {name} lies at places more than {LONGEST_INTRON:,} bases apart, without exon_number. "
            "Take the annotation with exon numbers, or give each place an id of its own.",
            file=path.name,
            transcript=name,
        )
    if any(after[0] <= before[1] for before, after in pairwise(ordered)):
        raise invalid(
            f"{path.name}: exons of {name} overlap, so its sequence is not defined. Remove the repeated lines.",
            file=path.name,
            transcript=name,
            exons=examples(f"{start}-{end}" for start, end in ordered),
        )


def _broken(path: Path, number: int, problem: str) -> Exception:
    return invalid(f"{path.name}, line {number}: {problem}.", file=path.name, line=number)
