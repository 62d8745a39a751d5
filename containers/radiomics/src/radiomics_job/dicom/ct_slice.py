"""One CT slice: what its header says, read strictly where geometry is concerned, and its pixels in Hounsfield units."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import pixel_array

from radiomics_job.dicom.elements import tag_of
from radiomics_job.dicom.sources import Place, printable
from radiomics_job.errors import ReasonCode, StudyRejectedError
from radiomics_job.geometry.grid import rounded
from radiomics_job.limits import Limits

SMALLEST_SPACING_MM = 1e-4
"""A tenth of a micrometre: a smaller PixelSpacing is damage, and would not survive NIfTI's single precision."""

LARGEST_MM = 1e6
"""A kilometre: a larger PixelSpacing or coordinate is damage, and would not survive NIfTI's single precision."""

_ACQUISITION = (
    ("FrameContentSequence", "FrameAcquisitionNumber"),
    ("FrameContentSequence", "TemporalPositionIndex"),
    ("TemporalPositionSequence", "TemporalPositionTimeOffset"),
    ("CardiacSynchronizationSequence", "NominalPercentageOfCardiacPhase"),
    ("RespiratorySynchronizationSequence", "NominalPercentageOfRespiratoryPhase"),
)
"""What tells the acquisitions, time points and phases of one multi-frame CT apart (PS3.3 C.7.6.16.2)."""

_ACQUIRED = ("AcquisitionNumber", "TemporalPositionIdentifier", "NominalPercentageOfCardiacPhase")
"""The same of single-frame images."""


@dataclass(frozen=True, eq=False)
class CtSlice:
    """One CT slice (or one frame of a multi-frame CT)."""

    name: str
    """File name relative to the study."""
    dataset: Dataset
    """The object that holds the pixels."""
    frame: int
    """Index of the frame within the object; 0 for single-frame objects."""
    instance_uid: str
    series_uid: str
    study_uid: str
    frame_of_reference_uid: str
    """Identifiers; empty when absent."""
    localizer: bool
    """The image type says that this is a scout view."""
    orientation: NDArray[np.float64]
    """Direction cosines of a row and of a column, LPS; shape (6,)."""
    position: NDArray[np.float64]
    """Centre of the first pixel, LPS millimetres; shape (3,)."""
    spacing: tuple[float, float]
    """Between rows, between columns, in millimetres."""
    rows: int
    columns: int
    """Matrix size."""
    slope: float
    intercept: float
    """From stored values to Hounsfield units."""
    kernel: str = ""
    """Reconstruction kernel; empty when absent."""
    original_uid: str = ""
    """Of a frame of a legacy converted CT: the SOPInstanceUID of the image that it was. Empty otherwise."""
    frame_acquisition: str = ""
    """Of a frame: its acquisition, time point and phase, as far as its functional groups state them."""
    alike: Dataset | None = None
    """An image whose header says the same of the pixels, and was decoded before; None for `dataset` itself."""

    @property
    def header(self) -> Dataset:
        """The object that says what the pixels mean."""
        return self.dataset if self.alike is None else self.alike

    @property
    def uids(self) -> frozenset[str]:
        """SOPInstanceUIDs that a segmentation may call this image by."""
        return frozenset({self.instance_uid, self.original_uid} - {""})

    @property
    def is_one_of_several(self) -> bool:
        """Whether this is a frame of a multi-frame object, so that a reference may name it by its number."""
        return "PerFrameFunctionalGroupsSequence" in self.dataset

    @property
    def acquisition(self) -> str:
        """AcquisitionNumber, time point and phase; of a frame, as its functional groups say. Empty when absent."""
        return self.frame_acquisition or "/".join(filter(None, (as_written(self.dataset, key) for key in _ACQUIRED)))

    @property
    def number(self) -> tuple[int, int] | None:
        """InstanceNumber and frame: the order in which images were made, never where they lie. None when absent."""
        number = as_written(self.dataset, "InstanceNumber")
        return (int(number), self.frame) if number.isdecimal() else None


