"""Plots as inline SVG.

Positions across are percentages, so a plot fills whatever width it has while its text and strokes keep their size;
colours are classes, so that light, dark and print share one drawing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from markupsafe import Markup

from multimodal.clinical.report.tallies import DAYS_OF_YEAR

STYLE_SHEET = Path(__file__).parent / "templates" / "report.css"
"""Of all pages."""

LONGEST = 2_000
"""Characters of a text from a table that are shown; a header may be a megabyte long."""

_UNSEEN = {
    **dict.fromkeys((n for n in range(0x20) if chr(n) not in "\n\t"), "\N{REPLACEMENT CHARACTER}"),
    **dict.fromkeys((0x7F, *range(0x80, 0xA0)), "\N{REPLACEMENT CHARACTER}"),
    # Marks that turn the direction of what follows, so that a name reads as another one.
    **dict.fromkeys((*range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), ""),
}

Content = str | Iterable[str]


def text(value: str) -> Markup:
    """Return text as markup: escaped, without control characters, at most `LONGEST` long."""
    shown = value if len(value) <= LONGEST else value[:LONGEST] + "…"
    return Markup(escape(shown.translate(_UNSEEN)))


def join(*content: Content) -> Markup:
    """Return pieces one after the other; those that are not markup are escaped."""
    pieces = (item for part in content for item in ([part] if isinstance(part, str) else part))
    return Markup("".join(piece if isinstance(piece, Markup) else text(piece) for piece in pieces))


def tag(name: str, /, *content: Content, **attributes: str | float | None) -> Markup:
    """Return an element.

    Parameters
    ----------
    content : str or iterable of str
        Markup, or text to escape.
    attributes : str or float, optional
        `_` in a name becomes `-`, at its end nothing (`class_`); None leaves the attribute out.

    Examples
    --------
    >>> str(tag("p", "a < b", class_="note"))
    '<p class="note">a &lt; b</p>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_written(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{given}>{join(*content)}</{name}>")


def _written(value: str | float) -> str:
    return value.translate(_UNSEEN) if isinstance(value, str) else f"{value:.6g}"


FEW = 5
"""Counts of cases below this are written and drawn alike: the length of a bar would tell them."""

REACH = 400
"""How far guide lines reach beyond a plot; its cell cuts them off, however high its row is."""


def _percent(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.3f}%"


def plot(height: float, label: str, *shapes: Sequence[Markup] | Markup, class_: str) -> Markup:
    """Return an SVG as wide as its cell."""
    return tag("svg", *shapes, class_=class_, width="100%", height=height, role="img", aria_label=label)


def few(count: int) -> str:
    """Return a count of cases; one of one to four is not told."""
    return f"<{FEW}" if 0 < count < FEW else f"{count:,}"


def blurred(count: int) -> float:
    """Return the count that a bar shows: one below five is as long as any other."""
    return FEW / 2 if 0 < count < FEW else float(count)


def bar(share: float, label: str, tone: str = "main", overall: float | None = None) -> Markup:
    """Return a bar that fills a share of its width, with a line where all cases together would end."""
    track = tag("rect", class_="track", width="100%", height=8, rx=4, y=1)
    fill = tag("rect", class_=f"fill {tone}", width=_percent(share), height=8, rx=4, y=1)
    line = [] if overall is None else [_line("overall", _percent(overall), -2, 12)]
    return plot(10, label, track, fill, line, class_="bar")


def _line(class_: str, x: str, y1: float, y2: float) -> Markup:
    return tag("line", class_=class_, x1=x, x2=x, y1=y1, y2=y2)


def stacked(parts: Sequence[tuple[str, int]], label: str) -> Markup:
    """Return one bar of parts (tone, count), side by side."""
    total = sum(n for _, n in parts) or 1
    shapes, start = [], 0
    for tone, n in parts:
        if n:
            shapes.append(
                tag("rect", class_=f"fill {tone}", x=_percent(start / total), width=_percent(n / total), height=26)
            )
        start += n
    return plot(26, label, shapes, class_="stacked")


def histogram(counts: Sequence[int], label: str) -> Markup:
    """Return bars of equal width."""
    height, tallest = 56, max(map(blurred, counts), default=1.0) or 1.0
    shapes = [
        tag(
            "rect",
            class_="fill main",
            x=f"{100 * (i + 0.06) / len(counts):.3f}%",
            width=f"{88 / len(counts):.3f}%",
            y=height - height * blurred(n) / tallest,
            height=height * blurred(n) / tallest,
        )
        for i, n in enumerate(counts)
        if n
    ]
    base = tag("line", class_="axis", x1="0", x2="100%", y1=height + 0.5, y2=height + 0.5)
    return plot(height + 1, label, shapes, base, class_="histogram")


@dataclass(frozen=True)
class Scale:
    """A horizontal axis with its ticks, and a zone from some value on that means trouble."""

    low: float
    high: float
    ticks: tuple[float, ...]
    lines: tuple[float, ...] = ()
    zone: float | None = None

    def place(self, value: float) -> str:
        """Return where a value lies, as a percentage."""
        return _percent((value - self.low) / (self.high - self.low))


AUC_SCALE = Scale(0.0, 1.0, (0.0, 0.3, 0.5, 0.7, 0.9), (0.5, 0.9), zone=0.9)
DPL_SCALE = Scale(-1.0, 1.0, (-1.0, -0.5, 0.0, 0.5, 1.0), (0.0,))
PSI_SCALE = Scale(0.0, 0.5, (0.0, 0.1, 0.25), (0.1, 0.25), zone=0.25)


