"""Writes the report of each dataset into the processed bucket, when anything changed since the last one."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from multimodal.ledger.ports import ObjectStore, ParallelMap
from multimodal.observability import logger
from multimodal.report.page import page_hash, report_files
from multimodal.report.reading import ENDS, CohortReader, LedgerRow

MADE = "_made.json"
"""Written last, beside the cohort page: the state that the report shows."""

MEDIA_TYPES = {".html": "text/html; charset=utf-8", ".tsv": "text/tab-separated-values; charset=utf-8"}

_SHOWN = ("unit_id", "status", "attempt", "content_version", "reason_code", "reason_message", "counts", *ENDS)


class LedgerRows(Protocol):
    """All items of the ledger."""

    def rows(self) -> Iterable[LedgerRow]:
        """Yield each item with plain numbers."""


@dataclass(frozen=True)
class ReportBuilder:
    """Builds reports; ends without a write where nothing changed (`page-4`)."""

    ledger: LedgerRows
    processed: ObjectStore
    datasets: Sequence[str]
    parallel_map: ParallelMap = map

    def build(self) -> dict[str, int]:
        """Write the report of each dataset whose state is another than that of its last report.

        Returns
        -------
        dict of str to int
            Files that were written, for each dataset that was.
        """
        rows = list(self.ledger.rows())
        written = {dataset: self._build(dataset, rows) for dataset in self.datasets}
        return {dataset: files for dataset, files in written.items() if files}

    def _build(self, dataset: str, rows: Sequence[LedgerRow]) -> int:
        reader, folder = CohortReader(self.processed, self.parallel_map), f"reports/{dataset}/"
        own = [row for row in rows if row.get("dataset") == dataset]
        state = state_of(own, [model.key for model in reader.models(dataset)])
        if (self.processed.read_json(folder + MADE) or {}).get("state") == state:
            return 0
        files = list(
            self.parallel_map(lambda file: self._write(folder, *file), report_files(reader.read(dataset, own)))
        )
        self.processed.write_json(folder + MADE, {"schema": 1, "state": state})
        logger().info("report written", dataset=dataset, files=len(files), units=len(own))
        return len(files)

    def _write(self, folder: str, name: str, text: str) -> str:
        self.processed.write_text(folder + name, text, MEDIA_TYPES[name[name.rindex(".") :]])
        return name


def state_of(rows: Iterable[LedgerRow], models: Iterable[str]) -> str:
    """Return a name of all that a report shows, and of how it is shown."""
    shown = sorted(json.dumps([_plain(row.get(name)) for name in _SHOWN]) for row in rows)
    text = json.dumps([page_hash(), shown, sorted(models)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _plain(value: Any) -> Any:  # noqa: ANN401 – an attribute is whatever DynamoDB holds
    return {str(k): _plain(v) for k, v in sorted(value.items())} if isinstance(value, Mapping) else str(value)
