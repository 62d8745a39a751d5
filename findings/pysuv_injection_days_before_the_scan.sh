#!/usr/bin/env bash
# pysuv: a tracer injected days before the scan (Zr-89, I-124) is taken for one of the same day: SUV is a third of what it is.
#
# Expected: decay from the injection to the scan, over dates. Both are in the file: RadiopharmaceuticalStartDateTime (DICOM PS3.3
#   C.8.9.2) and SeriesDate with SeriesTime. Antibodies are labelled with Zr-89 (half-life 78 h) in order to be imaged five days later;
#   pysuv takes the half-life from the file.
# Seen: RadiopharmaceuticalStartTime and SeriesTime alone are subtracted, and 24 hours added when the scan is an hour or more before the
#   injection. 121 hours become one: an SUV of 2.91 is 1.01. With an injection at noon and a scan at 11 next week the wait is minus
#   one hour, and the dose grows. An F-18 scan over midnight is right, so that a test of dates passes. No error, no warning.
# Versions: pysuv 0.1.0, pydicom 3.0.2, numpy 2.4.6, Python 3.11, 2026-11-29.
# Here: the wait is counted over dates, and one above five half-lives or below zero is refused (docs/geometry.md, PET).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pysuv==0.1.0 pydicom==3.0.2 numpy==2.4.6 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/venv/bin/python" - <<'PY'
import sys
from datetime import datetime

import numpy as np
import pysuv
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, PositronEmissionTomographyImageStorage

WEIGHT, DOSE, ACTIVITY = 70, 70e6, 1000  # kg, Bq, Bq/ml


def pet(injection, scan, half_life):
    """Return one PET slice of `ACTIVITY` everywhere, decay-corrected to the start of the scan."""
    image, tracer = Dataset(), Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID, image.SOPClassUID = ExplicitVRLittleEndian, PositronEmissionTomographyImageStorage
    image.Modality, image.Manufacturer, image.Units, image.DecayCorrection = "PT", "SIEMENS", "BQML", "START"
    image.CorrectedImage, image.PatientWeight = ["DECY", "ATTN", "SCAT"], WEIGHT
    image.StudyDate = image.SeriesDate = image.AcquisitionDate = f"{scan:%Y%m%d}"
    image.StudyTime = image.SeriesTime = image.AcquisitionTime = f"{scan:%H%M%S}"
    tracer.RadiopharmaceuticalStartDateTime = f"{injection:%Y%m%d%H%M%S}"
    tracer.RadiopharmaceuticalStartTime = f"{injection:%H%M%S}"
    tracer.RadionuclideTotalDose, tracer.RadionuclideHalfLife = DOSE, half_life
    image.RadiopharmaceuticalInformationSequence = [tracer]
    image.Rows = image.Columns = 4
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 0
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.RescaleSlope, image.RescaleIntercept = 1, 0
    image.PixelData = np.full((4, 4), ACTIVITY, np.uint16).tobytes()
    return image


F18, I124, ZR89 = 6586.2, 360_806.0, 282_240.0  # half-lives in seconds
scan = datetime(2020, 1, 6, 11)
ratios = {}
for name, injection, at, half_life in (
    ("F-18, an hour before", datetime(2020, 1, 6, 10), scan, F18),
    ("F-18, over midnight", datetime(2020, 1, 5, 23, 30), datetime(2020, 1, 6, 0, 30), F18),
    ("I-124, the day before", datetime(2020, 1, 5, 10), scan, I124),
    ("Zr-89, five days before", datetime(2020, 1, 1, 10), scan, ZR89),
    ("Zr-89, five days less an hour", datetime(2020, 1, 1, 12), scan, ZR89),
):
    image = pet(injection, at, half_life)
    hours = (at - injection).total_seconds() / 3600
    expected = ACTIVITY * WEIGHT * 1000 / (DOSE * 0.5 ** (hours * 3600 / half_life))
    seen = float(pysuv.compute_suv(image).max())
    wait = pysuv.get_suv_parameters(image).elapsed_time_min / 60
    ratios[name] = seen / expected
    print(f"{name:30} expected: {expected:.2f} after {hours:5.1f} h   seen: {seen:.2f} after {wait:4.1f} h")
right = [np.isclose(ratios[name], 1, atol=0.01) for name in ("F-18, an hour before", "F-18, over midnight")]
sys.exit(0 if all(right) and ratios["Zr-89, five days before"] < 0.36 and ratios["I-124, the day before"] < 0.9 else 1)
PY
