"""The one orientation in which features are computed and pictures are drawn.

pyradiomics' directional features (Maximum2DDiameterRow, -Column, -Slice), the names of wavelet bands and the
corner at which a resampling grid starts all depend on how a volume happens to be stored. Every volume is
therefore turned, without interpolation, so that its axes run as nearly as possible to the patient's left,
posterior and superior (LPS).
"""

from dataclasses import dataclass
from itertools import permutations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RAS_TO_LPS: Final = np.diag([-1.0, -1.0, 1.0])
"""NIfTI counts towards right and anterior, DICOM and this module towards left and posterior."""

TIE_DECIMALS: Final = 6
"""Cosines are compared to this many decimals, so that rounding cannot decide between the axes of a 45°
volume.
"""


@dataclass(frozen=True, slots=True)
class Canonical:
    """How a stored volume maps to the canonical axes."""

    source_axes: tuple[int, int, int]
    """For each canonical axis (left, posterior, superior) the stored axis that becomes it."""
    flips: tuple[bool, bool, bool]
    """For each canonical axis, whether the stored axis runs against it."""
    directions: NDArray[np.float64]
    """3×3; column a is the unit vector (LPS) along which canonical axis a runs in the patient."""
    spacing: tuple[float, float, float]
    """Distance in mm between neighbouring voxels along each canonical axis."""

    def apply(self, volume: NDArray[Any]) -> NDArray[Any]:
        """Return the volume in canonical orientation, as a view of the same memory."""
        turned = volume.transpose(self.source_axes)
        return turned[tuple(slice(None, None, -1 if flip else None) for flip in self.flips)]

    def axis_of(self, stored_axis: int) -> int:
        """Which canonical axis a stored axis became."""
        return self.source_axes.index(stored_axis)

    def shear_degrees(self) -> float:
        """How far the axes are from right angles (the gantry tilt of a tilted scan)."""
        cosines = self.directions.T @ self.directions - np.eye(3)
        return float(np.degrees(np.arcsin(min(1.0, np.abs(cosines).max()))))


def canonical_orientation(affine: NDArray[np.float64]) -> Canonical:
    """Choose the canonical orientation of a stored volume.

    Parameters
    ----------
    affine
        4×4, (i, j, k) to RAS mm.

    Returns
    -------
    Canonical
        Depends on where the axes point, not on the order or direction in which they are stored: a volume and
        its flipped or permuted copy (with the matching affine) come out as the same array.

    Raises
    ------
    ValueError
        When the affine is singular or not finite.
    """
    columns = RAS_TO_LPS @ np.asarray(affine, dtype=np.float64)[:3, :3]
    if not np.isfinite(columns).all() or abs(np.linalg.det(columns)) < 1e-12:
        raise ValueError(f"the affine does not span space: {np.asarray(affine).tolist()}")
    lengths = np.linalg.norm(columns, axis=0)
    units = columns / lengths
    source = max(permutations(range(3)), key=lambda axes: _closeness(units[:, list(axes)]))
    ordered = units[:, list(source)]
    signs = _signs(ordered)
    return Canonical(
        source_axes=(source[0], source[1], source[2]),
        flips=tuple(bool(sign < 0) for sign in signs),  # type: ignore[arg-type]  # three axes, three flips
        directions=ordered * signs,
        spacing=tuple(float(lengths[axis]) for axis in source),  # type: ignore[arg-type]  # as above
    )


def _closeness(ordered: NDArray[np.float64]) -> tuple[float, ...]:
    """Sort key of one axis order: nearest to the patient's axes first, then the off-diagonal cosines as a
    fixed tie rule.
    """
    directions = ordered * _signs(ordered)
    nearness = round(float(np.trace(directions)), TIE_DECIMALS)
    return (nearness, *np.round(directions.T.ravel(), TIE_DECIMALS).tolist())


def _signs(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    diagonal = np.round(np.diagonal(ordered), TIE_DECIMALS)
    return np.where(diagonal < 0, -1.0, 1.0)


def slice_areas(mask: NDArray[np.bool_], axis: int) -> tuple[int, NDArray[np.intp]]:
    """Count mask voxels per slice across `axis`, within the mask's box: the box's first slice, and the
    counts.

    Raises
    ------
    ValueError
        When the mask is empty.
    """
    box = box_of(mask)
    others = tuple(other for other in range(3) if other != axis)
    return box[axis].start, np.count_nonzero(mask[box], axis=others)


def largest_slice(mask: NDArray[np.bool_], axis: int) -> int:
    """Index of the slice across `axis` with most mask voxels; of equals, the first."""
    first, areas = slice_areas(mask, axis)
    return first + int(np.argmax(areas))


def box_of(mask: NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    """Smallest box that holds the mask; ValueError when the mask is empty."""
    box = bounding_box(mask)
    if box is None:
        raise ValueError("the mask has no voxel")
    return box


def bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, slice, slice] | None:
    """Smallest box that holds the mask, or None when the mask is empty.

    Each axis is looked at only within what the axes before it left, which makes this a single pass over a
    large volume.
    """
    box = [slice(0, size) for size in mask.shape]
    for axis in sorted(range(3), key=lambda axis: -abs(mask.strides[axis])):
        others = tuple(other for other in range(3) if other != axis)
        present = np.flatnonzero(mask[tuple(box)].any(axis=others))
        if present.size == 0:
            return None
        box[axis] = slice(int(present[0]), int(present[-1]) + 1)
    return box[0], box[1], box[2]
