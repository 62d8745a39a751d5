"""The comparison on datasets of which it is known what helps."""

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from survival_job.cli import main
from survival_job.comparison import COMMON, REFERENCE, Plan, evaluate_all, horizons_of, sets_of, tasks_of
from survival_job.controls import shuffled, single_split, widest
from survival_job.dataset import Survival, read_dataset, with_levels
from survival_job.errors import InputRejectedError
from survival_job.intervals import corrected_interval
from survival_job.measures import brier_at
from survival_job.results import findings, results_document
from tests.builders.builds import make_build

PLAN = Plan(repeats=4, workers=1)


def quiet(_done: int, _of: int) -> None:
    """Show no progress."""


def compare(folder: Path, plan: Plan = PLAN, models: tuple[str, ...] = ("ridge",)) -> dict[str, Any]:
    dataset = read_dataset(folder, "surgery")
    tasks = [task for task in tasks_of(dataset) if task.model in models]
    return results_document(dataset, evaluate_all(dataset, tasks, plan, quiet), plan, {}, {}, {})


def test_every_modality_each_pair_and_all_are_compared() -> None:
    assert sets_of(["a", "b"]) == [("a",), ("b",), ("a", "b")]
    assert len(sets_of(["a", "b", "c"])) == 7


def test_a_signal_in_one_modality_raises_the_sets_that_have_it_and_only_those(tmp_path: Path) -> None:
    results = compare(make_build(tmp_path / "b", cases=220, signal={"rna": 1.6, "clinical": 0.3}, censored=0.2))
    for found in results["sets"]:
        has = "rna" in found["modalities"]
        assert (found["c_index"]["estimate"] > 0.68) == has, found["name"]
        if found["difference"] is not None:
            assert (found["difference"]["low"] > 0) == has, found["name"]
    assert "helps" in results["findings"][0]
    pooled = next(s for s in results["sets"] if len(s["modalities"]) == 3)
    assert max(pooled["importance"], key=lambda m: pooled["importance"][m]["estimate"]) == "rna"
    assert pooled["c_ipcw"]["estimate"] > 0.65
    assert all(0.65 < area["estimate"] < area["high"] for area in pooled["auc"].values())
    errors = [pooled["integrated_brier"], *pooled["brier"].values()]
    assert all(0 < error["low"] < error["estimate"] < error["high"] < 0.25 for error in errors)
    # The trapezoid of the folds' scores over time: of one that is higher later, between the two.
    assert min(e["estimate"] for e in errors[1:]) < errors[0]["estimate"] < max(e["estimate"] for e in errors[1:])


def test_a_level_that_does_worse_than_the_next_is_learnt(tmp_path: Path) -> None:
    folder = make_build(tmp_path / "b", cases=300, features={"clinical": 3}, ordinal=(0, 0, 0, 3, 0), censored=0.2)
    dataset = read_dataset(folder, "surgery")
    assert dataset.count(["clinical"]) == 4
    assert [n for n in dataset.features if "=" in n] == [f"clinical__stage={n}" for n in range(5)]
    (found,) = compare(folder)["sets"]
    assert found["c_index"]["estimate"] > 0.62, "the number alone says 0.55"
    assert found["features"] == 4


def test_a_level_is_missing_where_the_feature_is(tmp_path: Path) -> None:
    folder = edited(make_build(tmp_path / "b", ordinal=(0, 1, 2)), set_to("clinical__stage", "", 3))
    found = read_dataset(folder, "surgery").features.iloc[3]
    assert np.isnan(found[["clinical__stage", "clinical__stage=0", "clinical__stage=2"]]).all()


@pytest.mark.parametrize("levels", ["[1, 2]", '{"a": "high"}', "{"])
def test_levels_that_cannot_be_read_are_told(tmp_path: Path, levels: str) -> None:
    with pytest.raises(InputRejectedError, match="DATASET_INCOMPLETE"):
        with_levels(pd.DataFrame({"x": [1.0]}), [{"column": "x", "levels": levels}])


