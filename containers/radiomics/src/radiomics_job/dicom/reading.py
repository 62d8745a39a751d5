"""From bytes to DICOM objects, sorted by what they are; a damaged file rejects the study, it is never dropped."""

import hashlib
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_partial
from pydicom.sequence import Sequence
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from radiomics_job.dicom.ct_slice import (
    AlikeImages,
    CtSlice,
    UnusableImage,
    as_written,
    check_syntax,
    is_native,
    raw_value,
    read_ct_slices,
    unusable_image,
)
from radiomics_job.dicom.elements import ordinary_elements, tag_of
from radiomics_job.dicom.references import CT_CLASSES, ENHANCED_PET_CLASSES, PET_CLASSES
from radiomics_job.dicom.sources import FileKind, SourceFile, is_bare, printable
from radiomics_job.errors import ReasonCode, StudyRejectedError
from radiomics_job.limits import MEBIBYTE, Limits

SEG_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
    "1.2.840.10008.5.1.4.1.1.66.7",  # Label Map Segmentation
}

RTSTRUCT_CLASSES = {"1.2.840.10008.5.1.4.1.1.481.3"}
_MEASURED = CT_CLASSES | SEG_CLASSES | RTSTRUCT_CLASSES

PARSER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    UserWarning,
    ValueError,
    struct.error,
    zlib.error,
)
"""Everything that pydicom and its decoders were seen to raise on damaged files. RecursionError is a RuntimeError and
UnicodeError a ValueError. UserWarning, because a sequence that ends too early is a mere warning to pydicom, while a
shorter list of contours is a wrong mask. Not among them is MemoryError: it is the memory limit's business."""

_UNDEFINED_LENGTH = 0xFFFFFFFF

_ITEM_MARKS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
"""The tag that begins a sequence item, in little and in big endian."""

_SMALLEST_ITEM = 8
"""Bytes of an empty item: pydicom makes a data set of each, a hundred times as large."""

_SEPARATOR = b"\\"
"""Between the values of a text element."""

_INFLATED_PIECE = 16 * MEBIBYTE
"""Bytes that are inflated at a time to learn the size of a deflated file."""

_NEEDED = [
    # identity
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "PatientID",
    "Modality", "ImageType", "SpecificCharacterSet", "StudyDate", "StudyTime", "SeriesDate", "SeriesTime",
    "AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime", "TimezoneOffsetFromUTC", "AcquisitionNumber",
    "InstanceNumber", "TemporalPositionIdentifier", "NominalPercentageOfCardiacPhase",
    # acquisition
    "Manufacturer", "ManufacturerModelName", "ConvolutionKernel", "KVP", "ContrastBolusAgent", "SliceThickness",
    # geometry
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    # pixels
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "RescaleSlope", "RescaleIntercept", "RescaleType",
    "PixelPaddingValue", "PixelPaddingRangeLimit", "PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
    "LossyImageCompression",
    # segmentation
    "SegmentationType", "SegmentationFractionalType", "MaximumFractionalValue", "SegmentSequence",
    "ReferencedSeriesSequence", "SourceImageSequence", "SegmentsOverlap", "SeriesDescription", "ContentCreatorName",
    # structure set
    "ReferencedFrameOfReferenceSequence", "StructureSetROISequence", "ROIContourSequence", "RTROIObservationsSequence",
    # PET
    "Units", "DecayCorrection", "CorrectedImage", "SUVType", "PatientWeight", "RadiopharmaceuticalInformationSequence",
    "FrameReferenceTime", "ActualFrameDuration", "00090010", "0009100D", "70530010", "70531000", "70531009",
]  # fmt: skip
"""The only elements that are parsed, by keyword; everything else in a file is skipped over."""

_NEEDED_TAGS = {int(tag_of(keyword)): tag_of(keyword) for keyword in _NEEDED}

_PIXELS = tag_of("PixelData")
_NO_PIXELS = RawDataElement(_PIXELS, "OW", 0, b"", 0, False, True)

_LARGE = 65536
"""Bytes from which pydicom leaves an element where it is, so that it is not copied."""


