#!/usr/bin/env bash
# dicognito: de-identified PET keeps the hour of injection while the hours of the scan move, so every SUV is wrong by a factor.
#
# Expected: all times of a study move together. dicognito promises that intervals between dates and times stay as they were, and
#   decay correction needs one: from injection (RadiopharmaceuticalStartTime, type 3, a time without a date, DICOM PS3.3
#   C.8.9.2) to SeriesTime or AcquisitionTime.
# Seen: pairs of date and time (SeriesDate and SeriesTime, …) move by days and whole hours, the date-time attribute
#   RadiopharmaceuticalStartDateTime too; RadiopharmaceuticalStartTime, which has no date beside it, stays. One hour of
#   uptake becomes another number of hours (or an injection after the scan), and the dose left, by which SUV is divided,
#   changes with it: F-18, 10 hours too many, SUV 44 times too high. Older PET has the time alone.
# Versions: dicognito 0.19.0, pydicom 3.0.2, Python 3.11, 2026-11-28.
# Here: the job refuses an injection after the scan or more than five half-lives before it, and says the uptake time.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dicognito==0.19.0 pydicom==3.0.2 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/venv/bin/python" - <<'PY'
import sys
from datetime import datetime

from dicognito.anonymizer import Anonymizer
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

HALF_LIFE = 6586.2  # F-18, seconds
PET = "1.2.840.10008.5.1.4.1.1.128"


def image():
    pet = Dataset()
    pet.file_meta = FileMetaDataset()
    pet.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    pet.SOPClassUID = PET
    pet.SOPInstanceUID, pet.StudyInstanceUID, pet.SeriesInstanceUID = generate_uid(), generate_uid(), generate_uid()
    pet.PatientID, pet.PatientName, pet.PatientWeight, pet.Modality = "subject-1", "A^B", "80", "PT"
    pet.Units, pet.DecayCorrection, pet.CorrectedImage = "BQML", "START", ["DECY", "ATTN"]
    pet.StudyDate = pet.SeriesDate = pet.AcquisitionDate = "20100601"
    pet.StudyTime, pet.SeriesTime, pet.AcquisitionTime = "093000", "100000", "100000"
    tracer = Dataset()
    tracer.Radiopharmaceutical, tracer.RadionuclideTotalDose = "FDG", "370000000"
    tracer.RadionuclideHalfLife, tracer.RadiopharmaceuticalStartTime = str(HALF_LIFE), "090000"
    tracer.RadiopharmaceuticalStartDateTime = "20100601090000"
    pet.RadiopharmaceuticalInformationSequence = [tracer]
    return pet


def hours(pet):
    """From injection to the start of the series: by the time alone, and by the date-time."""
    scan = datetime.strptime(pet.SeriesDate + pet.SeriesTime[:6], "%Y%m%d%H%M%S")
    tracer = pet.RadiopharmaceuticalInformationSequence[0]
    clock = datetime.strptime(pet.SeriesDate + tracer.RadiopharmaceuticalStartTime[:6], "%Y%m%d%H%M%S")
    moment = datetime.strptime(tracer.RadiopharmaceuticalStartDateTime[:14], "%Y%m%d%H%M%S")
    return (scan - clock).total_seconds() / 3600, (scan - moment).total_seconds() / 3600


print("uptake in hours before:                      ", hours(image()))
found = []
for seed in ("first hospital", "second hospital", "third hospital"):
    pet = image()
    Anonymizer(seed=seed).anonymize(pet)
    by_time, by_moment = hours(pet)
    factor = 2 ** ((by_time - 1) * 3600 / HALF_LIFE)
    found.append((by_time, by_moment))
    print(f"after, {seed}:  by StartTime {by_time:+.1f}, by StartDateTime {by_moment:+.1f}; SUV by StartTime × {factor:.3g}")
print("expected: +1.0 by both, SUV × 1")
still = all(by_moment == 1.0 for _, by_moment in found) and all(by_time != 1.0 for by_time, _ in found)
sys.exit(0 if still else 1)
PY
