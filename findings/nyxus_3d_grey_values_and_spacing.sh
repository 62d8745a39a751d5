#!/usr/bin/env bash
# nyxus: 3D features of a CT are of grey values moved to start at zero, and of voxels without a size.
#
# Expected: the mean of a region is the mean of its Hounsfield units; the volume of 1,737 voxels of 0.5 × 0.5 × 3 mm is
#   1,302.75 mm³ (IBSI: statistical features are of the discretised volume's own units, morphology is in mm).
# Seen: the mean is that minus the lowest value of the image (30.3 instead of −69.7), so it changes with a neighbour's
#   value outside the region; the volume is 1,737 whatever the NIfTI header's spacing says. No warning.
# Versions: nyxus 0.11.0, nibabel 5.4.2, Python 3.11, 2026-11-28.
# Here: docs/interoperability.md tells users who compare; our features are pyradiomics' of int16 HU and spacing in mm.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check nyxus==0.11.0 nibabel==5.4.2 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import sys
from pathlib import Path

import nibabel
import numpy as np
from nyxus import Nyxus3D

x, y, z = np.mgrid[:40, :40, :20]
image = (x % 7 * 10 - 100).astype(np.int16)
mask = ((x - 20) ** 2 + (y - 20) ** 2 < 64) & (z > 5) & (z < 15)


def measure(spacing):
    for folder, voxels in (("image", image), ("mask", mask.astype(np.uint8))):
        Path(folder).mkdir(exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(voxels, np.diag([*spacing, 1.0])), f"{folder}/study.nii.gz")
    row = Nyxus3D(["*3D_ALL*"]).featurize_directory("image", "mask", r".*").iloc[0]
    return round(float(row["3MEAN"]), 1), round(float(row["3VOXEL_VOLUME"]))


cubes, slabs = measure((1, 1, 1)), measure((0.5, 0.5, 3))
print(f"expected: mean {image[mask].mean():.1f} HU, volume {mask.sum()} mm³ at 1 mm and {mask.sum() * 0.75} mm³ at 0.5 × 0.5 × 3 mm")
print(f"seen:     mean {cubes[0]}, volume {cubes[1]} and {slabs[1]}")
sys.exit(0 if cubes == slabs == (30.3, 1737) else 1)
PY
