"""Stored pixels of a CT slice to Hounsfield units."""

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import pixel_array

from radiomics_job.dicom.ct_header import CtSlice
from radiomics_job.dicom.sources import printable
from radiomics_job.errors import ReasonCode, StudyRejectedError
from radiomics_job.geometry.grid import rounded

_INT16 = np.iinfo(np.int16)
_GREY = "MONOCHROME"

_HOUNSFIELD_TYPES = {"HU", "US", "HU_MOD"}
"""RescaleType of Hounsfield units: US is "unspecified", which scanners write too. Not Z_EFF, ED and other maps."""

_JPEG_FAMILY = "1.2.840.10008.1.2.4."
"""Start of the transfer syntax UIDs of JPEG, JPEG-LS, JPEG 2000 and HTJ2K: all streams end in the same mark."""

_NEWER_SYNTAXES = {
    "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
    "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
    "1.2.840.10008.1.2.8.1": "Deflated Image Frame Compression",
}
"""Names that pydicom 3.0 does not know (DICOM PS3.6 table A-1)."""

_END_OF_IMAGE = b"\xff\xd9"

_PANIC_MODULE = "pyo3_runtime"
"""Where pylibjpeg-rle's errors on damaged frames come from: they are no Exception, and cannot be imported."""


def hounsfield(ct: CtSlice) -> NDArray[np.int16]:
    """Decode one slice and apply its own rescale slope and intercept.

    Returns
    -------
    ndarray of int16, shape (rows, columns)
        Hounsfield units, rounded to whole numbers. Padding outside int16 is clipped to its limits.

    Raises
    ------
    StudyRejectedError
        `UNSUPPORTED_DICOM` for colour images, or values beyond int16 that are not padding.
    ValueError, RuntimeError
        When the pixel data cannot be decoded.
    """
    _check_meaning(ct)
    return _rescale(stored_values(ct), ct)


def stored_values(image: CtSlice) -> NDArray[np.signedinteger | np.unsignedinteger]:
    """Decode one slice; no scale is applied.

    Raises
    ------
    ValueError, RuntimeError
        When the pixel data cannot be decoded.
    """
    stored = _stored(image)
    if stored.shape != (image.rows, image.columns):
        raise ValueError("decoded pixels do not have the size that the header says")
    return stored


def _check_meaning(ct: CtSlice) -> None:
    """Refuse pixels that are not Hounsfield units: colours, spectral maps, a scale of zero, bits in another place."""
    dataset = ct.dataset
    bits = int(dataset.get("BitsStored") or dataset.BitsAllocated)
    wrong = {
        "SamplesPerPixel": int(dataset.get("SamplesPerPixel") or 1) != 1,
        "PhotometricInterpretation": not str(dataset.get("PhotometricInterpretation") or _GREY).startswith(_GREY),
        "RescaleType": str(dataset.get("RescaleType") or "HU").strip().upper() not in _HOUNSFIELD_TYPES,
        "RescaleSlope": ct.slope == 0,
        "HighBit": bits < int(dataset.BitsAllocated) and int(dataset.get("HighBit", bits - 1)) != bits - 1,
    }
    for attribute in (name for name, is_wrong in wrong.items() if is_wrong):
        raise StudyRejectedError(
            ReasonCode.UNSUPPORTED_DICOM,
            f"A CT image does not hold Hounsfield units in the usual way ({attribute}); upload the original CT series.",
            {"attribute": attribute, "file": printable(ct.name)},
        )


def check_syntax(dataset: Dataset, name: str) -> None:
    """Refuse pixels in a transfer syntax that cannot be decoded, by its name: such a file is not damaged.

    Raises
    ------
    StudyRejectedError
        `UNSUPPORTED_DICOM`, for instance for JPEG XL.
    """
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is None or (syntax.is_transfer_syntax and not syntax.is_encapsulated):
        return
    try:
        if get_decoder(syntax).is_available:
            return
    except NotImplementedError:
        pass
    known = _NEWER_SYNTAXES.get(str(syntax), str(syntax.name))
    raise StudyRejectedError(
        ReasonCode.UNSUPPORTED_DICOM,
        f"The pixels are in a transfer syntax that is not supported: {known}. Export the object uncompressed, or as "
        "JPEG 2000 or RLE.",
        {"transfer_syntax": str(syntax), "name": known, "file": printable(name)},
    )


