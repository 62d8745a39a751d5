"""The report of a clinical table as a document; `make contracts` writes its JSON schema.

The report is built as plain JSON (`report.build_report`): contract tests hold it against these models.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints
from pydantic.json_schema import SkipJsonSchema

from multimodal.clinical.column_config import Timepoint
from multimodal.tables.table import Scope

Count = Annotated[int, Field(ge=0)]
Status = Literal["feature", "allowed", "blocked", "off", "dropped"]
MetricName = Literal["CI", "DPL", "KL", "JS", "LP", "TVD", "KS", "CDDL"]


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default")


_ABSENT: Any = Field(default=None, json_schema_extra=_without_default)
"""A property that is left out where it does not apply, and never null."""


class _Part(BaseModel):
    """A part of the report: no conversions, no other properties."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Upload(_Part):
    """Which file the report is about; encoding and delimiter are empty when it was refused before."""

    dataset: str
    source_uri: str
    upload_id: Annotated[str, Field(description="Name of exactly this content")]
    uploaded_at: str
    encoding: str
    delimiter: str


class Verdict(_Part):
    """What became of the upload."""

    status: Literal["accepted", "empty", "held", "refused"]
    code: Annotated[str, StringConstraints(pattern=r"^([A-Z][A-Z_]{2,40})?$")]
    message: Annotated[str, Field(description="What became of the upload, why, and what to do")]
    details: Annotated[dict[str, Any], Field(description="Numbers and column names behind a refusal")]


class RefusalVerdict(Verdict):
    """Why a file was refused as a whole."""

    status: Literal["refused"]


class Problem(_Part):
    """Validation errors of one column that have the same code and message."""

    scope: Scope
    code: str
    column: str
    count: Count
    first_rows: Annotated[
        list[Annotated[int, Field(ge=1)]], Field(description="As a spreadsheet counts them: the header is row 1")
    ]
    message: str


class Validation(_Part):
    """Rows of the file without its header, and what became of them."""

    rows: Count
    taken: Count
    rejected: Count
    dropped: Annotated[int, Field(ge=0, description="Left out by the configuration's row filters")]
    combined: Annotated[
        int, Field(ge=0, description="Further rows of cases of which one was chosen; not among rows")
    ] = 0
    records: Annotated[dict[str, Count], Field(description="Feature group to records")]
    problems: list[Problem]


class Group(_Part):
    """Rows with one value of a column."""

    value: str | None
    kept: Count
    dropped: Count


class ByColumn(_Part):
    """Rows by the values of one column."""

    column: str
    by_cohort: bool
    groups: list[Group]


class Selection(_Part):
    """Which rows a filter leaves out; a row counts for the first filter that matches."""

    filter: Annotated[int | None, Field(description="Index in the configuration's rows; null: all filters together")]
    reason: str
    dropped: Count
    kept: Count
    by: list[ByColumn]


class CurvePoint(_Part):
    """Kaplan–Meier estimate at a day, with its interval."""

    day: float
    survival: float
    low: float
    high: float
    at_risk: Count


class Survival(_Part):
    """Overall survival; a median is null when it is not reached."""

    cases: Count
    events: Count
    median_days: float | None
    median_follow_up_days: Annotated[float | None, Field(description="Reverse Kaplan-Meier")]
    curve: list[CurvePoint]


class Labels(_Part):
    """Labels and follow-up."""

    counts: Annotated[dict[str, dict[str, Count]], Field(description="Label to value to cases; none: no label")]
    held: Annotated[dict[str, Count], Field(description="Code to labels held back")]
    survival: Survival | None


class Target(_Part):
    """What models will predict."""

    column: str
    positive: list[str]


class AucScore(_Part):
    """Cross-validated AUC with its 95 % interval (Hanley-McNeil variance, score form), or why there is none."""

    auc: float | None
    low: float | None
    high: float | None
    positives: int | None
    negatives: int | None
    suspected: bool
    reason: str


class ColumnLeakage(_Part):
    """How well one column alone tells the target."""

    column: str
    available_at: Timepoint
    status: Status
    value: AucScore
    missingness: AucScore
    suspected: list[Literal["value", "missingness"]]


class Leakage(_Part):
    """Target leakage."""

    measured: bool
    reason: str
    target: Target | SkipJsonSchema[None] = _ABSENT
    positives: Count | SkipJsonSchema[None] = _ABSENT
    negatives: Count | SkipJsonSchema[None] = _ABSENT
    rows: Count | SkipJsonSchema[None] = _ABSENT
    sampled: bool | SkipJsonSchema[None] = _ABSENT
    folds: Count | SkipJsonSchema[None] = _ABSENT
    threshold: float | SkipJsonSchema[None] = _ABSENT
    columns: list[ColumnLeakage]
    warnings: list[str]


