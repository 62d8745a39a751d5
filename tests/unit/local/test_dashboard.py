"""`multimodal dashboard`: the deployed body, its metrics, and a page that loads and runs nothing."""

import json
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from cli.dashboard.page import COLOURS, chart, look, render_dashboard, told
from cli.dashboard.reading import Dashboard, read_dashboard, read_widgets
from cli.ledger import Unit
from tests.html_page import Page
from tests.infrastructure.support import properties

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)

BODY = {
    "widgets": [
        {
            "type": "metric",
            "x": 0,
            "y": 0,
            "width": 12,
            "height": 6,
            "properties": {
                "title": "Studies",
                "stat": "Sum",
                "period": 300,
                "yAxis": {"left": {"label": "studies"}, "right": {"label": "seconds"}},
                "metrics": [
                    ["Own", "UnitsReceived", "modality", "imaging", {"label": "received"}],
                    ["Own", "Age", {"label": "age", "stat": "Maximum", "period": 60, "yAxis": "right"}],
                    [{"expression": "m0 * 2", "label": "twice", "id": "e1"}],
                ],
            },
        },
        {
            "type": "metric",
            "x": 12,
            "y": 0,
            "width": 6,
            "height": 6,
            "properties": {"title": "Failed", "stacked": True, "metrics": [["Own", "Failed"], ["Own", "Refused"]]},
        },
        {"type": "log", "x": 0, "y": 6, "width": 24, "height": 6, "properties": {"title": "Newest rejections"}},
        {"type": "text", "x": 18, "y": 0, "width": 6, "height": 6, "properties": {"markdown": "Read <b>me</b>"}},
    ]
}

POINTS = {
    "UnitsReceived": [(NOW - timedelta(minutes=10), 3.0), (NOW - timedelta(minutes=5), 4.0)],
    "Age": [(NOW - timedelta(minutes=10), 70.0), (NOW - timedelta(minutes=5), 20.0)],
}


class CloudWatch:
    """CloudWatch with the points of `POINTS`."""

    def __init__(self, points: dict[str, list[tuple[datetime, float]]]) -> None:
        self.points, self.asked = points, list[dict[str, Any]]()

    def get_dashboard(self, DashboardName: str) -> dict[str, str]:  # noqa: N803 - as boto3 names it
        assert DashboardName == "laptop-pipeline"
        return {"DashboardBody": json.dumps(BODY)}

    def get_paginator(self, name: str) -> Any:
        return SimpleNamespace(paginate=self._data if name == "get_metric_data" else self._alarms)

    def _data(self, **asked: Any) -> Any:
        self.asked.append(asked)
        for query in asked["MetricDataQueries"]:  # a page each
            name = query.get("MetricStat", {}).get("Metric", {}).get("MetricName", "")
            points = [point for point in self.points.get(name, []) if point[0] >= asked["StartTime"]]
            times, values = [when for when, _ in points], [value for _, value in points]
            yield {"MetricDataResults": [{"Id": query["Id"], "Timestamps": times, "Values": values}]}

    def _alarms(self, **asked: str) -> Any:
        assert asked == {"AlarmNamePrefix": "laptop-", "StateValue": "ALARM"}
        yield {"MetricAlarms": [{"AlarmName": "laptop-failed-units"}]}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    why = {"reason_code": "UNREADABLE_DICOM"}
    units = [
        Unit(
            {"unit_id": f"imaging#d#P-{n}#s", "subject": f"P-{n}", "status": status, "failed_at": n, "study": "s"} | why
        )
        for n, status in enumerate(["COMPLETED", "QUARANTINED", "FAILED", "PROCESSING"])
    ]
    monkeypatch.setattr("cli.dashboard.reading.read_units", lambda _: units)

    def reading(hours: float = 0, endpoint: str | None = None, points: Any = None) -> tuple[Dashboard, CloudWatch]:
        client = CloudWatch(POINTS if points is None else points)
        session = SimpleNamespace(client=lambda *_, **__: client)
        deployment: Any = SimpleNamespace(stack="laptop", session=session, endpoint=endpoint, config=None)
        return read_dashboard(deployment, hours, NOW), client

    return reading


