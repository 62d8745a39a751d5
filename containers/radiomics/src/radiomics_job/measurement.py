"""The chosen regions on the CT's grid, each with its numbers, its QC findings and its features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radiomics_job.dicom.series import SliceStack
from radiomics_job.errors import Detail, ReasonCode, StudyRejectedError
from radiomics_job.features.extract import FeatureResult, extract_features
from radiomics_job.geometry.grid import FRAME_TOLERANCE_FRACTION, Intensity, rounded, slice_normal, with_holes_drawn_on
from radiomics_job.parameters import Params
from radiomics_job.quality.checks import Finding, describe_mask, refusal
from radiomics_job.roi.pairing import Pairing
from radiomics_job.roi.placement import PlacedMask, empty_mask
from radiomics_job.roi.rtstruct import CONTOUR_PLANE_TOLERANCE
from radiomics_job.roi.rule import Candidate, RoiPolicy

MOST_RUNS = 4
"""Times that a region may begin anew along an uneven stack: several lesions, but not every other slice."""

PlacedRegion: TypeAlias = tuple[tuple[Candidate, ...], PlacedMask]
"""A region on the CT's grid and the segments it is made of: several for the policy union."""


@dataclass(frozen=True, eq=False)
class MeasuredRoi:
    """A region on the CT's grid with its numbers and features."""

    label: str
    source: str
    source_uid: str
    """Of the segment, or of the first when several were united."""
    segment_number: int | None
    """None for a union."""
    placed: PlacedMask
    """The mask."""
    numbers: dict[str, Detail]
    """From `radiomics_job.quality.checks.describe_mask`."""
    features: FeatureResult
    """Every feature, or its reason."""
    findings: tuple[Finding, ...] = ()
    """The limits that this region passed."""

    @property
    def status(self) -> str:
        """`accept`, `warn` or `refuse`."""
        if refusal(self.findings) is not None:
            return "refuse"
        return "warn" if self.findings else "accept"

    @property
    def warnings(self) -> list[Detail]:
        """The codes of the findings."""
        return [str(finding.warning) for finding in self.findings]

    def with_findings(self, findings: Sequence[Finding]) -> Self:
        """Return the region with its findings; a refused region has no features."""
        refused = refusal(findings)
        if refused is None:
            return replace(self, findings=tuple(findings))
        reason = f"{refused.code}: {refused.details['check']} is beyond the parameter file's limit"
        nothing = FeatureResult(dict.fromkeys(self.features.values), dict.fromkeys(self.features.values, reason))
        return replace(self, findings=tuple(findings), features=nothing)


def place_regions(
    chosen: Sequence[Candidate], policy: RoiPolicy, stack: SliceStack, pairing: Pairing
) -> list[PlacedRegion]:
    """Place the chosen regions and apply the policy; the primary region, the largest, comes first.

    Raises
    ------
    StudyRejectedError
        When a region cannot be placed; `CT_AMBIGUOUS` when an uneven stack holds slices that it was not drawn on.
    """
    placed: list[PlacedRegion] = [((candidate,), _placed(candidate, stack, pairing)) for candidate in chosen]
    if policy is RoiPolicy.UNION:
        union = np.logical_or.reduce([mask.mask for _, mask in placed])
        methods = sorted({mask.method for _, mask in placed})
        residual = max(mask.residual_mm for _, mask in placed)
        facts = united_facts([mask.facts for _, mask in placed])
        return [(tuple(chosen), PlacedMask(np.asfortranarray(union), "+".join(methods), residual, facts))]
    by_size = sorted(_distinct(placed), key=lambda item: -int(np.count_nonzero(item[1].mask)))
    return by_size[:1] if policy is RoiPolicy.LARGEST else by_size


def _distinct(placed: Sequence[PlacedRegion]) -> list[PlacedRegion]:
    """Take one lesion once: a copy of an object, exported again with other bytes or another UID, has its voxels."""
    kept: list[PlacedRegion] = []
    for (candidate,), mask in placed:
        if not any(_named_alike(candidate, other) and np.array_equal(mask.mask, them.mask) for (other,), them in kept):
            kept.append(((candidate,), mask))
    return kept


def _named_alike(one: Candidate, other: Candidate) -> bool:
    return one.label == other.label or (one.source_uid, one.number) == (other.source_uid, other.number)


def united_facts(facts: Sequence[Mapping[str, Detail]]) -> dict[str, Detail]:
    """Give the facts of a union: the largest of numbers, every differing text."""
    united: dict[str, Detail] = {}
    for name in dict.fromkeys(name for each in facts for name in each):
        values = [each[name] for each in facts if each.get(name) is not None]
        if values and all(isinstance(value, int | float) for value in values):
            united[name] = max(values, key=float)  # type: ignore[arg-type]  # numbers, as just seen
        elif values and all(isinstance(value, dict) for value in values):
            united[name] = {key: value for each in values for key, value in each.items()}  # type: ignore[union-attr]
        else:
            united[name] = "+".join(sorted({str(value) for value in values})) or None
    return united


def _placed(candidate: Candidate, stack: SliceStack, pairing: Pairing) -> PlacedMask:
    placed = candidate.place(stack.grid)
    beside = _beside_named_images(candidate, stack)
    if beside is not None:
        placed = placed.with_facts(frame_reference_distance_mm=rounded(beside))
    if not placed.mask.any():  # drawn on slices that are nearest to no slice of the resampled grid
        raise empty_mask(slices=len(stack.slices), grid_slices=stack.grid.shape[2])
    if stack.grid.acquired_k is not None:
        _check_one_acquisition(candidate, stack)
        _check_stripes(placed)
        if pairing.found < pairing.referenced:
            _check_holes(candidate, placed, stack)
    return placed


