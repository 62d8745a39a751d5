"""What reading a table yields, whatever it holds: records, rejected rows, and a verdict on the whole."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from multimodal.features.group import Record
from multimodal.ledger.errors import BadInputError
from multimodal.ledger.text import csv_text

PROFILE_NAME = "profile.json"
"""The report that the next upload of the dataset is compared with."""

Scope = Literal["row", "record", "label", "value", "warning", "dropped"]
"""What a problem affects: the row's records, one of them, its label only, one value of them, nothing (`warning`), or a
row that a filter removes (`dropped`). Only `row` rejects a row."""


Definitions = Mapping[str, Mapping[str, str]]
"""Feature group → feature → a text that changes when the feature's values change their meaning."""

COLUMNS = ("row", "case_id", "column", "code", "message", "scope")
DUPLICATE_ID = "DUPLICATE_ID"
EVENT_TIME_EARLIER = "EVENT_TIME_EARLIER"
UPLOADED_EARLIER = "UPLOADED_EARLIER"

MESSAGES = {
    DUPLICATE_ID: "the id is in more than one row of the file, and none of them is taken; leave one and upload again",
    EVENT_TIME_EARLIER: (
        "the corrected record is dated earlier than the one in the feature group, so readers would not see it; correct "
        "the date, or raise group_version in the dataset's file"
    ),
    UPLOADED_EARLIER: "a file that was uploaded later has another value; upload this one again if it is right",
}
"""Code of what comparing rows finds wrong → its message."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class UploadContext:
    """Where a table came from; all of it goes into every record."""

    source_uri: str
    """`s3://` address of the uploaded object."""
    upload_id: str
    """Name of exactly this content."""
    correlation_id: str
    uploaded_at: str
    """When the object arrived, as an event time (`yyyy-MM-ddTHH:mm:ssZ`): the event time of rows without a date."""


class TableRecord(NamedTuple):
    """A record on its way to a feature group."""

    group: str
    record: Record
    row: int
    """Number of the row it was made from: the header is row 1, as a spreadsheet counts."""


@dataclass(frozen=True)
class RowProblem:
    """Why a row, a record, a label or a value is rejected, or a row is filtered out."""

    row: int
    """Number of the row in the file: the header is row 1, as a spreadsheet counts."""
    case_id: str | None
    """The row's case, when its id can be read."""
    column: str
    """Name of the column in the header, or empty."""
    code: str
    """One of the codes in `docs/reference/reason-codes.md`."""
    message: str
    """What is wrong and what to do. No value that could identify a person."""
    scope: Scope = "row"


@dataclass(frozen=True)
class TableBatch:
    """Some rows' worth of records and problems; `rows` is how many rows were read for it.

    The records are there once, in turn: a table's reader may make each when it is asked for.
    """

    rows: int
    records: Iterable[TableRecord] = ()
    problems: Sequence[RowProblem] = ()


@dataclass(frozen=True)
class TableVerdict:
    """The verdict on a table that was read to its end."""

    hold: tuple[str, str] | None = None
    """Reason code and message when nothing of the table may be written before a person has looked at it."""
    reports: dict[str, str] = field(default_factory=dict)
    """File name → content of what is written beside the results. What is called `PROFILE_NAME` is handed to the reader
    of the next upload."""
    summary: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    """Sentences on what a person should know of a table that is taken."""


class TableReader(Protocol):
    """Reads one table, once, from beginning to end, in bounded memory.

    `batches` raises `BadInputError` when the table is rejected as a whole (its header, its encoding, columns that are
    not declared); nothing of it is written then. `verdict` may be called after the last batch.
    """

    def batches(self) -> Iterator[TableBatch]:
        """Yield the table's rows as records and problems."""

    def verdict(self, repeated: Iterable[RowProblem] = (), records: Mapping[str, int] | None = None) -> TableVerdict:
        """Return the verdict on the table as a whole.

        `repeated` has a problem for each row whose records are rejected because its case is in other rows too;
        `records` maps feature groups to their other records (by default the reader's own count).
        """

    def refusal(self, error: BadInputError) -> Mapping[str, str]:
        """Return the reports of a table that `batches` rejected, or that was not read to its end."""


def refused_part(error: BadInputError) -> dict[str, Any]:
    """Return what a report says of a table that was rejected as a whole."""
    return {"reason_code": str(error.reason_code), "message": error.message, "details": error.details}


class TableKind(Protocol):
    """A kind of table: the clinical table of a dataset, or its expression matrix."""

    def definitions(self, dataset: str) -> Definitions:
        """Return what the features of the dataset's groups mean."""

    def open(
        self, dataset: str, chunks: Iterable[bytes], upload: UploadContext, previous: Mapping[str, Any] | None
    ) -> TableReader:
        """Return the reader of one table's content.

        `previous` is the profile (`PROFILE_NAME`) of the last upload whose records were written.
        """

    def admit(self, dataset: str) -> None:
        """Raise `BadInputError` when a table's records may not join those of the groups; called before the first."""


def rejected_lines(problems: Iterable[RowProblem]) -> Iterator[str]:
    """Yield `rejected.csv` line by line, the header first."""
    yield _line(COLUMNS)
    for p in problems:
        yield _line([str(p.row), *map(safe_cell, (p.case_id or "", p.column, p.code, p.message, p.scope))])


def safe_cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula (OWASP, "CSV Injection")."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _line(cells: Sequence[str]) -> str:
    return csv_text([cells]).removesuffix("\n")
