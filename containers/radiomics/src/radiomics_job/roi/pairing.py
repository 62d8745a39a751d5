"""The regions that a study offers, whatever kind of object they come from."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pydicom.dataset import Dataset

from radiomics_job.dicom.reading import PARSER_ERRORS, StudyFiles, strict_parsing, unreadable_files
from radiomics_job.dicom.series import CtSeries
from radiomics_job.dicom.sources import References, segmentation_references, structure_set_references
from radiomics_job.errors import Detail, ReasonCode, StudyRejectedError
from radiomics_job.geometry.grid import Grid
from radiomics_job.limits import Limits
from radiomics_job.roi.placement import PlacedMask, lies_on, place_segment
from radiomics_job.roi.rtstruct import ContourSet, contours_lie_on, rasterise, read_structure_set
from radiomics_job.roi.segmentation import Segmentation, read_segmentation

LABEL_LENGTH = 256
"""Characters of a label that are kept: DICOM allows 64, damaged files hold megabytes, and results repeat labels."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A region that can be chosen and then placed on a CT's grid."""

    label: str
    property_code: str
    """What the choice goes by."""
    source: str
    """`SEG` or `RTSTRUCT`."""
    source_uid: str
    """SOPInstanceUID of the object."""
    number: int
    """Segment or ROI number."""
    references: References
    """What the object was drawn on."""
    fits: Callable[[CtSeries], bool]
    """Tells whether the object's own geometry lies on a CT series."""
    place: Callable[[Grid], PlacedMask]
    """Puts the region on a grid."""


def list_candidates(
    files: StudyFiles, sources: Sequence[str], limits: Limits, fractional_threshold: float
) -> list[Candidate]:
    """List the regions of the first kind of object that the study has.

    Parameters
    ----------
    sources : sequence of str
        `SEG` and `RTSTRUCT` in order of preference.
    fractional_threshold : float
        Share of MaximumFractionalValue from which a pixel of a FRACTIONAL segmentation belongs to the region.

    Raises
    ------
    StudyRejectedError
        `NO_SEGMENTATION`, `EMPTY_MASK` when the objects describe no region, `UNREADABLE_DICOM`.
    """
    for source in sources:
        datasets = files.segmentations if source == "SEG" else files.structure_sets
        if datasets:
            return _candidates(source, datasets, limits, fractional_threshold)
    raise StudyRejectedError(
        ReasonCode.NO_SEGMENTATION,
        "The study has a CT but no DICOM segmentation. Upload the SEG (or RTSTRUCT) object with it.",
        {"ct_images": len(files.ct), "segmentations": 0, "other_objects": files.other},
    )


def _candidates(source: str, datasets: Sequence[Dataset], limits: Limits, threshold: float) -> list[Candidate]:
    found: list[Candidate] = []
    unreadable = []
    for dataset in datasets:
        try:
            with strict_parsing():
                found += _of_object(source, dataset, limits, threshold)
        except PARSER_ERRORS:
            unreadable.append(str(dataset.filename))
    if unreadable:
        raise unreadable_files(unreadable)
    if not found:
        raise StudyRejectedError(
            ReasonCode.EMPTY_MASK,
            "The segmentation describes no region. Upload a segmentation with the region drawn.",
            {"objects": len(datasets), "regions": 0, "voxels": 0},
        )
    return sorted(found, key=lambda candidate: (candidate.source_uid, candidate.number))


def _of_object(source: str, dataset: Dataset, limits: Limits, threshold: float) -> list[Candidate]:
    if source == "SEG":
        return list(_of_segmentation(read_segmentation(dataset, limits), limits, threshold))
    return list(_of_structure_set(dataset, read_structure_set(dataset, limits)))


def _of_segmentation(segmentation: Segmentation, limits: Limits, threshold: float) -> Iterator[Candidate]:
    references = segmentation_references(segmentation.dataset)
    for segment in segmentation.segments:
        yield Candidate(
            label=segment.label[:LABEL_LENGTH],
            property_code=segment.property_code[:LABEL_LENGTH],
            source="SEG",
            source_uid=segmentation.uid,
            number=segment.number,
            references=references,
            fits=partial(lies_on, segmentation),
            place=partial(_place, segmentation, segment.number, limits, threshold),
        )


def _place(segmentation: Segmentation, segment: int, limits: Limits, threshold: float, grid: Grid) -> PlacedMask:
    try:
        return place_segment(segmentation, segment, grid, limits, threshold)
    except PARSER_ERRORS as error:
        raise unreadable_files([segmentation.name]) from error


def _of_structure_set(dataset: Dataset, regions: Sequence[ContourSet]) -> Iterator[Candidate]:
    references = structure_set_references(dataset)
    for region in regions:
        yield Candidate(
            label=region.label[:LABEL_LENGTH],
            property_code=region.property_code[:LABEL_LENGTH],
            source="RTSTRUCT",
            source_uid=str(dataset.get("SOPInstanceUID") or ""),
            number=region.number,
            references=references,
            fits=partial(contours_lie_on, region),
            place=partial(rasterise, region),
        )


