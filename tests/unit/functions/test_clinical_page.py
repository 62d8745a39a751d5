"""The report's page: one file that loads nothing, runs nothing and shows no single patient."""

import json
import os
import re
from typing import Any

import pytest
from markupsafe import Markup

from multimodal.clinical.report.build import Counts, ProblemTally, build_refusal_report, build_report
from multimodal.clinical.report.charts import (
    AUC_SCALE,
    FEW,
    LONGEST,
    Mark,
    bar,
    blurred,
    few,
    intervals,
    join,
    tag,
    text,
)
from multimodal.clinical.report.page import _selection_rows, amount, percent, render_html, signed
from multimodal.tables.table import RowProblem
from tests.html_page import Page
from tests.unit.functions.clinical_tables import config, flag, number, one_hot, profiled, real_config, real_rows
from tests.unit.functions.test_clinical_report import COLUMNS, MORE, UPLOAD, report_of, rows_of

HOSTILE = "<script>alert(1)</script>"


def reports() -> dict[str, dict[str, Any]]:
    earlier = profiled(config(COLUMNS, **MORE), rows_of(90)).document("earlier")
    return {
        "accepted": report_of(),
        "compared": report_of(200, earlier),
        "held": report_of(days={"available_at": "baseline", "feature": True}),
        "empty": report_of(0),
        "few": report_of(3),
        "plain": report_of(labels=None, target=None, bias=None),
        "refused": build_refusal_report(UPLOAD, "COLUMNS_NOT_DECLARED", "undeclared columns", {"columns": ["x", "y"]}),
    }


@pytest.mark.parametrize("name", list(reports()))
def test_pages_are_whole_and_load_and_run_nothing(name: str) -> None:
    html = render_html(reports()[name])
    page = Page(html)
    page.assert_loads_and_runs_nothing()
    assert not re.search(r"url\(|@import|javascript:|https?://", html)
    assert "default-src 'none'" in html
    assert {link.removeprefix("#") for link in page.values("href")} == set(page.values("id"))
    assert len(page.values("id")) == len(set(page.values("id")))


@pytest.mark.parametrize("name", list(reports()))
def test_pages_are_the_same_for_the_same_report(name: str) -> None:
    assert render_html(reports()[name]) == render_html(reports()[name])


def test_the_verdict_comes_first_and_says_what_to_do() -> None:
    pages = {name: Page(render_html(report)).words for name, report in reports().items()}
    assert "Accepted 120 of 128 rows become 120 records." in pages["accepted"]
    assert "Held for review LEAKAGE_SUSPECTED days nearly gives status away. Nothing was written." in pages["held"]
    assert "whether it is missing alone has an AUC of 1.000 (95 % interval 0.9" in pages["held"]
    assert "retry" in pages["held"]
    assert "Refused COLUMNS_NOT_DECLARED Nothing of this file was used. Undeclared columns." in pages["refused"]
    assert "columns x, y" in pages["refused"]
    assert "None of 8 rows accepted." in pages["empty"]
    for page in pages.values():
        assert page.index("Clinical table of") < 60


def test_every_part_of_the_report_has_its_place() -> None:
    page = Page(render_html(reports()["compared"]))
    assert page.values("id") == ["rows", "selection", "labels", "leakage", "bias", "drift", "columns"]
    for column in COLUMNS:
        assert column["source"] in page.words
    assert page.tags.count("article") == len(COLUMNS)
    assert page.tags.count("svg") > 30


@pytest.mark.parametrize(
    "hostile", [HOSTILE, '"><img src=x onerror=alert(1)>', "=cmd|' /C calc'!A0", "</style><b>", "&lt;i&gt;"]
)
def test_hostile_names_and_values_are_only_text(hostile: str) -> None:
    columns = [
        {**flag("aa", hostile, "m"), "source": hostile},
        one_hot("bb", hostile + "1", hostile + "2"),
        number("nn", unit="<u>"),
        {**flag("ss", "dead", "alive", "outcome")},
        {"source": "dd", "kind": "drop", "available_at": "baseline", "reason": f"because of {hostile}"},
    ]
    dataset = config(
        columns,
        target={"column": "ss", "positive": ["alive"]},
        bias={"facets": [{"column": hostile.strip(), "disadvantaged": [hostile]}], "group": "bb", "strata": ["bb"]},
    )
    rows = [
        {
            "Case ID": f"A{i}",
            hostile: hostile if i % 2 else "m",
            "bb": hostile + "12"[i % 2],
            "nn": str(i),
            "ss": "dead" if i % 2 else "alive",
            "dd": hostile,
        }
        for i in range(60)
    ]
    tally = ProblemTally()
    tally.add(RowProblem(2, "A2", hostile, "LEVEL_UNKNOWN", f"not a level of {hostile}"))
    summary = profiled(dataset, rows)
    report = build_report(
        dataset, UPLOAD, summary, Counts(61, 1), tally, profiled(dataset, rows[:30]).document(hostile)
    )
    page = Page(render_html(report))
    assert report["verdict"]["status"] == "held"
    assert hostile in "".join(page.text)
    page.assert_loads_and_runs_nothing()
    rejected = Page(render_html(build_refusal_report(UPLOAD, "HEADER", hostile, {hostile: [hostile, 1]})))
    assert hostile in "".join(rejected.text)
    rejected.assert_loads_and_runs_nothing()


