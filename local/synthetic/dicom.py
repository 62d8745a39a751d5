"""What every generated DICOM file shares: identity, dates, file header, and UIDs that follow from the seed."""

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.utils import pack_bits
from pydicom.sequence import Sequence
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, SegmentationStorage, generate_uid

from local.synthetic.phantom import Phantom, StudySpec

MANUFACTURER = "Synthetic"
UNSIGNED_OFFSET = 1024
"""Unsigned pixels hold HU + 1024, as most scanners store them."""

SEGMENT_LABEL = "Tumour"


def uid(spec: StudySpec, *parts: object) -> UID:
    """Unique identifier that is the same whenever the same study is generated."""
    return generate_uid(entropy_srcs=[str(spec.seed), spec.subject, *map(str, parts)])


def new_dataset(spec: StudySpec, sop_class: UID, sop_instance: UID, modality: str) -> Dataset:
    """Start a dataset: file header, patient, study and dates."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = sop_instance
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = sop_instance
    dataset.Modality = modality
    dataset.PatientName = spec.subject
    dataset.PatientID = spec.subject
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "O"
    dataset.StudyInstanceUID = uid(spec, "study")
    dataset.StudyID = "1"
    dataset.StudyDescription = "Generated chest phantom, not a patient"
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = spec.model
    for moment in ("Study", "Series", "Content"):
        setattr(dataset, f"{moment}Date", spec.acquired_at.strftime("%Y%m%d"))
        setattr(dataset, f"{moment}Time", spec.acquired_at.strftime("%H%M%S"))
    dataset.FrameOfReferenceUID = uid(spec, "frame of reference")
    dataset.PositionReferenceIndicator = ""
    return dataset


def ct_slices(spec: StudySpec, phantom: Phantom) -> list[Dataset]:
    """Make the CT datasets, indexed by k (inferior to superior). Instance numbers count from the top down."""
    return [_slice(spec, phantom, k) for k in range(spec.slices)]


def ct_instance_uid(spec: StudySpec, k: int) -> UID:
    """Identifier of slice k."""
    return uid(spec, "ct", k)


def _slice(spec: StudySpec, phantom: Phantom, k: int) -> Dataset:
    dataset = new_dataset(spec, CTImageStorage, ct_instance_uid(spec, k), "CT")
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.SeriesInstanceUID = uid(spec, "ct series")
    dataset.SeriesNumber = 2
    dataset.SeriesDescription = "CHEST"
    dataset.InstanceNumber = spec.slices - k
    dataset.AcquisitionNumber = 1
    dataset.AcquisitionDate = spec.acquired_at.strftime("%Y%m%d")
    dataset.AcquisitionTime = spec.acquired_at.strftime("%H%M%S")
    _add_technique(dataset, spec)
    _add_plane(dataset, spec, phantom, k)
    _add_ct_pixels(dataset, spec, phantom.ct[:, :, k])
    return dataset


def _add_technique(dataset: Dataset, spec: StudySpec) -> None:
    dataset.KVP = spec.kvp
    dataset.ConvolutionKernel = spec.kernel
    dataset.PatientPosition = "HFS"
    dataset.GantryDetectorTilt = 0
    dataset.SliceThickness = spec.slice_spacing_mm
    if spec.contrast is not None:
        dataset.ContrastBolusAgent = spec.contrast


def _add_plane(dataset: Dataset, spec: StudySpec, phantom: Phantom, k: int) -> None:
    x, y, z = phantom.origin_lps_mm
    height = round(z + k * spec.slice_spacing_mm, 6)
    dataset.ImagePositionPatient = [round(x, 6), round(y, 6), height]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.SliceLocation = height
    dataset.PixelSpacing = [spec.pixel_spacing_mm, spec.pixel_spacing_mm]


def _add_ct_pixels(dataset: Dataset, spec: StudySpec, hu: np.ndarray[tuple[int, int], np.dtype[np.int16]]) -> None:
    offset = 0 if spec.signed_pixels else UNSIGNED_OFFSET
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = hu.shape[1], hu.shape[0]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = int(spec.signed_pixels)
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = -offset, 1, "HU"
    dataset.WindowCenter, dataset.WindowWidth = -600, 1500
    dataset.PixelData = (hu.T + np.int16(offset)).astype("<i2").tobytes()  # rows first, as DICOM stores them


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
    dataset = new_dataset(spec, SegmentationStorage, uid(spec, "seg"), "SEG")
    dataset.SeriesInstanceUID = uid(spec, "seg series")
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
        dataset.FrameOfReferenceUID = uid(spec, "another frame of reference")
    _add_references(dataset, spec, slices, "elsewhere" if of_other_series else None)
    _add_segment(dataset)
    _add_frames(dataset, spec, phantom, slices)
    _add_frame_pixels(dataset, spec, np.zeros_like(phantom.mask) if empty else phantom.mask, slices)
    return dataset


def _frame_slices(spec: StudySpec, mask: NDArray[np.bool_], *, empty: bool) -> list[int]:
    """Slices k in the order of their frames."""
    kept = range(spec.slices) if empty or not spec.cropped else np.flatnonzero(mask.any(axis=(0, 1))).tolist()
    return sorted(kept, reverse=spec.frames_descending)


def _add_references(dataset: Dataset, spec: StudySpec, slices: list[int], other: str | None) -> None:
    series = Dataset()
    series.SeriesInstanceUID = uid(spec, other, "ct series") if other else uid(spec, "ct series")
    series.ReferencedInstanceSequence = Sequence(_reference(_referenced_uid(spec, k, other)) for k in slices)
    dataset.ReferencedSeriesSequence = Sequence([series])


def _referenced_uid(spec: StudySpec, k: int, other: str | None) -> UID:
    return uid(spec, other, "ct", k) if other else ct_instance_uid(spec, k)


def _reference(instance_uid: UID) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = CTImageStorage
    item.ReferencedSOPInstanceUID = instance_uid
    return item


def _add_segment(dataset: Dataset) -> None:
    segment = Dataset()
    segment.SegmentNumber = 1
    segment.SegmentLabel = SEGMENT_LABEL
    segment.SegmentAlgorithmType = "MANUAL"
    segment.SegmentedPropertyCategoryCodeSequence = _code("49755003", "SCT", "Morphologically Abnormal Structure")
    segment.SegmentedPropertyTypeCodeSequence = _code("108369006", "SCT", "Neoplasm")
    dataset.SegmentationType = "BINARY"
    dataset.SegmentSequence = Sequence([segment])


def _code(value: str, scheme: str, meaning: str) -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return Sequence([item])


def _add_frames(dataset: Dataset, spec: StudySpec, phantom: Phantom, slices: list[int]) -> None:
    organization = Dataset()
    organization.DimensionOrganizationUID = uid(spec, "dimensions")
    dataset.DimensionOrganizationSequence = Sequence([organization])
    dataset.DimensionIndexSequence = Sequence(
        [
            _index(spec, "ReferencedSegmentNumber", "SegmentIdentificationSequence"),
            _index(spec, "ImagePositionPatient", "PlanePositionSequence"),
        ]
    )
    dataset.SharedFunctionalGroupsSequence = Sequence([_shared_groups(spec)])
    ranks = {k: rank for rank, k in enumerate(sorted(slices), start=1)}
    dataset.PerFrameFunctionalGroupsSequence = Sequence(_frame_groups(spec, phantom, k, ranks[k]) for k in slices)


def _index(spec: StudySpec, pointer: str, group: str) -> Dataset:
    item = Dataset()
    item.DimensionOrganizationUID = uid(spec, "dimensions")
    item.DimensionIndexPointer = tag_for_keyword(pointer)
    item.FunctionalGroupPointer = tag_for_keyword(group)
    return item


def _shared_groups(spec: StudySpec) -> Dataset:
    measures, orientation, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [spec.pixel_spacing_mm, spec.pixel_spacing_mm]
    measures.SliceThickness = spec.slice_spacing_mm
    measures.SpacingBetweenSlices = spec.slice_spacing_mm
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([orientation])
    if spec.segment_in_shared_groups:
        shared.SegmentIdentificationSequence = _segment_reference()
    return shared


def _frame_groups(spec: StudySpec, phantom: Phantom, k: int, rank: int) -> Dataset:
    x, y, z = phantom.origin_lps_mm
    position, content, groups = Dataset(), Dataset(), Dataset()
    position.ImagePositionPatient = [round(x, 6), round(y, 6), round(z + k * spec.slice_spacing_mm, 6)]
    content.DimensionIndexValues = [1, rank]
    groups.PlanePositionSequence = Sequence([position])
    groups.FrameContentSequence = Sequence([content])
    if not spec.segment_in_shared_groups:
        groups.SegmentIdentificationSequence = _segment_reference()
    return groups


def _segment_reference() -> Sequence:
    item = Dataset()
    item.ReferencedSegmentNumber = 1
    return Sequence([item])


def _add_frame_pixels(dataset: Dataset, spec: StudySpec, mask: NDArray[np.bool_], slices: list[int]) -> None:
    frames = mask[:, :, slices].transpose(2, 1, 0).astype(np.uint8)
    dataset.NumberOfFrames = len(slices)
    dataset.Rows = dataset.Columns = spec.matrix
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 1, 1, 0, 0
    dataset.LossyImageCompression = "00"
    dataset.PixelData = pack_bits(frames)
