"""The page's part on columns: what becomes of each, at which stage it is known, and why."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from multimodal.clinical.page.charts import bar, blurred, few, histogram
from multimodal.clinical.page.markup import Html, join, tag
from multimodal.clinical.page.text import amount, chip, percent

_STAGES = {
    "baseline": "before any treatment",
    "surgery": "at the operation",
    "post_treatment": "after treatment began",
    "outcome": "what happened in the end",
}


_MOST_LEVELS = 12


_MOST_FEATURES = 8


def columns_part(columns: Sequence[Mapping[str, Any]]) -> Html:
    """Return a card for every column, by the stage at which it is known."""
    lede = (
        "When a column becomes known decides whether it may be a feature: what lies beyond the gate would not be there "
        "when a model predicts. The configuration says so, never the data."
    )
    groups = [(stage, [part for part in columns if part["available_at"] == stage]) for stage in _STAGES]
    return join(tag("p", lede, class_="lede"), _gate(groups), (_group(*group) for group in groups if group[1]))


def _gate(groups: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> Html:
    cells = []
    for stage, parts in groups:
        features = sum(part["status"] in ("feature", "allowed") for part in parts)
        counts = f"{features} of {len(parts)} columns become features"
        cells.append(tag("div", tag("b", _title(stage)), _STAGES[stage], Html("<br>"), counts))
    cells.insert(2, tag("div", class_="gate", aria_hidden="true"))
    return tag("div", cells, class_="stages")


def _title(stage: str) -> str:
    return stage.replace("_", " ").capitalize()


def _group(stage: str, parts: Sequence[Mapping[str, Any]]) -> Html:
    return join(tag("h3", _title(stage)), tag("div", (_card(part) for part in parts), class_="cards"))


def _card(part: Mapping[str, Any]) -> Html:
    why = part["why"][:1].upper() + part["why"][1:]
    return tag(
        "article",
        tag("header", tag("h4", part["column"]), chip(part["status"])),
        tag("p", f"{why}.", _becomes(part["features"])),
        _distribution(part),
        _missing(part),
        class_="card",
    )


def _becomes(features: Sequence[str]) -> Html:
    """Return the names of the features; of many only the first, which tell the pattern."""
    if not features:
        return Html()
    shown = list(features[:_MOST_FEATURES])
    more = f" and {len(features) - len(shown)} more" if len(features) > len(shown) else ""
    names = [piece for name in shown for piece in (", ", tag("code", name))][1:]
    return join(" Becomes ", names, more, ".")


def _distribution(part: Mapping[str, Any]) -> Html:
    if part["number"]:
        return _numbers(part["number"], part["unit"])
    if not part["levels"]:
        return Html()
    return tag("dl", _levels(part))


def _levels(part: Mapping[str, Any]) -> Iterator[Html]:
    levels = list(part["levels"].items())
    rest = sum(n for _, n in levels[_MOST_LEVELS:])
    shown = [*levels[:_MOST_LEVELS], *([("further levels", rest)] if rest else [])]
    if part["other"]:
        shown.append(("other values", part["other"]))
    most = max((blurred(n) for _, n in shown), default=0.0) or 1.0
    for name, n in shown:
        yield tag("dt", name)
        yield tag("dd", bar(blurred(n) / most, f"{name}: {few(n)}"))
        yield tag("dd", few(n), class_="n")


def _numbers(number: Mapping[str, Any], unit: str) -> Html:
    edges, counts = number["histogram"]["edges"], number["histogram"]["counts"]
    q = number["quantiles"]
    middle = f"median {amount(q['p50'])} {unit}, middle half {amount(q['p25'])} to {amount(q['p75'])}"
    return join(
        histogram(counts, middle),
        tag("div", tag("span", amount(edges[0])), tag("span", amount(edges[-1])), class_="ends"),
        tag("div", middle, class_="small soft", style="margin-top:6px"),
    )


def _missing(part: Mapping[str, Any]) -> Html:
    number = part["number"]
    there = number["count"] if number else sum(part["levels"].values()) + part["other"]
    total = there + part["missing"]
    if not part["missing"] or not there:
        told = (
            "nothing is counted" if part["kind"] == "drop" else "always missing" if part["missing"] else "never missing"
        )
        if not there and part["kind"] in ("date", "drop"):
            told = f"{few(part['missing'])} missing" if part["missing"] else "never missing"
        return tag("dl", tag("dt", told, class_="soft", style="grid-column:1/-1"), class_="miss")
    share = part["missing"] / total
    return tag(
        "dl",
        tag("dt", "missing", class_="soft"),
        tag("dd", bar(blurred(part["missing"]) / total, f"{percent(share)} missing", "other")),
        tag("dd", few(part["missing"]), class_="n"),
        class_="miss",
    )
