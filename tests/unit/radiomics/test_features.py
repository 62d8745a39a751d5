"""Feature values: equal to whole-volume extraction, independent of storage, and null with a reason where undefined."""

import logging
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from radiomics import imageoperations
from radiomics.featureextractor import RadiomicsFeatureExtractor

from radiomics_job.feature_names import FEATURES_BY_CLASS, TEXTURE_CLASSES
from radiomics_job.features.extract import FeatureResult, extract_features
from radiomics_job.parameters import Params, Resegmentation, feature_names, load_params
from tests.unit.radiomics.support import store

SHAPE = (70, 64, 40)
SPACING = (0.9765625, 0.8, 2.5)
CT_PARAMS = load_params("ct")
RESAMPLED_PARAMS = load_params("ct_resampled")


def lps_affine(spacing: tuple[float, float, float]) -> NDArray[np.float64]:
    """Affine (to RAS) of a volume stored along left, posterior and superior: no turn is needed."""
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    affine[:3, 3] = (120.0, 95.5, -310.25)
    return affine


def textured_ct(shape: tuple[int, int, int] = SHAPE) -> NDArray[np.int16]:
    random = np.random.default_rng(11)
    x, y, z = np.ogrid[: shape[0], : shape[1], : shape[2]]
    wave = 120 * np.sin(x / 5 + y / 7) * np.cos(z / 3)
    return np.rint(wave + random.normal(0, 45, shape)).astype(np.int16)


def ellipsoid(shape: tuple[int, int, int], centre: tuple[float, ...], semi: tuple[float, ...]) -> NDArray[np.bool_]:
    x, y, z = (((np.arange(size) - middle) / half) ** 2 for size, middle, half in zip(shape, centre, semi, strict=True))
    inside: NDArray[np.bool_] = x[:, None, None] + y[None, :, None] + z[None, None, :] <= 1
    return inside


def with_extraction(params: Params, **changes: Any) -> Params:
    return replace(params, extraction=replace(params.extraction, **changes))


def sitk_pair(ct: NDArray[Any], mask: NDArray[np.bool_]) -> tuple[Any, Any]:
    images = []
    for array in (ct, mask.astype(np.uint8)):
        image: Any = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
        image.SetSpacing(SPACING)
        images.append(image)
    return images[0], images[1]


def whole_volume(image: Any, mask: Any, **image_types: dict[str, Any]) -> dict[str, float]:
    """What pyradiomics' own extractor gives for the whole volume with its default settings."""
    logging.getLogger("radiomics").setLevel(logging.ERROR)
    extractor = RadiomicsFeatureExtractor(additionalInfo=False)
    for name, options in image_types.items():
        extractor.enableImageTypeByName(name, customArgs=options)
    return {name: float(value) for name, value in extractor.execute(image, mask).items()}


INSIDE = ((33.0, 30.0, 20.0), (11.0, 9.0, 5.0))
AT_THE_EDGE = ((4.0, 60.0, 2.0), (8.0, 7.0, 4.0))


