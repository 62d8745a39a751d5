#!/usr/bin/env bash
# pynrrd: letters outside ASCII vanish from key/value pairs, so that segments of other names become equal.
#
# Expected: names as 3D Slicer and ITK write them (UTF-8): "Tumör" is read as "Tumör", or an error is raised; what is read
#   can be written again.
# Seen: `read` gives "Tumr" without a warning ("bösartig" and "bsartig" are one, a name in Chinese is empty), while
#   SimpleITK reads the same file right.
# Versions: pynrrd 1.1.3, SimpleITK 2.5.7, Python 3.11, 2026-11-28.
# Here: pynrrd is given the header as decoded lines, which it takes as they are (decision features-18).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pynrrd==1.1.3 SimpleITK==2.5.7 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import sys
from pathlib import Path

import nrrd
import SimpleITK as sitk

head = (
    "NRRD0005\ntype: uint8\ndimension: 3\nspace: left-posterior-superior\nsizes: 4 5 6\n"
    "space directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\nencoding: raw\n"
)
seen = {}
for name in ("Tumor", "Tumör", "bösartig", "肿瘤"):
    Path("a.seg.nrrd").write_bytes(f"{head}Segment0_Name:={name}\n\n".encode() + bytes(120))
    seen[name] = nrrd.read_header("a.seg.nrrd")["Segment0_Name"]
    itk = sitk.ReadImage("a.seg.nrrd").GetMetaData("Segment0_Name")
    print(f"expected {name!r}, pynrrd {seen[name]!r}, SimpleITK {itk!r}")
    if itk != name:
        sys.exit(1)
sys.exit(0 if seen == {"Tumor": "Tumor", "Tumör": "Tumr", "bösartig": "bsartig", "肿瘤": ""} else 1)
PY
