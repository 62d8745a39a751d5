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
from multimodal.clinical.report.page import amount, render_html
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


@pytest.mark.parametrize(
    ("count", "told", "drawn"), [(0, "0", 0), (1, "<5", 2.5), (4, "<5", 2.5), (5, "5", 5), (1234, "1,234", 1234)]
)
def test_small_counts_are_written_and_drawn_alike(count: int, told: str, drawn: float) -> None:
    assert FEW == 5
    assert (few(count), blurred(count)) == (told, drawn)


def test_marks_stay_on_their_scale() -> None:
    drawn = intervals(AUC_SCALE, [Mark(0.1, 0.0, 0.65), Mark(1.0, 0.9, 1.0)], "two")
    assert 'cx="0.000%"' in drawn
    assert 'x2="50.000%"' in drawn
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
