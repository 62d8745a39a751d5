"""Slices to one volume: dcmstack stacks, the order of its voxels is checked against our own sort, the affine is ours.

dcmstack takes the slice spacing from the first pair and accepts 4% unevenness, so every geometric decision is made
before (`radiomics_job.dicom.series`). It is given prepared slices: Hounsfield units already applied, and only the
metadata that stacking needs, because its default metadata extraction costs seconds.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import nibabel
import numpy as np
import pydicom
from dcmstack.dcmstack import DicomStack
from numpy.typing import NDArray

from radiomics_job.dicom.ct_header import CtSlice
from radiomics_job.dicom.pixels import release
from radiomics_job.dicom.reading import PARSER_ERRORS, unreadable_files
from radiomics_job.dicom.series import CtSeries, SliceStack, fit_stack, same_position, sort_slices
from radiomics_job.errors import RadiomicsJobError, ReasonCode, StudyRejectedError
from radiomics_job.geometry.grid import Grid, Intensity, Voxel, interpolate_planes
from radiomics_job.limits import Limits
from radiomics_job.parameters import GeometryPolicies

if not hasattr(pydicom, "read_file"):
    pydicom.read_file = pydicom.dcmread  # type: ignore[attr-defined]  # dcmstack 0.9 uses the name pydicom 3 dropped


class StackOrderError(RadiomicsJobError):
    """dcmstack returned voxels in an order that is not the one its affine states."""


class _PreparedSlice(dict[str, Any]):
    """The least a slice must carry for dcmstack, with its pixels already in the image's unit.

    nibabel asks for attributes, `get` and items; a mapping answers ten times as fast as a pydicom data set.
    """

    def __init__(self, ct: CtSlice, position: NDArray[np.float64], pixels: NDArray[Intensity]) -> None:
        super().__init__(
            ImageOrientationPatient=_orthonormal(ct.orientation).tolist(),
            ImagePositionPatient=position.tolist(),
            PixelSpacing=[*ct.spacing],
            Rows=ct.rows,
            Columns=ct.columns,
            pixel_array=pixels,  # Hounsfield units or SUV, shape (rows, columns)
        )
        self.PixelData = b""  # by which dcmstack tells an image

    def group_dataset(self, group: int) -> tuple[()]:
        """Give no private elements: nibabel would search 28 groups of each slice for a vendor's mark."""
        return ()


def stack_series(
    series: CtSeries,
    limits: Limits,
    policies: GeometryPolicies,
    decode: Callable[[CtSlice], NDArray[Voxel]],
) -> tuple[SliceStack, NDArray[Voxel]]:
    """Decode, sort and stack a series.

    Parameters
    ----------
    decode : callable
        Gives the pixels of a slice in the image's unit: `radiomics_job.dicom.pixels.hounsfield` for a CT.

    Returns
    -------
    stack : SliceStack
        The slices in order and their grid.
    volume : ndarray, shape (columns, rows, slices), Fortran order
        What `decode` gives, on `stack.grid`.

    Raises
    ------
    StudyRejectedError
        `MISSING_SLICES`, `UNEVEN_SLICES`, `DUPLICATE_SLICES`, `UNREADABLE_DICOM`, `GEOMETRY_MISMATCH` or
        `INPUT_TOO_LARGE`.
    """
    ordered = sort_slices(series)
    check_voxels(ordered[0].columns * ordered[0].rows * len(ordered), limits)
    _check_sides(ordered[0].columns, ordered[0].rows, len(ordered))
    pixels = _decode(ordered, decode)
    unique, kept = _without_duplicates(ordered, pixels)
    stack = fit_stack(unique, policies, duplicates=len(ordered) - len(unique))
    if stack.grid.acquired_k is None:
        return stack, stack_volume(stack, kept)
    check_voxels(math.prod(stack.grid.shape), limits)
    _check_sides(*stack.grid.shape)
    return stack, interpolate_planes(stack_volume(_as_acquired(stack), kept), stack.grid)


def _as_acquired(stack: SliceStack) -> SliceStack:
    """Give the stack as dcmstack can stack it: its slices in order, as if they were evenly spaced."""
    affine = stack.grid.affine.copy()
    affine[:3, 2] *= (stack.grid.shape[2] - 1) / (len(stack.slices) - 1)
    return replace(stack, grid=Grid((*stack.grid.shape[:2], len(stack.slices)), affine))


def check_voxels(voxels: int, limits: Limits) -> None:
    """Refuse a volume beyond the voxel budget."""
    if voxels > limits.voxels:
        raise StudyRejectedError(
            ReasonCode.INPUT_TOO_LARGE,
            "The volume exceeds the voxel budget; upload one CT series per study.",
            {"voxels": voxels, "limit": limits.voxels},
        )


