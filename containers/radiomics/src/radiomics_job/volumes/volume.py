"""One NIfTI or NRRD file: its grid in patient space, and its voxels when they are asked for.

What both formats share is here; `nifti` and `nrrd` read the headers. Decision record: `features-18`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from isal import isal_zlib
from isal.igzip_lib import IsalError
from numpy.typing import NDArray

from radiomics_job.dicom.ct_slice import LARGEST_MM, SMALLEST_SPACING_MM
from radiomics_job.dicom.sources import GZIP_MARK, printable
from radiomics_job.errors import Detail, ReasonCode, StudyRejectedError
from radiomics_job.limits import MEBIBYTE, Limits

LARGEST_LABEL = 65535
"""Largest value of a label map: an unsigned 16-bit number, as in DICOM."""

LABEL_ROUNDING = 1e-3
"""How far a label may be from a whole number: `scl_slope` has single precision, so that 255 × 1/255 is not quite 1."""

MOST_LABELS = 256
"""Different values from which a volume of whole numbers is an image rather than a label map."""

_GZIP_WINDOW = 31
_PIECE_BYTES = 1 << 18
"""Given to the inflater at a time: it copies what lies behind a member, and a bgzip file has thousands of members."""

MOST_OFFSET = 16 * MEBIBYTE
"""Bytes that may stand before the voxels: NIfTI's extensions are kilobytes, and a larger number is damage."""


@dataclass(frozen=True)
class LabelName:
    """An entry of a NRRD segmentation's table."""

    number: int
    """Place in the table, from 1."""
    name: str
    property_code: str
    """`<scheme>:<value> <meaning>` of the segmented type; empty when absent."""
    layer: int
    """Which volume of a four-dimensional file holds it."""
    value: int
    """Voxel value inside."""


@dataclass(frozen=True, eq=False)
class Volume:
    """A volume file whose header has been read."""

    name: str
    """File name relative to the study."""
    format: str
    """`NIFTI` or `NRRD`."""
    shape: tuple[int, int, int]
    """Columns, rows, slices as they are stored."""
    layers: int
    """Volumes in the file; 1 for an ordinary one."""
    layers_first: bool
    """The layers of one voxel lie beside each other (NRRD) instead of one volume after the other (NIfTI)."""
    affine: NDArray[np.float64]
    """Voxel index to RAS millimetres; shape (4, 4)."""
    dtype: np.dtype[Any]
    """Of a stored value, with its byte order."""
    content: bytes
    """Stored voxels, and whatever stands before them."""
    packed: bool
    """They are compressed with gzip."""
    offset: int
    """Bytes before the first voxel, after unpacking."""
    slope: float = 1.0
    intercept: float = 0.0
    """From stored values to what they mean."""
    labels: tuple[LabelName, ...] = ()
    """The table of a NRRD segmentation."""
    qform: NDArray[np.float64] | None = None
    """The second form of a NIfTI file, where it places the voxels elsewhere than `affine`, which is the sform."""
    facts: Mapping[str, Detail] = field(default_factory=dict)
    """What `qc.json` tells of the header."""

    @property
    def voxel_count(self) -> int:
        """Values in the file."""
        return self.shape[0] * self.shape[1] * self.shape[2] * self.layers

    def stored(self) -> NDArray[Any]:
        """Unpack the stored values.

        Returns
        -------
        ndarray, shape (columns, rows, slices, layers)

        Raises
        ------
        StudyRejectedError
            `UNREADABLE_VOLUME` when there are fewer values than the header says.
        """
        size = self.offset + self.voxel_count * self.dtype.itemsize
        # One byte more than needed, so that the checksum at the end is looked at.
        raw = inflated(self.content, size + 1, self.name) if self.packed else self.content
        if len(raw) < size:
            raise unreadable_volume(self.name, "it holds fewer voxels than its header says")
        flat = np.frombuffer(raw, self.dtype, self.voxel_count, self.offset)
        if self.layers_first:
            return np.moveaxis(flat.reshape((self.layers, *self.shape), order="F"), 0, -1)
        return flat.reshape((*self.shape, self.layers), order="F")

    def planes(self, stored: NDArray[Any], layer: int = 0) -> Iterator[NDArray[Any]]:
        """Yield slice by slice what the stored values mean: whole numbers stay such, all else is float64."""
        plain = (self.slope, self.intercept) == (1.0, 0.0)
        for k in range(self.shape[2]):
            plane = stored[:, :, k, layer]
            yield plane if plain else plane * self.slope + self.intercept

    @cached_property
    def values(self) -> tuple[tuple[int, ...], ...]:
        """The label values of each layer, ascending, without the background; one empty tuple when it is no label map.

        A label map holds whole numbers from 0 to `LARGEST_LABEL`, 0 among them, of which few differ.
        """
        stored = self.stored()
        found = [self._values_of(stored, layer) for layer in range(self.layers)]
        return tuple(each for each in found if each is not None) if None not in found else ()

    @property
    def is_label_map(self) -> bool:
        """Whether the voxels can be labels."""
        return bool(self.values)

    def _values_of(self, stored: NDArray[Any], layer: int) -> tuple[int, ...] | None:
        seen = np.zeros(LARGEST_LABEL + 1, np.bool_)
        for plane in self.planes(stored, layer):
            whole = whole_numbers(plane)
            if whole is None:
                return None
            seen[whole] = True
        values = np.flatnonzero(seen)
        return tuple(int(v) for v in values[1:]) if seen[0] and len(values) <= MOST_LABELS else None

    def mask(self, layer: int, value: int) -> NDArray[np.bool_]:
        """Mark the voxels of one label; shape as `shape`, Fortran order."""
        mask = np.empty(self.shape, np.bool_, order="F")
        for k, plane in enumerate(self.planes(self.stored(), layer)):
            mask[:, :, k] = (plane if plane.dtype.kind in "iu" else np.rint(plane)) == value
        return mask