def test_without_a_signal_nothing_is_said_to_help(tmp_path: Path) -> None:
    results = compare(make_build(tmp_path / "b", cases=150))
    assert "does not help" in results["findings"][0]
    assert all(s["c_index"]["low"] < 0.5 < s["c_index"]["high"] for s in results["sets"])


def test_a_missing_modality_makes_a_stratum_and_is_never_a_value(tmp_path: Path) -> None:
    absent = {"rna": range(30), "imaging": range(20, 50)}
    dataset = read_dataset(make_build(tmp_path / "b", cases=160, absent=absent), "surgery")
    tasks = {(task.name, task.stratum): len(task.rows) for task in tasks_of(dataset) if task.model == "ridge"}
    assert {count for (_, stratum), count in tasks.items() if stratum == COMMON} == {110}
    assert tasks["rna", "own"] == tasks["clinical", "own: rna"] == 130
    assert tasks["clinical", "own"] == 160


@pytest.mark.parametrize("what", ["labels", "features"])
def test_shuffled_controls_hold_one_half(tmp_path: Path, what: str) -> None:
    dataset = read_dataset(make_build(tmp_path / "b", signal={"rna": 2.0}, censored=0.2), "surgery")
    found = shuffled(dataset, widest(tasks_of(dataset)), PLAN, what, quiet)
    assert found["holds_half"]
    assert abs(found["c_index"]["estimate"] - 0.5) < 0.08
    assert all(abs(area["estimate"] - 0.5) < 0.1 for area in found["auc"].values())


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [(0.066, 0.871, "no better than chance"), (0.51, 0.7, "better than chance"), (0.2, 0.4, "worse than chance")],
)
def test_what_clinical_data_alone_tells_is_said_also_where_nothing_is_pooled(
    low: float, high: float, told: str
) -> None:
    c_index = {"estimate": (low + high) / 2, "low": low, "high": high}
    alone = {"modalities": [REFERENCE], "model": "ridge", "cases": 56, "difference": None, "c_index": c_index}
    said = findings([{**alone, "cases": 9}, alone], {}, {}, 1)
    assert said[0].startswith(f"Clinical data alone is {told}"), "the headline"
    assert said[1] == "Nothing is pooled: the build has one modality."
    too_few = findings([alone], {}, {}, 3)[1]
    assert too_few.startswith("Nothing is pooled: too few cases"), "the others have no set of their own"
    assert said[0].endswith(f"({low:.3f} to {high:.3f}) on 56 cases.")
    assert len(findings([{**alone, "c_index": dict.fromkeys(c_index)}], {}, {}, 1)) == 1, "not measured: not judged"


def test_predictions_are_judged_on_the_days_of_the_labels() -> None:
    days = np.arange(1.0, 4001.0)
    assert horizons_of(Survival(days, days % 2 == 0)) == [365.0, 1095.0, 1825.0]


def test_a_leak_is_told() -> None:
    found = {"estimate": 0.8, "low": 0.7, "high": 0.9}
    leaking = {"shuffled_labels": {"c_index": found, "auc": {"365": found}, "holds_half": False}}
    said = " ".join(findings([], leaking, {}, 2))
    assert "Do not use" in said
    assert "AUC at 365 days 0.800 (0.700 to 0.900)." in said


def test_one_split_says_anything(tmp_path: Path) -> None:
    dataset = read_dataset(make_build(tmp_path / "b", cases=60), "surgery")
    found = single_split(dataset, widest(tasks_of(dataset)), 1, quiet)
    assert found["auc"]["p95"] - found["auc"]["p5"] > 0.15


def test_calibration_compares_what_was_predicted_with_what_came(tmp_path: Path) -> None:
    results = compare(
        make_build(tmp_path / "b", cases=300, features={"clinical": 8}, signal={"clinical": 1.0}, censored=0.2)
    )
    groups = next(c for c in results["calibration"] if c["set"] == "clinical")["groups"]
    assert [g["cases"] for g in groups] == [75] * 4
    predicted, observed = ([g[key] for g in groups] for key in ("predicted", "observed"))
    assert predicted == sorted(predicted)
    assert np.corrcoef(predicted, observed)[0, 1] > 0.9