@dataclass(frozen=True)
class Mark:
    """A value with its interval; `shape` is `dot` or `ring`."""

    value: float
    low: float
    high: float
    shape: str = "dot"
    tone: str = "main"


def axis(scale: Scale) -> Markup:
    """Return a scale's numbers."""
    labels = [
        tag("text", f"{tick:g}".replace("-", "−"), x=scale.place(tick), y=12, text_anchor=_anchor(scale, tick))
        for tick in scale.ticks
    ]
    return plot(16, "scale", labels, class_="ticks")


def _anchor(scale: Scale, tick: float) -> str:
    return "start" if tick == scale.low else "end" if tick == scale.high else "middle"


def intervals(scale: Scale, marks: Sequence[Mark], label: str) -> Markup:
    """Return marks with their intervals below each other, before the scale's lines."""
    height = 18 * max(len(marks), 1)
    shapes = [*_grid(scale, height)]
    for i, mark in enumerate(marks):
        y = 18 * i + 9
        x1, x2, at = scale.place(mark.low), scale.place(mark.high), scale.place(mark.value)
        shapes.append(tag("line", class_=f"whisker {mark.tone}", x1=x1, x2=x2, y1=y, y2=y))
        shapes.append(tag("circle", class_=f"{mark.shape} {mark.tone}", cx=at, cy=y, r=4.5))
    return plot(height, label, shapes, class_="intervals")


def _grid(scale: Scale, height: float) -> Iterator[Markup]:
    """Yield zone and lines, which meet those of the rows above and below."""
    if scale.zone is not None:
        start = (scale.zone - scale.low) / (scale.high - scale.low)
        width = _percent(1 - start)
        yield tag("rect", class_="zone", x=_percent(start), width=width, y=-REACH, height=height + 2 * REACH)
    for line in scale.lines:
        yield _line("grid", scale.place(line), -REACH, height + REACH)


def psi_bar(psi: float, by_chance: float, tone: str) -> Markup:
    """Return a bar of a stability index, with a tick where chance alone would get to."""
    shapes = [
        *_grid(PSI_SCALE, 18),
        tag("rect", class_=f"fill {tone}", width=PSI_SCALE.place(psi), height=8, y=5, rx=2),
        _line("chance", PSI_SCALE.place(by_chance), 2, 16),
    ]
    return plot(18, f"PSI {psi:.2f}, by chance {by_chance:.2f}", shapes, class_="intervals")


def pair(previous: float, now: float, label: str) -> Markup:
    """Return two thin bars, before above now."""
    before = tag("rect", class_="fill faint", width=_percent(previous), height=5, y=1, rx=2)
    after = tag("rect", class_="fill main", width=_percent(now), height=5, y=8, rx=2)
    return plot(14, label, before, after, class_="bar")


CURVE_HEIGHT = 240


def survival_curve(points: Sequence[Mapping[str, Any]], label: str) -> Markup:
    """Return a Kaplan–Meier curve with its interval, given on a grid of days."""
    last = points[-1]["day"] or 1
    line = _steps([(p["day"] / last, p["survival"]) for p in points])
    upper = _steps([(p["day"] / last, p["high"]) for p in points])
    lower = _steps([(p["day"] / last, p["low"]) for p in points])
    drawing = tag(
        "svg",
        tag("path", class_="band", d="M" + " L".join([*upper, *reversed(lower)]) + " Z"),
        tag("path", class_="curve", d="M" + " L".join(line)),
        viewBox="0 0 1000 1000",
        preserveAspectRatio="none",
        x="0",
        y="0",
        width="100%",
        height=CURVE_HEIGHT,
        overflow="visible",
    )
    return plot(CURVE_HEIGHT + 42, label, list(_survival_grid(points, last)), drawing, class_="survival")


def _steps(points: Sequence[tuple[float, float]]) -> list[str]:
    corners = []
    for i, (x, y) in enumerate(points):
        if i:
            corners.append(f"{1000 * x:.1f},{1000 * (1 - points[i - 1][1]):.1f}")
        corners.append(f"{1000 * x:.1f},{1000 * (1 - y):.1f}")
    return corners


def _survival_grid(points: Sequence[Mapping[str, Any]], last: float) -> Iterator[Markup]:
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = CURVE_HEIGHT * (1 - share)
        yield tag("line", class_="axis" if share == 0 else "grid", x1="0", x2="100%", y1=y, y2=y)
        yield tag("text", f"{share:.0%}", x=-9, y=y + 4, text_anchor="end")
    yield tag("text", "years", x=-18, y=CURVE_HEIGHT + 20, text_anchor="end")
    yield tag("text", "at risk", x=-18, y=CURVE_HEIGHT + 38, text_anchor="end")
    years, at_risk = last / DAYS_OF_YEAR, {point["day"]: point["at_risk"] for point in points}
    for year in range(0, int(years) + 1, max(1, round(years / 8))):
        x = _percent(year / years)
        yield _line("axis", x, CURVE_HEIGHT, CURVE_HEIGHT + 4)
        yield tag("text", str(year), x=x, y=CURVE_HEIGHT + 20, text_anchor="middle")
        yield tag("text", few(at_risk[year * DAYS_OF_YEAR]), x=x, y=CURVE_HEIGHT + 38, text_anchor="middle")
