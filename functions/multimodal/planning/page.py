"""A plan as a page of its own: what was found, what it needs, and how packing and concurrency change that."""

import math
from collections.abc import Callable, Sequence

from markupsafe import Markup

from multimodal.clinical.report.charts import STYLE_SHEET, join, tag
from multimodal.ledger.text import size_text
from multimodal.planning.estimate import Plan, Settings, Share
from multimodal.planning.figures import Figures
from multimodal.planning.packing import Point

WIDTH, HEIGHT, MARGIN = 560, 260, 44

_STYLE = """
td, th { text-align: right; } th:first-child, td:first-child { text-align: left; }
h1 { font: 400 31px/1.22 var(--serif); margin: 0 0 10px; } h2 { margin-top: 40px; } main { padding-bottom: 40px; }
figure { display: inline-block; margin: 1rem 1rem 1rem 0; } svg { max-width: 100%; height: auto; }
polyline { fill: none; stroke-width: 2; } .key { stroke-width: 2; }
.s0 { stroke: var(--main); } .s1 { stroke: var(--other); stroke-dasharray: 7 7; }
.s2 { stroke: var(--good); stroke-dasharray: 3 5.4; } .s3 { stroke: var(--bad); stroke-dasharray: 1 5; }
"""
"""Dashes let lines that lie on each other be seen."""


def plan_page(title: str, plan: Plan, curves: Sequence[tuple[str, Sequence[Point]]], figures: Figures) -> str:
    """Return the page, self-contained.

    Parameters
    ----------
    title : str
        Dataset, or what was planned.
    plan : Plan
    curves : sequence of (str, sequence of Point)
        A simulated cohort for each case of start-up times, with what that case is called.
    figures : Figures
        Prices and assumptions, which the page states.
    """
    top = tag("header", tag("h1", f"Plan of {title}"), tag("p", _found(plan), class_="told"), class_="top")
    body = join(
        _shares("Imaging: either of", plan.imaging),
        _shares("Besides", plan.others),
        _refused(plan),
        _rows(plan),
        _as_planned(plan) if curves else Markup(),
        *(_curves(name, points) for name, points in curves),
        _assumptions(figures, plan.settings),
    )
    style = Markup(STYLE_SHEET.read_text(encoding="utf-8") + _STYLE)  # noqa: S704 - ours
    viewport = tag("meta", name="viewport", content="width=device-width, initial-scale=1")
    head = join(tag("meta", charset="utf-8"), viewport, tag("title", f"Plan of {title}"), tag("style", style))
    return f"<!doctype html>{tag('html', tag('head', head), tag('body', top, tag('main', body)), lang='en')}"


def _found(plan: Plan) -> str:
    work = plan.workload
    kinds = {
        ("study", "studies"): work.studies,
        ("sample", "samples"): work.samples,
        ("reference", "references"): work.references,
        ("table", "tables"): work.tables,
    }
    there = {names: units for names, units in kinds.items() if units} or {("study", "studies"): work.studies}
    found = ", ".join(
        f"{_count(len(units), *names)} ({size_text(sum(units.values()))})" for names, units in there.items()
    )
    ignored = f"; {_count(work.ignored, 'other file is', 'other files are')} ignored" if work.ignored else ""
    return f"{found}{ignored}. Nothing has run."


