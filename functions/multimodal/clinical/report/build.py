"""Build `report.json`, the report of an upload (`contracts/clinical_report.schema.json`)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

from multimodal.clinical.column_config import Column
from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.report.bias import bias_section
from multimodal.clinical.report.cohorts import selection_section
from multimodal.clinical.report.drift import drift_section
from multimodal.clinical.report.leakage import leakage_hold, leakage_section, status_of
from multimodal.clinical.report.profile import ProfileSummary
from multimodal.clinical.report.survival import labels_section
from multimodal.tables.table import RowProblem, Scope


def columns_section(config: ClinicalConfig, summary: ProfileSummary) -> list[dict[str, Any]]:
    """Return the report's part on columns, in the configuration's order."""
    return [
        {
            "column": column.source,
            "kind": column.kind,
            "available_at": column.available_at,
            "status": status_of(config, column),
            "why": _why(config, column),
            "unit": column.unit if column.kind in ("number", "date_difference") else "",
            "features": [name for name, _ in column.features] if config.is_feature(column) else [],
            **summary.columns[column.source].document(),
        }
        for column in config.columns
    ]


def _why(config: ClinicalConfig, column: Column) -> str:
    status, timepoint = status_of(config, column), column.available_at.replace("_", " ")
    if column.kind == "drop":
        return column.reason
    if column.kind == "date":
        return "a date: event times, differences and labels are made of it"
    if status == "allowed":
        return f"known at {timepoint}; allowed because: {column.allow}"
    if status == "feature":
        return f"known at {timepoint}: a model has it when it predicts"
    if status == "blocked":
        return f"known only at {timepoint}: a model could not have it when it predicts"
    if column.available_at not in config.timepoints:
        return f"known at {timepoint}, and the configuration has no group for that timepoint"
    return "the configuration says feature: false; it serves reports and labels"


SCHEMA = 1

SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Impacts of a problem, the largest first."""

FIRST_ROWS = 5
MOST_MESSAGES, OTHER_MESSAGES = 20, "other messages; see rejected.csv"
"""Different messages of one column and code that are told apart."""

Finding = tuple[Scope, str, str, str]
"""Scope, code, column and message."""

MOST_NAMES, LONGEST_NAME = 50, 300


@dataclass(frozen=True)
class Upload:
    """Which file the report is about; encoding and delimiter are empty when it was refused before."""

    dataset: str
    source_uri: str
    upload_id: str
    uploaded_at: str
    encoding: str = ""
    delimiter: str = ""


class ProblemTally:
    """Problems by scope, code, column and message: how many, and the first few row numbers."""

    def __init__(self) -> None:
        self.rows: dict[Finding, list[int]] = {}
        self.counts: Counter[Finding] = Counter()
        self._messages: Counter[tuple[Scope, str, str]] = Counter()

    def add(self, problem: RowProblem) -> None:
        """Count a problem; of a column with very many different messages the last ones are not told apart."""
        place = (problem.scope, problem.code, problem.column)
        finding = (*place, problem.message)
        if finding not in self.rows and self._messages[place] >= MOST_MESSAGES:
            finding = (*place, OTHER_MESSAGES)
        if finding not in self.rows:
            self.rows[finding] = []
            self._messages[place] += 1
        self.counts[finding] += 1
        if len(self.rows[finding]) < FIRST_ROWS:
            self.rows[finding].append(problem.row)

    def by_code(self, scope: str) -> dict[str, int]:
        """Return how many problems of a scope each code has."""
        total: Counter[str] = Counter()
        for (of, code, *_), n in self.counts.items():
            total[code] += n if of == scope else 0
        return {code: n for code, n in sorted(total.items()) if n}

    def document(self) -> list[dict[str, Any]]:
        """Return the problems as JSON, the costliest scope first, the most frequent of each first."""
        order = sorted(self.counts, key=lambda finding: (SCOPES.index(finding[0]), -self.counts[finding], finding))
        names = ("scope", "code", "column", "message")
        return [
            dict(zip(names, finding, strict=True), count=self.counts[finding], first_rows=self.rows[finding])
            for finding in order
        ]


