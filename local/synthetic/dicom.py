"""DICOM files made up: the parts that every maker shares, and a phantom's CT and SEG in the layouts of real writers."""

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.utils import pack_bits
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, SegmentationStorage, generate_uid

from local.synthetic.phantom import Phantom, StudySpec

MANUFACTURER = "Synthetic"
UNSIGNED_OFFSET = 1024
"""Unsigned pixels hold HU + 1024, as most scanners store them."""

SEGMENT_LABEL = "Tumour"


def item(**attributes: object) -> Dataset:
    """Make a dataset of these attributes, such as an item of a sequence; a list of datasets becomes a sequence.

    Examples
    --------
    >>> item(RequestedProcedureID="7", ReferencedSeriesSequence=[item(SeriesInstanceUID="1.2")]).RequestedProcedureID
    '7'
    """
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def start_file(sop_class: UID, instance: str) -> Dataset:
    """Start a dataset that is to become a file."""
    dataset = item(SOPClassUID=sop_class, SOPInstanceUID=instance)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(instance)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def set_pixels(dataset: Dataset, stored: NDArray[np.integer]) -> None:
    """Store pixels of one channel, shape (rows, columns) or (frames, rows, columns), with as many bits as they have."""
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = stored.dtype.itemsize * 8
    dataset.BitsStored, dataset.HighBit = dataset.BitsAllocated, dataset.BitsAllocated - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    data = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW" if stored.dtype.itemsize > 1 else "OB"


def set_bits(dataset: Dataset, frames: NDArray[np.uint8]) -> None:
    """Store frames of zeros and ones, shape (frames, rows, columns), as a binary segmentation packs them."""
    set_pixels(dataset, frames)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 1, 1, 0
    dataset.PixelData = pack_bits(frames)


def code(value: str, meaning: str) -> Dataset:
    """Make a code of SNOMED CT."""
    return item(CodeValue=value, CodingSchemeDesignator="SCT", CodeMeaning=meaning)


def ct_reference(instance_uid: str) -> Dataset:
    """Refer to a CT image."""
    return item(ReferencedSOPClassUID=CTImageStorage, ReferencedSOPInstanceUID=instance_uid)


def segment_reference(number: int = 1) -> Dataset:
    """Refer to a segment."""
    return item(ReferencedSegmentNumber=number)


def ct_slices(spec: StudySpec, phantom: Phantom) -> list[Dataset]:
    """Make the CT datasets, indexed by k (inferior to superior). Instance numbers count from the top down."""
    return [_slice(spec, phantom, k) for k in range(spec.slices)]


def seg_dataset(spec: StudySpec, phantom: Phantom, *, empty: bool = False, of_other_series: bool = False) -> Dataset:
    """Make the SEG of a study.

    Parameters
    ----------
    spec, phantom
        The study; `spec` chooses frame order, cropping and where the segment is named.
    empty
        Every pixel of every frame is zero.
    of_other_series
        It references another CT series, in another frame of reference, that is not part of the study.
    """
    slices = _frame_slices(spec, phantom.mask, empty=empty)
    dataset = _new_dataset(spec, SegmentationStorage, _uid(spec, "seg"), "SEG")
    dataset.SeriesInstanceUID = _uid(spec, "seg series")
    dataset.SeriesNumber = 300
    dataset.SeriesDescription = "Segmentation"
    dataset.InstanceNumber = 1
    dataset.DeviceSerialNumber = "0"
    dataset.SoftwareVersions = "1"
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.ContentLabel = "SEGMENTATION"
    dataset.ContentDescription = "Generated tumour"
    dataset.ContentCreatorName = ""
    if of_other_series:
        dataset.FrameOfReferenceUID = _uid(spec, "another frame of reference")
    series = ["elsewhere"] if of_other_series else []
    dataset.ReferencedSeriesSequence = [
        item(
            SeriesInstanceUID=_uid(spec, *series, "ct series"),
            ReferencedInstanceSequence=[ct_reference(_uid(spec, *series, "ct", k)) for k in slices],
        )
    ]
    _add_segment(dataset)
    _add_frames(dataset, spec, phantom, slices)
    mask = np.zeros_like(phantom.mask) if empty else phantom.mask
    dataset.NumberOfFrames = len(slices)
    dataset.LossyImageCompression = "00"
    set_bits(dataset, mask[:, :, slices].transpose(2, 1, 0).astype(np.uint8))
    return dataset


def _uid(spec: StudySpec, *parts: object) -> UID:
    """Return an identifier that is the same whenever the same study is generated."""
    return generate_uid(entropy_srcs=[str(spec.seed), spec.subject, *map(str, parts)])


def _new_dataset(spec: StudySpec, sop_class: UID, instance: UID, modality: str) -> Dataset:
    """Start a dataset: file header, patient, study and dates."""
    dataset = start_file(sop_class, instance)
    dataset.Modality = modality
    dataset.PatientName = spec.subject
    dataset.PatientID = spec.subject
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "O"
    dataset.StudyInstanceUID = _uid(spec, "study")
    dataset.StudyID = "1"
    dataset.StudyDescription = "Generated chest phantom, not a patient"
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = spec.model
    _add_moments(dataset, spec, "Study", "Series", "Content")
    dataset.FrameOfReferenceUID = _uid(spec, "frame of reference")
    dataset.PositionReferenceIndicator = ""
    return dataset


