"""The page's parts on rows: validation, selection, labels."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from multimodal.clinical.page.charts import FEW, bar, blurred, few, stacked, survival_curve
from multimodal.clinical.page.markup import Html, join, tag
from multimodal.clinical.page.text import amount, header, legend, table
from multimodal.tables.table import Scope

_COSTS: dict[Scope, str] = {
    "row": "row rejected",
    "record": "record left out",
    "label": "label held back",
    "value": "value left out",
    "warning": "nothing: look at it",
    "dropped": "left out by a filter",
}


def validation_part(validation: Mapping[str, Any]) -> Html:
    """Return what became of the rows, and every problem."""
    parts = [("main", validation["taken"]), ("faint", validation["dropped"]), ("bad", validation["rejected"])]
    names = ("taken", "left out by filters", "rejected")
    told = [(f"{n:,} {name}", tone, "") for (tone, n), name in zip(parts, names, strict=True)]
    groups = [tag("tr", tag("td", name), tag("td", f"{n:,}", class_="n")) for name, n in validation["records"].items()]
    return join(
        stacked(parts, ", ".join(name for name, _, _ in told)),
        legend(told),
        _problems(validation["problems"]),
        tag("h3", "Records by feature group") if groups else "",
        table(header([("feature group", ""), ("records", "n")]), groups) if groups else "",
    )


def _problems(problems: Sequence[Mapping[str, Any]]) -> Html:
    if not problems:
        return tag("p", "No row and no label had a problem.", class_="told")
    names = [
        ("what is wrong", ""),
        ("column", ""),
        ("it costs", ""),
        ("how often", "n"),
        ("rows", ""),
        ("in words", ""),
    ]
    return table(header(names), [_problem(problem) for problem in problems])


def _problem(problem: Mapping[str, Any]) -> Html:
    rows = ", ".join(map(str, problem["first_rows"]))
    more = " …" if problem["count"] > len(problem["first_rows"]) else ""
    return tag(
        "tr",
        tag("td", tag("span", problem["code"], class_="code soft")),
        tag("td", problem["column"] or "–", class_="name"),
        tag("td", _COSTS[problem["scope"]], class_="cost"),
        tag("td", f"{problem['count']:,}", class_="n"),
        tag("td", rows + more, class_="small soft"),
        tag("td", problem["message"], class_="message small"),
    )


def selection_part(selection: Sequence[Mapping[str, Any]]) -> Html:
    """Return how the rows that each filter leaves out differ from those that come to it."""
    lede = (
        "A filter that leaves rows out chooses cases. A bar is the share of a group that a filter leaves out, of those "
        "that the filters before it let through; the line is the share of all rows. Where bars and line differ, what "
        "is left is another population than the one that was recruited."
    )
    filters = [part for part in selection if part["filter"] is not None]
    names = [("", ""), ("group", ""), *((part["reason"], "filter") for part in filters), ("kept", "n")]
    rows = [
        row for place, by in enumerate(filters[0]["by"]) if len(by["groups"]) > 1 for row in _groups(filters, place)
    ]
    return join(tag("p", lede, class_="lede"), table(header(names), [_together(filters), *rows]))


def _together(filters: Sequence[Mapping[str, Any]]) -> Html:
    kept = filters[0]["kept"]
    counts = [part["dropped"] for part in filters]
    cells = [tag("td", _left_out("all rows", n, _reached(counts, i, kept), None)) for i, n in enumerate(counts)]
    return tag("tr", tag("td", "all rows", colspan=2), cells, tag("td", f"{kept:,}", class_="n"))


def _groups(filters: Sequence[Mapping[str, Any]], place: int) -> Iterator[Html]:
    whole = [part["dropped"] for part in filters]
    shares = [n / max(_reached(whole, i, filters[0]["kept"]), 1) for i, n in enumerate(whole)]
    dropped = [{group["value"]: group["dropped"] for group in part["by"][place]["groups"]} for part in filters]
    kept = {group["value"]: group["kept"] for part in filters for group in part["by"][place]["groups"]}
    for value in sorted(kept, key=lambda name: (name is None, name or "")):
        counts = [by_value.get(value, 0) for by_value in dropped]
        name = "not known" if value is None else value
        cells = [
            tag("td", _left_out(name, n, _reached(counts, i, kept[value]), shares[i])) for i, n in enumerate(counts)
        ]
        first = value == min(kept, key=lambda name: (name is None, name or ""))
        column = filters[0]["by"][place]["column"]
        yield tag(
            "tr",
            tag("td", column if first else "", class_="name soft"),
            tag("td", name),
            cells,
            tag("td", few(kept[value]), class_="n"),
            class_="parted" if first else None,
        )


def _reached(dropped: Sequence[int], index: int, kept: int) -> int:
    """Return how many rows come to a filter: those that it, the later ones or none leave out."""
    return kept + sum(dropped[index:])


def _left_out(name: str, dropped: int, reached: int, overall: float | None) -> Html:
    told = few(dropped) if overall is not None else f"{dropped:,}"
    if reached < 2 * FEW:
        return join(tag("span", told), tag("div", "too few to compare", class_="small soft"))
    share = blurred(dropped) / max(reached, blurred(dropped))
    return join(tag("span", told), bar(share, f"{name}: {told} left out", "other", overall))


_LABELS = {
    "survival_status": ("alive", "dead"),
    "os_event": ("censored: alive when last seen", "died"),
    "rfs_event": ("censored: neither when last seen", "recurred or died"),
}


def labels_part(labels: Mapping[str, Any]) -> Html:
    """Return counts of labels and survival."""
    names = [("label", ""), ("0", "n"), ("1", "n"), ("none", "n"), ("it says", "")]
    rows = [_label(name, counts) for name, counts in labels["counts"].items()]
    held = [tag("li", tag("span", code, class_="code soft"), f" {n:,}") for code, n in labels["held"].items()]
    return join(
        _survival(labels["survival"]) if labels["survival"] else "",
        tag("h3", "Labels") if rows else "",
        table(header(names), rows) if rows else tag("p", "There are no labels.", class_="told"),
        tag("h3", "Held back, while the features of the rows are taken") if held else "",
        tag("ul", held) if held else "",
    )


def _label(name: str, counts: Mapping[str, int]) -> Html:
    days = name.removeprefix("os_horizon_").removesuffix("d")
    zero, one = _LABELS.get(name, (f"lived longer than {days} days", f"died within {days} days"))
    return tag(
        "tr",
        tag("td", name, class_="name"),
        *(tag("td", few(counts.get(value, 0)), class_="n") for value in ("0", "1", "none")),
        tag("td", f"0: {zero}; 1: {one}", class_="small soft"),
    )


def _survival(survival: Mapping[str, Any]) -> Html:
    median, followed = survival["median_days"], survival["median_follow_up_days"]
    reached = (
        f"Half had died after {_years(median)}." if median is not None else "Fewer than half died within follow-up."
    )
    follow_up = f" Median follow-up is {_years(followed)}." if followed is not None else ""
    told = f"{few(survival['events'])} of {survival['cases']:,} cases died. {reached}{follow_up}"
    lede = (
        "Overall survival (Kaplan–Meier) with its 95 % interval, read off in steps of a month or more. Median "
        "follow-up is the reverse estimate: how long cases would have been watched, had nobody died."
    )
    drawn = survival["cases"] >= FEW
    return join(
        tag("p", lede, class_="lede"),
        tag("p", told, class_="told"),
        tag("figure", survival_curve(survival["curve"], told), class_="survival") if drawn else "",
    )


def _years(days: float) -> str:
    return f"{amount(days)} days ({days / 365.25:.1f} years)"