@pytest.mark.parametrize("roi", [INSIDE, AT_THE_EDGE], ids=["inside", "edge"])
class TestEqualsWholeVolume:
    """The crop is an optimisation: not one bit of a value may depend on it; our sums for shape have another order."""

    def check(self, roi: tuple[tuple[float, ...], tuple[float, ...]], params: Params, **types: dict[str, Any]) -> None:
        ct, mask = textured_ct(), ellipsoid(SHAPE, *roi)
        expected = whole_volume(*sitk_pair(ct, mask), **types)

        values = extract_features(ct, mask, lps_affine(SPACING), params).values

        shape = {name for name in expected if name.startswith("original_shape_")}
        assert {name: values[name] for name in expected if name not in shape} == {
            name: value for name, value in expected.items() if name not in shape
        }
        assert {name: values[name] for name in shape} == pytest.approx({n: expected[n] for n in shape}, rel=1e-12)
        only_ours = {name for name in values if name.startswith("original_")} - set(expected)
        assert len(only_ours) == 13  # ten of shape2D and three deprecated ones

    def test_default_parameters(self, roi: tuple[tuple[float, ...], tuple[float, ...]]) -> None:
        self.check(roi, CT_PARAMS)

    def test_laplacian_of_gaussian(self, roi: tuple[tuple[float, ...], tuple[float, ...]]) -> None:
        # 1 mm, so that the margin really is smaller than the volume.
        self.check(roi, with_extraction(CT_PARAMS, log_sigma_mm=(1.0,)), LoG={"sigma": [1.0]})

    def test_wavelet(self, roi: tuple[tuple[float, ...], tuple[float, ...]]) -> None:
        self.check(roi, with_extraction(CT_PARAMS, wavelet_levels=1), Wavelet={"wavelet": "coif1", "level": 1})

    @pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.3, 2.5)])
    def test_resampling(
        self, roi: tuple[tuple[float, ...], tuple[float, ...]], spacing: tuple[float, float, float]
    ) -> None:
        resampling = RESAMPLED_PARAMS.extraction.resampling
        assert resampling is not None
        params = with_extraction(
            RESAMPLED_PARAMS, resampling=replace(resampling, spacing_mm=spacing), resegmentation=None
        )
        ct, mask = textured_ct(), ellipsoid(SHAPE, *roi)
        image, label = sitk_pair(ct.astype(np.float64), mask)
        image, label = imageoperations.resampleImage(
            image, label, resampledPixelSpacing=list(spacing), interpolator=sitk.sitkBSpline, padDistance=5, label=1
        )
        expected = whole_volume(sitk.Round(image), label)  # type: ignore[no-untyped-call]

        values = extract_features(ct, mask, lps_affine(SPACING), params).values

        assert {name: values[name] for name in expected} == pytest.approx(expected, rel=1e-12)


class TestOrientation:
    """The same volume stored differently gives the same features."""

    @pytest.mark.parametrize("params", [CT_PARAMS, RESAMPLED_PARAMS], ids=["ct", "ct_resampled"])
    def test_every_order_and_direction_of_storage_gives_equal_features(self, params: Params) -> None:
        ct, mask, affine = textured_ct(), ellipsoid(SHAPE, *INSIDE), lps_affine(SPACING)
        expected = extract_features(ct, mask, affine, params)
        for number, axes in enumerate(permutations(range(3))):
            flips = tuple(bool(number + 1 >> axis & 1) for axis in range(3))
            stored_ct, stored_affine = store(ct, affine, axes, flips)
            stored_mask, _ = store(mask, affine, axes, flips)

            result = extract_features(stored_ct, stored_mask, stored_affine, params, slice_axis=axes.index(2))

            assert result == expected, (axes, flips)

    def test_an_oblique_volume_has_the_features_of_its_own_grid(self) -> None:
        ct, mask, affine = textured_ct(), ellipsoid(SHAPE, *INSIDE), lps_affine(SPACING)
        turned = affine.copy()
        turned[:3, :3] = rotation(0.3) @ affine[:3, :3]

        expected = extract_features(ct, mask, affine, CT_PARAMS).values
        result = extract_features(ct, mask, turned, CT_PARAMS)

        assert result.missing == {}
        assert result.values == pytest.approx(expected, rel=1e-9)

    def test_row_column_and_slice_diameters_follow_the_patient_not_the_storage(self) -> None:
        mask = np.zeros((30, 30, 30), dtype=bool)
        mask[13:16, 10:21, 5:26] = True  # 3 mm left-right, 11 mm front-back, 21 mm up-down
        stored, affine = store(mask, lps_affine((1.0, 1.0, 1.0)), (2, 0, 1), (False, True, False))

        values = extract_features(np.zeros(stored.shape, np.int16), stored, affine, CT_PARAMS).values

        def diameter(name: str) -> float:
            value = values[f"original_shape_Maximum2DDiameter{name}"]
            assert value is not None
            return value

        assert diameter("Slice") == pytest.approx(np.hypot(3, 11), abs=1)  # in the axial plane
        assert diameter("Column") == pytest.approx(np.hypot(3, 21), abs=1)  # in the coronal plane
        assert diameter("Row") == pytest.approx(np.hypot(11, 21), abs=1)  # in the sagittal plane

    def test_a_gantry_tilt_keeps_volumes_and_withdraws_lengths(self) -> None:
        ct, mask, affine = textured_ct(), ellipsoid(SHAPE, *INSIDE), lps_affine((1.0, 1.0, 2.0))
        affine[1, 2] = 2.0 * np.tan(np.radians(15))

        result = extract_features(ct, mask, affine, CT_PARAMS)

        assert result.values["original_shape_VoxelVolume"] == pytest.approx(mask.sum() * 2.0)
        assert result.values["original_shape2D_Perimeter"] is not None
        assert "sheared by 15.0 degrees" in result.missing["original_shape_Maximum3DDiameter"]
        assert {name.split("_")[1] for name in result.missing} == {"shape"}


