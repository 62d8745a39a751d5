"""Quality of a study in numbers, and the comparison of these with the parameter file's limits."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813  # its own documentation's name
from numpy.typing import NDArray

from radiomics_job.dicom.ct_slice import as_written
from radiomics_job.dicom.series import SliceStack
from radiomics_job.errors import Detail, ReasonCode, StudyRejectedError
from radiomics_job.geometry.grid import Intensity, bounding_box, interpolated_slices, rounded
from radiomics_job.parameters import Action, QcLimits, Threshold
from radiomics_job.roi.pairing import Pairing
from radiomics_job.roi.placement import PlacedMask

AIR_HU = -400
"""Below this a voxel is air or lung, above it tissue: half-way between lung (about −800) and soft tissue (about 0)."""

SOFT_TISSUE_HU = (-200, 200)
LEAST_SOFT_TISSUE = 0.01
"""Fat to contrasted organs, and the least share of them in a scan of a patient."""


def describe_image(stack: SliceStack, volume: NDArray[Intensity]) -> dict[str, Detail]:
    """Give the numbers of the image itself: slices expected and found, gaps, residual, tilt, range of HU or SUV.

    Parameters
    ----------
    volume : ndarray, shape (columns, rows, slices)
        Hounsfield units (int16) or SUV (float32).
    """
    return {
        "ct_slices": len(stack.slices),
        "ct_slices_expected": expected_slices(stack.gaps_mm),
        "ct_slices_interpolated": interpolated_slices(stack.grid, range(stack.grid.shape[2])),
        "duplicate_slices_dropped": stack.duplicates,
        "lossy_slices": sum(as_written(ct.dataset, "LossyImageCompression") == "01" for ct in stack.slices),
        "studies_in_series": len({ct.study_uid for ct in stack.slices}),
        "slice_gap_min_mm": rounded(float(stack.gaps_mm.min())),
        "slice_gap_max_mm": rounded(float(stack.gaps_mm.max())),
        "slice_gap_uniformity": rounded(float(stack.gaps_mm.min() / stack.gaps_mm.max())),
        "slice_position_residual_mm": rounded(stack.residual_mm),
        "slice_positions_rounded": stack.rounded_positions,
        "gantry_tilt_degrees": rounded(stack.grid.shear_degrees, 3),
        **_range(volume),
    }


def _range(volume: NDArray[Intensity]) -> dict[str, Detail]:
    low, high = volume.min(), volume.max()
    if volume.dtype == np.int16:
        return {"hu_min": int(low), "hu_max": int(high)}
    return {"suv_min": rounded(float(low)), "suv_max": rounded(float(high))}


def look_like_hounsfield(volume: NDArray[Intensity]) -> bool:
    """Tell whether values that no DICOM vouches for can be Hounsfield units of a patient.

    There is air or lung, and at least a hundredth is soft tissue: stored values without their intercept have no air,
    an intercept applied twice no soft tissue, a normalised image neither.
    """
    lowest, highest = SOFT_TISSUE_HU
    tissue = sum(int(((plane >= lowest) & (plane <= highest)).sum()) for plane in volume.T)
    return bool(volume.min() <= AIR_HU and tissue >= LEAST_SOFT_TISSUE * volume.size)


def expected_slices(gaps_mm: NDArray[np.float64]) -> int:
    """Count the slices that a stack of this extent and this usual gap would have."""
    return round(float(gaps_mm.sum()) / float(np.median(gaps_mm))) + 1


def describe_mask(placed: PlacedMask, volume: NDArray[Intensity], stack: SliceStack) -> dict[str, Detail]:
    """Give the numbers of one region.

    Returns
    -------
    dict
        `voxels`, `slices`, `slices_interpolated`, `volume_ml`, `connected_parts` (26-neighbourhood),
        `touches_volume_edge`, `mask_outside_body_fraction`, `placement`, `frame_position_residual_mm`, and the facts
        of the placement.
    """
    mask = placed.mask
    box = bounding_box(mask)
    if box is None:
        raise ValueError("the mask has no voxel")
    voxels = int(np.count_nonzero(mask[box]))
    slices = np.flatnonzero(mask[box].any(axis=(0, 1))) + box[2].start
    return {
        "voxels": voxels,
        "slices": len(slices),
        "slices_interpolated": interpolated_slices(stack.grid, slices.tolist()),
        "volume_ml": rounded(voxels * stack.grid.voxel_volume_mm3 / 1000.0),
        "connected_parts": connected_parts(mask[box]),
        "touches_volume_edge": any(s.start == 0 or s.stop == n for s, n in zip(box, mask.shape, strict=True)),
        "mask_outside_body_fraction": _outside_fraction(volume[:, :, box[2]], mask[:, :, box[2]]),
        "placement": placed.method,
        "frame_position_residual_mm": rounded(placed.residual_mm),
        **placed.facts,
    }


def _outside_fraction(volume: NDArray[Intensity], mask: NDArray[np.bool_]) -> float | None:
    """Give the share of a mask in the air around the patient; None for a PET, which shows no air."""
    if volume.dtype != np.int16:
        return None
    return rounded(outside_body(volume, mask) / int(np.count_nonzero(mask)))


def connected_parts(mask: NDArray[np.bool_]) -> int:
    """Count the pieces of a mask; voxels that share a corner belong together."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(mask.T).astype(np.uint8))
    labels = sitk.ConnectedComponent(image, True)  # type: ignore[no-untyped-call]
    return int(sitk.GetArrayViewFromImage(labels).max())


