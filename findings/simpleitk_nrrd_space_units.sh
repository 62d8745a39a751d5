#!/usr/bin/env bash
# SimpleITK: a NRRD in micrometres is read as if it were in millimetres; `space units` is not looked at.
#
# Expected: the spacing of an ITK image is in millimetres (ITK's NIfTI reader converts metres and micrometres), and the NRRD
#   definition (teem, "space units") lets a file state "um", "m" or "cm" for space directions and origin.
# Seen: SimpleITK returns 500 for a spacing of 500 um, and 0.0005 for 0.0005 m, without a warning: lengths are off by 1000,
#   volumes by a thousand million. A NIfTI of the same volume in micrometres comes back as 0.5 mm.
# Versions: SimpleITK 2.5.7, Python 3.11, 2026-11-28.
# Here: headers of NRRD are read with their units and become millimetres; other units are refused (decision features-18).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check SimpleITK==2.5.7 nibabel==5.4.2 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import sys
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk

voxels = np.zeros((4, 5, 6), np.uint8)
seen = {}
for unit, step in (("mm", "0.5"), ("um", "500"), ("m", "0.0005")):
    axes = " ".join("(" + ",".join(step if i == j else "0" for j in range(3)) + ")" for i in range(3))
    head = (
        "NRRD0004\ntype: uint8\ndimension: 3\nspace: left-posterior-superior\nsizes: 4 5 6\n"
        f'space directions: {axes}\nspace units: "{unit}" "{unit}" "{unit}"\nspace origin: (0,0,0)\nencoding: raw\n\n'
    )
    Path("volume.nrrd").write_bytes(head.encode() + voxels.tobytes(order="F"))
    seen[unit] = sitk.ReadImage("volume.nrrd").GetSpacing()[0]
    print(f"NRRD, {step} {unit}: expected 0.5 mm, seen {seen[unit]:g}")
image = nibabel.Nifti1Image(voxels, np.diag([500.0, 500.0, 500.0, 1.0]))
image.header.set_xyzt_units("micron")
nibabel.save(image, "volume.nii")
seen["nifti"] = round(sitk.ReadImage("volume.nii").GetSpacing()[0], 6)
print(f"NIfTI, 500 um: expected 0.5 mm, seen {seen['nifti']:g}")
sys.exit(0 if seen == {"mm": 0.5, "um": 500.0, "m": 0.0005, "nifti": 0.5} else 1)
PY
