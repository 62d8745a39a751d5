"""Writes a phantom's tumour as a DICOM SEG, in the layouts that real writers use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pack_bits
from pydicom.sequence import Sequence
from pydicom.uid import UID, CTImageStorage, SegmentationStorage

from local.synthetic.dicom_common import new_dataset, uid
from local.synthetic.dicom_ct import ct_instance_uid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from local.synthetic.phantom import Phantom
    from local.synthetic.specs import StudySpec


SEGMENT_LABEL = "Tumour"


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
    _add_pixels(dataset, spec, np.zeros_like(phantom.mask) if empty else phantom.mask, slices)
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


def _add_pixels(dataset: Dataset, spec: StudySpec, mask: NDArray[np.bool_], slices: list[int]) -> None:
    frames = mask[:, :, slices].transpose(2, 1, 0).astype(np.uint8)
    dataset.NumberOfFrames = len(slices)
    dataset.Rows = dataset.Columns = spec.matrix
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 1, 1, 0, 0
    dataset.LossyImageCompression = "00"
    dataset.PixelData = pack_bits(frames)
