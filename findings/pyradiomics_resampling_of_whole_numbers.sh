#!/usr/bin/env bash
# pyradiomics: resampling an image of whole numbers cuts the decimals off, towards zero, so the tissue gets darker.
#
# Expected: interpolated values rounded to the nearest whole number if the type of the image is kept (IBSI, chapter 2.5:
#   "rounding of interpolated grey levels … to the nearest integer" for CT), or decimals. A CT read from DICOM or NIfTI
#   is of whole numbers.
# Seen: values between 0 and 1 too low where they are positive, too high where negative: 0.5 HU in the mean of soft
#   tissue. The same image as floating point has no such shift, so the result depends on how the image was read.
# Versions: pyradiomics-bhklab 3.1.4, SimpleITK 2.5.7, Python 3.11, 2026-11-28.
# Here: the image is made floating point before it is resampled (docs/features.md), so values differ from pyradiomics'
#   own command line.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyradiomics-bhklab==3.1.4 SimpleITK==2.5.7 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import SimpleITK
from radiomics import imageoperations

levels = np.random.default_rng(1).integers(20, 80, (20, 40, 40))
mask = np.zeros(levels.shape, np.uint8)
mask[5:15, 10:30, 10:30] = 1


def image(array):
    made = SimpleITK.GetImageFromArray(array)
    made.SetSpacing((0.8, 0.8, 3.0))
    return made


def resampled(array):
    values, region = imageoperations.resampleImage(image(array), image(mask), resampledPixelSpacing=[1, 1, 1], interpolator="sitkBSpline")
    return SimpleITK.GetArrayFromImage(values).astype(float), SimpleITK.GetArrayFromImage(region) == 1


whole, region = resampled(levels.astype(np.int16))
decimals, _ = resampled(levels.astype(np.float64))
shift = float((whole - decimals)[region].mean())
print(f"expected: values rounded to the nearest, mean difference to floating point about 0")
print(f"seen:     mean difference {shift:.2f}; equal to rounding: {(whole == np.rint(decimals)).mean():.0%}, to cutting: {(whole == np.trunc(decimals)).mean():.0%}")
sys.exit(0 if -0.55 < shift < -0.45 and (whole == np.trunc(decimals)).all() else 1)
PY
