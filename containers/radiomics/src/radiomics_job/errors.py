"""The errors of the job: a rejected study, and a fault of the machine or the program.

The split decides the exit code. A rejected study is a result (`rejection.json`, exit code 0) because running it again
changes nothing; a fault ends the job with a non-zero code because running it again may help.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

Detail: TypeAlias = "str | int | float | bool | list[Detail] | dict[str, Detail] | None"
"""What a rejection's details may hold: JSON values."""


class ReasonCode(StrEnum):
    """Why a study was rejected. The comment beside each value says when it is used."""

    NO_CT = "NO_CT"  # no CT image (or only localizers) among the files
    NO_SEGMENTATION = "NO_SEGMENTATION"  # no DICOM SEG, RTSTRUCT, or mask as NIfTI or NRRD
    UNREADABLE_DICOM = "UNREADABLE_DICOM"  # a DICOM file is damaged or cut short
    UNSUPPORTED_DICOM = "UNSUPPORTED_DICOM"  # valid DICOM of a kind that is not supported
    SEG_REFERENCES_OTHER_SERIES = "SEG_REFERENCES_OTHER_SERIES"  # drawn on a series or in a frame that is not here
    EMPTY_MASK = "EMPTY_MASK"  # the chosen region has no voxel
    GEOMETRY_MISMATCH = "GEOMETRY_MISMATCH"  # segmentation and CT do not share one space
    INCOMPLETE_STUDY = "INCOMPLETE_STUDY"  # CT instances that the segmentation references are absent
    MISSING_SLICES = "MISSING_SLICES"  # gaps of whole slices in the CT
    UNEVEN_SLICES = "UNEVEN_SLICES"  # slice positions do not lie on one regular grid
    DUPLICATE_SLICES = "DUPLICATE_SLICES"  # one position, different pixels
    MIXED_PATIENTS = "MIXED_PATIENTS"  # more than one patient identifier in the study
    CT_AMBIGUOUS = "CT_AMBIGUOUS"  # several CT series fit the segmentation equally well
    ROI_NOT_FOUND = "ROI_NOT_FOUND"  # no region matches the configured pattern
    ROI_AMBIGUOUS = "ROI_AMBIGUOUS"  # several regions match and no policy says what to do
    SUV_NOT_POSSIBLE = "SUV_NOT_POSSIBLE"  # a PET lacks what SUV needs, or contradicts itself
    PET_AMBIGUOUS = "PET_AMBIGUOUS"  # several PET series fit the segmentation equally well
    QC_REFUSED = "QC_REFUSED"  # a quality threshold of the parameter file was passed
    INPUT_TOO_LARGE = "INPUT_TOO_LARGE"  # a byte, file, frame or voxel budget was exceeded
    ZIP_INVALID = "ZIP_INVALID"  # the archive is damaged or holds unsafe members
    EMPTY_STUDY = "EMPTY_STUDY"  # no DICOM, NIfTI or NRRD file at all
    UNREADABLE_VOLUME = "UNREADABLE_VOLUME"  # a NIfTI or NRRD file is damaged or cut short
    UNSUPPORTED_VOLUME = "UNSUPPORTED_VOLUME"  # a NIfTI or NRRD file without place, or of a kind not read
    VOLUMES_AMBIGUOUS = "VOLUMES_AMBIGUOUS"  # nothing says which NIfTI or NRRD file is the image, or there are several
    TIME_LIMIT = "TIME_LIMIT"  # the study's wall-clock limit passed
    MEMORY_LIMIT = "MEMORY_LIMIT"  # the study's memory limit was reached
    CRASHED = "CRASHED"  # the study's process died or met an unexpected error
    FEATURES_FAILED = "FEATURES_FAILED"  # the feature extractor refused the region


class RadiomicsJobError(Exception):
    """Base of every error that this package raises on purpose."""


class StudyRejectedError(RadiomicsJobError):
    """A study is not supported.

    Parameters
    ----------
    code : ReasonCode
        The enumerated reason.
    message : str
        What is wrong and what the user can do about it.
    details : mapping, optional
        The numbers behind the message; JSON values only.

    Examples
    --------
    >>> raise StudyRejectedError(ReasonCode.NO_CT, "Upload the CT series.", {"dicom": 3})
    Traceback (most recent call last):
    radiomics_job.errors.StudyRejectedError: NO_CT: Upload the CT series.
    """

    def __init__(self, code: ReasonCode, message: str, details: Mapping[str, Detail] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.details: dict[str, Detail] = dict(details or {})


class InvalidJobError(RadiomicsJobError):
    """The job itself is described wrongly: a bad `job.json`, an unknown parameter file, a missing folder."""


class HostFaultError(RadiomicsJobError):
    """The machine failed (disk full, input/output error): running the job again may help."""
