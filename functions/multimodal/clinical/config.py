"""The clinical section of a dataset file: columns, timepoints, filters, labels and bias."""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    model_validator,
)

from multimodal.clinical.column_config import (
    LATE_TIMEPOINTS,
    TIMEPOINTS,
    Cell,
    Cells,
    Column,
    Condition,
    DateFormatText,
    Decimal,
    Feature,
    FeatureColumn,
    FeatureName,
    FirstYear,
    Flag,
    Ordinal,
    Source,
    StrictModel,
    Thousands,
    Timepoint,
    Why,
)
from multimodal.features.group import EVENT_TIME, EVENT_TIME_SOURCE, RECORD_ID, FeatureType, of_type
from multimodal.ledger.dataset_file import AsciiPattern

LEADING = of_type(FeatureType.STRING, RECORD_ID, EVENT_TIME, EVENT_TIME_SOURCE)
TRAILING = of_type(FeatureType.STRING, "source_uri", "upload_id", "correlation_id")


class RowFilter(StrictModel):
    """Rows that are filtered out, with the reason; the report shows how many and whom that selects.

    Parameters
    ----------
    drop_when : Condition, optional
        Rows for which it holds.
    keep_when : Condition, optional
        All other rows than those for which it holds.
    drop_ids : str, optional
        Regular expression; rows whose id begins with a match. One of the three is given.
    """

    drop_when: Condition | None = None
    keep_when: Condition | None = None
    drop_ids: AsciiPattern | None = None
    reason: Why

    @property
    def condition(self) -> Condition | None:
        """What the filter looks at, unless it is the id."""
        return self.drop_when or self.keep_when

    @model_validator(mode="after")
    def _says_which_rows(self) -> Self:
        if sum(given is not None for given in (self.drop_when, self.keep_when, self.drop_ids)) != 1:
            raise ValueError(
                "a row filter has either drop_when or keep_when (a column and values) or drop_ids (a pattern)"
            )
        return self


class IdColumn(StrictModel):
    """The column that names the case.

    Parameters
    ----------
    pattern : str
        Regular expression that the whole of an id must match.
    cohort : str, optional
        Regular expression whose match at the beginning of an id names the case's cohort, a stratum of the report.
    """

    source: Source
    aliases: list[Source] = []
    pattern: AsciiPattern
    cohort: AsciiPattern | None = None


class DatedBy(StrictModel):
    """An event time: a date column, perhaps some days later."""

    column: Source
    plus_days: Source | None = None


class TimepointConfig(StrictModel):
    """A timepoint that may have features, and when its facts were true. `upload`: when the file arrived."""

    event_time: DatedBy | Literal["upload"]


class Target(StrictModel):
    """The prediction target, against which leakage and bias are measured. `positive` are the favourable values."""

    column: Source
    positive: Cells


class CrossCheck(StrictModel):
    """A number of days in the table that should equal `os_days` of the dead.

    With the policy `quarantine` a label that differs is held back; else the report counts it.
    """

    column: Source
    tolerance_days: Annotated[int, Field(ge=0)] = 1
    policy: Literal["warn", "quarantine"] = "warn"


DAYS_PER_UNIT = {"days": 1.0, "weeks": 7.0, "months": 30.4375, "years": 365.25}
"""What a time in each unit is in days; years and months are those of the Julian calendar, 365.25 days and a twelfth."""


class Endpoint(StrictModel):
    """Another time to an event: a flag (1 for the event), and a number column with the time to it or to censoring."""

    event: Source
    time: Source


