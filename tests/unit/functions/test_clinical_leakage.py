"""Leakage: what is suspected, what holds an upload, and that the order of rows decides nothing."""

import os
import random
from typing import Any

import pytest

from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.report.leakage import (
    LEAKAGE_SUSPECTED,
    auc_of_categories,
    auc_of_numbers,
    interval,
    leakage_hold,
    leakage_section,
)
from tests.unit.functions.clinical_tables import config, date, flag, number, one_hot, profiled, real_config, real_rows

TARGET = {"column": "status", "positive": ["alive"]}
STATUS = flag("status", "dead", "alive", "outcome", feature=False)


def rows_of(cases: int = 100, seed: int = 1) -> list[dict[str, str]]:
    """Return cases of which every third died; age says nothing, days are there for the dead alone."""
    rng = random.Random(seed)
    return [
        {
            "Case ID": f"R{i:04d}",
            "status": "dead" if i % 3 == 0 else "alive",
            "age": str(rng.randrange(40, 90)),
            "days": str(rng.randrange(9, 2000)) if i % 3 == 0 else "",
            "score": str(100 + i if i % 3 == 0 else i - 1000),
            "ward": "hospice" if i % 3 == 0 else rng.choice(["north", "south"]),
            "death": "1/2/2003" if i % 3 == 0 else "",
        }
        for i in range(cases)
    ]


def judged(columns: list[dict[str, Any]], rows: list[dict[str, str]]) -> tuple[ClinicalConfig, dict[str, Any]]:
    dataset = config([*columns, STATUS], target=TARGET)
    return dataset, {"leakage": leakage_section(dataset, profiled(dataset, rows))}


def column(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(part for part in report["leakage"]["columns"] if part["column"] == name)


def test_an_unrelated_number_is_no_suspect() -> None:
    dataset, report = judged([number("age")], rows_of(400))
    assert column(report, "age")["value"]["auc"] == pytest.approx(0.5, abs=0.1)
    assert column(report, "age")["missingness"]["reason"] == "never missing"
    assert leakage_hold(report, dataset) is None


def test_missingness_alone_is_caught_where_the_values_cannot_be_judged() -> None:
    dataset, report = judged([number("days")], rows_of())
    days = column(report, "days")
    assert days["value"]["auc"] is None
    assert days["missingness"]["auc"] == 1.0
    assert days["suspected"] == ["missingness"]
    code, message = leakage_hold(report, dataset) or ("", "")
    assert code == LEAKAGE_SUSPECTED
    assert "'days' (missingness alone: AUC 1.000, 95 % interval 0.956–1.000)" in message
    assert all(advice in message for advice in ("feature: false", "available_at", "allow", "retry"))


@pytest.mark.parametrize("leak", [number("score"), one_hot("ward", "hospice", "north", "south")])
def test_values_that_give_the_outcome_away_hold_the_upload(leak: dict[str, Any]) -> None:
    dataset, report = judged([number("age"), leak], rows_of())
    assert column(report, leak["source"])["suspected"] == ["value"]
    hold = leakage_hold(report, dataset)
    assert hold is not None
    assert leak["source"] in hold[1]
    assert "'age'" not in hold[1]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"available_at": "outcome"}, "blocked"),
        ({"feature": False}, "off"),
        ({"allow": "measured before the biopsy in every case"}, "allowed"),
    ],
)
def test_what_is_no_feature_or_is_allowed_is_shown_and_holds_nothing(changes: dict[str, Any], status: str) -> None:
    dataset, report = judged([{**number("days"), **changes}], rows_of())
    assert column(report, "days")["suspected"] == ["missingness"]
    assert column(report, "days")["status"] == status
    assert leakage_hold(report, dataset) is None


@pytest.mark.parametrize(("unseen", "suspected"), [("other", ["value"]), ("missing", ["missingness"])])
def test_undeclared_values_are_judged_as_the_feature_tells_them(unseen: str, suspected: list[str]) -> None:
    rows = [{**row, "ward": f"bed {i}" if row["status"] == "dead" else "north"} for i, row in enumerate(rows_of())]
    _, report = judged([one_hot("ward", "north", "south", unseen=unseen)], rows)
    assert column(report, "ward")["suspected"] == suspected


def test_dates_are_judged_by_missingness_alone() -> None:
    dataset, report = judged([date("death")], rows_of())
    assert column(report, "death")["suspected"] == ["missingness"]
    assert column(report, "death")["value"]["reason"] == "a date is never a feature itself"
    assert leakage_hold(report, dataset) is None


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_rows_give_the_same_numbers(seed: int) -> None:
    columns = [number("age"), number("days"), one_hot("ward", "hospice", "north", "south")]
    rows = rows_of()
    _, expected = judged(columns, rows)
    random.Random(seed).shuffle(rows)
    _, report = judged(columns, rows)
    assert report == expected


def test_too_few_of_an_outcome_give_a_warning_and_never_a_hold() -> None:
    rows = [row for row in rows_of(60) if row["status"] == "alive"] + [r for r in rows_of(27) if r["status"] == "dead"]
    dataset, report = judged([number("days")], rows)
    assert not report["leakage"]["measured"]
    assert "9 without" in report["leakage"]["warnings"][0]
    assert leakage_hold(report, dataset) is None


def test_a_perfect_score_of_few_cases_is_not_enough() -> None:
    dataset, report = judged([number("score")], rows_of(36))
    assert column(report, "score")["value"]["auc"] == 1.0
    assert column(report, "score")["value"]["low"] < 0.9
    assert leakage_hold(report, dataset) is None


def test_a_configuration_without_target_is_not_judged() -> None:
    dataset = config([number("age")])
    report = {"leakage": leakage_section(dataset, profiled(dataset, rows_of(9)))}
    assert not report["leakage"]["measured"]
    assert leakage_hold(report, dataset) is None


