#!/usr/bin/env bash
# dicompyler-core: the dose of the hottest 2 cm3 of a histogram in percent is that of 2 %, also after it was told the organ's volume.
#
# Expected: D2cc needs the organ's volume. absolute_volume(volume) is there to turn relative volumes into absolute ones (its docstring), and
#   without it D2cc of relative volumes is an error, as V100 without a prescribed dose is.
# Seen: volumes in percent are "PERCENT" in DICOM (DVH Volume Units, PS3.3 C.8.8.4) and "%" in dicompyler, and from_dicom_dvh does not
#   translate: absolute_volume(20) returns the histogram as it is, and D2cc is the dose of 2 %, 58.8 Gy. Two of 20 cm3 are 10 %, with
#   54 Gy: a cord within its limit is beyond it. Made by hand with "%", the same histogram gives 54 Gy. No error, no warning.
# Versions: dicompyler-core 0.5.6, pydicom 2.4.5, numpy 1.26.4, Python 3.11, 2026-11-29.
# Here: no dose is read; units of NRRD, NIfTI and PET are translated or refused (docs/interoperability.md).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dicompyler-core==0.5.6 pydicom==2.4.5 numpy==1.26.4 six==1.17.0 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
from dicompylercore.dvh import DVH
from pydicom.dataset import Dataset

CORD = 20  # cm3
WIDTH, BINS = 0.1, 600  # Gy: as much of the organ between any two doses from 0 to 60 Gy
percent = [100 * (1 - k / BINS) for k in range(BINS)]
organ, histogram, dose = Dataset(), Dataset(), Dataset()
organ.ReferencedROINumber, organ.DVHROIContributionType = 1, "INCLUDED"
histogram.DVHReferencedROISequence, histogram.DVHType, histogram.DoseUnits, histogram.DoseType = [organ], "CUMULATIVE", "GY", "PHYSICAL"
histogram.DVHDoseScaling, histogram.DVHVolumeUnits, histogram.DVHNumberOfBins = 1, "PERCENT", BINS
histogram.DVHData = [value for volume in percent for value in (WIDTH, volume)]
dose.DVHSequence = [histogram]

read = DVH.from_dicom_dvh(dose, 1)
by_hand = DVH(read.counts, read.bins, volume_units="%")
told, right = read.absolute_volume(CORD), by_hand.absolute_volume(CORD)
print(f"expected: D2cc of {CORD} cm3: 54.0 Gy, D2: 58.8 Gy")
print("made by hand with '%':     ", right.volume.round(1), right.volume_units, "D2cc", right.D2cc)
print("from DICOM, as read:       ", read.volume.round(1), read.volume_units, "D2cc", read.D2cc, " D2", read.D2)
print("from DICOM, with its volume:", told.volume.round(1), told.volume_units, "D2cc", told.D2cc)
doses = [value.value for value in (right.D2cc, read.D2, read.D2cc, told.D2cc)]
sys.exit(0 if np.allclose(doses, [54, 58.8, 58.8, 58.8], atol=0.05) and told.volume_units == "percent" else 1)
PY
