"""Pseudo-autosomal genes: annotated on X and again on Y, with one sequence, so no read tells which copy it is of.

Annotations say so in four ways. GENCODE until release 24: `ENSTR…`; until 43: `…_PAR_Y`; from 44 on, as Ensembl from
110 on: ids of their own and `tag "PAR"` on both copies. RefSeq and iGenomes: one symbol, and a gene id that ends in a
number (`CD99_1`, `AKAP17A-2`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from rnaseq_job.reference.annotation import Annotation

_SUFFIX = "_PAR_Y"
_OLD = re.compile(r"ENS([TG])R(?=\d{10})")

_X = re.compile(r"(chr)?X|(?:NC_000023|NC_060947|NC_000086|CM000685|CP068255|CM001013)\.\d+", re.IGNORECASE)
_Y = re.compile(r"(chr)?Y|(?:NC_000024|NC_060948|NC_000087|CM000686|CP086569|CM001014)\.\d+", re.IGNORECASE)
"""Names of the chromosomes: UCSC and Ensembl; RefSeq and GenBank of man (GRCh37, GRCh38, T2T) and mouse."""

_NUMBERED = re.compile(r"[_-]\d+$")


def is_copy(name: str) -> bool:
    """Return whether a transcript or gene id itself says that it is the copy on Y.

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


def copies_on_y(annotation: Annotation) -> dict[str, str]:
    """Return the transcripts on Y that are copies, each with the id of the gene on X.

    A gene on Y is a copy when a gene on X has its symbol (or its id without the number at its end) and the annotation
    tags it, numbers it, or gives both a transcript with exons of the same lengths. Two genes that only share a name, as
    small RNAs do, stay two.
    """
    on_x = _genes_on(_X, annotation)
    named = {annotation.gene_names.get(gene, gene): gene for gene in on_x}
    return {
        transcript: twin
        for gene, transcripts in _genes_on(_Y, annotation).items()
        if (twin := _twin(gene, annotation, on_x, named)) is not None
        and _is_same_gene(gene, twin, annotation, transcripts, on_x[twin])
        for transcript in transcripts
    }


def _genes_on(chromosome: re.Pattern[str], annotation: Annotation) -> dict[str, list[str]]:
    genes: dict[str, list[str]] = {}
    for name, transcript in annotation.transcripts.items():
        if chromosome.fullmatch(transcript.chromosome):
            genes.setdefault(transcript.gene_id, []).append(name)
    return genes


def _twin(gene: str, annotation: Annotation, on_x: Mapping[str, object], named: Mapping[str, str]) -> str | None:
    """Return the gene on X that may be the same."""
    plain = _NUMBERED.sub("", gene)
    candidates = (gene, original(gene), plain, named.get(annotation.gene_names.get(gene, gene)), named.get(plain))
    return next((candidate for candidate in candidates if candidate in on_x), None)


def _is_same_gene(
    gene: str, twin: str, annotation: Annotation, transcripts: Iterable[str], others: Iterable[str]
) -> bool:
    if is_copy(gene) or gene in annotation.tagged_par:
        return True
    symbol = annotation.gene_names.get(twin, twin)
    if gene != symbol and _NUMBERED.sub("", gene) in {twin, symbol}:
        return True
    return bool(set(_structures(annotation, transcripts)) & set(_structures(annotation, others)))


def _structures(annotation: Annotation, transcripts: Iterable[str]) -> Iterator[tuple[int, ...]]:
    """Yield the exon lengths of transcripts that have more than one exon, along the chromosome."""
    for name in transcripts:
        exons = sorted(annotation.transcripts[name].exons)
        if len(exons) > 1:
            yield tuple(last - first for first, last in exons)
