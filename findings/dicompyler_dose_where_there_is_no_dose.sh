#!/usr/bin/env bash
# dicompyler-core: an organ half of which lies outside of the dose grid has twice the volume above any dose.
#
# Expected: V5Gy, the volume that receives at least 5 Gy, is that of voxels which have such a dose. calculate_full_volume, the default, is
#   documented to include contours outside of the dose grid in the *volume*. A grid ends where the dose ends; lungs, liver and the cord
#   reach beyond it.
# Seen: the histogram of the covered slices is scaled up until it fills the whole volume. Of an organ of 96 cm3, half of it in the last 3 cm of
#   the grid, where the dose falls from 9 to 0 Gy, and half beyond, V5Gy is 48 cm3; the covered half alone has 24 cm3, and the rest
#   none. The mean stays 4.5 Gy. The note of the result speaks of the volume, nothing of the doses.
# Versions: dicompyler-core 0.5.6, pydicom 2.4.5, numpy 1.26.4, Python 3.11, 2026-11-29.
# Here: no dose is read. PET at voxels of a region outside of the PET is not made up either: such a region is rejected (docs/geometry.md).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dicompyler-core==0.5.6 pydicom==2.4.5 numpy==1.26.4 matplotlib==3.11.2 \
  six==1.17.0 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/venv/bin/python" - 2>/dev/null <<'PY'
import sys

import numpy as np
from dicompylercore.dvhcalc import get_dvh
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid


def item(**attributes):
    """Return a data set with `attributes`."""
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def file(**attributes):
    """Return an object that could be saved, with `attributes`."""
    made = item(SOPInstanceUID=generate_uid(), **attributes)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.is_little_endian, made.is_implicit_VR = True, False
    return made


def dose(slices=40):
    """Return a dose that falls by 1 Gy a slice to 0 on the last of `slices` slices 3 mm apart, from 0 mm up."""
    values = np.broadcast_to(np.arange(slices, dtype=np.uint32)[::-1, None, None] * 1000, (slices, 64, 64))
    return file(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.481.2", Modality="RTDOSE", Rows=64, Columns=64, NumberOfFrames=slices, BitsAllocated=32, BitsStored=32,
        HighBit=31, PixelRepresentation=0, SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", PixelSpacing=[2, 2],
        ImagePositionPatient=[0, 0, 0], ImageOrientationPatient=[1, 0, 0, 0, 1, 0], GridFrameOffsetVector=[3.0 * k for k in range(slices)],
        DoseGridScaling=0.001, DoseUnits="GY", DoseType="PHYSICAL", DoseSummationType="PLAN", PixelData=values.tobytes(),
    )  # fmt: skip


def organ(heights):
    """Return a structure set with one organ of 40 × 40 mm on each of `heights` (mm)."""
    square = [(43, 43), (83, 43), (83, 83), (43, 83)]
    contours = [
        item(ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=4, ContourData=[float(v) for x, y in square for v in (x, y, z)])
        for z in heights
    ]
    uid = generate_uid()
    return file(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3", Modality="RTSTRUCT",
        StructureSetROISequence=[item(ROINumber=1, ROIName="Liver", ReferencedFrameOfReferenceUID=uid, ROIGenerationAlgorithm="MANUAL")],
        ROIContourSequence=[item(ReferencedROINumber=1, ROIDisplayColor=[255, 0, 0], ContourSequence=contours)],
        RTROIObservationsSequence=[item(ObservationNumber=1, ReferencedROINumber=1, RTROIInterpretedType="ORGAN", ROIInterpreter="")],
    )  # fmt: skip


within = get_dvh(organ([3.0 * k for k in range(30, 40)]), dose(), 1)
beyond = get_dvh(organ([3.0 * k for k in range(30, 50)]), dose(), 1)
print(f"the part within the grid: volume {within.volume:.1f} cm3, V5Gy {within.V5Gy}, mean {within.mean:.1f} Gy")
print(f"expected of the organ:    volume {2 * within.volume:.1f} cm3, V5Gy {within.V5Gy}")
print(f"seen:                     volume {beyond.volume:.1f} cm3, V5Gy {beyond.V5Gy}, mean {beyond.mean:.1f} Gy;", beyond.notes)
covered = np.isclose(within.V5Gy.value, 24) and np.isclose(beyond.volume, 96)
sys.exit(0 if covered and np.isclose(beyond.V5Gy.value, 48) and np.isclose(beyond.mean, within.mean) else 1)
PY
