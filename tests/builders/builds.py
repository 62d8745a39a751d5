"""Builds of joined datasets as the survival job reads them, with signals where a test plants them."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

MODALITIES = ("imaging", "rna", "clinical")


def make_build(
    folder: Path,
    *,
    cases: int = 120,
    features: Mapping[str, int] | None = None,
    signal: Mapping[str, float] | None = None,
    ordinal: Sequence[float] = (),
    scanners: Mapping[str, float] | None = None,
    absent: Mapping[str, Sequence[int]] | None = None,
    censored: float = 0.4,
    seed: int = 1,
) -> Path:
    """Write a build and return its folder.

    Parameters
    ----------
    folder : Path
        Of the build; it is made.
    cases : int
        Rows.
    features : mapping, optional
        How many standard normal features each modality has; 8 by default.
    signal : mapping, optional
        Log hazard of one standard deviation of a modality's first three features together.
    scanners : mapping, optional
        What each scanner adds to all features of imaging; cases take turns. Without, there is no column of scanners.
    ordinal : sequence of float
        Log hazard of each level of one more feature, `clinical__stage`; without one, there is no such feature.
    absent : mapping, optional
        Rows that lack a modality: its features are empty there, and its flag is 0.
    censored : float
        Share of cases whose follow-up ends before their death.
    seed : int
        Of all values.
    """
    generator = np.random.default_rng(seed)
    features = features or dict.fromkeys(MODALITIES, 8)
    columns = {f"{m}__f{n}": generator.normal(size=cases) for m, count in features.items() for n in range(count)}
    risk = sum(
        (weight * sum(columns[f"{m}__f{n}"] for n in range(3)) / np.sqrt(3) for m, weight in (signal or {}).items()),
        np.zeros(cases),
    )
    if ordinal:
        columns["clinical__stage"] = generator.integers(len(ordinal), size=cases).astype(float)
        risk = risk + np.asarray(ordinal)[columns["clinical__stage"].astype(int)]
    death = generator.exponential(1500 * np.exp(-risk))
    event = generator.uniform(size=cases) >= censored
    days = np.maximum(np.where(event, death, death * generator.uniform(0.2, 0.9, cases)), 1).round()
    made_by = [list(scanners)[row % len(scanners)] for row in range(cases)] if scanners else []
    if scanners:
        shift = np.array([scanners[name] for name in made_by])
        columns |= {name: values + shift for name, values in columns.items() if name.startswith("imaging")}
    gone = {m: set((absent or {}).get(m, ())) for m in features}
    rows = [
        {
            "case_id": f"S-{row:04d}",
            **{f"has_{m}": int(row not in gone[m]) for m in features},
            **{name: "" if row in gone[name.split("__")[0]] else repr(float(v[row])) for name, v in columns.items()},
            **({"imaging__manufacturer": made_by[row]} if made_by else {}),
            "label__os_days": int(days[row]),
            "label__os_event": int(event[row]),
        }
        for row in range(cases)
    ]
    changes = {
        "imaging__manufacturer": {"role": "acquisition"},
        "clinical__stage": {"levels": json.dumps({f"L{n}": n for n in range(len(ordinal))})},
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "dataset.csv", rows)
    write_rows(folder / "dictionary.csv", [dictionary_row(name, **changes.get(name, {})) for name in rows[0]])
    present = {m: {"group": f"dev-made-{m}-v1", "rows": cases, "cases": cases - len(gone[m])} for m in features}
    manifest = {
        "dataset": "made",
        "build": folder.name,
        "as_of": None,
        "written_before": None,
        "cases": cases,
        "modalities": present,
        "survival": {"time": "label__os_days", "event": "label__os_event"},
        "complete_cases": f"{cases - len(set().union(*gone.values()))} of {cases} cases have all modalities",
        "parameters": {"timepoint": "surgery"},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def dictionary_row(name: str, **changes: str) -> dict[str, str]:
    """Return a column's line of `dictionary.csv`."""
    prefix, _, rest = name.partition("__")
    role = "label" if prefix == "label" else "feature" if rest else "presence" if name.startswith("has_") else "id"
    modality = name.removeprefix("has_") if role == "presence" else prefix if role == "feature" else ""
    line = {
        "column": name,
        "role": role,
        "modality": modality,
        "group": modality,
        "feature": rest,
        "type": "Fractional",
    }
    line |= {"unit": "", "timepoint": "baseline" if role == "feature" else "", "meaning": "made up", "source": "a test"}
    line["levels"] = ""
    return {**line, **changes}


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV."""
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as a CSV."""
    with path.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
