"""Scores of gene sets in one sample, by the ranks of their genes among all that were measured.

Source: singscore (Foroutan et al., BMC Bioinformatics 2018, 19:404), a set of genes that are expected to be up. A score
does not depend on other samples, so a case that comes later changes none, and not on the unit or a logarithm
(docs/decisions.md#genomics-42).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence


def set_feature(name: str) -> str:
    """Return the name of a set's feature."""
    return f"score_{name}"


def rank_score(members: Sequence[float], measured: Sequence[float]) -> float | None:
    """Return the mean rank of a set's genes, scaled between its lowest (-0.5) and highest possible one (0.5).

    Parameters
    ----------
    members : sequence of float
        Values of the set's genes; equal values share the mean of their ranks.
    measured : sequence of float
        Values of all genes, the set's included, in ascending order.

    Returns
    -------
    float or None
        None when there are no other genes to compare with.

    Examples
    --------
    >>> rank_score([8.0, 9.0], [0.0, 1.0, 2.0, 8.0, 9.0])
    0.5
    """
    count, genes = len(members), len(measured)
    if not 0 < count < genes:
        return None
    ranks = [(bisect_left(measured, value) + bisect_right(measured, value) + 1) / 2 for value in members]
    return (sum(ranks) / count - (count + 1) / 2) / (genes - count) - 0.5


def set_scores(
    sets: Mapping[str, Sequence[str]], values: Mapping[str, float], measured: Sequence[float]
) -> dict[str, float]:
    """Return the features of sets; a set of which fewer than half of the genes have a value has none.

    Parameters
    ----------
    sets : mapping
        Name → genes.
    values : mapping
        Gene → its value, of those that have one.
    measured : sequence of float
        Values of all genes of the sample, in any order.
    """
    ordered, found = sorted(measured), dict[str, float]()
    for name, genes in sets.items():
        members = [values[gene] for gene in genes if gene in values]
        score = rank_score(members, ordered) if 2 * len(members) >= len(genes) else None
        if score is not None:
            found[set_feature(name)] = score
    return found
