"""Slices to one volume: dcmstack stacks, its stack is checked against our own sort, the affine is ours.

dcmstack takes the slice spacing from the first pair and accepts 4% unevenness, so every geometric decision is made
before (`radiomics_job.dicom.series`). It is given prepared slices: Hounsfield units already applied, and only the
metadata that stacking needs, because its default metadata extraction costs seconds.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import nibabel
import numpy as np
import pydicom
from dcmstack.dcmstack import DicomStack
from numpy.typing import NDArray

from radiomics_job.dicom.ct_slice import CtSlice, release
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

    def __init__(self, alike: Mapping[str, Any], position: NDArray[np.float64], pixels: NDArray[Intensity]) -> None:
        super().__init__(
            alike,
            ImagePositionPatient=position.tolist(),
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
        Gives the pixels of a slice in the image's unit: `radiomics_job.dicom.ct_slice.hounsfield` for a CT.

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
    volume = _decode(ordered, decode)
    kept = _without_duplicates(ordered, volume)
    if len(kept) < len(ordered):
        volume = np.asfortranarray(volume[:, :, kept])
    stack = fit_stack([ordered[index] for index in kept], policies, duplicates=len(ordered) - len(kept))
    if stack.grid.acquired_k is None:
        check_order(stack, volume)
        return stack, volume
    check_voxels(math.prod(stack.grid.shape), limits)
    _check_sides(*stack.grid.shape)
    check_order(_as_acquired(stack), volume)
    return stack, interpolate_planes(volume, stack.grid)


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


def _decode(slices: Sequence[CtSlice], decode: Callable[[CtSlice], NDArray[Voxel]]) -> NDArray[Voxel]:
    """Decode every slice into its place of a volume in the order of the slices."""
    volume: NDArray[Voxel] | None = None
    unreadable: dict[str, None] = {}  # each file once, whatever its frames
    for k, ct in enumerate(slices):
        try:
            pixels = decode(ct)
            if volume is None:
                volume = np.empty((ct.columns, ct.rows, len(slices)), pixels.dtype, order="F")
            volume[:, :, k] = pixels.T
            if not ct.dataset.get("PerFrameFunctionalGroupsSequence"):
                release(ct)
        except PARSER_ERRORS:
            unreadable[ct.name] = None
    if volume is None or unreadable:
        raise unreadable_files([*unreadable])
    return volume


def _without_duplicates(slices: Sequence[CtSlice], volume: NDArray[Voxel]) -> list[int]:
    """Give the indices of the slices without those that repeat another, pixel by pixel."""
    kept: list[int] = [0]
    for index in range(1, len(slices)):
        last = kept[-1]
        if not same_position(slices[last], slices[index]):
            kept.append(index)
        elif not np.array_equal(volume[:, :, last], volume[:, :, index]):
            raise StudyRejectedError(
                ReasonCode.DUPLICATE_SLICES,
                "Two CT slices share one position but not their pixels, so that neither can be trusted. "
                "Upload one reconstruction per series.",
                {"slices": len(slices), "position_mm": [round(float(v), 3) for v in slices[index].position]},
            )
    return kept


def check_order(stack: SliceStack, volume: NDArray[Voxel]) -> None:
    """Stack the slices with dcmstack, and insist that its stack is the volume.

    dcmstack is given views of the volume, so that its planes can be told by where they lie in memory: no voxel is
    copied or compared (`features-23`).

    Parameters
    ----------
    volume : ndarray, shape (columns, rows, slices), Fortran order
        The pixels in the order of `stack.slices`.

    Raises
    ------
    StackOrderError
        When dcmstack puts another slice, or a turned one, at a position of the grid.
    """
    stacker = _dcmstack(stack, volume)
    shape = stacker.shape  # sorts the slices
    to_ours = np.linalg.inv(stack.grid.affine) @ np.asarray(stacker.get_affine(), dtype=np.float64)
    orientation = np.asarray(nibabel.orientations.io_orientation(to_ours))  # type: ignore[no-untyped-call]
    planes = [np.asanyarray(info[0].nii_img.dataobj)[:, :, 0] for info in stacker._files_info]
    if orientation[:2].tolist() != [[1, 1], [0, 1]] or (shape[1], shape[0], shape[2]) != stack.grid.shape:
        raise StackOrderError(f"the stack has shape {shape} and axes {orientation.tolist()}")
    for k, plane in enumerate(planes if orientation[2, 1] > 0 else reversed(planes)):
        if not _is_same_view(plane, volume[:, :, k].T):
            raise StackOrderError(f"slice {k} of the stack is not the slice at its position")


def _is_same_view(one: NDArray[Any], other: NDArray[Any]) -> bool:
    here, there = one.__array_interface__, other.__array_interface__
    if any(here[key] != there[key] for key in ("data", "shape", "typestr")):
        return False
    steps = zip(one.shape, one.strides, other.strides, strict=True)
    return all(size == 1 or step == other_step for size, step, other_step in steps)  # a step along one pixel is none


def _dcmstack(stack: SliceStack, volume: NDArray[Voxel]) -> DicomStack:
    meta: dict[str, Any] = {
        "ImageOrientationPatient": _orthonormal(stack.slices[0].orientation).tolist(),
        "PixelSpacing": [*stack.slices[0].spacing],
        "Rows": stack.grid.shape[1],
        "Columns": stack.grid.shape[0],
    }
    stacker = DicomStack()
    for k, position in enumerate(_even_positions(stack)):
        stacker.add_dcm(_PreparedSlice(meta, position, volume[:, :, k].T), meta=dict(meta))
    return stacker


def _even_positions(stack: SliceStack) -> list[NDArray[np.float64]]:
    """Positions without rounding noise, which is within tolerance here but would break dcmstack's own comparison."""
    first, last = stack.slices[0].position, stack.slices[-1].position
    step = (last - first) / (len(stack.slices) - 1)
    return [first + index * step for index in range(len(stack.slices))]


def _orthonormal(orientation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Remove rounding from direction cosines; dcmstack refuses what decimal strings cannot express."""
    row = orientation[:3] / np.linalg.norm(orientation[:3])
    column = orientation[3:] - (orientation[3:] @ row) * row
    return np.concatenate([row, column / np.linalg.norm(column)])
