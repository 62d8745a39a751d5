"""The report of an upload: one JSON document."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from multimodal.domain.clinical.config import ClinicalConfig
from multimodal.domain.clinical.profile import ProfileSummary
from multimodal.domain.table import RowProblem

FIRST_ROWS = 5


@dataclass(frozen=True)
class Upload:
    """Which file the report is about.

    Parameters
    ----------
    dataset, source_uri, upload_id, uploaded_at : str
    encoding, delimiter : str
        As they were recognised; empty when the file was refused before.
    """

    dataset: str
    source_uri: str
    upload_id: str
    uploaded_at: str
    encoding: str = ""
    delimiter: str = ""


class ProblemTally:
    """Problems by scope, code and column: how many rows, and the first few row numbers."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.rows: dict[tuple[str, str, str], list[int]] = {}
        self.messages: dict[tuple[str, str, str], str] = {}

    def add(self, problem: RowProblem) -> None:
        """Count a problem."""
        key = (problem.scope, problem.code, problem.column)
        self.counts[key] += 1
        rows = self.rows.setdefault(key, [])
        if len(rows) < FIRST_ROWS:
            rows.append(problem.row)
        self.messages.setdefault(key, problem.message)


@dataclass(frozen=True)
class Counts:
    """What was read and what becomes of it.

    Parameters
    ----------
    rows : int
        Rows of the file, without its header.
    rejected, dropped : int
        Rows that are not taken: they have a problem; a filter of the configuration leaves them out.
    records : mapping
        Feature group → records.
    """

    rows: int
    rejected: int = 0
    dropped: int = 0
    records: Mapping[str, int] = field(default_factory=dict)


def build_report(
    config: ClinicalConfig,
    upload: Upload,
    summary: ProfileSummary,
    counts: Counts,
    problems: ProblemTally,
    previous: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the report of a table that was read to its end.

    Parameters
    ----------
    config : ClinicalConfig
    upload : Upload
    summary : ProfileSummary
    counts : Counts
    problems : ProblemTally
    previous : mapping, optional
        ``ProfileSummary.document()`` of the previous accepted upload.
    """
    return {"schema": 1}


def build_refusal_report(upload: Upload, code: str, message: str) -> dict[str, Any]:
    """Return the report of a file that cannot be used as a whole."""
    return {"schema": 1}
