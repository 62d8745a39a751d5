"""The regions that a study offers, whatever kind of object they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pydicom.dataset import Dataset

from radiomics_job.errors import ReasonCode, StudyRejectedError
from radiomics_job.geometry import Grid
from radiomics_job.limits import Limits
from radiomics_job.placement import PlacedMask, lies_on, place_segment
from radiomics_job.reading import PARSER_ERRORS, StudyFiles, strict_parsing, unreadable_files
from radiomics_job.references import References, segmentation_references, structure_set_references
from radiomics_job.rtstruct import ContourSet, contours_lie_on, rasterise, read_structure_set
from radiomics_job.segmentation import Segmentation, read_segmentation
from radiomics_job.series import CtSeries

LABEL_LENGTH = 256
"""Characters of a label that are kept: DICOM allows 64, damaged files hold megabytes, and results repeat labels."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A region that can be chosen and then placed on a CT's grid.

    Parameters
    ----------
    label, property_code : str
        What the choice goes by.
    source : str
        ``SEG`` or ``RTSTRUCT``.
    source_uid : str
        SOPInstanceUID of the object.
    number : int
        Segment or ROI number.
    references : References
        What the object was drawn on.
    fits : callable
        Tells whether the object's own geometry lies on a CT series.
    place : callable
        Puts the region on a grid.
    """

    label: str
    property_code: str
    source: str
    source_uid: str
    number: int
    references: References
    fits: Callable[[CtSeries], bool]
    place: Callable[[Grid], PlacedMask]


def list_candidates(
    files: StudyFiles, sources: Sequence[str], limits: Limits, fractional_threshold: float
) -> list[Candidate]:
    """List the regions of the first kind of object that the study has.

    Parameters
    ----------
    files : StudyFiles
        The study.
    sources : sequence of str
        ``SEG`` and ``RTSTRUCT`` in order of preference.
    limits : Limits
        Frame, voxel and contour budgets.
    fractional_threshold : float
        Share of MaximumFractionalValue from which a pixel of a FRACTIONAL segmentation belongs to the region.

    Raises
    ------
    StudyRejectedError
        ``NO_SEGMENTATION``, ``EMPTY_MASK`` when the objects describe no region, ``UNREADABLE_DICOM``.
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
