"""NIfTI files whose bytes depend on nothing but the voxels and the affine."""

from pathlib import Path
from typing import Any

import numpy as np
from isal import isal_zlib
from nibabel.nifti1 import Nifti1Header
from numpy.typing import NDArray

from radiomics_job.geometry.grid import Grid

_GZIP_WINDOW = 31
"""Deflate window of 2^15 with a gzip header, whose time stamp zlib leaves 0."""

_SCANNER = 1
"""NIfTI transform code: coordinates of the scanner."""

_SHEAR_LIMIT_DEGREES = 1e-3
"""A quaternion cannot express shear: beyond this angle the qform is marked unknown, and the sform alone is right."""


Stored = np.int16 | np.uint8 | np.float32


def write_nifti(path: Path, voxels: NDArray[Stored], grid: Grid) -> None:
    """Write a compressed NIfTI volume.

    Parameters
    ----------
    voxels : ndarray of int16, uint8 or float32, shape (columns, rows, slices)
        Best in Fortran order, which is NIfTI's own.
    grid : Grid
        Sets sform and qform; equal shape.
    """
    compressor = isal_zlib.compressobj(level=1, wbits=_GZIP_WINDOW)
    with path.open("wb") as file:
        file.write(compressor.compress(_header(voxels, grid)))
        for k in range(grid.shape[2]):
            plane = np.ascontiguousarray(voxels[:, :, k].T)
            file.write(compressor.compress(plane.astype(plane.dtype.newbyteorder("<"), copy=False)))
        file.write(compressor.flush())


def _header(voxels: NDArray[Stored], grid: Grid) -> bytes:
    header: Any = Nifti1Header(endianness="<")  # type: ignore[no-untyped-call]
    header.set_data_dtype(voxels.dtype)
    header.set_data_shape(grid.shape)
    header.set_xyzt_units("mm")
    header.set_slope_inter(1, 0)
    sheared = grid.shear_degrees > _SHEAR_LIMIT_DEGREES
    header.set_qform(grid.affine, code=0 if sheared else _SCANNER, strip_shears=True)
    header.set_sform(grid.affine, code=_SCANNER)
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    no_extensions = b"\0\0\0\0"
    return bytes(header.binaryblock) + no_extensions