@dataclass
class StudyFiles:
    """What a study holds."""

    ct: list[CtSlice] = field(default_factory=list)
    """One entry per CT slice; a multi-frame object gives one per frame."""
    pet: list[Dataset] = field(default_factory=list)
    """PET images; read as slices only where a dataset asks for them."""
    unusable: list[UnusableImage] = field(default_factory=list)
    """Objects of a CT class that cannot be placed in space or in Hounsfield units: screen saves, dose reports, maps."""
    segmentations: list[Dataset] = field(default_factory=list)
    structure_sets: list[Dataset] = field(default_factory=list)
    """SEG and RTSTRUCT objects."""
    other: int = 0
    """Readable DICOM files of other kinds."""
    other_series: dict[str, str] = field(default_factory=dict)
    """Their series: SeriesInstanceUID to Modality."""
    patients: set[str] = field(default_factory=set)
    """Patient identifiers that are not empty."""
    alike: AlikeImages = field(default_factory=AlikeImages, repr=False)
    """What headers that repeat from image to image say: each is decoded once."""
    identified: set[tuple[bytes, bytes]] = field(default_factory=set, repr=False)
    """PatientIDs as they are written, with their character sets: `patients` has what they say."""
    contents: set[bytes] = field(default_factory=set)
    """Digests of the segmentations and structure sets: of what is used of them, instance UID included."""
    volumes: list[SourceFile] = field(default_factory=list)
    """NIfTI and NRRD files."""
    data: dict[str, bytes] = field(default_factory=dict)
    """Files of voxels that a NRRD header may name."""
    input_hash: str = ""
    """SHA-256 over the sorted hashes of all files that were read: independent of names and order."""


def read_study(files: Iterable[SourceFile], limits: Limits) -> StudyFiles:
    """Parse every DICOM file of a study once; keep its volume files, whose headers are read elsewhere.

    Raises
    ------
    StudyRejectedError
        `UNREADABLE_DICOM` naming the files, `MIXED_PATIENTS`, `EMPTY_STUDY` or `INPUT_TOO_LARGE`.
    """
    study, unreadable = StudyFiles(), []
    hashes: list[str] = []
    for file in files:
        hashes.append(hashlib.sha256(file.content).hexdigest())
        if file.kind is not FileKind.DICOM:
            _keep(study, file)
            continue
        try:
            with strict_parsing():
                _add(study, file, limits)
        except PARSER_ERRORS:
            unreadable.append(file.name)
    if unreadable:
        raise unreadable_files(unreadable)
    if not hashes:
        raise StudyRejectedError(
            ReasonCode.EMPTY_STUDY,
            "No file is DICOM, NIfTI or NRRD. Upload the study's files.",
            {"dicom": 0, "volumes": 0},
        )
    if len(study.patients) > 1:
        raise StudyRejectedError(
            ReasonCode.MIXED_PATIENTS,
            "The files belong to more than one patient. Upload one patient's study per folder.",
            {"patients": len(study.patients)},
        )
    study.input_hash = hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()
    return study


def _keep(study: StudyFiles, file: SourceFile) -> None:
    if file.kind is FileKind.DATA:
        study.data[file.name] = file.content
    else:
        study.volumes.append(file)


