"""What the shape benchmark measures, as a process: `python -m benchmarks.shape_work mesh|pyradiomics VOXELS`.

It prints the features and the CPU seconds that they took, without start-up and imports.
"""

import argparse
import math
import time
from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk  # noqa: N813
from radiomics.shape import RadiomicsShape

from radiomics_job.feature_names import SHAPE
from radiomics_job.features.shape import MeshShape

SPACING_MM = (0.8, 0.9, 1.0)
CLASSES = {"mesh": MeshShape, "pyradiomics": RadiomicsShape}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the work."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=list(CLASSES))
    parser.add_argument("voxels", type=int)
    options = parser.parse_args(arguments)
    mask = _sphere(options.voxels)
    started = time.process_time()
    calculator = CLASSES[options.kind](mask, mask, label=1)
    for name in SHAPE:
        calculator.enableFeatureByName(name)
    values = calculator.execute()
    print(",".join(repr(float(values[name])) for name in SHAPE), time.process_time() - started)
    return 0


def _sphere(voxels: int) -> sitk.Image:
    radius = (voxels * 0.75 / math.pi) ** (1 / 3)
    squares = np.arange(-int(radius) - 1, int(radius) + 2) ** 2
    inside = squares[:, None, None] + squares[None, :, None] + squares[None, None, :] <= radius**2
    image = sitk.GetImageFromArray(inside.astype(np.uint8))
    image.SetSpacing(SPACING_MM)  # type: ignore[no-untyped-call]
    return image


if __name__ == "__main__":
    raise SystemExit(main())
