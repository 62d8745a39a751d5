"""The regions of a study's objects, and the rule by which a dataset chooses among them: never by guessing."""

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from functools import partial
from typing import Annotated

from pydantic import BeforeValidator, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydicom.dataset import Dataset

from radiomics_job.dicom.reading import PARSER_ERRORS, StudyFiles, strict_parsing, unreadable_files
from radiomics_job.dicom.references import CT_CLASSES, References, segmentation_references, structure_set_references
from radiomics_job.dicom.series import CtSeries
from radiomics_job.errors import Detail, InvalidJobError, ReasonCode, StudyRejectedError
from radiomics_job.geometry.grid import Grid
from radiomics_job.limits import Limits
from radiomics_job.parameters import explain, must, shown, wrong
from radiomics_job.roi.placement import PlacedMask, lies_on, place_segment
from radiomics_job.roi.rasterise import rasterise
from radiomics_job.roi.rtstruct import ContourSet, contours_lie_on, read_structure_set
from radiomics_job.roi.segmentation import Segment, Segmentation, read_segmentation

LABEL_LENGTH = 256
"""Characters of a label that are kept: DICOM allows 64, damaged files hold megabytes, and results repeat labels."""

_AREA_POINTS = 3
"""Fewer points enclose nothing, though they may name a lone voxel."""


@dataclasses.dataclass(frozen=True, eq=False)
class Candidate:
    """A region that can be chosen and then placed on a CT's grid."""

    label: str
    property_code: str
    """What the choice goes by."""
    names: tuple[str, ...]
    """What else an object is told apart by: its SeriesDescription, ContentCreatorName, series and instance UID."""
    source: str
    """`SEG`, `RTSTRUCT`, `NIFTI` or `NRRD`."""
    source_uid: str
    """SOPInstanceUID of the object; of a volume file a hash of its content."""
    number: int
    """Segment or ROI number; of a volume file without a segment table, the voxel value."""
    references: References
    """What the region was drawn on."""
    is_drawn: Callable[[], bool]
    """Tells whether anything was drawn: an empty segment, an ROI without contours or a marked point is no region."""
    fits: Callable[[CtSeries], bool]
    """Tells whether the object's own geometry lies on a CT series."""
    place: Callable[[Grid], PlacedMask]
    """Puts the region on a grid."""
    full_label: str = ""
    """What patterns are compared with where the label leaves out what may name a patient: the name of a mask file."""

    @property
    def is_volume(self) -> bool:
        """Whether it comes from a volume file, which names no image."""
        return self.source in ("NIFTI", "NRRD")


def list_candidates(
    files: StudyFiles,
    sources: Sequence[str],
    limits: Limits,
    fractional_threshold: float,
    classes: frozenset[str] = CT_CLASSES,
) -> Iterator[list[Candidate]]:
    """List the regions of each kind of object that the study has, in order of preference, each read when asked for.

    Parameters
    ----------
    sources : sequence of str
        `SEG` and `RTSTRUCT` in order of preference.
    fractional_threshold : float
        Share of MaximumFractionalValue from which a pixel of a FRACTIONAL segmentation belongs to the region.
    classes : frozenset of str
        SOP classes of the images that a region may be drawn on.

    Raises
    ------
    StudyRejectedError
        `NO_SEGMENTATION` when there is no such object, `UNREADABLE_DICOM`.
    """
    kinds = [(source, files.segmentations if source == "SEG" else files.structure_sets) for source in sources]
    if not any(datasets for _, datasets in kinds):
        raise StudyRejectedError(
            ReasonCode.NO_SEGMENTATION,
            "The study has a CT but no segmentation. Upload the SEG or RTSTRUCT object, or a mask as NIfTI or NRRD "
            "(for instance tumour_mask.nii.gz), with it.",
            {"ct_images": len(files.ct), "segmentations": 0, "other_objects": files.other},
        )
    for source, datasets in kinds:
        if datasets:
            yield _candidates(source, datasets, limits, fractional_threshold, classes)


def _candidates(
    source: str, datasets: Sequence[Dataset], limits: Limits, threshold: float, classes: frozenset[str]
) -> list[Candidate]:
    found: list[Candidate] = []
    unreadable = []
    for dataset in datasets:
        try:
            with strict_parsing():
                found += _of_object(source, dataset, limits, threshold, classes)
        except PARSER_ERRORS:
            unreadable.append(str(dataset.filename))
    if unreadable:
        raise unreadable_files(unreadable)
    return sorted(found, key=lambda candidate: (candidate.source_uid, candidate.number))


def _of_object(
    source: str, dataset: Dataset, limits: Limits, threshold: float, classes: frozenset[str]
) -> list[Candidate]:
    if source == "SEG":
        return list(_of_segmentation(read_segmentation(dataset, limits), limits, threshold, classes))
    return list(_of_structure_set(dataset, read_structure_set(dataset, limits), classes))


def _names(dataset: Dataset) -> tuple[str, ...]:
    keywords = ("SeriesDescription", "ContentCreatorName", "SeriesInstanceUID", "SOPInstanceUID")
    return tuple(str(dataset.get(keyword) or "")[:LABEL_LENGTH] for keyword in keywords)


def _of_segmentation(
    segmentation: Segmentation, limits: Limits, threshold: float, classes: frozenset[str]
) -> Iterator[Candidate]:
    undescribed = tuple(Segment(number, f"segment {number}", "") for number in segmentation.undescribed)
    for segment in (*segmentation.segments, *undescribed):
        frames = [(frame.index, frame.position) for frame in segmentation.frames_of(segment.number)]
        yield Candidate(
            label=segment.label[:LABEL_LENGTH],
            property_code=segment.property_code[:LABEL_LENGTH],
            names=_names(segmentation.dataset),
            source="SEG",
            source_uid=segmentation.uid,
            number=segment.number,
            references=segmentation_references(segmentation.dataset, frames, classes),
            is_drawn=partial(_is_drawn, segmentation, segment.number, threshold),
            fits=partial(lies_on, segmentation),
            place=partial(_place, segmentation, segment.number, limits, threshold),
        )


def _is_drawn(segmentation: Segmentation, segment: int, threshold: float) -> bool:
    try:
        return segmentation.is_drawn(segment, threshold)
    except PARSER_ERRORS as error:
        raise unreadable_files([segmentation.name]) from error


def _place(segmentation: Segmentation, segment: int, limits: Limits, threshold: float, grid: Grid) -> PlacedMask:
    try:
        placed = place_segment(segmentation, segment, grid, limits, threshold)
    except PARSER_ERRORS as error:
        raise unreadable_files([segmentation.name]) from error
    return placed.with_facts(regions_not_described=len(segmentation.undescribed))


def _of_structure_set(dataset: Dataset, regions: Sequence[ContourSet], classes: frozenset[str]) -> Iterator[Candidate]:
    enclosing = {region.number for region in regions if any(len(c.points) >= _AREA_POINTS for c in region.contours)}
    for region in regions:
        # Without any area in the object, one or two points may be the voxels of a tiny region.
        drawn = region.number in enclosing if enclosing else bool(region.contours)
        yield Candidate(
            label=region.label[:LABEL_LENGTH],
            property_code=region.property_code[:LABEL_LENGTH],
            names=_names(dataset),
            source="RTSTRUCT",
            source_uid=str(dataset.get("SOPInstanceUID") or ""),
            number=region.number,
            references=structure_set_references(dataset, region.images, classes, region.frame_of_reference_uid),
            is_drawn=partial(bool, drawn),
            fits=partial(contours_lie_on, region),
            place=partial(rasterise, region),
        )


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
