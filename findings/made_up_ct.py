"""Made-up CT series, segmentations and structure sets, for the findings that need some: highdicom and pydicom only."""

from pathlib import Path

import highdicom as hd
import numpy as np
from highdicom.sr.coding import CodedConcept
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid


def ct_series(
    folder: Path, shape: tuple[int, int, int] = (12, 64, 64), spacing: tuple[float, float, float] = (5.0, 1.0, 1.0)
) -> list[Dataset]:
    """Write an axial CT of `shape` and `spacing` (mm), both (z, y, x), from inferior to superior; return its slices."""
    folder.mkdir(parents=True)
    common = Dataset()
    common.SOPClassUID, common.Modality, common.Manufacturer = CTImageStorage, "CT", "Made up"
    common.StudyInstanceUID, common.SeriesInstanceUID, common.FrameOfReferenceUID = (generate_uid() for _ in range(3))
    common.PatientID, common.PatientName, common.PatientBirthDate, common.PatientSex = "MADE-UP", "Made^Up", "", ""
    common.StudyID, common.AccessionNumber, common.ReferringPhysicianName = "1", "", ""
    common.StudyDate, common.StudyTime, common.SeriesNumber, common.KVP = "20200101", "120000", 1, 120
    common.ImageType, common.PositionReferenceIndicator = ["ORIGINAL", "PRIMARY", "AXIAL"], ""
    common.ImageOrientationPatient, common.PixelSpacing = [1, 0, 0, 0, 1, 0], list(spacing[1:])
    common.SliceThickness, (common.Rows, common.Columns) = spacing[0], shape[1:]
    common.SamplesPerPixel, common.PhotometricInterpretation, common.PixelRepresentation = 1, "MONOCHROME2", 1
    common.BitsAllocated, common.BitsStored, common.HighBit = 16, 16, 15
    common.RescaleSlope, common.RescaleIntercept, common.RescaleType = 1, -1000, "HU"
    return [_slice(common, index, index * spacing[0], folder) for index in range(shape[0])]


def _slice(common: Dataset, index: int, height: float, folder: Path) -> Dataset:
    image = Dataset()
    image.update(common)
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID, image.file_meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, CTImageStorage
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    image.InstanceNumber, image.ImagePositionPatient = index + 1, [0, 0, height]
    image.PixelData = np.full((image.Rows, image.Columns), 1000 + index, np.int16).tobytes()
    image.save_as(folder / f"{index:03}.dcm", enforce_file_format=True)
    return image


def segmentation(
    slices: list[Dataset], masks: list[np.ndarray], path: Path, kind: str = "BINARY"
) -> hd.seg.Segmentation:
    """Write boolean `masks` (z, y, x), one a segment, as a segmentation of `slices`, with highdicom's defaults."""
    path.parent.mkdir(parents=True)
    category = CodedConcept("49755003", "SCT", "Morphologically Abnormal Structure")
    neoplasm = CodedConcept("108369006", "SCT", "Neoplasm")
    described = [
        hd.seg.SegmentDescription(number, f"Lesion {number}", category, neoplasm, "MANUAL")
        for number in range(1, len(masks) + 1)
    ]
    pixels = np.stack(masks, -1).astype(np.uint8)
    if kind == "LABELMAP":
        pixels = (pixels * np.arange(1, len(masks) + 1, dtype=np.uint8)).max(-1)
    series = {"series_instance_uid": generate_uid(), "series_number": 2, "sop_instance_uid": generate_uid()}
    device = {"manufacturer": "Made up", "manufacturer_model_name": "1", "software_versions": "1"}
    written = hd.seg.Segmentation(
        slices, pixels, kind, described, **series, instance_number=1, **device, device_serial_number="1"
    )
    written.save_as(path)
    return written


def structure_set(slices: list[Dataset], contours: list[np.ndarray], path: Path, kind: str = "CLOSED_PLANAR") -> None:
    """Write `contours`, arrays (point, xyz) in mm of the geometric type `kind`, as the structure "Lesion"."""
    first = slices[0]
    written = Dataset()
    written.file_meta = FileMetaDataset()
    written.file_meta.TransferSyntaxUID, written.Modality = ExplicitVRLittleEndian, "RTSTRUCT"
    written.SOPClassUID = written.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    written.SOPInstanceUID = written.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    written.PatientID, written.StudyInstanceUID = first.PatientID, first.StudyInstanceUID
    written.SeriesInstanceUID, written.StructureSetLabel = generate_uid(), "Lesions"
    series = _item(
        SeriesInstanceUID=first.SeriesInstanceUID, ContourImageSequence=[_reference(image) for image in slices]
    )
    study = _item(
        ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1",
        ReferencedSOPInstanceUID=first.StudyInstanceUID,
        RTReferencedSeriesSequence=[series],
    )
    written.ReferencedFrameOfReferenceSequence = [
        _item(FrameOfReferenceUID=first.FrameOfReferenceUID, RTReferencedStudySequence=[study])
    ]
    written.StructureSetROISequence = [
        _item(
            ROINumber=1,
            ROIName="Lesion",
            ReferencedFrameOfReferenceUID=first.FrameOfReferenceUID,
            ROIGenerationAlgorithm="MANUAL",
        )
    ]
    written.RTROIObservationsSequence = [
        _item(ObservationNumber=1, ReferencedROINumber=1, RTROIInterpretedType="GTV", ROIInterpreter="")
    ]
    written.ROIContourSequence = [
        _item(ReferencedROINumber=1, ContourSequence=[_contour(points, slices, kind) for points in contours])
    ]
    written.save_as(path, enforce_file_format=True)


def _contour(points: np.ndarray, slices: list[Dataset], kind: str) -> Dataset:
    drawn_on = [image for image in slices if float(image.ImagePositionPatient[2]) == points[0, 2]]
    contour = _item(
        ContourGeometricType=kind,
        NumberOfContourPoints=len(points),
        ContourData=[float(value) for value in points.ravel()],
    )
    if drawn_on:
        contour.ContourImageSequence = [_reference(drawn_on[0])]
    return contour


def _reference(image: Dataset) -> Dataset:
    return _item(ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID)


def _item(**attributes: object) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item
