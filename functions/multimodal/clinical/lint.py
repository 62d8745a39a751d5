"""Validate a clinical configuration beyond single fields, with messages for a data manager."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

from pydantic import AfterValidator, TypeAdapter

from multimodal.clinical.column_config import TIMEPOINTS, Column, Condition, Date, DateDifference, Number, Timepoint
from multimodal.clinical.config import DAYS_PER_UNIT, ClinicalConfig, DatedBy, Survival
from multimodal.clinical.headers import AGE, BIRTH, in_words
from multimodal.clinical.phi import MAX_AGE, old_levels
from multimodal.features.group import FeatureGroupSpec, check_group
from multimodal.ledger.dataset_file import load_sections
from multimodal.ledger.errors import ConfigurationError

CLOSED = ("one_hot", "ordinal", "flag")
"""Kinds of column whose values are all declared."""


def linted(config: ClinicalConfig) -> ClinicalConfig:
    """Return a configuration that can be used.

    Raises
    ------
    ValueError
        Naming every problem of one that can not.
    """
    found = list(problems(config))
    if found:
        raise ValueError("; ".join(found))
    return config


UsableConfig = Annotated[ClinicalConfig, AfterValidator(linted)]
"""A configuration whose parts fit each other."""

_SECTION: TypeAdapter[ClinicalConfig] = TypeAdapter(UsableConfig)


def clinical_datasets(names: Iterable[str]) -> dict[str, ClinicalConfig]:
    """Return the clinical section of those of the deployed datasets that have one."""
    return load_sections(names, "clinical", _SECTION)


def problems(config: ClinicalConfig) -> Iterator[str]:
    """Yield every problem of a configuration; none when it can be used."""
    yield from _names(config)
    for column in config.columns:
        for problem in _of_column(config, column):
            yield f"column {column.source!r}: {problem}"
    yield from _timepoints(config)
    yield from _groups(config)
    for row_filter in config.rows:
        if row_filter.condition:
            yield from _prefixed("rows", _condition(config, row_filter.condition))
    yield from _prefixed("several_rows", _several_rows(config))
    for check in config.checks:
        yield from _prefixed("checks", _kinds(config, check.exactly_one, ("flag",)))
        yield from _prefixed("checks", _twice(check.exactly_one, "the column {!r} is listed more than once"))
    yield from _prefixed("target", _target(config))
    yield from _prefixed("labels", _labels(config))
    yield from _prefixed("bias", _bias(config))


def _prefixed(part: str, found: Iterable[str]) -> Iterator[str]:
    return (f"{part}: {problem}" for problem in found)


def _twice(names: Iterable[str], message: str) -> Iterator[str]:
    names = list(names)
    return (message.format(name) for name in sorted({n for n in names if names.count(n) > 1}))


def _names(config: ClinicalConfig) -> Iterator[str]:
    described = [config.id, *config.columns]
    names = [name for c in described for name in (c.source, *c.aliases)]
    yield from _twice(names, "the column {!r} is described more than once (names and aliases count)")


def _of_column(config: ClinicalConfig, column: Column) -> Iterator[str]:
    yield from _availability(config, column)
    yield from _values(config, column)
    if column.missing_when:
        yield from _prefixed("missing_when", _own_condition(config, column, column.missing_when))
    yield from _of_a_person(column)
    if isinstance(column, Number | DateDifference):
        yield from _range(column)
        if column.fill_when:
            yield from _prefixed("fill_when", _own_condition(config, column, column.fill_when))
    if isinstance(column, Date | DateDifference):
        yield from _short_years(config, column)
    if isinstance(column, Number):
        yield from _numeral(config, column)
    if isinstance(column, DateDifference):
        yield from _difference(config, column)
        yield from _age_by_difference(column)


def _of_a_person(column: Column) -> Iterator[str]:
    """Refuse a feature that is an age above 89, or tells when somebody was born."""
    words, is_number = in_words(column.source), isinstance(column, Number)
    if isinstance(column, Number) and column.age and column.unit not in DAYS_PER_UNIT:
        yield f"is an age; its unit must be {', '.join(DAYS_PER_UNIT)}"
    elif isinstance(column, Number) and not column.age and AGE.search(words) and _UNIT_OF_AGE.fullmatch(column.unit):
        yield "is an age; add age: true, so that a table with an age above 89 years is refused"
    elif is_number and _YEAR_OF_BIRTH.search(words) and column.feature:
        yield "tells when somebody was born; make it kind: date_difference to a date, or feature: false"
    if column.kind in CLOSED and (old := old_levels(column.source, column.values or ())):
        yield f"the level {old[0]!r} is of ages above {MAX_AGE}, which identify a person; make one level of all, as 90+"


_UNIT_OF_AGE = re.compile(
    r"(a|y|yo|yrs?|years?|mo|months?|wks?|weeks?|days?|jahre?|ans|anni|anos|jaar|unknown|)", re.IGNORECASE
)
_YEAR_OF_BIRTH = re.compile(
    r"\b(year|yr|month|jahr|date|day) (of )?birth\b|\bbirth ?(year|yr|month|date|day)\b|\byob\b|"
    r"\bgeburts(jahr|tag|datum|monat)\b"
)


def _availability(config: ClinicalConfig, column: Column) -> Iterator[str]:
    late = column.available_at in ("post_treatment", "outcome")
    if not column.feature:
        if column.allow:
            yield "allow says why it is a feature, and feature: false that it is none; keep one of the two"
        return
    if late and not column.allow:
        yield (
            f"is known only at {column.available_at}, after what models predict from; write feature: false, or say "
            "with allow: why it is a feature all the same"
        )
    elif column.available_at not in config.timepoints:
        yield (
            f"is a feature of {column.available_at}; give that timepoint an event_time under timepoints, or "
            "feature: false"
        )


def _values(config: ClinicalConfig, column: Column) -> Iterator[str]:
    values = column.values or ()
    yield from _twice(values, "the value {!r} is both true and false")
    missing = config.missing_of(column)
    for value in values:
        if value in missing:
            meaning = "an empty cell" if not value else f"{value!r}"
            yield f"{meaning} is a value of the column and also listed as missing; keep one of the two"
    if column.kind in CLOSED and not column.feature and getattr(column, "when_missing", "absent") == "indicator":
        yield "when_missing: indicator makes a feature, and feature: false says there is none"


def _range(column: Number | DateDifference) -> Iterator[str]:
    low, high = column.min, column.max
    if low is not None and high is not None and low > high:
        yield f"min {low:g} is above max {high:g}"
    if column.kind == "number" and column.integral and column.factor != 1:
        yield "integral: true asks for whole numbers, and a factor makes fractions of them; drop one of the two"
    whole = column.kind == "date_difference" or column.integral
    if column.fill_when is None:
        return
    fill = column.fill_when.value
    if (low is not None and fill < low) or (high is not None and fill > high):
        yield f"fill_when puts in {fill:g}, which is outside min and max"
    if whole and fill != int(fill):
        yield f"fill_when puts in {fill:g}, and the feature is a whole number"


def _short_years(config: ClinicalConfig, column: Date | DateDifference) -> Iterator[str]:
    written = column.date_format or config.date_format
    has_year_alone = isinstance(column, DateDifference) and column.format == "year"
    if "%y" in written and not (has_year_alone or column.two_digit_years_from or config.two_digit_years_from):
        yield (
            f"{written!r} has years of two digits; add two_digit_years_from: with the first of the hundred years that "
            "they stand for, such as 1930"
        )


def _numeral(config: ClinicalConfig, column: Number) -> Iterator[str]:
    decimal = config.decimal if column.decimal is None else column.decimal
    thousands = config.thousands if column.thousands is None else column.thousands
    if decimal == thousands:
        yield f"decimal and thousands are both {decimal!r}"


def _difference(config: ClinicalConfig, column: DateDifference) -> Iterator[str]:
    if column.format == "year" and column.unit == "days":
        yield "a year has no day to count from; use unit: years"
    if column.floor is not None and column.max is not None and column.floor > column.max:
        yield f"floor {column.floor} is above max {column.max}"
    yield from _prefixed("to", _kinds(config, [column.to], ("date",)))
    yield from _prefixed("to", _not_later(config, column.to, column.available_at))


def _age_by_difference(column: DateDifference) -> Iterator[str]:
    oldest = int(MAX_AGE * DAYS_PER_UNIT["years"] / DAYS_PER_UNIT[column.unit])
    if BIRTH.search(in_words(column.source)) and not (column.max is not None and column.max <= oldest):
        yield f"counts an age; add max: {oldest} ({column.unit}), above which an age identifies a person"


def _own_condition(config: ClinicalConfig, column: Column, condition: Condition) -> Iterator[str]:
    if condition.column == column.source:
        yield "names the column itself; list the values under missing instead"
        return
    yield from _condition(config, condition)
    yield from _not_later(config, condition.column, column.available_at)


def _several_rows(config: ClinicalConfig) -> Iterator[str]:
    rule = config.several_rows
    if rule is None:
        return
    yield from _kinds(config, [name for name in (rule.by, rule.anchor) if name], ("date", "number"))
    kinds = {getattr(config.by_source.get(name), "kind", "") for name in (rule.by, rule.anchor) if name}
    if kinds == {"date", "number"}:
        yield "by and anchor are a date and a number; nothing is near to the other"
    for source, how in rule.columns.items():
        wanted = {"mean": ("number",), "min": ("number", "date"), "max": ("number", "date")}.get(how)
        column = config.by_source.get(source)
        if column is None:
            yield _no_such(source)
        elif wanted:
            yield from _kinds(config, [source], wanted)
        if how == "mean" and isinstance(column, Number) and column.integral:
            yield f"the mean of {source!r} is no whole number; drop integral: true"


def _condition(config: ClinicalConfig, condition: Condition) -> Iterator[str]:
    column = config.by_source.get(condition.column)
    if column is None:
        yield _no_such(condition.column)
    elif column.values is not None and not _takes_others(column):
        known = {*column.values, *config.missing_of(column)}
        yield from _unknown_values(column.source, condition.values, known)


def _takes_others(column: Column) -> bool:
    return column.kind == "one_hot" and column.unseen == "other"


def _unknown_values(source: str, values: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    unknown = [value for value in values if value not in known]
    if unknown:
        yield f"{', '.join(map(repr, unknown))} is no value of the column {source!r} (capitals count)"


def _no_such(source: str) -> str:
    return f"there is no column {source!r} under columns (use its source name, not an alias)"


def _kinds(config: ClinicalConfig, sources: Iterable[str], kinds: Sequence[str]) -> Iterator[str]:
    for source in sources:
        column = config.by_source.get(source)
        if column is None:
            yield _no_such(source)
        elif column.kind not in kinds:
            yield f"the column {source!r} is of kind {column.kind}; it must be {' or '.join(kinds)}"


def _not_later(config: ClinicalConfig, source: str, timepoint: Timepoint) -> Iterator[str]:
    """Refuse to make what is known at a timepoint of what becomes known later: leakage by construction."""
    column = config.by_source.get(source)
    if column is not None and TIMEPOINTS.index(column.available_at) > TIMEPOINTS.index(timepoint):
        yield f"the column {source!r} is known only at {column.available_at}, later than {timepoint}"


def _timepoints(config: ClinicalConfig) -> Iterator[str]:
    for timepoint, settings in config.timepoints.items():
        if settings.event_time != "upload":
            yield from _prefixed(f"timepoints: {timepoint}", _event_time(config, timepoint, settings.event_time))


def _event_time(config: ClinicalConfig, timepoint: Timepoint, dated: DatedBy) -> Iterator[str]:
    yield from _kinds(config, [dated.column], ("date",))
    yield from _not_later(config, dated.column, timepoint)
    if BIRTH.search(in_words(dated.column)):
        yield f"{dated.column!r} is a date of birth, and every record would carry it; take another date, or upload"
    if dated.plus_days is None:
        return
    yield from _kinds(config, [dated.plus_days], ("number",))
    yield from _not_later(config, dated.plus_days, timepoint)
    column = config.by_source.get(dated.plus_days)
    if column is not None and column.kind == "number" and not (column.integral and column.unit == "days"):
        yield f"plus_days: the column {dated.plus_days!r} must have unit: days and integral: true"


def _groups(config: ClinicalConfig) -> Iterator[str]:
    """Check each group's features as Feature Store would."""
    labels = config.labels.features if config.labels else ()
    for name, features in [*((s, config.features_at(s)) for s in config.feature_timepoints), ("labels", labels)]:
        try:
            check_group(FeatureGroupSpec(name.replace("_", "-"), config.framed(features)))
        except ConfigurationError as error:
            yield f"features of {name}: {error}"


