"""Feature groups of a clinical table, what their features mean, and their records with event times."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import compress, islice, repeat
from operator import and_, ior
from typing import TypeVar

from multimodal.clinical.cells import Fault, RowCode
from multimodal.clinical.column_config import Column, DateDifference, Flag, Number, OneHot, Ordinal, Timepoint
from multimodal.clinical.columns import Pairs, features_of
from multimodal.clinical.config import TRAILING, ClinicalConfig, DatedBy, Survival
from multimodal.clinical.dates import FIRST_YEAR, latest_day
from multimodal.clinical.labels import MadeLabels
from multimodal.clinical.rows import Batch, Numbers
from multimodal.features.group import (
    EVENT_TIME,
    EVENT_TIME_SOURCE,
    RECORD_ID,
    UPLOAD_TIME,
    FeatureGroupSpec,
    Record,
    check_group,
)
from multimodal.tables.table import TableRecord, UploadContext

V = TypeVar("V")

LABELS = "labels"


def group_name(stack: str, dataset: str, content: str, version: int) -> str:
    """Return a group's name; `content` is a timepoint or `LABELS`."""
    part = LABELS if content == LABELS else f"clinical-{content.replace('_', '-')}"
    return f"{stack}-{dataset}-{part}-v{version}"


def group_specs(stack: str, dataset: str, config: ClinicalConfig) -> dict[str, FeatureGroupSpec]:
    """Return the groups by their content: a timepoint that has features, or `LABELS`.

    Raises
    ------
    ConfigurationError
        When a name is not one that Feature Store takes.
    """
    contents = {timepoint: config.features_at(timepoint) for timepoint in config.feature_timepoints}
    features = contents | ({LABELS: config.labels.features} if config.labels else {})
    specs = {
        content: FeatureGroupSpec(group_name(stack, dataset, content, config.group_version), config.framed(own))
        for content, own in features.items()
    }
    for spec in specs.values():
        check_group(spec)
    return specs


def definitions(stack: str, dataset: str, config: ClinicalConfig) -> dict[str, dict[str, str]]:
    """Return what the features of each group mean: group → feature → a text that changes with the meaning.

    A level that is added leaves every text that was there as it is; a level that gets another number or another
    feature changes one. So an ordinal feature has a text for each of its levels, under `<feature>=<level>`.
    """
    meanings: dict[str, dict[str, str]] = {}
    for content, spec in group_specs(stack, dataset, config).items():
        columns = [] if content == LABELS else [c for c in config.columns if c.available_at == content]
        of_labels = _of_labels(config, config.labels) if content == LABELS and config.labels else {}
        meanings[spec.name] = of_labels | {
            name: text for column in columns if config.is_feature(column) for name, text in _of_column(config, column)
        }
    return meanings


def _text(**meaning: object) -> str:
    return json.dumps(meaning, sort_keys=True, ensure_ascii=False)


def _of_column(config: ClinicalConfig, column: Column) -> Iterator[tuple[str, str]]:
    shared = {"when_missing": getattr(column, "when_missing", None), "missing_when": _condition(column.missing_when)}
    if isinstance(column, OneHot):
        for value, name in reversed(column.levels.items()):
            yield name, _text(first_level=value, **shared)  # the last of several texts counts: that of the first level
        yield from ((f"{column.name}={value}", _text(feature=name)) for value, name in column.levels.items())
        if column.unseen == "other":
            yield f"{column.name}_other", _text(other_than=sorted(column.levels), **shared)
    elif isinstance(column, Ordinal):
        yield column.name, _text(ordinal=True, **shared)
        yield from ((f"{column.name}={value}", _text(number=number)) for value, number in column.levels.items())
    elif isinstance(column, Flag):
        yield column.name, _text(flag=True, **shared)
        values = {**dict.fromkeys(column.true, 1), **dict.fromkeys(column.false, 0)}
        yield from ((f"{column.name}={value}", _text(number=number)) for value, number in values.items())
    elif isinstance(column, Number | DateDifference):
        kept = column.model_dump(mode="json", exclude=_WITHOUT_MEANING)
        dates = {} if isinstance(column, Number) else {"date_format": column.date_format or config.date_format}
        yield column.name, _text(**kept, **dates)


