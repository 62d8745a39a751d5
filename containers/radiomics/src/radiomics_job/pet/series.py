"""The PET series of a study as volumes of SUV."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID

from radiomics_job.dicom.ct_slice import CtSlice, as_written, check_syntax, read_ct_slices, stored_values
from radiomics_job.dicom.reading import PARSER_ERRORS, StudyFiles, strict_parsing, unreadable_files
from radiomics_job.dicom.references import ENHANCED_PET_CLASSES
from radiomics_job.dicom.series import CtSeries, SliceStack, group_series
from radiomics_job.dicom.stacking import stack_series
from radiomics_job.dicom.suv import SuvScale, corrections
from radiomics_job.errors import ReasonCode, StudyRejectedError
from radiomics_job.limits import Limits
from radiomics_job.parameters import GeometryPolicies


def pet_series(files: StudyFiles, limits: Limits) -> list[CtSeries]:
    """Group the PET images of a study; series without attenuation correction are left out beside one that has it.

    Multi-frame objects are left out beside single images, which they usually were made of.

    Raises
    ------
    StudyRejectedError
        `UNREADABLE_DICOM`, `UNSUPPORTED_DICOM`, `INPUT_TOO_LARGE`.
    """
    images = [dataset for dataset in files.pet if as_written(dataset, "SOPClassUID") not in ENHANCED_PET_CLASSES]
    if not images:
        raise _enhanced(files.pet)
    slices: list[CtSlice] = []
    unreadable = []
    for dataset in images:
        name = str(dataset.filename)
        try:
            with strict_parsing():
                check_syntax(dataset, name)
                slices += read_ct_slices(dataset, name, limits)
                corrections(dataset)  # read here, where damage is told with the file's name
        except PARSER_ERRORS:
            unreadable.append(name)
    if unreadable:
        raise unreadable_files(unreadable)
    groups = group_series(slices)
    groups = [group for group in groups if len(group.slices) > 1] or groups  # a projection is no series of slices
    return [group for group in groups if "ATTN" in corrections(group.slices[0].dataset)] or groups


def _enhanced(images: Sequence[Dataset]) -> StudyRejectedError:
    kinds = sorted({UID(as_written(dataset, "SOPClassUID")).name for dataset in images})
    return StudyRejectedError(
        ReasonCode.UNSUPPORTED_DICOM,
        f"The PET is multi-frame ({', '.join(kinds)}), of which no SUV is made. Export it as single PET images.",
        {"objects": len(images), "sop_classes": [*kinds]},
    )


def stack_suv(
    series: CtSeries, scale: SuvScale, limits: Limits, policies: GeometryPolicies
) -> tuple[SliceStack, NDArray[np.float32]]:
    """Stack a PET series.

    Returns
    -------
    stack : SliceStack
    volume : ndarray of float32, shape (columns, rows, slices), Fortran order
        SUV by body weight, in grams per millilitre.

    Raises
    ------
    StudyRejectedError
        As `stack_series`.
    """

    def suv(image: CtSlice) -> NDArray[np.float32]:
        values = (stored_values(image) * image.slope + image.intercept) * scale.factor
        return np.asarray(values, dtype=np.float32)

    return stack_series(series, limits, policies, suv)
