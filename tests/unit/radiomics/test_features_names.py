"""The golden list of feature names holds exactly what pyradiomics documents, in both directions."""

import re
from dataclasses import replace

import pytest
from radiomics import getFeatureClasses

from radiomics_job.feature_names import FEATURES_BY_CLASS, ORIGINAL_FEATURES, REDUNDANT_FEATURES
from radiomics_job.parameters import feature_names, load_params

DOCUMENTED_COUNTS = {
    "firstorder": 19,
    "shape": 16,
    "shape2D": 10,
    "glcm": 24,
    "glrlm": 16,
    "glszm": 16,
    "ngtdm": 5,
    "gldm": 14,
}
# Deprecated features that the documentation still counts, and so does the golden list.
DEPRECATED_BUT_DOCUMENTED = {
    ("firstorder", "StandardDeviation"),
    ("shape", "Compactness1"),
    ("shape", "Compactness2"),
    ("shape2D", "SphericalDisproportion"),
}
FEATURE_STORE_NAME = re.compile(r"[a-zA-Z0-9]([-_]*[a-zA-Z0-9]){0,63}")


def test_every_class_has_its_documented_number_of_features() -> None:
    assert {name: len(features) for name, features in FEATURES_BY_CLASS.items()} == DOCUMENTED_COUNTS
    assert len(ORIGINAL_FEATURES) == len(set(ORIGINAL_FEATURES)) == 120


@pytest.mark.parametrize("name", DOCUMENTED_COUNTS)
def test_the_list_is_what_pyradiomics_computes_no_more_and_no_less(name: str) -> None:
    offered = getFeatureClasses()[name].getFeatureNames()
    expected = {
        feature
        for feature, deprecated in offered.items()
        if not deprecated or (name, feature) in DEPRECATED_BUT_DOCUMENTED
    }

    assert set(FEATURES_BY_CLASS[name]) == expected


def test_the_redundant_features_are_the_deprecated_ones() -> None:
    assert {f"original_{name}_{feature}" for name, feature in DEPRECATED_BUT_DOCUMENTED} == REDUNDANT_FEATURES
    assert set(ORIGINAL_FEATURES) > REDUNDANT_FEATURES


@pytest.mark.parametrize("name", ["ct", "ct_resampled"])
def test_the_packaged_parameter_sets_write_the_golden_list(name: str) -> None:
    assert feature_names(load_params(name)) == ORIGINAL_FEATURES


def test_filtered_images_add_every_class_but_the_shapes() -> None:
    params = load_params("ct")
    filtered = replace(params, extraction=replace(params.extraction, log_sigma_mm=(2.0, 3.5), wavelet_levels=2))

    names = feature_names(filtered)

    assert names[:120] == ORIGINAL_FEATURES
    assert len(names) == len(set(names)) == 120 + (2 + 7 * 2 + 1) * 94
    assert "log-sigma-3-5-mm-3D_gldm_LargeDependenceHighGrayLevelEmphasis" in names
    assert "wavelet2-LLL_firstorder_Mean" in names
    assert "wavelet-LLL_firstorder_Mean" not in names
    assert all(FEATURE_STORE_NAME.fullmatch(name) for name in names)


def test_only_the_chosen_classes_are_named() -> None:
    params = load_params("ct")
    few = replace(params, extraction=replace(params.extraction, classes=("firstorder", "ngtdm")))

    assert len(feature_names(few)) == 19 + 5