def _count(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _shares(heading: str, shares: Sequence[Share]) -> Markup:
    if not shares:
        return Markup()
    columns = ("service", "units", "jobs", "machines at once", "minutes", "machine minutes", "USD", "quota needed")
    rows = [
        tag("tr", *(tag("td", cell) for cell in cells))
        for share in shares
        for cells in [
            [
                share.name,
                f"{share.units:,}",
                f"{share.jobs:,}",
                f"{share.machines:,}",
                f"{share.minutes:,}",
                f"{share.machine_minutes:,}",
                f"{share.dollars:,.2f}",
                share.quota,
            ]
        ]
    ]
    return join(tag("h2", heading), _table(columns, rows))


def _table(columns: Sequence[str], rows: Sequence[Markup]) -> Markup:
    head = tag("tr", *(tag("th", column, scope="col") for column in columns))
    table = tag("table", tag("thead", head), tag("tbody", *rows))
    return tag("div", table, class_="scroll", tabindex="0", role="region", aria_label=", ".join(columns))


def _refused(plan: Plan) -> Markup:
    work = plan.workload
    unknown = [
        tag("li", f"no dataset {name!r} is described: its units would wait or be quarantined")
        for name in work.unknown_datasets
    ]
    names = [tag("li", f"{_count(r.files, 'file', 'files')}, such as {r.example}: {r.problem}") for r in work.refusals]
    if not (unknown or names):
        return tag("p", "No name would be rejected.")
    return join(tag("h2", "Would be rejected"), tag("ul", *unknown, *names))


def _rows(plan: Plan) -> Markup:
    tables = [
        tag("li", f"{key}: {found.counts}", tag("ul", *(tag("li", line) for line in found.lines)))
        for key, found in plan.workload.rows.items()
    ]
    return join(tag("h2", "Tables: rows and records"), tag("ul", *tables)) if tables else Markup()


def _as_planned(plan: Plan) -> Markup:
    share = plan.imaging[0]
    jobs, mean = _count(share.jobs, "job", "jobs"), share.units / share.jobs
    told = f"Planned on Processing: {jobs}, {mean:.1f} studies a job. Other packings of the same studies:"
    return join(tag("h2", "Packing of imaging"), tag("p", told))


def _curves(name: str, points: Sequence[Point]) -> Markup:
    """Return both plots and the table of one case of start-up times."""
    columns = ("studies a job", *(f"{c} at once" for c in _concurrencies(points)))
    rows = []
    for per_job in dict.fromkeys(point.studies_per_job for point in points):
        cells = [p for p in points if p.studies_per_job == per_job]
        texts = [f"{p.course.seconds / 60:.1f} min, {p.course.machine_seconds / 60:,.0f} machine min" for p in cells]
        name_of_row = f"{per_job} ({_count(cells[0].jobs, 'job', 'jobs')})"
        rows.append(tag("tr", tag("td", name_of_row), *(tag("td", text) for text in texts)))
    return join(
        tag("h2", f"Packing, start-up {name}"),
        line_chart("Minutes to the last study", points, lambda p: p.course.seconds / 60),
        # They do not depend on how many run at once.
        line_chart("Machine minutes", points[: len(rows)], lambda p: p.course.machine_seconds / 60),
        _table(columns, rows),
    )


def _concurrencies(points: Sequence[Point]) -> list[int]:
    return list(dict.fromkeys(point.concurrency for point in points))


def line_chart(title: str, points: Sequence[Point], value: Callable[[Point], float]) -> Markup:
    """Return a plot of a value against studies a job, a line for each concurrency, as inline SVG."""
    levels = _levels(max(value(point) for point in points))
    top = levels[-1]
    places = list(dict.fromkeys(point.studies_per_job for point in points))
    step = (WIDTH - 2 * MARGIN) / max(len(places) - 1, 1)

    def at(point: Point) -> tuple[float, float]:
        across = MARGIN + places.index(point.studies_per_job) * step
        return across, HEIGHT - MARGIN - value(point) / top * (HEIGHT - 2 * MARGIN)

    lines = []
    for number, concurrency in enumerate(_concurrencies(points)):
        spots = [at(point) for point in points if point.concurrency == concurrency]
        lines.append(tag("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in spots), class_=f"s{number % 4}"))
        lines += _key(f"{concurrency} at once", number) if len(points) > len(places) else ()
    ticks = [_label(str(k), MARGIN + i * step, HEIGHT - MARGIN + 16, anchor="middle") for i, k in enumerate(places)]
    ticks += [
        _label(f"{level:,}", MARGIN - 6, HEIGHT - MARGIN - level / top * (HEIGHT - 2 * MARGIN) + 4, anchor="end")
        for level in levels
    ]
    axes = tag(
        "polyline",
        points=f"{MARGIN},{MARGIN} {MARGIN},{HEIGHT - MARGIN} {WIDTH - MARGIN},{HEIGHT - MARGIN}",
        class_="axis",
    )
    name = _label("studies a job", WIDTH / 2, HEIGHT - 6, anchor="middle")
    drawing = tag(
        "svg", tag("title", title), axes, *lines, *ticks, name,
        viewBox=f"0 0 {WIDTH} {HEIGHT}", width=WIDTH, height=HEIGHT, role="img", aria_label=title,
    )  # fmt: skip
    return tag("figure", tag("figcaption", title), drawing)


def _levels(most: float) -> list[int]:
    """Return round numbers from 0 to above a value, at most six.

    Examples
    --------
    >>> _levels(702.3), _levels(7)
    ([0, 200, 400, 600, 800], [0, 2, 4, 6, 8])
    """
    rough = max(most, 1.0) / 5
    power = 10 ** max(math.floor(math.log10(rough)), 0)
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [step * number for number in range(math.ceil(most / step) + 1)]


def _key(text: str, number: int) -> tuple[Markup, Markup]:
    """Return the name of a line and a piece of it, above the plot: a flat line may lie anywhere in it."""
    x, y = MARGIN + 130 * number, MARGIN // 2
    piece = tag("line", x1=x, x2=x + 20, y1=y, y2=y, class_=f"key s{number % 4}")
    return piece, _label(text, x + 26, y + 4)


def _label(text: str, x: float, y: float, anchor: str = "start") -> Markup:
    return tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)


def _assumptions(figures: Figures, settings: Settings) -> Markup:
    imaging, lane, fast = figures.imaging, figures.processing, figures.fast_lane
    lines = [
        f"Measured with this project's job: a study takes {imaging.study_seconds:g} CPU seconds and "
        f"{imaging.seconds_per_megabyte:g} more for each megabyte of DICOM.",
        f"Assumed: {imaging.megabytes_per_second:g} MB/s between S3 and a machine, results of "
        f"{imaging.results_share:.0%} of the input's bytes.",
        "Assumed: start-up of a processing job in seconds: "
        + "; ".join(f"{name}: {', '.join(f'{s:g}' for s in values)}" for name, values in lane.start_up_seconds.items()),
        f"Assumed: start-up of a Lambda container {', '.join(f'{s:g}' for s in fast.start_up_seconds)} s, "
        f"{fast.memory_gib:g} GiB, studies up to {settings.fast_lane_megabytes} MB.",
        "Machine minutes count start-up: whether AWS bills it is not documented.",
        f"Prices: {figures.prices.region}, {figures.prices.date}. {figures.prices.source}",
    ]
    return join(tag("h2", "Measured, and assumed"), tag("ul", *(tag("li", line) for line in lines)))
