"""Perturbed copies, and what is said of features over them; each against a truth of its own."""

import csv
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from radiomics_job.cli import main
from radiomics_job.features import perturbation
from radiomics_job.features.extract import extract_features
from radiomics_job.features.perturbation import (
    PERTURBATIONS,
    Copy,
    Perturbation,
    grown,
    noise_level,
    perturbed,
    shuffled,
    surroundings,
)
from radiomics_job.geometry.grid import Grid
from radiomics_job.parameters import load_params
from radiomics_job.robustness import Checks, icc, icc_interval, robustness_document, summarise
from tests.builders.dicom import Scan, save_study

SPACING = (1.0, 1.0, 2.0)
GRID = Grid((40, 40, 24), np.diag([-1.0, -1.0, 2.0, 1.0]))


def ball(radius_mm: float, shape: tuple[int, int, int] = (40, 40, 24)) -> NDArray[np.bool_]:
    places = (np.indices(shape).T - (np.array(shape) - 1) / 2) * SPACING
    inside: NDArray[np.bool_] = radius_mm**2 > (places**2).sum(axis=-1).T
    return inside


def image(noise: float = 20.0) -> NDArray[np.int16]:
    return np.random.default_rng(2).normal(-200, noise, GRID.shape).astype(np.int16)


def only(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    nothing = {"degrees": 0.0, "shift": (0.0, 0.0, 0.0), "growth": 0.0, "seed": 0}
    monkeypatch.setattr(perturbation, "PERTURBATIONS", (Perturbation(**{**nothing, **changes}),))


class TestCopies:
    def test_there_are_ten_that_differ(self) -> None:
        assert len(set(PERTURBATIONS)) == 10
        assert {each.growth for each in PERTURBATIONS} == {-0.1, 0.0, 0.1}

    def test_are_the_same_every_time(self) -> None:
        first, second = (list(perturbed(Copy(image(), ball(8), GRID.affine), SPACING)) for _ in range(2))

        for one, other in zip(first, second, strict=True):
            assert np.array_equal(one.image, other.image)
            assert np.array_equal(one.mask, other.mask)

    def test_a_shift_by_a_voxel_moves_image_and_region_alike(self, monkeypatch: pytest.MonkeyPatch) -> None:
        only(monkeypatch, shift=(1.0, 0.0, 0.0))
        monkeypatch.setattr(perturbation, "noise_level", lambda _: 0.0)
        original = Copy(image(), ball(8), GRID.affine)

        (copy,) = perturbed(original, SPACING)

        assert np.array_equal(copy.image[:-1], original.image[1:])
        assert np.array_equal(copy.mask[:-1], original.mask[1:])

    def test_a_turn_is_about_the_slice_axis(self, monkeypatch: pytest.MonkeyPatch) -> None:
        only(monkeypatch, degrees=90.0)
        mask = np.zeros(GRID.shape, bool)
        mask[10:29, 17:22, 9:12] = True

        (copy,) = perturbed(Copy(image(), mask, GRID.affine), SPACING)

        assert np.array_equal(copy.mask, mask.transpose(1, 0, 2))

    def test_noise_is_that_of_the_image(self, monkeypatch: pytest.MonkeyPatch) -> None:
        only(monkeypatch)
        original = Copy(image(noise=30), ball(8), GRID.affine)

        (copy,) = perturbed(original, SPACING)

        assert noise_level(original.image) == pytest.approx(30, rel=0.05)
        assert (copy.image - original.image.astype(float)).std() == pytest.approx(30, rel=0.05)
        assert copy.image.dtype == np.int16

    @pytest.mark.parametrize("growth", [-0.1, 0.1])
    def test_a_region_grows_by_its_share(self, growth: float) -> None:
        mask = ball(9)

        changed = grown(mask, growth, SPACING, seed=0)

        assert np.count_nonzero(changed) == round((1 + growth) * np.count_nonzero(mask))
        assert np.array_equal(changed & mask, changed if growth < 0 else mask)

    def test_surroundings_keep_places(self) -> None:
        mask = np.zeros((200, 40, 24), bool)
        mask[150, 20, 12] = True

        copy = surroundings(np.zeros(mask.shape, np.int16), mask, Grid(mask.shape, GRID.affine), 0.0)

        assert copy.image.shape == (61, 40, 24)  # 30 mm on either side
        assert copy.affine[:3, 3].tolist() == [-120, 0, 0]

    def test_shuffled_voxels_keep_the_histogram_and_lose_the_texture(self) -> None:
        stripes = np.broadcast_to(np.where(np.arange(40) % 8 < 4, 0, 200).astype(np.int16)[:, None, None], GRID.shape)
        original = Copy(stripes, ball(9), GRID.affine)
        before, after = (
            extract_features(each.image, each.mask, each.affine, load_params("ct")).values
            for each in (original, shuffled(original))
        )

        assert after["original_firstorder_Entropy"] == before["original_firstorder_Entropy"]
        assert after["original_shape_MeshVolume"] == before["original_shape_MeshVolume"]
        assert (after["original_glcm_Correlation"] or 0) < 0.1 < 0.4 < (before["original_glcm_Correlation"] or 0)


class TestIntraclassCorrelation:
    # Shrout and Fleiss 1979, table 2: six targets, four judges; ICC(1, 1) is 0.17 in their table 4.
    RATINGS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)

    def test_is_the_published_one(self) -> None:
        assert icc(self.RATINGS) == pytest.approx(0.17, abs=0.005)

    def test_is_one_without_noise_and_about_zero_without_differences(self) -> None:
        steady = np.repeat(np.arange(5.0)[:, None], 4, axis=1)

        assert icc(steady) == 1
        assert abs(icc(np.random.default_rng(0).normal(size=(500, 10))) or 1) < 0.02

    def test_needs_two_studies_that_vary(self) -> None:
        assert icc(np.ones((1, 4))) is None
        assert icc(np.ones((3, 4))) is None
        assert icc_interval(np.ones((2, 4))) == (None, None)

    def test_has_an_interval_around_it(self) -> None:
        low, high = icc_interval(self.RATINGS)

        assert low is not None
        assert high is not None
        assert low < (icc(self.RATINGS) or 9) < high <= 1


