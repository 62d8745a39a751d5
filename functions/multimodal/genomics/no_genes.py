"""Columns and rows of a matrix that are no genes: what describes the cases, sums over all genes, reads that fit none.

Taken for genes, an age would hide that all values are logarithms, and a total would double what the values add up to.
"""

import re

NAMES_CASES = re.compile(
    r"(?:tumou?r[ _.-]?)?(?:case|patient|subject|sample|participant|individual|donor|specimen|aliquot|model|barcode"
    r"|cell[ _.-]?line)[ _.-]?(?:id|no|name|code|barcode)?$",
    re.IGNORECASE,
)
"""What a column of cases is called, that of a list of mutations (`Tumor_Sample_Barcode`) included."""

_IS_ID = re.compile(r"(?:^|[ _.-])(?:id|pid|barcode)$", re.IGNORECASE)

_OF_READS = re.compile(
    r"N_(unmapped|multimapping|noFeature|ambiguous)|__(no_feature|ambiguous|too_low_aQual|not_aligned"
    r"|alignment_not_unique)"
)
"""STAR's and HTSeq's counts of reads that are of no gene."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_OF_MANY = _words("batch cohort dataset project site center centre institution plate platform flowcell")
"""Words of columns for what many cases have in common, its number included (`batch_id`)."""

_OF_CASES = _OF_MANY | _words(
    """
    age sex gender race ethnicity stage grade status survival vital death deceased event time days weeks months years
    year date followup smoking smoker packyears histology histological diagnosis morphology study
    subtype cluster treatment treated therapy chemotherapy radiotherapy response responder
    relapse recurrence progression bmi height weight ecog karnofsky pfs dfs rfs tissue condition purity ploidy
    """
)
"""Words of columns that describe cases; no symbol of a gene is one of them."""

_OF_ALL_GENES = _words(
    """
    total totals sum sums grandtotal totalcount totalcounts totalreads librarysize libsize ncountrna nfeaturerna
    ncounts ngenes totaltpm mappedreads assignedreads sizefactor sizefactors normfactor normfactors percentmt
    """
)

_WORD = re.compile(r"(?:[A-Z]+(?![a-z])|[A-Z]?[a-z]+)\d*")


def names_case(name: str) -> bool:
    """Whether a column is called as one that names the case; a `batch_id` is of many."""
    return bool(NAMES_CASES.match(name) or (_IS_ID.search(name) and _OF_MANY.isdisjoint(_words_of(name))))


def _words_of(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def is_of_reads(name: str) -> bool:
    """Whether a row or column counts reads that are of no gene."""
    return bool(_OF_READS.fullmatch(name))


def is_no_gene(name: str) -> bool:
    """Whether a row or column is called as no gene is.

    Examples
    --------
    >>> is_no_gene("age_at_diagnosis"), is_no_gene("Library.Size"), is_no_gene("BMI1")
    (True, True, False)
    """
    if name.isupper() and (name.startswith("ENSG") or (name.isalnum() and name[-1].isdigit())):
        return False  # most names of a matrix: the rest costs time
    words = _words_of(name)
    return not _OF_CASES.isdisjoint(words) or "".join(words) in _OF_ALL_GENES or is_of_reads(name) or names_case(name)
