"""The dashboard's page: widgets on the grid that the dashboard's body describes, metrics as inline SVG."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from cli.dashboard.reading import Dashboard, Series, Widget
from multimodal.clinical.report.charts import STYLE_SHEET, tag
from multimodal.clinical.report.page import amount, page_templates

TEMPLATES = Path(__file__).parent

HEIGHT, COLOURS = 150, 9
_TICKS = 3

Extent = tuple[datetime, datetime]


def render_dashboard(found: Dashboard) -> str:
    """Return the page: one file without scripts that loads nothing."""
    return _environment().get_template("dashboard.html.j2").render(dashboard=found)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = page_templates(TEMPLATES, STYLE_SHEET, TEMPLATES / "dashboard.css", trim=True)
    environment.globals |= {"chart": chart, "look": look}
    environment.filters |= {"amount": amount, "moment": _moment, "told": told}
    return environment


def _moment(when: datetime | int, form: str = "%Y-%m-%d %H:%M UTC") -> str:
    time = when if isinstance(when, datetime) else datetime.fromtimestamp(when, UTC)
    return f"{time.astimezone(UTC):{form}}"


def told(series: Series) -> str:
    """Return what a series amounts to: the sum of counts, the largest of maxima (named so), the newest of all else."""
    if not series.points:
        return "–"
    stat = series.query.get("MetricStat", {}).get("Stat", "Sum")  # expressions are of sums
    values = [value for _, value in series.points]
    found = f"max. {amount(max(values))}" if stat == "Maximum" else amount(sum(values) if stat == "Sum" else values[-1])
    return f"{found} {series.right}".rstrip()


def look(number: int) -> str:
    """Return the classes of a widget's n-th series: its colour; hollow and dashed when all colours are used up."""
    return f"c{number % COLOURS}{' second' if number >= COLOURS else ''}"


def chart(widget: Widget, start: datetime, end: datetime) -> Markup:
    """Return a widget's plot: stacked bars, or lines with a dot at each point."""
    drawn = [series for series in widget.series if series.is_shown]
    axes = sorted({each.right for each in drawn})  # the left one, which has no name, first
    top = {axis: _nice(_highest(drawn, axis, stacked=widget.is_stacked)) for axis in axes}
    shapes = [shape for axis in axes for shape in _grid(top[axis], is_right=bool(axis))]
    draw = _bars if widget.is_stacked else _lines
    shapes += [*_times(start, end), *draw(drawn, (start, end), top)]
    label = f"{widget.title}: " + ", ".join(f"{series.label} {told(series)}" for series in drawn)
    return tag("svg", *shapes, class_="series", width="100%", height=HEIGHT + 22, role="img", aria_label=label)


def _highest(series: Sequence[Series], axis: str, *, stacked: bool) -> float:
    """Return the highest value of the series of an axis, or the highest sum at one time."""
    heights: dict[datetime, float] = {}
    for when, value in (point for each in series if each.right == axis for point in each.points):
        heights[when] = heights.get(when, 0.0) + value if stacked else max(heights.get(when, 0.0), value)
    return max(heights.values(), default=0.0)


def _nice(highest: float) -> float:
    """Return the top of the axis: the next of 1, 2 and 5 times a power of ten."""
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= highest * 0.999)


def _grid(top: float, *, is_right: bool) -> Iterator[Markup]:
    end = {"x": "100%", "text_anchor": "end"} if is_right else {"x": "0"}
    for step in range(_TICKS):
        share = step / (_TICKS - 1)
        y = HEIGHT * (1 - share)
        yield tag("line", class_="axis" if step == 0 else "grid", x1="0", x2="100%", y1=y, y2=y)
        yield tag("text", amount(top * share), y=y - 4, **end)


def _times(start: datetime, end: datetime) -> Iterator[Markup]:
    form = "%H:%M" if (end - start).days < 2 else "%d %b"
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        when = start + (end - start) * share
        text = f"{when.astimezone(UTC):{form}}"
        yield tag("text", text, x=f"{100 * share:g}%", y=HEIGHT + 17, text_anchor=anchor)


def _across(when: datetime, extent: Extent) -> float:
    start, end = extent
    return min(max(100 * ((when - start) / (end - start)), 0.0), 100.0)


def _lines(series: Sequence[Series], extent: Extent, top: Mapping[str, float]) -> Iterator[Markup]:
    for number, each in enumerate(series):
        places = [(_across(when, extent), HEIGHT * (1 - value / top[each.right])) for when, value in each.points]
        if len(places) > 1:
            path = " L".join(f"{10 * x:.1f},{y:.1f}" for x, y in places)
            line = tag("path", class_=f"line {look(number)}", d=f"M{path}")
            box = f"0 0 1000 {HEIGHT}"
            yield tag("svg", line, viewBox=box, preserveAspectRatio="none", width="100%", height=HEIGHT)
        yield from (tag("circle", class_=f"point {look(number)}", cx=f"{x:.2f}%", cy=y, r=3) for x, y in places)


def _bars(series: Sequence[Series], extent: Extent, top: Mapping[str, float]) -> Iterator[Markup]:
    below: dict[datetime, float] = {}
    for number, each in enumerate(series):
        for when, value in each.points:
            low, scale = below.get(when, 0.0), HEIGHT / top[each.right]
            below[when] = low + value
            if value:
                x, y = f"{min(_across(when, extent), 98.8):.2f}%", HEIGHT - scale * (low + value)
                yield tag("rect", class_=f"block {look(number)}", x=x, width="1.2%", y=y, height=scale * value)