_WITHOUT_MEANING = {
    *("source", "aliases", "name", "available_at", "allow", "feature", "missing"),
    *("out_of_range", "age", "min", "max", "decimal", "thousands", "bounds", "date_format", "two_digit_years_from"),
}
"""What decides whether a value is taken, or what it is called; not what it means."""


def _condition(condition: object) -> object:
    return condition.model_dump(mode="json") if hasattr(condition, "model_dump") else None


def _of_labels(config: ClinicalConfig, labels: Survival) -> dict[str, str]:
    origin = config.timepoints[labels.origin].model_dump(mode="json") if labels.origin else None
    own = {"horizons_days", "cross_check", "endpoints"} | ({"time"} if labels.time is None else set())
    made_of = labels.model_dump(mode="json", exclude=own)
    units = _units(config, (labels.time, labels.death, labels.last_alive)) if labels.is_counted else {}
    whole = _text(origin=origin, made_of=made_of, died=_sides(config, labels.died), **units)
    meanings = {name: whole for name, _ in labels.features}
    for name, endpoint in labels.endpoints.items():
        text = _text(
            event=_sides(config, endpoint.event), made_of=endpoint.model_dump(), **_units(config, [endpoint.time])
        )
        meanings |= {f"{name}_event": text, f"{name}_days": text}
    return meanings


def _sides(config: ClinicalConfig, source: str) -> object:
    return config.by_source[source].model_dump(mode="json", include={"true", "false", "levels"})


def _units(config: ClinicalConfig, sources: Iterable[str | None]) -> dict[str, object]:
    columns = [config.by_source[source] for source in sources if source]
    return {"units": [(column.unit, column.factor) for column in columns if isinstance(column, Number)]}


def frame_of(upload: UploadContext, source: str) -> Pairs:
    """Return what every record of a group has, in a form to be copied; whoever has a day of its own is dated anew."""
    leading = {RECORD_ID: "", EVENT_TIME: upload.uploaded_at, EVENT_TIME_SOURCE: source}
    return leading | {name: getattr(upload, name) for name, _ in TRAILING}


def label_frames(labels: Survival, upload: UploadContext) -> dict[float, Pairs]:
    """Return `frame_of` the labels of those who died (1) and of the living (0)."""
    sources = (labels.last_alive, labels.death) if labels.origin else (UPLOAD_TIME, UPLOAD_TIME)
    return {float(died): frame_of(upload, source or "") for died, source in enumerate(sources)}


class EventTimes(dict[float | None, str | None]):
    """Event time of each day (ordinal), at midnight; none of no day.

    There are at most as many days as since `FIRST_YEAR`.
    """

    def __init__(self) -> None:
        super().__init__({None: None})

    def __missing__(self, day: float) -> str:
        text = self[day] = date.fromordinal(int(day)).isoformat() + "T00:00:00Z"
        return text


_NO_EVENT_TIME = Fault(
    RowCode.DATE_IN_FUTURE, "the date and the days added to it give a day after the upload, or long ago; check both"
)


class TimepointDates:
    """Days on which the facts of a timepoint were true; none is after `latest`."""

    def __init__(self, dated: DatedBy, latest: date) -> None:
        self._dated, self._latest = dated, latest.toordinal()
        self._first = date(FIRST_YEAR, 1, 1).toordinal()
        self.source = dated.column if dated.plus_days is None else f"{dated.column} + {dated.plus_days}"

    def of(self, batch: Batch) -> Numbers:
        """Return each row's day; None where a part is not known. A day that cannot be is noted in the batch."""
        days = batch.values[self._dated.column]
        if self._dated.plus_days is None:
            return days
        added = zip(days, batch.values[self._dated.plus_days], strict=True)
        made: Numbers = [None if day is None or plus is None else day + plus for day, plus in added]
        for index, day in enumerate(made):
            if day is not None and not self._first <= day <= self._latest:
                made[index] = None
                batch.note(index, self._dated.plus_days, _NO_EVENT_TIME)
        return made


