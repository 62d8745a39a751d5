"""What the warnings of the radiomics job mean, in words; docs/reference/quality-checks.md has numbers and limits."""

import re

MEANINGS = {
    "FRAME_POSITION_RESIDUAL": "segmentation frames are not exactly on the planes of the images",
    "FRAME_OF_REFERENCE_DIFFERS": "CT and segmentation name different frames of reference",
    "REFERENCED_SLICES_MISSING": "the segmentation references images that were not uploaded",
    "MASK_OUTSIDE_BODY": "part of the mask is in the air around the patient",
    "SEVERAL_PARTS": "the mask is in more pieces than expected",
    "LARGE_VOLUME": "the region is an organ rather than a tumour: perhaps the wrong one",
    "FEW_VOXELS": "the region has too few voxels for stable texture",
    "TOUCHES_VOLUME_EDGE": "the region may go on beyond the scan",
    "SLICES_INTERPOLATED": "part of the region lies where nothing was acquired",
    "HU_RANGE": "the image has values that no CT of a patient has",
    "SUV_RANGE": "the PET has values that no patient has: a wrong dose, weight or time",
    "UPTAKE_TIME": "the time from injection to PET is one that no protocol has: one of the clocks was moved",
    "GANTRY_TILT": "the slices are sheared: lengths and most shapes are missing",
    "DUPLICATE_SLICES_DROPPED": "identical slices were there twice",
    "REFERENCES_REWRITTEN": "the images that the segmentation names have other UIDs here; its places agree",
    "CONTOURS_LEFT_OUT": "open contours that would enclose an area, or closed ones of one or two points, were left out",
    "CONTOURS_ON_THICKER_SLICES": "contours were drawn on every second (third, …) slice, and filled between",
    "CONTOURS_SKIP_SLICES": "a slice without a contour lies between two that share pixels: it was left empty",
    "CONTOURS_OVERLAP": "contours of one slice overlap in part and were united",
    "MASK_RESAMPLED": "the segmentation is on a grid of its own and was read at the nearest voxels",
    "FRAME_POSITIONS_CONTRADICT": "a frame or contour lies beside the image that it names; its position was followed",
    "LOSSY_COMPRESSION": "the pixels were compressed with loss before: texture is not the scanner's",
    "SLICE_POSITIONS_ROUNDED": "slices lie up to 5 % of their spacing beside an even grid, as rounding makes them",
    "PATIENT_ID_DIFFERS": "the files' PatientID is not the subject they were uploaded as: perhaps another patient's",
    "SERIES_OF_SEVERAL_STUDIES": "images of one series name several studies: rewritten, or two scans joined",
    "VALUES_NOT_HU": "the values do not look like Hounsfield units: perhaps stored values, or another modality",
    "FORMS_DIFFER": "sform and qform place the NIfTI file differently; the sform was taken",
    "REGIONS_NOT_DESCRIBED": "values that the object's list of segments lacks were taken as regions",
    "PET_NOT_MEASURED": "the PET beside this CT was rejected",
    "LONG_BEFORE_SURGERY": "the scan is long before the surgery",
    "CT_AFTER_SURGERY": "the scan is after the surgery: the tumour may be gone",
}
"""Code of `QcWarning` → what it means, as a clause."""

SHARED_STUDY = "the same StudyInstanceUID under several subjects: another patient's images, or one patient's two names"
SHARED_READS = "the same reads under several cases: another patient's files, or one patient's two names"
_UID = re.compile(r"[0-2](\.\d+){4,}")


def uid_of(study: str) -> str:
    """Return the name of a study where it is a UID, as archives name them; else nothing."""
    return study if _UID.fullmatch(study) else ""


def meaning(warning: str) -> str:
    """Return a warning as a sentence, its code first; one that is no code, as those of RNA-seq, as it is.

    Examples
    --------
    >>> meaning("PET_NOT_MEASURED")
    'PET_NOT_MEASURED: the PET beside this CT was rejected.'
    """
    return f"{warning}: {MEANINGS[warning]}." if warning in MEANINGS else warning
