"""How a parameter file has images prepared: grid, mask, grey levels, outliers, slices; each counted anew."""

import dataclasses
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from radiomics_job.features.extract import extract_features
from radiomics_job.features.images import highest_level, levels_of
from radiomics_job.parameters import Bins, Params, Resampling, Resegmentation, load_params
from radiomics_job.roi.regions import Volume, cut_region
from radiomics_job.roi.resampling import new_axis
from tests.unit.radiomics.support import store

CT = load_params("ct")
AFFINE = np.diag([-1.0, -1.0, 3.0, 1.0])  # RAS: x runs to the left, y to the back


def changed(**changes: Any) -> Params:
    return dataclasses.replace(CT, extraction=dataclasses.replace(CT.extraction, **changes))


def bins(**settings: float) -> dict[str, Any]:
    return {"bins": Bins(**settings), "bin_width": None}  # type: ignore[arg-type]


def ball(shape: tuple[int, int, int], radius: float) -> NDArray[np.bool_]:
    middle = (np.array(shape) - 1) / 2
    inside: NDArray[np.bool_] = radius**2 >= ((np.indices(shape).T - middle) ** 2).sum(axis=-1).T
    return inside


def noise(shape: tuple[int, int, int]) -> NDArray[np.int16]:
    return np.random.default_rng(3).integers(-200, 200, shape).astype(np.int16)


class TestGrid:
    @pytest.mark.parametrize(("size", "spacing", "wanted"), [(60, 3.0, 2.0), (204, 0.977, 2.0), (7, 5.0, 1.0)])
    def test_of_the_centre_shares_its_middle_with_the_scan(self, size: int, spacing: float, wanted: float) -> None:
        axis = new_axis(size, spacing, wanted, "centre")

        assert axis.first + (axis.size - 1) * wanted / 2 == pytest.approx((size - 1) * spacing / 2)
        assert axis.size == np.ceil(size * spacing / wanted)

    def test_of_the_corner_shares_its_first_face_with_the_scan(self) -> None:
        axis = new_axis(60, 3.0, 2.0, "corner")

        assert axis.first - 2.0 / 2 == -3.0 / 2

    def test_whole_multiples_make_no_voxel_of_rounding(self) -> None:
        assert new_axis(3, 0.7, 0.3, "centre").size == 7  # 0.7 * 3 / 0.3 is a little more than 7

    def test_null_keeps_an_axis(self) -> None:
        ct, mask = noise((20, 20, 9)), ball((20, 20, 9), 3)
        grid = Resampling((2.0, 2.0, None), "linear", "linear", True, "centre")

        region = cut_region(Volume(ct, mask, (1, 1, 3)), changed(resampling=grid).extraction)

        assert region.image.GetSpacing() == (2, 2, 3)
        assert region.mask.GetSize()[2] >= np.count_nonzero(mask.any(axis=(0, 1)))

    def test_a_ramp_keeps_its_values(self) -> None:
        """Where HU rise evenly, linear interpolation has to give the HU of each new voxel's own place."""
        ct = np.broadcast_to(30 * np.arange(20, dtype=np.int16)[:, None, None], (20, 20, 9))
        grid = Resampling((2.0, 2.0, 2.0), "linear", "linear", False, "centre")

        region = cut_region(Volume(ct, ball((20, 20, 9), 4), (1, 1, 3)), changed(resampling=grid).extraction)

        places = region.image.GetOrigin()[0] + 2 * np.arange(region.image.GetSize()[0])
        assert region.image_array()[:, 0, 0] == pytest.approx(30 * places)

    def test_of_a_mask_the_voxels_of_half_and_more_are_inside(self) -> None:
        mask = np.zeros((12, 12, 12), bool)
        mask[4:8, 4:8, 4:8] = True  # from 3.5 to 7.5: every new voxel at 3.5 has a share of exactly a half
        grid = Resampling((0.5, 1.0, 1.0), "linear", "linear", False, "corner")

        region = cut_region(Volume(noise(mask.shape), mask, (1, 1, 1)), changed(resampling=grid).extraction)

        inside = region.image.GetOrigin()[0] + 0.5 * np.flatnonzero(region.mask_array().any(axis=(1, 2)))
        assert inside.tolist() == [3.75, 4.25, 4.75, 5.25, 5.75, 6.25, 6.75, 7.25]

    @pytest.mark.parametrize("interpolator", ["nearest", "linear"])
    def test_of_the_centre_makes_values_independent_of_storage(self, interpolator: str) -> None:
        grid = Resampling((1.7, 1.7, 1.7), "linear", interpolator, False, "centre")
        params = changed(resampling=grid, classes=("firstorder", "shape"))
        ct, mask = noise((20, 22, 9)), ball((20, 22, 9), 3.5)
        expected = extract_features(ct, mask, AFFINE, params)
        for number, axes in enumerate(permutations(range(3))):
            flips = tuple(bool(number + 1 >> axis & 1) for axis in range(3))
            stored, affine = store(ct, AFFINE, axes, flips)

            result = extract_features(stored, store(mask, AFFINE, axes, flips)[0], affine, params)

            assert result == expected