@dataclass(frozen=True, eq=False)
class UnusableImage:
    """An object of a CT class that is no slice: a screen save, a dose report, an image without place or scale."""

    instance_uid: str
    series_uid: str
    secondary: bool
    """Its image type says that it was made from other images."""
    error: StudyRejectedError
    """Why it cannot be used; it rejects the study only when the image is one of those that are measured."""


def unusable_image(dataset: Dataset, error: StudyRejectedError) -> UnusableImage:
    """Describe an object that cannot be used."""
    instance, series, *_ = _identity(dataset)
    kinds = {str(value).upper() for value in dataset.get("ImageType") or []}
    return UnusableImage(instance, series, bool(kinds & {"DERIVED", "SECONDARY"}), error)


AlikeImages: TypeAlias = dict[tuple[object, ...], CtSlice]
"""Single-frame images, each the first of those whose headers repeat it but for their identity, time and position."""

_REPEATED = frozenset(
    tag_of(keyword)
    for keyword in (
        "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "ImageType",
        "ConvolutionKernel", "ImageOrientationPatient", "PixelSpacing", "NumberOfFrames", "SamplesPerPixel",
        "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
        "PixelRepresentation", "RescaleSlope", "RescaleIntercept", "RescaleType", "SharedFunctionalGroupsSequence",
        "PerFrameFunctionalGroupsSequence",
    )
)  # fmt: skip
"""Whatever of a single-frame image is read, except for SOPInstanceUID and ImagePositionPatient."""

_CONVERTED = ("UnassignedPerFrameConvertedAttributesSequence", "UnassignedSharedConvertedAttributesSequence")
"""Where a legacy converted CT keeps what single images said and no functional group has (PS3.3 C.7.6.16.2.25)."""

_GROUPS = frozenset(
    tag_of(keyword) for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
)


def read_ct_slices(dataset: Dataset, name: str, limits: Limits, alike: AlikeImages | None = None) -> Iterator[CtSlice]:
    """Give the slices of one CT object: one, or one per frame.

    Parameters
    ----------
    alike : dict, optional
        Images that were read before, and this one afterwards: an image that repeats the header of one of them, byte by
        byte, is not decoded again.

    Raises
    ------
    StudyRejectedError
        `UNSUPPORTED_DICOM` when an attribute that the geometry needs is absent; `INPUT_TOO_LARGE`.
    AttributeError, ValueError
        When an element cannot be decoded; the caller counts the file as unreadable.
    """
    repeated = _repeated(dataset) if alike is not None else None
    if alike is not None and repeated in alike:
        return iter([_one_more(alike[repeated], dataset, name)])
    if "LOCALIZER" in [str(value).upper() for value in dataset.get("ImageType") or []]:
        return iter([_localizer(dataset, name)])
    frames = frame_count(dataset)
    if frames > limits.frames:
        raise StudyRejectedError(
            ReasonCode.INPUT_TOO_LARGE,
            "A multi-frame CT exceeds the frame budget; upload one study per folder.",
            {"frames": frames, "limit": limits.frames},
        )
    if frames > 1 and not dataset.get("PerFrameFunctionalGroupsSequence"):
        raise _missing("PerFrameFunctionalGroupsSequence")
    _check_pixel_length(dataset, frames)
    slices = [_slice(dataset, name, frame) for frame in range(frames)]
    if alike is not None and repeated is not None:
        alike[repeated] = slices[0]
    return iter(slices)


def _repeated(dataset: Dataset) -> tuple[object, ...] | None:
    """Give the elements that images of one series share, as they are written; None for one of several frames."""
    elements = [element for element in dataset.values() if element.tag in _REPEATED]
    if any(element.tag in _GROUPS or not isinstance(element, RawDataElement) for element in elements):
        return None
    written = tuple((element.tag, element.VR, element.value) for element in elements)
    syntax = as_written(dataset.file_meta, "TransferSyntaxUID")
    return written, raw_value(dataset, "SpecificCharacterSet"), syntax, _pixel_length(dataset)