def test_a_header_of_a_megabyte_does_not_make_a_report_of_one() -> None:
    columns = ["y" * 10**6, *map(str, range(10**5))]
    report = build_refusal_report(UPLOAD, "HEADER", "x" * 10**6, {"columns": columns})
    assert len(json.dumps(report["verdict"]["details"])) < 10_000
    html = render_html(report)
    assert len(html) < 30_000
    assert "and 99,951 more" in html


def test_no_case_and_no_undeclared_value_is_on_the_page() -> None:
    for report in reports().values():
        html = render_html(report)
        assert not re.search(r"R1-\d", html)
        assert "Mrs Example" not in html


def test_counts_below_five_are_not_told() -> None:
    dataset = config([one_hot("ward", "north", "south", "west")])
    rows = [{"Case ID": f"A{i}", "ward": "west" if i < 3 else "south" if i < 4 else "north"} for i in range(40)]
    card = Page(render_html(build_report(dataset, UPLOAD, profiled(dataset, rows), Counts(40), ProblemTally()))).words
    assert "north 36 south <5 west <5" in card


def page_of(
    columns: list[dict[str, Any]], rows: list[dict[str, str]], earlier: Any = None, **more: Any
) -> tuple[dict[str, Any], str]:
    dataset = config(columns, **more)
    named = [{"Case ID": f"A{i}", **row} for i, row in enumerate(rows)]
    report = build_report(dataset, UPLOAD, profiled(dataset, named), Counts(len(rows)), ProblemTally(), earlier)
    return report, render_html(report)


@pytest.mark.parametrize(
    ("alive", "told", "cell"),
    [
        (4, "fewer than 5 of 13", "<5 of 13"),
        (10, "all but fewer than 5 of 13", "·· of 13"),
        (6, "46.2 % of 13", "6 of 13"),
    ],
)
def test_no_share_and_no_metric_gives_a_small_count_back(alive: int, told: str, cell: str) -> None:
    """Of 13 women 4 survived: neither 30.8 % nor a metric that both shares make is told."""
    rows = [{"sex": "f", "status": "alive" if i < alive else "dead"} for i in range(13)]
    rows += [{"sex": "m", "status": "alive" if i < 15 else "dead"} for i in range(27)]
    report, html = page_of(
        [flag("sex", "f", "m"), flag("status", "dead", "alive", "outcome", feature=False)],
        rows,
        target={"column": "status", "positive": ["alive"]},
        bias={"facets": [{"column": "sex", "disadvantaged": ["f"]}]},
    )
    words, metrics = Page(html).words, report["bias"]["facets"][0]["strata"][0]["metrics"]
    assert f"alive is the outcome of {told} disadvantaged and of 55.6 % of 27 other cases." in words
    assert cell in words
    assert signed(metrics["CI"], 4) in words, "it has nothing of the outcomes"
    for name in ("DPL", "KL", "JS", "LP", "TVD", "KS"):
        assert (signed(metrics[name], 4) in words) is (alive == 6)
    assert (percent(alive / 13) in html) is (alive == 6)
    assert words.index("··: all of the group but one to four") < words.index("alive is the outcome of")


def test_a_share_of_few_missing_values_is_not_told() -> None:
    _, html = page_of([one_hot("ward", "north", "south")], [{"ward": "" if i < 3 else "north"} for i in range(40)])
    assert "&lt;5 cases missing" in html
    assert "7.5 %" not in html
    _, html = page_of([one_hot("ward", "north", "south")], [{"ward": "" if i < 6 else "north"} for i in range(40)])
    assert "15.0 % missing" in html


@pytest.mark.parametrize(("there", "told"), [(4, False), (5, True)])
def test_few_numbers_have_no_median(there: int, told: bool) -> None:
    _, html = page_of([number("age")], [{"age": str(61 + i) if i < there else ""} for i in range(40)])
    assert ("median 6" in html) is told
    assert ("fewer than 5 numbers" in html) is not told


@pytest.mark.parametrize(
    ("cases", "told"), [(9, "Fewer than 5 of 9 cases died. Labels"), (120, "40 of 120 cases died. Half")]
)
def test_a_curve_of_few_deaths_is_not_drawn(cases: int, told: str) -> None:
    html = render_html(report_of(cases))
    assert told in Page(html).words
    assert ('class="curve"' in html) is (cases == 120)


