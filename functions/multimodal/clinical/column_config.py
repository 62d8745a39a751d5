"""A column of the clinical section of a dataset file: its kind, its cells and what features it makes."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    model_validator,
)

from multimodal.features.group import FeatureType, of_type

Timepoint = Literal["baseline", "surgery", "post_treatment", "outcome"]
"""When a column's value becomes available. The first two come before treatment begins and may be features."""

TIMEPOINTS: tuple[Timepoint, ...] = ("baseline", "surgery", "post_treatment", "outcome")

LATE_TIMEPOINTS: frozenset[Timepoint] = frozenset({"post_treatment", "outcome"})
"""Timepoints whose columns become features only when the file allows each by name, with a reason."""

_FEATURE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}[a-z0-9]")

Feature = tuple[str, FeatureType]
"""A feature's name and type."""


def _is_text(value: object) -> object:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        raise ValueError(
            "put the value in quotes, as in 'Yes': without them YAML reads Yes, No, On and Off as a switch"
        )
    raise ValueError(f"put the value in quotes, as in '{value}': YAML reads it as {type(value).__name__}, not as text")


def _is_feature_name(name: str) -> str:
    if not _FEATURE_NAME.fullmatch(name):
        raise ValueError(f"{name!r}: small letters, digits and _ only, first a letter, last no _, 2 to 64 characters")
    return name


Source = Annotated[
    str, BeforeValidator(_is_text), StringConstraints(strip_whitespace=True, min_length=1, max_length=256)
]
"""A column's name in the table's header, without surrounding blanks."""

FeatureName = Annotated[str, AfterValidator(_is_feature_name)]
Cell = Annotated[str, BeforeValidator(_is_text), StringConstraints(strip_whitespace=True, max_length=256)]

Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=10, max_length=500)]
"""A reason that a later reader can judge."""

Unseen = Literal["reject", "other", "missing"]

WhenMissing = Literal["absent", "indicator", "zero", "reject"]
"""No value; no value and a `<name>_missing` flag; zero; or the row goes to quarantine."""


def _distinct(values: list[str]) -> list[str]:
    twice = sorted({v for v in values if values.count(v) > 1})
    if twice:
        raise ValueError(f"listed more than once: {', '.join(twice)}")
    return values


_DATE_PARTS = re.compile(r"%([dmYybB])")

COUNTED_FROM = re.compile(r"days since ([0-9]{4}-[0-9]{2}-[0-9]{2})")
"""Spreadsheets count from 1899-12-30, SAS and Stata from 1960-01-01, R from 1970-01-01."""


def _is_date_format(text: str) -> str:
    """Day, month and year, each once, so that no date is ambiguous; or a count of days."""
    counted = COUNTED_FROM.fullmatch(text)
    if counted:
        date.fromisoformat(counted[1])
        return text
    parts = sorted(_DATE_PARTS.findall(text.replace("%B", "%b")))
    if parts not in _WHOLE_DATES or "%" in _DATE_PARTS.sub("", text):
        raise ValueError(
            f"{text!r}: write day (%d), month (%m, or %b for its name) and year (%Y, or %y for two digits) each once, "
            "as in '%m/%d/%Y', or 'days since 1899-12-30'"
        )
    if re.search(r"\d", text) or (_TOUCHING.search(text) and not _COMPACT.fullmatch(text)):
        raise ValueError(f"{text!r}: put something that is no digit between day, month and year")
    return text


_WHOLE_DATES = (["Y", "d", "m"], ["Y", "b", "d"], ["d", "m", "y"], ["b", "d", "y"])
_TOUCHING, _COMPACT = re.compile("%[dmYy]%[dmYy]"), re.compile("(%[dmYy]){3}")


DateFormatText = Annotated[str, AfterValidator(_is_date_format)]
FirstYear = Annotated[int, Field(ge=1800, le=2100)]
"""First of the hundred years that years of two digits stand for: with 1930, 30 is 1930 and 29 is 2029."""

Decimal = Literal[".", ","]
Thousands = Literal["", ",", ".", " ", "'"]
Bounds = Literal["reject", "limit", "missing"]
"""What a bound (`<0.5`, `90+`) becomes: its row is rejected, the limit itself, or no value."""

Cells = Annotated[list[Cell], Field(min_length=1), AfterValidator(_distinct)]