def _check_sides(*sides: int) -> None:
    """Refuse what NIfTI cannot say: its sizes are 16-bit."""
    if max(sides) > np.iinfo(np.int16).max:
        raise StudyRejectedError(
            ReasonCode.INPUT_TOO_LARGE,
            "A side of the volume is longer than a NIfTI file can be; upload one CT series per study.",
            {"longest_side": max(sides), "limit": np.iinfo(np.int16).max},
        )


def _decode(slices: Sequence[CtSlice], decode: Callable[[CtSlice], NDArray[Voxel]]) -> list[NDArray[Voxel]]:
    pixels, unreadable = [], []
    for ct in slices:
        try:
            pixels.append(decode(ct))
            if not ct.dataset.get("PerFrameFunctionalGroupsSequence"):
                release(ct)
        except PARSER_ERRORS:
            unreadable.append(ct.name)
    if unreadable:
        raise unreadable_files(unreadable)
    return pixels


def _without_duplicates(
    slices: Sequence[CtSlice], pixels: list[NDArray[Voxel]]
) -> tuple[list[CtSlice], list[NDArray[Voxel]]]:
    kept: list[int] = [0]
    for index in range(1, len(slices)):
        last = kept[-1]
        if not same_position(slices[last], slices[index]):
            kept.append(index)
        elif not np.array_equal(pixels[last], pixels[index]):
            raise StudyRejectedError(
                ReasonCode.DUPLICATE_SLICES,
                "Two CT slices share one position but not their pixels, so that neither can be trusted. "
                "Upload one reconstruction per series.",
                {"slices": len(slices), "position_mm": [round(float(v), 3) for v in slices[index].position]},
            )
    return [slices[i] for i in kept], [pixels[i] for i in kept]


def stack_volume(stack: SliceStack, pixels: list[NDArray[Voxel]]) -> NDArray[Voxel]:
    """Stack sorted slices with dcmstack and bring its voxels into our (column, row, slice) order.

    Parameters
    ----------
    pixels : list of ndarray, each of shape (rows, columns)
        In the order of `stack.slices`.

    Raises
    ------
    StackOrderError
        When a slice of the result is not the slice that our own sort puts there.
    """
    volume = _in_grid_order(_dcmstack(stack, pixels), stack.grid)
    for index, expected in enumerate(pixels):
        if not np.array_equal(volume[:, :, index].T, expected):
            raise StackOrderError(f"slice {index} of the stack is not the slice at its position")
    return volume


def _dcmstack(stack: SliceStack, pixels: list[NDArray[Voxel]]) -> DicomStack:
    orientation = [float(value) for value in stack.slices[0].orientation]
    meta: dict[str, Any] = {
        "ImageOrientationPatient": orientation,
        "PixelSpacing": [*stack.slices[0].spacing],
        "Rows": stack.grid.shape[1],
        "Columns": stack.grid.shape[0],
    }
    stacker = DicomStack()
    for ct, position, image in zip(stack.slices, _even_positions(stack), pixels, strict=True):
        stacker.add_dcm(_PreparedSlice(ct, position, image), meta=dict(meta))
    return stacker


def _even_positions(stack: SliceStack) -> list[NDArray[np.float64]]:
    """Positions without rounding noise, which is within tolerance here but would break dcmstack's own comparison."""
    first, last = stack.slices[0].position, stack.slices[-1].position
    step = (last - first) / (len(stack.slices) - 1)
    return [first + index * step for index in range(len(stack.slices))]


def _in_grid_order(stacker: DicomStack, grid: Grid) -> NDArray[Any]:
    """Lay dcmstack's slices into a volume whose axes follow the grid's.

    `DicomStack.get_data` would give the same voxels in a memory layout that costs two more passes over them.
    """
    shape = stacker.shape  # sorts the slices
    to_ours = np.linalg.inv(grid.affine) @ np.asarray(stacker.get_affine(), dtype=np.float64)
    orientation = np.asarray(nibabel.orientations.io_orientation(to_ours))  # type: ignore[no-untyped-call]
    axes = np.argsort(orientation[:, 0]).astype(int)
    flips = orientation[axes, 1] < 0
    planes = [np.asanyarray(info[0].nii_img.dataobj)[:, :, 0] for info in stacker._files_info]
    if tuple(shape[axis] for axis in axes) != grid.shape or axes[2] != 2 or len(planes) != grid.shape[2]:
        raise StackOrderError(f"the stack has shape {shape}, its grid {grid.shape}")
    volume = np.empty(grid.shape, planes[0].dtype, order="F")
    for k, plane in enumerate(reversed(planes) if flips[2] else planes):
        volume[:, :, k] = np.flip(plane.transpose(axes[:2]), axis=tuple(np.flatnonzero(flips[:2]).tolist()))
    return volume


def _orthonormal(orientation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Remove rounding from direction cosines; dcmstack refuses what decimal strings cannot express."""
    row = orientation[:3] / np.linalg.norm(orientation[:3])
    column = orientation[3:] - (orientation[3:] @ row) * row
    return np.concatenate([row, column / np.linalg.norm(column)])