def test_an_empty_table_is_not_judged() -> None:
    dataset, report = judged([number("age")], [])
    assert not report["leakage"]["measured"]
    assert leakage_hold(report, dataset) is None


def test_ordered_numbers_have_the_area_of_the_rank_sum() -> None:
    """Fold f has the positives 2f and 2f + 10, a negative just above each: in 3 of 4 pairs the negative is higher."""
    outcomes = [True, False] * 10
    assert auc_of_numbers([float(i) for i in range(20)], outcomes).value == 0.75
    assert auc_of_numbers([1.0 if o else 0.0 for o in outcomes], outcomes).value == 1.0
    assert auc_of_numbers([0.0 if o else 1.0 for o in outcomes], outcomes).value == 1.0
    assert auc_of_numbers([7.0] * 20, outcomes).value == 0.5
    assert auc_of_categories(["a" if o else "b" for o in outcomes], outcomes).value == 1.0


def test_a_category_of_its_own_for_every_case_predicts_nothing() -> None:
    outcomes = [i % 3 == 0 for i in range(90)]
    assert auc_of_categories(list(range(90)), outcomes).value == 0.5


@pytest.mark.parametrize(
    ("auc", "positives", "negatives"), [(1.0, 10, 10), (1.0, 60, 100), (0.93, 50, 50), (0.5, 30, 40), (0.7, 300, 20)]
)
def test_bounds_are_where_the_score_test_just_fails(auc: float, positives: int, negatives: int) -> None:
    for bound in interval(auc, positives, negatives):
        half = (positives + negatives) / 2 - 1
        shape = 1 + half * ((1 - bound) / (2 - bound) + bound / (1 + bound))
        variance = bound * (1 - bound) * shape / (positives * negatives)
        assert bound in (0.0, 1.0) or (auc - bound) ** 2 == pytest.approx(1.959964**2 * variance)


def test_bounds_are_mirrored_and_narrow_with_more_cases() -> None:
    low, high = interval(0.8, 40, 60)
    mirrored = interval(0.2, 60, 40)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high))
    assert interval(0.8, 400, 600)[0] > low


@pytest.mark.skipif("MULTIMODAL_REAL_DATA" not in os.environ, reason="MULTIMODAL_REAL_DATA is not set")
class TestRealTable:
    def test_the_right_configuration_lets_the_table_in(self) -> None:
        dataset = real_config()
        report = {"leakage": leakage_section(dataset, profiled(dataset, real_rows()))}
        assert column(report, "Time to Death (days)")["status"] == "blocked"
        assert column(report, "Time to Death (days)")["suspected"] == ["missingness"]
        assert leakage_hold(report, dataset) is None

    def test_time_to_death_declared_as_baseline_holds_it(self) -> None:
        right = real_config().model_dump()
        for given in right["columns"]:
            if given["source"] == "Time to Death (days)":
                given |= {"available_at": "baseline", "feature": True}
        dataset = ClinicalConfig.model_validate(right)
        report = {"leakage": leakage_section(dataset, profiled(dataset, real_rows()))}
        code, message = leakage_hold(report, dataset) or ("", "")
        assert code == LEAKAGE_SUSPECTED
        assert "Time to Death (days)" in message


@pytest.mark.parametrize("dead_are", ["outside", "inside"])
def test_an_outcome_at_both_extremes_or_between_them_is_seen(dead_are: str) -> None:
    rng = random.Random(7)

    def score(died: bool) -> str:
        far = died == (dead_are == "outside")
        return str(rng.choice([-9, 9]) + rng.gauss(0, 1) if far else rng.gauss(0, 1))

    rows = [{**row, "score": score(row["status"] == "dead")} for row in rows_of()]
    _, report = judged([number("score")], rows)
    assert column(report, "score")["suspected"] == ["value"]


def test_an_ordinal_level_between_two_others_is_seen() -> None:
    step = {"source": "step", "kind": "ordinal", "name": "step", "available_at": "baseline"}
    rows = [{**r, "step": "2" if r["status"] == "dead" else "13"[i % 2]} for i, r in enumerate(rows_of())]
    _, report = judged([{**step, "levels": {"1": 1, "2": 2, "3": 3}}], rows)
    assert column(report, "step")["suspected"] == ["value"]


def test_what_values_and_their_absence_tell_only_together_is_seen() -> None:
    """Of the dead most have no value, and the few that have one a high one: neither is enough to judge by."""
    rows = [
        {**row, "score": str(i) if row["status"] == "alive" else "9999" if i % 24 == 0 else ""}
        for i, row in enumerate(rows_of(120))
    ]
    _, report = judged([number("score")], rows)
    found = column(report, "score")
    assert found["missingness"]["low"] < 0.9
    assert found["suspected"] == ["value"]


def test_noise_holds_nothing() -> None:
    rng = random.Random(11)
    names = [f"noise_{n}" for n in range(200)]

    def cell(n: int) -> str:
        if rng.random() < (0.0, 0.1, 0.5, 0.9)[n % 4]:
            return ""
        return (
            rng.choice("abcdefgh") if n % 5 == 0 else str(rng.choice([0, 0, 1]) if n % 5 == 1 else rng.expovariate(1))
        )

    columns = [one_hot(name, *"abcdefgh") if n % 5 == 0 else number(name) for n, name in enumerate(names)]
    rows = [{**row, **{name: cell(n) for n, name in enumerate(names)}} for row in rows_of(162)]
    dataset, report = judged(columns, rows)
    assert len(report["leakage"]["columns"]) == 200
    assert leakage_hold(report, dataset) is None