def rotation(angle: float) -> NDArray[np.float64]:
    cosine, sine = np.cos(angle), np.sin(angle)
    about_z = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    turned: NDArray[np.float64] = about_z @ about_x
    return turned


class TestShape2D:
    """There is no published baseline for shape2D: its values are compared with what geometry says."""

    def slice_values(self, mask: NDArray[np.bool_], spacing: tuple[float, float, float]) -> dict[str, float]:
        values = extract_features(np.zeros(mask.shape, np.int16), mask, lps_affine(spacing), CT_PARAMS).values
        found = {name.split("_")[2]: values[name] for name in values if "_shape2D_" in name}
        return {name: value for name, value in found.items() if value is not None}

    def test_a_rectangle(self) -> None:
        mask = np.zeros((40, 30, 3), dtype=bool)
        mask[5:25, 8:18, 1] = True  # 20 × 10 pixels of 0.5 × 2 mm: 10 × 20 mm

        values = self.slice_values(mask, (0.5, 2.0, 3.0))

        # The outline joins midpoints between pixels in and out, so it cuts each corner by half a pixel each way.
        corner = 0.5 * 0.25 * 1.0
        assert values["PixelSurface"] == 200.0
        assert values["MeshSurface"] == pytest.approx(200.0 - 4 * corner)
        straight = 2 * (10.0 - 0.5) + 2 * (20.0 - 2.0)
        assert values["Perimeter"] == pytest.approx(straight + 4 * np.hypot(0.25, 1.0))
        assert values["MaximumDiameter"] == pytest.approx(max(np.hypot(10.0 - 0.5, 20.0), np.hypot(10.0, 20.0 - 2.0)))
        # Evenly spaced points: variance (n² − 1) / 12 × spacing².
        assert values["MajorAxisLength"] == pytest.approx(4 * 2.0 * np.sqrt((10**2 - 1) / 12))
        assert values["MinorAxisLength"] == pytest.approx(4 * 0.5 * np.sqrt((20**2 - 1) / 12))
        assert values["Elongation"] == pytest.approx(values["MinorAxisLength"] / values["MajorAxisLength"])
        assert values["PerimeterSurfaceRatio"] == pytest.approx(values["Perimeter"] / values["MeshSurface"])
        assert values["Sphericity"] == pytest.approx(2 * np.sqrt(np.pi * values["MeshSurface"]) / values["Perimeter"])
        assert values["SphericalDisproportion"] == pytest.approx(1 / values["Sphericity"])

    def test_a_disc(self) -> None:
        radius, step = 18.0, 0.5
        mask = ellipsoid((90, 90, 3), (44.0, 44.0, 1.0), (radius / step, radius / step, 0.5))

        values = self.slice_values(mask, (step, step, 3.0))

        assert values["MeshSurface"] == pytest.approx(np.pi * radius**2, rel=0.005)
        assert values["MaximumDiameter"] == pytest.approx(2 * radius, abs=step)
        assert values["MajorAxisLength"] == pytest.approx(2 * radius, rel=0.005)
        assert values["Elongation"] == pytest.approx(1, abs=1e-3)
        assert 0.9 < values["Sphericity"] < 1  # a staircase is longer than its circle

    def test_the_slice_of_largest_area_is_taken(self) -> None:
        mask = np.zeros((30, 30, 6), dtype=bool)
        mask[5:10, 5:10, 1] = True
        mask[5:20, 5:15, 3] = True
        mask[5:12, 5:12, 4] = True

        assert self.slice_values(mask, (1.0, 1.0, 1.0))["PixelSurface"] == 150.0

    @pytest.mark.parametrize("reversed_storage", [False, True])
    def test_of_equal_slices_the_most_inferior_is_taken(self, reversed_storage: bool) -> None:
        mask = np.zeros((30, 30, 6), dtype=bool)
        mask[5:25, 5:8, 1] = True  # 60 pixels, long
        mask[5:15, 5:11, 4] = True  # 60 pixels, compact
        stored, affine = store(mask, lps_affine((1.0, 1.0, 1.0)), (0, 1, 2), (False, False, reversed_storage))

        values = extract_features(np.zeros(mask.shape, np.int16), stored, affine, CT_PARAMS).values

        assert values["original_shape2D_MaximumDiameter"] == pytest.approx(np.hypot(20, 2), abs=0.5)

    @pytest.mark.parametrize(("slice_axis", "area"), [(0, 11 * 21), (1, 3 * 21), (2, 3 * 11)])
    def test_the_acquisition_plane_decides_whatever_its_orientation(self, slice_axis: int, area: int) -> None:
        mask = np.zeros((30, 30, 30), dtype=bool)
        mask[13:16, 10:21, 5:26] = True

        result = extract_features(
            np.zeros(mask.shape, np.int16), mask, lps_affine((1.0, 1.0, 1.0)), CT_PARAMS, slice_axis=slice_axis
        )

        assert result.values["original_shape2D_PixelSurface"] == area