class Survival(StrictModel):
    """Survival labels in days: between dates, from a timepoint's event time on, or as the table counts them.

    With `died` alone the label is `survival_status`, dated by the upload: who was alive when nobody knows.

    Parameters
    ----------
    died : str
        Flag column, or ordinal one of the numbers 0 and 1; 1 for the dead.
    origin : str, optional
        Timepoint whose date is day 0.
    death, last_alive : str, optional
        Date columns, given together with `origin`; or without it, number columns: the time to death and to the last
        contact (GDC). One column for both is the end of either (`date of death or last contact`).
    time : str, optional
        Number column instead of these: the time to death, or to the last contact of who did not die (cBioPortal, R).
        The unit of number columns is one of `DAYS_PER_UNIT`; days are rounded to whole ones.
    endpoints : mapping
        Name (`dfs`, `pfs`, …) → `Endpoint`; each gives `<name>_event` and `<name>_days`.
    recurrence, recurrence_date : str, optional
        Flag and date column; without them there is no recurrence-free survival.
    horizons_days : list of int
        For each n there is `os_horizon_<n>d`: 1 died within n days, 0 lived longer, no value when lost sight of
        earlier.
    """

    died: Source
    origin: Literal["baseline", "surgery"] | None = None
    death: Source | None = None
    last_alive: Source | None = None
    recurrence: Source | None = None
    recurrence_date: Source | None = None
    time: Source | None = None
    endpoints: dict[FeatureName, Endpoint] = {}
    horizons_days: list[Annotated[int, Field(ge=1, le=36_500)]] = []
    cross_check: CrossCheck | None = None

    @property
    def features(self) -> tuple[Feature, ...]:
        """Labels, in order."""
        names = ["survival_status"]
        if self.has_days:
            names += ["os_event", "os_days", *(f"os_horizon_{n}d" for n in self.horizons_days)]
        if self.recurrence is not None:
            names += ["rfs_event", "rfs_days"]
        names += [f"{name}_{part}" for name in self.endpoints for part in ("event", "days")]
        return of_type(FeatureType.INTEGRAL, *names)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the labels are made of."""
        check = self.cross_check.column if self.cross_check else None
        of_endpoints = [name for endpoint in self.endpoints.values() for name in (endpoint.event, endpoint.time)]
        dates = (self.death, self.last_alive, self.recurrence, self.recurrence_date)
        return tuple(name for name in (self.died, self.time, *dates, check, *of_endpoints) if name is not None)

    @property
    def is_counted(self) -> bool:
        """Whether the table has times instead of dates."""
        return self.origin is None and (self.time or self.death) is not None

    @property
    def has_days(self) -> bool:
        """Whether there is a time to death, not only who died."""
        return self.origin is not None or self.is_counted


class Facet(StrictModel):
    """A column whose groups are compared. `disadvantaged` are the values of facet d of SageMaker Clarify."""

    column: Source
    disadvantaged: Cells


class Bias(StrictModel):
    """Pre-training bias: facets, the column within whose groups demographic disparity is conditioned, and strata."""

    facets: Annotated[list[Facet], Field(min_length=1)]
    group: Source | None = None
    strata: list[Source] = []


class ExactlyOne(StrictModel):
    """Of some flag columns, exactly one is 1 in every row where all are known."""

    exactly_one: Annotated[list[Source], Field(min_length=2)]


class SeveralRows(StrictModel):
    """What becomes of a case that is in several rows; without it none of them is taken.

    Parameters
    ----------
    take : str
        Which of the rows counts: the `first`, the `last`, or the one `nearest` to the anchor.
    by : str, optional
        Date or number column that orders the rows; without it they are in the order of the file.
    anchor : str, optional
        Date or number column that `nearest` compares `by` with; any of the case's rows may have it.
    fill : bool
        Whether a cell that is not known is taken from the next row, in the same order, that knows it (REDCap: each
        instrument and event has rows of its own).
    columns : mapping
        Column → `first` or `last` known cell in the order of the file, or `min`, `max` or `mean` of all.
    """

    take: Literal["first", "last", "nearest"] = "first"
    by: Source | None = None
    anchor: Source | None = None
    fill: bool = False
    columns: dict[Source, Literal["first", "last", "min", "max", "mean"]] = {}

    @model_validator(mode="after")
    def _says_what_is_near(self) -> Self:
        if (self.take == "nearest") != (self.anchor is not None) or (self.anchor and not self.by):
            raise ValueError("take: nearest needs by and anchor, and nothing else needs an anchor")
        return self


def _texts(part: object) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, Mapping):
        yield from _texts([*part.keys(), *part.values()])
    elif isinstance(part, list | tuple):
        for each in part:
            yield from _texts(each)


class ClinicalConfig(StrictModel):
    """Clinical part of a dataset: its feature groups and labels are a pure function of this, never of a file.

    Each field is right by itself; `UsableConfig` is right as a whole, too.

    Parameters
    ----------
    date_format : str
        How dates are written: `%d`, `%m` (or `%b`, a month's name in seven languages) and `%Y` (or `%y`), or `days
        since YYYY-MM-DD`. A time may follow.
    two_digit_years_from : int, optional
        See `FirstYear`; needed where a year is `%y`.
    shifted_calendar : bool
        Whether dates may lie after the upload: of calendars that were shifted into the future to hide the true dates.
    decimal, thousands : str
        How numbers are written.
    """

    group_version: Annotated[int, Field(ge=1)] = 1
    id: IdColumn
    missing: list[Cell] = []
    date_format: DateFormatText = "%m/%d/%Y"
    two_digit_years_from: FirstYear | None = None
    shifted_calendar: bool = False
    decimal: Decimal = "."
    thousands: Thousands = ""
    timepoints: Annotated[dict[Timepoint, TimepointConfig], Field(min_length=1)]
    rows: list[RowFilter] = []
    several_rows: SeveralRows | None = None
    columns: Annotated[list[Column], Field(min_length=1)]
    checks: list[ExactlyOne] = []
    target: Target | None = None
    labels: Survival | None = None
    bias: Bias | None = None

    @property
    def by_source(self) -> Mapping[str, Column]:
        """Column by its name in the header."""
        return {c.source: c for c in self.columns}

    def without_unused(self, present: Collection[str]) -> Self:
        """Return the same without the dropped columns that a table lacks, unless another key of the file names them."""
        if all(c.source in present for c in self.columns if c.kind == "drop"):
            return self
        named = set(_texts(self.model_dump(exclude={"columns": {"__all__": {"source"}}})))
        kept = [c for c in self.columns if c.kind != "drop" or c.source in present or c.source in named]
        return self.model_copy(update={"columns": kept})

    @property
    def outcome(self) -> Target | None:
        """What leakage is measured against: the target, or, where none is named, who died by the labels."""
        died = self.by_source.get(self.labels.died) if self.target is None and self.labels else None
        if isinstance(died, Flag):
            return Target(column=died.source, positive=died.false)
        if isinstance(died, Ordinal):
            return Target(column=died.source, positive=[level for level, number in died.levels.items() if number == 0])
        return self.target

    def is_feature(self, column: Column) -> bool:
        """Return whether a column becomes features: known early, or allowed by name."""
        early = column.available_at not in LATE_TIMEPOINTS
        return column.feature and column.available_at in self.timepoints and (early or column.allow is not None)

    def features_of(self, timepoint: Timepoint) -> list[FeatureColumn]:
        """Return the columns that become features of a timepoint's group, in the file's order."""
        known = (c for c in self.columns if c.available_at == timepoint and self.is_feature(c))
        return [column for column in known if column.kind != "date" and column.kind != "drop"]

    @property
    def feature_timepoints(self) -> list[Timepoint]:
        """Timepoints that have features, the earliest first."""
        found = {c.available_at for c in self.columns if self.is_feature(c)}
        return [timepoint for timepoint in TIMEPOINTS if timepoint in found]

    def features_at(self, timepoint: Timepoint) -> tuple[Feature, ...]:
        """Return the features of a timepoint, in the file's order."""
        return tuple(feature for column in self.features_of(timepoint) for feature in column.features)

    @staticmethod
    def framed(features: tuple[Feature, ...]) -> tuple[Feature, ...]:
        """Return a group's features: who, when, the values, and where they came from."""
        return (*LEADING, *features, *TRAILING)

    def missing_of(self, column: Column) -> frozenset[str]:
        """Return the values that mean "not known" in a column. An empty cell always does."""
        return frozenset(("", *self.missing, *column.missing))
