#!/usr/bin/env bash
# pyradiomics: three-dimensional local binary patterns give no feature with a current SciPy, although all that they need
# is installed.
#
# Expected: pyradiomics documents the image type LBP3D, which needs SciPy and trimesh; with both installed, an extraction with
#   it gives 18 first-order features for each of its three images (levels 1 and 2, and kurtosis), or an error.
# Seen: none, and the extraction succeeds. The filter imports `scipy.special.sph_harm`, which SciPy 1.17 removed, inside a
#   `try` whose warning says that scipy or trimesh could not be loaded; its logger is the only place where that is told.
# Versions: pyradiomics-bhklab 3.1.4, scipy 1.17.1, trimesh 5.2.0, Python 3.11, 2026-11-28.
# Here: the parameter files offer patterns within slices (`lbp-2D`) and not these (docs/features.md, settings).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyradiomics-bhklab==3.1.4 scipy==1.17.1 trimesh==5.2.0 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/venv/bin/python" - 2>/dev/null <<'PY'
import logging
import sys

import numpy as np
import scipy.special
import SimpleITK as sitk
import trimesh
from radiomics.featureextractor import RadiomicsFeatureExtractor

logging.disable(logging.CRITICAL)
image = sitk.GetImageFromArray(np.random.default_rng(0).normal(0, 50, (20, 20, 20)))
region = np.zeros((20, 20, 20), np.uint8)
region[5:15, 5:15, 5:15] = 1
extractor = RadiomicsFeatureExtractor(additionalInfo=False)
extractor.disableAllFeatures()
extractor.enableFeatureClassByName("firstorder")
extractor.enableImageTypeByName("LBP3D")
names = extractor.execute(image, sitk.GetImageFromArray(region))
found = sum(name.startswith("lbp-3D") for name in names)
print("expected: 54 features of lbp-3D (18 for each of three images), or an error")
print(f"seen:     {found} of {len(names)} features, no error; trimesh {trimesh.__version__} is there,",
      "scipy.special.sph_harm is", "there" if hasattr(scipy.special, "sph_harm") else "gone")
sys.exit(0 if found == 0 and len(names) == 18 else 1)
PY
