"""The deployed dashboard with the metrics that the stack emitted."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cli.deployment import Deployment
from cli.ledger import END_STATUSES, STATUSES_WITHOUT_FEATURES, Unit, read_units

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

_QUERIES_PER_REQUEST = 500
"""GetMetricData takes no more."""

_SHORT = timedelta(hours=1)
"""Of a shorter time every minute is drawn, whatever period a widget names."""

_PRODUCT = re.compile(r"(\w+) \* ([\d.]+)")

_LEAST = timedelta(minutes=5)
_NEWEST = 10

Point = tuple[datetime, float]


@dataclass(frozen=True)
class Series:
    """One metric of a widget, or an expression over the others; points are in the order of time.

    `right` is the unit of the right axis when it is drawn against that one, otherwise empty.
    """

    label: str
    query: Mapping[str, Any]
    is_shown: bool = True
    points: tuple[Point, ...] = ()
    right: str = ""


@dataclass(frozen=True)
class Widget:
    """A widget of the dashboard: place and size on a grid of 24 columns, and what it shows.

    Parameters
    ----------
    kind : str
        `metric`, `text` or `log`.
    text : str
        Of a text widget.
    """

    x: int
    y: int
    width: int
    height: int
    title: str
    kind: str = "metric"
    is_stacked: bool = False
    series: tuple[Series, ...] = ()
    text: str = ""

    @property
    def has_data(self) -> bool:
        """Whether any of its metrics has a point."""
        return any(series.points for series in self.series)


@dataclass(frozen=True)
class Dashboard:
    """A dashboard with its metrics from `start` to `end`, and today's unfinished units, rejections and alarms.

    `ringing` is None on the laptop cloud, whose alarms regard no dimension of a metric.
    """

    name: str
    widgets: Sequence[Widget]
    start: datetime
    end: datetime
    unfinished: int = 0
    rejections: Sequence[Unit] = ()
    ringing: Sequence[str] | None = None


def read_dashboard(deployment: Deployment, hours: float = 0, now: datetime | None = None) -> Dashboard:
    """Read the dashboard's body, the metrics that it names, alarms and the newest rejections.

    Parameters
    ----------
    hours : float
        How far back; 0: as far as there are data, a day at most.
    """
    client: CloudWatchClient = deployment.session.client(
        "cloudwatch", endpoint_url=deployment.endpoint, config=deployment.config
    )
    name, end = f"{deployment.stack}-pipeline", now or datetime.now(UTC)
    body = json.loads(client.get_dashboard(DashboardName=name)["DashboardBody"])
    widgets = list(read_widgets(body))
    start = end - timedelta(hours=hours or 24)
    filled = _with_points(client, widgets, start, end)
    if not hours:
        start = _first_point(filled, start, end)
    if end - start < _SHORT:
        filled = _with_points(client, _each_minute(widgets), start, end)
    ringing = None if deployment.endpoint else _ringing(client, deployment.stack)
    units = read_units(deployment)
    unfinished = sum(not (unit.is_note or unit.status in END_STATUSES) for unit in units)
    return Dashboard(name, filled, start, end, unfinished, _newest(units), ringing)


def read_widgets(body: Mapping[str, Any]) -> Iterator[Widget]:
    """Yield the widgets of a dashboard's body.

    Source: Amazon CloudWatch API Reference, "Dashboard body structure and syntax".
    """
    for widget in body["widgets"]:
        given = widget["properties"]
        place = (widget["x"], widget["y"], widget["width"], widget["height"])
        series = tuple(_series(given)) if widget["type"] == "metric" else ()
        title, stacked = given.get("title", ""), bool(given.get("stacked"))
        yield Widget(*place, title, widget["type"], stacked, series, given.get("markdown", ""))


def _series(given: Mapping[str, Any]) -> Iterator[Series]:
    for number, row in enumerate(given["metrics"]):
        names = [cell for cell in row if isinstance(cell, str)]
        options = next((cell for cell in row if isinstance(cell, dict)), {})
        label, query_id = options.get("label", names[1] if names else ""), options.get("id", f"m{number}")
        period = options.get("period", given.get("period", 300))
        query: dict[str, Any] = {"Id": query_id, "Label": label}
        if "expression" in options:
            query |= {"Expression": options["expression"], "Period": period}
        else:
            dimensions = [{"Name": n, "Value": v} for n, v in zip(names[2::2], names[3::2], strict=True)]
            metric = {"Namespace": names[0], "MetricName": names[1], "Dimensions": dimensions}
            stat = options.get("stat", given.get("stat", "Average"))
            query["MetricStat"] = {"Metric": metric, "Period": period, "Stat": stat}
        right = (
            given.get("yAxis", {}).get("right", {}).get("label", "(right)") if options.get("yAxis") == "right" else ""
        )
        yield Series(label, query, options.get("visible", True), right=right)


def _each_minute(widgets: Sequence[Widget]) -> list[Widget]:
    return [replace(w, series=tuple(replace(s, query=_of_a_minute(s.query)) for s in w.series)) for w in widgets]


def _of_a_minute(query: Mapping[str, Any]) -> dict[str, Any]:
    if "MetricStat" in query:
        return {**query, "MetricStat": {**query["MetricStat"], "Period": 60}}
    return {**query, "Period": 60}


def _with_points(client: "CloudWatchClient", widgets: Sequence[Widget], start: datetime, end: datetime) -> list[Widget]:
    """Return the widgets with their data; ids are of a widget alone, so each is asked for by itself."""
    filled = []
    for widget in widgets:
        queries = [series.query for series in widget.series]
        found = _metric_data(client, queries, start, end)
        series = tuple(replace(each, points=_points(each, found)) for each in widget.series)
        filled.append(replace(widget, series=series))
    return filled


def _points(series: Series, found: Mapping[str, tuple[Point, ...]]) -> tuple[Point, ...]:
    """Return a series' points; the laptop's CloudWatch has no metric math, so a product is worked out here."""
    points = found.get(series.query["Id"], ())
    product = _PRODUCT.fullmatch(series.query.get("Expression", ""))
    if points or product is None:
        return points
    return tuple((when, value * float(product[2])) for when, value in found.get(product[1], ()))


def _metric_data(
    client: "CloudWatchClient", queries: Sequence[Mapping[str, Any]], start: datetime, end: datetime
) -> dict[str, tuple[Point, ...]]:
    """Return the points of each query by its id."""
    found: dict[str, list[Point]] = {}
    for first in range(0, len(queries), _QUERIES_PER_REQUEST):
        some: Any = queries[first : first + _QUERIES_PER_REQUEST]
        asked: Sequence[MetricDataQueryTypeDef] = some
        pages = client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=asked, StartTime=start, EndTime=end, ScanBy="TimestampAscending"
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                points = zip(result["Timestamps"], result["Values"], strict=True)
                found.setdefault(result["Id"], []).extend(points)
    return {name: tuple(sorted(points)) for name, points in found.items()}


def _first_point(widgets: Sequence[Widget], start: datetime, end: datetime) -> datetime:
    times = [series.points[0][0] for widget in widgets for series in widget.series if series.points]
    first = min(times, default=start)
    return max(start, min(first, end - _LEAST))


def _ringing(client: "CloudWatchClient", stack: str) -> list[str]:
    pages = client.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack}-", StateValue="ALARM")
    return [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]]


def _newest(units: Sequence[Unit]) -> list[Unit]:
    rejected = [unit for unit in units if unit.status in STATUSES_WITHOUT_FEATURES]
    return sorted(rejected, key=lambda unit: -unit.changed_at)[:_NEWEST]
