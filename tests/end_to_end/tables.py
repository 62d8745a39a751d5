"""Clinical tables for the end-to-end tests, and what must come of them."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

LEAKING, LONG = "e2e_leaking", "e2e_long"
"""Datasets that only the tests have."""
LEAK = "Time to Death (days)"
LONG_ROWS, KEPT_EVERY = 20_000, 10
POUND_KG = 0.45359237

Table = list[dict[str, str]]


def read_table(path: Path) -> Table:
    """Return the rows of a file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def to_csv(rows: Sequence[Mapping[str, str]], delimiter: str = ",") -> bytes:
    """Return rows as a file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def expected_features(row: Mapping[str, str]) -> dict[str, float | str | None]:
    """Return some baseline features of a row, worked out by hand."""
    pounds, packs = row["Weight (lbs)"], row["Pack Years"]
    never = row["Smoking status"] == "Nonsmoker"
    return {
        "event_time": f"{_day(row['CT Date']).isoformat()}T00:00:00Z",
        "age_years": float(row["Age at Histological Diagnosis"]),
        "weight_kg": None if pounds.startswith("Not") else round(float(pounds) * POUND_KG, 6),
        "sex_female": float(row["Gender"] == "Female"),
        "smoking_never": float(never),
        "pack_years": 0.0 if never else None if packs.startswith("N") else float(packs),
    }


def expected_labels(row: Mapping[str, str]) -> dict[str, float | str | None]:
    """Return some labels of a row, worked out by hand."""
    surgery = _day(row["CT Date"]) + timedelta(days=int(row["Days between CT and surgery"]))
    died = row["Survival Status"] == "Dead"
    end = _day(row["Date of Death"] if died else row["Date of Last Known Alive"])
    return {
        "event_time": f"{end.isoformat()}T00:00:00Z",
        "survival_status": float(died),
        "os_event": float(died),
        "os_days": float((end - surgery).days),
    }


def _day(text: str) -> date:
    return datetime.strptime(text, "%m/%d/%Y").date()


def leaking_table(path: Path) -> bytes:
    """Return the columns of :data:`LEAKING` of a made-up table."""
    return to_csv(
        [{name: row[name] for name in ("Case ID", "Gender", LEAK, "Survival Status")} for row in read_table(path)]
    )


def long_table() -> bytes:
    """Return a table of 20,000 rows, of which every tenth becomes a record."""
    rows = [
        {"Case": f"L{n:06d}", "Arm": "AB"[n // KEPT_EVERY % 2] if n % KEPT_EVERY == 0 else "screened", "Dose": str(n)}
        for n in range(LONG_ROWS)
    ]
    return to_csv(rows)