def _target(config: ClinicalConfig) -> Iterator[str]:
    if config.target is not None:
        yield from _closed_values(config, config.target.column, config.target.positive)
        column = config.by_source.get(config.target.column)
        if column is not None and config.is_feature(column) and not column.allow:
            yield f"the column {column.source!r} would be predicted, and a feature too; give it feature: false"


def _closed_values(config: ClinicalConfig, source: str, values: Iterable[str]) -> Iterator[str]:
    yield from _kinds(config, [source], CLOSED)
    column = config.by_source.get(source)
    if column is not None and column.values is not None and not _takes_others(column):
        yield from _unknown_values(source, values, column.values)


def _bias(config: ClinicalConfig) -> Iterator[str]:
    if config.bias is None:
        return
    for facet in config.bias.facets:
        yield from _prefixed("facets", _closed_values(config, facet.column, facet.disadvantaged))
    yield from _prefixed("facets", _twice((f.column for f in config.bias.facets), "{!r} is listed more than once"))
    yield from _prefixed("group", _kinds(config, [config.bias.group] if config.bias.group else [], CLOSED))
    yield from _prefixed("strata", _kinds(config, config.bias.strata, CLOSED))
    yield from _prefixed("strata", _twice(config.bias.strata, "{!r} is listed more than once"))
    if config.target is None:
        yield "is measured against a target; add target: with a column and its positive values"