def outside_body(volume: NDArray[Intensity], mask: NDArray[np.bool_]) -> int:
    """Count mask voxels in the air around the patient.

    A voxel is outside when nothing denser than `AIR_HU` lies between it and one of the slice's four edges: that is
    never so for lung inside a chest wall.

    Parameters
    ----------
    volume : ndarray of int16, shape (columns, rows, slices)
    mask : ndarray of bool, same shape
    """
    count = 0
    for k in range(mask.shape[2]):
        air = volume[:, :, k] < AIR_HU
        suspects = air & mask[:, :, k]
        if suspects.any():
            box = _span(suspects, 0), _span(suspects, 1)
            count += int((suspects[box] & _open_to_edge(air, box)).sum())
    return count


def _span(plane: NDArray[np.bool_], axis: int) -> slice:
    places = np.flatnonzero(plane.any(axis=1 - axis))
    return slice(int(places[0]), int(places[-1]) + 1)


def _open_to_edge(air: NDArray[np.bool_], box: tuple[slice, ...]) -> NDArray[np.bool_]:
    """Mark the pixels of a box from which air reaches an edge of the slice, along its row or its column."""
    reach = np.logical_and.accumulate
    columns, rows = box
    across, along = air[:, rows], air[columns]
    sides = (
        reach(across, axis=0)[columns],
        reach(across[::-1], axis=0)[::-1][columns],
        reach(along, axis=1)[:, rows],
        reach(along[:, ::-1], axis=1)[:, ::-1][:, rows],
    )
    return np.asarray(np.logical_or.reduce(sides), dtype=np.bool_)


class QcWarning(StrEnum):
    """A finding on a study; it warns or refuses by the limits of the parameter file."""

    FRAME_POSITION_RESIDUAL = "FRAME_POSITION_RESIDUAL"  # segmentation frames are not exactly on the CT's planes
    FRAME_OF_REFERENCE_DIFFERS = "FRAME_OF_REFERENCE_DIFFERS"  # referenced, but in another frame of reference
    REFERENCED_SLICES_MISSING = "REFERENCED_SLICES_MISSING"  # fewer CT images than the segmentation references
    MASK_OUTSIDE_BODY = "MASK_OUTSIDE_BODY"  # part of the mask is in the air around the patient
    SEVERAL_PARTS = "SEVERAL_PARTS"  # the mask is in more pieces than expected
    LARGE_VOLUME = "LARGE_VOLUME"  # larger than a tumour: perhaps the wrong region
    FEW_VOXELS = "FEW_VOXELS"  # too few voxels for stable texture
    TOUCHES_VOLUME_EDGE = "TOUCHES_VOLUME_EDGE"  # the region may continue beyond the scan
    SLICES_INTERPOLATED = "SLICES_INTERPOLATED"  # part of the region lies where nothing was acquired
    HU_RANGE = "HU_RANGE"  # values that no CT of a patient has
    SUV_RANGE = "SUV_RANGE"  # SUV that no PET of a patient has: a wrong dose, weight or time
    UPTAKE_TIME = "UPTAKE_TIME"  # minutes from injection to PET that no protocol has: one of the clocks was moved
    GANTRY_TILT = "GANTRY_TILT"  # sheared slices: some shape features are null
    DUPLICATE_SLICES_DROPPED = "DUPLICATE_SLICES_DROPPED"  # identical slices were in the study twice
    REFERENCES_REWRITTEN = "REFERENCES_REWRITTEN"  # the images named have other UIDs here; position and series agree
    CONTOURS_LEFT_OUT = "CONTOURS_LEFT_OUT"  # open contours that would enclose an area, or closed ones of 1 or 2 points
    CONTOURS_ON_THICKER_SLICES = "CONTOURS_ON_THICKER_SLICES"  # drawn on every second (third, …) slice, filled between
    CONTOURS_SKIP_SLICES = "CONTOURS_SKIP_SLICES"  # slices without a contour between two that share pixels: left empty
    CONTOURS_OVERLAP = (
        "CONTOURS_OVERLAP"  # contours of one slice overlap in part: united, where others take exclusive or
    )
    MASK_RESAMPLED = "MASK_RESAMPLED"  # the segmentation is on a grid of its own: nearest neighbour, by this many mm
    FRAME_POSITIONS_CONTRADICT = "FRAME_POSITIONS_CONTRADICT"  # a frame or contour lies beside the CT image it names
    LOSSY_COMPRESSION = "LOSSY_COMPRESSION"  # the pixels were compressed with loss at some time
    SLICE_POSITIONS_ROUNDED = "SLICE_POSITIONS_ROUNDED"  # slices up to 5 % of their spacing beside an even grid
    PATIENT_ID_DIFFERS = "PATIENT_ID_DIFFERS"  # the files' PatientID is not the subject that they were uploaded as
    SERIES_OF_SEVERAL_STUDIES = "SERIES_OF_SEVERAL_STUDIES"  # one SeriesInstanceUID, several StudyInstanceUIDs
    VALUES_NOT_HU = "VALUES_NOT_HU"  # a NIfTI or NRRD image whose values do not look like Hounsfield units
    FORMS_DIFFER = "FORMS_DIFFER"  # sform and qform (or pixdim) place a NIfTI file differently: sform was taken
    REGIONS_NOT_DESCRIBED = "REGIONS_NOT_DESCRIBED"  # values that the object's list of segments lacks: regions too
    PET_NOT_MEASURED = "PET_NOT_MEASURED"  # the PET beside the CT was rejected: pet_rejection says why
    LONG_BEFORE_SURGERY = "LONG_BEFORE_SURGERY"  # the scan is older than the parameter file likes
    CT_AFTER_SURGERY = "CT_AFTER_SURGERY"  # the tumour may be gone


