"""NRRD headers: where the voxels are in patient space, how they are stored, and the segment table of 3D Slicer.

Source: teem.sourceforge.net/nrrd/format.html; the keys of a segmentation: Slicer's developer guide, "Segmentations",
section "Segmentation file format".
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final

import nrrd
import numpy as np
from numpy.typing import NDArray

from radiomics_job.dicom.sources import SourceFile, printable
from radiomics_job.errors import Detail, ReasonCode, StudyRejectedError
from radiomics_job.limits import MEBIBYTE, Limits
from radiomics_job.volumes.volume import (
    LabelName,
    Volume,
    check_grid,
    checked_offset,
    unreadable_volume,
    unsupported_volume,
)

_TO_RAS: Final[Mapping[str, tuple[float, float, float]]] = {
    "right-anterior-superior": (1.0, 1.0, 1.0),
    "ras": (1.0, 1.0, 1.0),
    "left-anterior-superior": (-1.0, 1.0, 1.0),
    "las": (-1.0, 1.0, 1.0),
    "left-posterior-superior": (-1.0, -1.0, 1.0),
    "lps": (-1.0, -1.0, 1.0),
}
"""Sign of each axis by the `space` field. Scanner and "3D-right-handed" spaces say nothing about the patient."""

_MILLIMETRES: Final[Mapping[str, float]] = {"mm": 1.0, "millimeter": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001}

_TYPES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "long long int", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "uint64", "uint64_t"), "u8"),
    "float": "f4",
    "double": "f8",
}
_ORDERS: Final = {"little": "<", "big": ">"}
_ENCODINGS: Final = {"raw", "gzip", "gz"}

_NEEDED: Final = ("type", "dimension", "sizes", "encoding")
_NEEDED_OF_SPACE: Final = ("space directions", "space origin")

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_SEVERAL_FILES = re.compile(r"data ?file: *(LIST\b|.*%)")
_MOST_HEADER_BYTES = MEBIBYTE
_MOST_SEGMENTS = 10_000
_SEGMENT_KEY = re.compile(r"Segment(\d{1,5})_(Name|LabelValue|Layer|Tags|ID)$")
_TERMINOLOGY = re.compile(r"TerminologyEntry:[^~|]*~[^~|]*~([^~^|]*)\^([^~^|]*)\^([^~^|]*)")

_READER_ERRORS = (
    nrrd.NRRDError, ValueError, TypeError, OverflowError, IndexError, KeyError, ArithmeticError, AttributeError,
    StopIteration,
)  # fmt: skip


def read_nrrd(file: SourceFile, data: Mapping[str, bytes], limits: Limits) -> Volume:
    """Read the header of a NRRD file.

    Parameters
    ----------
    data : mapping of str to bytes
        Files of voxels in the study, by name; a header in a file of its own names one of them.

    Raises
    ------
    StudyRejectedError
        `UNREADABLE_VOLUME`; `UNSUPPORTED_VOLUME` when `space` does not say where left and right are, or for another
        encoding than raw and gzip; `INCOMPLETE_STUDY` when the file of voxels is not here; `INPUT_TOO_LARGE`.
    """
    try:
        return _read(file, data, limits)
    except _READER_ERRORS as error:
        raise unreadable_volume(file.name, "its header is damaged") from error


def _read(file: SourceFile, data: Mapping[str, bytes], limits: Limits) -> Volume:
    end = _HEADER_END.search(file.content, 0, _MOST_HEADER_BYTES)
    head = file.content[: end.start() if end else _MOST_HEADER_BYTES]
    # Lines of text, not of bytes: of bytes pynrrd drops what is not ASCII, an umlaut of a label for instance.
    lines = head.decode("utf-8", "replace").splitlines()
    if any(_SEVERAL_FILES.match(line) for line in lines):
        raise unsupported_volume(file.name, "its voxels lie in several files; save it as one .nrrd file")
    header: dict[str, Any] = dict(nrrd.read_header(lines))
    _check_fields(header, file.name)
    content = _voxels(header, file, data, end.end() if end else len(file.content))
    axes = _space_axes(header, file.name)
    shape, layers = _shape(header, axes, file.name)
    affine = _affine(header, axes, file.name)
    check_grid((*shape, layers), affine, file.name, limits)
    dtype = _dtype(header, file.name)
    facts: dict[str, Detail] = {"space": str(header["space"]), "spatial_unit_stated": "space units" in header}
    size = int(np.prod([*shape, layers])) * dtype.itemsize
    return Volume(
        file.name,
        "NRRD",
        shape,
        layers,
        axes[0] == 1,
        affine,
        dtype,
        content,
        str(header["encoding"]).lower() != "raw",
        _skipped(header, content, size, file.name),
        labels=_labels(header, layers),
        facts=facts,
    )


def _voxels(header: Mapping[str, Any], file: SourceFile, data: Mapping[str, bytes], start: int) -> bytes:
    """Give the stored voxels: what follows the header, or the file that it names."""
    encoding = str(header["encoding"]).lower()
    if encoding not in _ENCODINGS:
        raise unsupported_volume(file.name, f"its encoding is {encoding[:20]!r}; save it as raw or gzip")
    name = header.get("data file", header.get("datafile"))
    if name is None:
        return file.content[start:]
    place = str(PurePosixPath(file.name).parent / str(name))
    if place not in data:
        raise StudyRejectedError(
            ReasonCode.INCOMPLETE_STUDY,
            "A NRRD header names a file of voxels that is not here (rejection.json names both). Upload one .raw or "
            ".raw.gz file beside the header, or save the volume as one .nrrd file.",
            {"file": printable(file.name), "missing": printable(str(name)[:200])},
        )
    return data[place]


def _check_fields(header: Mapping[str, Any], name: str) -> None:
    """Name the fields without which the voxels have no place or no meaning."""
    needed = (*_NEEDED, *(_NEEDED_OF_SPACE if "space" in header else ()))
    absent = [field for field in needed if field not in header]
    if "endian" not in header and not _TYPES.get(str(header.get("type")).lower(), "1").endswith("1"):
        absent.append("endian")
    if absent:
        raise unreadable_volume(name, f"its header lacks {', '.join(absent)}")


def _skipped(header: Mapping[str, Any], content: bytes, size: int, name: str) -> int:
    if int(header.get("line skip", header.get("lineskip", 0))) != 0:
        raise unsupported_volume(name, "its voxels begin after lines of text; save it as one .nrrd file")
    skip = int(header.get("byte skip", header.get("byteskip", 0)))
    if skip < -1 or (skip == -1 and str(header["encoding"]).lower() != "raw"):
        raise unreadable_volume(name, "its byte skip is not one that NRRD allows")
    return max(0, len(content) - size) if skip == -1 else checked_offset(skip, 0, name)


def _space_axes(header: Mapping[str, Any], name: str) -> tuple[int, int, int]:
    """Name the three axes that run through space; a fourth holds the layers."""
    if str(header.get("space", "")).lower() not in _TO_RAS:
        stated = str(header.get("space") or "nothing")[:40]
        raise unsupported_volume(
            name, f"its space is {stated!r}, so that nothing says where left and right are; save it with LPS or RAS"
        )
    directions = np.asarray(header["space directions"], dtype=np.float64)
    axes = [axis for axis, direction in enumerate(directions) if np.isfinite(direction).all()]
    if len(axes) != 3 or axes[2] - axes[0] != 2 or len(directions) > 4:
        raise unsupported_volume(name, f"{len(axes)} of its {len(directions)} axes run through space; upload a volume")
    return axes[0], axes[1], axes[2]


def _shape(header: Mapping[str, Any], axes: tuple[int, int, int], name: str) -> tuple[tuple[int, int, int], int]:
    sides = [int(side) for side in header["sizes"]]
    if len(sides) != int(header["dimension"]) or len(sides) != len(header["space directions"]):
        raise unreadable_volume(name, "its header contradicts itself about the number of axes")
    layers = [side for axis, side in enumerate(sides) if axis not in axes]
    return (sides[axes[0]], sides[axes[1]], sides[axes[2]]), layers[0] if layers else 1


def _affine(header: Mapping[str, Any], axes: tuple[int, int, int], name: str) -> NDArray[np.float64]:
    units = {str(unit).lower() for unit in header.get("space units", ["mm"])}
    if len(units) != 1 or not units <= set(_MILLIMETRES):
        raise unsupported_volume(name, "its space units are not one of mm, cm, m and um")
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(header["space directions"], dtype=np.float64)[list(axes)].T
    affine[:3, 3] = np.asarray(header["space origin"], dtype=np.float64)
    affine[:3] *= _MILLIMETRES[units.pop()] * np.array(_TO_RAS[str(header["space"]).lower()])[:, None]
    return affine


def _dtype(header: Mapping[str, Any], name: str) -> np.dtype[Any]:
    code = _TYPES.get(str(header["type"]).lower())
    if code is None:
        raise unsupported_volume(name, f"its type is {str(header['type'])[:20]!r}; save whole or real numbers")
    order = "|" if code.endswith("1") else _ORDERS[str(header["endian"]).lower()]
    return np.dtype(order + code)


def _labels(header: Mapping[str, Any], layers: int) -> tuple[LabelName, ...]:
    """Read the segment table; older files of layers give neither layer nor value: segment n is layer n, value 1."""
    table: dict[int, dict[str, str]] = {}
    for key, value in header.items():
        if match := _SEGMENT_KEY.match(key):
            table.setdefault(int(match[1]), {})[match[2]] = str(value)
    if len(table) > _MOST_SEGMENTS:
        raise ValueError("too many segments")
    labels = tuple(_label(number, entry, layers) for number, entry in sorted(table.items()))
    if len({(label.layer, label.value) for label in labels}) < len(labels):
        raise ValueError("one value is two segments")
    return labels


def _label(number: int, entry: Mapping[str, str], layers: int) -> LabelName:
    layer = int(entry.get("Layer", number if layers > 1 else 0))
    value = int(entry.get("LabelValue", 1 if layers > 1 else number + 1))
    if not 0 <= layer < layers or value < 1:
        raise ValueError("a segment lies in a layer that the file does not have")
    code = _TERMINOLOGY.search(entry.get("Tags", ""))
    meaning = f"{code[1]}:{code[2]} {code[3]}" if code else ""
    return LabelName(number + 1, entry.get("Name") or entry.get("ID", ""), meaning, layer, value)
