"""Builds PET series whose SUV is known in patient coordinates."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID

from local.synthetic.dicom import item, set_pixels
from tests.builders.dicom import Points, Scan, ct_slice, save, segmentation, tumour, uid

PET_IMAGE = UID("1.2.840.10008.5.1.4.1.1.128")
F18_SECONDS = 6586.2

GRID = Scan(columns=24, rows=22, slices=12, spacing=(2.1, 2.0), step=3.3, name="pet")
"""Coarser than a CT, on other planes."""


def uptake(points: Points) -> NDArray[np.float64]:
    """SUV: a hot tumour with a gradient in tissue of about 1."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    return np.asarray(1.0 + 0.01 * x + tumour(points) * (6.0 + 0.2 * x - 0.3 * y + 0.1 * z), dtype=np.float64)


@dataclass(frozen=True)
class Pet:
    """How a PET is stored; as written, START-corrected activity 60 minutes after 370 MBq into 70 kg."""

    scan: Scan = GRID
    units: str = "BQML"
    correction: str = "START"
    dose_bq: float = 370e6
    weight_kg: float = 70.0
    half_life: float = F18_SECONDS
    uptake_seconds: float = 3600.0
    """What the values are made with, whatever the times say."""
    change: Callable[[Dataset, int], Any] = field(default=lambda dataset, k: None)
    """Applied to each image."""

    @property
    def factor(self) -> float:
        """From SUV to activity in Bq/ml."""
        waited = self.uptake_seconds if self.correction == "START" else 0.0
        left: float = self.dose_bq * 2.0 ** (-waited / self.half_life) / (self.weight_kg * 1000)
        return left


def pet_slice(pet: Pet, k: int) -> Dataset:
    """One PET image; slope differs from slice to slice."""
    dataset = ct_slice(pet.scan, k)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = PET_IMAGE
    dataset.Modality = "PT"
    del dataset.ConvolutionKernel, dataset.KVP
    dataset.Units, dataset.DecayCorrection, dataset.CorrectedImage = pet.units, pet.correction, ["DECY", "ATTN", "SCAT"]
    dataset.SeriesDate, dataset.SeriesTime = "20200103", "100000.00"
    dataset.AcquisitionDate, dataset.AcquisitionTime = "20200103", f"10{k // 4:02d}00"
    dataset.PatientWeight = pet.weight_kg
    dataset.RadiopharmaceuticalInformationSequence = [
        item(
            Radiopharmaceutical="FDG",
            RadiopharmaceuticalStartTime="090000.00",
            RadionuclideTotalDose=pet.dose_bq,
            RadionuclideHalfLife=pet.half_life,
        )
    ]
    values = uptake(pet.scan.points(k)) * (1.0 if pet.units == "GML" else pet.factor)
    slope = float(values.max()) * (1 + 0.01 * k) / 30000
    dataset.RescaleSlope, dataset.RescaleIntercept = f"{slope:.10g}", 0
    set_pixels(dataset, np.rint(values / float(dataset.RescaleSlope)).astype(np.uint16))
    pet.change(dataset, k)
    return dataset


def save_pet(folder: Path, pet: Pet | None = None) -> Path:
    """Write a PET series."""
    pet = pet or Pet()
    for k in range(pet.scan.slices):
        save(pet_slice(pet, k), folder / f"pt{k:03d}")
    return folder


def segmentation_on_pet(scan: Scan = GRID) -> Dataset:
    """A SEG that was drawn on the PET: its references name PET images."""
    dataset = segmentation(scan)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(uid("seg", "on pet"))
    for image in dataset.ReferencedSeriesSequence[0].ReferencedInstanceSequence:
        image.ReferencedSOPClassUID = PET_IMAGE
    return dataset
