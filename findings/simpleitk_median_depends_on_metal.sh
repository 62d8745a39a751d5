#!/usr/bin/env bash
# SimpleITK: the median HU of a lesion depends on metal elsewhere in the scan; two filters of the library give two medians, both wrong.
#
# Expected: the median of the voxels of a label ("Return the computed Median for a label", LabelStatisticsImageFilter), which depends on
#   these voxels alone, as mean, minimum and maximum of the same filter do.
# Seen: it is read from a histogram of 128 bins, or of some other number, over the *whole image's* range. A lesion of about 40 HU has a
#   median of 38.8 (LabelIntensityStatistics) or 40.9 (LabelStatistics) in a scan without metal, 47.7 and 39.7 with a clip of 3,071 HU, and
#   91.1 and 61.7 with an implant of 14,000 HU on the extended scale, where no voxel of the lesion has 60. The entropy is of the same
#   histogram. No warning.
# Versions: SimpleITK 2.5.7, numpy 2.4.6, Python 3.11, 2026-11-29.
# Here: the median is that of the region's voxels alone (docs/features.md).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check SimpleITK==2.5.7 numpy==2.4.6 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import SimpleITK

scan = np.random.default_rng(0).normal(40, 5, (20, 40, 40)).round().astype(np.int16)
scan[0, 0, 0] = -1024
lesion = np.zeros(scan.shape, np.uint8)
lesion[5:15, 10:20, 10:20] = 1
mask = SimpleITK.GetImageFromArray(lesion)


def medians(metal: int) -> tuple[float, float, float]:
    """Return mean and both medians of the lesion (HU) when one voxel far from it holds `metal`."""
    scan[18, 35, 35] = metal
    image = SimpleITK.GetImageFromArray(scan)
    intensity, statistics = SimpleITK.LabelIntensityStatisticsImageFilter(), SimpleITK.LabelStatisticsImageFilter()
    intensity.Execute(mask, image)
    statistics.Execute(image, mask)
    return intensity.GetMean(1), intensity.GetMedian(1), statistics.GetMedian(1)


right = float(np.median(scan[lesion > 0]))
print(f"{'highest value of the scan':26}{'mean':>8}{'LabelIntensityStatistics':>28}{'LabelStatistics':>18}")
seen = {metal: medians(metal) for metal in (60, 3071, 14_000)}
for metal, (mean, one, other) in seen.items():
    print(f"{metal:<26}{mean:8.2f}{one:28.2f}{other:18.2f}   expected: {right}")
steady = len({round(mean, 6) for mean, *_ in seen.values()}) == 1
sys.exit(0 if steady and seen[3071][1] > right + 5 and seen[14_000][1] > right + 40 and seen[14_000][2] > right + 15 else 1)
PY
