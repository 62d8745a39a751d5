"""Shape of a region, with pyradiomics' values and without its comparison of every pair of mesh vertices.

pyradiomics' extension measures the mesh and its diameters in one call, and the diameters take time with the square of
the surface: 85 CPU s for a sphere of three million voxels. Here the mesh is measured by counting: one of its cubes
has 256 forms, and what each contributes is asked of that extension. The diameters need only vertices that lie
on no straight line between two others (`docs/decisions.md#features-11`).
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from radiomics import cShape
from radiomics.shape import RadiomicsShape

_CORNERS: Final = tuple((z, y, x) for z in (0, 1) for y in (0, 1) for x in (0, 1))
_FORMS: Final = 256
_REACH: Final = 32
"""How far apart two vertices may be that show a third between them to be none of the hull."""
_PAIRS_AT_ONCE: Final = 4_000_000


class MeshShape(RadiomicsShape):  # type: ignore[misc]
    """pyradiomics' shape features, from the same mesh, vertices and voxel centres.

    Source: pyradiomics' documentation of `RadiomicsShape`; marching cubes: Lorensen and Cline 1987,
    doi:10.1145/37402.37422.
    """

    def _initSegmentBasedCalculation(self) -> None:  # noqa: N802 - pyradiomics' name
        spacing = np.array(self.inputImage.GetSpacing()[::-1])
        mask = np.pad(sitk.GetArrayViewFromImage(self.inputMask) == self.label, 1)
        self.pixelSpacing = spacing
        self.SurfaceArea, self.Volume = surface_and_volume(mask, spacing)
        self.diameters = diameters(mask, spacing)
        self.eigenValues = principal_variances(mask, spacing)
        # Only their number is asked for; the array of three million coordinates is not needed.
        self.labelledVoxelCoordinates = (range(int(np.count_nonzero(mask))),)


# --- surface and volume ---------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Cubes:
    """What one cube of the mesh contributes, by its form; lengths in voxels."""

    volumes: NDArray[np.float64]
    """Signed volume of the tetrahedra between the cube's triangles and its first corner."""
    normals: NDArray[np.float64]
    """256 × 3: sum of the triangles' area vectors."""


def surface_and_volume(mask: NDArray[np.bool_], spacing: NDArray[np.float64]) -> tuple[float, float]:
    """Measure the mesh through the middles of the edges between voxels inside and outside.

    Parameters
    ----------
    mask
        Indexed (z, y, x), with an empty border.
    spacing
        mm along z, y, x.

    Returns
    -------
    tuple of float
        Surface in mm², volume in mm³.
    """
    forms = _forms(mask)
    surface = np.flatnonzero((forms != 0) & (forms != _FORMS - 1))
    found = forms.ravel()[surface]
    counts = np.bincount(found, minlength=_FORMS)
    cubes = _cubes()
    volume = float(counts @ cubes.volumes)
    for axis, places in enumerate(np.unravel_index(surface, forms.shape)):
        # Seen from the grid's origin, a cube at o adds o·n/3 to its volume, where n is the sum of its area vectors.
        volume += float(np.bincount(found, places, minlength=_FORMS) @ cubes.normals[:, axis]) / 3
    cube_of = _every_form()
    area = sum(counts[form] * _measure(cube_of[form], spacing)[0] for form in np.flatnonzero(counts))
    return float(area), volume * float(np.prod(spacing))


