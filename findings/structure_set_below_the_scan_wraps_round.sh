#!/usr/bin/env bash
# dcmrtstruct2nii and platipy: the part of a structure that lies below the scan is drawn into the top slices of the mask.
#
# Expected: contours have places in millimetres (DICOM PS3.3 C.8.8.6), and one outside of the image is left out or an error. dcmrtstruct2nii
#   has an error for it (ContourOutOfBoundsException), platipy says "greater than image size. Skipping slice". A structure reaches
#   beyond a scan that holds less than what was drawn on: a liver on a chest CT of the same frame of reference, a series with its lower end lost.
# Seen: a contour k slices below the first is taken as slice −k, which in an array is the k-th from the top. A structure from 10 mm below
#   the scan up to its third slice has five slices in the mask: three in their place and two at the other end, 45 mm away. Volume,
#   extent and texture are of both. One that reaches above the scan is left out (platipy by contours, dcmrtstruct2nii as a whole).
#   rt-utils goes by the referenced images and leaves out what has none. No error, no warning.
# Versions: dcmrtstruct2nii 5, platipy 0.7.2, SimpleITK 2.5.7, scikit-image 0.26.0, pydicom 2.4.5, numpy 1.26.4, Python 3.11, 2026-11-29.
# Here: a structure set that reaches beyond the CT is rejected, with the distance (GEOMETRY_MISMATCH; docs/geometry.md).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/writer"
python3 -m venv "$folder/readers"
"$folder/writer/bin/pip" install --quiet --disable-pip-version-check highdicom==0.28.2 pydicom==3.0.2 numpy==2.4.6 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/readers/bin/pip" install --quiet --disable-pip-version-check dcmrtstruct2nii==5 SimpleITK==2.5.7 scikit-image==0.26.0 \
  pydicom==2.4.5 numpy==1.26.4 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/readers/bin/pip" install --quiet --disable-pip-version-check --no-deps platipy==0.7.2 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
PYTHONPATH="$here" "$folder/writer/bin/python" - <<'PY'
from pathlib import Path

import numpy as np
from made_up_ct import ct_series, structure_set

square = [(10.5, 10.5), (39.5, 10.5), (39.5, 39.5), (10.5, 39.5)]
slices = ct_series(Path("ct"))
contours = [np.array([(x, y, height) for x, y in square]) for height in (-10.0, -5.0, 0.0, 5.0, 10.0)]
structure_set(slices, contours, Path("structures.dcm"))
PY
"$folder/readers/bin/python" - <<'PY'
import contextlib
import io
import sys

import numpy as np
import SimpleITK

with contextlib.redirect_stdout(io.StringIO()):
    from dcmrtstruct2nii import dcmrtstruct2nii
    from platipy.dicom.io.rtstruct_to_nifti import convert_rtstruct

    dcmrtstruct2nii("structures.dcm", "ct", "first", convert_original_dicom=False)
    convert_rtstruct("ct", "structures.dcm", prefix="", output_dir="first")


def filled(name):
    """Return the indices, from the lowest slice up, that hold voxels of the lesion."""
    mask = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(f"first/{name}.nii.gz"))
    return np.flatnonzero(mask.any((1, 2))).tolist()


seen = {"dcmrtstruct2nii": filled("mask_Lesion"), "platipy": filled("Lesion")}
print("12 slices, contours 2 and 1 slices below the scan and on its slices 0, 1 and 2")
print("expected slices: [0, 1, 2]")
for name, slices in seen.items():
    print(f"{name:16} {slices}")
sys.exit(0 if all(slices == [0, 1, 2, 10, 11] for slices in seen.values()) else 1)
PY
