"""The verdict on a study's quality numbers by the limits of the parameter file: accept, warn or refuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from radiomics_job.errors import Detail, ReasonCode, StudyRejectedError
from radiomics_job.pairing import Pairing
from radiomics_job.qc_limits import Action, QcLimits, Threshold
from radiomics_job.results import rounded


class QcWarning(StrEnum):
    """What deserves a look although the study was processed."""

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
    GANTRY_TILT = "GANTRY_TILT"  # sheared slices: some shape features are null
    DUPLICATE_SLICES_DROPPED = "DUPLICATE_SLICES_DROPPED"  # identical slices were in the study twice
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


def judge(
    ct: Mapping[str, Detail], mask: Mapping[str, Detail], pairing: Pairing, days: int | None, limits: QcLimits
) -> list[Finding]:
    """Compare the numbers of a region with the parameter file's limits.

    Parameters
    ----------
    ct, mask : mapping
        From `radiomics_job.qc.describe_ct` and `radiomics_job.qc.describe_mask`.
    pairing : Pairing
        How the CT was chosen.
    days : int or None
        From the CT to surgery, where known.
    limits : QcLimits
        Limits of the parameter file.

    Returns
    -------
    list of Finding
        Empty when nothing is remarkable.
    """
    return [*_numbers(ct, mask, pairing, days, limits), *_facts(ct, mask, pairing, days, limits)]


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
    found = pairing.found / pairing.referenced if pairing.referenced else None
    below = (
        (QcWarning.FEW_VOXELS, mask["voxels"], limits.min_voxels),
        (QcWarning.REFERENCED_SLICES_MISSING, found, limits.min_referenced_slices_fraction),
    )
    for warning, value, threshold in above:
        yield from _compare(warning, value, threshold, sign=1)
    for warning, value, threshold in below:
        yield from _compare(warning, value, threshold, sign=-1)


def _compare(warning: QcWarning, value: Detail, threshold: Threshold, sign: int) -> Iterator[Finding]:
    """Give a finding when the value is beyond a limit; ``sign`` −1 means below it."""
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
    low, high, hu = _number(ct["hu_min"]), _number(ct["hu_max"]), limits.hu_range
    duplicates = _number(ct["duplicate_slices_dropped"])
    differs = pairing.frame_of_reference_matches is False
    facts: tuple[tuple[bool, QcWarning, Action, float, float], ...] = (
        (bool(mask["touches_volume_edge"]), QcWarning.TOUCHES_VOLUME_EDGE, limits.touches_volume_edge, 1, 0),
        (differs, QcWarning.FRAME_OF_REFERENCE_DIFFERS, limits.frame_of_reference_differs, 1, 0),
        (duplicates > 0, QcWarning.DUPLICATE_SLICES_DROPPED, limits.duplicate_slices, duplicates, 0),
        (days is not None and days < 0, QcWarning.CT_AFTER_SURGERY, limits.ct_after_surgery, days or 0, 0),
        (low < hu.lowest, QcWarning.HU_RANGE, hu.beyond, low, hu.lowest),
        (low >= hu.lowest and high > hu.highest, QcWarning.HU_RANGE, hu.beyond, high, hu.highest),
    )
    for holds, warning, action, value, limit in facts:
        if holds and action != "accept":
            yield Finding(warning, action == "refuse", float(value), float(limit))


def _number(value: Any) -> float:  # noqa: ANN401  # a JSON value that is expected to be a number
    if isinstance(value, (int, float)):
        return float(value)
    raise TypeError(f"{value!r} is not a number")


def refusal(findings: Sequence[Finding]) -> StudyRejectedError | None:
    """Turn the first finding beyond its refusal limit into a rejection.

    Returns
    -------
    StudyRejectedError or None
        ``QC_REFUSED`` naming the check, the value and the limit.
    """
    for finding in findings:
        if finding.refused:
            return StudyRejectedError(
                ReasonCode.QC_REFUSED,
                f"The quality check {finding.warning} is beyond the parameter file's limit. Look at the segmentation, "
                "or change the limit if the study is right.",
                finding.describe(),
            )
    return None