def _beside_named_images(candidate: Candidate, stack: SliceStack) -> float | None:
    """Give the largest distance between a frame's or contour's plane and the nearest CT image that it names.

    Returns
    -------
    float or None
        Millimetres, 0 when within tolerance; None when no frame names an image of this CT.
    """
    normal = slice_normal(stack.slices[0].orientation)
    along: dict[str, dict[int, float]] = {}
    for ct in stack.slices:
        for uid in ct.uids:
            along.setdefault(uid, {})[ct.frame + 1] = float(ct.position @ normal)
    farthest = None
    for frame in candidate.references.frames:
        named = [place for uid in frame.images for place in _of_frames(along.get(uid, {}), frame.numbers.get(uid))]
        if named:
            nearest = min(abs(float(frame.position @ normal) - place) for place in named)
            farthest = max(farthest or 0.0, nearest)
    share = CONTOUR_PLANE_TOLERANCE if candidate.source == "RTSTRUCT" else FRAME_TOLERANCE_FRACTION
    tolerance = share * float(np.median(stack.gaps_mm))
    return farthest if farthest is None or farthest > tolerance else 0.0


def _of_frames(places: Mapping[int, float], numbers: frozenset[int] | None) -> list[float]:
    """Give the places of the frames of an image that are meant: of all where none of those numbered is here."""
    return [places[number] for number in numbers or () if number in places] or [*places.values()]


def _check_one_acquisition(candidate: Candidate, stack: SliceStack) -> None:
    """Refuse an uneven stack in which slices that the object's series does not list lie between those it does.

    They may be another phase; taken for slices without a mask they would cut the region into stripes.
    """
    if not candidate.references.series:  # images named frame by frame: those without a frame are not named
        return
    named = [bool(ct.uids & candidate.references.instances) for ct in stack.slices]
    inside = named[named.index(True) : len(named) - named[::-1].index(True)] if any(named) else []
    if not all(inside):
        raise _two_acquisitions(slices=len(named), referenced=sum(named), unreferenced=len(inside) - sum(inside))


def _check_stripes(placed: PlacedMask) -> None:
    """Refuse a region that comes and goes many times along an uneven stack: slices of two phases take turns."""
    drawn = np.atleast_1d(placed.mask.any(axis=(0, 1)))
    runs = int(np.count_nonzero(np.diff(drawn.astype(np.int8), prepend=0) == 1))
    if runs > MOST_RUNS:
        raise _two_acquisitions(slices=len(drawn), runs=runs, limit=MOST_RUNS)


def _two_acquisitions(**details: int) -> StudyRejectedError:
    return StudyRejectedError(
        ReasonCode.CT_AMBIGUOUS,
        "The CT series is uneven and seems to hold two acquisitions, of which the segmentation was drawn on one. "
        "Upload only the images that it was drawn on.",
        details,
    )


def _check_holes(candidate: Candidate, placed: PlacedMask, stack: SliceStack) -> None:
    """Refuse to guess at a hole when images are missing that the segmentation references.

    Nobody knows whether a slice was there to be drawn on (then it is empty) or not (then it takes a neighbour's mask).
    """
    if not np.array_equal(placed.mask, candidate.place(with_holes_drawn_on(stack.grid)).mask):
        raise StudyRejectedError(
            ReasonCode.INCOMPLETE_STUDY,
            "CT images that the segmentation references are missing where the region is, and it has no frame there. "
            "Upload them.",
            {"slices": len(stack.slices), "grid_slices": stack.grid.shape[2]},
        )


def measure_region(region: PlacedRegion, volume: NDArray[Intensity], stack: SliceStack, params: Params) -> MeasuredRoi:
    """Compute a region's numbers and features.

    Raises
    ------
    StudyRejectedError
        `FEATURES_FAILED` when the extractor refuses the region as a whole.
    """
    members, placed = region
    try:
        features = extract_features(volume, placed.mask, stack.grid.affine, params)
    except ValueError as error:
        raise StudyRejectedError(
            ReasonCode.FEATURES_FAILED,
            "The feature extractor refused the region. Look at the segmentation; report it if it looks right.",
            {"voxels": int(np.count_nonzero(placed.mask)), "extractor": str(error)[:200]},
        ) from error
    first = members[0]
    return MeasuredRoi(
        label=" + ".join(member.label for member in members),
        source=first.source,
        source_uid=first.source_uid,
        segment_number=first.number if len(members) == 1 else None,
        placed=placed,
        numbers=describe_mask(placed, volume, stack),
        features=features,
    )


def label_volume(masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.uint8] | NDArray[np.int16]:
    """Number the regions 1..n; where they overlap, the one nearer to the primary wins."""
    if len(masks) == 1:
        return masks[0].view(np.uint8)
    labels = np.zeros(masks[0].shape, np.uint8 if len(masks) <= np.iinfo(np.uint8).max else np.int16, order="F")
    for index in reversed(range(len(masks))):
        labels[masks[index]] = index + 1
    return labels


def overlap(masks: Sequence[NDArray[np.bool_]]) -> bool:
    """Tell whether any voxel belongs to two regions, so that one volume of numbers cannot show them all."""
    if len(masks) < 2:
        return False
    seen = np.zeros_like(masks[0])
    for mask in masks:
        if (seen & mask).any():
            return True
        seen |= mask
    return False
