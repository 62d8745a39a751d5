"""Writes the study that the imaging benchmark runs on, the same bytes every time.

A process of its own (`python -m benchmarks.imaging_study`): what it needs in memory must not count for the process
that starts and measures the two sides.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from local.synthetic.dicom import ct_slices, seg_dataset
from local.synthetic.phantom import Phantom, StudySpec, grid_of, make_phantom, tumour_of

TUMOUR_DIAMETER_MM = 35.0
SCANNER_NOISE_HU = 13.0
"""On top of the phantom's own: makes the volume as hard to compress as a lung CT (to about 55%)."""


def study_spec(matrix: int, slices: int) -> StudySpec:
    """Describe the study: 300 mm of chest, a tumour in the left lung, a SEG of the tumour's slices only.

    The SEG's frames run from inferior to superior, the one order that the article's pipeline places rightly.

    Parameters
    ----------
    matrix, slices
        The CT grid; both even.
    """
    radius = TUMOUR_DIAMETER_MM / 2
    return StudySpec(
        subject="BENCH-001",
        seed=20,
        matrix=matrix,
        slices=slices,
        slice_spacing_mm=300.0 / slices,
        tumour_centre_mm=(74.0, 4.0, 3.3),
        tumour_semi_axes_mm=(radius, radius, radius),
        acquired_at=datetime(2001, 3, 2, 8, 15, 30, tzinfo=UTC),
        frames_descending=False,
    )


def write_study(folder: Path, matrix: int, slices: int) -> None:
    """Write `<folder>/study/<series>/*.dcm`."""
    spec = study_spec(matrix, slices)
    phantom = fine_phantom(spec)
    for dataset in [*ct_slices(spec, phantom), seg_dataset(spec, phantom)]:
        path = folder / "study" / str(dataset.SeriesInstanceUID) / f"1-{int(dataset.InstanceNumber):03d}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset.save_as(path, enforce_file_format=True)


def fine_phantom(spec: StudySpec) -> Phantom:
    """Build the chest at half the resolution, double it and add noise at full resolution.

    The cohort's phantom at full resolution would take gigabytes and a minute.
    """
    coarse = make_phantom(study_spec(spec.matrix // 2, spec.slices // 2))
    origin, affine = grid_of(spec)
    return Phantom(_doubled(coarse.ct, spec.seed), tumour_of(spec, origin), affine, origin)


def _doubled(coarse: NDArray[np.int16], seed: int) -> NDArray[np.int16]:
    random = np.random.default_rng(seed)
    columns, rows, slices = (2 * size for size in coarse.shape)
    fine = np.empty((columns, rows, slices), np.int16, order="F")
    for k in range(slices):
        plane = coarse[:, :, k // 2].repeat(2, axis=0).repeat(2, axis=1)
        noisy = plane + SCANNER_NOISE_HU * random.standard_normal(plane.shape, dtype=np.float32)
        fine[:, :, k] = np.clip(np.rint(noisy), -1024, 3071)
    return fine


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--matrix", type=int, default=512)
    parser.add_argument("--slices", type=int, default=300)
    options = parser.parse_args()
    write_study(options.folder, options.matrix, options.slices)
