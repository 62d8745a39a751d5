"""Masks in volume files as regions to choose from, and where they lie on the image's grid."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray

from radiomics_job.dicom.references import References
from radiomics_job.dicom.series import CtSeries, regular_stack, sort_slices
from radiomics_job.errors import Detail, StudyRejectedError
from radiomics_job.geometry.grid import FRAME_TOLERANCE_FRACTION, Grid, rounded
from radiomics_job.roi.candidates import LABEL_LENGTH, Candidate
from radiomics_job.roi.placement import PlacedMask, empty_mask, sample_onto
from radiomics_job.volumes.roles import bare_name
from radiomics_job.volumes.volume import LabelName, Volume, unsupported_volume


def mask_candidates(masks: Sequence[Volume], names: Mapping[int, str]) -> list[Candidate]:
    """List the regions of mask files: every label of every file.

    A region is called by the segment table of its file; else by `names`; else by its file, with the value behind it
    where the file holds several.

    Parameters
    ----------
    names : mapping of int to str
        What the dataset's file calls the values of a label map.

    Raises
    ------
    StudyRejectedError
        `UNSUPPORTED_VOLUME` when a file that is called a mask holds no labels, `UNREADABLE_VOLUME`.
    """
    return [candidate for mask in sorted(masks, key=lambda m: m.name) for candidate in _of_file(mask, names)]


def _of_file(mask: Volume, names: Mapping[int, str]) -> Iterator[Candidate]:
    if not mask.is_label_map:
        raise unsupported_volume(
            mask.name, "it is called a mask but holds other values than a few whole numbers from 0; save it as labels"
        )
    for label in mask.labels or _unnamed(mask, names):
        yield Candidate(
            label=(label.name or names.get(label.value) or f"{bare_name(mask.name)} {label.number}")[:LABEL_LENGTH],
            property_code=label.property_code[:LABEL_LENGTH],
            names=(mask.name[:LABEL_LENGTH],),
            source=mask.format,
            source_uid=mask.name[:LABEL_LENGTH],
            number=label.number,
            references=References(),
            is_drawn=partial(bool, label.value in mask.values[label.layer]),
            fits=partial(_shares_grid, mask),
            place=partial(_place, mask, label),
        )


def _unnamed(mask: Volume, names: Mapping[int, str]) -> Iterator[LabelName]:
    stem = bare_name(mask.name)
    # Layers of one and the same value are numbered; any other value says itself which label it is.
    is_numbered = mask.layers > 1 and len({value for values in mask.values for value in values}) == 1
    for layer, values in enumerate(mask.values):
        for value in values:
            several = len(values) > 1 or mask.layers > 1
            number = layer + 1 if is_numbered else value
            name = names.get(number) or (f"{stem} {number}" if several else stem)
            yield LabelName(number, name, "", layer, value)


def _place(mask: Volume, label: LabelName, grid: Grid) -> PlacedMask:
    voxels = mask.mask(label.layer, label.value)
    if not voxels.any():
        raise empty_mask(file=mask.name[:LABEL_LENGTH], value=label.value)
    on_grid = shares_grid(mask, grid)
    try:
        placed, farthest = sample_onto(voxels, mask.affine, grid)
    except StudyRejectedError as error:
        error.details["same_matrix"] = sorted(mask.shape) == sorted(grid.shape)  # its header may have been lost
        raise
    facts: dict[str, Detail] = {"forms_differ_mm": mask.facts.get("forms_differ_mm")}
    if on_grid:
        return PlacedMask(placed, "volume", farthest, facts)
    return PlacedMask(placed, "nearest_neighbour", 0.0, {**facts, "resampled_distance_mm": rounded(farthest)})


def _shares_grid(mask: Volume, ct: CtSeries) -> bool:
    try:
        stack = regular_stack(sort_slices(ct))
    except StudyRejectedError:
        return False
    return shares_grid(mask, stack.grid)


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