# --- what cannot be compared ------------------------------------------------------------------------------------------


def edited(folder: Path, change: Any) -> Path:
    """Rewrite dataset.csv, row by row; a change returns None to leave a row out."""
    path = folder / "dataset.csv"
    with path.open(newline="") as lines:
        rows = [change(number, row) for number, row in enumerate(csv.DictReader(lines))]
    kept = [row for row in rows if row is not None]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, kept[0] if kept else ["case_id"])
        writer.writeheader()
        writer.writerows(kept)
    return folder


def set_to(column: str, value: str, number: int | None = None) -> Any:
    return lambda n, row: row | ({column: value} if number in (None, n) else {})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (set_to("label__os_event", "0"), "TOO_FEW_EVENTS"),
        (lambda n, row: row if n < 12 else None, "TOO_FEW_EVENTS"),
        (set_to("label__os_event", "2", 3), "VALUES_INVALID"),
        (set_to("label__os_days", "-1", 3), "VALUES_INVALID"),
        (lambda n, row: row | {"label__os_days": 365 if row["label__os_event"] == "1" else 30}, "TOO_FEW_EVENTS"),
        (lambda n, row: row | {name: "1.5" for name in row if "__f" in name}, "TOO_FEW_EVENTS"),
        (set_to("clinical__f1", "high", 3), "VALUES_INVALID"),
        (set_to("clinical__f1", "inf", 3), "VALUES_INVALID"),
        (set_to("clinical__f1", "-1.7976931348623157e308", 3), "VALUES_INVALID"),
        (set_to("case_id", "S-0001", 3), "VALUES_INVALID"),
        (lambda n, row: {k: v for k, v in row.items() if k != "rna__f2"}, "DATASET_INCOMPLETE"),
        (lambda n, row: {k: v for k, v in row.items() if k != "label__os_days"}, "DATASET_INCOMPLETE"),
    ],
)
def test_what_cannot_be_compared_is_said_and_nothing_is_written(
    tmp_path: Path, change: Any, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = edited(make_build(tmp_path / "b"), change)
    out, message = tmp_path / "out", tmp_path / "message"
    assert main(["train", "--input-dir", str(folder), "--output-dir", str(out), "--message-file", str(message)]) == 2
    assert message.read_text().startswith(f"{code}: ")
    assert list(out.iterdir()) == []
    assert "Traceback" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["dataset.csv", "dictionary.csv", "manifest.json"])
def test_a_build_that_is_not_whole_is_rejected(tmp_path: Path, name: str) -> None:
    folder = make_build(tmp_path / "b")
    (folder / name).unlink()
    with pytest.raises(InputRejectedError, match=f"DATASET_INCOMPLETE: {name}"):
        read_dataset(folder, "baseline")


@pytest.mark.parametrize("name", ["dataset.csv", "dictionary.csv"])
def test_a_file_that_is_not_the_manifests_is_rejected(tmp_path: Path, name: str) -> None:
    folder = make_build(tmp_path / "b")
    manifest = json.loads((folder / "manifest.json").read_text())
    files = {
        each: hashlib.sha256((folder / each).read_bytes()).hexdigest() for each in ("dataset.csv", "dictionary.csv")
    }
    (folder / "manifest.json").write_text(json.dumps(manifest | {"files": files}))
    assert len(read_dataset(folder, "surgery").cases) == 120
    with (folder / name).open("a") as file:
        file.write("\n")
    with pytest.raises(InputRejectedError, match=f"DATASET_INCOMPLETE: {name} is not the file"):
        read_dataset(folder, "surgery")


def test_a_dataset_without_survival_labels_is_told(tmp_path: Path) -> None:
    folder = make_build(tmp_path / "b")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"survival": {"time": None, "event": None}}))
    with pytest.raises(InputRejectedError, match="NO_SURVIVAL_LABELS"):
        read_dataset(folder, "baseline")