def _one_more(first: CtSlice, dataset: Dataset, name: str) -> CtSlice:
    """Describe an image whose header repeats another's."""
    instance = str(dataset.get("SOPInstanceUID") or "")
    position = _position(dataset, ())
    return replace(first, name=name, dataset=dataset, instance_uid=instance, position=position, alike=first.header)


def frame_count(dataset: Dataset) -> int:
    """Give NumberOfFrames, 1 when absent.

    Raises
    ------
    ValueError
        When it is not positive, or not the number of frames that the functional groups describe: frames would be lost.
    """
    frames = int(dataset.get("NumberOfFrames") or 1)
    described = dataset.get("PerFrameFunctionalGroupsSequence")
    if frames < 1 or (described and len(described) != frames):
        raise ValueError("NumberOfFrames is not the number of frames that are described")
    return frames


def raw_value(dataset: Dataset, keyword: str) -> bytes:
    """Give the bytes of an element that nobody has asked for yet; empty when absent."""
    element = dataset.get_item(tag_of(keyword))
    return element.value or b"" if isinstance(element, RawDataElement) else str(element).encode() if element else b""


def as_written(dataset: Dataset, keyword: str) -> str:
    """Give the text of a UID, a number or a time without asking whether it is one. Empty when absent."""
    element = dataset.get_item(tag_of(keyword))
    value = "" if element is None else element.value
    return (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value or "")).strip(" \0")


def _identity(dataset: Dataset) -> tuple[str, str, str, str]:
    keywords = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")
    return tuple(str(dataset.get(keyword) or "") for keyword in keywords)  # type: ignore[return-value]


def _localizer(dataset: Dataset, name: str) -> CtSlice:
    nothing = np.zeros(6)
    return CtSlice(name, dataset, 0, *_identity(dataset), True, nothing, nothing[:3], (1.0, 1.0), 0, 0, 1.0, 0.0)


