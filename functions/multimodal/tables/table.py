"""What reading a table yields, whatever the table holds: records, and rows that cannot become one."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from multimodal.features.group import Record
from multimodal.ledger.errors import BadInputError

PROFILE_NAME = "profile.json"
"""The report that the next upload of the dataset is compared with."""

Scope = Literal["row", "record", "label", "value", "warning", "dropped"]
"""What a problem costs: the row's records, one of them, its label only, one value of them, nothing (worth a look all
the same), or nothing that was wanted (a row filter). Only `row` rejects a row."""


@dataclass(frozen=True)
class UploadContext:
    """Where a table came from; all of it goes into every record.

    Parameters
    ----------
    source_uri : str
        `s3://` address of the uploaded object.
    upload_id : str
        Name of exactly this content.
    correlation_id : str
        Of the table's unit.
    uploaded_at : str
        When the object arrived, as an event time (`yyyy-MM-ddTHH:mm:ssZ`): the event time of rows without a date.
    """

    source_uri: str
    upload_id: str
    correlation_id: str
    uploaded_at: str


class TableRecord(NamedTuple):
    """A record on its way to a feature group.

    Parameters
    ----------
    group : str
        Name of the feature group.
    record : Record
        As Feature Store takes it.
    row : int
        Number of the row it was made from: the header is row 1, as a spreadsheet counts.
    """

    group: str
    record: Record
    row: int


@dataclass(frozen=True)
class RowProblem:
    """Why a row, or only its label, is not taken.

    Parameters
    ----------
    row : int
        Number of the row in the file: the header is row 1, as a spreadsheet counts.
    case_id : str or None
        The row's case, when its id can be read.
    column : str
        Name of the column in the header, or empty.
    code : str
        One of the codes in `docs/reference/reason-codes.md`.
    message : str
        What is wrong and what to do. No value that could identify a person.
    scope : str
        One of `Scope`.
    """

    row: int
    case_id: str | None
    column: str
    code: str
    message: str
    scope: Scope = "row"


@dataclass(frozen=True)
class TableBatch:
    """Some rows' worth of records and problems; `rows` is how many rows were read for it."""

    rows: int
    records: Sequence[TableRecord] = ()
    problems: Sequence[RowProblem] = ()


@dataclass(frozen=True)
class TableVerdict:
    """What is said of a whole table once it was read to its end.

    Parameters
    ----------
    hold : tuple of (str, str) or None
        Reason code and message when nothing of the table may be written before a person has looked at it.
    reports : dict
        File name → content of what is written beside the results. What is called `PROFILE_NAME` is handed to the
        reader of the next upload.
    summary : dict
        Small numbers for the ledger and the log.
    """

    hold: tuple[str, str] | None = None
    reports: dict[str, str] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)


class TableReader(Protocol):
    """Reads one table, once, from beginning to end, in bounded memory.

    `batches` raises `BadInputError` when the table as a whole cannot be used (its
    header, its encoding, columns that nobody declared); nothing of it is written then. `verdict` may be asked for
    after the last batch.
    """

    def batches(self) -> Iterator[TableBatch]:
        """Yield the table's rows as records and problems."""

    def verdict(self, repeated: Iterable[RowProblem] = (), records: Mapping[str, int] | None = None) -> TableVerdict:
        """Return what is to be said of the table as a whole.

        Parameters
        ----------
        repeated : iterable of RowProblem
            A problem for each row that made records which are not taken, because its case is in other rows too.
        records : mapping, optional
            Feature group → records without those. The reader's own count, if not given.
        """

    def refusal(self, error: BadInputError) -> Mapping[str, str]:
        """Return the reports of a table that `batches` refused, or that could not be read to its end."""


def refused_part(error: BadInputError) -> dict[str, Any]:
    """Return what a report says of a table that was rejected as a whole."""
    return {"reason_code": str(error.reason_code), "message": error.message, "details": error.details}


Definitions = Mapping[str, Mapping[str, str]]
"""Feature group → feature → a text that changes when the feature's values change their meaning."""


class TableKind(Protocol):
    """A kind of table as the engine knows it: the clinical table of a dataset, or its expression matrix."""

    def takes(self, dataset: str) -> bool:
        """Return whether the dataset is configured for tables of this kind."""

    def definitions(self, dataset: str) -> Definitions:
        """Return what the features of the dataset's groups mean."""

    def open(
        self, dataset: str, chunks: Iterable[bytes], upload: UploadContext, previous: Mapping[str, Any] | None
    ) -> TableReader:
        """Return the reader of one table.

        Parameters
        ----------
        dataset : str
            One that the kind takes.
        chunks : iterable of bytes
            The table's content, to be read once.
        upload : UploadContext
            Where it comes from.
        previous : mapping or None
            `PROFILE_NAME` of the last upload that was taken.
        """

    def admit(self, dataset: str) -> None:
        """Have the last word before the first record of a table is written.

        Raises
        ------
        BadInputError
            When its records may not join those that the groups hold.
        """


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
"""What the engine itself finds wrong with a row."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def rejected_lines(problems: Iterable[RowProblem]) -> Iterator[str]:
    """Yield the file line by line, the header first."""
    yield _line(COLUMNS)
    for p in problems:
        yield _line([str(p.row), *map(safe_cell, (p.case_id or "", p.column, p.code, p.message, p.scope))])


def safe_cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula.

    Source: OWASP, "CSV Injection".
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()
