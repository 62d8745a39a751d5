"""The report as one page, by the templates in `templates/`; what they show is prepared here."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from multimodal.clinical.report import charts
from multimodal.clinical.report.bias import METRICS
from multimodal.clinical.report.charts import (
    AUC_SCALE,
    DPL_SCALE,
    FEW,
    PSI_SCALE,
    STYLE_SHEET,
    Mark,
    blurred,
    few,
    intervals,
    text,
)
from multimodal.clinical.report.tallies import DAYS_OF_YEAR
from multimodal.compiled_templates import CompiledBeside
from multimodal.tables.table import Scope

TEMPLATES = Path(__file__).parent / "templates"

Part = Mapping[str, Any]

IMPACT: dict[Scope, str] = {
    "row": "row rejected",
    "record": "record left out",
    "label": "label held back",
    "value": "value left out",
    "warning": "none: please check",
    "dropped": "row filtered out, as configured",
}
"""What a problem of each scope costs, in words."""
_LABELS = {
    "survival_status": ("alive", "dead"),
    "os_event": ("censored: alive when last seen", "died"),
    "rfs_event": ("censored: neither when last seen", "recurred or died"),
}
_SCORES = {"value": "by value", "missingness": "by whether it is missing"}
_MOST_LEVELS = 12


def render_html(report: Part) -> str:
    """Return the page of a report: one file without scripts that loads nothing.

    Parameters
    ----------
    report : mapping
        As `multimodal.clinical.report.build.build_report` or `build_refusal_report` returns it.
    """
    page = environment().get_template("report.html.j2")
    return page.render(report=report, sections=list(_sections(report)), figures=_figures(report))


def page_templates(folder: Path, *sheets: Path, trim: bool = False) -> Environment:
    """Return the templates of a folder, with style sheets as `style`: everything is escaped but what `charts` drew."""
    made = Environment(
        loader=FileSystemLoader(folder),
        bytecode_cache=CompiledBeside(folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: text(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
        trim_blocks=trim,
        lstrip_blocks=trim,
    )
    made.globals["style"] = Markup("".join(sheet.read_text(encoding="utf-8") for sheet in sheets))  # noqa: S704 – ours
    return made


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the environment of the report's templates."""
    made = page_templates(TEMPLATES, STYLE_SHEET)
    made.filters |= _FILTERS
    drawings = (charts.axis, charts.bar, charts.histogram, charts.pair, charts.psi_bar, charts.stacked)
    made.globals |= {drawing.__name__: drawing for drawing in (*drawings, charts.survival_curve)}
    made.globals |= {"AUC_SCALE": AUC_SCALE, "DPL_SCALE": DPL_SCALE, "PSI_SCALE": PSI_SCALE, "FEW": FEW}
    made.globals |= {"METRICS": list(METRICS), "DAYS_OF_YEAR": DAYS_OF_YEAR}
    made.globals["impact"] = IMPACT
    return made


def _sections(report: Part) -> Iterator[tuple[str, str]]:
    if report["verdict"]["status"] == "refused":
        return
    yield "rows", "Row validation"
    if report["selection"]:
        yield "selection", "Selection by row filters"
    if report["labels"]:
        yield "labels", "Labels and follow-up"
    yield "leakage", "Leakage"
    yield "bias", "Bias before training"
    yield "drift", "Drift since the previous upload"
    yield "columns", "Columns"


def _figures(report: Part) -> list[tuple[str, int, str]]:
    if "validation" not in report:
        return []
    validation, held = report["validation"], report["verdict"]["status"] == "held"
    figures = [
        ("Rows read", validation["rows"], ""),
        ("Would be taken" if held else "Taken", validation["taken"], ""),
        ("Filtered out", validation["dropped"], ""),
        ("Rejected", validation["rejected"], "bad"),
        ("Records waiting" if held else "Records", sum(validation["records"].values()), ""),
    ]
    labels = report["labels"]
    return figures + ([("Labels held back", sum(labels["held"].values()), "")] if labels else [])


# Small texts


def percent(share: float) -> str:
    """Return a share as a percentage."""
    return f"{100 * share:.1f} %" if 0 < share < 0.995 else f"{100 * share:.0f} %"


def _share(part: int, whole: int) -> str:
    """Return a share as a percentage; that of one to four cases would tell how many they are."""
    return f"<{FEW} cases" if 0 < part < FEW else percent(part / max(whole, 1))


def _of_all(part: int, whole: int, told: Callable[[int, int], str] = lambda part, _: f"{part:,}") -> str:
    """Return how many of how many, where neither these nor the others are one to four."""
    if 0 < part < FEW:
        return f"fewer than {FEW} of {few(whole)}"
    return f"{f'all but fewer than {FEW}' if 0 < whole - part < FEW else told(part, whole)} of {few(whole)}"


