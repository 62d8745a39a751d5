#!/usr/bin/env bash
# MIRP: a DICOM segmentation whose frames run from superior to inferior is read mirrored, and centimetres out of place.
#
# Expected: frames lie where their Plane Position Sequence says (DICOM PS3.3 C.7.6.16.2.3); the order in which they are
#   stored means nothing. highdicom stores them superior first by default.
# Seen: the mask is placed from its lowest frame upwards in the order of storage. A lesion of 100, 16 and 4 voxels on the
#   slices at 10, 15 and 20 mm is found as 4, 16 and 100 on those at 20, 25 and 30 mm. No error, no warning.
# Versions: mirp 2.7.0, highdicom 0.28.2, pydicom 3.0.2, Python 3.11, 2026-11-28.
# Here: every frame is placed by its own position (docs/geometry.md); docs/interoperability.md tells users who compare.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mirp==2.7.0 highdicom==0.28.2 pydicom==3.0.2 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
PYTHONPATH="$here" PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import logging
import sys
from pathlib import Path

import numpy as np
from made_up_ct import ct_series, segmentation

logging.disable(logging.CRITICAL)
from mirp import extract_images  # noqa: E402

slices = ct_series(Path("ct"))
mask = np.zeros((12, 64, 64), bool)
mask[2, 10:20, 10:20] = mask[3, 10:14, 10:14] = mask[4, 10:12, 10:12] = True
written = segmentation(slices, [mask], Path("seg/seg.dcm"))
heights = [float(f.PlanePositionSequence[0].ImagePositionPatient[2]) for f in written.PerFrameFunctionalGroupsSequence]
[(_, found)] = extract_images(image="ct", mask="seg", image_export_format="dict", write_images=False)
expected = {int(z * 5): int(n) for z, n in enumerate(mask.sum((1, 2))) if n}
seen = {int(z * 5): int(n) for z, n in enumerate(found[0]["mask"].sum((1, 2))) if n}
print("frames are stored at (mm)", heights)
print("expected: voxels on the slice at mm:", expected)
print("seen:     voxels on the slice at mm:", seen)
sys.exit(0 if seen == {20: 4, 25: 16, 30: 100} else 1)
PY
