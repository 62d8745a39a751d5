"""A model is saved as JSON, and gives other cases the risk that it would have given them in its run."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from survival_job.cli import main
from survival_job.comparison import Plan, tasks_of
from survival_job.dataset import read_dataset, read_table, table_numbers
from survival_job.results import not_harmonised
from survival_job.saved import fit_final, read_model, scores
from tests.builders.builds import make_build, read_rows, write_rows


@pytest.fixture(scope="module", autouse=True)
def few_controls() -> Iterator[None]:
    """Let runs repeat their controls a few times: what they find is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("survival_job.controls.SEEDS", 5)
        patch.setattr("survival_job.controls.SHUFFLES", 2)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what a run on cases with a signal in clinical data wrote."""
    folder = tmp_path_factory.mktemp("run")
    build = make_build(folder / "build", cases=90, signal={"clinical": 1.5}, censored=0.1)
    options = ["--repeats", "1", "--folds", "3", "--workers", "1", "--timepoint", "surgery"]
    assert main(["train", "--input-dir", str(build), "--output-dir", str(folder / "out"), *options]) == 0
    return folder / "out"


def test_a_run_writes_report_results_model_and_card(run: Path) -> None:
    names = ["model-card.md", "model.json", "report.html", "results.json"]
    assert sorted(path.name for path in run.iterdir()) == names
    results = json.loads((run / "results.json").read_text())
    assert results["schema"] == 2
    assert {*results["sets"][0]["brier"]["365"]} == {*results["sets"][0]["integrated_brier"], "folds_left_out"}


def test_new_cases_get_their_risk_by_the_saved_model(tmp_path: Path, run: Path) -> None:
    new = make_build(tmp_path / "new", cases=40, seed=9, absent={"clinical": [0, 1]})
    command = [
        "score",
        "--input-dir",
        str(new),
        "--model-dir",
        str(run),
        "--output-dir",
        str(tmp_path / "s"),
    ]
    assert main(command) == 0
    document = json.loads((tmp_path / "s" / "scores.json").read_text())
    assert "clinical" in document["modalities"]
    found = {score["case_id"]: score for score in document["scores"]}
    assert "S-0000" not in found, "a case without the modality has no score, rather than one of zeros"
    dataset = read_dataset(new, "surgery")
    signal = dataset.features[["clinical__f0", "clinical__f1", "clinical__f2"]].sum(axis=1).to_numpy()
    pairs = [(found[case]["risk_score"], signal[row]) for row, case in enumerate(dataset.cases) if case in found]
    assert np.corrcoef(np.array(pairs).T)[0, 1] > 0.7
    assert all(1 <= score["risk_percentile"] <= 100 for score in found.values())


def test_a_record_without_a_single_value_has_no_score(tmp_path: Path, run: Path) -> None:
    model, new = read_model(run), make_build(tmp_path / "new", cases=20)
    _, dictionary, table = read_table(new)
    numbers = table_numbers(dictionary, table)
    numbers.loc[4, [name for name in numbers if name.startswith("clinical__f")]] = np.nan
    assert model["modalities"] == ["clinical"]
    assert {score["case_id"] for score in scores(model, numbers, ["clinical"])} == set(table["case_id"]) - {"S-0004"}


def test_a_dataset_without_the_models_features_is_told(tmp_path: Path, run: Path) -> None:
    new = make_build(tmp_path / "new", features={"imaging": 3, "rna": 3})
    out, message = tmp_path / "s", tmp_path / "m"
    command = ["score", "--input-dir", str(new), "--model-dir", str(run), "--output-dir", str(out)]
    assert main([*command, "--message-file", str(message)]) == 2
    assert message.read_text().startswith("MODEL_MISMATCH")


def test_a_build_of_which_no_case_can_be_scored_is_told(tmp_path: Path, run: Path) -> None:
    new = make_build(tmp_path / "new", cases=4, absent={"clinical": range(4)})
    out, message = tmp_path / "s", tmp_path / "m"
    command = ["score", "--input-dir", str(new), "--model-dir", str(run), "--output-dir", str(out)]
    assert main([*command, "--message-file", str(message)]) == 2
    assert "none of the 4 cases has clinical" in message.read_text()
    assert not list(out.glob("*"))


def test_levels_of_an_ordinal_feature_are_weighed_again(tmp_path: Path) -> None:
    build = make_build(tmp_path / "b", features={"clinical": 3}, ordinal=(0, 0, 3, 0), censored=0.1)
    dataset = read_dataset(build, "surgery")
    (task,) = [t for t in tasks_of(dataset) if t.model == "ridge"]
    (tmp_path / "model.json").write_text(json.dumps(fit_final(dataset, task, "0")))
    command = ["score", "--input-dir", str(build), "--model-dir", str(tmp_path), "--output-dir", str(tmp_path / "s")]
    assert main(command) == 0
    scores = {s["case_id"]: s["risk_score"] for s in json.loads((tmp_path / "s" / "scores.json").read_text())["scores"]}
    stage = dataset.features["clinical__stage"].to_numpy()
    mean = [np.mean([scores[c] for c, s in zip(dataset.cases, stage, strict=True) if s == n]) for n in range(4)]
    assert mean[2] > max(mean[0], mean[1], mean[3]) + 0.5


SCANNERS = {"A": 0.0, "B": 4.0}
IMAGING: dict[str, Any] = {"features": {"imaging": 6}, "signal": {"imaging": 1.5}, "censored": 0.1}


def test_scanners_are_harmonised_in_the_saved_model_as_in_the_comparison(tmp_path: Path) -> None:
    build = make_build(tmp_path / "b", cases=150, scanners=SCANNERS, **IMAGING)
    out, options = tmp_path / "out", ["--repeats", "1", "--folds", "3", "--workers", "1", "--timepoint", "surgery"]
    command = ["train", "--input-dir", str(build), "--output-dir", str(out), *options]
    assert main([*command, "--harmonise", "imaging__manufacturer"]) == 0
    assert set(json.loads((out / "model.json").read_text())["harmony"]["scanners"]) == set(SCANNERS)
    assert "`imaging__manufacturer` names" in (out / "model-card.md").read_text()
    assert "armonis" not in " ".join(json.loads((out / "results.json").read_text())["findings"])

    new = make_build(tmp_path / "new", cases=60, seed=5, scanners=SCANNERS, **IMAGING)
    scored = tmp_path / "s"
    assert main(["score", "--input-dir", str(new), "--model-dir", str(out), "--output-dir", str(scored)]) == 0
    risk = np.array([s["risk_score"] for s in json.loads((scored / "scores.json").read_text())["scores"]])
    dataset = read_dataset(new, "surgery")
    shift = dataset.context["imaging__manufacturer"].map(SCANNERS).to_numpy(float)
    truth = dataset.features[[f"imaging__f{n}" for n in range(3)]].sum(axis=1).to_numpy() - 3 * shift
    assert np.corrcoef(risk, truth)[0, 1] > 0.9, "the scanners' shift is taken off"
    assert abs(np.corrcoef(risk, shift)[0, 1]) < 0.4


def test_a_build_without_the_scanners_column_is_told(tmp_path: Path) -> None:
    dataset = read_dataset(make_build(tmp_path / "b", scanners=SCANNERS, **IMAGING), "surgery")
    (task,) = [t for t in tasks_of(dataset) if t.model == "ridge"]
    model = fit_final(dataset, task, "0", "imaging__manufacturer")
    (tmp_path / "model.json").write_text(json.dumps(model))
    other, message = make_build(tmp_path / "other", **IMAGING), tmp_path / "m"
    command = ["score", "--input-dir", str(other), "--model-dir", str(tmp_path), "--output-dir", str(tmp_path / "s")]
    assert main([*command, "--message-file", str(message)]) == 2
    assert message.read_text().startswith("MODEL_MISMATCH: the dataset lacks imaging__manufacturer")


@pytest.mark.parametrize("value", ["inf", "high"])
def test_a_value_that_is_no_number_is_told_and_gets_no_median(tmp_path: Path, run: Path, value: str) -> None:
    new = make_build(tmp_path / "new", cases=20)
    rows = read_rows(new / "dataset.csv")
    rows[3]["clinical__f1"] = value
    write_rows(new / "dataset.csv", rows)
    out, message = tmp_path / "s", tmp_path / "m"
    command = ["score", "--input-dir", str(new), "--model-dir", str(run), "--output-dir", str(out)]
    assert main([*command, "--message-file", str(message)]) == 2
    assert message.read_text().startswith("VALUES_INVALID: clinical__f1")
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 9}'])
def test_a_file_that_is_no_model_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text(content)
    build = make_build(tmp_path / "b")
    command = [
        "score",
        "--input-dir",
        str(build),
        "--model-dir",
        str(tmp_path / "model"),
        "--output-dir",
        str(tmp_path / "o"),
    ]
    assert main(command) == 2


def test_the_saved_survival_is_that_of_the_cohort(tmp_path: Path) -> None:
    dataset = read_dataset(make_build(tmp_path / "b", cases=150), "surgery")
    task = next(t for t in tasks_of(dataset) if t.name == "clinical" and t.model == "ridge")
    model = fit_final(dataset, task, "0")
    curve = model["baseline_survival"]
    assert curve["survival"] == sorted(curve["survival"], reverse=True)
    assert 0.0 <= curve["survival"][-1] < curve["survival"][0] <= 1.0


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"A": 30}, "did nothing"),
        ({"A": 30, "B": 30, "C": 4}, "Not harmonised, or only in some folds: C (4)"),
        ({"A": 30, "B": 30}, ""),
    ],
)
def test_scanners_with_too_few_cases_are_named(tmp_path: Path, counts: dict[str, int], said: str) -> None:
    dataset = read_dataset(make_build(tmp_path / "b", cases=sum(counts.values()), **IMAGING), "surgery")
    names = [name for name, count in counts.items() for _ in range(count)][: len(dataset.cases)]
    dataset = replace(dataset, context=pd.DataFrame({"imaging__manufacturer": names}, index=dataset.context.index))
    found = not_harmonised(dataset, Plan(batch="imaging__manufacturer"))
    assert len(found) == bool(said)
    assert said in " ".join(found)