@dataclass(frozen=True, eq=False)
class Pairing:
    """The CT that was chosen for a segmentation, and why."""

    ct: CtSeries
    """The chosen series."""
    method: str
    """`referenced_series`, `referenced_instances`, `frame_of_reference`, `geometry`."""
    referenced: int
    found: int
    """CT instances that the segmentation references, and how many of them are here; both 0 without references."""
    frame_of_reference_matches: bool | None
    """None when either side does not state one."""

    def describe(self, candidates: int) -> dict[str, Detail]:
        """Say what was taken and why, for `qc.json`."""
        return {
            "method": self.method,
            "ct_series_candidates": candidates,
            "referenced_instances": self.referenced,
            "found_instances": self.found,
            "frame_of_reference_matches": self.frame_of_reference_matches,
        }


def pair(
    references: References, candidates: Sequence[CtSeries], fits: Callable[[CtSeries], bool], least_found: float = 1.0
) -> Pairing:
    """Choose the CT series of a segmentation.

    Parameters
    ----------
    fits : callable
        Tells whether the segmentation's own geometry lies on a series' slices; asked last.
    least_found : float
        Share of the referenced CT instances that must be present.

    Raises
    ------
    StudyRejectedError
        `SEG_REFERENCES_OTHER_SERIES`, `INCOMPLETE_STUDY`, `CT_AMBIGUOUS` or `GEOMETRY_MISMATCH`.
    """
    if references.series or references.instances:
        ct, method = _by_reference(references, candidates)
    else:
        ct, method = _by_space(references, candidates, fits)
    found = len(references.instances & ct.instance_uids)
    referenced = len(references.instances) if found or references.series else 0
    if found < least_found * referenced:
        raise incomplete(referenced, found)
    return Pairing(ct, method, referenced, found, _same_frame(references, ct))


def incomplete(referenced: int, found: int) -> StudyRejectedError:
    """Build the rejection for CT instances that are not there (yet)."""
    return StudyRejectedError(
        ReasonCode.INCOMPLETE_STUDY,
        f"The segmentation references {referenced} CT images, {found} of them are here. Upload the rest.",
        {"referenced": referenced, "found": found},
    )


def _by_reference(references: References, candidates: Sequence[CtSeries]) -> tuple[CtSeries, str]:
    named = [ct for ct in candidates if ct.uid in references.series]
    if named:
        return _most_referenced(references, named), "referenced_series"
    sharing = [ct for ct in candidates if references.instances & ct.instance_uids]
    if sharing:
        return _most_referenced(references, sharing), "referenced_instances"
    raise StudyRejectedError(
        ReasonCode.SEG_REFERENCES_OTHER_SERIES,
        "The segmentation was drawn on a CT series that is not in this study. Upload that series with it.",
        {
            "referenced": len(references.instances),
            "found": 0,
            "referenced_series": len(references.series),
            "ct_series": len({ct.uid for ct in candidates}),
        },
    )


def _most_referenced(references: References, candidates: Sequence[CtSeries]) -> CtSeries:
    """Of several groups (a series may hold several orientations), the one that holds most referenced images."""
    if len(candidates) == 1:
        return candidates[0]
    counts = [sum(ct.instance_uid in references.instances for ct in group.slices) for group in candidates]
    if not any(counts):
        counts = [len(group.slices) for group in candidates]
    best = [group for group, count in zip(candidates, counts, strict=True) if count == max(counts)]
    if len(best) > 1:
        raise _ambiguous(best)
    return best[0]


def _by_space(
    references: References, candidates: Sequence[CtSeries], fits: Callable[[CtSeries], bool]
) -> tuple[CtSeries, str]:
    frame = references.frame_of_reference_uid
    same = [ct for ct in candidates if frame and ct.frame_of_reference_uid == frame]
    if len(same) == 1:
        return same[0], "frame_of_reference"
    fitting = [ct for ct in (same or candidates) if fits(ct)]
    if len(fitting) == 1:
        return fitting[0], "geometry"
    if fitting or same:
        raise _ambiguous(fitting or same)
    raise StudyRejectedError(
        ReasonCode.GEOMETRY_MISMATCH,
        "The segmentation names no CT, shares no frame of reference with one and lies on none's slices. "
        "Export it with references to its CT series.",
        {"ct_series": len(candidates)},
    )


def _ambiguous(candidates: Sequence[CtSeries]) -> StudyRejectedError:
    return StudyRejectedError(
        ReasonCode.CT_AMBIGUOUS,
        "Several CT series fit the segmentation and nothing says which it was drawn on. Upload only that series, or "
        "export the segmentation with a reference to it.",
        {"ct_series": len(candidates), "slices": [len(ct.slices) for ct in candidates]},
    )


def _same_frame(references: References, ct: CtSeries) -> bool | None:
    if not references.frame_of_reference_uid or not ct.frame_of_reference_uid:
        return None
    return references.frame_of_reference_uid == ct.frame_of_reference_uid
