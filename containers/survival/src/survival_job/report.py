"""The report and the model card, by the templates in `templates/`; they show what `results.json` says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from survival_job.dataset import LEVEL

TEMPLATES: Final = Path(__file__).parent / "templates"

Part = Mapping[str, Any]

COMMON: Final = "common"
OWN: Final = "own"
MODELS: Final = {"ridge": "Ridge Cox", "elastic net": "Elastic-net Cox", "boosting": "Gradient boosting"}
_BINS: Final = 20


@dataclass(frozen=True)
class Scale:
    """Maps values to places of a drawing.

    Parameters
    ----------
    low, high : float
        Ends of the axis; what lies beyond is drawn at its end.
    width : float
        Of the drawing, in pixels.
    mark : float
        Value that a line marks: chance, or no difference.
    """

    low: float
    high: float
    mark: float
    width: float = 220.0

    def x(self, value: float) -> float:
        """Return a value's place, in pixels from the left.

        Examples
        --------
        >>> Scale(0.0, 1.0, 0.5).x(0.25)
        55.0
        """
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(share * self.width, 1)


def write_report(results: Part, path: Path) -> None:
    """Write the report of a comparison: one file without scripts that loads nothing.

    Parameters
    ----------
    results : mapping
        As `survival_job.results.results_document` returns it.
    path : Path
        Of the page.
    """
    page = _environment().get_template("report.html.j2")
    path.write_text(page.render(**_context(results)) + "\n", encoding="utf-8")


def write_card(results: Part, model: Part, path: Path) -> None:
    """Write the saved model's card, in Markdown: data, intended use, measured performance and limits.

    Source of its sections: Mitchell et al. 2019, doi:10.1145/3287560.3287596.
    """
    page = _environment().get_template("model-card.md.j2")
    own = [s for s in results["sets"] if list(s["modalities"]) == list(model["modalities"]) and s["model"] == "ridge"]
    measured = next((s for s in own if s["cases"] == model["cases"]), own[0] if own else None)
    features = len({feature["column"].split(LEVEL)[0] for feature in model["features"]})
    card = page.render(**_context(results), model=model, measured=measured, features=features)
    path.write_text(card, encoding="utf-8")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "signed": signed,
        "interval": interval,
        "averaged": averaged,
        "whole": whole,
    }
    return environment


def _context(results: Part) -> dict[str, Any]:
    sets: Sequence[Part] = results["sets"]
    common = [each for each in sets if each["stratum"] == COMMON]
    own = list(_own(sets))
    lead, _, rest = str(results["findings"][0]).partition(": ")
    return {
        "r": results,
        "lead": lead.rstrip("."),
        "rest": rest,
        "more": results["findings"][1:],
        "tone": _tone(lead),
        "common": {title: [s for s in common if s["model"] == name] for name, title in MODELS.items()}
        if common
        else {},
        "own": own,
        "importance": _importances(common or own),
        "calibration": _calibrations(results),
        "horizons": sorted({day for each in sets for day in each["auc"]}, key=float),
        "c_scale": Scale(0.0, 1.0, 0.5),
        "difference_scale": Scale(-0.4, 0.4, 0.0),
        "importance_scale": Scale(-0.2, 0.4, 0.0),
        "auc_scale": Scale(0.0, 1.0, 0.5, 640.0),
        "bins": _histogram(results["baseline"].get("values", [])),
        "style": (TEMPLATES / "report.css").read_text(encoding="utf-8"),
    }


def _own(sets: Sequence[Part]) -> Iterator[Part]:
    """Yield each set on its own cases, with the concordance of clinical data alone on the same ones as `reference`."""
    references = {each["stratum"]: each["c_index"] for each in sets if each["stratum"].startswith(f"{OWN}: ")}
    for each in sets:
        if each["stratum"] == OWN:
            yield {**each, "reference": references.get(f"{OWN}: {each['name']}")}


def _tone(lead: str) -> str:
    if " helps" in lead:
        return "good"
    return "bad" if " harms" in lead else "wait"


def _importances(sets: Sequence[Part]) -> list[Part]:
    """Return the ridge models of more than one modality, the largest set first."""
    found = [each for each in sets if each["model"] == "ridge" and each["importance"]]
    return sorted(found, key=lambda each: -len(each["modalities"]))


def _calibrations(results: Part) -> list[Part]:
    """Return calibration of the smallest and the largest sets, on the common cases where there are any."""
    strata = {part["stratum"] for part in results["calibration"]}
    found = [part for part in results["calibration"] if part["stratum"] == (COMMON if COMMON in strata else OWN)]
    sizes = [len(part["set"].split(" + ")) for part in found]
    return [part for part, size in zip(found, sizes, strict=True) if size in (1, max(sizes))]


def _histogram(values: Sequence[float]) -> list[dict[str, float]]:
    """Return how many values are in each of the bins of equal width between 0 and 1."""
    places = [min(int(value * _BINS), _BINS - 1) for value in values]
    counts = [places.count(place) for place in range(_BINS)]
    return [
        {"from": place / _BINS, "to": (place + 1) / _BINS, "count": count, "share": count / max(counts)}
        for place, count in enumerate(counts)
        if count
    ]


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with a real minus; a missing one as a dash.

    Examples
    --------
    >>> number(0.61349), number(None)
    ('0.613', '–')
    """
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "\u2212")


def signed(value: float | None, digits: int = 3) -> str:
    """Return a number with its sign."""
    return "–" if value is None else f"{value:+.{digits}f}".replace("-", "\u2212")


def whole(value: float | None) -> str:
    """Return a number without decimals and with separators."""
    return "–" if value is None else f"{value:,.0f}"


def interval(values: Part | None, sign: bool = False) -> str:
    """Return an estimate and its 95 % interval as text.

    Examples
    --------
    >>> interval({"estimate": 0.6, "low": 0.5, "high": 0.7})
    '0.600 (0.500 to 0.700)'
    """
    if values is None or values["estimate"] is None:
        return "–"
    write = signed if sign else number
    if values["low"] is None:
        return write(values["estimate"])
    return f"{write(values['estimate'])} ({write(values['low'])} to {write(values['high'])})"


def averaged(values: Part | None) -> str:
    """Return an interval over folds, and how many folds had none of its measure.

    Examples
    --------
    >>> averaged({"estimate": 0.6, "low": 0.5, "high": 0.7, "folds_left_out": 3})
    '0.600 (0.500 to 0.700), 3 folds left out'
    """
    if values is None or values["estimate"] is None or not values["folds_left_out"]:
        return interval(values)
    folds = values["folds_left_out"]
    return f"{interval(values)}, {folds} fold{'s' if folds > 1 else ''} left out"
