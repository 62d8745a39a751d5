#!/usr/bin/env bash
# highdicom: `number_of_segments` of a LABELMAP segmentation is one short; a single lesion counts as none.
#
# Expected: the number of described segments, as `segment_numbers` lists them (highdicom documents it as the number of
#   segments in the image). A loop over range(1, number_of_segments + 1), the form for BINARY, visits every one.
# Seen: one fewer: highdicom adds segment 0 for the background to the sequence of a LABELMAP and takes two off. The last
#   lesion is left out; with one lesion nothing is read. BINARY with the same masks is right.
# Versions: highdicom 0.28.2, pydicom 3.0.2, Python 3.11, 2026-11-28.
# Here: segments are read from Segment Sequence by their numbers (decision imaging-2), the background by PixelPaddingValue.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check highdicom==0.28.2 pydicom==3.0.2 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
PYTHONPATH="$here" "$folder/venv/bin/python" - <<'PY'
import sys
from pathlib import Path

import highdicom
import numpy as np
from made_up_ct import ct_series, segmentation

slices = ct_series(Path("ct"))
lesions = [np.zeros((12, 64, 64), bool) for _ in range(2)]
lesions[0][2, 10:20, 10:20] = lesions[1][8, 40:45, 40:45] = True
seen = {}
for kind in ("BINARY", "LABELMAP"):
    for count in (1, 2):
        path = Path(f"{kind}{count}/seg.dcm")
        segmentation(slices, lesions[:count], path, kind)
        read = highdicom.seg.segread(path)
        seen[kind, count] = read.number_of_segments
        print(f"{kind}, {count} lesion(s): segment_numbers {list(read.segment_numbers)}, expected {count}, seen {read.number_of_segments}")
sys.exit(0 if seen == {("BINARY", 1): 1, ("BINARY", 2): 2, ("LABELMAP", 1): 0, ("LABELMAP", 2): 1} else 1)
PY
