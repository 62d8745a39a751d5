"""A PET's regions: those drawn on it, else those of the CT it shares a frame of reference with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from radiomics_job.dicom.reading import PARSER_ERRORS, StudyFiles
from radiomics_job.dicom.references import PET_CLASSES
from radiomics_job.dicom.series import CtSeries, SliceStack
from radiomics_job.dicom.suv import SuvScale, impossible, suv_scale
from radiomics_job.errors import ReasonCode, StudyRejectedError
from radiomics_job.geometry.grid import rounded
from radiomics_job.limits import Limits
from radiomics_job.measurement import MeasuredRoi, PlacedRegion, place_regions
from radiomics_job.parameters import Params
from radiomics_job.pet.series import pet_series, stack_suv
from radiomics_job.roi.pairing import Pairing, pair
from radiomics_job.roi.placement import PlacedMask, sample_onto
from radiomics_job.roi.rule import Candidate, RoiPolicy, RoiRule, choose, list_candidates
from radiomics_job.study_image import StudyImage


@dataclass(frozen=True, eq=False)
class CtRegions:
    """The regions of a study's CT, on its grid."""

    stack: SliceStack
    regions: Sequence[PlacedRegion]


@dataclass(frozen=True)
class PetTask:
    """How a PET is measured."""

    params: Params
    rule: RoiRule
    limits: Limits
    surgery_date: date | None = None


def measure_pet(files: StudyFiles, task: PetTask, ct: CtRegions | None) -> tuple[StudyImage, list[MeasuredRoi]]:
    """Measure the PET of a study.

    Parameters
    ----------
    ct : CtRegions or None
        What was measured on the CT; sampled onto the PET by nearest neighbour when nothing was drawn on the PET itself.

    Raises
    ------
    StudyRejectedError
        `SUV_NOT_POSSIBLE`, `PET_AMBIGUOUS`, `GEOMETRY_MISMATCH` when CT and PET share no frame of reference,
        `NO_SEGMENTATION`, or as for a CT.
    """
    series = pet_series(files, task.limits)
    own = _drawn_on_pet(files, series, task, alone=ct is None)
    pairing = own[2] if own else _sharing_space(series, ct)
    scale = _scale(pairing.ct)
    stack, volume = stack_suv(pairing.ct, scale, task.limits, task.params.geometry)
    regions = place_regions(own[0], own[1], stack, pairing) if own else [*_sampled(ct, stack)]
    image = StudyImage(stack, volume, pairing, len(series), task.surgery_date, suv=scale)
    return image, image.measure(regions, task.params)


def _scale(series: CtSeries) -> SuvScale:
    try:
        return suv_scale(series.slices)
    except PARSER_ERRORS as error:
        raise impossible("an attribute of units, weight, times or tracer", "damaged") from error


def _drawn_on_pet(
    files: StudyFiles, series: Sequence[CtSeries], task: PetTask, *, alone: bool
) -> tuple[tuple[Candidate, ...], RoiPolicy, Pairing] | None:
    """Choose regions among those whose object names an image of the PET.

    Without a CT those count too that were drawn in the PET's space, on a CT that is not here.
    """
    if not files.segmentations and not files.structure_sets:
        return None
    here = frozenset(uid for each in series for uid in each.instance_uids)
    geometry, least = task.params.geometry, task.params.qc.min_referenced_slices_fraction.refuse or 0.0
    kinds = list_candidates(files, task.params.roi_source, task.limits, geometry.fractional_threshold, PET_CLASSES)
    for candidates in kinds:
        drawn = [each for each in candidates if (each.references.drawn_on or each.references.listed) & here]
        if drawn:
            chosen, policy = choose(drawn, task.rule)
            pairings = [pair(each.references, series, each.fits, least) for each in chosen]
            if len({pairing.ct.slices for pairing in pairings}) > 1:
                raise _ambiguous(len(series))
            return chosen, policy, pairings[0]
        if alone and (near := _in_space_of(series, candidates)):
            frame = near[0].references.frame_of_reference_uid
            return *choose(near, task.rule), _in_frame(series, frame)
    return None


def _in_space_of(series: Sequence[CtSeries], candidates: Sequence[Candidate]) -> list[Candidate]:
    """List the regions whose object shares the frame of reference of a PET; none when they share several."""
    frames = {each.frame_of_reference_uid for each in series} - {""}
    near = [each for each in candidates if each.references.frame_of_reference_uid in frames]
    return near if len({each.references.frame_of_reference_uid for each in near}) == 1 else []


def _sharing_space(series: Sequence[CtSeries], ct: CtRegions | None) -> Pairing:
    """Find the PET that lies in the space of the CT."""
    if ct is None:
        raise StudyRejectedError(
            ReasonCode.NO_SEGMENTATION,
            "No segmentation was drawn on the PET, and there is none on a CT beside it. Upload one of the two.",
            {"pet_series": len(series)},
        )
    return _in_frame(series, ct.stack.slices[0].frame_of_reference_uid)


def _in_frame(series: Sequence[CtSeries], frame: str) -> Pairing:
    sharing = [each for each in series if frame and each.frame_of_reference_uid == frame]
    if not sharing:
        raise StudyRejectedError(
            ReasonCode.GEOMETRY_MISMATCH,
            "The PET shares no frame of reference with the CT that the region was drawn on, so that nothing says where "
            "the region is in it. Upload a segmentation that was drawn on the PET.",
            {"pet_series": len(series)},
        )
    if len(sharing) > 1:
        raise _ambiguous(len(sharing))
    return Pairing(sharing[0], "frame_of_reference", 0, 0, True)


def _ambiguous(count: int) -> StudyRejectedError:
    return StudyRejectedError(
        ReasonCode.PET_AMBIGUOUS,
        "Several PET series fit the segmentation and nothing says which to measure. Upload one of them with the study.",
        {"pet_series": count},
    )


def _sampled(ct: CtRegions | None, stack: SliceStack) -> Iterator[PlacedRegion]:
    for members, placed in ct.regions if ct else ():
        mask, farthest = sample_onto(placed.mask, ct.stack.grid.affine, stack.grid)  # type: ignore[union-attr]
        yield members, PlacedMask(mask, "from_ct", 0.0, {"sampled_from_ct_mm": rounded(farthest)})
