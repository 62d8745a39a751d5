"""Radiomic features that change when a contour is moved a little are left out before the folds."""

import json
from pathlib import Path

import pytest

from survival_job.cli import main
from survival_job.dataset import Dataset, read_dataset
from survival_job.errors import InvalidJobError
from survival_job.robustness import unstable_features, without_unstable
from tests.builders.builds import make_build

TABLE = "feature,icc,icc_low,icc_high\nf0,0.99,0.95,1\nf1,0.9,0.74,0.97\nf2,0.9,0.75,0.97\nf3,,,\nnever,0.1,0,0.2\n"


def table(folder: Path, text: str = TABLE) -> Path:
    (folder / "robustness.csv").write_text(text)
    return folder / "robustness.csv"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("built") / "b"
    return read_dataset(make_build(folder, features={"imaging": 5, "clinical": 5}), "surgery")


def test_low_and_unknown_correlations_are_unstable(tmp_path: Path, dataset: Dataset) -> None:
    assert unstable_features(table(tmp_path), 0.75, dataset) == {"f1", "f3", "never"}
    assert unstable_features(table(tmp_path), 0.9, dataset) == {"f1", "f2", "f3", "never"}


def test_only_radiomic_features_are_left_out(dataset: Dataset) -> None:
    found = without_unstable(dataset, frozenset({"f1", "f3", "never"}))
    assert found.columns(["imaging"]) == ["imaging__f0", "imaging__f2", "imaging__f4"]
    assert found.columns(["clinical"]) == dataset.columns(["clinical"])
    assert list(found.features) == list(found.modality_of)


@pytest.mark.parametrize("text", ["feature,icc\nf0,1\n", "feature,icc_low\nf0,high\n"])
def test_another_table_is_told(tmp_path: Path, dataset: Dataset, text: str) -> None:
    with pytest.raises(InvalidJobError, match=r"robustness\.csv cannot be used"):
        unstable_features(table(tmp_path, text), 0.75, dataset)
    with pytest.raises(InvalidJobError, match="absent"):
        unstable_features(tmp_path / "absent.csv", 0.75, dataset)


@pytest.mark.parametrize("text", ["feature,icc_low\n", "feature,icc_low\npet_f0,0.1\n"])
def test_a_table_of_other_features_is_told(tmp_path: Path, dataset: Dataset, text: str) -> None:
    with pytest.raises(InvalidJobError, match=r"robustness\.csv has no radiomic feature of the dataset"):
        unstable_features(table(tmp_path, text), 0.75, dataset)


def test_a_run_says_how_many_it_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("survival_job.controls.SEEDS", 5)
    monkeypatch.setattr("survival_job.controls.SHUFFLES", 2)
    build = make_build(tmp_path / "b", features={"imaging": 5}, cases=60, censored=0.1)
    out = tmp_path / "out"
    options = ["--repeats", "1", "--folds", "3", "--workers", "1", "--robustness", str(table(tmp_path))]
    assert main(["train", "--input-dir", str(build), "--output-dir", str(out), *options]) == 0
    results = json.loads((out / "results.json").read_text())
    assert results["settings"]["unstable_features"] == 2
    assert results["modalities"]["imaging"]["features"] == 3
