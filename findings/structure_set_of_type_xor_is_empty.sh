#!/usr/bin/env bash
# dcmrtstruct2nii and platipy: a lesion whose contours are of the type CLOSEDPLANAR_XOR is an empty mask, or no file at all.
#
# Expected: the type was made for structures with holes and for nested parts: contours are combined by exclusive or (DICOM PS3.3
#   C.8.8.6, Contour Geometric Type). Both programs combine contours of the type CLOSED_PLANAR by
#   exclusive or, so that the same ring under its proper type is the same mask.
# Seen: a ring of 30 × 30 with a hole of 10 × 10 is 800 voxels a slice as CLOSED_PLANAR. As CLOSEDPLANAR_XOR dcmrtstruct2nii writes a
#   mask of zeros, which a cohort counts as a patient without a lesion, and platipy writes no file; rt-utils reads the ring
#   from both. The reason is told at the levels INFO and DEBUG alone, which are not shown.
# Versions: dcmrtstruct2nii 5, platipy 0.7.2, rt-utils 1.2.7, pydicom 2.4.5, SimpleITK 2.5.7, Python 3.11, 2026-11-29.
# Here: contours of both types are read (radiomics_job.roi.rtstruct), XOR as its type says; types that enclose no area are counted.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/writer"
python3 -m venv "$folder/readers"
"$folder/writer/bin/pip" install --quiet --disable-pip-version-check highdicom==0.28.2 pydicom==3.0.2 numpy==2.4.6 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/readers/bin/pip" install --quiet --disable-pip-version-check dcmrtstruct2nii==5 SimpleITK==2.5.7 scikit-image==0.26.0 \
  pydicom==2.4.5 numpy==1.26.4 rt-utils==1.2.7 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/readers/bin/pip" install --quiet --disable-pip-version-check --no-deps platipy==0.7.2 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
PYTHONPATH="$here" "$folder/writer/bin/python" - <<'PY'
from pathlib import Path

import numpy as np
from made_up_ct import ct_series, structure_set


def square(low, high, height):
    """Return the corners of a square that runs half-way between voxels."""
    return np.array([(low, low, height), (high, low, height), (high, high, height), (low, high, height)])


slices = ct_series(Path("ct"))
ring = [square(*side, height) for height in (5.0, 10.0) for side in ((9.5, 39.5), (19.5, 29.5))]
for kind in ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"):
    structure_set(slices, ring, Path(f"{kind}.dcm"), kind)
PY
"$folder/readers/bin/python" - 2>/dev/null <<'PY'
import contextlib
import io
import sys
from pathlib import Path

import SimpleITK
from rt_utils import RTStructBuilder

with contextlib.redirect_stdout(io.StringIO()):
    from dcmrtstruct2nii import dcmrtstruct2nii
    from platipy.dicom.io.rtstruct_to_nifti import convert_rtstruct


def read(kind):
    """Return the number of voxels of the second slice for each program; None where there is no mask."""
    with contextlib.redirect_stdout(io.StringIO()):
        dcmrtstruct2nii(f"{kind}.dcm", "ct", kind, convert_original_dicom=False)
        convert_rtstruct("ct", f"{kind}.dcm", prefix="", output_dir=kind)
    voxels = {"rt-utils": int(RTStructBuilder.create_from("ct", f"{kind}.dcm").get_roi_mask_by_name("Lesion")[:, :, 1].sum())}
    for name, file in (("dcmrtstruct2nii", "mask_Lesion"), ("platipy", "Lesion")):
        path = Path(kind, f"{file}.nii.gz")
        image = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))) if path.exists() else None
        voxels[name] = None if image is None else int((image[1] > 0).sum())
    return voxels


plain, xor = read("CLOSED_PLANAR"), read("CLOSEDPLANAR_XOR")
print("expected: the same number of voxels for both types")
for name, voxels in plain.items():
    print(f"{name:16} CLOSED_PLANAR {voxels}   CLOSEDPLANAR_XOR {xor[name]}")
right = plain["rt-utils"] == xor["rt-utils"] and plain["dcmrtstruct2nii"] == 800 and plain["platipy"]
sys.exit(0 if right and (xor["dcmrtstruct2nii"], xor["platipy"]) == (0, None) else 1)
PY