class TestTinyRegions:
    """A region too small for a class gets nulls with reasons there, and the values of the other classes."""

    def extract(self, *voxels: tuple[int | slice, int | slice, int | slice]) -> FeatureResult:
        mask = np.zeros((16, 16, 8), dtype=bool)
        for voxel in voxels:
            mask[voxel] = True
        result = extract_features(textured_ct((16, 16, 8)), mask, lps_affine((1.0, 1.0, 2.0)), CT_PARAMS)
        assert tuple(result.values) == feature_names(CT_PARAMS)
        assert set(result.missing) == {name for name, value in result.values.items() if value is None}
        assert all(np.isfinite(value) for value in result.values.values() if value is not None)
        assert all(reason for reason in result.missing.values())
        return result

    def present(self, result: FeatureResult, feature_class: str) -> set[str]:
        prefix = f"original_{feature_class}_"
        return {
            name.removeprefix(prefix)
            for name, value in result.values.items()
            if name.startswith(prefix) and value is not None
        }

    def test_one_voxel(self) -> None:
        result = self.extract((4, 5, 3))

        assert result.values["original_firstorder_Mean"] == float(textured_ct((16, 16, 8))[4, 5, 3])
        assert self.present(result, "shape") == {"VoxelVolume"}
        assert self.present(result, "shape2D") == {"PixelSurface"}
        assert not any(self.present(result, name) for name in TEXTURE_CLASSES)
        assert result.values["original_shape_VoxelVolume"] == 2.0
        assert "a single voxel" in result.missing["original_shape_MeshVolume"]
        assert "no two voxels of the region touch" in result.missing["original_glcm_Contrast"]

    def test_two_neighbours(self) -> None:
        result = self.extract((slice(4, 6), 5, 3))

        assert self.present(result, "firstorder") >= {"Mean", "Variance", "Entropy"}
        assert "nan" in result.missing["original_firstorder_RobustMeanAbsoluteDeviation"]
        assert self.present(result, "shape") == {"VoxelVolume"}
        assert "Contrast" in self.present(result, "glcm")
        assert "a line of voxels" in result.missing["original_shape_Flatness"]

    def test_two_voxels_apart(self) -> None:
        result = self.extract((2, 2, 2), (9, 9, 6))

        assert not any(self.present(result, name) for name in TEXTURE_CLASSES)
        assert self.present(result, "shape") == {"VoxelVolume"}

    def test_one_row(self) -> None:
        result = self.extract((slice(3, 12), 5, 3))

        assert self.present(result, "firstorder") == set(FEATURES_BY_CLASS["firstorder"])
        assert self.present(result, "shape2D") == {"PixelSurface"}
        assert "a line of voxels: it has no 2D shape" in result.missing["original_shape2D_Perimeter"]

    def test_a_diagonal_is_a_line_too(self) -> None:
        result = self.extract(*[(step + 2, step + 2, step + 1) for step in range(5)])

        assert self.present(result, "shape") == {"VoxelVolume"}
        assert "a line of voxels" in result.missing["original_shape_MajorAxisLength"]

    def test_one_slice(self) -> None:
        result = self.extract((slice(3, 9), slice(4, 11), 3))

        assert self.present(result, "shape") == {"VoxelVolume"}
        assert "a flat layer of voxels" in result.missing["original_shape_Flatness"]
        assert self.present(result, "shape2D") == set(FEATURES_BY_CLASS["shape2D"])
        assert all(self.present(result, name) == set(FEATURES_BY_CLASS[name]) for name in TEXTURE_CLASSES)

    def test_a_whole_cube_misses_nothing(self) -> None:
        assert self.extract((slice(3, 9), slice(4, 11), slice(2, 6))).missing == {}

    def test_no_voxel(self) -> None:
        result = self.extract()

        assert len(result.missing) == 120
        assert set(result.missing.values()) == {"the region has no voxel"}


