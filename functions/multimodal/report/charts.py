"""Plots of a cohort as inline SVG, of the parts that the clinical report's plots are made of."""

import hashlib

from markupsafe import Markup

from multimodal.clinical.report.charts import Scale, plot, tag
from multimodal.clinical.report.page import amount
from multimodal.report.statistics import OUTLIER, Distribution

STRIP_HEIGHT = 34
Z_REACH = 8.0
"""Robust z-scores beyond this are drawn at the edge, as rings."""

Z_SCALE = Scale(-Z_REACH, Z_REACH, (-Z_REACH, -OUTLIER, 0.0, OUTLIER, Z_REACH))

MOST_NAMED = 6
"""Outliers that are named in a row; the TSV has all."""

_MOST_DRAWN = 20
"""Outliers of a feature that are drawn, the farthest first."""


def strip(found: Distribution, label: str) -> Markup:
    """Return one dot per member across the range of the values, outliers in another colour.

    Dots lie at heights that follow from their names, so that they do not hide each other and the same cohort gives the
    same picture.
    """
    beyond = {name for name, _ in found.outliers}
    dots = [
        tag(
            "circle",
            tag("title", f"{name}: {amount(value)}"),
            class_="dot bad" if name in beyond else "dot see",
            cx=f"{100 * found.place(value):.2f}%",
            cy=_height_of(name),
            r=4 if name in beyond else 3,
        )
        for name, value in sorted(found.values.items(), key=lambda item: item[0] in beyond)
    ]
    line = tag("line", class_="grid", x1="0", x2="100%", y1=STRIP_HEIGHT, y2=STRIP_HEIGHT)
    middle = f"{100 * found.place(found.middle):.2f}%"
    median = tag("line", class_="overall", x1=middle, x2=middle, y1=0, y2=STRIP_HEIGHT)
    return plot(STRIP_HEIGHT + 1, label, [line, median, *dots], class_="strip")


def _height_of(name: str) -> float:
    share = hashlib.sha256(name.encode()).digest()[0] / 255
    return round(4 + share * (STRIP_HEIGHT - 10), 1)


def z_box(found: Distribution, label: str) -> Markup:
    """Return a box (quartiles) with whiskers (5th and 95th percentile) and outliers, on robust z-scores."""
    if not found.spread:
        return Markup("")
    low, first, middle, third, high = (found.z(value) or 0.0 for value in found.quantiles())
    shapes = [
        *(tag("line", class_="grid", x1=_at(z), x2=_at(z), y1=-2, y2=20) for z in (-OUTLIER, 0.0, OUTLIER)),
        tag("line", class_="whisker", x1=_at(low), x2=_at(high), y1=9, y2=9),
        tag("rect", class_="fill main", x=_at(first), width=_span(first, third), y=4, height=10, rx=2),
        tag("line", class_="middle", x1=_at(middle), x2=_at(middle), y1=3, y2=15),
        *(_outlier(z) for _, z in found.outliers[:_MOST_DRAWN]),
    ]
    return plot(18, label, shapes, class_="intervals")


def _outlier(z: float) -> Markup:
    shape = "ring" if abs(z) > Z_REACH else "dot"
    return tag("circle", class_=f"{shape} bad", cx=_at(z), cy=9, r=3.5)


def _at(z: float) -> str:
    return f"{100 * (_clipped(z) + Z_REACH) / (2 * Z_REACH):.2f}%"


def _span(first: float, third: float) -> str:
    return f"{max(100 * (_clipped(third) - _clipped(first)) / (2 * Z_REACH), 0.6):.2f}%"


def _clipped(z: float) -> float:
    return min(max(z, -Z_REACH), Z_REACH)