@contextmanager
def strict_parsing() -> Iterator[None]:
    """Turn pydicom's warning of a sequence that ends too early into an error; silence its other warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message="End of file reached")
        yield


def unreadable_files(names: list[str]) -> StudyRejectedError:
    """Build the rejection that names the damaged files of a study.

    The names stand in the details only: a file may be named after a patient, and messages travel further.
    """
    listed = [printable(name) for name in names[:20]]
    return StudyRejectedError(
        ReasonCode.UNREADABLE_DICOM,
        f"Damaged or cut short DICOM files: {len(names)}. Upload them again (rejection.json names them).",
        {"count": len(names), "files": [*listed]},
    )


def _add(study: StudyFiles, file: SourceFile, limits: Limits) -> None:
    dataset = _parse(file.content, limits)
    kind = _sop_class(dataset)
    if kind in CT_CLASSES:
        _add_ct(study, dataset, file, limits)
    elif kind in SEG_CLASSES | RTSTRUCT_CLASSES:
        dataset.filename = file.name
        _place_pixels(dataset, file, native=False)
        if kind in SEG_CLASSES:
            check_syntax(dataset, file.name)
        content = _digest(dataset)
        if content not in study.contents:  # one object in two downloads is not two readers'
            study.contents.add(content)
            (study.segmentations if kind in SEG_CLASSES else study.structure_sets).append(dataset)
    else:
        if kind in PET_CLASSES | ENHANCED_PET_CLASSES:
            dataset.filename = file.name
            _place_pixels(dataset, file, is_native(dataset))
            study.pet.append(dataset)
        study.other += 1
        study.other_series[str(dataset.get("SeriesInstanceUID") or "")] = str(dataset.get("Modality") or "")[:16]
    _note_patient(study, dataset)  # at the end: a value that is asked for no longer is as it was stored


def _note_patient(study: StudyFiles, dataset: Dataset) -> None:
    written = raw_value(dataset, "PatientID"), raw_value(dataset, "SpecificCharacterSet")
    if written not in study.identified:
        if patient := str(dataset.get("PatientID") or "").strip():
            study.patients.add(patient)
        study.identified.add(written)


def _place_pixels(dataset: Dataset, file: SourceFile, native: bool) -> None:
    """Leave native pixels in their file when they can be read again slice by slice; take all others from it."""
    pixels = dataset.get_item(_PIXELS, keep_deferred=True)
    if not isinstance(pixels, RawDataElement) or not _is_deferred(pixels):
        return
    if native and file.place is not None:
        dataset.pixels_place = file.place
    else:
        dataset[_PIXELS] = _with_value(pixels, file.content)


def _is_deferred(element: RawDataElement) -> bool:
    return element.value is None and element.length > 0


def _with_value(element: RawDataElement, content: bytes) -> RawDataElement:
    return element._replace(value=content[element.value_tell : element.value_tell + element.length])


def _digest(dataset: Dataset) -> bytes:
    """Hash the elements that were parsed, as they are stored: values are not decoded."""
    digest = hashlib.sha256()
    for tag in sorted(dataset.keys()):
        element = dataset.get_item(tag)
        digest.update(tag.to_bytes(4, "little"))
        if isinstance(element, RawDataElement):
            digest.update(element.value or b"")
        elif isinstance(element.value, Sequence):
            for item in element.value:
                digest.update(_digest(item))
        else:
            digest.update(repr(element.value).encode())
    return digest.digest()


def _add_ct(study: StudyFiles, dataset: Dataset, file: SourceFile, limits: Limits) -> None:
    try:
        check_syntax(dataset, file.name)
        slices = [*read_ct_slices(dataset, file.name, limits, study.alike)]
    except StudyRejectedError as error:
        if error.code is not ReasonCode.UNSUPPORTED_DICOM:
            raise
        error.details["file"] = printable(file.name)
        study.unusable.append(unusable_image(dataset, error))
    else:
        _place_pixels(dataset, file, is_native(slices[0].header))
        study.ct.extend(slices)


def _sop_class(dataset: Dataset) -> str:
    """Tell what an object is.

    A file whose own header names another kind than its file meta information is damaged when the latter says that it
    matters here: it must not pass as some other kind of object.
    """
    stated = as_written(dataset.file_meta, "MediaStorageSOPClassUID")
    kind = as_written(dataset, "SOPClassUID") or stated
    if not kind or (stated in _MEASURED and kind not in _MEASURED):
        raise ValueError(f"the header says {kind!r}, the file meta information {stated!r}")
    if "SOPClassUID" not in dataset:
        dataset.SOPClassUID = UID(kind)
    return kind


def _parse(content: bytes, limits: Limits) -> Dataset:
    source = _Content(content, limits)
    dataset = ordinary_elements(content, _NEEDED_TAGS, _LARGE)
    if dataset is None:
        source, dataset = _parse_any(content, limits)
    for element in [*dataset.values()]:  # as they were read: nothing is decoded
        if element.value is None and isinstance(element, RawDataElement) and element.length and element.tag != _PIXELS:
            dataset[element.tag] = _with_value(element, content)
    pixels = dataset.get_item(_PIXELS, keep_deferred=True)
    source.check_values(pixels if isinstance(pixels, RawDataElement) else _NO_PIXELS)
    return dataset


def _parse_any(content: bytes, limits: Limits) -> tuple["_Content", Dataset]:
    # Without these bytes pydicom inflates nothing, and a read that is not looked at costs half as much.
    deflated = DeflatedExplicitVRLittleEndian.encode() in content
    source = (_DeflatedContent if deflated else _Content)(content, limits)
    bare = is_bare(content)
    # Places in an inflated file are none in the file.
    dataset = read_partial(source, defer_size=None if deflated else _LARGE, force=bare, specific_tags=[*_NEEDED_TAGS])
    if bare and "TransferSyntaxUID" not in dataset.file_meta:  # pydicom has found out how the elements are written
        implicit, _ = dataset.original_encoding
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    for element in dataset.values():
        _check_whole(element, content)
    dataset.buffer = None  # pydicom keeps the whole file beside the elements that it read from it
    return source, dataset


def _check_whole(element: object, content: bytes) -> None:
    """Refuse an element that the end of the file cut short; pydicom keeps what is there and says nothing."""
    if not isinstance(element, RawDataElement) or element.length == _UNDEFINED_LENGTH:
        return
    here = len(content) - element.value_tell if _is_deferred(element) else len(element.value or b"")
    if here < element.length:
        raise ValueError("the file ends inside an element")


class _Content(BytesIO):
    """A file's bytes for pydicom, with budgets of what they may become."""

    def __init__(self, content: bytes, limits: Limits) -> None:
        super().__init__(content)
        self._limits = limits
        self._size, self._values = len(content), -1  # most files are too small for too many values: not counted
        if len(content) > _SMALLEST_ITEM * limits.items:
            _check_budget("items", _count_items(content), limits.items)

    def check_values(self, pixels: RawDataElement) -> None:
        """Refuse more values than the budget, before each becomes an object; bytes of pixels are none."""
        limit = 3 * self._limits.contour_points
        length = pixels.length if _is_deferred(pixels) else len(pixels.value or b"")
        if self._size - length > 2 * limit:  # a value and its separator
            values = self.getvalue().count(_SEPARATOR) if self._values < 0 else self._values
            stored = _with_value(pixels, self.getvalue()) if _is_deferred(pixels) else pixels
            _check_budget("values", values - (stored.value or b"").count(_SEPARATOR), limit)