class TestIntensities:
    def test_equal_values_everywhere_give_no_silent_nan(self) -> None:
        mask = ellipsoid(SHAPE, *INSIDE)

        result = extract_features(np.full(SHAPE, 40, np.int16), mask, lps_affine(SPACING), CT_PARAMS)

        assert result.values["original_firstorder_Variance"] == 0
        assert all(value is not None and np.isfinite(value) for value in result.values.values() if value is not None)

    def test_hounsfield_units_at_the_ends_of_int16_do_not_overflow(self) -> None:
        ct = textured_ct()
        mask = ellipsoid(SHAPE, *INSIDE)
        ct[mask] = np.where(ct[mask] > 0, 32767, 32760)

        result = extract_features(ct, mask, lps_affine(SPACING), CT_PARAMS)

        assert result.values["original_firstorder_Maximum"] == 32767
        assert result.missing == {}

    def test_too_many_grey_levels_are_refused_before_matrices_are_made(self) -> None:
        ct, mask = textured_ct(), ellipsoid(SHAPE, *INSIDE)
        ct[33, 30, 20] = 30000

        result = extract_features(ct, mask, lps_affine(SPACING), CT_PARAMS)

        assert "grey levels at bin width 25, more than 400" in result.missing["original_glcm_Contrast"]
        assert result.values["original_firstorder_Maximum"] == 30000
        assert {name.split("_")[1] for name in result.missing} == set(TEXTURE_CLASSES)

    def test_resegmentation_leaves_the_shape_as_drawn(self) -> None:
        ct, mask = textured_ct(), ellipsoid(SHAPE, *INSIDE)
        ct[mask & (np.indices(SHAPE)[0] < 33)] = 3000
        narrow = with_extraction(CT_PARAMS, resegmentation=Resegmentation((-1000.0, 400.0)))

        values = extract_features(ct, mask, lps_affine(SPACING), narrow).values
        as_drawn = extract_features(ct, mask, lps_affine(SPACING), CT_PARAMS).values

        assert values["original_firstorder_Maximum"] == ct[mask & (ct <= 400)].max()
        for feature in FEATURES_BY_CLASS["shape"]:
            assert values[f"original_shape_{feature}"] == as_drawn[f"original_shape_{feature}"]

    def test_a_region_emptied_by_resegmentation_keeps_its_shape(self) -> None:
        ct, mask = np.full(SHAPE, 3000, np.int16), ellipsoid(SHAPE, *INSIDE)

        result = extract_features(ct, mask, lps_affine(SPACING), RESAMPLED_PARAMS)

        assert result.values["original_shape_MeshVolume"] is not None
        assert "within -1000 to 400 HU" in result.missing["original_firstorder_Mean"]

    def test_a_volume_too_small_for_a_filter_says_so(self) -> None:
        ct = textured_ct((16, 16, 3))
        mask = ellipsoid(ct.shape, (8, 8, 1), (4, 4, 2))
        params = with_extraction(CT_PARAMS, log_sigma_mm=(2.0,))

        result = extract_features(ct, mask, lps_affine((1.0, 1.0, 1.0)), params)

        assert result.missing["log-sigma-2-0-mm-3D_glcm_Contrast"] == "the volume is too small for this filter"

    @pytest.mark.parametrize("short_axis", [0, 1, 2])
    @pytest.mark.parametrize("length", [1, 2, 3])
    def test_a_volume_too_thin_for_a_spline_is_not_resampled(self, short_axis: int, length: int) -> None:
        # ITK would read beyond the image here and give numbers of 1e17, differently each time.
        shape = tuple(length if axis == short_axis else 12 for axis in range(3))
        ct, mask = np.zeros(shape, np.int16), np.ones(shape, dtype=bool)

        result = extract_features(ct, mask, lps_affine((2.0, 2.0, 2.0)), RESAMPLED_PARAMS)

        assert len(result.missing) == 120
        assert "at least 4 voxels along each axis" in result.missing["original_firstorder_Mean"]

    def test_bins_without_number_are_refused(self) -> None:
        fine = with_extraction(CT_PARAMS, bin_width=1e-6)

        result = extract_features(textured_ct(), ellipsoid(SHAPE, *INSIDE), lps_affine(SPACING), fine)

        assert "too far apart to be binned" in result.missing["original_firstorder_Entropy"]
        assert result.values["original_shape_MeshVolume"] is not None