def signed(value: float, digits: int = 3) -> str:
    """Return a number with a real minus."""
    written = f"{value:.{digits}f}"
    return written.replace("-", "\u2212") if float(written) else written.replace("-", "")


def amount(value: float) -> str:
    """Return a number as short as it can be told apart."""
    # Four digits write 10,000 as a power of ten.
    return f"{value:{',.4g' if abs(value) < 9999.5 else ',.0f'}}".replace("-", "\u2212")


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _delimiter(delimiter: str) -> str:
    return {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}.get(delimiter, repr(delimiter))


def _label_meaning(name: str) -> tuple[str, str]:
    days = name.removeprefix("os_horizon_").removesuffix("d")
    return _LABELS.get(name, (f"lived longer than {days} days", f"died within {days} days"))


def _evidence(part: Part) -> str:
    names = {"value": "its value", "missingness": "whether it is missing"}
    scores = (
        f"{names[name]} alone has an AUC of {part[name]['auc']:.3f} (95 % interval {part[name]['low']:.3f} to "
        f"{part[name]['high']:.3f})"
        for name in part["suspected"]
    )
    return " and ".join(scores)


# Selection, survival


class _Cell(NamedTuple):
    told: str
    share: float | None
    overall: float | None


def _selection_rows(selection: Sequence[Part]) -> dict[str, Any]:
    """Return how the rows that each filter leaves out differ from those that come to it."""
    filters = [part for part in selection if part["filter"] is not None]
    names = [("", ""), ("group", ""), *((part["reason"], "filter") for part in filters), ("kept", "n")]
    kept, counts = filters[0]["kept"], [part["dropped"] for part in filters]
    cells = [_left_out(n, _reached(counts, i, kept), None) for i, n in enumerate(counts)]
    rows = [{"name": "all rows", "column": "", "parted": False, "cells": cells, "kept": f"{kept:,}"}]
    for place, by in enumerate(filters[0]["by"]):
        if len(by["groups"]) > 1:
            rows += _groups(filters, place)
    return {"names": names, "rows": rows}


def _groups(filters: Sequence[Part], place: int) -> Iterator[dict[str, Any]]:
    whole = [part["dropped"] for part in filters]
    shares = [blurred(n) / max(_reached(whole, i, filters[0]["kept"]), 1) for i, n in enumerate(whole)]
    dropped = [{group["value"]: group["dropped"] for group in part["by"][place]["groups"]} for part in filters]
    kept = {group["value"]: group["kept"] for part in filters for group in part["by"][place]["groups"]}
    for number, value in enumerate(sorted(kept, key=lambda name: (name is None, name or ""))):
        counts = [by_value.get(value, 0) for by_value in dropped]
        yield {
            "name": "not known" if value is None else value,
            "column": "" if number else filters[0]["by"][place]["column"],
            "parted": not number,
            "cells": [_left_out(n, _reached(counts, i, kept[value]), shares[i]) for i, n in enumerate(counts)],
            "kept": few(kept[value]),
        }


def _reached(dropped: Sequence[int], index: int, kept: int) -> float:
    """Return how many rows come to a filter: those that it, the later ones or none leave out, each of them blurred."""
    return sum(map(blurred, (kept, *dropped[index:])))


def _left_out(dropped: int, reached: float, overall: float | None) -> _Cell:
    told = few(dropped) if overall is not None else f"{dropped:,}"
    share = blurred(dropped) / max(reached, blurred(dropped)) if reached >= 2 * FEW else None
    return _Cell(told, share, overall)


def _tells_events(survival: Part) -> bool:
    """Each step of a curve of one to four deaths would be one of them."""
    return bool(survival["cases"] >= FEW and not 0 < survival["events"] < FEW)


def _survival(survival: Part) -> str:
    died = _sentence(f"{_of_all(survival['events'], survival['cases'])} cases died")
    if not _tells_events(survival):
        return died
    median, followed = survival["median_days"], survival["median_follow_up_days"]
    reached = (
        f"Half had died after {_years(median)}." if median is not None else "Fewer than half died within follow-up."
    )
    follow_up = f" Median follow-up is {_years(followed)}." if followed is not None else ""
    return f"{died} {reached}{follow_up}"


def _years(days: float) -> str:
    return f"{amount(days)} days ({days / DAYS_OF_YEAR:.1f} years)"


# Leakage


