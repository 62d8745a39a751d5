"""The values of a panel of genes, from the tables of a quantified case."""

import math
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from multimodal.genomics.groups import gene_feature
from multimodal.ledger.errors import BadInputError, Reason

Id = TypeVar("Id", bound=Hashable)

GENES_HEADER = ("Name", "Length", "EffectiveLength", "TPM", "NumReads")
"""Columns of `quant.genes.sf`, DRAGEN's and salmon's alike."""

TRANSCRIPTS_HEADER = ("transcript_id", "gene_id", "gene_name")


@dataclass(frozen=True)
class PanelValues:
    """Values of a panel."""

    values: Mapping[str, float]
    """Feature name → log2(value + 1); a gene that is not in the table has none."""
    missing: tuple[str, ...]
    ambiguous: tuple[str, ...]
    """Genes that the annotation or the table lacks, and symbols of several genes (whose values were summed)."""

    def features(self) -> dict[str, float | int]:
        """Return the record's features of the panel."""
        return {**self.values, "genes_missing": len(self.missing), "genes_ambiguous": len(self.ambiguous)}


def gene_ids(panel: Collection[str], transcripts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the sorted gene ids of each of a panel's entries, none for those that the annotation lacks.

    Parameters
    ----------
    panel : collection of str
        Gene ids exactly as the annotation writes them, or symbols. An entry that is an id is never read as a symbol,
        but where ids are symbols (RefSeq): then genes of that symbol at other loci (`HLA-A_1`) are its, too.
    transcripts : iterable of str
        Lines `transcript_id, gene_id, gene_name` of the reference, tab separated.
    """
    wanted, ids, by_symbol = set(panel), set[str](), dict[str, set[str]]()
    for line in transcripts:
        cells = line.rstrip("\r\n").split("\t")
        if len(cells) < 2 or tuple(cells[:2]) == TRANSCRIPTS_HEADER[:2]:
            continue
        if cells[1] in wanted:
            ids.add(cells[1])
        if len(cells) > 2 and cells[2] in wanted:
            by_symbol.setdefault(cells[2], set()).add(cells[1])
    named = {gene: by_symbol.get(gene, set()) for gene in panel}
    return {gene: (gene,) if gene in ids - named[gene] else tuple(sorted(named[gene])) for gene in panel}


def read_tpm(table: Iterable[str], wanted: Collection[str] | None) -> dict[str, float]:
    """Read the TPM of some gene ids, or (None) of all, from the lines of `quant.genes.sf`, which are never held.

    Raises
    ------
    BadInputError
        `FEATURES_INVALID` when it is another table, or a value is no number of at least zero.
    """
    lines = iter(table)
    if tuple(next(lines, "").rstrip("\r\n").split("\t")) != GENES_HEADER:
        message = f"the gene table does not begin with {' '.join(GENES_HEADER)}; deploy matching versions, then retry"
        raise BadInputError(Reason.FEATURES_INVALID, message)
    found: dict[str, float] = {}
    for line in lines:
        name, _, rest = line.partition("\t")
        if wanted is None or name in wanted:
            if name in found:
                raise BadInputError(Reason.FEATURES_INVALID, f"the gene table names {name} more than once")
            found[name] = _tpm(name, rest)
    return found


def _tpm(name: str, rest: str) -> float:
    try:
        value = float(rest.split("\t")[2])
    except (ValueError, IndexError):
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise BadInputError(Reason.FEATURES_INVALID, f"the gene table has no TPM for {name}; run the case again")
    return value


def log2_of_sum(values: Sequence[float]) -> float:
    """Return log2(sum + 1) of values on their linear scale."""
    return math.log2(math.fsum(values) + 1)


def panel_values(
    panel: Sequence[str],
    ids: Mapping[str, Sequence[Id]],
    values: Mapping[Id, float],
    feature: Callable[[str], str] = gene_feature,
    combine: Callable[[Sequence[float]], float] = log2_of_sum,
) -> PanelValues:
    """Return the panel's values as log2(value + 1).

    Several ids of one symbol are summed and reported; a gene without any value is reported and never zero.

    Parameters
    ----------
    panel : sequence of str
    ids : mapping
        Gene → what its values are found by in `values`.
    values : mapping
        What was measured; an id without a value is not in it.
    feature : callable
        Gene → name of its feature.
    combine : callable
        The values of a gene → its feature.
    """
    found, missing, ambiguous = {}, [], []
    for gene in panel:
        present = [values[i] for i in ids.get(gene, ()) if i in values]
        if not present:
            missing.append(gene)
            continue
        if len(ids[gene]) > 1:
            ambiguous.append(gene)
        found[feature(gene)] = combine(present)
    return PanelValues(found, tuple(missing), tuple(ambiguous))
