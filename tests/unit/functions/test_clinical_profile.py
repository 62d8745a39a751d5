"""The profile of a table: counts, the sample, the selection by dropped rows, survival."""

import os
import random
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import pytest

from multimodal.clinical.report import profile as profile_module
from multimodal.clinical.report.cohorts import selection_section
from multimodal.clinical.report.profile import Profile
from multimodal.clinical.report.survival import kaplan_meier, labels_section, median_of
from multimodal.clinical.report.tallies import BottomSample, case_hash, percentiles, shape_of
from tests.unit.functions.clinical_tables import (
    Row,
    batch,
    config,
    date,
    flag,
    number,
    one_hot,
    profiled,
    real_config,
    real_rows,
)

DATASET = config([flag("sex", "f", "m"), one_hot("ward", "north", "south", unseen="other"), number("age")])


def rows_of(cases: int, seed: int = 1) -> list[dict[str, str]]:
    rng = random.Random(seed)
    wards = ["north", "south", "Mrs Example of bed 4", ""]
    return [
        {
            "Case ID": f"R{i:05d}",
            "sex": rng.choice(["f", "m", ""]),
            "ward": rng.choice(wards),
            "age": rng.choice(["", *map(str, range(30, 90))]),
        }
        for i in range(cases)
    ]


def test_counts_are_those_of_the_whole_table_however_it_is_cut_into_batches() -> None:
    rows = rows_of(230)
    one, many = profiled(DATASET, rows, size=1000), profiled(DATASET, rows, size=7)
    assert one.document() == many.document()
    ages = [float(row["age"]) for row in rows if row["age"]]
    number = one.columns["age"].number
    assert number is not None
    assert (number.count, number.minimum, number.maximum) == (len(ages), min(ages), max(ages))
    assert number.mean == pytest.approx(sum(ages) / len(ages))
    assert one.columns["age"].missing == len(rows) - len(ages)
    assert one.columns["sex"].levels == {k: Counter(r["sex"] for r in rows)[k] for k in ("f", "m")}


def test_undeclared_values_are_counted_and_never_kept() -> None:
    summary = profiled(DATASET, rows_of(100))
    assert summary.columns["ward"].other > 0
    assert "Mrs Example" not in str(summary.document())


def test_sample_is_the_same_for_shuffled_rows_and_smaller_batches() -> None:
    cases = [f"R{i}" for i in range(5000)]
    samples = []
    for seed, size in ((0, 5000), (1, 333), (2, 11)):
        order = cases.copy()
        random.Random(seed).shuffle(order)
        sample = BottomSample(200)
        for start in range(0, len(order), size):
            part = order[start : start + size]
            sample.add(part, [part, [len(case) for case in part]])
        samples.append(sample.rows())
    assert samples[0] == samples[1] == samples[2]
    hashes, (sampled, lengths) = samples[0]
    assert hashes == sorted(map(case_hash, cases))[:200] == [*map(case_hash, sampled)]
    assert lengths == [*map(len, sampled)]


