"""Quality of a study in numbers; `radiomics_job.verdict` judges them."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk  # noqa: N813  # its own documentation's name
from numpy.typing import NDArray

from radiomics_job.canonical import bounding_box
from radiomics_job.errors import Detail
from radiomics_job.placement import PlacedMask
from radiomics_job.planes import interpolated_slices
from radiomics_job.results import rounded
from radiomics_job.series import SliceStack

AIR_HU = -400
"""Below this a voxel is air or lung, above it tissue: half-way between lung (about −800) and soft tissue (about 0)."""


def describe_ct(stack: SliceStack, volume: NDArray[np.int16]) -> dict[str, Detail]:
    """Give the numbers of the CT itself: slices expected and found, gaps, residual, tilt, HU range.

    Parameters
    ----------
    stack : SliceStack
        The sorted slices.
    volume : ndarray of int16, shape (columns, rows, slices)
        Hounsfield units.
    """
    return {
        "ct_slices": len(stack.slices),
        "ct_slices_expected": expected_slices(stack.gaps_mm),
        "ct_slices_interpolated": interpolated_slices(stack.grid, range(stack.grid.shape[2])),
        "duplicate_slices_dropped": stack.duplicates,
        "slice_gap_min_mm": rounded(float(stack.gaps_mm.min())),
        "slice_gap_max_mm": rounded(float(stack.gaps_mm.max())),
        "slice_gap_uniformity": rounded(float(stack.gaps_mm.min() / stack.gaps_mm.max())),
        "slice_position_residual_mm": rounded(stack.residual_mm),
        "gantry_tilt_degrees": rounded(stack.grid.shear_degrees, 3),
        "hu_min": int(volume.min()),
        "hu_max": int(volume.max()),
    }


def expected_slices(gaps_mm: NDArray[np.float64]) -> int:
    """Count the slices that a stack of this extent and this usual gap would have."""
    return round(float(gaps_mm.sum()) / float(np.median(gaps_mm))) + 1


def describe_mask(placed: PlacedMask, volume: NDArray[np.int16], stack: SliceStack) -> dict[str, Detail]:
    """Give the numbers of one region.

    Returns
    -------
    dict
        ``voxels``, ``slices``, ``slices_interpolated``, ``volume_ml``, ``connected_parts`` (26-neighbourhood),
        ``touches_volume_edge``, ``mask_outside_body_fraction``, ``placement`` and ``frame_position_residual_mm``.
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