def _by_use(columns: Sequence[Part]) -> tuple[list[Part], list[Part]]:
    """Return features and other columns, the most telling first."""

    def most_telling(part: Part) -> float:
        return -max((part[name]["auc"] for name in _SCORES if part[name]["auc"] is not None), default=0.0)

    ordered = sorted(columns, key=most_telling)
    features = [part for part in ordered if part["status"] in ("feature", "allowed")]
    return features, [part for part in ordered if part["status"] not in ("feature", "allowed")]


def _auc_plot(part: Part) -> dict[str, Any]:
    scored = [(name, part[name]) for name in _SCORES if part[name]["auc"] is not None]
    marks = [
        Mark(
            score["auc"],
            score["low"],
            score["high"],
            "dot" if name == "value" else "ring",
            "bad" if name in part["suspected"] else "main",
        )
        for name, score in scored
    ]
    label = f"{part['column']}: " + ", ".join(f"{_SCORES[name]} {score['auc']:.3f}" for name, score in scored)
    reasons = dict.fromkeys(part[name]["reason"] for name in _SCORES if part[name]["reason"])
    plot = intervals(AUC_SCALE, marks, label) if marks else ""
    return {"scores": [score for _, score in scored], "plot": plot, "why": "; ".join(reasons)}


# Bias


def _informative(strata: Sequence[Part]) -> list[Part]:
    """A stratum that holds all cases says nothing new, and one without cases nothing at all."""
    overall, facets = strata[0], ("disadvantaged", "others")

    def adds(stratum: Part) -> bool:
        cases = sum(sum(stratum[facet].values()) for facet in facets)
        return stratum is overall or (cases > 0 and any(stratum[facet] != overall[facet] for facet in facets))

    return [stratum for stratum in strata if adds(stratum)]


def _facet_summary(bias: Part, overall: Part) -> str:
    d, a = overall["disadvantaged"], overall["others"]
    n_d, n_a = d["positive"] + d["negative"], a["positive"] + a["negative"]
    if min(n_d, n_a) < FEW:
        return "Too few cases in one of the facets to compare them."
    positive = " or ".join(bias["target"]["positive"])
    return (
        f"{positive} is the outcome of {_of_all(d['positive'], n_d, _share)} disadvantaged and of "
        f"{_of_all(a['positive'], n_a, _share)} other cases."
    )


def _stratum_name(stratum: Part) -> str:
    if stratum["column"] is None:
        return "all cases"
    return f"{stratum['column']} {'not known' if stratum['value'] is None else stratum['value']}"


def _shown(stratum: Part, name: str = "DPL") -> bool:
    """A metric of a count of one to four would tell it (`report-10`); class imbalance has nothing of the outcomes."""
    facets = [list(stratum[facet].values()) for facet in ("disadvantaged", "others")]
    told = name == "CI" or not any(0 < n < FEW for outcomes in facets for n in outcomes)
    return told and min(map(sum, facets)) >= FEW


def _dpl(stratum: Part) -> dict[str, Any]:
    dpl, bounds = stratum["metrics"]["DPL"], stratum["dpl_interval"]
    shown = _shown(stratum) and dpl is not None
    mark = [Mark(dpl, bounds[0], bounds[1], tone="faint" if stratum["warnings"] else "main")] if shown else []
    value = f"{signed(dpl)} " if shown else ""
    interval = f"{signed(bounds[0], 2)} to {signed(bounds[1], 2)}" if shown else "too few cases"
    plot = intervals(DPL_SCALE, mark, f"DPL {_stratum_name(stratum)}: {value}{interval}")
    return {"value": value, "interval": interval, "plot": plot}


def _outcomes(outcomes: Mapping[str, int]) -> str:
    told = few(outcomes["positive"]) if not 0 < outcomes["negative"] < FEW else "··"
    return f"{told} of {few(sum(outcomes.values()))}"


def _metric(stratum: Part, name: str) -> str:
    value = stratum["metrics"][name]
    if not _shown(stratum, name):
        return "·"
    if value is None:
        return "∞" if stratum["undefined"][name].startswith("infinite") else "–"
    return signed(value, 4)


def _bias_notes(strata: Sequence[Part]) -> list[str]:
    notes = [
        f"{_stratum_name(stratum)}: {'; '.join(stratum['warnings'])}." for stratum in strata if stratum["warnings"]
    ]
    unknown = strata[0]["excluded"]
    return notes + ([f"{few(unknown)} cases whose facet or outcome is not known are left out."] if unknown else [])


# Drift


def _is_notable(part: Part) -> bool:
    outside = part.get("range", {}).get("outside_previous", 0)
    return bool(part["change"] != "none" or part.get("new_levels") or part.get("gone_levels") or outside)


def _notable(columns: Sequence[Part]) -> list[Part]:
    return sorted(filter(_is_notable, columns), key=lambda part: -part["psi"])


