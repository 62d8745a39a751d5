"""Small texts that every part of the page writes the same way."""

from collections.abc import Sequence

from multimodal.clinical.page.markup import Html, tag

STATUS = {
    "feature": "feature",
    "allowed": "allowed by name",
    "blocked": "blocked: known too late",
    "off": "no feature",
    "dropped": "not used",
}


def percent(share: float) -> str:
    """Return a share as a percentage."""
    return f"{100 * share:.1f} %" if 0 < share < 0.995 else f"{100 * share:.0f} %"


def signed(value: float, digits: int = 3) -> str:
    """Return a number with a real minus."""
    written = f"{value:.{digits}f}"
    return written.replace("-", "\u2212") if float(written) else written.replace("-", "")


def amount(value: float) -> str:
    """Return a number as short as it can be told apart."""
    return f"{value:,.4g}".replace("-", "\u2212") if abs(value) < 1e5 else f"{value:,.0f}".replace("-", "\u2212")


def chip(status: str) -> Html:
    """Return the mark of what a column is."""
    return tag("span", STATUS[status], class_=f"chip {status}")


def header(names: Sequence[tuple[str, str]]) -> Html:
    """Return a table's head of (name, class)."""
    return tag("thead", tag("tr", (tag("th", name, class_=kind or None) for name, kind in names)))


def table(head: Html, rows: Sequence[Html], class_: str | None = None) -> Html:
    """Return a table that scrolls within the page when it is too wide."""
    return tag("div", tag("table", head, tag("tbody", rows), class_=class_), class_="scroll")


def legend(items: Sequence[tuple[str, str, str]]) -> Html:
    """Return a legend of (name, colour variable, shape)."""
    return tag(
        "ul",
        (tag("li", tag("i", class_=shape, style=f"--c:var(--{tone})"), name) for name, tone, shape in items),
        class_="legend",
    )
