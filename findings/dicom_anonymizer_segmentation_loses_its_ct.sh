#!/usr/bin/env bash
# dicom-anonymizer: a CT and its segmentation, de-identified together, no longer belong together: references keep the old UIDs.
#
# Expected: new UIDs that are consistent within the set (its code says so, after action U of DICOM PS3.15 E.1; Referenced SOP Instance
#   UID, Series Instance UID and so on are in its list): the segmentation references the images under their new UIDs.
# Seen: only elements of the top level are replaced. Series and images named within sequences keep their old UIDs, while the CT has new
#   ones: of 12 referenced images none exists any more. Viewers and pipelines that pair by reference find no CT; with two
#   series in one frame of reference (two phases of contrast, two kernels) nothing tells which was drawn on. No warning. Structure
#   sets are the same: all of their references are nested.
# Versions: dicom_anonymizer 2.1.0, highdicom 0.28.2, pydicom 3.0.2, Python 3.11, 2026-11-28.
# Here: such a study is rejected (SEG_REFERENCES_OTHER_SERIES), since the series that was drawn on may be another one; the message names
#   this cause.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dicom_anonymizer==2.1.0 highdicom==0.28.2 pydicom==3.0.2 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
PATH="$folder/venv/bin:$PATH" PYTHONPATH="$here" PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
from made_up_ct import ct_series, segmentation

mask = np.zeros((12, 64, 64), bool)
mask[3:7, 10:20, 30:40] = True
segmentation(ct_series(Path("study")), [mask], Path("seg/seg.dcm"))
Path("seg/seg.dcm").rename("study/seg.dcm")
Path("out").mkdir()
subprocess.run(["dicom-anonymizer", "study", "out"], check=True, capture_output=True)


def linked(directory):
    read = [pydicom.dcmread(path) for path in Path(directory).glob("*.dcm")]
    (seg,) = (image for image in read if image.Modality == "SEG")
    slices = [image for image in read if image.Modality == "CT"]
    (series,) = seg.ReferencedSeriesSequence
    named = {item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence}
    return {
        "referenced images": len(named),
        "of them there": len(named & {image.SOPInstanceUID for image in slices}),
        "series there": series.SeriesInstanceUID in {image.SeriesInstanceUID for image in slices},
        "one study": {image.StudyInstanceUID for image in slices} == {seg.StudyInstanceUID},
        "one frame of reference": {image.FrameOfReferenceUID for image in slices} == {seg.FrameOfReferenceUID},
    }


before, after = linked("study"), linked("out")
print(f"before:   {before}\nafter:    {after}\nexpected: as before")
still = before["of them there"] == 12 and after | {"of them there": 12, "series there": True} == before and after["of them there"] == 0
sys.exit(0 if still else 1)
PY