@pytest.mark.parametrize("held", [{}, {"DATES_CONTRADICT": 1}])
def test_leakage_and_bias_say_that_they_count_where_a_label_is_held_back(held: dict[str, int]) -> None:
    report = report_of()
    html = render_html({**report, "labels": {**report["labels"], "held": held}})
    assert html.count("also where a label is held back") == (2 if held else 0)


def test_its_tables_can_be_read_without_eyes() -> None:
    columns = [one_hot("sex", "f", "m"), number("age"), flag("status", "dead", "alive", "outcome", feature=False)]
    rows = [{"sex": "fm"[i % 2], "age": str(i), "status": ("alive", "dead")[i % 3 > 1]} for i in range(120)]
    _, html = page_of(columns, rows, target={"column": "status", "positive": ["alive"]})
    page = Page(html)
    page.assert_tables_can_be_heard()
    assert "Features: AUC" in page.values("aria-label")


def test_a_level_that_becomes_rare_has_no_share() -> None:
    columns, names = [one_hot("ward", "north", "south")], ("south", "north")
    before = [{"Case ID": f"B{i}", "ward": names[i < 20]} for i in range(40)]
    earlier = profiled(config(columns), before).document("earlier")
    _, html = page_of(columns, [{"ward": names[i >= 3]} for i in range(40)], earlier=earlier)
    assert "south: 50.0 %, now &lt;5 cases" in html
    assert "7.5 %" not in html


def test_the_reason_for_too_few_outcomes_does_not_count_them() -> None:
    columns = [number("age"), flag("status", "dead", "alive", "outcome", feature=False)]
    rows = [{"age": str(i), "status": "alive" if i < 3 else "dead"} for i in range(40)]
    _, html = page_of(columns, rows, target={"column": "status", "positive": ["alive"]})
    assert "<5 cases with the favourable outcome and 37 without: 10 of each are needed" in Page(html).words


def test_few_kept_rows_are_drawn_alike() -> None:
    groups = [{"value": name, "kept": kept, "dropped": 10} for name, kept in (("north", 2), ("south", 3))]
    by = [{"column": "ward", "groups": groups}]
    parts: list[dict[str, Any]] = [{"filter": 0, "reason": "why", "kept": 5, "dropped": 20, "by": by}, {"filter": None}]
    _, north, south = _selection_rows(parts)["rows"]
    assert north["cells"] == south["cells"]
    assert north["kept"] == south["kept"] == "<5"


@pytest.mark.parametrize(
    ("count", "told", "drawn"), [(0, "0", 0), (1, "<5", 2.5), (4, "<5", 2.5), (5, "5", 5), (1234, "1,234", 1234)]
)
def test_small_counts_are_written_and_drawn_alike(count: int, told: str, drawn: float) -> None:
    assert FEW == 5
    assert (few(count), blurred(count)) == (told, drawn)


def test_marks_stay_on_their_scale() -> None:
    drawn = intervals(AUC_SCALE, [Mark(-0.1, -0.2, 0.65), Mark(1.0, 0.9, 1.0), Mark(0.1, 0.05, 0.2)], "three")
    assert 'cx="0.000%"' in drawn
    assert 'x2="65.000%"' in drawn
    assert 'x1="5.000%"' in drawn, "below 0.3 too: what was learned on some cases may be wrong for the others"
    assert 'cx="100.000%"' in drawn
    assert 'width="100.000%"' in bar(7.0, "too long")


def test_what_is_not_made_here_is_text() -> None:
    assert tag("p", "<b>", Markup("<i></i>"), title='"') == '<p title="&quot;">&lt;b&gt;<i></i></p>'
    assert join("a\x00b", "\u202egnp") == "a\N{REPLACEMENT CHARACTER}bgnp"
    assert len(text("x" * 10**6)) == LONGEST + 1


@pytest.mark.skipif("MULTIMODAL_REAL_DATA" not in os.environ, reason="MULTIMODAL_REAL_DATA is not set")
def test_the_page_of_the_real_table_shows_no_patient() -> None:
    dataset = real_config()
    report = build_report(dataset, UPLOAD, profiled(dataset, real_rows()), Counts(211), ProblemTally())
    html = render_html(report)
    assert len(Page(html).words) > 2000
    assert not re.search(r"(R01|AMC)-\d", html)
    dates = {row["Date of Death"] for row in real_rows()} - {"N/A"}
    assert not [day for day in dates if day in html]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (10000.0, "10,000"),
        (12345.6, "12,346"),
        (9999.9, "10,000"),
        (9999.0, "9,999"),
        (-12345.0, "\u221212,345"),
        (0.5, "0.5"),
    ],
)
def test_numbers_of_five_digits_are_no_powers_of_ten(value: float, written: str) -> None:
    assert amount(value) == written
