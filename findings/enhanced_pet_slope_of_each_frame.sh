#!/usr/bin/env bash
# SimpleITK and dcm2niix: in a multi-frame PET each frame has its own slope; one takes that of the last frame for all, the other that of the first.
#
# Expected: each frame scaled by the Pixel Value Transformation Sequence of its own functional groups (DICOM PS3.3 C.7.6.16.2.9), as
#   highdicom does. Slopes of PET differ from slice to slice, and a series that becomes one object (Legacy Converted Enhanced
#   PET; Enhanced PET) has them in the per-frame groups.
# Seen: of 12 slices from 4,000 to 15,000 Bq/ml SimpleITK makes 15,000 everywhere, dcm2niix 4,000 everywhere (both read the
#   same PET as single slices right). Ratios between a lesion and the liver, and every SUV, are wrong, each program in its own way;
#   pydicom.pixels.apply_rescale returns the stored numbers. No error, no warning.
# Versions: SimpleITK 2.5.7, dcm2niix 1.0.20260724, nibabel 5.4.2, highdicom 0.28.2, pydicom 3.0.2, Python 3.11, 2026-11-29.
# Here: frames of an enhanced CT have their own slope; an enhanced PET is refused (radiomics_job.pet.series; docs/geometry.md).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check SimpleITK==2.5.7 dcm2niix==1.0.20260724 nibabel==5.4.2 \
  highdicom==0.28.2 pydicom==3.0.2 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
PATH="$folder/venv/bin:$PATH" PYTHONPATH="$here" PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import subprocess
import sys
from pathlib import Path

import highdicom
import nibabel
import numpy as np
import SimpleITK
from highdicom.legacy import LegacyConvertedEnhancedPETImage
from made_up_ct import ct_series
from pydicom import dcmread
from pydicom.pixels import apply_rescale
from pydicom.uid import PositronEmissionTomographyImageStorage, generate_uid

activities = np.arange(4_000, 16_000, 1_000)
ct_series(Path("pet"))
files = sorted(Path("pet").glob("*.dcm"))
for number, path in enumerate(files):
    image = dcmread(path)
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = PositronEmissionTomographyImageStorage
    image.Modality, image.Units, image.DecayCorrection = "PT", "BQML", "START"
    image.SeriesType, image.CorrectedImage = ["STATIC", "IMAGE"], ["DECY", "ATTN"]
    image.SeriesDate = image.AcquisitionDate = image.ContentDate = "20200101"
    image.SeriesTime = image.AcquisitionTime = image.ContentTime = "120000"
    image.AcquisitionNumber, image.RescaleIntercept, image.RescaleType = 1, 0, "BQML"
    image.RescaleSlope = 2 + number / 2
    image.PixelData = np.full((64, 64), round(activities[number] / image.RescaleSlope), np.int16).tobytes()
    image.save_as(path)

slices = [dcmread(path) for path in files]
LegacyConvertedEnhancedPETImage(slices, generate_uid(), 2, generate_uid(), 1).save_as("enhanced.dcm")


def by_dcm2niix(source, name):
    """Return the values of the volume that dcm2niix makes of `source`, from inferior to superior."""
    subprocess.run(["dcm2niix", "-o", ".", "-f", name, "-b", "n", source], check=True, stdout=subprocess.DEVNULL)
    return nibabel.load(f"{name}.nii").get_fdata()[20, 20]


def by_simpleitk(image):
    """Return the values of `image`, from inferior to superior."""
    values = SimpleITK.GetArrayFromImage(image)[:, 20, 20]
    up = image.TransformIndexToPhysicalPoint((0, 0, 1))[2] > image.GetOrigin()[2]
    return values if up or len(set(values)) == 1 else values[::-1]


volume = highdicom.imread("enhanced.dcm").get_volume()
upwards = volume.array[:, 20, 20] if volume.direction[2, 0] > 0 else volume.array[::-1, 20, 20]
singles = {"dcm2niix": by_dcm2niix("pet", "singles"), "SimpleITK": by_simpleitk(SimpleITK.ReadImage([str(path) for path in files]))}
seen = {"dcm2niix": by_dcm2niix("enhanced.dcm", "frames"), "SimpleITK": by_simpleitk(SimpleITK.ReadImage("enhanced.dcm"))}
stored = dcmread("enhanced.dcm")
print("expected (Bq/ml):     ", activities)
print("highdicom:            ", upwards.round().astype(int))
for name, values in seen.items():
    print(f"{name:10}            ", values.round().astype(int))
unscaled = bool((apply_rescale(stored.pixel_array, stored) == stored.pixel_array).all())
print("apply_rescale returns the stored numbers:", unscaled)
right = all(np.allclose(values, activities, atol=5) for values in [upwards, *singles.values()])
one_each = [set(values.round()) for values in (seen["dcm2niix"], seen["SimpleITK"])] == [{4_000.0}, {15_000.0}]
sys.exit(0 if right and one_each and unscaled else 1)
PY