def _labels(config: ClinicalConfig) -> Iterator[str]:
    labels = config.labels
    if labels is None:
        return
    yield from _prefixed("died", _died(config, labels.died))
    yield from _ends(config, labels)
    if labels.horizons_days and not labels.has_days:
        yield "horizons_days need time, or origin, death and last_alive"
    if not labels.origin and (labels.recurrence or labels.cross_check):
        yield "recurrence and cross_check need origin, death and last_alive; a time to recurrence goes under endpoints"
    if bool(labels.recurrence) != bool(labels.recurrence_date):
        yield "recurrence and recurrence_date go together"
    yield from _kinds(config, [labels.recurrence_date] if labels.recurrence_date else [], ("date",))
    yield from _kinds(config, [labels.recurrence] if labels.recurrence else [], ("flag",))
    if labels.cross_check:
        yield from _prefixed("cross_check", _kinds(config, [labels.cross_check.column], ("number",)))
    yield from _twice(map(str, labels.horizons_days), "the horizon {} is listed more than once")
    yield from _origin(config)
    yield from _endpoints(config, labels)
    yield from _label_features(config, labels)


def _ends(config: ClinicalConfig, labels: Survival) -> Iterator[str]:
    """Check what the time to death is made of: dates from an origin on, or times."""
    ends = [name for name in (labels.death, labels.last_alive) if name]
    if labels.time:
        if labels.origin or ends:
            yield "time takes the place of origin, death and last_alive; keep one or the other"
        yield from _prefixed("time", _times(config, [labels.time]))
    elif labels.origin:
        if len(ends) < 2:
            yield "origin, death and last_alive go together: days are counted from the one to the others"
        yield from _kinds(config, ends, ("date",))
    elif len(ends) == 1:
        yield "death and last_alive go together"
    else:
        dates = [name for name in ends if getattr(config.by_source.get(name), "kind", "") == "date"]
        if dates:
            yield "death and last_alive are dates; add origin:, the timepoint that days are counted from"
        else:
            yield from _times(config, ends)


