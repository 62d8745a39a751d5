"""Train, validation and test by a hash of the case.

The part of a case follows from its id and the dataset's name alone. So it never changes: not when the cohort grows, not
when a censored patient dies, not between two builds. And because the hash knows nothing of event or cohort, every
stratum is cut at the same thresholds and has the same expected shares; how they came out is counted in the manifest.
Exact shares within strata and parts that never change exclude each other once cases are added. Decision: dataset-4.
"""

import re
from collections import Counter
from collections.abc import Iterable

from multimodal.dataset.request import Shares

PARTS = ("train", "validation", "test")

_DIGITS = 13
"""Hexadecimal digits of the hash that count: 52 bits, exact in a double."""


def thresholds(shares: Shares) -> tuple[str, str]:
    """Return the first digits of the hash at which training and validation end."""
    return _digits(shares.train), _digits(shares.train + shares.validation)


def _digits(share: float) -> str:
    return f"{min(round(share * 16**_DIGITS), 16**_DIGITS - 1):0{_DIGITS}x}"


def split_sql(dataset: str, case: str, shares: Shares) -> str:
    """Return the part of a case as an expression of DuckDB's SQL.

    Parameters
    ----------
    dataset : str
        Name of the dataset; letters, digits and `_`.
    case : str
        The column with the case's id.
    shares : Shares
        Expected shares.
    """
    train, validation = thresholds(shares)
    digits = f"substr(sha256('{dataset}/' || {case}), 1, {_DIGITS})"
    return (
        f"CASE WHEN {digits} < '{train}' THEN 'train' WHEN {digits} < '{validation}' THEN 'validation' ELSE 'test' END"
    )


def count_strata(rows: Iterable[tuple[str, str, int | None]], cohort: str | None) -> dict[str, dict[str, int]]:
    """Count the parts within each stratum of cohort and event.

    Parameters
    ----------
    rows : iterable of (str, str, int or None)
        Case, part and event.
    cohort : str, optional
        Regular expression whose match at the beginning of an id names the cohort.

    Returns
    -------
    dict
        Stratum (such as `R01, event 1`) → part → cases.
    """
    counts: dict[str, Counter[str]] = {}
    for case, part, event in rows:
        found = re.match(cohort, case) if cohort else None
        names = ([found[0]] if found else []) + [f"event {'unknown' if event is None else event}"]
        counts.setdefault(", ".join(names), Counter())[part] += 1
    return {stratum: {part: counts[stratum][part] for part in PARTS} for stratum in sorted(counts)}
