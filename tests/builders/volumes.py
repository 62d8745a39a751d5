"""Writes volumes as NIfTI and NRRD files byte by byte, so that no library that is tested also wrote what it reads."""

import gzip
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.builders.dicom import Inside, Scan, hounsfield, tumour

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

_CODES = {"uint8": 2, "int16": 4, "int32": 8, "float32": 16, "float64": 64, "int8": 256, "uint16": 512, "complex64": 32}


def affine_of(scan: Scan) -> NDArray[np.float64]:
    """(column, row, slice) to RAS millimetres."""
    row, column, _ = scan.axes()
    lps = np.eye(4)
    lps[:3, 0], lps[:3, 1] = row * scan.spacing[1], column * scan.spacing[0]
    lps[:3, 2], lps[:3, 3] = scan.position(1) - scan.position(0), scan.position(0)
    return np.asarray(LPS_TO_RAS @ lps)


def image_of(scan: Scan) -> NDArray[np.int16]:
    """Hounsfield units, shape (columns, rows, slices)."""
    return np.stack([hounsfield(scan.points(k)).T for k in range(scan.slices)], axis=-1)


def mask_of(scan: Scan, inside: Inside = tumour) -> NDArray[np.uint8]:
    """The region, shape (columns, rows, slices)."""
    return np.moveaxis(scan.mask(inside), 0, -1).swapaxes(0, 1).astype(np.uint8)


@dataclass(frozen=True)
class Nifti:
    """How a NIfTI-1 file is written."""

    sform: NDArray[np.float64] | None = None
    """Instead of the volume's affine."""
    sform_code: int = 1
    qform_code: int = 0
    """The qform is written for axes along the patient's, the first two of one sign."""
    units: int = 2
    """mm; 0 unknown, 1 m, 3 µm."""
    slope: float = 1.0
    intercept: float = 0.0
    order: str = "<"
    changes: dict[int, tuple[str, Any]] = field(default_factory=dict)
    """Offset in the header to format and value."""


def nifti(voxels: NDArray[Any], affine: NDArray[np.float64], how: Nifti | None = None) -> bytes:
    """A NIfTI-1 file (nifti1.h: offsets of its fields)."""
    how = how or Nifti()
    head = bytearray(352)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)

    def put(offset: int, kind: str, *values: Any) -> None:
        struct.pack_into(how.order + kind, head, offset, *values)

    put(0, "i", 348)
    put(40, "8h", voxels.ndim, *voxels.shape, *[1] * (7 - voxels.ndim))
    put(70, "2h", _CODES[voxels.dtype.name], voxels.dtype.itemsize * 8)
    put(76, "8f", 1.0, *spacing, 1.0, 1.0, 1.0, 1.0)
    put(108, "3f", 352.0, how.slope, how.intercept)
    put(123, "b", how.units)
    put(252, "2h", how.qform_code, how.sform_code)
    put(256, "3f", 0.0, 0.0, float(affine[0, 0] < 0))  # no rotation, or half a turn about the third axis
    put(268, "3f", *affine[:3, 3])
    put(280, "12f", *(affine if how.sform is None else how.sform)[:3].ravel())
    head[344:348] = b"n+1\0"
    for offset, (kind, value) in how.changes.items():
        put(offset, kind, value)
    return bytes(head) + voxels.astype(voxels.dtype.newbyteorder(how.order)).tobytes(order="F")  # type: ignore[arg-type]


@dataclass(frozen=True)
class Nrrd:
    """How a NRRD file is written."""

    space: str | None = "left-posterior-superior"
    encoding: str = "raw"
    data_file: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    """Key/value pairs, `:=`."""
    lines: tuple[str, ...] = ()
    """More lines of the header."""
    layers: bool = False
    """The first axis of the voxels counts layers."""


def nrrd(voxels: NDArray[Any], affine: NDArray[np.float64], how: Nrrd | None = None) -> bytes:
    """A NRRD file; with `data_file`, its header alone."""
    how = how or Nrrd()
    signs = {"left-posterior-superior": (-1, -1, 1), "LPS": (-1, -1, 1), "left-anterior-superior": (-1, 1, 1)}
    placed = np.array(signs.get(how.space or "", (1, 1, 1)))[:, None] * affine[:3]
    vectors = ["(" + ",".join(f"{v:.17g}" for v in column) + ")" for column in placed.T]
    kind = {"i2": "short", "u1": "unsigned char", "f4": "float", "u2": "ushort"}[voxels.dtype.str[1:]]
    lines = ["NRRD0005", f"type: {kind}", f"dimension: {voxels.ndim}"]
    lines += [f"space: {how.space}"] if how.space else []
    lines += ["sizes: " + " ".join(map(str, voxels.shape))]
    lines += ["space directions: " + ("none " if how.layers else "") + " ".join(vectors[:3])]
    lines += [f"encoding: {how.encoding}", f"space origin: {vectors[3]}", *how.lines]
    lines += ["endian: little"] if voxels.dtype.itemsize > 1 else []
    lines += [f"data file: {how.data_file}"] if how.data_file else []
    lines += [f"{key}:={value}" for key, value in how.fields.items()]
    data = voxels.astype(voxels.dtype.newbyteorder("<")).tobytes(order="F")
    head = "\n".join([*lines, "", ""]).encode()
    return head if how.data_file else head + (gzip.compress(data, 1) if how.encoding == "gzip" else data)


def save(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files below a folder; those called `.gz` are compressed."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content, 1) if name.endswith(".gz") else content)
    return folder
