"""Quality of a study in numbers, and the verdict that the parameter file's thresholds give: accept, warn or refuse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk  # noqa: N813  # its own documentation's name
from numpy.typing import NDArray

from radiomics_job.canonical import bounding_box
from radiomics_job.errors import Detail, ReasonCode, StudyRejectedError
from radiomics_job.pairing import Pairing
from radiomics_job.placement import PlacedMask
from radiomics_job.results import rounded
from radiomics_job.series import SliceStack

if TYPE_CHECKING:
    from radiomics_job.params import QcLimits, Threshold

AIR_HU = -400
"""Below this a voxel is air or lung, above it tissue: half-way between lung (about −800) and soft tissue (about 0)."""

SHEAR_WARNING_DEGREES = 0.1
"""Gantry tilt from which lengths measured on the grid need care; feature extraction uses the same angle."""


class QcWarning(StrEnum):
    """What deserves a look although the study was processed."""

    FRAME_POSITION_RESIDUAL = "FRAME_POSITION_RESIDUAL"  # segmentation frames are not exactly on the CT's planes
    FRAME_OF_REFERENCE_DIFFERS = "FRAME_OF_REFERENCE_DIFFERS"  # referenced, but in another frame of reference
    REFERENCED_SLICES_MISSING = "REFERENCED_SLICES_MISSING"  # fewer CT images than the segmentation references
    MASK_OUTSIDE_BODY = "MASK_OUTSIDE_BODY"  # part of the mask is in the air around the patient
    SEVERAL_PARTS = "SEVERAL_PARTS"  # the mask is in more pieces than expected
    FEW_VOXELS = "FEW_VOXELS"  # too few voxels for stable texture
    TOUCHES_VOLUME_EDGE = "TOUCHES_VOLUME_EDGE"  # the region may continue beyond the scan
    HU_RANGE = "HU_RANGE"  # values that no CT of a patient has
    GANTRY_TILT = "GANTRY_TILT"  # sheared slices: some shape features are null
    DUPLICATE_SLICES_DROPPED = "DUPLICATE_SLICES_DROPPED"  # identical slices were in the study twice


@dataclass(frozen=True)
class Finding:
    """One threshold that was passed."""

    warning: QcWarning
    refused: bool
    value: float
    limit: float | None


def describe_ct(stack: SliceStack, volume: NDArray[np.int16]) -> dict[str, Detail]:
    """Give the numbers of the CT itself: gaps, residual, tilt, HU range.

    Parameters
    ----------
    stack : SliceStack
        The sorted slices.
    volume : ndarray of int16, shape (columns, rows, slices)
        Hounsfield units.
    """
    return {
        "ct_slices": len(stack.slices),
        "duplicate_slices_dropped": stack.duplicates,
        "slice_gap_min_mm": rounded(float(stack.gaps_mm.min())),
        "slice_gap_max_mm": rounded(float(stack.gaps_mm.max())),
        "slice_position_residual_mm": rounded(stack.residual_mm),
        "gantry_tilt_degrees": rounded(stack.grid.shear_degrees, 3),
        "hu_min": int(volume.min()),
        "hu_max": int(volume.max()),
    }


def describe_mask(placed: PlacedMask, volume: NDArray[np.int16], stack: SliceStack) -> dict[str, Detail]:
    """Give the numbers of one region.

    Returns
    -------
    dict
        ``voxels``, ``slices``, ``volume_ml``, ``connected_parts`` (26-neighbourhood), ``touches_volume_edge``,
        ``mask_outside_body_fraction``, ``placement`` and ``frame_position_residual_mm``.
    """
    mask = placed.mask
    box = bounding_box(mask)
    if box is None:
        raise ValueError("the mask has no voxel")
    voxels = int(np.count_nonzero(mask[box]))
    return {
        "voxels": voxels,
        "slices": int(mask[box].any(axis=(0, 1)).sum()),
        "volume_ml": rounded(voxels * stack.grid.voxel_volume_mm3 / 1000.0),
        "connected_parts": connected_parts(mask[box]),
        "touches_volume_edge": any(s.start == 0 or s.stop == n for s, n in zip(box, mask.shape, strict=True)),
        "mask_outside_body_fraction": rounded(outside_body(volume[:, :, box[2]], mask[:, :, box[2]]) / voxels),
        "placement": placed.method,
        "frame_position_residual_mm": rounded(placed.residual_mm),
    }


def connected_parts(mask: NDArray[np.bool_]) -> int:
    """Count the pieces of a mask; voxels that share a corner belong together."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(mask.T).astype(np.uint8))
    labels = sitk.ConnectedComponent(image, True)  # type: ignore[no-untyped-call]
    return int(sitk.GetArrayViewFromImage(labels).max())


