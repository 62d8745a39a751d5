"""Pre-training bias of a clinical table against Clarify's values."""

import os
from typing import Any

import pytest

from multimodal.clinical.report.bias import METRICS, Outcomes, Table, bias_section, dpl_interval, measure
from tests.unit.functions.clinical_tables import config, flag, one_hot, profiled, real_config, real_rows

GOLDEN = {
    "CI": 0.4691,
    "DPL": -0.2025,
    "KL": 0.1046,
    "JS": 0.0243,
    "LP": 0.2863,
    "TVD": 0.2025,
    "KS": 0.2025,
    "CDDL": -0.1586,
}
"""smclarify's values for the R01 cases of NSCLC Radiogenomics: facet Female, positive Alive, group Smoking status."""
R01: dict[str | None, tuple[Outcomes, Outcomes]] = {
    "Current": (Outcomes(12, 13), Outcomes(5, 3)),
    "Former": (Outcomes(51, 33), Outcomes(18, 2)),
    "Nonsmoker": (Outcomes(7, 3), Outcomes(11, 4)),
}
"""The same cases counted: (others, female) of each group."""


def r01() -> Table:
    a = Outcomes(sum(a.positive for a, _ in R01.values()), sum(a.negative for a, _ in R01.values()))
    d = Outcomes(sum(d.positive for _, d in R01.values()), sum(d.negative for _, d in R01.values()))
    return Table(a, d, R01)


@pytest.mark.parametrize("metric", METRICS)
def test_counted_cases_give_the_values_of_clarify(metric: str) -> None:
    assert measure(r01()).values[metric] == pytest.approx(GOLDEN[metric], abs=5e-5)


@pytest.mark.skipif("MULTIMODAL_REAL_DATA" not in os.environ, reason="MULTIMODAL_REAL_DATA is not set")
def test_the_real_table_gives_the_values_of_clarify() -> None:
    dataset = real_config()
    section = bias_section(dataset, profiled(dataset, real_rows()).breakdown)
    stratum = next(part for part in section["facets"][0]["strata"] if part["by_cohort"] and part["value"] == "R01")
    assert stratum["metrics"] == pytest.approx(GOLDEN, abs=5e-5)
    groups = {
        name: (Outcomes(**counts["others"]), Outcomes(**counts["female"]))
        for name, counts in _counted(real_rows()).items()
    }
    assert groups == R01, "the counts that the other test uses are those of the table"


def _counted(rows: list[dict[str, str]]) -> dict[str, Any]:
    counts: dict[str, Any] = {
        str(name): {"others": {"positive": 0, "negative": 0}, "female": {"positive": 0, "negative": 0}} for name in R01
    }
    for row in rows:
        if row["Case ID"].startswith("R01"):
            facet = "female" if row["Gender"] == "Female" else "others"
            outcome = "positive" if row["Survival Status"] == "Alive" else "negative"
            counts[row["Smoking status"]][facet][outcome] += 1
    return counts


def test_equal_facets_have_no_bias() -> None:
    same = measure(Table(Outcomes(40, 20), Outcomes(40, 20), {"x": (Outcomes(40, 20), Outcomes(40, 20))}))
    assert same.values == dict.fromkeys(METRICS, 0.0)
    assert same.undefined == {}
    assert same.warnings == ()


def test_a_facet_without_cases_has_no_metrics_but_its_imbalance() -> None:
    measured = measure(Table(Outcomes(10, 5), Outcomes(0, 0), {"x": (Outcomes(10, 5), Outcomes(0, 0))}))
    assert measured.values["CI"] == 1.0
    for metric in ("DPL", "KL", "JS", "LP", "TVD", "KS"):
        assert measured.values[metric] is None
        assert "no cases" in measured.undefined[metric]
    assert "small facet (disadvantaged): fewer than 5 cases" in measured.warnings[0]


def test_no_cases_at_all_have_no_metrics() -> None:
    measured = measure(Table(Outcomes(0, 0), Outcomes(0, 0), {}))
    assert measured.values == dict.fromkeys(METRICS)
    assert set(measured.undefined) == set(METRICS)
    assert dpl_interval(Outcomes(0, 0), Outcomes(1, 1)) is None


def test_infinite_divergence_is_said_and_the_bounded_one_is_given() -> None:
    measured = measure(Table(Outcomes(30, 30), Outcomes(30, 0), {"x": (Outcomes(30, 30), Outcomes(30, 0))}))
    assert measured.values["KL"] is None
    assert measured.undefined["KL"].startswith("infinite")
    assert measured.values["JS"] == pytest.approx(0.2157615543)


def test_one_sided_outcome_of_the_disadvantaged_is_finite_the_other_way() -> None:
    measured = measure(Table(Outcomes(30, 0), Outcomes(30, 30), None))
    assert measured.values["KL"] == pytest.approx(0.6931471806)


def test_groups_with_one_outcome_are_left_out_of_cddl_and_counted() -> None:
    groups: dict[str | None, tuple[Outcomes, Outcomes]] = {
        "both": (Outcomes(30, 20), Outcomes(20, 30)),
        "one": (Outcomes(9, 0), Outcomes(8, 0)),
    }
    measured = measure(Table(Outcomes(39, 20), Outcomes(28, 30), groups))
    assert measured.values["CDDL"] == pytest.approx(30 / 50 - 20 / 50)
    assert any("17 cases" in warning for warning in measured.warnings)


def test_cddl_without_groups_says_what_to_set() -> None:
    measured = measure(Table(Outcomes(39, 20), Outcomes(28, 30)))
    assert measured.values["CDDL"] is None
    assert "bias.group" in measured.undefined["CDDL"]


def test_cddl_when_no_group_has_both_outcomes() -> None:
    measured = measure(Table(Outcomes(30, 0), Outcomes(30, 0), {"x": (Outcomes(30, 0), Outcomes(30, 0))}))
    assert measured.values["CDDL"] is None
    assert measured.values["DPL"] == 0.0


@pytest.mark.parametrize(
    ("a", "d", "expected"), [((56, 14), (48, 32), (0.0524, 0.3339)), ((9, 1), (3, 7), (0.1705, 0.8090))]
)
def test_interval_of_a_difference_is_newcombes(
    a: tuple[int, int], d: tuple[int, int], expected: tuple[float, float]
) -> None:
    assert dpl_interval(Outcomes(*a), Outcomes(*d)) == pytest.approx(expected, abs=5e-5)


def test_cases_without_facet_or_outcome_are_counted_apart() -> None:
    dataset = config(
        [flag("sex", "f", "m"), one_hot("status", "alive", "dead", at="outcome")],
        target={"column": "status", "positive": ["alive"]},
        bias={"facets": [{"column": "sex", "disadvantaged": ["f"]}], "group": "sex", "strata": ["sex"]},
    )
    rows = [
        {"Case ID": f"A{i}", "sex": sex, "status": status}
        for i, (sex, status) in enumerate([("f", "alive"), ("m", "dead"), ("", "alive"), ("f", "")])
    ]
    section = bias_section(dataset, profiled(dataset, rows).breakdown)
    overall = section["facets"][0]["strata"][0]
    assert overall["excluded"] == 2
    assert overall["disadvantaged"] == {"positive": 1, "negative": 0}
    assert overall["others"] == {"positive": 0, "negative": 1}
    assert [part["column"] for part in section["facets"][0]["strata"]] == [None, *["cohort"] * 4]


def test_without_facets_nothing_is_measured_and_the_report_says_so() -> None:
    dataset = config([flag("sex", "f", "m")])
    section = bias_section(dataset, profiled(dataset, []).breakdown)
    assert not section["measured"]
    assert section["reason"]