def test_a_feature_that_is_known_later_stops_the_training(tmp_path: Path) -> None:
    folder = make_build(tmp_path / "b")
    text = (folder / "dictionary.csv").read_text()
    (folder / "dictionary.csv").write_text(text.replace(",baseline,", ",outcome,", 1))
    with pytest.raises(InputRejectedError, match="TOO_LATE"):
        read_dataset(folder, "surgery")


def test_an_empty_modality_is_left_out_of_the_sets(tmp_path: Path) -> None:
    dataset = read_dataset(make_build(tmp_path / "b", cases=80, absent={"rna": range(80)}), "surgery")
    assert dataset.modalities == ["imaging", "clinical"]
    assert {task.name for task in tasks_of(dataset)} == {"imaging", "clinical", "imaging + clinical"}


@pytest.mark.parametrize("value", ["1.5", ""])
def test_a_modality_that_tells_nobody_apart_is_left_out_of_the_sets(tmp_path: Path, value: str) -> None:
    folder = edited(make_build(tmp_path / "b"), lambda n, row: row | {c: value for c in row if c.startswith("rna__")})
    assert read_dataset(folder, "surgery").modalities == ["imaging", "clinical"]


def test_features_that_are_constant_in_a_fold_tell_nobody_apart_there(tmp_path: Path) -> None:
    folder = make_build(tmp_path / "b", features={"imaging": 1, "clinical": 3})
    edited(folder, lambda n, row: row | {"imaging__f0": int(n == 5)})
    found = compare(folder, Plan(repeats=1, parts=3, workers=1), models=("elastic net",))["sets"]
    (alone,) = (each["c_index"]["estimate"] for each in found if each["name"] == "imaging")
    assert alone == pytest.approx(0.5, abs=0.02)


def test_a_record_without_a_single_value_is_no_modality(tmp_path: Path) -> None:
    folder = edited(
        make_build(tmp_path / "b"),
        lambda n, row: row | ({c: "" for c in row if c.startswith("rna__")} if n in {3, 4} else {}),
    )
    dataset = read_dataset(folder, "surgery")
    assert np.flatnonzero(~dataset.present["rna"]).tolist() == [3, 4]
    assert dataset.present["imaging"].all()


def test_intervals_that_cannot_be_measured_are_said_to_be_so(tmp_path: Path) -> None:
    unknown = {"estimate": None, "low": None, "high": None}
    one = {"name": "a + b", "modalities": ["a", "b"], "model": "ridge", "stratum": COMMON, "difference": unknown}
    said = findings([one], {"shuffled_labels": {"c_index": unknown, "holds_half": False}}, {}, 2)
    assert said[0].startswith("Nothing is pooled")
    assert said[1].endswith("too few cases can be compared to measure it.")


def test_a_number_that_is_missing_is_no_zero(tmp_path: Path) -> None:
    folder = edited(make_build(tmp_path / "b"), set_to("clinical__f1", "", 3))
    dataset = read_dataset(folder, "surgery")
    assert np.isnan(dataset.features["clinical__f1"].to_numpy()[3])
    assert corrected_interval([0.5], 5).document() == {"estimate": 0.5, "low": None, "high": None}


def test_a_right_forecast_scores_the_same_whether_or_not_cases_are_censored_in_the_month_of_a_death() -> None:
    died, left = np.repeat(np.arange(1, 7), [4, 3, 2, 1, 1, 1]), np.arange(1, 7)
    death, censoring = (times.ravel().astype(float) for times in np.meshgrid(died, np.repeat(left, 2)))
    survival = Survival(np.minimum(death, censoring), death <= censoring)
    alive = {month: float((died > month).mean()) for month in (2.0, 3.0, 4.0)}
    for month, share in alive.items():
        found = brier_at(month, np.full(len(survival), share), survival, survival)
        assert found == pytest.approx(share * (1 - share), abs=1e-4)
