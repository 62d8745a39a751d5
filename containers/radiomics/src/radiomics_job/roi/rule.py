"""Which regions are measured: by label or property code, never by guessing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from radiomics_job.errors import Detail, InvalidJobError, ReasonCode, StudyRejectedError
from radiomics_job.parameters import explain, must, shown, wrong
from radiomics_job.roi.candidates import Candidate


class RoiPolicy(StrEnum):
    """What to do when several regions match."""

    SINGLE = "single"  # reject the study: ROI_AMBIGUOUS
    UNION = "union"  # one region made of all
    EACH = "each"  # every region by itself; the largest is the primary one
    LARGEST = "largest"  # the largest among those that match a pattern


def _pattern(value: object) -> str | None:
    try:
        return None if value is None else re.compile(str(value)).pattern
    except re.error as error:
        raise wrong(f"expected a regular expression, found {shown(value)}: {error}") from error


Pattern = Annotated[str | None, BeforeValidator(_pattern)]
Policy = Annotated[
    RoiPolicy,
    must(lambda value: value in [*RoiPolicy], f"one of {', '.join(RoiPolicy)}"),
    BeforeValidator(lambda value: value or "single"),  # runs first: null stands for the default
]


@dataclass(frozen=True)
class RoiRule:
    """How a dataset chooses its regions."""

    label: Pattern = None
    """Regular expression that a region's label must contain."""
    property_code: Pattern = None
    """Regular expression on `<scheme>:<value> <meaning>` of the segmented property type."""
    policy: Policy = RoiPolicy.SINGLE
    """What to do when several match."""
    object: Pattern = None
    """Regular expression on the object: SeriesDescription, ContentCreatorName, SeriesInstanceUID or SOPInstanceUID; or
    on the name of a mask file."""
    label_names: dict[int, str] = field(default_factory=dict)
    """What the values of a label map without a table are called."""

    @property
    def has_pattern(self) -> bool:
        """Whether anything narrows the choice."""
        return any(pattern is not None for pattern in (self.label, self.property_code, self.object))

    def matches(self, candidate: Candidate) -> bool:
        """Tell whether a region satisfies every pattern that is set."""
        searched = (
            (self.label, (candidate.full_label or candidate.label,)),
            (self.property_code, (candidate.property_code,)),
            (self.object, candidate.names),
        )
        return all(pattern is None or any(re.search(pattern, text) for text in texts) for pattern, texts in searched)


def read_rule(settings: Mapping[str, object]) -> RoiRule:
    """Read a rule from plain values.

    Raises
    ------
    InvalidJobError
        When a pattern is not a regular expression or the policy is unknown.
    """
    try:
        return TypeAdapter(RoiRule).validate_python(settings)
    except ValidationError as error:
        raise InvalidJobError(f"roi.{explain(error)}") from error


def choose(candidates: Sequence[Candidate], rule: RoiRule) -> tuple[tuple[Candidate, ...], RoiPolicy]:
    """Choose the regions to measure, and say what becomes of them; a lone drawn region needs no rule.

    Raises
    ------
    StudyRejectedError
        `EMPTY_MASK` when nothing that matches was drawn, `ROI_NOT_FOUND` or `ROI_AMBIGUOUS`, with counts and labels.
    """
    matching = [candidate for candidate in candidates if rule.matches(candidate)]
    drawn = tuple(candidate for candidate in matching if candidate.is_drawn())
    counts: dict[str, Detail] = {"regions": len(candidates), "matching": len(matching), "drawn": len(drawn)}
    counts["labels"] = [*(candidate.full_label or candidate.label for candidate in candidates[:50])]
    if len(drawn) == 1:
        return drawn, RoiPolicy.SINGLE
    if not candidates or (matching and not drawn):
        raise StudyRejectedError(
            ReasonCode.EMPTY_MASK,
            "The segmentation describes no region that was drawn. Upload a segmentation with the region drawn.",
            {**counts, "voxels": 0},
        )
    if not matching:
        raise StudyRejectedError(
            ReasonCode.ROI_NOT_FOUND,
            "No segmented region matches the dataset's pattern. Correct the pattern (roi.label, roi.property_code, "
            "roi.object) or the labels.",
            counts,
        )
    if rule.policy is RoiPolicy.SINGLE or (rule.policy is RoiPolicy.LARGEST and not rule.has_pattern):
        raise StudyRejectedError(
            ReasonCode.ROI_AMBIGUOUS,
            "Several segmented regions match. Set roi.label or roi.property_code (or, for several readers' objects, "
            "roi.object) in the dataset's configuration, or choose the policy union, each, or (with a pattern) "
            "largest.",
            counts,
        )
    return drawn, rule.policy