def outside_body(volume: NDArray[np.int16], mask: NDArray[np.bool_]) -> int:
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
            count += int((suspects & _open_to_edge(air)).sum())
    return count


def _open_to_edge(air: NDArray[np.bool_]) -> NDArray[np.bool_]:
    reach = np.logical_and.accumulate
    sides = (
        reach(air, axis=0),
        reach(air[::-1], axis=0)[::-1],
        reach(air, axis=1),
        reach(air[:, ::-1], axis=1)[:, ::-1],
    )
    return np.asarray(np.logical_or.reduce(sides), dtype=np.bool_)


def judge(ct: dict[str, Detail], mask: dict[str, Detail], pairing: Pairing, limits: QcLimits) -> list[Finding]:
    """Compare the numbers of a region with the parameter file's thresholds.

    Parameters
    ----------
    ct, mask : dict
        From `describe_ct` and `describe_mask`.
    pairing : Pairing
        How the CT was chosen.
    limits : QcLimits
        Thresholds of the parameter file.

    Returns
    -------
    list of Finding
        Empty when nothing is remarkable.
    """
    return [*_above(mask, limits), *_below(mask, pairing, limits), *_flags(ct, mask, pairing, limits)]


def _above(mask: dict[str, Detail], limits: QcLimits) -> Iterator[Finding]:
    checks = (
        (QcWarning.FRAME_POSITION_RESIDUAL, "frame_position_residual_mm", limits.frame_position_residual_mm),
        (QcWarning.MASK_OUTSIDE_BODY, "mask_outside_body_fraction", limits.mask_outside_body_fraction),
        (QcWarning.SEVERAL_PARTS, "connected_parts", limits.connected_parts),
    )
    for warning, name, threshold in checks:
        yield from _compare(warning, _number(mask[name]), threshold, sign=1)


def _below(mask: dict[str, Detail], pairing: Pairing, limits: QcLimits) -> Iterator[Finding]:
    yield from _compare(QcWarning.FEW_VOXELS, _number(mask["voxels"]), limits.min_voxels, sign=-1)
    if pairing.referenced:
        share = pairing.found / pairing.referenced
        limit = limits.min_referenced_slices_fraction
        yield from _compare(QcWarning.REFERENCED_SLICES_MISSING, share, limit, sign=-1)


def _flags(ct: dict[str, Detail], mask: dict[str, Detail], pairing: Pairing, limits: QcLimits) -> Iterator[Finding]:
    if mask["touches_volume_edge"] and limits.touches_volume_edge != "accept":
        yield Finding(QcWarning.TOUCHES_VOLUME_EDGE, limits.touches_volume_edge == "refuse", 1.0, 0.0)
    low, high = _number(ct["hu_min"]), _number(ct["hu_max"])
    if low < limits.hu_range.lowest:
        yield Finding(QcWarning.HU_RANGE, False, low, limits.hu_range.lowest)
    elif high > limits.hu_range.highest:
        yield Finding(QcWarning.HU_RANGE, False, high, limits.hu_range.highest)
    if pairing.frame_of_reference_matches is False:
        yield Finding(QcWarning.FRAME_OF_REFERENCE_DIFFERS, False, 1.0, 0.0)
    tilt = _number(ct["gantry_tilt_degrees"])
    if tilt > SHEAR_WARNING_DEGREES:
        yield Finding(QcWarning.GANTRY_TILT, False, tilt, SHEAR_WARNING_DEGREES)
    if ct["duplicate_slices_dropped"]:
        yield Finding(QcWarning.DUPLICATE_SLICES_DROPPED, False, _number(ct["duplicate_slices_dropped"]), 0.0)


def _compare(warning: QcWarning, value: float, threshold: Threshold, sign: int) -> Iterator[Finding]:
    """Give a finding when the value is beyond a limit; ``sign`` −1 means below it."""
    for refused, limit in ((True, threshold.refuse), (False, threshold.warn)):
        if limit is not None and sign * value > sign * limit:
            yield Finding(warning, refused, value, limit)
            return


def _number(value: Detail) -> float:
    if isinstance(value, (int, float)):
        return float(value)
    raise TypeError(f"{value!r} is not a number")


def refuse_if_needed(findings: Sequence[Finding]) -> None:
    """Turn a finding beyond its refusal limit into the study's rejection.

    Raises
    ------
    StudyRejectedError
        ``QC_REFUSED`` naming the check, the value and the limit.
    """
    for finding in findings:
        if finding.refused:
            raise StudyRejectedError(
                ReasonCode.QC_REFUSED,
                f"The quality check {finding.warning} is beyond the parameter file's limit. Look at the segmentation, "
                "or change the limit if the study is right.",
                {"check": str(finding.warning), "value": rounded(finding.value), "limit": rounded(finding.limit)},
            )
