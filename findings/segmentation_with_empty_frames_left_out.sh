#!/usr/bin/env bash
# dcm2niix and SimpleITK: a segmentation with a gap (empty frames left out, as writers do) closes up, each in its own way.
#
# Expected: a lesion on the slices at 10, 15, 30 and 35 mm stays there. Leaving empty frames out is the usual form of a
#   SEG (highdicom's default), and each frame has its own position (DICOM PS3.3 C.7.6.16.2.3).
# Seen: dcm2niix stacks the four frames at 5 mm: the upper two arrive at 20 and 25 mm, 10 mm too low. SimpleITK stacks
#   them as well, 1 mm apart: its spacing is neither that of the file nor that of the gap. No error.
# Versions: dcm2niix 1.0.20260724, SimpleITK 2.5.7, nibabel 5.4.2, highdicom 0.28.2, pydicom 3.0.2, Python 3.11, 2026-11-28.
# Here: every frame is placed by its own position on the CT's grid; the NIfTI that is written has the CT's slices.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dcm2niix==1.0.20260724 SimpleITK==2.5.7 nibabel==5.4.2 \
  highdicom==0.28.2 pydicom==3.0.2 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
PATH="$folder/venv/bin:$PATH" PYTHONPATH="$here" "$folder/venv/bin/python" - <<'PY'
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK
from made_up_ct import ct_series, segmentation

mask = np.zeros((12, 64, 64), bool)
mask[2, 10:20, 10:20] = mask[3, 10:14, 10:14] = mask[6, 10:12, 10:12] = mask[7, 30:33, 30] = True
segmentation(ct_series(Path("ct")), [mask], Path("seg/seg.dcm"))
expected = {z * 5.0: int(n) for z, n in enumerate(mask.sum((1, 2))) if n}

subprocess.run(["dcm2niix", "-o", ".", "-f", "out", "seg"], check=True, capture_output=True)
nifti = nibabel.load("out.nii")
voxels = (np.asarray(nifti.dataobj) > 0).sum((0, 1))
dcm2niix = {float((nifti.affine @ [0, 0, z, 1])[2]): int(n) for z, n in enumerate(voxels)}

image = SimpleITK.ReadImage("seg/seg.dcm")
voxels = (SimpleITK.GetArrayFromImage(image) > 0).sum((1, 2))
itk = {image.TransformIndexToPhysicalPoint((0, 0, z))[2]: int(n) for z, n in enumerate(voxels)}

print("expected: height in mm: voxels", dict(sorted(expected.items())))
print("dcm2niix:                     ", dict(sorted(dcm2niix.items())))
print("SimpleITK:                    ", dict(sorted(itk.items())))
same = dcm2niix == {10: 100, 15: 16, 20: 4, 25: 3} and sorted(itk) != sorted(expected) and image.GetSpacing()[2] == 1
sys.exit(0 if same else 1)
PY
