"""Drift: what changed since the dataset's previous accepted upload."""

from collections.abc import Mapping, Sequence
from math import log, sqrt
from typing import Any

from multimodal.clinical.report.profile import PROFILE_SCHEMA, SKETCH_CASES, ProfileSummary
from multimodal.clinical.report.tallies import ColumnProfile, bin_counts

MODERATE, LARGE = 0.1, 0.25
"""PSI at which a change is called moderate and large: the rule of thumb that Yurdakul and Naranjo, "Statistical
properties of the population stability index", Journal of Risk Model Validation 14(4) (2020), describe and criticise for
looking away from the number of cases. So a PSI that chance alone reaches once in 20 times is no change here."""

SMOOTHING = 0.5
"""Cases added to every interval: an empty one would make the index infinite."""

MISSING = "(missing)"
OTHER = "(other values)"


def drift_section(summary: ProfileSummary, previous: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the report's part on drift.

    Parameters
    ----------
    summary : ProfileSummary
        Of this upload.
    previous : mapping, optional
        `ProfileSummary.document()` of the previous accepted upload.
    """
    if previous is None:
        return {"compared": False, "reason": "first upload of this dataset: nothing to compare with", "columns": []}
    if previous.get("schema") != PROFILE_SCHEMA:
        return {"compared": False, "reason": "the previous upload's profile is of another version", "columns": []}
    columns = [_column(source, profile, previous, summary) for source, profile in summary.columns.items()]
    return {
        "compared": True,
        "reason": "",
        "previous_upload_id": previous["upload_id"],
        "rows": {"previous": previous["rows"], "now": summary.rows},
        "cases": _cases(previous, summary),
        "new_columns": [source for source in summary.columns if source not in previous["columns"]],
        "gone_columns": [source for source in previous["columns"] if source not in summary.columns],
        "columns": [column for column in columns if column is not None],
    }


def _cases(previous: Mapping[str, Any], summary: ProfileSummary) -> dict[str, Any]:
    """Count new and gone cases; of large tables, scaled up from the cases with the smallest hashes."""
    before, now = previous["cases"], summary.sample.hashes[:SKETCH_CASES]
    # A sketch that is not full has every case; a patient who was forgotten is in it no more, and still in the count.
    full = [sketch[-1] for sketch in (before, now) if len(sketch) >= SKETCH_CASES]
    whole = not full or (len(before) == previous["rows"] and len(now) == summary.rows)
    limit = "g" if whole else min(full)
    old, new = {h for h in before if h <= limit}, {h for h in now if h <= limit}
    # Of both tables together: of a small one alone, none may be below the limit.
    share = 1.0 if whole else (len(old) + len(new)) / (previous["rows"] + summary.rows)
    return {
        "new": round(len(new - old) / share),
        "gone": round(len(old - new) / share),
        "kept": round(len(old & new) / share),
        "estimated": not whole,
    }


def _column(
    source: str, now: ColumnProfile, previous: Mapping[str, Any], summary: ProfileSummary
) -> dict[str, Any] | None:
    before = previous["columns"].get(source)
    if before is None:
        return None
    compared = _missing_only(before, now, previous["rows"], summary.rows)
    if now.levels and before["levels"]:
        compared = _levels(before, now)
    elif now.number and before["number"]:
        compared = _numbers(before, now, summary.sample.numbers[source])
    return {
        "column": source,
        "missing": {"previous": _share(before["missing"], previous["rows"]), "now": _share(now.missing, summary.rows)},
        **compared,
        "change": change(compared["psi"], compared["psi_by_chance"]),
    }


def _missing_only(before: Mapping[str, Any], now: ColumnProfile, rows_before: int, rows: int) -> dict[str, Any]:
    return _stability([before["missing"], rows_before - before["missing"]], [now.missing, rows - now.missing])


def _levels(before: Mapping[str, Any], now: ColumnProfile) -> dict[str, Any]:
    old = {**before["levels"], OTHER: before["other"], MISSING: before["missing"]}
    new = {**now.levels, OTHER: now.other, MISSING: now.missing}
    names = [name for name in {**old, **new} if old.get(name) or new.get(name)]
    return {
        **_stability([old.get(name, 0) for name in names], [new.get(name, 0) for name in names]),
        "levels": [{"level": name, "previous": old.get(name, 0), "now": new.get(name, 0)} for name in names],
        "new_levels": [name for name in names if not old.get(name) and name != MISSING],
        "gone_levels": [name for name in names if not new.get(name) and name != MISSING],
    }


def _numbers(before: Mapping[str, Any], now: ColumnProfile, sampled: Sequence[float | None]) -> dict[str, Any]:
    """Compare numbers in the tenths of the previous upload, a missing value being an interval of its own."""
    old, number = before["number"], now.number
    values = [value for value in sampled if value is not None]
    then = [*old["shares"], round(before["missing"] * sum(old["shares"]) / old["count"])]
    counts = [*bin_counts(values, old["tenths"]), len(sampled) - len(values)]
    outside = sum(not old["min"] <= value <= old["max"] for value in values)
    return {
        **_stability(then, counts),
        "median": {"previous": old["quantiles"]["p50"], "now": now.document()["number"]["quantiles"]["p50"]},
        "range": {
            "previous": [old["min"], old["max"]],
            "now": [number.minimum, number.maximum] if number else None,
            "outside_previous": _share(outside, len(values)),
        },
    }


def _stability(before: Sequence[int], now: Sequence[int]) -> dict[str, Any]:
    """Return the population stability index and what chance alone would reach once in 20 times."""
    used = [(b, n) for b, n in zip(before, now, strict=True) if b or n]
    if len(used) < 2 or not sum(before) or not sum(now):
        return {"psi": 0.0, "psi_by_chance": 0.0}
    b_sum, n_sum = (sum(side) + SMOOTHING * len(used) for side in (before, now))
    psi = sum(_term((b + SMOOTHING) / b_sum, (n + SMOOTHING) / n_sum) for b, n in used)
    chance = _chi_squared_95(len(used) - 1) * (1 / sum(before) + 1 / sum(now))
    return {"psi": round(psi, 4), "psi_by_chance": round(chance, 4)}


def _term(before: float, now: float) -> float:
    return (now - before) * log(now / before)


def _chi_squared_95(degrees: int) -> float:
    """Return the 95th percentile of chi-squared (Wilson and Hilferty, PNAS 17:684, 1931; within 3 % from 1 degree)."""
    return degrees * (1 - 2 / (9 * degrees) + 1.644854 * sqrt(2 / (9 * degrees))) ** 3


def change(psi: float, by_chance: float) -> str:
    """Return `none`, `moderate` or `large`."""
    if psi < MODERATE or psi <= by_chance:
        return "none"
    return "large" if psi >= LARGE else "moderate"


def _share(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0
