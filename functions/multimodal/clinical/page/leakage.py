"""The page's part on leakage."""

from collections.abc import Iterator, Mapping
from typing import Any

from multimodal.clinical.page.charts import AUC_SCALE, Mark, axis, intervals
from multimodal.clinical.page.markup import Html, join, tag
from multimodal.clinical.page.text import chip, header, legend, table

_NAMES = {"value": "by value", "missingness": "by whether it is missing"}


def leakage_part(leakage: Mapping[str, Any]) -> Html:
    """Return every column's scores: features first, the most telling at the top."""
    if not leakage["measured"]:
        return tag("p", f"Not judged: {leakage['reason']}.", class_="note")
    names = [("column", ""), ("", "mark"), (axis(AUC_SCALE), "plot"), ("AUC, 95 % interval", "n")]
    features = [part for part in leakage["columns"] if part["status"] in ("feature", "allowed")]
    others = [part for part in leakage["columns"] if part["status"] not in ("feature", "allowed")]
    return join(
        tag("p", _lede(leakage), class_="lede"),
        legend(
            [("by value", "main", "dot"), ("by whether it is missing", "main", "ring"), ("suspected", "bad", "dot")]
        ),
        tag("h3", "Features"),
        table(header(names), [_row(part) for part in sorted(features, key=_most_telling)], "even"),
        tag("h3", "Columns that never become features") if others else "",
        table(header(names), [_row(part) for part in sorted(others, key=_most_telling)], "even") if others else "",
        tag("p", _method(leakage), class_="lede small", style="margin-top:18px"),
    )


def _lede(leakage: Mapping[str, Any]) -> str:
    target, positive = leakage["target"]["column"], " or ".join(leakage["target"]["positive"])
    return (
        f"How well each column alone tells {target} ({positive} in {leakage['positives']:,} cases, not in "
        f"{leakage['negatives']:,}). At 0.5 it tells nothing, at 1 everything; below 0.5 it tells nothing either: what "
        "was learned on some cases is wrong for the others. A column is suspected when its whole interval lies at "
        f"{leakage['threshold']:g} or above, and holds the upload when it would be a feature."
    )


def _method(leakage: Mapping[str, Any]) -> str:
    sample = f" A sample of {leakage['rows']:,} rows was used." if leakage["sampled"] else ""
    return (
        f"Area under the ROC curve, averaged over {leakage['folds']} stratified folds; the direction of a number and "
        "the rates of categories are learned on the other folds. Intervals have the variance of Hanley and McNeil "
        f"(1982) in Newcombe's score form (2006), which few cases widen even when the order is perfect.{sample}"
    )


def _most_telling(part: Mapping[str, Any]) -> float:
    scores = [part[name]["auc"] for name in _NAMES if part[name]["auc"] is not None]
    return -max(scores, default=0.0)


def _row(part: Mapping[str, Any]) -> Html:
    scored = [(name, part[name]) for name in _NAMES if part[name]["auc"] is not None]
    marks = [_mark(part, name, score) for name, score in scored]
    label = f"{part['column']}: " + ", ".join(f"{_NAMES[name]} {score['auc']:.3f}" for name, score in scored)
    suspect = [tag("span", "suspected", class_="chip suspect"), " "] if part["suspected"] else []
    kind = [] if part["status"] == "feature" else [chip(part["status"])]
    plot = intervals(AUC_SCALE, marks, label) if marks else tag("span", _why(part), class_="small soft")
    return tag(
        "tr",
        tag("td", part["column"], class_="name"),
        tag("td", suspect, kind, class_="mark"),
        tag("td", plot, class_="plot"),
        tag("td", (_number(score) for _, score in scored), class_="n small"),
    )


def _mark(part: Mapping[str, Any], name: str, score: Mapping[str, Any]) -> Mark:
    tone = "bad" if name in part["suspected"] else "main"
    return Mark(score["auc"], score["low"], score["high"], "dot" if name == "value" else "ring", tone)


def _number(score: Mapping[str, Any]) -> Html:
    numbers = tag("span", f" {score['low']:.2f}–{score['high']:.2f}", class_="soft")
    return tag("div", f"{score['auc']:.3f}", numbers, style="line-height:18px")


def _why(part: Mapping[str, Any]) -> str:
    return "; ".join(dict.fromkeys(reason for reason in _reasons(part) if reason))


def _reasons(part: Mapping[str, Any]) -> Iterator[str]:
    yield part["value"]["reason"]
    yield part["missingness"]["reason"]
