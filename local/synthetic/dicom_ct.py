"""Writes a phantom's CT as one DICOM file per slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydicom.uid import UID, CTImageStorage

from local.synthetic.dicom_common import new_dataset, uid

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from local.synthetic.phantom import Phantom
    from local.synthetic.specs import StudySpec


UNSIGNED_OFFSET = 1024
"""Unsigned pixels hold HU + 1024, as most scanners store them."""


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
    _add_pixels(dataset, spec, phantom.ct[:, :, k])
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


def _add_pixels(dataset: Dataset, spec: StudySpec, hu: np.ndarray[tuple[int, int], np.dtype[np.int16]]) -> None:
    offset = 0 if spec.signed_pixels else UNSIGNED_OFFSET
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = hu.shape[1], hu.shape[0]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = int(spec.signed_pixels)
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = -offset, 1, "HU"
    dataset.WindowCenter, dataset.WindowWidth = -600, 1500
    dataset.PixelData = (hu.T + np.int16(offset)).astype("<i2").tobytes()  # rows first, as DICOM stores them
