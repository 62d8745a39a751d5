"""``rejected.csv``: rows that are not taken, and why."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from multimodal.tables.table import RowProblem

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
