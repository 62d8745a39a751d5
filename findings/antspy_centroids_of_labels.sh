#!/usr/bin/env bash
# ANTsPy: the centroid of a lesion is that of other voxels, and in millimetres it is the same as in voxels.
#
# Expected: label_image_centroids gives the mean position of each label's voxels, with physical=True in the image's space (its docstring);
#   label_geometry_measures of the same package, and ITK, have the right one.
# Seen: coordinates are counted with the first axis fastest and compared with values whose last axis is fastest, the number of slices
#   comes from the second axis, and `physical` is not looked at. A lesion around voxel (6, 3.5, 2.5) of a grid of 20 × 12 × 8 is at
#   (9.8, 5.8, 3.3), 7 mm away, another, on slice 6, is at slice 8, which the image does not have. In a cube the middle is right, so that
#   a small test sees little. Landmarks for a registration and positions of lesions are taken from it. No error, no warning.
# Versions: antspyx 0.6.3, numpy 2.3.5, pandas 3.1.1, Python 3.11, 2026-11-29.
# Here: a voxel's place is the affine's (docs/geometry.md).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check antspyx==0.6.3 numpy==2.3.5 pandas==3.1.1 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys

import ants
import numpy as np

voxels = np.zeros((20, 12, 8), np.float32)
voxels[5:8, 3:5, 2:4], voxels[12:16, 8:10, 6] = 1, 2
spacing, origin = np.array([1.0, 2.0, 5.0]), np.array([10.0, -20.0, 30.0])
image = ants.from_numpy(voxels, origin=tuple(origin), spacing=tuple(spacing))

expected = np.array([np.argwhere(voxels == label).mean(0) for label in (1, 2)])
in_mm = origin + expected * spacing
seen = np.asarray(image.label_image_centroids()["vertices"])
seen_in_mm = np.asarray(image.label_image_centroids(physical=True)["vertices"])
measured = image.label_geometry_measures()[["Centroid_x", "Centroid_y", "Centroid_z"]].to_numpy()
for name, rows in {"voxels": (expected, seen), "mm": (in_mm, seen_in_mm)}.items():
    print(f"{name:6} expected: {rows[0].round(1).tolist()}   seen: {rows[1].round(1).tolist()}")
print("label_geometry_measures, mm:", measured.round(1).tolist())
print("off by (mm):", np.linalg.norm((seen - expected) * spacing, axis=1).round(1).tolist())
right = np.allclose(measured, in_mm)
sys.exit(0 if right and np.array_equal(seen, seen_in_mm) and np.abs(seen - expected).max() > 2 else 1)
PY
