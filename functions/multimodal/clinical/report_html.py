"""The report as one page: no script, nothing from the network, no value of a single patient."""

from collections.abc import Iterator, Mapping
from typing import Any

from multimodal.clinical.leakage import LEAKAGE_SUSPECTED
from multimodal.clinical.page.bias import bias_part
from multimodal.clinical.page.columns import columns_part
from multimodal.clinical.page.drift import drift_part
from multimodal.clinical.page.leakage import leakage_part
from multimodal.clinical.page.markup import Html, join, tag
from multimodal.clinical.page.rows import labels_part, selection_part, validation_part
from multimodal.clinical.page.style import STYLE

_STATES = {"accepted": "Accepted", "empty": "Nothing accepted", "held": "Held for review", "refused": "Refused"}


# Nothing may be loaded or run, whatever a header or a value of the table contains.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render_html(report: Mapping[str, Any]) -> str:
    """Return the page of a report.

    Parameters
    ----------
    report : mapping
        As :func:`multimodal.clinical.report.build_report` or ``build_refusal_report`` returns it.
    """
    upload, verdict = report["upload"], report["verdict"]
    parts = list(_parts(report))
    head = join(
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        tag("title", f"{upload['dataset']}: {_STATES[verdict['status']].lower()}"),
        tag("style", Html(STYLE)),
    )
    top = tag("header", _eyebrow(upload), _verdict(report), _figures(report), _contents(parts), class_="top")
    main = tag("main", (tag("section", tag("h2", title), body, id=name) for name, title, body in parts))
    body = tag("body", top, main, _foot(report))
    return f"<!doctype html>\n{tag('html', tag('head', head), body, lang='en')}\n"


def _parts(report: Mapping[str, Any]) -> Iterator[tuple[str, str, Html]]:
    if report["verdict"]["status"] == "refused":
        return
    yield "rows", "What becomes of the rows", validation_part(report["validation"])
    if report["selection"]:
        yield "selection", "Whom the row filters leave out", selection_part(report["selection"])
    if report["labels"]:
        yield "labels", "Labels and follow-up", labels_part(report["labels"])
    yield "leakage", "Leakage", leakage_part(report["leakage"])
    yield "bias", "Bias before training", bias_part(report["bias"])
    yield "drift", "Change since the previous upload", drift_part(report["drift"])
    yield "columns", "Every column", columns_part(report["columns"])


def _eyebrow(upload: Mapping[str, str]) -> Html:
    when = upload["uploaded_at"].replace("T", " ").replace("Z", " UTC")
    pieces = [
        tag("span", "Clinical table of ", tag("b", upload["dataset"])),
        tag("span", upload["source_uri"]),
        tag("span", f"uploaded {when}"),
    ]
    return tag("p", pieces, class_="eyebrow")


def _verdict(report: Mapping[str, Any]) -> Html:
    verdict = report["verdict"]
    code = [tag("span", verdict["code"], class_="code")] if verdict["code"] else []
    state = tag("p", tag("span", _STATES[verdict["status"]]), code, class_="state")
    return tag("div", state, _told(report), class_=f"verdict {verdict['status']}")


def _told(report: Mapping[str, Any]) -> Html:
    verdict = report["verdict"]
    if verdict["status"] == "held":
        return _held(report)
    first, *rest = verdict["message"].split(". ")
    if verdict["status"] == "refused":
        why = tag("p", f"{_capital(verdict['message'])}.")
        return join(tag("h1", "Nothing of this file was used."), why, _details(verdict))
    return join(tag("h1", f"{_capital(first)}."), (tag("p", f"{_capital(sentence)}.") for sentence in rest))


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:].rstrip(".")


def _details(verdict: Mapping[str, Any]) -> Html:
    if not verdict["details"]:
        return Html()
    rows = (
        tag("tr", tag("td", name.replace("_", " ")), tag("td", _listed(value)))
        for name, value in verdict["details"].items()
    )
    return tag("div", tag("table", rows), class_="scroll", style="margin-top:16px")


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _held(report: Mapping[str, Any]) -> Html:
    verdict = report["verdict"]
    if verdict["code"] != LEAKAGE_SUSPECTED:
        return join(tag("h1", "Nothing was written yet."), tag("p", verdict["message"]))
    suspects = [part for part in report["leakage"]["columns"] if part["suspected"] and part["status"] == "feature"]
    names = ", ".join(part["column"] for part in suspects)
    verb = "gives" if len(suspects) == 1 else "give"
    steps = [
        tag("li", "Known only later? Correct ", tag("b", "available_at"), " and set ", tag("b", "feature: false"), "."),
        tag("li", "Not wanted? Set ", tag("b", "feature: false"), "."),
        tag("li", "Right as it is? Say why with ", tag("b", "allow"), "; the reason is shown in every report."),
    ]
    evidence = [tag("li", tag("b", part["column"]), ": ", _evidence(part)) for part in suspects]
    example = f"- source: {suspects[0]['column']!r}\n  available_at: outcome\n  feature: false" if suspects else ""
    return join(
        tag("h1", f"{names} nearly {verb} {report['leakage']['target']['column']} away. Nothing was written."),
        tag("ul", evidence),
        tag(
            "p",
            "For each of these columns, change the dataset's file, deploy, then ",
            tag("b", "retry"),
            " the upload:",
        ),
        tag("ul", steps),
        tag("pre", example) if example else "",
    )


def _evidence(part: Mapping[str, Any]) -> str:
    names = {"value": "its value", "missingness": "whether it is missing"}
    scores = (
        f"{names[name]} alone has an AUC of {part[name]['auc']:.3f} (95 % interval {part[name]['low']:.3f} to "
        f"{part[name]['high']:.3f})"
        for name in part["suspected"]
    )
    return " and ".join(scores)


def _figures(report: Mapping[str, Any]) -> Html:
    if "validation" not in report:
        return Html()
    validation = report["validation"]
    held = report["verdict"]["status"] == "held"
    figures = [
        ("Rows read", validation["rows"], ""),
        ("Would be taken" if held else "Taken", validation["taken"], ""),
        ("Left out by filters", validation["dropped"], ""),
        ("Rejected", validation["rejected"], "bad"),
        ("Records waiting" if held else "Records", sum(validation["records"].values()), ""),
    ]
    if report["labels"]:
        figures.append(("Labels held back", sum(report["labels"]["held"].values()), ""))
    cells = (
        tag("div", tag("dt", name), tag("dd", f"{n:,}"), class_=tone if n and tone else None)
        for name, n, tone in figures
    )
    return tag("dl", cells, class_="figures")


def _contents(parts: list[tuple[str, str, Html]]) -> Html:
    if not parts:
        return Html()
    return tag("nav", (tag("a", title, href=f"#{name}") for name, title, _ in parts), aria_label="Contents")


def _foot(report: Mapping[str, Any]) -> Html:
    upload = report["upload"]
    few = "Groups of one to four cases are written <5 and drawn alike; report.json beside this page has every number."
    how = [f"Upload {upload['upload_id']}"]
    if upload["encoding"]:
        how.append(f"read as {upload['encoding']}, separated by {_delimiter(upload['delimiter'])}")
    parts = [tag("p", few)] if "validation" in report else []
    return tag("footer", tag("div", parts, tag("p", ", ".join(how) + ".")))


def _delimiter(delimiter: str) -> str:
    return {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}.get(delimiter, repr(delimiter))
