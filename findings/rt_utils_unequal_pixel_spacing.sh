#!/usr/bin/env bash
# rt-utils: on a CT whose rows and columns are spaced unequally, contours are written with the two spacings exchanged.
#
# Expected: a mask in columns 10–39 and rows 5–8 of a CT with PixelSpacing 2\1 (2 mm between rows, 1 mm between columns;
#   DICOM PS3.3 10.7.1.3: the first value is that between rows) becomes a contour about 29 mm wide and 6 mm high.
# Seen: 58 mm wide and 3 mm high: the exchanged values. rt-utils reads its own file back without a difference, since it
#   makes the same exchange there; every other program sees another lesion.
# Versions: rt-utils 1.2.7, pydicom 3.0.2, Python 3.11, 2026-11-28.
# Here: contours are taken as the standard says. Such a structure set is measured where it lies: nothing in it tells.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rt-utils==1.2.7 highdicom==0.28.2 pydicom==3.0.2 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
PYTHONPATH="$here" "$folder/venv/bin/python" - <<'PY'
import sys
from pathlib import Path

import numpy as np
import pydicom
from made_up_ct import ct_series
from rt_utils import RTStructBuilder

ct_series(Path("ct"), shape=(4, 40, 60), spacing=(5.0, 2.0, 1.0))
mask = np.zeros((40, 60, 4), bool)
mask[5:9, 10:40, 1] = True
structures = RTStructBuilder.create_new("ct")
structures.add_roi(mask=mask, name="lesion")
structures.save("structures.dcm")
contour = pydicom.dcmread("structures.dcm").ROIContourSequence[0].ContourSequence[0].ContourData
points = np.array(contour, float).reshape(-1, 3)
width, height = (float(extent) for extent in np.ptp(points, axis=0)[:2])
back = RTStructBuilder.create_from("ct", "structures.dcm").get_roi_mask_by_name("lesion")
print("expected: 29 mm wide, 6 mm high")
print(f"seen:     {width:g} mm wide, {height:g} mm high; read back by rt-utils: {back.sum()} of {mask.sum()} voxels")
sys.exit(0 if (width, height) == (58, 3) and back.sum() == mask.sum() else 1)
PY
