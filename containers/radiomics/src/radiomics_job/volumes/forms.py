"""Whether a mask file lies on the image's voxels, by which of the two forms a NIfTI header has.

NIfTI-1 lets sform and qform place a volume differently. We take the sform; ITK, and so 3D Slicer and ITK-SNAP, takes
the qform in some files. A mask that was drawn there lies on the image's qform: voxel for voxel it is still the image's,
and is measured there (`features-22`).
"""

from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from radiomics_job.errors import StudyRejectedError
from radiomics_job.geometry.grid import FRAME_TOLERANCE_FRACTION, Grid
from radiomics_job.volumes.volume import Volume, unsupported_volume


def on_image(mask: Volume, image: Volume | None) -> Volume:
    """Give a mask beside an image whose forms disagree the place of the image's voxels that it was drawn on.

    Raises
    ------
    StudyRejectedError
        `UNSUPPORTED_VOLUME` when the mask lies on the voxels by neither form: nothing says which one it follows.
    """
    if image is None or image.qform is None:
        return mask
    grids = [Grid(image.shape, affine) for affine in (image.affine, image.qform)]
    for grid in grids:
        turned = by_form(mask, grid)
        if turned is not None:
            moved = image.affine @ np.linalg.inv(grid.affine) @ turned.affine
            form = "sform" if grid is grids[0] else "qform of the image"
            return replace(turned, affine=moved, qform=None, facts={**turned.facts, "form": form})
    raise _neither(image, "the mask lies on the image's voxels by neither of them")


def on_grid(mask: Volume, grid: Grid) -> Volume:
    """Place a mask whose own forms disagree by the form that puts it on a grid's voxels.

    Raises
    ------
    StudyRejectedError
        `UNSUPPORTED_VOLUME` when neither form does.
    """
    if mask.qform is None:
        return mask
    turned = by_form(mask, grid)
    if turned is None:
        raise _neither(mask, "by neither of them it lies on the image's voxels")
    return turned


def by_form(mask: Volume, grid: Grid) -> Volume | None:
    """Give the mask by that of its forms which puts it on a grid's voxels; None when neither does."""
    if shares_grid(mask, grid):
        return mask
    if mask.qform is None:
        return None
    turned = replace(mask, affine=mask.qform, qform=None, facts={**mask.facts, "form": "qform"})
    return turned if shares_grid(turned, grid) else None


def _neither(volume: Volume, why: str) -> StudyRejectedError:
    return unsupported_volume(
        volume.name,
        f"its sform and qform place it differently, and {why}; write one of the two forms into both, or export again",
        forms_differ_mm=volume.facts.get("forms_differ_mm"),
    )


def shares_grid(mask: Volume, grid: Grid) -> bool:
    """Tell whether the voxels of a mask are voxels of a grid: the same axes in any order and direction, the same
    spacing, a whole offset, all within `FRAME_TOLERANCE_FRACTION` of a voxel at every corner.
    """
    to_grid = np.linalg.inv(grid.affine) @ mask.affine
    axes = np.rint(to_grid[:3, :3])
    if not np.array_equal(np.abs(axes).sum(axis=0), np.ones(3)) or abs(round(float(np.linalg.det(axes)))) != 1:
        return False
    corners = np.array([[*corner, 1.0] for corner in product(*((0, side - 1) for side in mask.shape))])
    places: NDArray[np.float64] = (corners @ to_grid.T)[:, :3]
    whole = corners[:, :3] @ axes.T + np.rint(to_grid[:3, 3])
    return bool(np.abs(places - whole).max() <= FRAME_TOLERANCE_FRACTION)


def is_mirrored(mask: Volume, grid: Grid) -> bool:
    """Tell whether a mask lies on all of a grid's voxels once left and right, or front and back, are exchanged."""
    if sorted(mask.shape) != sorted(grid.shape):
        return False
    middle = grid.affine @ [*((side - 1) / 2 for side in grid.shape), 1.0]
    for signs in ((-1, -1), (-1, 1), (1, -1)):
        turned = replace(mask, affine=np.diag([*signs, 1, 1]) @ mask.affine)
        off = turned.affine @ [*((side - 1) / 2 for side in mask.shape), 1.0] - middle
        if shares_grid(turned, grid) and np.linalg.norm(off) <= min(grid.spacing) / 2:
            return True
    return False
