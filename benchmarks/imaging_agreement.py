"""Return whether both sides of the imaging benchmark made the same thing: a fast job that is wrong must not pass.

A process of its own (`python -m benchmarks.imaging_agreement THEIRS OURS`), because it holds whole volumes.
"""

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import nibabel
import numpy as np

from radiomics_job.feature_names import ORIGINAL_FEATURES

RELATIVE_TOLERANCE = 1e-6
"""Between a feature of the whole volume in float64 and one of the mask's box: rounding stays far below."""

AFFINE_TOLERANCE_MM = 1e-3

RESULTS = ("ct.nii.gz", "seg.nii.gz", "overlay.png", "qc.json", "features.json")
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was compared."""

    features: int
    """How many features there have to be."""
    agreeing: int
    """How many of them both sides have, with the same value."""
    differing: dict[str, tuple[float | None, float | None]]
    """The others by name: theirs and ours, null where a side has no number."""
    results: tuple[str, ...]
    """Result files of this job that are there and whole."""
    same_ct: bool
    same_mask: bool
    """Every voxel is the same at the same place in the patient."""


def compare(theirs: Path, ours: Path) -> Agreement:
    """Compare the results of one study, the article's with this job's."""
    reference = json.loads((theirs / "features.json").read_text(encoding="utf-8"))
    features = json.loads((ours / "features.json").read_text(encoding="utf-8"))["rois"][0]["features"]
    differing = different_features(reference, features)
    return Agreement(
        features=len(ORIGINAL_FEATURES),
        agreeing=len(ORIGINAL_FEATURES) - len(differing),
        differing=differing,
        results=tuple(name for name in RESULTS if _is_whole(ours / name)),
        same_ct=same_volume(theirs / "ct.nii.gz", ours / "ct.nii.gz"),
        same_mask=same_volume(theirs / "seg.nii.gz", ours / "seg.nii.gz"),
    )


def different_features(
    theirs: Mapping[str, float | None], ours: Mapping[str, float | None]
) -> dict[str, tuple[float | None, float | None]]:
    """Return the documented features that differ or that a side lacks.

    Examples
    --------
    >>> same = dict.fromkeys(ORIGINAL_FEATURES, 2.0)
    >>> different_features(same, same | {"original_shape_Flatness": 2.1})
    {'original_shape_Flatness': (2.0, 2.1)}
    """
    pairs = {name: (theirs.get(name), ours.get(name)) for name in ORIGINAL_FEATURES}
    return {name: pair for name, pair in pairs.items() if not _same(*pair)}


def _same(first: float | None, second: float | None) -> bool:
    return first is not None and second is not None and math.isclose(first, second, rel_tol=RELATIVE_TOLERANCE)


def same_volume(first: Path, second: Path) -> bool:
    """Return whether two NIfTI volumes hold the same voxels at the same places, whatever the order of their axes."""
    one, other = (_canonical(path) for path in (first, second))
    return (
        one.shape == other.shape
        and np.allclose(one.affine, other.affine, rtol=0, atol=AFFINE_TOLERANCE_MM)
        and np.array_equal(np.asanyarray(one.dataobj), np.asanyarray(other.dataobj))
    )


def _canonical(path: Path) -> nibabel.Nifti1Image:
    """Load a volume with its axes turned to RAS."""
    image: nibabel.Nifti1Image = nibabel.as_closest_canonical(nibabel.load(path))  # type: ignore[no-untyped-call]
    return image


def _is_whole(path: Path) -> bool:
    """A file with something in it: JSON that can be read, a picture that is a PNG."""
    try:
        content = path.read_bytes()
        if path.suffix == ".json":
            return bool(json.loads(content))
    except (OSError, ValueError):
        return False
    return content.startswith(_PNG) if path.suffix == ".png" else bool(content)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("theirs", type=Path)
    parser.add_argument("ours", type=Path)
    options = parser.parse_args()
    print(json.dumps(asdict(compare(options.theirs, options.ours))))
