"""Runs one study and reads back what it wrote, so that tests speak about voxels and reasons."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from radiomics_job.limits import Limits
from radiomics_job.parameters import Params, load_params
from radiomics_job.roi.rule import RoiRule
from radiomics_job.study import StudyTask, process_study
from tests.builders.dicom import Inside, hounsfield, tumour

LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Result:
    """What a study's result folder holds."""

    folder: Path
    status: str

    def json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}

    @property
    def features(self) -> Any:
        return self.json("features.json")

    @property
    def qc(self) -> Any:
        return self.json("qc.json")

    @property
    def rejection(self) -> Any:
        return self.json("rejection.json")

    def volume(self, name: str) -> tuple[NDArray[Any], NDArray[np.float64]]:
        image: Any = nibabel.load(self.folder / name)
        return np.asarray(image.dataobj), np.asarray(image.affine)

    @property
    def spacing_k(self) -> float:
        """Slice spacing that was written, in millimetres."""
        return float(np.linalg.norm(self.volume("ct.nii.gz")[1][:3, 2]))

    def places(self) -> NDArray[np.float64]:
        """LPS position of every voxel, from the affine that was written."""
        voxels, affine = self.volume("seg.nii.gz")
        indices = np.stack(np.meshgrid(*(np.arange(n) for n in voxels.shape), indexing="ij"), axis=-1)
        world = indices @ affine[:3, :3].T + affine[:3, 3]
        return np.asarray(world * LPS_TO_RAS)

    def assert_right_in_patient_space(self, inside: Inside = tumour) -> None:
        """Every voxel has the value and the label of the place that its affine names."""
        ct, affine = self.volume("ct.nii.gz")
        seg, seg_affine = self.volume("seg.nii.gz")
        places = self.places()
        assert ct.shape == seg.shape
        assert np.array_equal(affine, seg_affine)
        assert [str(ct.dtype), str(seg.dtype)] == ["int16", "uint8"]
        assert np.array_equal(seg == 1, inside(places))
        assert np.abs(ct.astype(int) - hounsfield(places)).max() <= 1  # float32 affines round; half HU may flip

    def assert_near_truth(self, inside: Inside, coarse_mm: tuple[float, float, float]) -> None:
        """A resampled mask: its centroid within half a voxel of the region's, its surface within one coarse voxel.

        `coarse_mm` are the sides of the coarsest voxel that was involved.
        """
        seg, affine = self.volume("seg.nii.gz")
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        mask, places = seg == 1, self.places()
        region, points = _dense(inside)
        shift = (places[mask].mean(axis=0) - points[region].mean(axis=0)) * LPS_TO_RAS
        coarse = np.maximum(1.0, np.array(coarse_mm)[[1, 0, 2]] / spacing)
        assert (np.abs(np.linalg.inv(affine[:3, :3]) @ shift) <= coarse / 2).all()
        assert _hd95(_surface(mask, places), _surface(region, points)) <= np.linalg.norm(coarse_mm)


def _dense(inside: Inside, step: float = 0.5, reach: float = 22.0) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """A region on a fine grid in patient space: the mask, and the LPS position of every point."""
    axis = np.arange(-reach, reach, step)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    return inside(points), points


def _surface(mask: NDArray[np.bool_], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places of the voxels that have a neighbour outside, shape (n, 3)."""
    padded = np.pad(mask, 1)
    inner = np.logical_and.reduce([np.roll(padded, s, axis) for axis in range(3) for s in (1, -1)])
    return np.asarray(places[mask & ~inner[1:-1, 1:-1, 1:-1]])


def _hd95(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return float(max(np.percentile(_nearest(first, second), 95), np.percentile(_nearest(second, first), 95)))


def _nearest(points: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    parts = np.array_split(points, len(points) // 500 + 1)
    return np.concatenate([np.linalg.norm(part[:, None] - others[None], axis=-1).min(axis=1) for part in parts])


def store(
    volume: NDArray[Any], affine: NDArray[np.float64], axes: tuple[int, ...], flips: tuple[bool, ...]
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Store a volume with its axes permuted and some reversed, and give the affine that still places it."""
    stored = volume.transpose(axes)
    placed = affine[:, [*axes, 3]].copy()
    for axis, flip in enumerate(flips):
        if flip:
            stored = np.flip(stored, axis)
            placed[:3, 3] += placed[:3, axis] * (stored.shape[axis] - 1)
            placed[:3, axis] *= -1
    return np.ascontiguousarray(stored), placed


def task_for(
    source: Path,
    folder: Path,
    params: Params | None = None,
    rule: RoiRule | None = None,
    limits: Limits | None = None,
    pet: Params | None = None,
) -> StudyTask:
    return StudyTask(
        subject="R01-001",
        source=source,
        folder=folder,
        scratch=folder.parent / ".scratch" / folder.name,
        params=params or load_params("ct"),
        rule=rule or RoiRule(),
        limits=limits or Limits(),
        pet=pet,
    )


def run_study(
    source: Path,
    out: Path,
    params: Params | None = None,
    rule: RoiRule | None = None,
    limits: Limits | None = None,
    pet: Params | None = None,
) -> Result:
    """Process a study in this process."""
    return Result(out, process_study(task_for(source, out, params, rule, limits, pet)))
