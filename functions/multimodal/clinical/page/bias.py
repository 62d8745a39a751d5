"""The page's part on bias."""

from collections.abc import Mapping
from typing import Any

from multimodal.clinical.bias import METRICS
from multimodal.clinical.page.charts import DPL_SCALE, FEW, Mark, axis, few, intervals
from multimodal.clinical.page.markup import Html, join, tag
from multimodal.clinical.page.text import header, percent, signed, table

TERMS = {
    "CI": ("class imbalance", "how much larger one facet is than the other: 0 equal, ±1 only one"),
    "DPL": ("difference in proportions of labels", "favourable share of the others less that of the disadvantaged"),
    "KL": (
        "Kullback–Leibler divergence",
        "how far the outcomes of the others are from those of the disadvantaged, nats",
    ),
    "JS": ("Jensen–Shannon divergence", "the same, symmetric and bounded by ln 2"),
    "LP": ("L2 norm", "distance of the two facets' shares of outcomes"),
    "TVD": ("total variation distance", "half the sum of the absolute differences"),
    "KS": ("Kolmogorov–Smirnov", "the largest difference of a share"),
    "CDDL": (
        "conditional demographic disparity",
        "whether the disadvantaged have more of the unfavourable than of the favourable outcomes, within groups",
    ),
}


def bias_part(bias: Mapping[str, Any]) -> Html:
    """Return each facet: the difference of outcomes overall and by stratum, and the eight metrics."""
    if not bias["measured"]:
        return tag("p", f"Not measured: {bias['reason']}.", class_="note")
    positive = " or ".join(bias["target"]["positive"])
    lede = (
        f"Pre-training metrics of SageMaker Clarify; the favourable outcome is {positive}. A difference is no proof of "
        "unfairness, and a model will learn it. DPL is below 0 where the disadvantaged have the favourable outcome "
        "more often. Within small groups chance alone makes large differences: look at the interval first; pale marks "
        "rest on few cases."
    )
    terms = [tag("div", tag("dt", f"{k}: {name}"), tag("dd", meaning)) for k, (name, meaning) in TERMS.items()]
    facets = [_facet(bias, facet) for facet in bias["facets"]]
    return join(tag("p", lede, class_="lede"), facets, tag("dl", terms, class_="terms"))


def _facet(bias: Mapping[str, Any], facet: Mapping[str, Any]) -> Html:
    disadvantaged, others = ", ".join(facet["disadvantaged"]), ", ".join(facet["others"]) or "all others"
    strata = [stratum for stratum in facet["strata"] if _adds(stratum, facet["strata"][0])]
    plot = [("", ""), ("disadvantaged", "n"), ("others", "n"), (axis(DPL_SCALE), "plot"), ("DPL, 95 % interval", "n")]
    numbers = [("", ""), *((name, "n") for name in METRICS)]
    group = f" CDDL is taken within {bias['group']}." if bias["group"] else ""
    return join(
        tag("h3", f"{facet['column']}: {disadvantaged}, compared with {others}"),
        tag("p", _told(bias, strata[0]) + group, class_="told"),
        table(header(plot), [_difference(stratum) for stratum in strata]),
        tag("h4", "All eight", style="margin:20px 0 6px"),
        table(header(numbers), [_metrics(stratum) for stratum in strata]),
        _warnings(strata),
    )


def _adds(stratum: Mapping[str, Any], overall: Mapping[str, Any]) -> bool:
    """A stratum that holds all cases says nothing new, and one without cases nothing at all."""
    facets = ("disadvantaged", "others")
    cases = sum(sum(stratum[facet].values()) for facet in facets)
    return stratum is overall or (cases > 0 and any(stratum[facet] != overall[facet] for facet in facets))


def _told(bias: Mapping[str, Any], overall: Mapping[str, Any]) -> str:
    d, a = overall["disadvantaged"], overall["others"]
    n_d, n_a = d["positive"] + d["negative"], a["positive"] + a["negative"]
    if min(n_d, n_a) < FEW:
        return "Too few cases in one of the facets to compare them."
    positive = " or ".join(bias["target"]["positive"])
    return (
        f"{positive} is the outcome of {percent(d['positive'] / n_d)} of {n_d:,} disadvantaged and of "
        f"{percent(a['positive'] / n_a)} of {n_a:,} other cases."
    )


def _name(stratum: Mapping[str, Any]) -> str:
    if stratum["column"] is None:
        return "all cases"
    value = "not known" if stratum["value"] is None else stratum["value"]
    return f"{stratum['column']} {value}"


def _shown(stratum: Mapping[str, Any]) -> bool:
    """Metrics of fewer than five cases would be those cases."""
    smaller: int = min(sum(stratum["disadvantaged"].values()), sum(stratum["others"].values()))
    return smaller >= FEW


def _difference(stratum: Mapping[str, Any]) -> Html:
    dpl, bounds = stratum["metrics"]["DPL"], stratum["dpl_interval"]
    shown = _shown(stratum) and dpl is not None
    tone = "faint" if stratum["warnings"] else "main"
    mark = [Mark(dpl, bounds[0], bounds[1], tone=tone)] if shown else []
    written = f"{signed(dpl)} " if shown else ""
    interval = f"{signed(bounds[0], 2)} to {signed(bounds[1], 2)}" if shown else "too few cases"
    return tag(
        "tr",
        tag("td", _name(stratum), class_="name"),
        tag("td", _of(stratum["disadvantaged"]), class_="n"),
        tag("td", _of(stratum["others"]), class_="n"),
        tag("td", intervals(DPL_SCALE, mark, f"DPL {_name(stratum)}: {written}{interval}"), class_="plot"),
        tag("td", written, tag("span", interval, class_="soft"), class_="n small"),
    )


def _of(outcomes: Mapping[str, int]) -> str:
    told = few(outcomes["positive"]) if not 0 < outcomes["negative"] < FEW else "··"
    return f"{told} of {few(sum(outcomes.values()))}"


def _metrics(stratum: Mapping[str, Any]) -> Html:
    cells = [tag("td", _metric(stratum, name), class_="n small") for name in METRICS]
    return tag("tr", tag("td", _name(stratum), class_="name"), cells)


def _metric(stratum: Mapping[str, Any], name: str) -> str:
    value = stratum["metrics"][name]
    if not _shown(stratum):
        return "·"
    if value is None:
        return "∞" if stratum["undefined"][name].startswith("infinite") else "–"
    return signed(value, 4)


def _warnings(strata: list[Mapping[str, Any]]) -> Html:
    notes = [f"{_name(stratum)}: {'; '.join(stratum['warnings'])}." for stratum in strata if stratum["warnings"]]
    unknown = strata[0]["excluded"]
    if unknown:
        notes.append(f"{few(unknown)} cases whose facet or outcome is not known are left out.")
    return tag("div", (tag("div", note) for note in notes), class_="note") if notes else Html()
