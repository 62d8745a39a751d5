"""Survival labels of a case, from its dates or times; what contradicts itself gives none."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor

from multimodal.clinical.cells import Fault, RowCode
from multimodal.clinical.column_config import Number
from multimodal.clinical.columns import Pairs
from multimodal.clinical.config import DAYS_PER_UNIT, ClinicalConfig, Endpoint, Survival
from multimodal.clinical.rows import Batch

Values = tuple[int | None, ...]

Key = tuple[float, float]
"""Event (1 or 0) and the days to it, or to the last contact."""

Keys = tuple[Key | None, Key | None]

Fact = float | None
"""A day, a count of days, or 0 or 1; None is not known."""

_NO_LABEL: Keys = (None, None)


def _incomplete(problem: str) -> Fault:
    return Fault(RowCode.LABEL_INCOMPLETE, f"{problem}, so there is no label; complete it when it is known", "label")


def _contradiction(problem: str) -> Fault:
    message = f"{problem}; the label is held back and the features are taken. Correct what is wrong"
    return Fault(RowCode.LABEL_CONTRADICTION, message, "label")


_NO_STATUS = _incomplete("it is not known whether the case died")
_NO_ORIGIN = _incomplete("the day that days are counted from is not known")
_NOT_SEEN = _incomplete("it is not known when the case was last seen alive")
_NO_DEATH = _contradiction("the case died, and there is no date of death")
_DEATH_OF_LIVING = _contradiction("the case is alive, and there is a date of death")
_DEATH_BEFORE = _contradiction("the date of death is before the day that days are counted from")
_SEEN_BEFORE = _contradiction("the case was last seen alive before the day that days are counted from")
_NO_TIME = _incomplete("the time to death or last contact is not known")
_NEGATIVE_TIME = _contradiction("the time to death or last contact is negative")
_SEEN_AFTER_DEATH = _contradiction("the case was seen alive after its death")


def _recurrence(problem: str) -> Fault:
    message = f"{problem}; rfs_event and rfs_days are left out, the other labels are given"
    return Fault(RowCode.RECURRENCE_CONTRADICTION, message, "value")


_NO_RECURRENCE_DATE = _recurrence("the tumour recurred, and there is no date of recurrence")
_DATE_WITHOUT_RECURRENCE = _recurrence("there is a date of recurrence, and the tumour did not recur")
_RECURRED_BEFORE = _recurrence("the date of recurrence is before the day that days are counted from")
_RECURRED_AFTER = _recurrence("the date of recurrence is after the case's death or last contact")


def _endpoint(code: RowCode, problem: str) -> Fault:
    return Fault(code, f"{problem}; the endpoint's labels are left out, the other labels are given", "value")


_ENDPOINT_INCOMPLETE = _endpoint(RowCode.LABEL_INCOMPLETE, "of the event and the time to it only one is known")
_ENDPOINT_NEGATIVE = _endpoint(RowCode.LABEL_CONTRADICTION, "the time to the event is negative")
_ENDPOINT_AFTER = _endpoint(
    RowCode.LABEL_CONTRADICTION, "the time to the event ends after the case's death or last contact"
)

_ROUNDING_DAYS = 1
"""Two times that are each rounded to days differ by so much where they are equal."""


@dataclass(frozen=True)
class MadeLabels:
    """Labels of a batch; one element per row.

    Parameters
    ----------
    known : sequence of bool
        Whether there is a label of survival, without which there is none.
    parts : sequence of (sequence of Pairs)
        Events and horizons as Feature Store takes them: of survival, with a record's frame, of survival without
        recurrence, and of each endpoint.
    days : sequence of (str, sequence of str)
        Labels that are days, each with its value in every row; None where there is none.
    ends : sequence of float, optional
        The day (ordinal) of death, or of the last contact with the living; None where there are only times.
    columns : mapping
        The same labels as numbers, by name; None where there is none.
    """

    known: Sequence[bool]
    parts: Sequence[Sequence[Pairs]]
    days: Sequence[tuple[str, Sequence[str | None]]]
    ends: Sequence[Fact] | None
    columns: Mapping[str, Sequence[Fact]]


class SurvivalLabels:
    """Makes the labels of rows.

    Parameters
    ----------
    config : ClinicalConfig
        Has the labels, and the units of their columns.
    frames : mapping
        Whether the case died → what else a record of labels has.
    """

    def __init__(self, labels: Survival, config: ClinicalConfig, frames: Mapping[float, Pairs]) -> None:
        self._labels, self._config = labels, config
        horizons = {n: f"os_horizon_{n}d" for n in labels.horizons_days}
        self._survival = (
            _Labels(("survival_status", "os_event"), "os_days", horizons, frames)
            if labels.has_days
            else _Labels(("survival_status",), frames=frames)
        )
        self._recurrence_free = _Labels(("rfs_event",), "rfs_days") if labels.recurrence else _Labels(())
        self._endpoints = [
            (endpoint, _Labels((f"{name}_event",), f"{name}_days")) for name, endpoint in labels.endpoints.items()
        ]
        check = labels.cross_check
        self._stated = check.column if check else None
        self._tolerance = check.tolerance_days if check else 0
        held = check is not None and check.policy == "quarantine"
        consequence = "the label is held back" if held else "the label follows the dates"
        message = f"the number of days to death is not what the dates say; {consequence}. Check both"
        self._mismatch = Fault(RowCode.LABEL_MISMATCH, message, "label" if held else "warning")

    def of(self, batch: Batch, origins: Sequence[Fact]) -> MadeLabels:
        """Return the labels of each row, whose day 0 is in `origins`; note in the batch what is wrong with them."""
        rows = zip(origins, *self._facts(batch), strict=True)
        if self._labels.is_counted:
            keys = [
                self._counted(batch, index, *facts) for index, facts in enumerate(zip(*self._times(batch), strict=True))
            ]
        elif self._labels.origin is None:
            keys = [self._undated(batch, index, died) for index, (_, died, *_rest) in enumerate(rows)]
        else:
            keys = [self._dated(batch, index, facts) for index, facts in enumerate(rows)]
        if batch.unlabelled:
            keys = [_NO_LABEL if index in batch.unlabelled else key for index, key in enumerate(keys)]
        survival, recurrence_free = zip(*keys, strict=True) if keys else ((), ())
        written = [self._survival.of(survival), self._recurrence_free.of(recurrence_free)]
        written += [made.of(self._endpoint(batch, e, survival)) for e, made in self._endpoints]
        columns = {name: column for made in written for name, column in made.columns.items()}
        known = [key is not None for key in survival]
        days = [made.days for made in written if made.days]
        return MadeLabels(known, [made.pairs for made in written], days, self._ends(batch), columns)

    def _ends(self, batch: Batch) -> Sequence[Fact] | None:
        if self._labels.origin is None:
            return None
        facts = self._of(batch, self._labels.died, self._labels.death, self._labels.last_alive)
        return [death if died else seen for died, death, seen in zip(*facts, strict=True)]

    def _days(self, batch: Batch, source: str) -> Sequence[Fact]:
        """Return a number column in whole days."""
        column = self._config.by_source[source]
        factor = DAYS_PER_UNIT[column.unit] if isinstance(column, Number) else 1.0
        return [None if time is None else float(floor(time * factor + 0.5)) for time in batch.values[source]]

    def _times(self, batch: Batch) -> list[Sequence[Fact]]:
        """Return who died, and the days to death and to the last contact."""
        labels, died = self._labels, batch.values[self._labels.died]
        if labels.time is None:
            return [died, self._days(batch, labels.death or ""), self._days(batch, labels.last_alive or "")]
        return [died, *_apart(died, self._days(batch, labels.time))]

    def _counted(self, batch: Batch, index: int, died: Fact, death: Fact, seen: Fact) -> Keys:
        if index in batch.unlabelled:
            return _NO_LABEL
        end = death if died else seen
        if died is None or end is None or not _agree(0.0, died, death, seen):
            batch.note(index, *self._why_no_time(died, death, seen))
            return _NO_LABEL
        return (died, end), None

    def _why_no_time(self, died: Fact, death: Fact, seen: Fact) -> tuple[str, Fault]:
        if died is None or self._labels.time is None:
            return self._why_not(0.0, died, death, seen)
        return self._labels.time, _NO_TIME if death is None and seen is None else _NEGATIVE_TIME

    def _endpoint(self, batch: Batch, endpoint: Endpoint, survival: Sequence[Key | None]) -> list[Key | None]:
        """Return event and days of an endpoint; note in the batch what is wrong with them."""
        keys: list[Key | None] = []
        facts = zip(batch.values[endpoint.event], self._days(batch, endpoint.time), survival, strict=True)
        for index, (event, days, known) in enumerate(facts):
            fault = _endpoint_fault(event, days, known[1] if known and self._labels.has_days else None)
            if fault is not None and index not in batch.unlabelled:
                batch.note(index, endpoint.time, fault)
            keys.append(None if fault or event is None or days is None else (event, days))
        return keys

    def _undated(self, batch: Batch, index: int, died: Fact) -> Keys:
        if died is None and index not in batch.unlabelled:
            batch.note(index, self._labels.died, _NO_STATUS)
        return (None if died is None else (died, 0.0)), None

    def _facts(self, batch: Batch) -> list[Sequence[Fact]]:
        labels = self._labels
        dates = (labels.death, labels.last_alive, labels.recurrence, labels.recurrence_date)
        died, death, seen, *others = self._of(batch, labels.died, *dates, self._stated)
        if labels.death is not None and labels.death == labels.last_alive:
            death, seen = _apart(died, death)
        return [died, death, seen, *others]

    @staticmethod
    def _of(batch: Batch, *names: str | None) -> list[Sequence[Fact]]:
        nothing: Sequence[Fact] = [None] * len(batch.rows)
        return [batch.values[name] if name else nothing for name in names]

    def _dated(self, batch: Batch, index: int, facts: Sequence[Fact]) -> Keys:
        """Return event and days of survival, and of survival without recurrence."""
        origin, died, death, seen, recurred, recurrence, stated = facts
        if index in batch.unlabelled:
            return _NO_LABEL
        end = death if died else seen
        if died is None or origin is None or end is None or not _agree(origin, died, death, seen):
            batch.note(index, *self._why_not(origin, died, death, seen))
            return _NO_LABEL
        days = end - origin
        if stated is not None and not (died and abs(stated - days) <= self._tolerance):
            batch.note(index, self._stated or "", self._mismatch)
        if recurred is None:
            return (died, days), None
        fault = _recurrence_fault(origin, end, recurred, recurrence)
        if fault is not None:
            batch.note(index, self._labels.recurrence_date or "", fault)
            return (died, days), None
        return (died, days), ((died, days) if recurrence is None else (1.0, recurrence - origin))

    def _why_not(self, origin: Fact, died: Fact, death: Fact, seen: Fact) -> tuple[str, Fault]:
        """Return the column to look at and why there is no label."""
        on_death, on_seen = self._labels.death or "", self._labels.last_alive or ""
        if died is None:
            return self._labels.died, _NO_STATUS
        if origin is None:
            return on_death if died else on_seen, _NO_ORIGIN
        if died and death is None:
            return on_death, _NO_DEATH
        if not died and death is not None:
            return on_death, _DEATH_OF_LIVING
        if not died and seen is None:
            return on_seen, _NOT_SEEN
        if death is not None and death < origin:
            return on_death, _DEATH_BEFORE
        return on_seen, _SEEN_BEFORE if seen is not None and seen < origin else _SEEN_AFTER_DEATH


def _apart(died: Sequence[Fact], ends: Sequence[Fact]) -> tuple[Sequence[Fact], Sequence[Fact]]:
    """Return one column of ends as those of the dead, and those of the others."""
    dead = [end if event else None for event, end in zip(died, ends, strict=True)]
    return dead, [None if event else end for event, end in zip(died, ends, strict=True)]


def _agree(origin: float, died: float, death: Fact, seen: Fact) -> bool:
    """Return whether dates agree: no death or contact before day 0, no contact after death, no death of the living."""
    if not died:
        return death is None and seen is not None and seen >= origin
    return death is not None and death >= origin and (seen is None or origin <= seen <= death)


@dataclass(frozen=True)
class _Written:
    pairs: Sequence[Pairs]
    days: tuple[str, Sequence[str | None]] | None
    columns: Mapping[str, Sequence[Fact]]


class _Labels(dict[tuple[float, int] | None, tuple[Pairs, Values]]):
    """Labels that follow from event and days; between two horizons only the days differ.

    Parameters
    ----------
    events : sequence of str
        Labels that are the event itself.
    days : str, optional
        Label that is the days.
    horizons : mapping
        Days of a horizon → its label.
    frames : mapping
        Event → what else the record has.
    """

    def __init__(
        self,
        events: Sequence[str],
        days: str | None = None,
        horizons: Mapping[int, str] | None = None,
        frames: Mapping[float, Pairs] | None = None,
    ) -> None:
        self._days, self._horizons, self._frames = days, horizons or {}, frames or {}
        self._events, self._names = len(events), (*events, *self._horizons.values())
        self._sorted = sorted(self._horizons)
        super().__init__({None: ({}, (None,) * len(self._names))})

    def of(self, keys: Sequence[Key | None]) -> _Written:
        if not keys:
            return _Written((), None, dict.fromkeys((*self._names, *([self._days] if self._days else [])), ()))
        ends = self._sorted
        between = [key and (key[0], (bisect_left if key[0] else bisect_right)(ends, key[1])) for key in keys]
        pairs, values = zip(*map(self.__getitem__, between), strict=True)
        columns = dict(zip(self._names, zip(*values, strict=True), strict=True))
        if self._days is None:
            return _Written(pairs, None, columns)
        days = [key and int(key[1]) for key in keys]
        texts = [None if day is None else str(day) for day in days]
        return _Written(pairs, (self._days, texts), {**columns, self._days: days})

    def __missing__(self, between: tuple[float, int]) -> tuple[Pairs, Values]:
        event, place = between
        # Any day between the two horizons will do: that of the next for the dead, of the last for the living.
        days = [0, *self._sorted, self._sorted[-1] + 1 if self._sorted else 0][place + (event == 1)]
        values = (*[int(event)] * self._events, *(horizon_of(int(event), days, n) for n in self._horizons))
        known = {name: str(value) for name, value in zip(self._names, values, strict=True) if value is not None}
        made = self[between] = self._frames.get(event, {}) | known, values
        return made


def _endpoint_fault(event: Fact, days: Fact, end: Fact) -> Fault | None:
    if event is None or days is None:
        return None if event is None and days is None else _ENDPOINT_INCOMPLETE
    if days < 0:
        return _ENDPOINT_NEGATIVE
    return _ENDPOINT_AFTER if end is not None and days > end + _ROUNDING_DAYS else None


def _recurrence_fault(start: float, end: float, recurred: float, recurrence: Fact) -> Fault | None:
    if not recurred:
        return None if recurrence is None else _DATE_WITHOUT_RECURRENCE
    if recurrence is None:
        return _NO_RECURRENCE_DATE
    if recurrence < start:
        return _RECURRED_BEFORE
    return _RECURRED_AFTER if recurrence > end else None


def horizon_of(event: int, days: int, horizon: int) -> int | None:
    """Return whether the case died within a horizon: 1 or 0, or None when it was lost sight of before.

    Examples
    --------
    >>> horizon_of(1, 365, 365), horizon_of(1, 366, 365), horizon_of(0, 365, 365), horizon_of(0, 364, 365)
    (1, 0, 0, None)
    """
    if event and days <= horizon:
        return 1
    return 0 if days >= horizon else None