def _forms(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return each cube's form: one bit for each of its eight voxels."""
    forms = np.zeros([size - 1 for size in mask.shape], np.uint8)
    for bit, corner in enumerate(_CORNERS):
        window = tuple(slice(start, size - 1 + start) for start, size in zip(corner, mask.shape, strict=True))
        forms |= mask[window].view(np.uint8) << np.uint8(bit)
    return forms


def _measure(mask: NDArray[np.bool_], spacing: NDArray[np.float64]) -> tuple[float, float]:
    area, volume, _ = cShape.calculate_coefficients(mask, spacing)
    return area, volume


def _every_form() -> NDArray[np.bool_]:
    """Return the eight voxels of each form: 256 × 2 × 2 × 2."""
    bits = np.arange(_FORMS)[:, None] >> np.arange(8) & 1
    return bits.astype(bool).reshape(_FORMS, 2, 2, 2)


@cache
def _cubes() -> _Cubes:
    """Ask the extension for each form's contribution.

    A form that stands one voxel further, behind one whose contribution is known, tells its area vector: shifting
    triangles by o changes their volume by o·n/3. Vertices are at halves, so six volumes are a multiple of 1/8.
    """
    forms = _every_form()
    volumes = _volumes(forms) / 6
    normals = np.zeros((_FORMS, 3))
    for axis in range(3):
        near = np.take(forms, [0], axis + 1)
        before = np.concatenate([near, near], axis + 1)
        shifted = _volumes(np.concatenate([near, forms], axis + 1)) / 6
        places = np.packbits(before.reshape(_FORMS, 8), axis=1, bitorder="little")[:, 0]
        normals[:, axis] = np.round(24 * (shifted - volumes[places] - volumes)) / 8
    return _Cubes(volumes, normals)


def _volumes(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return six times the volume of each mask, exactly."""
    one = np.ones(3)
    return np.round([48 * _measure(mask, one)[1] for mask in masks]) / 8


# --- diameters ------------------------------------------------------------------------------------------------
def diameters(mask: NDArray[np.bool_], spacing: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Measure the largest distances between vertices of the mesh.

    Parameters
    ----------
    mask
        Indexed (z, y, x), with an empty border.
    spacing
        mm along z, y, x.

    Returns
    -------
    tuple of float
        mm between vertices of equal z, of equal y, of equal x, and of any two.
    """
    vertices = _vertices(mask)
    half = spacing / 2
    kept = [_not_between(vertices, axis) for axis in range(3)]
    planes = [_largest_in_planes(vertices[keep], axis, half) for axis, keep in enumerate(kept)]
    corners = vertices[np.logical_and.reduce(kept)] * half
    return planes[0], planes[1], planes[2], float(np.sqrt(_largest(corners)))


def _vertices(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the middles of edges between inside and outside, in half voxels: V × 3."""
    found = []
    for axis in range(3):
        first, last = [slice(None)] * 3, [slice(None)] * 3
        first[axis], last[axis] = slice(None, -1), slice(1, None)
        vertices = 2 * np.argwhere(mask[tuple(first)] != mask[tuple(last)]).astype(np.int32)
        vertices[:, axis] += 1
        found.append(vertices)
    return np.concatenate(found)


def _not_between(vertices: NDArray[np.int32], axis: int) -> NDArray[np.bool_]:
    """Tell which vertices may be corners of the convex hull of their plane across `axis`."""
    plane, row, along = (vertices[:, (axis + step) % 3] for step in range(3))
    shape = (int(plane.max(initial=0)) + 1, int(row.max(initial=0)) + 1)
    cells = plane.astype(np.int64) * shape[1] + row
    kept = np.zeros(len(vertices), bool)
    for side in (along, -along):
        ends = np.full(shape[0] * shape[1], np.inf)
        np.minimum.at(ends, cells, side)
        corners = _convex(ends.reshape(shape)).ravel()
        kept |= corners[cells] & (side == ends[cells])
    return kept


def _convex(ends: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which ends of rows lie on no line between ends of two rows at equal distance, as far as `_REACH` looks."""
    corners = np.isfinite(ends)
    for step in range(1, min(_REACH, (ends.shape[1] - 1) // 2) + 1):
        middle = ends[:, step:-step]
        corners[:, step:-step] &= ~(ends[:, : -2 * step] + ends[:, 2 * step :] <= 2 * middle)
    return corners


def _largest_in_planes(vertices: NDArray[np.int32], axis: int, half: NDArray[np.float64]) -> float:
    order = np.argsort(vertices[:, axis], kind="stable")
    planes = np.split(vertices[order], np.flatnonzero(np.diff(vertices[order, axis])) + 1)
    return float(np.sqrt(max(_largest(plane * half) for plane in planes)))


def _largest(points: NDArray[np.float64]) -> float:
    """Return the largest squared distance between any two points, in mm²."""
    largest, rows = 0.0, max(_PAIRS_AT_ONCE // max(len(points), 1), 1)
    for start in range(0, len(points), rows):
        others = points[start:]
        squares: Any = sum((points[start : start + rows, None, k] - others[None, :, k]) ** 2 for k in range(3))
        largest = max(largest, float(squares.max(initial=0.0)))
    return largest


# --- principal axes -------------------------------------------------------------------------------------------
def principal_variances(mask: NDArray[np.bool_], spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the variances of the voxel centres along their principal axes, in mm², smallest first.

    The sums are over whole numbers and exact; each needs only one projection of the mask.
    """
    number = int(np.count_nonzero(mask))
    sums, products = np.zeros(3), np.zeros((3, 3))
    for one, other, across in ((0, 1, 2), (0, 2, 1), (1, 2, 0)):
        flat = mask.sum(axis=across, dtype=np.int64)
        places = [np.arange(size, dtype=np.int64) for size in flat.shape]
        products[one, other] = products[other, one] = int(places[0] @ flat @ places[1])
        for axis, line, place in ((one, flat.sum(axis=1), places[0]), (other, flat.sum(axis=0), places[1])):
            sums[axis], products[axis, axis] = int(place @ line), int(place**2 @ line)
    covariance = (products - np.outer(sums, sums) / number) / number * np.outer(spacing, spacing)
    return np.clip(np.linalg.eigvalsh(covariance), 0, None)
