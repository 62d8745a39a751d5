"""What was declared about a library's strands against what its reads show.

Names are salmon's (and DRAGEN's): I for inward-facing pairs, then SF, SR or U for the strand of the first read; ``A``
leaves it to the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rnaseq_job.errors import Detail, InputRejectedError, InvalidJobError, ReasonCode

DETECT: Final = "A"
PAIRED_TYPES: Final = ("IU", "ISR", "ISF")
SINGLE_TYPES: Final = ("U", "SR", "SF")
LIBRARY_TYPES: Final = (DETECT, *PAIRED_TYPES, *SINGLE_TYPES)
STRANDEDNESSES: Final = ("auto", "forward", "reverse", "unstranded")

STRANDED_SHARE: Final = 0.7
"""From this share of one strand on, a library counts as stranded; the border that salmon's own detection uses."""

LOW_COMPATIBLE_RATIO: Final = 0.8
"""Below, a library's type is in doubt: other cDNA (contamination, genomic DNA) or a wrong declaration."""

_STRANDS = {"forward": "SF", "reverse": "SR", "unstranded": "U"}


@dataclass(frozen=True)
class LibraryReport:
    """What run.json says about the library.

    Parameters
    ----------
    declared : str
        As given; ``A`` for none.
    detected : str or None
        None when the engine does not say.
    compatible_fragment_ratio : float or None
        Share of mapped fragments that fit the type in use.
    conflict : bool
        Whether declared and detected differ.
    warnings : tuple of str
        Sentences for people.
    """

    declared: str
    detected: str | None
    compatible_fragment_ratio: float | None
    conflict: bool
    warnings: tuple[str, ...] = field(default=())


def declared_type(library_type: str | None, strandedness: str | None, paired: bool) -> str:
    """Give the engine's library type from the two ways to declare it.

    Raises
    ------
    InvalidJobError
        When both are given and differ.
    InputRejectedError
        FASTQ_LIST_INVALID when the type is one of pairs and the reads are single, or the reverse.
    """
    by_strand = _of_strandedness(strandedness, paired)
    if library_type and by_strand and library_type != by_strand:
        raise InvalidJobError(f"--library-type {library_type} and --strandedness {strandedness} contradict each other")
    declared = library_type or by_strand or DETECT
    if declared in (SINGLE_TYPES if paired else PAIRED_TYPES):
        raise InputRejectedError(
            ReasonCode.FASTQ_LIST_INVALID,
            f"Library type {declared} does not fit {'paired' if paired else 'single-end'} reads. Declare one of "
            f"{', '.join(PAIRED_TYPES if paired else SINGLE_TYPES)} or {DETECT}.",
            {"library_type": declared, "paired": paired},
        )
    return declared


def _of_strandedness(strandedness: str | None, paired: bool) -> str | None:
    if strandedness in (None, "auto"):
        return None
    return ("I" if paired else "") + _STRANDS[str(strandedness)]


def detect(counts: Mapping[str, int], paired: bool) -> tuple[str | None, float | None]:
    """Tell the library type from counts of mapped fragments by strand, and the share of the forward strand.

    Parameters
    ----------
    counts : mapping
        salmon's, of a run that took fragments of either strand: ``ISF``, ``ISR`` or ``SF``, ``SR``.
    paired : bool
        Whether the reads have mates; orphans (one mate mapped) are then left out.

    Returns
    -------
    str or None
        The type; None when nothing mapped.
    float or None
        Forward fragments / all fragments.

    Examples
    --------
    >>> detect({"ISF": 2, "ISR": 98}, paired=True)
    ('ISR', 0.02)
    """
    inward = "I" if paired else ""
    forward, reverse = counts.get(f"{inward}SF", 0), counts.get(f"{inward}SR", 0)
    if not forward + reverse:
        return None, None
    share = forward / (forward + reverse)
    if share >= STRANDED_SHARE:
        return f"{inward}SF", share
    return inward + ("SR" if share <= 1 - STRANDED_SHARE else "U"), share


def compatible_share(declared: str, forward_share: float) -> float:
    """Give the share of fragments that a declared type lets pass.

    Examples
    --------
    >>> compatible_share("ISR", 0.25)
    0.75
    """
    if declared.endswith("SF"):
        return forward_share
    return 1 - forward_share if declared.endswith("SR") else 1.0


def library_report(declared: str, detected: str | None, ratio: float | None) -> LibraryReport:
    """Compare declared with detected; differences warn, because the cohort's declaration may be right on purpose."""
    conflict = declared != DETECT and detected is not None and declared != detected
    warnings: list[str] = []
    if conflict:
        warnings.append(
            f"The library was declared {declared}, but its reads look like {detected}. Check the kit; a wrong "
            "declaration loses or misplaces reads."
        )
    if ratio is not None and ratio < LOW_COMPATIBLE_RATIO:
        warnings.append(
            f"Only {ratio:.0%} of the mapped fragments fit the library type; expect {LOW_COMPATIBLE_RATIO:.0%} or more."
        )
    return LibraryReport(declared, detected, ratio, conflict, tuple(warnings))


def as_json(report: LibraryReport) -> dict[str, Detail]:
    """Give the report as run.json holds it."""
    ratio = report.compatible_fragment_ratio
    return {
        "declared": report.declared,
        "detected": report.detected,
        "compatible_fragment_ratio": None if ratio is None else round(ratio, 6),
        "conflict": report.conflict,
        "warnings": list(report.warnings),
    }