def _not_notable(columns: Sequence[Part]) -> list[str]:
    return [part["column"] for part in columns if not _is_notable(part)]


def _drift_summary(drift: Part) -> str:
    cases, rows = drift["cases"], drift["rows"]
    about = "about " if cases["estimated"] else ""
    told = (
        f"{rows['now']:,} rows, {rows['previous']:,} before: {about}{few(cases['new'])} new cases, "
        f"{about}{few(cases['gone'])} gone, {about}{few(cases['kept'])} in both."
    )
    for verb, names in (("are new", drift["new_columns"]), ("are gone", drift["gone_columns"])):
        told += f" Columns that {verb}: {', '.join(names)}." if names else ""
    return told


def _changes(part: Part, rows: Mapping[str, int]) -> str:
    return "; ".join(_each_change(part, rows)) or "shares shifted"


def _each_change(part: Part, rows: Mapping[str, int]) -> Iterator[str]:
    missing = {when: round(part["missing"][when] * n) for when, n in rows.items()}
    there = {when: n - missing[when] for when, n in rows.items()}
    if part.get("new_levels"):
        yield f"new: {', '.join(part['new_levels'])}"
    if part.get("gone_levels"):
        yield f"gone: {', '.join(part['gone_levels'])}"
    told = min(there.values()) >= FEW
    if told and "median" in part and part["median"]["previous"] != part["median"]["now"]:
        yield f"median {amount(part['median']['previous'])} → {amount(part['median']['now'])}"
    if part.get("range", {}).get("outside_previous"):
        outside = round(part["range"]["outside_previous"] * there["now"])
        yield f"{_share(outside, there['now'])} of the values are outside the previous range"
    if abs(part["missing"]["previous"] - part["missing"]["now"]) >= 0.01:
        before, now = (_share(missing[when], rows[when]) for when in ("previous", "now"))
        yield f"missing {before} → {now}"


def _level_shares(part: Part) -> Iterator[dict[str, Any]]:
    before = sum(level["previous"] for level in part["levels"]) or 1
    now = sum(level["now"] for level in part["levels"]) or 1
    for level in part["levels"]:
        shares = blurred(level["previous"]) / before, blurred(level["now"]) / now
        label = f"{level['level']}: {_share(level['previous'], before)}, now {_share(level['now'], now)}"
        yield {"name": level["level"], "before": shares[0], "now": shares[1], "label": label, "cases": level["now"]}


# Columns


def _number_summary(part: Part) -> dict[str, str]:
    edges, q = part["number"]["histogram"]["edges"], part["number"]["quantiles"]
    middle = f"median {amount(q['p50'])} {part['unit']}, middle half {amount(q['p25'])} to {amount(q['p75'])}"
    return {"text": middle, "first": amount(edges[0]), "last": amount(edges[-1])}


def _level_bars(part: Part) -> list[dict[str, Any]]:
    levels = list(part["levels"].items())
    rest = sum(n for _, n in levels[_MOST_LEVELS:])
    shown = [*levels[:_MOST_LEVELS], *([("further levels", rest)] if rest else [])]
    shown += [("other values", part["other"])] if part["other"] else []
    most = max((blurred(n) for _, n in shown), default=0.0) or 1.0
    return [{"name": name, "share": blurred(n) / most, "told": few(n)} for name, n in shown]


def _missing(part: Part) -> dict[str, Any]:
    number = part["number"]
    there = number["count"] if number else sum(part["levels"].values()) + part["other"]
    if part["missing"] and there:
        total = there + part["missing"]
        label = f"{_share(part['missing'], total)} missing"
        return {"label": label, "drawn": blurred(part["missing"]) / total, "told": few(part["missing"])}
    told = "nothing is counted" if part["kind"] == "drop" else "always missing" if part["missing"] else "never missing"
    if not there and part["kind"] in ("date", "drop"):
        told = f"{few(part['missing'])} missing" if part["missing"] else "never missing"
    return {"label": "", "drawn": None, "told": told}


_FILTERS: dict[str, Callable[..., Any]] = {
    function.__name__.lstrip("_"): function
    for function in (
        *(amount, _auc_plot, _bias_notes, _by_use, _changes, _delimiter, _dpl, _drift_summary, _evidence),
        *(_facet_summary, few, _informative, _label_meaning, _level_bars, _level_shares, _listed, _metric),
        *(_missing, _not_notable, _notable, _number_summary, _outcomes, percent, _selection_rows, _sentence),
        *(_stratum_name, _survival, _tells_events),
    )
} | {
    "as_number_head": lambda name: (name, "n"),
    "count": lambda number: f"{number:,}",
    "quoted": repr,
    "shortest": lambda number: f"{number:g}",
}
"""What the templates call on the parts of a report."""
