#!/usr/bin/env bash
# SimpleITK: a PET whose first slice has a slope of 1 is read as 16-bit whole numbers, and activities above 32,767 Bq/ml turn negative.
#
# Expected: each stored value times the slope of its own slice (DICOM PS3.3 C.8.9.4: slopes of PET differ from slice to slice), in a type
#   that holds the result. With a slope of 0.5 on the first slice that is what comes: a series of decimals.
# Seen: ImageSeriesReader, and ReadImage of a list of files, take the type of the first slice for all. A slice above the head
#   without counts has nothing to scale, and a slope of 1 with an intercept of 0 makes it 16-bit whole numbers: the hottest slices, 40,000 to
#   50,000 Bq/ml, are read as −25,536 to −15,536, the others lose their fraction. An SUV of 10 becomes negative. dcm2niix and dicom2nifti
#   read the same files right. No error, no warning.
# Versions: SimpleITK 2.5.7, dcm2niix 1.0.20260724, nibabel 5.4.2, highdicom 0.28.2, pydicom 3.0.2, Python 3.11, 2026-11-29.
# Here: containers/radiomics scales each PET slice by itself, in floating point (radiomics_job.pet).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check SimpleITK==2.5.7 dcm2niix==1.0.20260724 nibabel==5.4.2 \
  highdicom==0.28.2 pydicom==3.0.2 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
PATH="$folder/venv/bin:$PATH" PYTHONPATH="$here" "$folder/venv/bin/python" - <<'PY'
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK
from made_up_ct import ct_series
from pydicom import dcmread
from pydicom.uid import PositronEmissionTomographyImageStorage


def pet(name, slopes, activities):
    """Write a PET whose slice k holds `activities[k]` (Bq/ml) everywhere, scaled by `slopes[k]`."""
    ct_series(Path(name), shape=(len(slopes), 64, 64))
    files = sorted(Path(name).glob("*.dcm"))
    for path, slope, activity in zip(files, slopes, activities, strict=True):
        image = dcmread(path)
        image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = PositronEmissionTomographyImageStorage
        image.Modality, image.Units, image.DecayCorrection = "PT", "BQML", "START"
        image.SeriesType, image.CorrectedImage = ["STATIC", "IMAGE"], ["DECY", "ATTN"]
        image.RescaleSlope, image.RescaleIntercept, image.RescaleType = slope, 0, "BQML"
        image.PixelData = np.full((64, 64), round(activity / slope), np.int16).tobytes()
        image.save_as(path)
    return [str(path) for path in files]


activities = np.array([0, 100.5, 20_000, 40_000, 50_000])
whole = SimpleITK.ReadImage(pet("whole", [1, 0.25, 1.25, 1.5, 2.5], activities))
decimal = SimpleITK.ReadImage(pet("decimal", [0.5, 0.25, 1.25, 1.5, 2.5], activities))
subprocess.run(["dcm2niix", "-o", ".", "-f", "volume", "-b", "n", "whole"], check=True, stdout=subprocess.DEVNULL)
other = nibabel.load("volume.nii").get_fdata()[20, 20]
seen, control = (SimpleITK.GetArrayFromImage(image)[:, 20, 20] for image in (whole, decimal))
print("expected (Bq/ml):               ", activities)
print("dcm2niix:                       ", other.round(1))
print("SimpleITK, first slope 0.5:     ", control.round(1), decimal.GetPixelIDTypeAsString())
print("SimpleITK, first slope 1, seen: ", seen, whole.GetPixelIDTypeAsString())
right = np.allclose(other, activities, atol=1) and np.allclose(control, activities, atol=1)
sys.exit(0 if right and list(seen[3:]) == [40_000 - 65_536, 50_000 - 65_536] and seen[1] != activities[1] else 1)
PY