def _add_moments(dataset: Dataset, spec: StudySpec, *names: str) -> None:
    for name in names:
        setattr(dataset, f"{name}Date", spec.acquired_at.strftime("%Y%m%d"))
        setattr(dataset, f"{name}Time", spec.acquired_at.strftime("%H%M%S"))


def _slice(spec: StudySpec, phantom: Phantom, k: int) -> Dataset:
    dataset = _new_dataset(spec, CTImageStorage, _uid(spec, "ct", k), "CT")
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.SeriesInstanceUID = _uid(spec, "ct series")
    dataset.SeriesNumber = 2
    dataset.SeriesDescription = "CHEST"
    dataset.InstanceNumber = spec.slices - k
    dataset.AcquisitionNumber = 1
    _add_moments(dataset, spec, "Acquisition")
    dataset.KVP = spec.kvp
    dataset.ConvolutionKernel = spec.kernel
    dataset.PatientPosition = "HFS"
    dataset.GantryDetectorTilt = 0
    dataset.SliceThickness = spec.slice_spacing_mm
    if spec.contrast is not None:
        dataset.ContrastBolusAgent = spec.contrast
    dataset.ImagePositionPatient = _position(spec, phantom, k)
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.SliceLocation = dataset.ImagePositionPatient[2]
    dataset.PixelSpacing = [spec.pixel_spacing_mm, spec.pixel_spacing_mm]
    offset = 0 if spec.signed_pixels else UNSIGNED_OFFSET
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = -offset, 1, "HU"
    dataset.WindowCenter, dataset.WindowWidth = -600, 1500
    stored = phantom.ct[:, :, k].T + np.int16(offset)  # rows first, as DICOM stores them
    set_pixels(dataset, stored.astype(np.int16 if spec.signed_pixels else np.uint16))
    return dataset


def _position(spec: StudySpec, phantom: Phantom, k: int) -> list[float]:
    """Return the centre of the first pixel of slice k, LPS mm."""
    x, y, z = phantom.origin_lps_mm
    return [round(x, 6), round(y, 6), round(z + k * spec.slice_spacing_mm, 6)]


def _frame_slices(spec: StudySpec, mask: NDArray[np.bool_], *, empty: bool) -> list[int]:
    """Return the slices k in the order of their frames."""
    kept = range(spec.slices) if empty or not spec.cropped else np.flatnonzero(mask.any(axis=(0, 1))).tolist()
    return sorted(kept, reverse=spec.frames_descending)


def _add_segment(dataset: Dataset) -> None:
    dataset.SegmentationType = "BINARY"
    dataset.SegmentSequence = [
        item(
            SegmentNumber=1,
            SegmentLabel=SEGMENT_LABEL,
            SegmentAlgorithmType="MANUAL",
            SegmentedPropertyCategoryCodeSequence=[code("49755003", "Morphologically Abnormal Structure")],
            SegmentedPropertyTypeCodeSequence=[code("108369006", "Neoplasm")],
        )
    ]


def _add_frames(dataset: Dataset, spec: StudySpec, phantom: Phantom, slices: list[int]) -> None:
    dimensions = _uid(spec, "dimensions")
    dataset.DimensionOrganizationSequence = [item(DimensionOrganizationUID=dimensions)]
    dataset.DimensionIndexSequence = [
        item(
            DimensionOrganizationUID=dimensions,
            DimensionIndexPointer=tag_for_keyword(pointer),
            FunctionalGroupPointer=tag_for_keyword(group),
        )
        for pointer, group in (
            ("ReferencedSegmentNumber", "SegmentIdentificationSequence"),
            ("ImagePositionPatient", "PlanePositionSequence"),
        )
    ]
    dataset.SharedFunctionalGroupsSequence = [_shared_groups(spec)]
    ranks = {k: rank for rank, k in enumerate(sorted(slices), start=1)}
    dataset.PerFrameFunctionalGroupsSequence = [_frame_groups(spec, phantom, k, ranks[k]) for k in slices]


def _shared_groups(spec: StudySpec) -> Dataset:
    measures = item(
        PixelSpacing=[spec.pixel_spacing_mm, spec.pixel_spacing_mm],
        SliceThickness=spec.slice_spacing_mm,
        SpacingBetweenSlices=spec.slice_spacing_mm,
    )
    orientation = item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    shared = item(PixelMeasuresSequence=[measures], PlaneOrientationSequence=[orientation])
    if spec.segment_in_shared_groups:
        shared.SegmentIdentificationSequence = [segment_reference()]
    return shared


def _frame_groups(spec: StudySpec, phantom: Phantom, k: int, rank: int) -> Dataset:
    position = item(ImagePositionPatient=_position(spec, phantom, k))
    content = item(DimensionIndexValues=[1, rank])
    groups = item(PlanePositionSequence=[position], FrameContentSequence=[content])
    if not spec.segment_in_shared_groups:
        groups.SegmentIdentificationSequence = [segment_reference()]
    return groups
