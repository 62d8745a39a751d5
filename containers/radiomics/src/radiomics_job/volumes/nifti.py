"""NIfTI-1 and NIfTI-2 headers: where the voxels are in patient space, and how they are stored.

Source: nifti.nimh.nih.gov, `nifti1.h` (sform, qform, `xyzt_units`, `scl_slope`) and `nifti2.h`.
"""

from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from radiomics_job.dicom.ct_slice import LARGEST_MM
from radiomics_job.dicom.sources import GZIP_MARK, HEAD_BYTES, SourceFile, is_nifti
from radiomics_job.errors import Detail
from radiomics_job.limits import Limits
from radiomics_job.volumes.volume import (
    Volume,
    check_grid,
    checked_offset,
    inflated,
    unreadable_volume,
    unsupported_volume,
)

_MILLIMETRES = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""By `xyzt_units & 7`: unknown (taken as mm, and told), metre, millimetre, micrometre."""

_SPACE_UNITS = 7
_NIFTI2_SIZE = 540

FORMS_AGREE_VOXELS = 0.1
"""How far apart, in voxels at the corners, sform and qform may place the volume and still agree: a quaternion in single
precision is that exact across any scan."""

_READER_ERRORS = (HeaderDataError, ValueError, TypeError, OverflowError, IndexError, KeyError, ArithmeticError)


def read_nifti(file: SourceFile, limits: Limits) -> Volume:
    """Read the header of a NIfTI file.

    The sform counts when both forms are set; a disagreement with the qform (without one, with the spacing in `pixdim`)
    is told by the fact `forms_differ_mm`.

    Raises
    ------
    StudyRejectedError
        `UNREADABLE_VOLUME`; `UNSUPPORTED_VOLUME` when no form says where the voxels are, or for colours, complex
        numbers, time series and `.hdr`/`.img` pairs; `INPUT_TOO_LARGE`.
    """
    try:
        return _read(file, limits)
    except _READER_ERRORS as error:
        raise unreadable_volume(file.name, "its header is damaged") from error


def _read(file: SourceFile, limits: Limits) -> Volume:
    header = _header(file)
    shape, layers = _shape(header, file.name)
    dtype = _dtype(header, file.name)
    affine, qform, facts = _affine(header, shape, file.name)
    check_grid((*shape, layers), affine, file.name, limits)
    slope, intercept = header.get_slope_inter()
    return Volume(
        file.name,
        "NIFTI",
        shape,
        layers,
        False,
        affine,
        dtype,
        file.content,
        file.content.startswith(GZIP_MARK),
        checked_offset(int(header["vox_offset"]), header.template_dtype.itemsize, file.name),
        1.0 if slope is None else float(slope),
        0.0 if intercept is None else float(intercept),
        qform=qform,
        facts=facts,
    )


def _header(file: SourceFile) -> Any:  # noqa: ANN401  # nibabel ships no types
    packed = file.content.startswith(GZIP_MARK)
    head = inflated(file.content, HEAD_BYTES, file.name) if packed else file.content[:HEAD_BYTES]
    if not is_nifti(head):
        raise unreadable_volume(file.name, "it does not begin as NIfTI does")
    is_second = _NIFTI2_SIZE in (int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big"))
    reader: Any = Nifti2Header if is_second else Nifti1Header
    header = reader(head[: reader.template_dtype.itemsize], check=True)
    if not bytes(header["magic"]).startswith(b"n+"):
        raise unsupported_volume(file.name, "it is one of a pair (.hdr, .img); convert it to one .nii.gz file")
    return header


def _shape(header: Any, name: str) -> tuple[tuple[int, int, int], int]:  # noqa: ANN401  # as above
    """Give the three sides, and how many volumes there are."""
    sides = [int(side) for side in header.get_data_shape()]
    while len(sides) > 3 and sides[-1] == 1:
        sides.pop()
    if len(sides) not in (3, 4):
        raise unsupported_volume(name, f"it has {len(sides)} dimensions; upload a three-dimensional volume")
    return (sides[0], sides[1], sides[2]), sides[3] if len(sides) == 4 else 1


def _dtype(header: Any, name: str) -> np.dtype[Any]:  # noqa: ANN401  # as above
    dtype: np.dtype[Any] = header.get_data_dtype()
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise unsupported_volume(name, f"its voxels are {dtype}; upload whole or real numbers")
    return dtype


def _affine(
    header: Any,  # noqa: ANN401  # as above
    shape: tuple[int, int, int],
    name: str,
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, dict[str, Detail]]:
    """Choose the affine in RAS millimetres; give the qform where it differs, and say what was chosen from."""
    units = int(header["xyzt_units"]) & _SPACE_UNITS
    if units not in _MILLIMETRES:
        raise unsupported_volume(name, "its spatial unit is not metre, millimetre or micrometre", xyzt_units=units)
    sform, qform = _form(header.get_sform, units), _form(header.get_qform, units)
    affine = qform if sform is None else sform
    if affine is None:
        raise unsupported_volume(
            name, "neither sform nor qform is set, so that nothing says where left and right are; export it again"
        )
    facts: dict[str, Detail] = {"form": "qform" if sform is None else "sform", "spatial_unit_stated": units != 0}
    if sform is not None:
        stated = np.array(header["pixdim"][1:4], dtype=np.float64) * _MILLIMETRES[units]
        distance = _longer_by(sform, stated, shape) if qform is None else _farthest_corner(sform - qform, shape)
        if not distance <= FORMS_AGREE_VOXELS * float(np.linalg.norm(sform[:3, :3], axis=0).min()):
            facts["forms_differ_mm"] = round(distance, 3) if distance < LARGEST_MM else LARGEST_MM
    return affine, qform if "forms_differ_mm" in facts else None, facts


def _form(get: Any, units: int) -> NDArray[np.float64] | None:  # noqa: ANN401  # as above
    affine, code = get(coded=True)
    if affine is None or code == 0:
        return None
    scaled = np.array(affine, dtype=np.float64)
    scaled[:3] *= _MILLIMETRES[units]
    return scaled


def _longer_by(sform: NDArray[np.float64], stated: NDArray[np.float64], shape: tuple[int, int, int]) -> float:
    """Largest difference, in millimetres, between the sides of the volume by its sform and by `pixdim`.

    A sheared volume (gantry tilt) may state the distance of its slices along their normal. Without a qform, ITK's
    programs take the spacing from `pixdim` all the same.
    """
    columns = sform[:3, :3]
    along = np.linalg.norm(columns, axis=0)
    across = np.abs(np.linalg.det(columns)) / np.linalg.norm(
        np.cross(columns[:, [1, 2, 0]].T, columns[:, [2, 0, 1]].T), axis=1
    )
    off = np.minimum(np.abs(along - stated), np.abs(across - stated))
    return float(((np.array(shape) - 1) * off).max())


def _farthest_corner(difference: NDArray[np.float64], shape: tuple[int, int, int]) -> float:
    """Largest distance, in millimetres, between where two affines place a corner of the volume."""
    corners = np.array(
        [[i, j, k, 1.0] for i in (0, shape[0] - 1) for j in (0, shape[1] - 1) for k in (0, shape[2] - 1)]
    )
    return float(np.linalg.norm((corners @ difference.T)[:, :3], axis=1).max())