class TestSideEffects:
    def test_logging_is_left_as_it_was_and_nothing_is_printed(self, capfd: pytest.CaptureFixture[str]) -> None:
        logger = logging.getLogger("radiomics")
        logger.setLevel(logging.INFO)
        before = (logger.level, list(logger.handlers))

        extract_features(textured_ct(), ellipsoid(SHAPE, *INSIDE), lps_affine(SPACING), CT_PARAMS)

        assert (logger.level, list(logger.handlers)) == before
        assert capfd.readouterr() == ("", "")

    def test_the_arrays_are_not_changed(self) -> None:
        ct, mask = textured_ct(), ellipsoid(SHAPE, *INSIDE)
        ct.flags.writeable = mask.flags.writeable = False

        extract_features(ct, mask, lps_affine(SPACING), RESAMPLED_PARAMS)

    def test_arrays_that_do_not_match_are_refused(self) -> None:
        with pytest.raises(ValueError, match="same three-dimensional grid"):
            extract_features(textured_ct(), np.ones((3, 3, 3), dtype=bool), np.eye(4), CT_PARAMS)

    def test_a_singular_affine_is_refused(self) -> None:
        with pytest.raises(ValueError, match="does not span space"):
            extract_features(textured_ct(), ellipsoid(SHAPE, *INSIDE), np.diag([1.0, 1.0, 0.0, 1.0]), CT_PARAMS)
