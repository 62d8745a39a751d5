"""Filtered images: pyradiomics' own on the whole volume, whatever was cut, and what differs from them on purpose."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from radiomics import imageoperations

from radiomics_job.features.extract import extract_features
from radiomics_job.features.images import images, local_binary_patterns
from radiomics_job.parameters import ExtractionSettings, Params, Resampling, feature_names, load_params
from radiomics_job.roi.regions import Region, Volume, cut_region

CT = load_params("ct")
SHAPE = (36, 34, 30)
OF_PYRADIOMICS = {
    "square": imageoperations.getSquareImage,
    "squareroot": imageoperations.getSquareRootImage,
    "logarithm": imageoperations.getLogarithmImage,
    "exponential": imageoperations.getExponentialImage,
    "gradient": imageoperations.getGradientImage,
}


def settings(**changes: Any) -> ExtractionSettings:
    return dataclasses.replace(CT.extraction, **changes)


def with_settings(**changes: Any) -> Params:
    return dataclasses.replace(CT, extraction=settings(**changes))


@pytest.fixture(scope="module")
def volume() -> Volume:
    random = np.random.default_rng(5)
    ct = random.normal(-80, 130, SHAPE).astype(np.int16)
    ct[0, 0, 0] = 3071  # far from the region, and yet what some filters scale by
    mask = np.zeros(SHAPE, bool)
    mask[14:22, 12:20, 10:18] = True
    return Volume(ct, mask, (0.8, 0.8, 2.0))


def whole(volume: Volume) -> Region:
    pair: list[Any] = [
        sitk.GetImageFromArray(np.ascontiguousarray(each.transpose(2, 1, 0)))
        for each in (volume.ct.astype(np.float64), volume.mask.astype(np.uint8))
    ]
    for image in pair:
        image.SetSpacing(volume.spacing)
    return Region(pair[0], pair[1], 3071.0)


def of_region(region: Region, image: Any) -> Any:
    return Region(image, region.mask).image_array()[region.mask_array()]


@pytest.mark.parametrize("name", OF_PYRADIOMICS)
def test_a_cut_does_not_change_a_filter(name: str, volume: Volume) -> None:
    chosen = settings(filters=(name,))
    ((expected, _, _),) = OF_PYRADIOMICS[name](whole(volume).image, whole(volume).mask)
    region = cut_region(volume, chosen)

    _, (_, ours) = images(region, chosen, 2)

    assert region.image.GetSize() != SHAPE
    assert of_region(region, ours) == pytest.approx(of_region(whole(volume), expected), rel=1e-9)


@pytest.mark.parametrize("family", ["haar", "db4"])
def test_a_cut_does_not_change_a_wavelet_of_any_family(family: str, volume: Volume) -> None:
    chosen = settings(wavelet_levels=1, wavelet=family)
    options = {"wavelet": family, "level": 1}
    expected = {name: image for image, name, _ in imageoperations.getWaveletImage(*pair(whole(volume)), **options)}
    region = cut_region(volume, chosen)

    ours = dict(images(region, chosen, 2))

    assert set(ours) == {"original", *expected}
    for name, image in expected.items():
        assert of_region(region, ours[name]) == pytest.approx(of_region(whole(volume), image), abs=1e-9)


def pair(region: Region) -> tuple[Any, Any]:
    return region.image, region.mask


def test_wavelets_within_slices_have_four_bands(volume: Volume) -> None:
    params = with_settings(wavelet_levels=1, force_2d=True, classes=("firstorder",))

    result = extract_features(volume.ct, volume.mask, np.diag([-0.8, -0.8, 2.0, 1.0]), params)

    assert result.missing == {}
    assert {name.split("_")[0] for name in result.values} == {
        "original", "wavelet-LH", "wavelet-HL", "wavelet-HH", "wavelet-LL"
    }  # fmt: skip


def test_the_laplacian_at_ibsis_scale_is_that_of_a_gaussian() -> None:
    """IBSI 2: a voxel becomes the kernel, at its centre -3 / (s^2 (2 pi s^2)^1.5), s in voxels; ITK within 2 %."""
    ct = np.zeros((61, 61, 61), np.int16)
    ct[30, 30, 30] = 10_000
    mask = np.zeros(ct.shape, bool)
    mask[29:32, 29:32, 29:32] = True
    grid = Resampling((2.0, 2.0, 2.0), "linear", "linear", False, "centre")
    chosen = settings(log_sigma_mm=(6.0,), log_scale="ibsi", resampling=grid)
    region = cut_region(Volume(ct, mask, (2, 2, 2)), chosen)

    _, (name, image) = images(region, chosen, 2)

    assert name == "log-sigma-6-0-mm-3D"
    s = 6 / 2
    assert of_region(region, image).min() == pytest.approx(-3e4 / (s**2 * (2 * np.pi * s**2) ** 1.5), rel=0.02)


def test_each_filter_has_its_own_bin_width(volume: Volume) -> None:
    def levels(**widths: float) -> float | None:
        params = with_settings(filters=("gradient",), filter_bin_widths=widths, classes=("firstorder",))
        values = extract_features(volume.ct, volume.mask, np.diag([-0.8, -0.8, 2.0, 1.0]), params).values
        assert values["original_firstorder_Entropy"] == of_original
        return values["gradient_firstorder_Entropy"]

    values = extract_features(volume.ct, volume.mask, np.diag([-0.8, -0.8, 2.0, 1.0]), CT).values
    of_original = values["original_firstorder_Entropy"]
    assert (levels(gradient=2.0) or 0) > (levels() or 99) > (levels(gradient=200.0) or 99)


class TestLocalBinaryPatterns:
    def pattern(self, *rows: str) -> float:
        values = np.array([[float(value) for value in row.split()] for row in rows])
        return float(local_binary_patterns(values[None], 0)[0, 1, 1])

    def test_a_pit_has_all_eight_points_above_it(self) -> None:
        assert self.pattern("9 9 9", "9 1 9", "9 9 9") == 8

    def test_a_peak_has_none(self) -> None:
        assert self.pattern("1 1 1", "1 9 1", "1 1 1") == 0

    def test_an_edge_has_half_of_them_and_its_own(self) -> None:
        assert self.pattern("5 5 0", "5 5 0", "5 5 0") == 5

    def test_points_that_alternate_are_no_uniform_pattern(self) -> None:
        assert self.pattern("0 9 0", "9 5 9", "0 9 0") == 9

    def test_the_slices_are_those_across_the_axis(self) -> None:
        values = np.random.default_rng(1).normal(size=(5, 6, 7))

        turned = local_binary_patterns(np.moveaxis(values, 0, 2), 2)

        assert np.array_equal(np.moveaxis(turned, 2, 0), local_binary_patterns(values, 0))


def test_every_filter_is_named_and_computed(volume: Volume) -> None:
    params = with_settings(filters=("square", "squareroot", "logarithm", "exponential", "gradient", "lbp-2D"))

    result = extract_features(volume.ct, volume.mask, np.diag([-0.8, -0.8, 2.0, 1.0]), params)

    assert tuple(result.values) == feature_names(params)
    assert len(result.values) == 120 + 6 * 94
    missing = {name for name in result.missing if not name.startswith("square_")}  # squares have many levels
    assert missing == set()
