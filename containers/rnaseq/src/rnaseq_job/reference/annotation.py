"""Annotations (GTF), and GENCODE's ids of pseudo-autosomal copies on Y: `ENST…_PAR_Y`, until release 24 `ENSTR…`."""

import re
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from rnaseq_job.reference.source import examples, invalid, lines_of

_SUFFIX = "_PAR_Y"
_OLD = re.compile(r"ENS([TG])R(?=\d{10})")


def is_copy(name: str) -> bool:
    """Return whether a transcript or gene id is that of the copy on Y.

    Examples
    --------
    >>> is_copy("ENST00000381192.10_PAR_Y"), is_copy("ENSTR0000381192.3"), is_copy("ENST00000381192.10")
    (True, True, False)
    """
    return name.endswith(_SUFFIX) or _OLD.match(name) is not None


def original(name: str) -> str:
    """Return the id of the copy on X.

    Examples
    --------
    >>> original("ENSG00000002586.20_PAR_Y"), original("ENSGR0000002586.13")
    ('ENSG00000002586.20', 'ENSG00000002586.13')
    """
    return _OLD.sub(r"ENS\g<1>0", name.removesuffix(_SUFFIX), count=1)


_COLUMNS = 9


def _attribute(name: str) -> re.Pattern[str]:
    return re.compile(rf'(?:^|[;\s]){name} "([^"]*)"')


_TRANSCRIPT_ID, _GENE_ID = _attribute("transcript_id"), _attribute("gene_id")

_GENE_NAME, _SYMBOL = _attribute("gene_name"), _attribute("gene")
"""Ensembl and GENCODE write `gene_name`, RefSeq `gene`."""

_VERSION = _attribute("transcript_version")


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


@dataclass
class Annotation:
    """What a GTF file says."""

    file: str
    """Its name, for messages."""
    transcripts: dict[str, Transcript] = field(default_factory=dict)
    """By id, in the order of the file."""
    gene_names: dict[str, str] = field(default_factory=dict)
    """Symbols by gene id; genes without one are absent."""

    def by_chromosome(self) -> dict[str, list[str]]:
        """Return transcript ids by chromosome."""
        grouped: dict[str, list[str]] = {}
        for name, transcript in self.transcripts.items():
            grouped.setdefault(transcript.chromosome, []).append(name)
        return grouped


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
            if columns[2] in ("exon", "gene"):
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
    symbol = _value(_GENE_NAME, attributes) or _value(_SYMBOL, attributes)
    if symbol:
        annotation.gene_names.setdefault(gene, symbol)
    if columns[2] == "exon":
        _add_exon(annotation, path, number, columns, gene)


def _add_exon(annotation: Annotation, path: Path, number: int, columns: list[str], gene: str) -> None:
    chromosome, strand, attributes = columns[0], columns[6], columns[8]
    name = _value(_TRANSCRIPT_ID, attributes)
    if not name or _has_blank(name):
        raise _broken(path, number, "an exon without a usable transcript_id")
    if strand not in "+-":
        raise _broken(path, number, f"transcript {name} has no strand")
    exon = _interval(path, number, columns)
    known = annotation.transcripts.get(name)
    if known is None:
        version = _value(_VERSION, attributes)
        annotation.transcripts[name] = Transcript(gene, version, chromosome, strand, [exon])
    elif (known.gene_id, known.chromosome, known.strand) != (gene, chromosome, strand):
        raise _broken(path, number, f"transcript {name} lies on two chromosomes or strands, or in two genes")
    else:
        known.exons.append(exon)


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
    if any(after[0] <= before[1] for before, after in pairwise(ordered)):
        raise invalid(
            f"{path.name}: exons of {name} overlap, so its sequence is not defined. Remove the repeated lines.",
            file=path.name,
            transcript=name,
            exons=examples(f"{start}-{end}" for start, end in ordered),
        )


def _broken(path: Path, number: int, problem: str) -> Exception:
    return invalid(f"{path.name}, line {number}: {problem}.", file=path.name, line=number)