def test_a_study_says_what_each_copy_gave() -> None:
    measured = extract_features(image(), ball(8), GRID.affine, load_params("ct")).values

    document: Any = robustness_document(Checks(True, True), image(), ball(8), GRID, load_params("ct"), measured)

    assert set(document["perturbed"]) == set(document["shuffled"]) == set(measured)
    assert all(len(values) == len(document["perturbations"]) == 10 for values in document["perturbed"].values())
    assert len(set(document["perturbed"]["original_glcm_Contrast"])) == 10
    json.dumps(document, allow_nan=False)


def test_a_feature_that_is_null_somewhere_counts_that_study_out(tmp_path: Path) -> None:
    for number, values in enumerate(([1.0, 1.1], [2.0, 2.1], [None, 3.0])):
        (tmp_path / str(number)).mkdir()
        content = {"measured": {"f": 1.0}, "perturbed": {"f": values}}
        (tmp_path / str(number) / "robustness.json").write_text(json.dumps(content))

    assert summarise((tmp_path / name for name in ("0", "1", "2", "absent")), tmp_path / "robustness.csv") == 3

    (row,) = csv.DictReader((tmp_path / "robustness.csv").read_text().splitlines())
    assert (row["feature"], row["studies"], row["shuffled_icc"]) == ("f", "2", "")
    assert float(row["icc"]) == pytest.approx((1 - 0.005) / (1 + 0.005))  # variances 2 × 0.5 and 0.005


def test_the_command_writes_both_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save_study(tmp_path / "in" / "one", Scan(columns=36, rows=34, slices=16))

    with caplog.at_level(logging.WARNING):
        assert main(["--input-dir", str(tmp_path / "in"), "--output-dir", str(tmp_path / "out"), "--perturb"]) == 0

    document = json.loads((tmp_path / "out" / "one" / "robustness.json").read_text())
    assert (document["subject"], document["label"]) == ("one", "Tumour")
    assert "shuffled" not in document
    features = json.loads((tmp_path / "out" / "one" / "features.json").read_text())["rois"][0]["features"]
    assert document["measured"] == features
    with (tmp_path / "out" / "robustness.csv").open() as file:
        assert [row["feature"] for row in csv.DictReader(file)] == list(features)