class Outcomes(_Part):
    """Cases of a facet by outcome."""

    positive: Count
    negative: Count


class Metrics(_Part):
    """SageMaker Clarify's pre-training metrics, natural logarithms; null when not defined."""

    CI: float | None
    DPL: float | None
    KL: float | None
    JS: float | None
    LP: float | None
    TVD: float | None
    KS: float | None
    CDDL: float | None


class Stratum(_Part):
    """Bias among the cases with one value of a column; of all cases when the column is null."""

    column: str | None
    by_cohort: bool
    value: str | None
    others: Outcomes
    disadvantaged: Outcomes
    excluded: Annotated[int, Field(ge=0, description="Cases whose facet or outcome is not known")]
    metrics: Metrics
    dpl_interval: Annotated[
        Annotated[list[float], Field(min_length=2, max_length=2)] | None,
        Field(description="95 % interval of DPL (Newcombe)"),
    ]
    undefined: Annotated[dict[MetricName, str], Field(description="Why a metric is null")]
    warnings: list[str]


class FacetBias(_Part):
    """Bias between the groups of one column."""

    column: str
    disadvantaged: list[str]
    others: list[str]
    strata: list[Stratum]


class Bias(_Part):
    """Pre-training bias."""

    measured: bool
    reason: str
    target: Target | SkipJsonSchema[None] = _ABSENT
    group: Annotated[str | None, Field(description="Column that CDDL is conditioned on")] = _ABSENT
    facets: list[FacetBias]


class BeforeNow(_Part):
    """A number of the previous upload and of this one."""

    previous: float
    now: float


class CaseChanges(_Part):
    """New, gone and kept cases."""

    new: Count
    gone: Count
    kept: Count
    estimated: bool


class LevelChange(_Part):
    """Rows with one level."""

    level: str
    previous: Count
    now: Count


class RangeChange(_Part):
    """Smallest and largest numbers, and the share of the values outside the previous range."""

    previous: list[float]
    now: list[float]
    outside_previous: float


class ColumnDrift(_Part):
    """What changed in one column; a PSI up to `psi_by_chance` is reached by chance once in 20 times."""

    column: str
    missing: BeforeNow
    psi: float
    psi_by_chance: float
    change: Literal["none", "moderate", "large"]
    levels: list[LevelChange] | SkipJsonSchema[None] = _ABSENT
    new_levels: list[str] | SkipJsonSchema[None] = _ABSENT
    gone_levels: list[str] | SkipJsonSchema[None] = _ABSENT
    median: BeforeNow | SkipJsonSchema[None] = _ABSENT
    range: RangeChange | SkipJsonSchema[None] = _ABSENT


class Drift(_Part):
    """What changed since the previous accepted upload."""

    compared: bool
    reason: str
    previous_upload_id: str | SkipJsonSchema[None] = _ABSENT
    rows: BeforeNow | SkipJsonSchema[None] = _ABSENT
    cases: CaseChanges | SkipJsonSchema[None] = _ABSENT
    new_columns: list[str] | SkipJsonSchema[None] = _ABSENT
    gone_columns: list[str] | SkipJsonSchema[None] = _ABSENT
    columns: list[ColumnDrift]


class Histogram(_Part):
    """Bars of equal width."""

    edges: list[float]
    counts: list[Count]


class Numbers(_Part):
    """A column's numbers in the feature's unit; quantiles and histogram are of the sample."""

    count: Count
    min: float
    max: float
    mean: float
    quantiles: dict[str, float]
    tenths: list[float]
    shares: list[Count]
    histogram: Histogram


class ColumnReport(_Part):
    """What becomes of one column, and why; `other` counts values that are no declared level."""

    column: str
    kind: str
    available_at: Timepoint
    status: Status
    why: str
    unit: str
    features: list[str]
    missing: Count
    levels: dict[str, Count]
    other: Count
    number: Numbers | None


class CompleteReport(_Part):
    """A table that was read to its end."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    upload: Upload
    verdict: Verdict
    validation: Validation
    selection: list[Selection]
    labels: Labels | None
    leakage: Leakage
    bias: Bias
    drift: Drift
    columns: list[ColumnReport]


class RefusalReport(_Part):
    """A file that was refused as a whole."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    upload: Upload
    verdict: RefusalVerdict


class ClinicalReport(RootModel[CompleteReport | RefusalReport]):
    """report.json: what became of a clinical table, and what it holds."""