@dataclass(frozen=True)
class Finding:
    """One limit that was passed."""

    warning: QcWarning
    refused: bool
    value: float
    limit: float | None

    def describe(self) -> dict[str, Detail]:
        """Give the finding as JSON values."""
        return {"check": str(self.warning), "value": rounded(self.value), "limit": rounded(self.limit)}


def check_limits(
    ct: Mapping[str, Detail], mask: Mapping[str, Detail], pairing: Pairing, days: int | None, limits: QcLimits
) -> list[Finding]:
    """Compare the numbers of a region with the parameter file's limits; `days` are from the CT to surgery."""
    return [
        *_numbers(ct, mask, pairing, days, limits),
        *_facts(ct, mask, pairing, days, limits),
        *_always_told(ct, mask, pairing),
    ]


def _always_told(ct: Mapping[str, Detail], mask: Mapping[str, Detail], pairing: Pairing) -> Iterator[Finding]:
    """Warn of what made the region other than it is written; no limit turns these off (`features-14`)."""
    every = mask.get("contours_every_slices") or 1
    rounded_mm = ct["slice_position_residual_mm"] if ct["slice_positions_rounded"] else None
    told: tuple[tuple[QcWarning, Detail, float], ...] = (
        (QcWarning.REFERENCES_REWRITTEN, pairing.rewritten, 0),
        (QcWarning.CONTOURS_LEFT_OUT, mask.get("contours_left_out_with_area"), 0),
        (QcWarning.CONTOURS_ON_THICKER_SLICES, every, 1),
        (QcWarning.CONTOURS_SKIP_SLICES, mask.get("contour_skips"), 0),
        (QcWarning.CONTOURS_OVERLAP, mask.get("contours_united"), 0),
        (QcWarning.MASK_RESAMPLED, mask.get("resampled_distance_mm"), -1),
        (QcWarning.FRAME_POSITIONS_CONTRADICT, mask.get("frame_reference_distance_mm"), 0),
        (QcWarning.LOSSY_COMPRESSION, ct["lossy_slices"], 0),
        (QcWarning.SLICE_POSITIONS_ROUNDED, rounded_mm, 0),
        (QcWarning.PATIENT_ID_DIFFERS, ct.get("patient_id_differs"), 0),
        (QcWarning.SERIES_OF_SEVERAL_STUDIES, ct["studies_in_series"], 1),
        (QcWarning.VALUES_NOT_HU, ct.get("values_look_like_hu") is False, 0),
        (QcWarning.REGIONS_NOT_DESCRIBED, mask.get("regions_not_described"), 0),
        (QcWarning.FORMS_DIFFER, ct.get("forms_differ_mm", mask.get("forms_differ_mm")), 0),
    )
    for warning, value, limit in told:
        if value is not None and _number(value) > limit:
            yield Finding(warning, False, _number(value), max(limit, 0.0))
    yield from _uptake(ct)