def release(ct: CtSlice) -> None:
    """Drop the stored pixels of a slice that is decoded or not needed: they are half of a study's memory."""
    if "PixelData" in ct.dataset:
        del ct.dataset.PixelData


def _stored(ct: CtSlice) -> NDArray[np.signedinteger | np.unsignedinteger]:
    dataset = ct.dataset
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated or not syntax.is_little_endian or dataset.BitsAllocated not in (8, 16, 32):
        return decode_frame(dataset, ct.frame)
    signed = int(dataset.PixelRepresentation) == 1
    dtype = np.dtype(f"<{'i' if signed else 'u'}{dataset.BitsAllocated // 8}")
    count = ct.rows * ct.columns
    offset = ct.frame * count * dtype.itemsize
    native = np.frombuffer(dataset.PixelData, dtype, count, offset).reshape(ct.rows, ct.columns)
    return _without_unused_bits(native, dataset)


def _without_unused_bits(
    native: NDArray[np.signedinteger | np.unsignedinteger], dataset: Dataset
) -> NDArray[np.signedinteger | np.unsignedinteger]:
    """Drop what sits above BitsStored (old overlays), extending the sign of signed values."""
    unused = native.dtype.itemsize * 8 - int(dataset.get("BitsStored") or native.dtype.itemsize * 8)
    if unused <= 0:
        return native
    shifted: NDArray[np.signedinteger | np.unsignedinteger] = (native << unused) >> unused
    return shifted


def _rescale(stored: NDArray[np.signedinteger | np.unsignedinteger], ct: CtSlice) -> NDArray[np.int16]:
    if ct.slope == 1.0 and ct.intercept.is_integer() and stored.dtype.itemsize <= 2:
        intercept = int(ct.intercept)
        if int(stored.min()) + intercept >= _INT16.min and int(stored.max()) + intercept <= _INT16.max:
            sums = stored.astype(np.uint16)
            sums += np.uint16(intercept % 2**16)  # modulo 2^16, which is exact where every sum fits
            return sums.view(np.int16)
    values: NDArray[np.float64] = np.rint(stored * ct.slope + ct.intercept)
    if values.min() < _INT16.min or values.max() > _INT16.max:
        _check_only_padding_overflows(values, stored, ct.dataset)
        np.clip(values, _INT16.min, _INT16.max, out=values)
    return values.astype(np.int16)


def _check_only_padding_overflows(
    values: NDArray[np.float64], stored: NDArray[np.signedinteger | np.unsignedinteger], dataset: Dataset
) -> None:
    beyond = (values < _INT16.min) | (values > _INT16.max)
    if (beyond & ~padding(stored, dataset)).any():
        raise StudyRejectedError(
            ReasonCode.UNSUPPORTED_DICOM,
            "CT values beyond 16-bit Hounsfield units; upload the original CT series.",
            {"minimum_hu": rounded(float(values.min())), "maximum_hu": rounded(float(values.max()))},
        )


def decode_frame(dataset: Dataset, index: int) -> NDArray[np.signedinteger | np.unsignedinteger]:
    """Decode one frame with pydicom's decoders.

    Decoders fill what a cut JPEG stream does not hold with zeros and say nothing, so its end mark is checked first.

    Raises
    ------
    ValueError, RuntimeError
        When the frame is cut short or cannot be decoded.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.startswith(_JPEG_FAMILY):
        frames = int(dataset.get("NumberOfFrames") or 1)
        stream = get_frame(dataset.PixelData, index, number_of_frames=frames)
        if not stream.rstrip(b"\0").endswith(_END_OF_IMAGE):
            raise ValueError("a compressed frame is cut short")
    try:
        decoded: NDArray[np.signedinteger] = pixel_array(dataset, index=index, raw=True)
    except BaseException as error:
        if type(error).__module__ == _PANIC_MODULE:
            raise ValueError("a decoder gave up") from error
        raise
    return decoded


def padding(stored: NDArray[np.signedinteger | np.unsignedinteger], dataset: Dataset) -> NDArray[np.bool_]:
    """Mark the stored values that PixelPaddingValue (and PixelPaddingRangeLimit) declare to be no measurement."""
    first = dataset.get("PixelPaddingValue")
    if first is None:
        return np.zeros(stored.shape, np.bool_)
    last = dataset.get("PixelPaddingRangeLimit")
    low, high = sorted((int(first), int(first if last is None else last)))
    return np.asarray((stored >= low) & (stored <= high), dtype=np.bool_)
