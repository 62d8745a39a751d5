"""A small clinical configuration and tables that fit it."""

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
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

_PARTS = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
SMALL: dict[str, Any] = _PARTS["config"]
ROW: dict[str, str] = _PARTS["row"]


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


def rejected(chunks: Iterable[bytes], config: ClinicalConfig | None = None) -> BadInputError:
    """Return why a table is rejected as a whole."""
    with pytest.raises(BadInputError) as caught:
        Read(config or small(), chunks)
    return caught.value
