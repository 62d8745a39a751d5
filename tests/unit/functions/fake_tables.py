"""A kind of table for tests: two groups, `case_id` first, one feature a column."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from multimodal.ledger.errors import BadInputError
from multimodal.tables.table import (
    PROFILE_NAME,
    Definitions,
    RowProblem,
    TableBatch,
    TableRecord,
    TableVerdict,
    UploadContext,
)

FEATURES, LABELS = "stack-d-clinical-baseline-v1", "stack-d-labels-v1"


@dataclass
class FakeKind:
    """`TableKind` of lines `case,value[,date]` after a header.

    A value `bad` makes the row a problem, `nolabel` its label only, `boom` is a bug; a column `who` is rejected.
    """

    dataset: str
    meanings: dict[str, str] = field(default_factory=lambda: {"x": "v1"})
    hold: tuple[str, str] | None = None
    seen: list[Mapping[str, Any] | None] = field(default_factory=list)
    admission: BadInputError | None = None
    at_batch: Callable[[], None] = lambda: None

    def definitions(self, dataset: str) -> Definitions:
        return {FEATURES: dict(self.meanings)}

    def open(
        self, dataset: str, chunks: Iterable[bytes], upload: UploadContext, previous: Mapping[str, Any] | None
    ) -> "FakeReader":
        self.seen.append(previous)
        return FakeReader(self, b"".join(chunks).decode(), upload)

    def admit(self, dataset: str) -> None:
        if self.admission is not None:
            raise self.admission


class FakeReader:
    """`TableReader` of one such table."""

    def __init__(self, kind: FakeKind, text: str, upload: UploadContext) -> None:
        self._kind, self._upload = kind, upload
        self._header, *self._rows = text.splitlines() or [""]
        self._read = 0

    def batches(self) -> Iterator[TableBatch]:
        if "who" in self._header:
            raise BadInputError("COLUMNS_NOT_DECLARED", "the column 'who' is not in the dataset's file")
        for number, line in enumerate(self._rows, start=2):
            self._kind.at_batch()
            self._read += 1
            yield self._batch(number, line.split(","))

    def verdict(self, repeated: Iterable[RowProblem] = (), records: Mapping[str, int] | None = None) -> TableVerdict:
        reports = {"report.json": "{}", PROFILE_NAME: f'{{"rows": {self._read}}}'}
        return TableVerdict(self._kind.hold, reports)

    def refusal(self, error: BadInputError) -> Mapping[str, str]:
        return {"report.json": f'{{"refused": {{"reason_code": "{error.reason_code}"}}}}', "report.html": "<p>refused"}

    def _batch(self, number: int, cells: list[str]) -> TableBatch:
        case, value, date = (*cells, "")[:3]
        if value == "boom":
            raise ValueError(f"could not read {case}")
        if value == "bad":
            return TableBatch(1, (), (RowProblem(number, case, "x", "NOT_A_NUMBER", "=not a number"),))
        records = [TableRecord(FEATURES, self._record(case, date, x=value), number)]
        if value == "nolabel":
            return TableBatch(1, records, (RowProblem(number, case, "y", "DATES_CONTRADICT", "dates", "label"),))
        return TableBatch(1, [*records, TableRecord(LABELS, self._record(case, date, y=value), number)])

    def _record(self, case: str, date: str, **values: str) -> dict[str, str]:
        source = {"source_uri": self._upload.source_uri, "upload_id": self._upload.upload_id}
        when = {"event_time": f"{date}T00:00:00Z" if date else self._upload.uploaded_at}
        named = {"event_time_source": "day" if date else "UploadTime"}
        return {"case_id": case, **when, **named, **values, **source, "correlation_id": self._upload.correlation_id}