class TestGreyLevels:
    def test_begin_where_the_file_says(self) -> None:
        values = np.array([-1000, -976, -975, 0, 24, 25])

        assert levels_of(values, Bins(width=25.0, **{"from": -1000.0})).tolist() == [1, 1, 2, 41, 41, 42]  # type: ignore[arg-type]

    def test_of_a_fixed_number_share_the_range(self) -> None:
        assert levels_of(np.array([0, 9, 10, 95, 99, 100]), Bins(count=10)).tolist() == [1, 1, 2, 10, 10, 10]

    def test_a_flat_region_has_one(self) -> None:
        assert levels_of(np.full(5, 40), Bins(count=32)).tolist() == [1] * 5
        assert highest_level(np.full(5, 40), Bins(count=32)) == 1

    def test_their_numbers_reach_the_features(self) -> None:
        """Joint average counts from where level 1 begins: 40 bins lower, 40 levels more."""
        ct, mask = np.abs(noise((12, 12, 12))), ball((12, 12, 12), 4)
        averages = [
            extract_features(ct, mask, AFFINE, changed(**bins(width=25, **{"from": start}))).values[
                "original_glcm_JointAverage"
            ]
            for start in (0.0, -1000.0)
        ]

        assert averages[1] == pytest.approx((averages[0] or 0) + 40)

    def test_below_the_start_are_null_with_the_keys_to_set(self) -> None:
        params = changed(**bins(width=25, **{"from": 0.0}))

        result = extract_features(noise((12, 12, 12)), ball((12, 12, 12), 4), AFFINE, params)

        assert "below the start of the bins at 0 HU" in result.missing["original_glcm_Contrast"]
        assert result.values["original_shape_VoxelVolume"] is not None

    def test_start_applies_to_the_unfiltered_image_alone(self) -> None:
        params = changed(**bins(width=25, **{"from": -1000.0}), filters=("gradient",), classes=("glcm",))

        result = extract_features(noise((12, 12, 12)), ball((12, 12, 12), 4), AFFINE, params)

        assert result.missing == {}
        assert (result.values["gradient_glcm_JointAverage"] or 99) < 12  # at most 300 HU a mm


class TestResegmentation:
    def mean(self, **settings: Any) -> float | None:
        ct = np.zeros((12, 12, 12), np.int16)
        mask = ball(ct.shape, 4)
        values = np.zeros(np.count_nonzero(mask), np.int16)
        values[:3] = (-900, 50, 1000)
        ct[mask] = values
        params = changed(resegmentation=Resegmentation(**settings), classes=("firstorder",))
        return extract_features(ct, mask, AFFINE, params).values["original_firstorder_Range"]

    def test_may_have_one_end(self) -> None:
        assert self.mean(range_hu=(None, 400)) == 950
        assert self.mean(range_hu=(-500, None)) == 1000

    def test_leaves_outliers_out(self) -> None:
        assert self.mean(sigma=3) == 50

    def test_looks_for_outliers_within_the_range(self) -> None:
        assert self.mean(range_hu=(-500, 500), sigma=3) == 0


class TestSlices:
    """Texture of slices only, pooled: counted here pair by pair."""

    CLASSES = ("glcm",)

    @pytest.mark.parametrize("axis", [0, 1, 2])
    def test_contrast_counts_pairs_within_slices(self, axis: int) -> None:
        ct, mask = noise((9, 10, 11)), ball((9, 10, 11), 4)
        params = changed(**bins(count=8), force_2d=True, classes=self.CLASSES)

        result = extract_features(ct, mask, AFFINE, params, slice_axis=axis)

        levels = np.zeros(ct.shape, np.int64)
        levels[mask] = levels_of(ct[mask], Bins(count=8))
        flat = np.moveaxis(levels, axis, 0)
        assert result.values["original_glcm_Contrast"] == pytest.approx(
            np.mean([contrast(flat, step) for step in ((0, 1), (1, 0), (1, 1), (1, -1))])
        )

    def test_a_region_of_lone_voxels_in_each_slice_has_none(self) -> None:
        mask = np.zeros((9, 9, 9), bool)
        mask[4, 4, 2:7] = True
        params = changed(force_2d=True, classes=self.CLASSES)

        result = extract_features(noise(mask.shape), mask, AFFINE, params)

        assert set(result.missing.values()) == {"no two voxels of the region touch within a slice: it has no texture"}


def contrast(levels: NDArray[np.int64], step: tuple[int, int]) -> float:
    """Mean squared difference of the levels of neighbours, both in the region (level 0 is outside)."""
    rows, columns = levels.shape[1:]
    first = levels[:, : rows - step[0], max(-step[1], 0) : columns - max(step[1], 0)]
    second = levels[:, step[0] :, max(step[1], 0) : columns + min(step[1], 0)]
    both = (first > 0) & (second > 0)
    return float(((first[both] - second[both]) ** 2).mean())


class TestTextureOptions:
    def test_distances_and_weighting_change_texture_only(self) -> None:
        ct, mask = noise((14, 14, 14)), ball((14, 14, 14), 5)
        plain = extract_features(ct, mask, AFFINE, CT).values
        for options in ({"distances": (2,)}, {"weighting": "euclidean"}):
            values = extract_features(ct, mask, AFFINE, changed(**options)).values
            moved = {name.split("_")[1] for name in values if values[name] != plain[name]}
            assert "glcm" in moved
            assert moved <= {"glcm", "glrlm", "ngtdm", "gldm"}

    def test_a_shift_is_added_before_energy(self) -> None:
        ct, mask = noise((14, 14, 14)), ball((14, 14, 14), 5)

        energy = extract_features(ct, mask, AFFINE, changed(voxel_array_shift=300.0)).values[
            "original_firstorder_Energy"
        ]

        assert energy == pytest.approx(((ct[mask].astype(float) + 300) ** 2).sum())