def test_metrics_are_asked_for_as_the_body_says() -> None:
    received, age, twice = next(iter(read_widgets(BODY))).series
    metric = {
        "Namespace": "Own",
        "MetricName": "UnitsReceived",
        "Dimensions": [{"Name": "modality", "Value": "imaging"}],
    }
    assert received.query["MetricStat"] == {"Metric": metric, "Period": 300, "Stat": "Sum"}
    assert (age.query["MetricStat"]["Period"], age.query["MetricStat"]["Stat"]) == (60, "Maximum")
    assert (twice.query["Id"], twice.query["Expression"]) == ("e1", "m0 * 2")


def test_the_time_shown_begins_with_the_first_data(read: Any) -> None:
    found, client = read()
    assert found.start == NOW - timedelta(minutes=10)
    assert found.widgets[0].series[0].points == tuple(POINTS["UnitsReceived"])
    periods = [q["MetricStat"]["Period"] for q in client.asked[-1]["MetricDataQueries"]]
    assert periods == [60, 60], "of less than an hour each minute is drawn"
    assert read(hours=6)[0].start == NOW - timedelta(hours=6)


def test_alarms_are_those_of_an_account_and_rejections_are_the_newest_first(read: Any) -> None:
    assert read()[0].ringing == ["laptop-failed-units"]
    found, _ = read(endpoint="http://127.0.0.1:1")
    assert found.ringing is None
    assert [unit.text("subject") for unit in found.rejections] == ["P-2", "P-1"]


def test_counts_are_summed_and_ages_are_the_largest(read: Any) -> None:
    received, age, twice = read()[0].widgets[0].series
    assert (told(received), told(age), told(twice)) == ("7", "max. 70 seconds", "14"), (
        "without metric math the page multiplies"
    )


def test_the_page_loads_and_runs_nothing_and_can_be_heard(read: Any) -> None:
    text = render_dashboard(read()[0])
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "base"} & {tag for tag, _ in page.found}
    assert not re.search(r"url\(|@import|javascript:|https?://", text)
    labels = [given["aria-label"] for given in page.all("svg") if "role" in given]
    assert labels == ["Studies: received 7, age max. 70 seconds, twice 14"]
    assert "No data in this time." in page.words
    assert "2 uploads need a person. 1 is on the way." in page.words
    assert "laptop-failed-units" in page.words
    assert "Read &lt;b&gt;me&lt;/b&gt;" in text
    assert text.count("UNREADABLE_<wbr>DICOM") == 2, "a code that is too long breaks between words"


def test_each_axis_has_a_scale_of_its_own_and_numbers(read: Any) -> None:
    drawn = str(chart(read()[0].widgets[0], NOW - timedelta(minutes=10), NOW))
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    assert [text for text in texts if ":" not in text] == ["0", "5", "10", "0", "50", "100"]
    at = {name: re.findall(rf'class="point {name}"[^>]* cy="([^"]*)"', drawn) for name in ("c0", "c1")}
    assert [float(y) for y in at["c0"]] == pytest.approx([150 * 0.7, 150 * 0.6])
    assert [float(y) for y in at["c1"]] == pytest.approx([150 * 0.3, 150 * 0.8])


def test_no_two_series_of_the_deployed_dashboard_look_alike() -> None:
    body = json.loads(re.sub(r"\$\{[^}]*\}", "x", properties("Dashboard")["DashboardBody"]["Fn::Sub"]))
    most = max(sum(series.is_shown for series in widget.series) for widget in read_widgets(body))
    assert most > COLOURS, "more than there are colours"
    assert len({look(number) for number in range(most)}) == most


def test_a_series_without_data_is_named_and_has_no_colour(read: Any) -> None:
    found, _ = read(points={"UnitsReceived": POINTS["UnitsReceived"]})
    page = Page(render_dashboard(found))
    assert "received 7 twice 14 no data: age" in page.words
    assert [given["class"] for given in page.all("i")] == ["c0", "c2"], "a colour stays a series' own"


def test_a_dashboard_without_any_data_is_a_page_that_says_so(read: Any) -> None:
    found, _ = read(points={})
    assert found.start == NOW - timedelta(hours=24)
    assert Page(render_dashboard(found)).words.count("No data in this time.") == 2
