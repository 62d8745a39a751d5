#!/usr/bin/env bash
# pydicom-seg: a segmentation of overlapping slices loses a slice of the lesion, and what is left is stretched to half as much again.
#
# Expected: frames lie where their Plane Position Sequence says (DICOM PS3.3 C.7.6.16.2.3). Spacing Between Slices need not be there unless the
#   dimensions are organised as 3D (C.7.6.16.2.1, type 1C), and Slice Thickness is no distance: a CT is often reconstructed with slices
#   of 5 mm every 2.5 mm. SimpleITK, dcm2niix and highdicom take the distance from the positions.
# Seen: without Spacing Between Slices the thickness is taken. Of four frames 2.5 mm apart two fall on one slice, where the later replaces the
#   earlier; three slices 5 mm thick are returned. A lesion of 1,000 mm³ has 1,500, and 300 of its 400 voxels. With Spacing Between Slices
#   the same file is right. No error, no warning.
# Versions: pydicom-seg 0.4.1, pydicom 2.4.5, numpy 1.26.4, SimpleITK 2.5.7, highdicom 0.28.2, pydicom 3.0.2, Python 3.11, 2026-11-29.
# Here: every frame is placed by its own position on the CT's grid (docs/geometry.md).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/writer"
python3 -m venv "$folder/reader"
"$folder/writer/bin/pip" install --quiet --disable-pip-version-check highdicom==0.28.2 pydicom==3.0.2 numpy==2.4.6 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/reader/bin/pip" install --quiet --disable-pip-version-check pydicom-seg==0.4.1 pydicom==2.4.5 numpy==1.26.4 SimpleITK==2.5.7 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
PYTHONPATH="$here" PYTHONWARNINGS=ignore "$folder/writer/bin/python" - <<'PY'
from pathlib import Path

import numpy as np
from made_up_ct import ct_series, segmentation
from pydicom import dcmread

slices = ct_series(Path("ct"), spacing=(2.5, 1.0, 1.0))
for image in slices:
    image.SliceThickness = 5
mask = np.zeros((12, 64, 64), bool)
mask[3:7, 10:20, 10:20] = True
segmentation(slices, [mask], Path("seg/with.dcm"))
written = dcmread("seg/with.dcm")
del written.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices
del written.DimensionOrganizationType
written.save_as("seg/without.dcm")
PY
PYTHONWARNINGS=ignore "$folder/reader/bin/python" - <<'PY'
import sys

import numpy as np
import pydicom
import SimpleITK
from pydicom_seg import SegmentReader


def measure(image):
    """Return the voxels, the distance of slices and the volume (mm³) of what is drawn in `image`."""
    voxels = int((SimpleITK.GetArrayFromImage(image) > 0).sum())
    return voxels, image.GetSpacing()[2], voxels * float(np.prod(image.GetSpacing()))


seen = {name: measure(SegmentReader().read(pydicom.dcmread(f"seg/{name}.dcm")).segment_image(1)) for name in ("with", "without")}
other = measure(SimpleITK.ReadImage("seg/without.dcm"))
print("expected:                                     (400, 2.5, 1000.0)")
print("SimpleITK, without SpacingBetweenSlices:     ", other)
for name, values in seen.items():
    print(f"pydicom-seg, {name:7} SpacingBetweenSlices:  ", values)
right = other == seen["with"] == (400, 2.5, 1000.0)
sys.exit(0 if right and seen["without"] == (300, 5.0, 1500.0) else 1)
PY
