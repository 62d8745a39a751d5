"""Chooses the three planes that show a region, and turns each as a radiologist expects to see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from radiomics_job.canonical import Canonical, canonical_orientation, largest_slice, slice_areas

if TYPE_CHECKING:
    from numpy.typing import NDArray

PLANE_NAMES: Final = ("Sagittal", "Coronal", "Axial")
"""By the canonical axis (left, posterior, superior) that points out of the plane."""

OBLIQUE_DEGREES: Final = 10.0
"""A plane tilted more than this from the patient's is called oblique."""

SECOND_LETTER_COSINE: Final = 0.35
"""An edge also names the second direction it points to when that cosine is at least this (about 20 degrees).
"""

_LETTERS: Final = (("L", "R"), ("P", "A"), ("S", "I"))
_DISPLAY_AXES: Final = {2: (0, 1), 1: (0, 2), 0: (1, 2)}
"""Out-of-plane axis to the axes shown (rightwards, up-down)."""


@dataclass(frozen=True, slots=True)
class View:
    """One plane, rows from top to bottom and columns from left to right as they are to be drawn.

    Attributes
    ----------
    title
        Name of the plane and why this slice.
    hu, mask
        Pixels.
    pixel_mm
        Height and width of a pixel.
    letters
        Anatomical direction of the left, right, top and bottom edge.
    """

    title: str
    hu: NDArray[np.int16]
    mask: NDArray[np.bool_]
    pixel_mm: tuple[float, float]
    letters: tuple[str, str, str, str]


def three_views(
    ct: NDArray[np.int16], mask: NDArray[np.bool_], affine: NDArray[np.float64], slice_axis: int = 2
) -> tuple[View, View, View]:
    """Cut the slice of largest mask area in the acquisition plane, and the two planes across it near the
    mask's centroid.

    Patient left is on the viewer's right, anterior is up in axial planes and on the left in sagittal ones,
    superior is up in the others.

    Raises
    ------
    ValueError
        When the mask is empty or does not match the CT.
    """
    if ct.shape != mask.shape or ct.ndim != 3:
        raise ValueError(f"CT {ct.shape} and mask {mask.shape} have to be the same three-dimensional grid")
    orientation = canonical_orientation(affine)
    ct, mask = orientation.apply(ct), orientation.apply(mask)
    acquired = orientation.axis_of(slice_axis)
    first, second = (axis for axis in (2, 1, 0) if axis != acquired)
    return (
        _view(ct, mask, orientation, acquired, largest_slice(mask, acquired), "largest area"),
        _view(ct, mask, orientation, first, _central_slice(mask, first), "through the centre"),
        _view(ct, mask, orientation, second, _central_slice(mask, second), "through the centre"),
    )


def _central_slice(mask: NDArray[np.bool_], axis: int) -> int:
    """Slice nearest to the centroid among those that hold some of the mask (a ring's centroid may not)."""
    first, areas = slice_areas(mask, axis)
    centroid = np.average(np.arange(areas.size), weights=areas)
    covered = np.flatnonzero(areas)
    return first + int(covered[np.argmin(np.abs(covered - centroid))])


def _view(
    ct: NDArray[np.int16], mask: NDArray[np.bool_], orientation: Canonical, out: int, index: int, reason: str
) -> View:
    right, down = _DISPLAY_AXES[out]
    top_is_superior = down == 2
    left_letter, right_letter = _edge_letters(orientation.directions[:, right])
    low_letter, high_letter = _edge_letters(orientation.directions[:, down])
    return View(
        title=f"{_plane_name(orientation, out)}, {reason}",
        hu=_drawn(_plane(ct, out, index), flip=top_is_superior),
        mask=_drawn(_plane(mask, out, index), flip=top_is_superior),
        pixel_mm=(orientation.spacing[down], orientation.spacing[right]),
        letters=(
            left_letter,
            right_letter,
            *((high_letter, low_letter) if top_is_superior else (low_letter, high_letter)),
        ),
    )


def _plane(volume: NDArray[Any], axis: int, index: int) -> NDArray[Any]:
    # Not `take`: of a turned volume it copies the whole before it takes one plane.
    return volume[tuple(index if other == axis else slice(None) for other in range(3))]


def _drawn(plane: NDArray[Any], *, flip: bool) -> NDArray[Any]:
    rows_first = plane.T
    return rows_first[::-1] if flip else rows_first


def _edge_letters(direction: NDArray[np.float64]) -> tuple[str, str]:
    """Letters of the edges that a direction comes from and goes to."""
    order = np.argsort(-np.abs(direction), kind="stable")
    named = [int(axis) for rank, axis in enumerate(order) if rank == 0 or abs(direction[axis]) >= SECOND_LETTER_COSINE]
    ahead = "".join(_LETTERS[axis][int(direction[axis] < 0)] for axis in named)
    behind = "".join(_LETTERS[axis][int(direction[axis] >= 0)] for axis in named)
    return behind, ahead


def _plane_name(orientation: Canonical, out: int) -> str:
    right, down = _DISPLAY_AXES[out]
    normal = np.cross(orientation.directions[:, right], orientation.directions[:, down])
    cosine = abs(float(normal[out])) / float(np.linalg.norm(normal))
    tilted = np.degrees(np.arccos(min(1.0, cosine))) > OBLIQUE_DEGREES
    return f"Oblique {PLANE_NAMES[out].lower()}" if tilted else PLANE_NAMES[out]
