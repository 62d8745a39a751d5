"""Shape without pyradiomics' comparison of all pairs: the same values, for every form of mesh."""

import itertools

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from radiomics import cShape
from radiomics.shape import RadiomicsShape

from radiomics_job.feature_names import SHAPE
from radiomics_job.features.shape import MeshShape, diameters, surface_and_volume

Mask = NDArray[np.bool_]


def ellipsoid(radii: tuple[float, float, float]) -> Mask:
    grids = np.ogrid[tuple(slice(-int(r) - 2, int(r) + 3) for r in radii)]
    return np.asarray(sum((grid / r) ** 2 for grid, r in zip(grids, radii, strict=True)) <= 1)


def assert_as_pyradiomics(mask: Mask, spacing: tuple[float, float, float]) -> None:
    area, volume, lengths = cShape.calculate_coefficients(mask, np.array(spacing))
    assert surface_and_volume(mask, np.array(spacing)) == pytest.approx((area, volume), rel=1e-12)
    assert diameters(mask, np.array(spacing)) == pytest.approx(lengths, rel=1e-12)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("seed", range(12))
def test_meshes_of_random_masks_measure_as_pyradiomics_meshes(seed: int, share: float) -> None:
    generator = np.random.default_rng(seed)
    mask = np.pad(generator.random(generator.integers(1, 15, 3)) <= share, 1)
    mask[1, 1, 1] = True
    assert_as_pyradiomics(mask, tuple(generator.uniform(0.3, 5, 3)))


@pytest.mark.parametrize("radii", [(12, 12, 12), (3.2, 20.5, 9.1), (25, 1.2, 1.2)])
@pytest.mark.parametrize("spacing", [(1, 1, 1), (5, 0.7, 0.7), (0.31, 2.2, 1.7)])
def test_convex_regions(radii: tuple[float, float, float], spacing: tuple[float, float, float]) -> None:
    assert_as_pyradiomics(ellipsoid(radii), spacing)


def test_a_far_corner_beyond_the_reach_of_the_pruning() -> None:
    """Rows between the ends of a long wedge are pruned by nearer ones; its own ends never."""
    mask = np.zeros((5, 140, 140), bool)
    for row, column in itertools.product(range(1, 139), range(1, 139)):
        mask[1:4, row, column] = column * 7 <= row * 5
    mask[2, 1, 138] = True
    assert_as_pyradiomics(mask, (2.0, 0.9, 1.1))


@pytest.mark.parametrize("size", [(1, 1, 1), (1, 1, 9), (1, 7, 9), (4, 7, 9)])
def test_every_feature_of_the_class(size: tuple[int, int, int]) -> None:
    image = sitk.GetImageFromArray(np.ones(size, np.uint8))
    image.SetSpacing((0.7, 0.8, 3.0))  # type: ignore[no-untyped-call]
    values = []
    for kind in (RadiomicsShape, MeshShape):
        calculator = kind(image, image, label=1)
        for name in SHAPE:
            calculator.enableFeatureByName(name)
        with np.errstate(all="ignore"):
            values.append({name: float(value) for name, value in calculator.execute().items()})
    assert values[1] == pytest.approx(values[0], rel=1e-9, abs=1e-7, nan_ok=True)
