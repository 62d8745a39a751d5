#!/usr/bin/env bash
# dcmrtstruct2nii: a structure whose contours have more than 64 kB of coordinates is a speck of its characters' codes.
#
# Expected: the same mask, however many points a contour has. An explicit file has room for 64 kB in an element of the type DS;
#   a longer one is written as UN, as DICOM PS3.5 6.2.2 says and pydicom does (2,500 points with three decimals are enough: the
#   outline of a body, a lung, the brain).
# Seen: pydicom gives an element of type UN back as bytes when it is longer than 64 kB, though it knows that ContourData is DS.
#   dcmrtstruct2nii takes each byte for a coordinate in mm ("1" is 49 mm, the point 46 mm): of a square of 4,800 voxels, drawn
#   with 4,800 points a slice, 193 are left, and nothing is said. The same square of 400 points a slice is right.
#   Of the other readers rt-utils and platipy end with an error.
# Versions: dcmrtstruct2nii 5, pydicom 3.0.2 (writer) and 2.4.5 (reader), numpy 1.26.4, SimpleITK 2.5.7, Python 3.11, 2026-11-29.
# Here: ContourData is read from its bytes, as DS or UN (radiomics_job.roi.rtstruct).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/writer"
python3 -m venv "$folder/reader"
"$folder/writer/bin/pip" install --quiet --disable-pip-version-check highdicom==0.28.2 pydicom==3.0.2 numpy==2.4.6 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/reader/bin/pip" install --quiet --disable-pip-version-check dcmrtstruct2nii==5 SimpleITK==2.5.7 scikit-image==0.26.0 \
  pydicom==2.4.5 numpy==1.26.4 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
PYTHONPATH="$here" "$folder/writer/bin/python" - 2>/dev/null <<'PY'
from pathlib import Path

import numpy as np
from made_up_ct import ct_series, structure_set

CORNERS = np.array([(9.5, 9.5), (49.5, 9.5), (49.5, 49.5), (9.5, 49.5)])


def square(points, height):
    """Return a square of 40 × 40 voxels with `points` on each side."""
    sides = zip(CORNERS, np.roll(CORNERS, -1, 0))
    path = np.concatenate([np.linspace(start, end, points, endpoint=False) for start, end in sides]).round(3)
    return np.column_stack([path, np.full(len(path), height)])


slices = ct_series(Path("ct"))
for points in (100, 1200):
    structure_set(slices, [square(points, height) for height in (5.0, 10.0, 15.0)], Path(f"{points}.dcm"))
PY
"$folder/reader/bin/python" - 2>/dev/null <<'PY'
import contextlib
import io
import sys

import pydicom
import SimpleITK

with contextlib.redirect_stdout(io.StringIO()):
    from dcmrtstruct2nii import dcmrtstruct2nii


def read(points):
    """Return what pydicom gives for a contour, and the number of voxels of the mask."""
    data = pydicom.dcmread(f"{points}.dcm").ROIContourSequence[0].ContourSequence[0].ContourData
    with contextlib.redirect_stdout(io.StringIO()):
        dcmrtstruct2nii(f"{points}.dcm", "ct", f"mask-{points}", convert_original_dicom=False)
    image = SimpleITK.ReadImage(f"mask-{points}/mask_Lesion.nii.gz")
    return type(data).__name__, int((SimpleITK.GetArrayFromImage(image) > 0).sum())


few, many = read(100), read(1200)
print("expected: 4800 voxels of both")
print(f"400 points a slice: {few[1]} voxels (contour as {few[0]})\n4800 points a slice: {many[1]} voxels (contour as {many[0]})")
sys.exit(0 if few == ("MultiValue", 4800) and many[0] == "bytes" and many[1] < 480 else 1)
PY