class _DeflatedContent(_Content):
    """Bytes that pydicom may inflate: it reads the rest of a file in one piece only to do so, without any bound.

    Reading the transfer syntax beforehand would not do: a file can lie about where its data set begins.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        """Read; the rest of the file must stay within the budgets when it is inflated."""
        data = super().read(size)
        if size is None or size < 0:
            self._check_inflated(data)
        return data

    def _check_inflated(self, deflated: bytes) -> None:
        """Inflate a data set piece by piece, keeping none, and refuse one that expands beyond a budget."""
        inflater, rest = zlib.decompressobj(-zlib.MAX_WBITS), deflated
        self._size = self._values = items = 0
        while rest:
            piece = inflater.decompress(rest, _INFLATED_PIECE)
            rest = inflater.unconsumed_tail
            self._size, self._values = self._size + len(piece), self._values + piece.count(_SEPARATOR)
            items += _count_items(piece)
            _check_budget("bytes", self._size, self._limits.file_bytes)
            _check_budget("items", items, self._limits.items)


def _count_items(content: bytes) -> int:
    return sum(content.count(mark) for mark in _ITEM_MARKS)


def _check_budget(name: str, value: int, limit: int) -> None:
    if value > limit:
        raise StudyRejectedError(
            ReasonCode.INPUT_TOO_LARGE,
            f"A DICOM file expands beyond the budget of {limit} {name}; export it again, uncompressed.",
            {name: value, "limit": limit},
        )