def _slice(dataset: Dataset, name: str, frame: int) -> CtSlice:
    groups = _groups(dataset, frame)
    orientation = _numbers(dataset, groups, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
    position = _position(dataset, groups)
    spacing = _numbers(dataset, groups, "PixelMeasuresSequence", "PixelSpacing", 2)
    slope = _numbers(dataset, groups, "PixelValueTransformationSequence", "RescaleSlope", 1)
    intercept = _numbers(dataset, groups, "PixelValueTransformationSequence", "RescaleIntercept", 1)
    if not SMALLEST_SPACING_MM <= min(spacing) <= max(spacing) <= LARGEST_MM:
        raise _missing("PixelSpacing")
    return CtSlice(
        name,
        dataset,
        frame,
        *_identity(dataset),
        False,
        orientation,
        position,
        (float(spacing[0]), float(spacing[1])),
        int(dataset.Rows),
        int(dataset.Columns),
        float(slope[0]),
        float(intercept[0]),
        str(_value(dataset, groups, "CTReconstructionSequence", "ConvolutionKernel") or ""),
        _original_uid(groups),
        _frame_acquisition(groups),
    )


def _frame_acquisition(groups: Sequence[Dataset]) -> str:
    stated = [_group_value(groups, sequence, keyword) for sequence, keyword in _ACQUISITION] if groups else []
    return "/".join("" if value is None else str(value) for value in stated).strip("/")


def _position(dataset: Dataset, groups: Sequence[Dataset]) -> NDArray[np.float64]:
    position = _numbers(dataset, groups, "PlanePositionSequence", "ImagePositionPatient", 3)
    if np.abs(position).max() > LARGEST_MM:
        raise _missing("ImagePositionPatient")
    return position


def _original_uid(groups: Sequence[Dataset]) -> str:
    source = _group_item(groups, "ConversionSourceAttributesSequence")
    return str(source.get("ReferencedSOPInstanceUID") or "") if source is not None else ""


def functional_group(dataset: Dataset, frame: int, sequence: str) -> Dataset | None:
    """Find a functional group item of a frame: its own first, then the one shared by all frames.

    Examples
    --------
    >>> functional_group(seg, 3, "PlanePositionSequence").ImagePositionPatient  # doctest: +SKIP
    [-250.0, -250.0, -120.5]
    """
    return _group_item(_groups(dataset, frame), sequence)


def _groups(dataset: Dataset, frame: int) -> list[Dataset]:
    """List a frame's functional groups, its own first; none for a single-frame object."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    own = [per_frame[frame]] if frame < len(per_frame) else []
    return [*own, *(dataset.get("SharedFunctionalGroupsSequence") or [])[:1]]


def _group_item(groups: Sequence[Dataset], sequence: str) -> Dataset | None:
    for group in groups:
        if group.get(sequence):
            item: Dataset = group[sequence].value[0]
            return item
    return None


def frame_value(dataset: Dataset, frame: int, sequence: str, keyword: str) -> Any:  # noqa: ANN401  # as pydicom types it
    """Read an element of a frame's functional groups (its own, else the shared ones), else of the object itself.

    Examples
    --------
    >>> frame_value(enhanced_ct, 3, "CTXRayDetailsSequence", "KVP")  # doctest: +SKIP
    120.0
    """
    return _value(dataset, _groups(dataset, frame), sequence, keyword)


def _value(dataset: Dataset, groups: Sequence[Dataset], sequence: str, keyword: str) -> Any:  # noqa: ANN401  # as above
    for name in (sequence, *_CONVERTED) if groups else ():
        value = _group_value(groups, name, keyword)
        if value is not None:
            return value
    return dataset.get(keyword)


def _group_value(groups: Sequence[Dataset], sequence: str, keyword: str) -> Any:  # noqa: ANN401  # as above
    group = _group_item(groups, sequence)
    return group.get(keyword) if group is not None else None


def _numbers(
    dataset: Dataset, groups: Sequence[Dataset], sequence: str, keyword: str, count: int
) -> NDArray[np.float64]:
    """Read numbers from the frame's functional groups, else from the object itself."""
    value = _value(dataset, groups, sequence, keyword)
    if value is None:
        raise _missing(keyword)
    numbers = np.atleast_1d(np.asarray(value, dtype=np.float64))
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise ValueError(f"{keyword} is not {count} number(s)")
    return numbers


def _missing(keyword: str) -> StudyRejectedError:
    return StudyRejectedError(
        ReasonCode.UNSUPPORTED_DICOM,
        f"A CT image has no usable {keyword}, without which its voxels cannot be placed in Hounsfield units or in "
        "space. Export the original CT series again.",
        {"attribute": keyword},
    )


def _check_pixel_length(dataset: Dataset, frames: int) -> None:
    """Notice a file that was cut short: fewer pixel bytes than its own header states."""
    if int(dataset.BitsAllocated) % 8:
        raise _unusual("BitsAllocated")
    if "PixelData" not in dataset:
        raise ValueError("no pixel data")
    if not (length := _pixel_length(dataset)):
        raise ValueError("empty pixel data")
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return
    samples = int(dataset.get("SamplesPerPixel") or 1)
    expected = int(dataset.Rows) * int(dataset.Columns) * samples * frames * int(dataset.BitsAllocated) // 8
    check_length(length, expected)


def _unusual(attribute: str, **details: str) -> StudyRejectedError:
    return StudyRejectedError(
        ReasonCode.UNSUPPORTED_DICOM,
        f"A CT image does not hold Hounsfield units in the usual way ({attribute}); upload the original CT series.",
        {"attribute": attribute, **details},
    )


def _pixel_length(dataset: Dataset) -> int:
    """Count the bytes of the pixels, in memory or in their file."""
    pixels = dataset.get_item(tag_of("PixelData"), keep_deferred=True)
    if pixels is None:
        return 0
    return pixels.length if isinstance(pixels, RawDataElement) and pixels.value is None else len(pixels.value or b"")


def check_length(actual: int, expected: int) -> None:
    """Refuse uncompressed pixel data that its header does not describe: too little was cut short, too much means that
    Rows, Columns or NumberOfFrames lie. One byte of padding is allowed.

    Raises
    ------
    ValueError
        When the lengths differ.
    """
    if not expected <= actual <= expected + 1:
        raise ValueError("pixel data does not have the length that its header says")


_INT16 = np.iinfo(np.int16)
_GREY = "MONOCHROME"

_HOUNSFIELD_TYPES = {"HU", "US", "HU_MOD", ""}
"""RescaleType of Hounsfield units: US is "unspecified", which scanners write too, and none is HU. Not Z_EFF, ED, …."""

_NO_HOUNSFIELD_IMAGES = {"MAT_SPECIFIC", "MAT_FRACTIONAL", "EFF_ATOMIC_NUM", "ELECTRON_DENSITY"}
"""Fourth value of ImageType (PS3.3 C.8.2.1.1.1) of multi-energy maps; they may be Hounsfield units only where
RescaleType says HU."""

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
    dataset = ct.header
    bits = int(dataset.get("BitsStored") or dataset.BitsAllocated)
    stated = frame_value(dataset, ct.frame, "PixelValueTransformationSequence", "RescaleType")
    unit = str(stated or "").strip().upper()
    kinds = frame_value(dataset, ct.frame, "CTImageFrameTypeSequence", "FrameType") or dataset.get("ImageType") or []
    is_map = bool({str(kind).upper() for kind in kinds} & _NO_HOUNSFIELD_IMAGES)
    wrong = {
        "SamplesPerPixel": int(dataset.get("SamplesPerPixel") or 1) != 1,
        "PhotometricInterpretation": not str(dataset.get("PhotometricInterpretation") or _GREY).startswith(_GREY),
        "RescaleType": unit not in _HOUNSFIELD_TYPES or (is_map and not unit.startswith("HU")),
        "RescaleSlope": ct.slope == 0,
        "HighBit": bits < int(dataset.BitsAllocated) and int(dataset.get("HighBit", bits - 1)) != bits - 1,
    }
    for attribute in (name for name, is_wrong in wrong.items() if is_wrong):
        raise _unusual(attribute, file=printable(ct.name))


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
    """Drop the stored pixels of a slice that is decoded or not needed."""
    if "PixelData" in ct.dataset:
        del ct.dataset.PixelData


def _stored(ct: CtSlice) -> NDArray[np.signedinteger | np.unsignedinteger]:
    header = ct.header
    if not is_native(header):
        return decode_frame(ct.dataset, ct.frame)
    signed = int(header.PixelRepresentation) == 1
    dtype = np.dtype(f"<{'i' if signed else 'u'}{header.BitsAllocated // 8}")
    size = ct.rows * ct.columns * dtype.itemsize
    native = np.frombuffer(_frame_bytes(ct.dataset, ct.frame * size, size), dtype).reshape(ct.rows, ct.columns)
    return _without_unused_bits(native, header)


def is_native(dataset: Dataset) -> bool:
    """Tell whether pixels lie in their file as a processor reads them."""
    syntax = dataset.file_meta.TransferSyntaxUID
    plain = syntax.is_little_endian and not syntax.is_encapsulated
    return bool(plain and dataset.get("BitsAllocated") in (8, 16, 32))


def _frame_bytes(dataset: Dataset, offset: int, size: int) -> bytes | memoryview:
    pixels = dataset.get_item(tag_of("PixelData"), keep_deferred=True)
    if isinstance(pixels, RawDataElement) and pixels.value is None:
        place: Place = dataset.pixels_place
        return place.read(pixels.value_tell + offset, size)
    return memoryview(dataset.PixelData)[offset : offset + size]


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
            # Modulo 2^16, which is exact where every sum fits.
            sums: NDArray[np.int16] = np.add(
                stored, np.uint16(intercept % 2**16), dtype=np.uint16, casting="unsafe"
            ).view(np.int16)
            return sums
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
    # Scanners write -2000 beside signed pixels as the unsigned number of the same 16 bits.
    limits = np.array([first, first if last is None else last], np.int64).astype(stored.dtype)
    low, high = limits.min(), limits.max()
    return np.asarray((stored >= low) & (stored <= high), dtype=np.bool_)