def _times(config: ClinicalConfig, sources: Sequence[str]) -> Iterator[str]:
    yield from _kinds(config, sources, ("number",))
    for source in sources:
        column = config.by_source.get(source)
        if isinstance(column, Number) and column.unit not in DAYS_PER_UNIT:
            yield f"the unit of {source!r} must be {', '.join(DAYS_PER_UNIT)}"


def _endpoints(config: ClinicalConfig, labels: Survival) -> Iterator[str]:
    for name, endpoint in labels.endpoints.items():
        if name == "os" or (name == "rfs" and labels.recurrence):
            yield f"endpoints: {name}_event and {name}_days are labels already; give the endpoint another name"
        yield from _prefixed(f"endpoints: {name}", _died(config, endpoint.event))
        yield from _prefixed(f"endpoints: {name}", _times(config, [endpoint.time]))


def _died(config: ClinicalConfig, source: str) -> Iterator[str]:
    yield from _kinds(config, [source], ("flag", "ordinal"))
    column = config.by_source.get(source)
    if column is not None and column.kind == "ordinal" and set(column.levels.values()) != {0.0, 1.0}:
        yield f"the levels of {source!r} must be the numbers 0 (alive, no event) and 1 (dead, event)"


def _origin(config: ClinicalConfig) -> Iterator[str]:
    origin = config.labels.origin if config.labels else None
    if origin is None:
        return
    if origin not in config.timepoints:
        yield f"origin: there is no timepoint {origin!r} under timepoints"
    elif config.timepoints[origin].event_time == "upload":
        yield f"origin: the timepoint {origin!r} is dated by the upload; days are counted from a date of the table"


def _label_features(config: ClinicalConfig, labels: Survival) -> Iterator[str]:
    for source in labels.columns:
        column = config.by_source.get(source)
        if column is not None and column.kind != "date" and config.is_feature(column) and not column.allow:
            yield f"the column {source!r} makes the label and would be a feature too; give it feature: false"