def test_every_part_of_a_table_has_its_share_of_the_sample() -> None:
    sample = BottomSample(1000)
    for start in range(0, 20_000, 500):
        part = [f"R{i:05d}" for i in range(start, start + 500)]
        sample.add(part, [[start // 5000] * 500])
    quarters = Counter(sample.rows()[1][0])
    assert all(200 < quarters[quarter] < 300 for quarter in range(4))


def test_memory_does_not_grow_with_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_module, "SAMPLE_ROWS", 500)
    profile = Profile(DATASET)
    peaks = []
    tracemalloc.start()
    for part in range(24):
        rows = [{**row, "Case ID": f"P{part}-{i}"} for i, row in enumerate(rows_of(1000, part))]
        profile.add(batch(DATASET, rows, {}))
        del rows
        peaks.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert max(peaks[16:]) < 1.5 * max(peaks[:4]), "four times as many rows"


def test_a_hostile_cohort_pattern_does_not_fill_the_memory() -> None:
    dataset = config([flag("sex", "f", "m")], id={"source": "Case ID", "pattern": ".+", "cohort": ".*"})
    summary = profiled(dataset, rows_of(300))
    assert len(summary.breakdown.kept) <= 51 * 3


def test_a_table_of_which_nothing_is_made_has_a_profile() -> None:
    dataset = config(
        [{"source": "note", "kind": "drop", "available_at": "baseline", "reason": "nothing is made of it"}]
    )
    summary = profiled(dataset, [{"Case ID": "A1", "note": ""}, {"Case ID": "A2", "note": "x"}])
    assert (summary.rows, summary.columns["note"].missing, len(summary.sample.hashes)) == (2, 1, 2)


def test_columns_that_the_reader_forgets_are_an_error() -> None:
    with pytest.raises(KeyError):
        Profile(DATASET).add(profile_module.ProfiledBatch(["A"], {"sex": ["f"], "ward": [None]}, {}))


def test_an_empty_table_has_a_profile() -> None:
    summary = profiled(DATASET, [])
    assert summary.rows == 0
    assert summary.document()["columns"]["age"]["number"] is None


def test_quantiles_interpolate_and_histograms_hold_every_value() -> None:
    assert percentiles([1.0, 2.0, 3.0, 4.0])[49] == 2.5
    shape = shape_of([float(i) for i in range(101)] + [1e6])
    assert sum(shape.counts) == 102
    assert len(shape.counts) <= 22
    assert shape.quantiles[2] == 50.5
    assert sum(shape.shares) == 102
    assert shape_of([3.0]).counts == (1,)
    assert sum(shape_of([-5.0, -5.0, -4.0]).counts) == 3


def test_dropped_rows_are_compared_with_the_kept_ones() -> None:
    dataset = config(
        [flag("sex", "f", "m"), flag("status", "dead", "alive", "outcome", feature=False)],
        target={"column": "status", "positive": ["alive"]},
        bias={"facets": [{"column": "sex", "disadvantaged": ["f"]}]},
        rows=[{"drop_when": {"column": "sex", "values": [v]}, "reason": "a reason of some length"} for v in "fm"],
    )
    rows: list[Row] = [{"Case ID": f"R1-{i}", "sex": "fm"[i % 2], "status": "alive"} for i in range(8)]
    gone: list[Row] = [{"Case ID": f"R1-{i}", "sex": "f", "status": "dead"} for i in range(8, 11)]
    parts = selection_section(dataset, profiled(dataset, rows, dropped={0: gone[:1], 1: gone[1:]}).breakdown)
    assert [(part["filter"], part["dropped"], part["kept"]) for part in parts] == [(0, 1, 8), (1, 2, 8), (None, 3, 8)]
    by = {part["column"]: part["groups"] for part in parts[2]["by"]}
    assert by["status"] == [{"value": "alive", "kept": 8, "dropped": 0}, {"value": "dead", "kept": 0, "dropped": 3}]
    assert by["sex"] == [{"value": "f", "kept": 4, "dropped": 3}, {"value": "m", "kept": 4, "dropped": 0}]
    assert by["cohort"] == [{"value": "R1", "kept": 8, "dropped": 3}]


FREIREICH_DAYS = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
FREIREICH_CENSORED = {3, 5, 7, 8, 11, 12, 13, 16, 17, 18, 19, 20}
"""Remission of 21 children with leukaemia on 6-mercaptopurine (Freireich 1963), a textbook example; who is censored."""


def test_survival_is_that_of_the_textbook() -> None:
    events = [i not in FREIREICH_CENSORED for i in range(21)]
    steps = kaplan_meier([float(d) for d in FREIREICH_DAYS], events)
    assert [(step.day, step.at_risk, round(step.share, 4)) for step in steps] == [
        (6, 21, 0.8571),
        (7, 17, 0.8067),
        (10, 15, 0.7529),
        (13, 12, 0.6902),
        (16, 11, 0.6275),
        (22, 7, 0.5378),
        (23, 6, 0.4482),
    ]
    assert median_of(steps) == 23
    errors = [step.share * step.greenwood**0.5 for step in steps]
    assert errors[-1] == pytest.approx(0.1346, abs=5e-5)


@pytest.mark.parametrize("cases", range(2, 402, 2))
def test_the_median_of_an_even_cohort_is_the_day_on_which_half_of_it_has_died(cases: int) -> None:
    assert median_of(kaplan_meier([10.0 * n for n in range(1, cases + 1)], [True] * cases)) == 5 * cases


@pytest.mark.parametrize("seed", range(40))
def test_the_median_is_that_of_exact_fractions(seed: int) -> None:
    rng = random.Random(seed)
    days = [float(rng.randint(1, 15)) for _ in range(rng.randint(2, 40))]
    died = [rng.random() < 0.6 for _ in days]
    share, median = Fraction(1), None
    for day in sorted(set(days)):
        deaths = sum(d == day and event for d, event in zip(days, died, strict=True))
        share *= 1 - Fraction(deaths, sum(d >= day for d in days))
        if median is None and deaths and share <= Fraction(1, 2):
            median = day
    assert median_of(kaplan_meier(days, died)) == median


def test_labels_are_counted_and_the_curve_has_no_day_of_a_single_case() -> None:
    rows = rows_of(60)
    labels: dict[str, Sequence[float | None]] = {
        "survival_status": [float(i % 2) for i in range(60)],
        "os_event": [None if i == 5 else float(i % 2) for i in range(60)],
        "os_days": [None if i == 5 else 37.0 * i for i in range(60)],
    }
    dated = [date("seen"), flag("status", "dead", "alive", "outcome")]
    dataset = config(
        [flag("sex", "f", "m"), *dated, date("ct", "baseline")],
        timepoints={"baseline": {"event_time": {"column": "ct"}}},
        labels={"origin": "baseline", "died": "status", "death": "seen", "last_alive": "seen"},
    )
    rows = [{**row, "seen": "", "status": "", "ct": ""} for row in rows]
    section = labels_section(profiled(dataset, rows, labels), {"DATES_CONTRADICT": 1})
    assert section["counts"]["os_event"] == {"0": 30, "1": 29, "none": 1}
    assert "os_days" not in section["counts"]
    survival = section["survival"]
    assert (survival["cases"], survival["events"]) == (59, 29)
    days = [point["day"] for point in survival["curve"]]
    assert len({b - a for a, b in pairwise(day for day in days if day % 365)}) == 1
    assert all(day % 30 == 0 or day % 365 == 0 for day in days)
    at_risk = {point["day"]: point["at_risk"] for point in survival["curve"]}
    assert at_risk[1825] == sum(37 * i >= 1825 for i in range(60)), "not that of the nearest step, day 1,800"
    assert survival["curve"][0] == {"day": 0, "survival": 1.0, "low": 1.0, "high": 1.0, "at_risk": 59}
    assert all(point["low"] <= point["survival"] <= point["high"] for point in survival["curve"])


def test_without_labels_there_is_no_curve() -> None:
    assert labels_section(profiled(DATASET, rows_of(9)), {})["survival"] is None


@pytest.mark.skipif("MULTIMODAL_REAL_DATA" not in os.environ, reason="MULTIMODAL_REAL_DATA is not set")
def test_dropping_incomplete_rows_of_the_real_table_selects_the_va() -> None:
    """The article's filter: rows without weight or pack years. It loses 15 R01 rows, 12 of them VA, 5 deaths."""
    dataset = real_config(
        rows=[
            {"drop_when": {"column": column, "values": ["Not Collected"]}, "reason": "the article drops these rows"}
            for column in ("Weight (lbs)", "Pack Years")
        ]
    )
    rows = [row for row in real_rows() if row["Case ID"].startswith("R01")]
    weight = [row for row in rows if row["Weight (lbs)"] == "Not Collected"]
    years = [row for row in rows if row["Pack Years"] == "Not Collected" and row not in weight]
    kept = [row for row in rows if row not in weight and row not in years]
    together = selection_section(dataset, profiled(dataset, kept, dropped={0: weight, 1: years}).breakdown)[-1]
    assert (together["dropped"], together["kept"]) == (15, 147)
    by = {part["column"]: {group["value"]: group["dropped"] for group in part["groups"]} for part in together["by"]}
    assert by["Patient affiliation"] == {"Stanford": 3, "VA": 12}
    assert by["Survival Status"] == {"Alive": 10, "Dead": 5}