def _uptake(pet: Mapping[str, Detail]) -> Iterator[Finding]:
    minutes, usual = pet.get("uptake_minutes"), pet.get("uptake_usual_minutes")
    if minutes is not None and isinstance(usual, list):
        minutes, (shortest, longest) = _number(minutes), map(_number, usual)
        if not shortest <= minutes <= longest:
            yield Finding(QcWarning.UPTAKE_TIME, False, minutes, shortest if minutes < shortest else longest)


def _numbers(
    ct: Mapping[str, Detail], mask: Mapping[str, Detail], pairing: Pairing, days: int | None, limits: QcLimits
) -> Iterator[Finding]:
    interpolated = _number(mask["slices_interpolated"]) / _number(mask["slices"])
    above = (
        (QcWarning.FRAME_POSITION_RESIDUAL, mask["frame_position_residual_mm"], limits.frame_position_residual_mm),
        (QcWarning.MASK_OUTSIDE_BODY, mask["mask_outside_body_fraction"], limits.mask_outside_body_fraction),
        (QcWarning.SEVERAL_PARTS, mask["connected_parts"], limits.connected_parts),
        (QcWarning.LARGE_VOLUME, mask["volume_ml"], limits.volume_ml),
        (QcWarning.SLICES_INTERPOLATED, interpolated, limits.interpolated_slices_fraction),
        (QcWarning.GANTRY_TILT, ct["gantry_tilt_degrees"], limits.gantry_tilt_degrees),
        (QcWarning.LONG_BEFORE_SURGERY, days, limits.days_ct_to_surgery),
    )
    found = pairing.found / pairing.referenced if pairing.referenced and not pairing.rewritten else None
    below = (
        (QcWarning.FEW_VOXELS, mask["voxels"], limits.min_voxels),
        (QcWarning.REFERENCED_SLICES_MISSING, found, _least_referenced(pairing, limits)),
    )
    for warning, value, threshold in above:
        yield from _compare(warning, value, threshold, sign=1)
    for warning, value, threshold in below:
        yield from _compare(warning, value, threshold, sign=-1)


def _least_referenced(pairing: Pairing, limits: QcLimits) -> Threshold:
    """Give the limits of absent images: they are never a reason to refuse when the region's own are here."""
    limit = limits.min_referenced_slices_fraction
    return Threshold(limit.warn, None) if pairing.own_images_here else limit


def _compare(warning: QcWarning, value: Detail, threshold: Threshold, sign: int) -> Iterator[Finding]:
    """Give a finding when the value is beyond a limit; `sign` −1 means below it."""
    if value is None:
        return
    number = _number(value)
    for refused, limit in ((True, threshold.refuse), (False, threshold.warn)):
        if limit is not None and sign * number > sign * limit:
            yield Finding(warning, refused, number, limit)
            return


def _facts(
    ct: Mapping[str, Detail], mask: Mapping[str, Detail], pairing: Pairing, days: int | None, limits: QcLimits
) -> Iterator[Finding]:
    low, high = (_number(ct.get(f"hu_{end}", ct.get(f"suv_{end}"))) for end in ("min", "max"))
    values, beyond = limits.hu_range, QcWarning.HU_RANGE if "hu_min" in ct else QcWarning.SUV_RANGE
    duplicates = _number(ct["duplicate_slices_dropped"])
    differs = pairing.frame_of_reference_matches is False
    facts: tuple[tuple[bool, QcWarning, Action, float, float], ...] = (
        (bool(mask["touches_volume_edge"]), QcWarning.TOUCHES_VOLUME_EDGE, limits.touches_volume_edge, 1, 0),
        (differs, QcWarning.FRAME_OF_REFERENCE_DIFFERS, limits.frame_of_reference_differs, 1, 0),
        (duplicates > 0, QcWarning.DUPLICATE_SLICES_DROPPED, limits.duplicate_slices, duplicates, 0),
        (days is not None and days < 0, QcWarning.CT_AFTER_SURGERY, limits.ct_after_surgery, days or 0, 0),
        (low < values.lowest, beyond, values.beyond, low, values.lowest),
        (low >= values.lowest and high > values.highest, beyond, values.beyond, high, values.highest),
    )
    for holds, warning, action, value, limit in facts:
        if holds and action != "accept":
            yield Finding(warning, action == "refuse", float(value), float(limit))


def _number(value: Any) -> float:  # noqa: ANN401  # a JSON value that is expected to be a number
    if isinstance(value, (int, float)):
        return float(value)
    raise TypeError(f"{value!r} is not a number")


def refusal(findings: Sequence[Finding]) -> StudyRejectedError | None:
    """Turn the first finding beyond its refusal limit into a rejection."""
    for finding in findings:
        if finding.refused:
            return StudyRejectedError(
                ReasonCode.QC_REFUSED,
                f"The quality check {finding.warning} is beyond the parameter file's limit. Look at the segmentation, "
                "or change the limit if the study is right.",
                finding.describe(),
            )
    return None
