"""Encode rows of a clinical table as records of its feature groups, in batches and column by column."""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from itertools import chain, compress
from typing import TypeVar

from multimodal.clinical.case_rows import NumberedRow
from multimodal.clinical.cells import Fault, RowCode
from multimodal.clinical.column_config import Timepoint
from multimodal.clinical.columns import ColumnReader, Differences, scopes_of
from multimodal.clinical.config import ClinicalConfig, ExactlyOne
from multimodal.clinical.labels import MadeLabels, SurvivalLabels
from multimodal.clinical.phi import IdentifierGate
from multimodal.clinical.records import (
    LABELS,
    EventTimes,
    LabelRecords,
    TimepointRecords,
    group_name,
    label_frames,
    timepoint_dates,
)
from multimodal.clinical.report.cohorts import compared_columns
from multimodal.clinical.report.profile import DroppedRows, ProfiledBatch
from multimodal.clinical.rows import Batch, Numbers, RowFilters, RowsByColumn, note_rows_without_values
from multimodal.features.group import UPLOAD_TIME
from multimodal.tables.table import RowProblem, TableRecord, UploadContext

V = TypeVar("V")


@dataclass(frozen=True)
class Encoded:
    """Records and problems of some rows.

    Parameters
    ----------
    rows : int
        Rows that were read; empty ones do not count.
    records : iterable of TableRecord
        Made while they are taken: a batch of them does not fit into the processor's cache.
    by_group : mapping
        Feature group → how many of the records are its own.
    rejected, dropped : int
        Rows that are not taken.
    profiled : ProfiledBatch, optional
        None when nothing may be taken any more.
    """

    rows: int
    records: Iterable[TableRecord] = ()
    by_group: Mapping[str, int] = field(default_factory=dict)
    problems: Sequence[RowProblem] = ()
    rejected: int = 0
    dropped: int = 0
    profiled: ProfiledBatch | None = None


