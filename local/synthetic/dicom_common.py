"""What every generated DICOM file shares: identity, dates, file header, and UIDs that follow from the seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

if TYPE_CHECKING:
    from local.synthetic.specs import StudySpec


MANUFACTURER = "Synthetic"


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