def timepoint_dates(
    config: ClinicalConfig, timepoints: Iterable[Timepoint], today: date
) -> dict[Timepoint, TimepointDates]:
    """Return the dates of timepoints and of the labels' origin, as far as the table dates them."""
    origin = config.labels.origin if config.labels else None
    needed = {timepoint: config.timepoints[timepoint].event_time for timepoint in (*timepoints, origin) if timepoint}
    latest = latest_day(config, today)
    return {timepoint: TimepointDates(dated, latest) for timepoint, dated in needed.items() if dated != "upload"}


_NEW = tuple.__new__
"""Makes a named tuple without a call in Python."""


Texts = Sequence[tuple[str, Sequence[str | None]]]
"""Features, each with its value in every row; None is left out."""


_AT_ONCE = 32
"""Records that are made together: few enough to lie where the last ones did."""


@dataclass(frozen=True)
class GroupRecords:
    """Records of one feature group for the rows of a batch, made some at a time while they are taken.

    It is a copy of the first part, which has `frame_of` in it, with the other parts and the texts: copying a dictionary
    takes a fraction of the time of filling one.

    Parameters
    ----------
    parts : sequence of (sequence of Pairs)
        For each row of the batch.
    kept : sequence of bool, optional
        Rows that have a record; None keeps all.
    """

    group: str
    batch: Batch
    kept: Sequence[bool] | None
    parts: Sequence[Sequence[Pairs]]
    texts: Texts

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.batch.rows) if self.kept is None else sum(self.kept)

    def __iter__(self) -> Iterator[TableRecord]:
        """Make them."""
        kept = self.kept
        first, *others = (taken(part, kept) for part in self.parts)
        made: Iterable[Record] = map(dict.copy, first)
        for part in others:
            made = map(ior, made, part)
        rows = iter(taken(self.batch.rows, kept))
        texts = [(name, iter(taken(column, kept))) for name, column in ((RECORD_ID, self.batch.case_ids), *self.texts)]
        while records := list(islice(made, _AT_ONCE)):
            for name, column in texts:
                for record, text in zip(records, column, strict=False):
                    if text is not None:
                        record[name] = text
            yield from map(_NEW, repeat(TableRecord), zip(repeat(self.group), records, rows, strict=False))


def taken(column: Iterable[V], kept: Sequence[bool] | None) -> Iterable[V]:
    """Return what a column has of the rows that are kept; None keeps all."""
    return column if kept is None else compress(column, kept)


class TimepointRecords:
    """Makes records of a timepoint; `source` is what dates it, as the records say it."""

    def __init__(
        self,
        config: ClinicalConfig,
        timepoint: Timepoint,
        source: str,
        group: str,
        upload: UploadContext,
        times: EventTimes,
    ) -> None:
        self._joined, self._texts = features_of(config.features_of(timepoint), frame_of(upload, source))
        self._group, self._times = group, times

    def of(self, batch: Batch, kept: Sequence[bool] | None, days: Numbers | None) -> GroupRecords:
        """Return the records of the rows that are kept, dated by days (ordinals), or by the upload."""
        texts = [(texts.name, texts.of(batch)) for texts in self._texts]
        if days is not None:
            texts.append((EVENT_TIME, list(map(self._times.__getitem__, days))))
            if None in days:
                texts.append((EVENT_TIME_SOURCE, [UPLOAD_TIME if day is None else None for day in days]))
        return GroupRecords(self._group, batch, kept, [pairs.of(batch) for pairs in self._joined], texts)


class LabelRecords:
    """Makes records of the labels."""

    def __init__(self, group: str, times: EventTimes) -> None:
        self._group, self._times = group, times

    def of(self, batch: Batch, kept: Sequence[bool] | None, made: MadeLabels) -> GroupRecords:
        """Return the records of the rows that are kept and have a label."""
        wanted: Sequence[bool] | None = kept
        if not all(made.known):
            wanted = made.known if kept is None else [*map(and_, kept, made.known)]
        texts = [*made.days]
        if made.ends is not None:
            texts.append((EVENT_TIME, list(map(self._times.__getitem__, made.ends))))
        return GroupRecords(self._group, batch, wanted, made.parts, texts)
