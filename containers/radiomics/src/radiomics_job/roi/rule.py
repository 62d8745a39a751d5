"""Which regions are measured: by label or property code, never by guessing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from radiomics_job.errors import Detail, InvalidJobError, ReasonCode, StudyRejectedError


class RoiPolicy(StrEnum):
    """What to do when several regions match."""

    SINGLE = "single"  # refuse: ROI_AMBIGUOUS
    UNION = "union"  # one region made of all
    EACH = "each"  # every region by itself; the largest is the primary one
    LARGEST = "largest"  # the largest among those that match a pattern


class Labelled(Protocol):
    """Anything that can be chosen: a segment or a contour set."""

    @property
    def label(self) -> str:
        """Name of the region."""
        ...

    @property
    def property_code(self) -> str:
        """``<scheme>:<value> <meaning>``; empty when absent."""
        ...


Candidate = TypeVar("Candidate", bound=Labelled)


@dataclass(frozen=True)
class RoiRule:
    """How a dataset chooses its regions.

    Parameters
    ----------
    label : str or None
        Regular expression that a region's label must contain.
    property_code : str or None
        Regular expression on ``<scheme>:<value> <meaning>`` of the segmented property type.
    policy : RoiPolicy
        What to do when several match.
    """

    label: str | None = None
    property_code: str | None = None
    policy: RoiPolicy = RoiPolicy.SINGLE

    @property
    def has_pattern(self) -> bool:
        """Whether anything narrows the choice."""
        return self.label is not None or self.property_code is not None

    def matches(self, candidate: Labelled) -> bool:
        """Tell whether a region satisfies every pattern that is set."""
        return (self.label is None or bool(re.search(self.label, candidate.label))) and (
            self.property_code is None or bool(re.search(self.property_code, candidate.property_code))
        )


@dataclass(frozen=True)
class Choice(Generic[Candidate]):
    """The regions that were chosen and what becomes of them."""

    chosen: tuple[Candidate, ...]
    policy: RoiPolicy


def read_rule(settings: Mapping[str, object]) -> RoiRule:
    """Read a rule from ``job.json``.

    Raises
    ------
    InvalidJobError
        When a pattern is not a regular expression or the policy is unknown.
    """
    patterns = [settings.get("label"), settings.get("property_code")]
    for pattern in patterns:
        if pattern is not None:
            _check_pattern(pattern)
    try:
        policy = RoiPolicy(str(settings.get("policy") or "single"))
    except ValueError as error:
        allowed = ", ".join(RoiPolicy)
        raise InvalidJobError(f"roi.policy: expected one of {allowed}, found {settings.get('policy')!r}") from error
    label, code = (None if pattern is None else str(pattern) for pattern in patterns)
    return RoiRule(label, code, policy)


def _check_pattern(pattern: object) -> None:
    try:
        re.compile(str(pattern))
    except re.error as error:
        raise InvalidJobError(f"roi: {pattern!r} is not a regular expression: {error}") from error


def choose(candidates: Sequence[Candidate], rule: RoiRule) -> Choice[Candidate]:
    """Choose the regions to measure.

    Parameters
    ----------
    candidates : sequence
        All segments or contour sets of the study.
    rule : RoiRule
        The dataset's rule. A lone region needs none.

    Raises
    ------
    StudyRejectedError
        ``ROI_NOT_FOUND`` or ``ROI_AMBIGUOUS``, with the counts and the labels.
    """
    matching = tuple(candidate for candidate in candidates if rule.matches(candidate))
    labels: list[Detail] = [*(candidate.label for candidate in candidates[:50])]
    if not matching:
        raise StudyRejectedError(
            ReasonCode.ROI_NOT_FOUND,
            "No segmented region matches the dataset's pattern. Correct the pattern (roi.label, roi.property_code) or "
            "the labels.",
            {"regions": len(candidates), "matching": 0, "labels": labels},
        )
    if len(matching) == 1:
        return Choice(matching, RoiPolicy.SINGLE)
    if rule.policy is RoiPolicy.SINGLE or (rule.policy is RoiPolicy.LARGEST and not rule.has_pattern):
        raise StudyRejectedError(
            ReasonCode.ROI_AMBIGUOUS,
            "Several segmented regions match. Set roi.label or roi.property_code in the dataset's configuration, or "
            "choose the policy union, each, or (with a pattern) largest.",
            {"regions": len(candidates), "matching": len(matching), "labels": labels},
        )
    return Choice(matching, rule.policy)