class Encoder:
    """Encodes the rows of one table.

    Parameters
    ----------
    stack, dataset : str
        The first parts of the groups' names.
    positions : mapping
        Source column → its position in the file.
    gate : IdentifierGate
        Counts what could identify a person. Once it found anything, nothing is encoded any more.
    """

    def __init__(
        self,
        config: ClinicalConfig,
        stack: str,
        dataset: str,
        upload: UploadContext,
        positions: Mapping[str, int],
        gate: IdentifierGate,
    ) -> None:
        self._config, self._gate = config, gate
        today = date.fromisoformat(upload.uploaded_at[:10])
        self._rows = RowsByColumn(config, positions, gate)
        self.stripped = self._rows.stripped
        scopes = scopes_of(config)
        self._columns = [
            ColumnReader(config, column, scopes.get(column.source, "row"), today, gate) for column in config.columns
        ]
        self._differences = [Differences(c) for c in config.columns if c.kind == "date_difference"]
        self._filters = RowFilters(config)
        timepoints = config.feature_timepoints
        self._dates = timepoint_dates(config, timepoints, today)
        name_of, times = partial(group_name, stack, dataset, version=config.group_version), EventTimes()
        sources = {timepoint: dates.source for timepoint, dates in self._dates.items()}
        self._timepoints = {
            timepoint: TimepointRecords(
                config, timepoint, sources.get(timepoint, UPLOAD_TIME), name_of(timepoint), upload, times
            )
            for timepoint in timepoints
        }
        self._labels = (
            SurvivalLabels(config.labels, config, label_frames(config.labels, upload)) if config.labels else None
        )
        self._label_records = LabelRecords(name_of(LABELS), times) if config.labels else None
        self._compared = compared_columns(config)
        self._measured = [c.source for c in config.columns if c.kind in ("number", "date_difference", "ordinal")]

    def encode(self, numbers: Sequence[int], rows: Sequence[Sequence[str]]) -> Encoded:
        """Encode the cells of rows; `numbers` are theirs in the file."""
        batch, wrong = self._rows.batch(numbers, rows)
        for column in self._columns:
            column.read(batch)
        read = len(batch.rows) + len(wrong)
        if self._gate.is_closed:
            return Encoded(read)
        for difference in self._differences:
            difference.make(batch)
        for column in self._columns:
            column.complete(batch)
        for check in self._config.checks:
            _check(check, batch)
        note_rows_without_values(batch, self._config.id.source)
        self._filters.apply(batch)
        records, counts, profiled = self._made(batch)
        return Encoded(
            rows=read,
            records=records,
            by_group=counts,
            problems=[*wrong, *self._filters.problems(batch)],
            rejected=len(wrong) + len(batch.rejected.keys() - batch.dropped.keys()),
            dropped=len(batch.dropped),
            profiled=profiled,
        )

    def survey(
        self, numbers: Sequence[int], rows: Sequence[Sequence[str]]
    ) -> tuple[Encoded, list[tuple[str, NumberedRow]]]:
        """Look at rows of which several may be of one case: return what is said of those left out, and the others.

        All of them are scanned for what could identify a person, whichever is chosen later.
        """
        batch, wrong = self._rows.batch(numbers, rows)
        for column in self._columns:
            column.read(batch)
        self._filters.apply(batch)
        left_out = Encoded(
            rows=len(wrong) + len(batch.dropped),
            problems=[*wrong, *self._filters.filtered(batch)],
            rejected=len(wrong),
            dropped=len(batch.dropped),
            profiled=self._profiled(batch, [False] * len(batch.rows), {}),
        )
        cells = list(zip(*(batch.raw[source] for source in self._rows.sources), strict=True))
        kept = (i for i in range(len(batch.rows)) if i not in batch.dropped)
        return left_out, [(batch.case_ids[i], NumberedRow(batch.rows[i], cells[i])) for i in kept]

    def _made(self, batch: Batch) -> tuple[Iterable[TableRecord], dict[str, int], ProfiledBatch]:
        days = {timepoint: dates.of(batch) for timepoint, dates in self._dates.items()}
        labels = self._labelled(batch, days)
        # Only now is everything known that may cost a row.
        kept = batch.kept
        made = [records.of(batch, kept, days.get(timepoint)) for timepoint, records in self._timepoints.items()]
        if labels and self._label_records:
            made.append(self._label_records.of(batch, kept, labels))
        counts = {records.group: records.count for records in made if records.count}
        return chain(*made), counts, self._profiled(batch, kept, labels.columns if labels else {})

    def _labelled(self, batch: Batch, days: Mapping[Timepoint, Numbers]) -> MadeLabels | None:
        if self._labels is None or self._config.labels is None:
            return None
        origin = self._config.labels.origin
        return self._labels.of(batch, days[origin] if origin else [None] * len(batch.rows))

    def _profiled(
        self, batch: Batch, kept: Sequence[bool] | None, labels: Mapping[str, Sequence[float | None]]
    ) -> ProfiledBatch:
        return ProfiledBatch(
            _taken(batch.case_ids, kept),
            {source: _taken(cells, kept) for source, cells in batch.cells.items()},
            {source: _taken(batch.values[source], kept) for source in self._measured},
            {name: _taken(column, kept) for name, column in labels.items()},
            self._left_out(batch) if batch.dropped else None,
        )

    def _left_out(self, batch: Batch) -> DroppedRows:
        gone = sorted(batch.dropped)
        return DroppedRows(
            [batch.dropped[index] for index in gone],
            [batch.case_ids[index] for index in gone],
            {source: [batch.cells[source][index] for index in gone] for source in self._compared},
        )


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep Python's search for cycles from running while a table is read.

    A batch makes thousands of objects and no cycle among them; a pause for each batch alone would end in a search. What
    was made is old when the pause ends, so that the next search passes it over.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()
            gc.unfreeze()
            gc.enable()


def _taken(column: Sequence[V], kept: Sequence[bool] | None) -> Sequence[V]:
    return column if kept is None else list(compress(column, kept))


def _check(check: ExactlyOne, batch: Batch) -> None:
    names = check.exactly_one
    message = (
        f"of the {len(names)} boxes from {names[0]!r} to {names[-1]!r} exactly one must be checked; correct the row"
    )
    fault = Fault(RowCode.NOT_EXACTLY_ONE, message)
    for index, flags in enumerate(zip(*(batch.values[source] for source in names), strict=True)):
        if flags.count(1.0) != 1 and None not in flags:
            batch.note(index, names[0], fault)
