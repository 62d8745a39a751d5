"""Small clinical tables for the tests of the report: a configuration, and rows handed to the profile by columns."""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from multimodal.clinical.column_config import LATE_TIMEPOINTS, Column
from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.report.profile import DroppedRows, Profile, ProfiledBatch, ProfileSummary

MISSING = {"", "N/A", "Not Collected", "Not collected", "Not Recorded In Database", "Unknown", "Not Assessed"}
Row = Mapping[str, str]


def flag(source: str, true: str, false: str, at: str = "baseline", **more: Any) -> dict[str, Any]:
    name = "".join(c if c.isalnum() else "_" for c in source.lower()).strip("_")
    return {
        "source": source,
        "kind": "flag",
        "name": name,
        "true": [true],
        "false": [false],
        "available_at": at,
        **more,
    }


def number(source: str, at: str = "baseline", **more: Any) -> dict[str, Any]:
    name = "".join(c if c.isalnum() else "_" for c in source.lower()).strip("_")
    return {"source": source, "kind": "number", "name": name, "unit": "units", "available_at": at, **more}


def one_hot(source: str, *levels: str, at: str = "baseline", **more: Any) -> dict[str, Any]:
    stem = "".join(c if c.isalnum() else "_" for c in source.lower()).strip("_")
    names = {level: f"{stem}_{i}" for i, level in enumerate(levels)}
    return {"source": source, "kind": "one_hot", "name": stem, "levels": names, "available_at": at, **more}


def date(source: str, at: str = "outcome") -> dict[str, Any]:
    return {"source": source, "kind": "date", "available_at": at}


def config(columns: Sequence[Mapping[str, Any]], **more: Any) -> ClinicalConfig:
    given = {
        "id": {"source": "Case ID", "pattern": r".+", "cohort": r"[A-Z]+[0-9]*"},
        "timepoints": {"baseline": {"event_time": "upload"}, "surgery": {"event_time": "upload"}},
        "columns": [_off_when_late(column) for column in columns],
        **more,
    }
    return ClinicalConfig.model_validate(given)


def _off_when_late(column: Mapping[str, Any]) -> dict[str, Any]:
    """Late columns are no features unless a test allows them."""
    late = (
        column["available_at"] in LATE_TIMEPOINTS and column["kind"] not in ("date", "drop") and not column.get("allow")
    )
    return {**({"feature": False} if late else {}), **column}


def batch(config: ClinicalConfig, rows: Sequence[Row], labels: Mapping[str, Sequence[float | None]]) -> ProfiledBatch:
    """Return rows as the reader of a table hands them over."""
    cells = {c.source: [_cell(row[c.source]) for row in rows] for c in config.columns}
    encoded = {c.source: c for c in config.columns if c.kind in ("number", "ordinal", "date_difference")}
    numbers = {source: [_number(column, cell) for cell in cells[source]] for source, column in encoded.items()}
    return ProfiledBatch([row[config.id.source] for row in rows], cells, numbers, labels)


def profiled(
    config: ClinicalConfig,
    rows: Sequence[Row],
    labels: Mapping[str, Sequence[float | None]] | None = None,
    dropped: Mapping[int, Sequence[Row]] | None = None,
    size: int = 50,
) -> ProfileSummary:
    """Return the profile of rows, added in batches of a size."""
    profile = Profile(config)
    for start in range(0, len(rows), size):
        part = {name: values[start : start + size] for name, values in (labels or {}).items()}
        profile.add(batch(config, rows[start : start + size], part))
    for index, gone in (dropped or {}).items():
        left = batch(config, gone, {})
        empty = batch(config, [], {name: [] for name in labels or {}})
        filters = [index] * len(gone)
        profile.add(
            ProfiledBatch([], empty.cells, empty.numbers, empty.labels, DroppedRows(filters, left.case_ids, left.cells))
        )
    return profile.finish()


def _cell(text: str) -> str | None:
    return None if text.strip() in MISSING else text.strip()


def _number(column: Column, cell: str | None) -> float | None:
    if cell is None:
        return None
    return float(column.levels[cell]) if column.kind == "ordinal" else float(cell)


def real_rows() -> list[dict[str, str]]:
    """Return the rows of the NSCLC Radiogenomics table (TCIA) in the folder that MULTIMODAL_REAL_DATA names."""
    (path,) = Path(os.environ["MULTIMODAL_REAL_DATA"]).glob("clinical/*.csv")
    return list(_rows(path))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="") as lines:
        for row in csv.DictReader(lines):
            yield {name.strip(): cell for name, cell in row.items()}


LOCATIONS = [f"Tumor Location (choice={place})" for place in ("RUL", "RML", "RLL", "LUL", "LLL", "L Lingula")]
T_STAGES = {"Tis": 0, "T1a": 1, "T1b": 1.5, "T2a": 2, "T2b": 2.5, "T3": 3, "T4": 4}


def real_config(**more: Any) -> ClinicalConfig:
    """Return a configuration of the real table, shorter than the one that is shipped."""
    wild = ("Mutant", "Wildtype")
    late = {"at": "post_treatment"}
    columns = [
        one_hot("Patient affiliation", "Stanford", "VA", feature=False),
        number("Age at Histological Diagnosis", unit="years", age=True),
        number("Weight (lbs)"),
        flag("Gender", "Male", "Female"),
        one_hot("Ethnicity", "Caucasian", "Asian", "African-American", "Hispanic/Latino", unseen="other"),
        one_hot("Smoking status", "Current", "Former", "Nonsmoker"),
        number("Pack Years"),
        *(flag(place, "Checked", "Unchecked") for place in LOCATIONS),
        one_hot("Histology", "Adenocarcinoma", "Squamous cell carcinoma", at="surgery", unseen="other"),
        {**number("Pathological T stage", "surgery"), "kind": "ordinal", "levels": T_STAGES} | {"unit": None},
        flag("EGFR mutation status", *wild, at="surgery"),
        flag("Adjuvant Treatment", "Yes", "No", **late),
        {"source": "Chemotherapy", "kind": "drop", "available_at": "post_treatment", "reason": "the same as Adjuvant"},
        flag("Radiation", "Yes", "No", **late),
        flag("Recurrence", "yes", "no", at="outcome"),
        one_hot("Recurrence Location", "distant", "regional", "local", at="outcome"),
        date("Date of Recurrence"),
        date("Date of Last Known Alive"),
        flag("Survival Status", "Dead", "Alive", at="outcome", feature=False),
        date("Date of Death"),
        number("Time to Death (days)", "outcome", unit="days"),
        date("CT Date", "baseline"),
        number("Days between CT and surgery", "surgery", unit="days", integral=True),
    ]
    for column in columns:
        if column.get("unit", "") is None:
            del column["unit"]
    given: dict[str, Any] = {
        "target": {"column": "Survival Status", "positive": ["Alive"]},
        "bias": {
            "facets": [
                {"column": "Gender", "disadvantaged": ["Female"]},
                {"column": "Patient affiliation", "disadvantaged": ["VA"]},
                {
                    "column": "Ethnicity",
                    "disadvantaged": [
                        "Asian",
                        "African-American",
                        "Hispanic/Latino",
                        "Native Hawaiian/Pacific Islander",
                    ],
                },
            ],
            "group": "Smoking status",
            "strata": ["Patient affiliation"],
        },
    }
    return config(columns, **(given | more))
