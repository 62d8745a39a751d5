"""The page's part on drift."""

from collections.abc import Iterator, Mapping
from typing import Any

from multimodal.clinical.page.charts import PSI_SCALE, axis, few, pair, psi_bar
from multimodal.clinical.page.markup import Html, join, tag
from multimodal.clinical.page.text import amount, header, legend, percent, table

_TONES = {"none": "main", "moderate": "wait", "large": "bad"}


def drift_part(drift: Mapping[str, Any]) -> Html:
    """Return what changed since the previous upload; columns that did not are only named."""
    if not drift["compared"]:
        return tag("p", f"{drift['reason'][:1].upper()}{drift['reason'][1:]}.", class_="told")
    changed = [part for part in drift["columns"] if _notable(part)]
    same = [part["column"] for part in drift["columns"] if not _notable(part)]
    names = [("column", ""), ("", "mark"), (axis(PSI_SCALE), "plot"), ("PSI", "n"), ("what changed", "message")]
    return join(
        tag("p", _lede(), class_="lede"),
        tag("p", _told(drift), class_="told"),
        table(header(names), [_row(part) for part in sorted(changed, key=lambda p: -p["psi"])]) if changed else "",
        _levels([part for part in changed if part["change"] != "none" and "levels" in part]),
        _unchanged(same),
    )


def _unchanged(names: list[str]) -> Html:
    if not names:
        return Html()
    listed = [piece for name in names for piece in (", ", name)][1:]
    return tag("p", f"No change in {len(names)} columns: ", listed, ".", class_="lede small", style="margin-top:18px")


def _lede() -> str:
    return (
        "The population stability index (PSI) compares the shares of levels, or of the previous upload's tenths; "
        "missing values are a share of their own. By custom 0.1 is a moderate and 0.25 a large change. The tick is "
        "what chance alone reaches once in twenty times with so many cases: a bar that ends before it is no change."
    )


def _told(drift: Mapping[str, Any]) -> str:
    cases, rows = drift["cases"], drift["rows"]
    about = "about " if cases["estimated"] else ""
    told = (
        f"{rows['now']:,} rows, {rows['previous']:,} before: {about}{cases['new']:,} new cases, "
        f"{about}{cases['gone']:,} gone, {about}{cases['kept']:,} in both."
    )
    for verb, names in (("are new", drift["new_columns"]), ("are gone", drift["gone_columns"])):
        told += f" Columns that {verb}: {', '.join(names)}." if names else ""
    return told


def _notable(part: Mapping[str, Any]) -> bool:
    outside = part.get("range", {}).get("outside_previous", 0)
    return bool(part["change"] != "none" or part.get("new_levels") or part.get("gone_levels") or outside)


def _row(part: Mapping[str, Any]) -> Html:
    mark = [tag("span", part["change"], class_=f"chip {part['change']}")] if part["change"] != "none" else []
    return tag(
        "tr",
        tag("td", part["column"], class_="name"),
        tag("td", mark, class_="mark"),
        tag("td", psi_bar(part["psi"], part["psi_by_chance"], _TONES[part["change"]]), class_="plot"),
        tag("td", f"{part['psi']:.2f}", class_="n small"),
        tag("td", "; ".join(_changes(part)) or "shares shifted", class_="small message"),
    )


def _changes(part: Mapping[str, Any]) -> Iterator[str]:
    missing = part["missing"]
    if part.get("new_levels"):
        yield f"new: {', '.join(part['new_levels'])}"
    if part.get("gone_levels"):
        yield f"gone: {', '.join(part['gone_levels'])}"
    if "median" in part and part["median"]["previous"] != part["median"]["now"]:
        yield f"median {amount(part['median']['previous'])} → {amount(part['median']['now'])}"
    if part.get("range", {}).get("outside_previous"):
        yield f"{percent(part['range']['outside_previous'])} of the values are outside the previous range"
    if abs(missing["previous"] - missing["now"]) >= 0.01:
        yield f"missing {percent(missing['previous'])} → {percent(missing['now'])}"


def _levels(parts: list[Mapping[str, Any]]) -> Html:
    if not parts:
        return Html()
    cards = [tag("div", tag("h4", part["column"]), tag("dl", _shares(part)), class_="card") for part in parts]
    return join(
        tag("h3", "Shares of levels"),
        legend([("before", "faint", ""), ("now", "main", "")]),
        tag("div", cards, class_="cards"),
    )


def _shares(part: Mapping[str, Any]) -> Iterator[Html]:
    before = sum(level["previous"] for level in part["levels"]) or 1
    now = sum(level["now"] for level in part["levels"]) or 1
    for level in part["levels"]:
        shares = level["previous"] / before, level["now"] / now
        yield tag("dt", level["level"])
        yield tag("dd", pair(*shares, f"{level['level']}: {percent(shares[0])}, now {percent(shares[1])}"))
        yield tag("dd", few(level["now"]), class_="n")