def whole_numbers(plane: NDArray[Any]) -> NDArray[np.int64] | None:
    """Give values as indices from 0 to `LARGEST_LABEL`; None when they are no such numbers, up to `LABEL_ROUNDING`."""
    if not (plane.min() >= -LABEL_ROUNDING and plane.max() <= LARGEST_LABEL + LABEL_ROUNDING):  # NaN is neither
        return None
    whole = (plane if plane.dtype.kind in "iu" else np.rint(plane)).astype(np.int64)
    return whole if plane.dtype.kind in "iu" or bool(np.abs(plane - whole).max() <= LABEL_ROUNDING) else None


def inflated(content: bytes, most: int, name: str) -> bytes:
    """Give the first `most` bytes of what a gzip file holds.

    Raises
    ------
    StudyRejectedError
        `UNREADABLE_VOLUME` for a damaged or shortened gzip file.
    """
    pieces, view, at, room = [], memoryview(content), 0, most
    try:
        while view[at : at + 2] == GZIP_MARK and room > 0:  # bgzip writes a member every 64 kB
            inflater = isal_zlib.decompressobj(wbits=_GZIP_WINDOW)
            while not inflater.eof and room > 0:
                part = view[at : at + _PIECE_BYTES]
                if not part:
                    raise unreadable_volume(name, "its compressed part is cut short")
                piece = inflater.decompress(part, room)
                pieces.append(piece)
                room -= len(piece)
                at += len(part) - len(inflater.unused_data) - len(inflater.unconsumed_tail)
    except IsalError as error:  # type: ignore[misc]  # its stubs describe an instance
        raise unreadable_volume(name, "its compressed part is damaged") from error
    return b"".join(pieces)


def checked_offset(offset: int, least: int, name: str) -> int:
    """Give the bytes before the voxels when there can be so many."""
    if not least <= offset <= MOST_OFFSET:
        raise unreadable_volume(name, "its header does not say where its voxels begin")
    return offset


def check_grid(shape: tuple[int, ...], affine: NDArray[np.float64], name: str, limits: Limits) -> None:
    """Refuse a grid that spans no space, or that is beyond the voxel budget.

    Raises
    ------
    StudyRejectedError
        `UNREADABLE_VOLUME`, `UNSUPPORTED_VOLUME` or `INPUT_TOO_LARGE`.
    """
    if min(shape) < 1:
        raise unreadable_volume(name, "a side of its grid is not positive")
    voxels = int(np.prod([float(side) for side in shape]))
    if voxels > limits.voxels or max(shape) > np.iinfo(np.int16).max:
        raise StudyRejectedError(
            ReasonCode.INPUT_TOO_LARGE,
            "A volume file exceeds the voxel budget, or a side is longer than NIfTI can say; upload one image a study.",
            {"voxels": voxels, "limit": limits.voxels, "file": printable(name)},
        )
    columns = affine[:3, :3]
    lengths = np.linalg.norm(columns, axis=0)
    spans = np.isfinite(affine).all() and lengths.min() >= SMALLEST_SPACING_MM and lengths.max() <= LARGEST_MM
    if not spans or abs(np.linalg.det(columns / lengths)) < 1e-3 or np.abs(affine[:3, 3]).max() > LARGEST_MM:
        raise unsupported_volume(name, "its header places the voxels nowhere (spacing or directions are not usable)")


def unreadable_volume(name: str, why: str) -> StudyRejectedError:
    """Build the rejection of a damaged file; its name stands in the details only, as it may name a patient."""
    return StudyRejectedError(
        ReasonCode.UNREADABLE_VOLUME,
        f"A NIfTI or NRRD file cannot be read: {why}. Upload it again (rejection.json names it).",
        {"file": printable(name)},
    )


def unsupported_volume(name: str, why: str, **details: Detail) -> StudyRejectedError:
    """Build the rejection of a valid file that is not supported."""
    return StudyRejectedError(
        ReasonCode.UNSUPPORTED_VOLUME,
        f"A NIfTI or NRRD file cannot be used: {why} (rejection.json names it).",
        {"file": printable(name), **details},
    )
