"""Made-up CT series and DICOM segmentations of them, for the findings that need some: highdicom and pydicom only."""

from pathlib import Path

import highdicom as hd
import numpy as np
from highdicom.sr.coding import CodedConcept
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid


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
