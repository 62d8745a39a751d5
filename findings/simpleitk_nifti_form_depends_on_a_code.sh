#!/usr/bin/env bash
# SimpleITK (so pyradiomics, ANTs, 3D Slicer's readers) and nibabel put the same NIfTI file in two places.
#
# Expected: the sform where its code is above 0, as nibabel, FSL and AFNI take it; `nifti1.h` allows both forms at once and
#   leaves it to the reader. A registered image usually has qform code 1 (scanner) and sform code 2 (aligned) or 4 (a template).
# Seen: ITK takes the sform when its code is 1 and the qform when its code is 2, 3 or 4, whatever the two say. A mask drawn on
#   the aligned image and saved with a single form lies elsewhere for ITK. A sheared sform (a tilted CT) beside a qform is
#   passed over for the upright qform in silence, while without the qform it is refused ("only supports orthonormal
#   direction cosines").
# Versions: SimpleITK 2.5.7, nibabel 5.4.2, numpy 2.4.6, Python 3.11, 2026-11-28.
# Here: containers/radiomics reads the sform and warns FORMS_DIFFER; docs/interoperability.md has the table.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check SimpleITK==2.5.7 nibabel==5.4.2 numpy==2.4.6 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
"$folder/venv/bin/python" - 2>itk.log <<'PY'
import sys

import nibabel
import numpy as np
import SimpleITK

VOXEL = (2, 3, 4)
scanner = np.array([[1.0, 0, 0, 10], [0, 1, 0, 20], [0, 0, 2, 30], [0, 0, 0, 1]])
moved, sheared = scanner.copy(), scanner.copy()
moved[:3, 3] = -5, 0, 7
sheared[1, 2] = 0.4


def places(sform, code):
    """The voxel in RAS mm, as nibabel and as SimpleITK (LPS) place it; qform: the scanner's, code 1."""
    image = nibabel.Nifti1Image(np.zeros((8, 8, 8), np.int16), None)
    image.set_sform(sform, code)
    image.set_qform(scanner, 1)
    nibabel.save(image, "image.nii")
    by_nibabel = nibabel.load("image.nii").affine @ [*VOXEL, 1]
    by_itk = SimpleITK.ReadImage("image.nii").TransformIndexToPhysicalPoint(VOXEL)
    return by_nibabel[:3].round(3).tolist(), (np.array(by_itk) * [-1, -1, 1]).round(3).tolist()


def form(place):
    named = {"qform": scanner, "sform": moved, "sheared sform": sheared}
    return next(name for name, affine in named.items() if np.allclose((affine @ [*VOXEL, 1])[:3], place, atol=1e-3))


seen = {}
for name, sform, code in (*((f"sform code {code}", moved, code) for code in (1, 2, 3, 4)), ("sheared, code 1", sheared, 1)):
    nibabel_place, itk_place = places(sform, code)
    seen[name] = (form(nibabel_place), form(itk_place))
    print(f"{name}: nibabel {nibabel_place} ({seen[name][0]}), SimpleITK {itk_place} ({seen[name][1]})")
print("expected: the sform by both, or an error")
different = {name: ("sform", "qform") for name in ("sform code 2", "sform code 3", "sform code 4")}
expected = {"sform code 1": ("sform", "sform"), **different, "sheared, code 1": ("sheared sform", "qform")}
sys.exit(0 if seen == expected else 1)
PY