@dataclass(frozen=True)
class Counts:
    """Counts of rows and records.

    Parameters
    ----------
    rows : int
        Rows of the file, without its header.
    rejected, dropped : int
        Rows that are not taken: they have a problem; a filter of the configuration leaves them out.
    records : mapping
        Feature group → records.
    repeated : int
        Of the rejected rows, those whose case is in other rows too. That is known only at the end, so the report's
        figures on columns and outcomes still count them.
    combined : int
        Further rows of cases of which one row was chosen or made (`several_rows`); they are not among `rows`.
    """

    rows: int
    rejected: int = 0
    dropped: int = 0
    records: Mapping[str, int] = field(default_factory=dict)
    repeated: int = 0
    combined: int = 0

    @property
    def taken(self) -> int:
        """Rows that become records."""
        return self.rows - self.rejected - self.dropped


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
    previous : mapping, optional
        `profile.json` of the previous accepted upload.

    Returns
    -------
    dict
        JSON; its `verdict` is `held` when `leakage_hold` says so.
    """
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "upload": asdict(upload),
        "validation": {
            "rows": counts.rows,
            "taken": counts.taken,
            "rejected": counts.rejected,
            "dropped": counts.dropped,
            "combined": counts.combined,
            "records": dict(counts.records),
            "problems": problems.document(),
        },
        "selection": selection_section(config, summary.breakdown),
        "labels": labels_section(summary, problems.by_code("label")) if config.labels else None,
        "leakage": leakage_section(config, summary),
        "bias": bias_section(config, summary.breakdown),
        "drift": drift_section(summary, previous),
        "columns": columns_section(config, summary),
    }
    return report | {"verdict": _verdict(counts, leakage_hold(report, config))}


def build_refusal_report(
    upload: Upload, code: str, message: str, details: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the report of a file that cannot be used as a whole.

    Parameters
    ----------
    code, message : str
        Why, and what to do.
    details : mapping, optional
        Numbers and names of columns behind the message; never a value of the table.
    """
    shown = {_cut(name): _shortened(value) for name, value in (details or {}).items()}
    verdict = {"status": "refused", "code": code, "message": message, "details": shown}
    return {"schema": SCHEMA, "upload": asdict(upload), "verdict": verdict}


def _shortened(value: object) -> object:
    """Return a detail of bearable size: a header may have a million columns, or a name of a megabyte."""
    if isinstance(value, list | tuple):
        more = [f"… and {len(value) - MOST_NAMES:,} more"] if len(value) > MOST_NAMES else []
        return [*map(_shortened, value[:MOST_NAMES]), *more]
    return _cut(value) if isinstance(value, str) else value


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + "…"


def _verdict(counts: Counts, hold: tuple[str, str] | None) -> dict[str, Any]:
    if hold:
        return {"status": "held", "code": hold[0], "message": hold[1], "details": {}}
    status = "accepted" if counts.taken else "empty"
    return {"status": status, "code": "", "message": ". ".join(_sentences(counts)), "details": {}}


def _sentences(counts: Counts) -> Iterator[str]:
    if counts.taken:
        yield f"{counts.taken:,} of {counts.rows:,} rows become {sum(counts.records.values()):,} records"
    else:
        yield f"none of {counts.rows:,} rows accepted"
    if counts.combined:
        yield f"{_rows(counts.combined)} combined with another one of the same case"
    if counts.dropped:
        yield f"{_rows(counts.dropped)} filtered out by the configuration"
    if counts.rejected:
        yield f"{_rows(counts.rejected)} rejected: fix what rejected.csv lists, then upload the file again"
    if counts.repeated:
        yield (
            f"{_rows(counts.repeated)} of a case that is in several rows, of which none is taken; the figures of this "
            "report still count them"
        )


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count:,} rows are"
