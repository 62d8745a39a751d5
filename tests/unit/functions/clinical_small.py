"""A small clinical configuration and tables that fit it."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import yaml

from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.table import ClinicalTable
from multimodal.features.group import Record
from multimodal.ledger.errors import BadInputError
from multimodal.tables.table import RowProblem, UploadContext

UPLOADED_AT = "2020-01-31T12:00:00Z"
UPLOAD = UploadContext("s3://raw/clinical/small/table.csv", "0123456789abcdef", "fedcba9876543210", UPLOADED_AT)

SMALL: dict[str, Any] = yaml.safe_load(r"""
id: {source: Case ID, pattern: 'C-\d{3}', cohort: C}
missing: [N/A]
timepoints:
  baseline: {event_time: {column: CT Date}}
  surgery: {event_time: {column: CT Date, plus_days: Days}}
columns:
  - {source: Sex, available_at: baseline, kind: flag, name: female, 'true': [Female], 'false': [Male]}
  - {source: Age, available_at: baseline, kind: number, name: age, unit: years, age: true}
  - {source: Smoking, available_at: baseline, kind: one_hot, name: smoking, levels: {Never: smoking_never,
      Former: smoking_former, Current: smoking_current}}
  - {source: Packs, available_at: baseline, kind: number, name: packs, unit: pack-years, min: 0, max: 200,
      fill_when: {column: Smoking, values: [Never], value: 0}}
  - {source: Quit, available_at: baseline, kind: date_difference, name: years_since_quit, format: year,
      to: CT Date, unit: years, floor: 0}
  - {source: CT Date, available_at: baseline, kind: date}
  - {source: Grade, available_at: surgery, kind: ordinal, name: grade, levels: {G1: 1, G2: 2, G3: 3}}
  - {source: Days, available_at: surgery, kind: number, name: days, unit: days, integral: true}
  - {source: Status, available_at: outcome, kind: flag, name: dead, feature: false, 'true': [Dead],
      'false': [Alive]}
  - {source: Death, available_at: outcome, kind: date}
  - {source: Seen, available_at: outcome, kind: date}
  - {source: Recurrence, available_at: outcome, kind: flag, name: recurrence, feature: false, 'true': ['yes'],
      'false': ['no']}
  - {source: Recurred, available_at: outcome, kind: date}
  - {source: Survived, available_at: outcome, kind: number, name: survived, feature: false, unit: days,
      integral: true}
  - {source: Note, available_at: baseline, kind: drop, reason: free text of the ward}
target: {column: Status, positive: [Alive]}
labels:
  died: Status
  origin: surgery
  death: Death
  last_alive: Seen
  recurrence: Recurrence
  recurrence_date: Recurred
  horizons_days: [365]
  cross_check: {column: Survived}
bias: {facets: [{column: Sex, disadvantaged: [Female]}], group: Smoking, strata: [Sex]}
""")

ROW = {
    "Case ID": "C-001",
    "Sex": "Female",
    "Age": "61",
    "Smoking": "Former",
    "Packs": "20.5",
    "Quit": "1990",
    "CT Date": "1/31/1995",
    "Grade": "G2",
    "Days": "10",
    "Status": "Dead",
    "Death": "2/20/1997",
    "Seen": "2/1/1997",
    "Recurrence": "no",
    "Recurred": "N/A",
    "Survived": "741",
    "Note": "fine",
}


def raw(**changes: Any) -> dict[str, Any]:
    """Return the configuration as a file has it, with some of its parts replaced (None: taken out)."""
    document = copy.deepcopy(SMALL)
    document.update(changes)
    return {key: value for key, value in document.items() if value is not None}


def with_column(source: str, **changes: Any) -> dict[str, Any]:
    """Return the configuration with a column changed (None: without that key), or added when there is none."""
    document = raw()
    columns: list[dict[str, Any]] = document["columns"]
    column = next((c for c in columns if c["source"] == source), None)
    if column is None:
        columns.append(column := {"source": source})
    column.update(changes)
    for key in [key for key, value in column.items() if value is None]:
        del column[key]
    return document


def small(**changes: Any) -> ClinicalConfig:
    return ClinicalConfig.model_validate(raw(**changes))


def csv_text(rows: Iterable[Mapping[str, str]], header: Iterable[str] = tuple(ROW), delimiter: str = ",") -> str:
    """Return a table; cells are written as they are, quotes included."""
    names = list(header)
    lines = [names, *([row.get(name, "") for name in names] for row in rows)]
    return "".join(delimiter.join(line) + "\n" for line in lines)


def rows(*changes: Mapping[str, str]) -> list[dict[str, str]]:
    """Return a row per mapping: the usual one with those cells, and an id of its own."""
    return [{**ROW, "Case ID": f"C-{number:03}", **change} for number, change in enumerate(changes, 1)]


def encoded(text: str, encoding: str = "utf-8", piece: int = 1_000) -> list[bytes]:
    """Return a text's bytes in pieces."""
    content = text.encode(encoding)
    return [content[start : start + piece] for start in range(0, len(content), piece)] or [b""]


class Read:
    """A table that was read: its records by the last part of the group's name, its problems and its verdict."""

    def __init__(self, config: ClinicalConfig, chunks: Iterable[bytes], upload: UploadContext = UPLOAD) -> None:
        self.reader = ClinicalTable(config, "stack", "small", chunks, upload)
        self.records: dict[str, list[Record]] = {"baseline": [], "surgery": [], "labels": []}
        self.problems: list[RowProblem] = []
        self.rows = 0
        for batch in self.reader.batches():
            self.rows += batch.rows
            self.problems.extend(batch.problems)
            for group, record, _ in batch.records:
                self.records[group.removesuffix("-v1").rpartition("-")[2]].append(record)
        self.verdict = self.reader.verdict()

    @property
    def found(self) -> list[tuple[int, str, str, str]]:
        """Row, column, code and scope of each problem."""
        return [(p.row, p.column, p.code, p.scope) for p in self.problems]

    def only(self, group: str) -> Record:
        """Return the only record of a group."""
        (record,) = self.records[group]
        return record


def read(*changes: Mapping[str, str], config: ClinicalConfig | None = None) -> Read:
    """Read a table with a row for each mapping of changed cells."""
    return Read(config or small(), encoded(csv_text(rows(*changes))))


def refused(chunks: Iterable[bytes], config: ClinicalConfig | None = None) -> BadInputError:
    """Return why a table is refused as a whole."""
    with pytest.raises(BadInputError) as caught:
        Read(config or small(), chunks)
    return caught.value
