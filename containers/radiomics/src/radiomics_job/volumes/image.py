"""An image file as the stack of slices that it is, so that everything that holds for a CT series holds for it."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from radiomics_job.dicom.ct_slice import CtSlice
from radiomics_job.dicom.series import CtSeries, SliceStack
from radiomics_job.dicom.sources import printable
from radiomics_job.errors import ReasonCode, StudyRejectedError
from radiomics_job.geometry.grid import LPS_TO_RAS, Grid, canonical_orientation
from radiomics_job.volumes.volume import Volume, unsupported_volume

ANISOTROPY = 1.01
"""An axis whose spacing is larger than both others by this factor is the one that was scanned slice by slice."""

_SUPERIOR = 2
NARROWEST_HU_RANGE = 100
"""Any scan of a patient spans more, also a part of one; SUV and normalised values span less, or have no negatives."""

_FRACTION = 1e-3
"""Rounding of single precision stays below it."""

_INT16 = np.iinfo(np.int16)


def slices_of(volume: Volume) -> CtSeries:
    """Describe the slices of an image file.

    The slices lie along the axis of the largest spacing, or, where two are alike, along the one that is nearest to
    superior: the file does not say which way it was scanned, and it may be stored in any order of axes.

    Raises
    ------
    StudyRejectedError
        `UNSUPPORTED_VOLUME` for several volumes in one file, `MISSING_SLICES` for a single slice.
    """
    if volume.layers != 1:
        raise unsupported_volume(
            volume.name, f"the image holds {volume.layers} volumes (4D); upload the one that was drawn on"
        )
    shape, affine = _turned(volume)
    if shape[2] < 2:
        raise StudyRejectedError(
            ReasonCode.MISSING_SLICES,
            "The image has a single slice, so that no volume can be made. Upload the whole volume.",
            {"slices": shape[2], "file": printable(volume.name)},
        )
    lps = LPS_TO_RAS @ affine
    lengths = np.linalg.norm(lps[:3, :3], axis=0)
    orientation = (lps[:3, :2] / lengths[:2]).T.ravel()
    first = CtSlice(
        name=volume.name,
        dataset=Dataset(),  # what only DICOM says is absent
        frame=0,
        instance_uid="",
        series_uid="",
        study_uid="",
        frame_of_reference_uid="",
        localizer=False,
        orientation=orientation,
        position=lps[:3, 3],
        spacing=(float(lengths[1]), float(lengths[0])),
        rows=shape[1],
        columns=shape[0],
        slope=1.0,
        intercept=0.0,
    )
    slices = (replace(first, frame=k, position=lps[:3, 3] + k * lps[:3, 2]) for k in range(shape[2]))
    return CtSeries(tuple(slices), frozenset())


def stack_volume_file(volume: Volume, series: CtSeries) -> tuple[SliceStack, NDArray[np.int16]]:
    """Read the voxels of an image file.

    Returns
    -------
    stack : SliceStack
        Its slices and grid.
    voxels : ndarray of int16, shape (columns, rows, slices), Fortran order
        Hounsfield units, rounded to whole numbers as those of DICOM are.

    Raises
    ------
    StudyRejectedError
        `UNREADABLE_VOLUME`; `UNSUPPORTED_VOLUME` for values that are no numbers or beyond 16 bits.
    """
    shape, affine = _turned(volume)
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    gap = abs(float(affine[:3, 2] @ normal)) / float(np.linalg.norm(normal))
    stack = SliceStack(series.slices, Grid(shape, affine), np.full(shape[2] - 1, gap), 0.0, 0)
    voxels = np.empty(volume.shape, np.int16, order="F")
    fractions = False
    for k, plane in enumerate(volume.planes(volume.stored())):
        voxels[:, :, k] = _whole(plane, volume.name)
        fractions = fractions or bool(np.abs(plane - voxels[:, :, k]).max() > _FRACTION)
    if fractions:
        _check_rounding(voxels, volume.name)
    return stack, np.asfortranarray(voxels.transpose(_axes(volume)))


def _check_rounding(voxels: NDArray[np.int16], name: str) -> None:
    """Refuse real numbers of which rounding would leave nothing: SUV, shares, normalised values."""
    low, high = int(voxels.min()), int(voxels.max())
    if low >= 0 or high - low < NARROWEST_HU_RANGE:
        raise unsupported_volume(
            name,
            f"it holds real numbers from about {low} to {high}, which are no Hounsfield units; upload the CT as it was "
            "acquired (a PET is measured from DICOM only)",
        )


def _axes(volume: Volume) -> tuple[int, int, int]:
    """Give the stored axes in the order columns, rows, slices."""
    lengths = np.linalg.norm(volume.affine[:3, :3], axis=0)
    longest = int(lengths.argmax())
    if lengths[longest] <= ANISOTROPY * np.delete(lengths, longest).max():
        longest = canonical_orientation(volume.affine).source_axes[_SUPERIOR]
    first, second = (axis for axis in range(3) if axis != longest)
    return first, second, longest


def _turned(volume: Volume) -> tuple[tuple[int, int, int], NDArray[np.float64]]:
    first, second, third = axes = _axes(volume)
    shape = (volume.shape[first], volume.shape[second], volume.shape[third])
    return shape, volume.affine[:, [*axes, 3]]


def _whole(plane: NDArray[Any], name: str) -> NDArray[np.int16]:
    if not np.isfinite(plane).all():
        raise unsupported_volume(name, "the image holds values that are no numbers; export it again")
    rounded = np.rint(plane)
    if rounded.min() < _INT16.min or rounded.max() > _INT16.max:
        raise unsupported_volume(name, "the image holds values beyond 16-bit Hounsfield units; upload the CT itself")
    return np.asarray(rounded, dtype=np.int16)
