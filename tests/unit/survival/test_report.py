"""The report and the card: what they say of results, and that text cannot become markup."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from survival_job.report import Scale, interval, write_card, write_report
from tests.html_page import Page

INTERVAL = {"estimate": 0.61, "low": 0.55, "high": 0.67}
AREA = {**INTERVAL, "folds_left_out": 2}
ERROR = {"estimate": 0.2, "low": 0.15, "high": 0.25, "folds_left_out": 0}
UNKNOWN = {"estimate": None, "low": None, "high": None, "folds_left_out": 10}
GAIN = {"estimate": 0.02, "low": -0.03, "high": 0.07}


def one_set(name: str, stratum: str = "common", **changes: Any) -> dict[str, Any]:
    """Return a set as `results.json` has it."""
    modalities = name.split(" + ")
    found = {
        "name": name,
        "modalities": modalities,
        "model": "ridge",
        "stratum": stratum,
        "cases": 50,
        "events": 20,
        "features": 8,
        "c_index": INTERVAL,
        "c_ipcw": INTERVAL,
        "auc": {"365": AREA, "1095": UNKNOWN},
        "brier": {"365": ERROR, "1095": UNKNOWN},
        "integrated_brier": ERROR,
        "difference": None if name == "clinical" else GAIN,
        "compared_with": None if name == "clinical" else "clinical",
        "importance": dict.fromkeys(modalities, GAIN) if len(modalities) > 1 else {},
    }
    return found | changes


RESULTS: dict[str, Any] = {
    "schema": 1,
    "job_version": "0.1.0",
    "dataset": "made",
    "build": "b1",
    "settings": {"run": "r1", "timepoint": "baseline", "seed": "0", "repeats": 2, "folds": 5, "harmonised_by": None},
    "facts": {"as_of": None, "complete_cases": "50 of 80 cases have all modalities"},
    "cases": 80,
    "events": 33,
    "follow_up_days": 912.0,
    "common": {"cases": 50, "events": 20},
    "sets": [
        one_set("clinical"),
        one_set("rna"),
        one_set("rna + clinical"),
        one_set("rna + clinical", "own", cases=61),
        one_set("clinical", "own: rna + clinical", cases=61),
    ],
    "calibration": [
        {
            "set": "rna + clinical",
            "stratum": "common",
            "horizon_days": 365.0,
            "groups": [
                {"predicted": 0.5, "observed": 0.4, "cases": 25},
                {"predicted": 0.9, "observed": None, "cases": 25},
            ],
        }
    ],
    "controls": {"shuffled_labels": {"c_index": INTERVAL, "auc": {"365": AREA}, "holds_half": False}},
    "baseline": {
        "set": "rna + clinical",
        "cases": 50,
        "seeds": 3,
        "accuracy": {"p5": 0.4, "median": 0.5, "p95": 0.7},
        "auc": {"p5": 0.5, "median": 0.6, "p95": 0.8},
        "values": [0.5, 0.6, 0.8],
    },
    "findings": [
        "Pooling rna + clinical does not help as far as these cases can tell: by +0.020; that holds 0.",
        "Two.",
    ],
}
MODEL = {
    "kind": "ridge Cox regression",
    "job_version": "0.1.0",
    "dataset": "made",
    "build": "b1",
    "modalities": ["rna", "clinical"],
    "cases": 50,
    "events": 20,
    "features": [{"column": name} for name in ("clinical__grade", "clinical__grade=1", "clinical__grade=2", "rna__a")],
    "harmony": None,
}


def page_of(tmp_path: Path, **changes: Any) -> Page:
    path = tmp_path / "report.html"
    write_report({**deepcopy(RESULTS), **changes}, path)
    return Page(path.read_text(encoding="utf-8"))


def test_what_is_said_of_each_day_has_a_line_of_its_own_so_that_three_days_fit(tmp_path: Path) -> None:
    control = {"c_index": INTERVAL, "auc": {"365": AREA, "1095": AREA, "1825": AREA}, "holds_half": True}
    page = page_of(tmp_path, controls={"shuffled_labels": control})
    longest = max(len(" ".join(text.split())) for text in page.text if "folds left out" in text or "AUC 0" in text)
    assert longest <= len("1,825 d: 0.610 (0.550 to 0.670), 2 folds left out")


def test_the_page_says_plainly_that_pooling_does_not_help(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    assert "Pooling rna + clinical does not help as far as these cases can tell." in page.words
    assert "0.610 (0.550 to 0.670)" in page.words
    assert "+0.020 (−0.030 to +0.070)" in page.words
    assert "does not hold 0.5: do not use these results" in page.words
    assert "AUC 0.610 (0.550 to 0.670), 2 folds left out Brier 0.200 (0.150 to 0.250)" in page.words
    assert "C-index, IPCW 0.610 (0.550 to 0.670) Brier 0.200 (0.150 to 0.250) AUC 0.610" in page.words, "over both days"
    assert "AUC – Brier –" in page.words, "of the later day"
    assert "365 d: 0.610 (0.550 to 0.670), 2 folds left out" in page.words, "of the control"
    assert "5 to 95 % of them have an accuracy between 0.40 and 0.70" in page.words
    assert "between 0.50 and 0.80" in page.words


def test_own_cases_stand_beside_clinical_data_on_the_same_cases(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    row = page.words.split("Clinical alone, same cases", 1)[1].split("What each modality", 1)[0]
    assert row.count("0.610 (0.550 to 0.670)") == 2
    assert "61" in row


def test_the_page_loads_and_runs_nothing(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    page.assert_loads_and_runs_nothing()
    page.assert_tables_can_be_heard()


@pytest.mark.parametrize(("low", "high", "heads"), [(-0.3, 0.3, 0), (-0.5, 0.3, 1), (-0.5, 0.6, 2)])
def test_an_interval_beyond_the_scale_has_an_arrowhead(tmp_path: Path, low: float, high: float, heads: int) -> None:
    wide = one_set("rna", difference={"estimate": 0.0, "low": low, "high": high}, c_index=INTERVAL | {"low": 0.07})
    page = page_of(tmp_path, sets=[one_set("clinical"), wide])
    assert sum(line["class"] == "beyond" for line in page.all("polyline")) == heads, "concordance is drawn from 0 to 1"


def test_names_cannot_become_markup(tmp_path: Path) -> None:
    page = page_of(tmp_path, dataset="<script>alert(1)</script>", findings=["<img src=x>: <b>"])
    page.assert_loads_and_runs_nothing()
    assert "<script>alert(1)</script>" in page.words


def test_without_common_cases_the_page_says_so(tmp_path: Path) -> None:
    own = [each for each in RESULTS["sets"] if each["stratum"] != "common"]
    page = page_of(tmp_path, sets=own, calibration=[], common={"cases": 4, "events": 1})
    assert "Too few cases have every modality" in page.words
    assert page.words.count("C-index, IPCW 0.610") == 1, "of the one set on its own cases"


def test_calibration_has_numbers_at_its_axes_and_is_told_to_who_does_not_see_it(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    assert "0 0 0.5 0.5 1 1 predicted survival observed survival" in page.words
    (told,) = (label for label in page.values("aria-label") if label.startswith("Survival of"))
    assert told == "Survival of rna + clinical at 365 days: predicted 0.50, observed 0.40, 25 cases"


def test_bars_of_single_splits_have_their_numbers(tmp_path: Path) -> None:
    words = page_of(tmp_path, baseline=RESULTS["baseline"] | {"values": [0.5, 0.8, 0.8]}).words
    assert "between 0.50 and 0.55 1" in words
    assert "between 0.80 and 0.85 2 0 0.25 0.5 0.75 1 area under the ROC curve" in words


def test_features_that_were_left_out_as_unstable_are_counted(tmp_path: Path) -> None:
    page = page_of(tmp_path, settings=RESULTS["settings"] | {"unstable_features": 7})
    assert "7 radiomic features were left out" in page.words


def test_the_card_tells_data_performance_and_limits(tmp_path: Path) -> None:
    write_card(RESULTS, MODEL, tmp_path / "model-card.md")
    card = (tmp_path / "model-card.md").read_text(encoding="utf-8")
    assert "| cases, deaths | 50, 20 |" in card
    assert (
        "| features | 2 of 8: the others are the same in all cases, or missing in more than half; known by" in card
    ), "levels are no features of their own"
    assert "| weights | 4: " in card, "as many as model.json has"
    assert "| C-index | 0.610 (0.550 to 0.670) |" in card
    assert "| AUC at 365 days | 0.610 (0.550 to 0.670), 2 folds left out |" in card
    assert "| AUC at 1095 days | – |" in card
    assert "not for decisions about a patient" in card
    assert "50 of 80 cases have all modalities" in card


@pytest.mark.parametrize(("value", "place"), [(0.0, 0.0), (0.25, 55.0), (1.0, 220.0), (7.0, 220.0), (-1.0, 0.0)])
def test_places_stay_inside_a_drawing(value: float, place: float) -> None:
    assert Scale(0.0, 1.0, 0.5).x(value) == place


def test_an_interval_that_could_not_be_estimated_is_a_dash() -> None:
    assert interval({"estimate": None, "low": None, "high": None}) == "–"
    assert interval(None) == "–"
