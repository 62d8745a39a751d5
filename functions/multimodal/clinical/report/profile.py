"""Profile a table while it is read: memory is the same for a hundred rows and for a million.

`table.ClinicalTable` gives it every batch; `profile.json` is what the next upload of the dataset is compared with.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from multimodal.clinical.column_config import Column
from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.report.cohorts import Breakdown
from multimodal.clinical.report.tallies import (
    BottomSample,
    ColumnProfile,
    LevelTally,
    NumberTally,
    PresenceTally,
    Tally,
)

SAMPLE_ROWS = 20_000
"""Rows behind the leakage scores, histograms and quantiles; smaller tables are used whole."""

SKETCH_CASES = 4_096
"""Hashes of cases that the next upload is compared with: its new and gone cases are exact up to this many."""

PROFILE_SCHEMA = 1
Cells = Mapping[str, Sequence[str | None]]
Numbers = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class DroppedRows:
    """Rows that a filter of the configuration left out.

    Parameters
    ----------
    filters : sequence of int
        For each row, the index in `config.rows` of the first filter that matched; a row is here once.
    cells : mapping
        As in `ProfiledBatch`; the columns of bias and target are enough.
    """

    filters: Sequence[int]
    case_ids: Sequence[str]
    cells: Cells


@dataclass(frozen=True)
class ProfiledBatch:
    """Some thousand rows, by columns; all columns have the length of `case_ids`.

    Parameters
    ----------
    case_ids : sequence of str
        The rows that are taken (neither rejected nor dropped).
    cells : mapping
        Every column of the configuration → normalised cells; None is missing.
    numbers : mapping
        Every number, date-difference and ordinal column, feature or not → value in the feature's unit, after
        `fill_when` and before `when_missing` (a missing value is None here, whatever the feature makes of it).
    labels : mapping
        Label name (`os_event`, `os_days`, …) → values; None where there is no label. Names that are absent: none.
    """

    case_ids: Sequence[str]
    cells: Cells
    numbers: Numbers = field(default_factory=dict)
    labels: Numbers = field(default_factory=dict)
    dropped: DroppedRows | None = None


@dataclass(frozen=True)
class Sample:
    """Some of the rows, by columns, in the order of their cases' hashes.

    Parameters
    ----------
    hashes : sequence of str
        See `case_hash`.
    cells, numbers, labels : mapping
        As in `ProfiledBatch`.
    """

    hashes: Sequence[str] = ()
    cells: Cells = field(default_factory=dict)
    numbers: Numbers = field(default_factory=dict)
    labels: Numbers = field(default_factory=dict)


@dataclass(frozen=True)
class ProfileSummary:
    """A table's profile.

    Parameters
    ----------
    rows : int
        Rows that are taken.
    columns : mapping
        Source column → counts.
    breakdown : Breakdown
        Rows by target, facets, strata and cohort, of the rows taken and of those dropped.
    labels : mapping
        Label name → how many rows have each value (events, horizons), or none for days.
    """

    rows: int
    columns: Mapping[str, ColumnProfile]
    breakdown: Breakdown
    labels: Mapping[str, Mapping[str, int]]
    sample: Sample

    def document(self, upload_id: str = "") -> dict[str, Any]:
        """Return what the next upload is compared with, as JSON: counts, quantiles and hashes, no rows."""
        return {
            "schema": PROFILE_SCHEMA,
            "upload_id": upload_id,
            "rows": self.rows,
            "cases": list(self.sample.hashes[:SKETCH_CASES]),
            "columns": {source: column.document() for source, column in self.columns.items()},
        }


def _tally(column: Column) -> Tally:
    if column.values is not None:
        return LevelTally(column.values)
    return NumberTally() if column.kind in ("number", "date_difference") else PresenceTally()


class Profile:
    """Counts a table's rows batch by batch."""

    def __init__(self, config: ClinicalConfig) -> None:
        self._rows = 0
        self._tallies = {column.source: _tally(column) for column in config.columns}
        self._breakdown = Breakdown(config)
        self._label_names = [name for name, _ in config.labels.features] if config.labels else []
        self._labels: dict[str, Counter[float | None]] = {
            name: Counter() for name in self._label_names if not name.endswith("_days")
        }
        self._cell_names = [c.source for c in config.columns if c.kind != "drop"]
        self._number_names = [c.source for c in config.columns if c.kind in ("number", "date_difference", "ordinal")]
        self._sample = BottomSample(SAMPLE_ROWS)

    def add(self, batch: ProfiledBatch) -> None:
        """Count a batch."""
        rows = len(batch.case_ids)
        self._rows += rows
        for source, tally in self._tallies.items():
            tally.add(batch.numbers[source] if isinstance(tally, NumberTally) else batch.cells[source])
        self._breakdown.add(batch.case_ids, batch.cells)
        if batch.dropped:
            self._breakdown.add_dropped(batch.dropped.filters, batch.dropped.case_ids, batch.dropped.cells)
        labels = {name: batch.labels.get(name, [None] * rows) for name in self._label_names}
        for name, counts in self._labels.items():
            counts.update(labels[name])
        self._sample.add(batch.case_ids, self._sampled(batch, labels))

    def _sampled(self, batch: ProfiledBatch, labels: Numbers) -> list[Sequence[Any]]:
        return [
            *(batch.cells[name] for name in self._cell_names),
            *(batch.numbers[name] for name in self._number_names),
            *labels.values(),
        ]

    def finish(self) -> ProfileSummary:
        """Return the profile of everything added."""
        sample = self._finished_sample()
        columns = {source: tally.finish(sample.numbers.get(source, ())) for source, tally in self._tallies.items()}
        labels = {name: _readable(counts) for name, counts in self._labels.items()}
        return ProfileSummary(self._rows, columns, self._breakdown, labels, sample)

    def _finished_sample(self) -> Sample:
        hashes, columns = self._sample.rows()
        if not hashes:
            columns = [()] * len([*self._cell_names, *self._number_names, *self._label_names])
        first, second = len(self._cell_names), len(self._cell_names) + len(self._number_names)
        return Sample(
            hashes,
            dict(zip(self._cell_names, columns[:first], strict=True)),
            dict(zip(self._number_names, columns[first:second], strict=True)),
            dict(zip(self._label_names, columns[second:], strict=True)),
        )


def _readable(counts: Mapping[float | None, int]) -> dict[str, int]:
    return {
        "none" if value is None else f"{value:g}": n
        for value, n in sorted(counts.items(), key=lambda item: (item[0] is None, item[0] or 0.0))
    }