class StrictModel(BaseModel):
    """A part of a configuration file: unknown keys are errors, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(StrictModel):
    """Holds for a row whose column has one of some values (as written in the table, blanks around them removed)."""

    column: Source
    values: Cells


class FillWhen(Condition):
    """The value that a missing cell means when the condition holds: no pack years for somebody who never smoked."""

    value: FiniteFloat


class _Column(StrictModel):
    """Settings of every column.

    Parameters
    ----------
    source : str
        Name in the header.
    aliases : list of str
        Other names that it has in other exports.
    available_at : str
        When its value becomes known; this alone decides whether it may be a feature.
    missing : list of str
        Values that mean "not known" here, beside the table's own.
    feature : bool
        False: the column is checked and used in reports and labels, and never becomes a feature.
    allow : str, optional
        Why it is a feature although it is known late, or although it predicts the target suspiciously well.
    missing_when : Condition, optional
        When it holds, whatever stands there means "not known".
    """

    source: Source
    aliases: list[Source] = []
    available_at: Timepoint
    missing: list[Cell] = []
    feature: bool = True
    allow: Why | None = None
    missing_when: Condition | None = None

    @property
    def values(self) -> tuple[str, ...] | None:
        """All values that a cell may have, when they are declared."""
        return None

    @property
    def features(self) -> tuple[Feature, ...]:
        """Features that it becomes, in order."""
        return ()


class FeatureColumn(_Column):
    """Settings of columns that can be features.

    Parameters
    ----------
    name : str
        Name of the feature; of a one-hot column, the beginning of `<name>_other` and `<name>_missing`.
    when_missing : str
        See `WhenMissing`. `zero` is right only where zero is what the missing cell means.
    """

    name: FeatureName
    when_missing: WhenMissing = "absent"

    @property
    def features(self) -> tuple[Feature, ...]:
        """Features that it becomes, in order; a flag of missing values comes last."""
        indicator = ((f"{self.name}_missing", FeatureType.INTEGRAL),) if self.when_missing == "indicator" else ()
        return (*self._own_features, *indicator)

    @property
    def _own_features(self) -> tuple[Feature, ...]:
        return ((self.name, FeatureType.INTEGRAL),)


class OneHot(FeatureColumn):
    """A category: one 0/1 feature for each level, named in the file; with `other`, one for all the rest.

    Levels that mean the same have the same feature name.
    """

    kind: Literal["one_hot"]
    levels: Annotated[dict[Cell, FeatureName], Field(min_length=2)]
    unseen: Unseen = "reject"

    @property
    def values(self) -> tuple[str, ...]:
        """All values that a cell may have, in the file's order."""
        return tuple(self.levels)

    @property
    def _own_features(self) -> tuple[Feature, ...]:
        other = (f"{self.name}_other",) if self.unseen == "other" else ()
        return of_type(FeatureType.INTEGRAL, *dict.fromkeys(self.levels.values()), *other)


class Ordinal(FeatureColumn):
    """Ordered levels, each with its number."""

    kind: Literal["ordinal"]
    levels: Annotated[dict[Cell, FiniteFloat], Field(min_length=2)]
    unseen: Literal["reject", "missing"] = "reject"

    @property
    def values(self) -> tuple[str, ...]:
        """All values that a cell may have, in the file's order."""
        return tuple(self.levels)

    @property
    def _own_features(self) -> tuple[Feature, ...]:
        # Fractional always, so that a level between two others can be added without another type.
        return ((self.name, FeatureType.FRACTIONAL),)


class Flag(FeatureColumn):
    """Yes or no, as 1 or 0."""

    kind: Literal["flag"]
    true: Cells
    false: Cells
    unseen: Literal["reject", "missing"] = "reject"

    @property
    def values(self) -> tuple[str, ...]:
        """All values that a cell may have, in the file's order."""
        return (*self.true, *self.false)

    @model_validator(mode="before")
    @classmethod
    def _named_by_yaml(cls, given: object) -> object:
        """Take the keys `true` and `false` as YAML reads them without quotes."""
        if not isinstance(given, dict):
            return given
        return {{True: "true", False: "false"}.get(k, k) if isinstance(k, bool) else k: v for k, v in given.items()}


class Number(FeatureColumn):
    """A number, in the feature's unit.

    Parameters
    ----------
    unit : str
        Unit of the feature.
    factor : float
        What the table's number is multiplied by to get there.
    min, max : float, optional
        Range in the feature's unit.
    integral : bool
        Whether only whole numbers are right.
    age : bool
        Whether it is an age, in years or another unit of time: one above 89 years identifies a person.
    decimal, thousands : str, optional
        As in `ClinicalConfig`, for this column. A percent sign may follow where the unit is %.
    bounds : str
        See `Bounds`. Of ages, `90+` is the category that may stand for all of them, and becomes 90.
    """

    kind: Literal["number"]
    unit: Annotated[str, Field(min_length=1, max_length=30)]
    factor: Annotated[FiniteFloat, Field(gt=0)] = 1.0
    min: FiniteFloat | None = None
    max: FiniteFloat | None = None
    out_of_range: Literal["reject", "missing"] = "reject"
    integral: bool = False
    age: bool = False
    decimal: Decimal | None = None
    thousands: Thousands | None = None
    bounds: Bounds = "reject"
    fill_when: FillWhen | None = None

    @property
    def _own_features(self) -> tuple[Feature, ...]:
        return ((self.name, FeatureType.INTEGRAL if self.integral else FeatureType.FRACTIONAL),)


class DateDifference(FeatureColumn):
    """Time from this column's date (or year) to another column's date.

    Parameters
    ----------
    format : str
        `date`: as `date_format` says; `year`: a year of four digits.
    date_format, two_digit_years_from : optional
        As in `ClinicalConfig`, for this column.
    to : str
        The column of the later date, a `date` column.
    unit : str
        `days` (needs dates) or `years` (difference of the calendar years).
    floor : float, optional
        Smaller differences become this one.
    """

    kind: Literal["date_difference"]
    format: Literal["date", "year"] = "date"
    date_format: DateFormatText | None = None
    two_digit_years_from: FirstYear | None = None
    to: Source
    unit: Literal["days", "years"]
    floor: int | None = None
    min: int | None = None
    max: int | None = None
    out_of_range: Literal["reject", "missing"] = "reject"
    fill_when: FillWhen | None = None


class Date(_Column):
    """A date that event times, differences or labels are made of; never a feature itself.

    Parameters
    ----------
    date_format, two_digit_years_from : optional
        As in `ClinicalConfig`, for this column.
    """

    kind: Literal["date"]
    date_format: DateFormatText | None = None
    two_digit_years_from: FirstYear | None = None
    feature: Literal[False] = False


class Drop(_Column):
    """A column that nothing is made of, with the reason."""

    kind: Literal["drop"]
    reason: Why
    feature: Literal[False] = False


Column = Annotated[OneHot | Ordinal | Flag | Number | DateDifference | Date | Drop, Field(discriminator="kind")]
