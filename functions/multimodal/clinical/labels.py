"""Survival labels of a case, from its dates; dates that contradict each other give none."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from multimodal.clinical.cells import Fault, RowCode
from multimodal.clinical.columns import Pairs
from multimodal.clinical.config import Survival
from multimodal.clinical.rows import Batch

Values = tuple[int | None, ...]

Key = tuple[float, float]
"""Event (1 or 0) and the days to it, or to the last contact."""

Keys = tuple[Key | None, Key | None]

Fact = float | None
"""A day, a count of days, or 0 or 1; None is not known."""

_NO_LABEL: Keys = (None, None)

_MAX_COMBINATIONS = 20_000
"""Of event and days: more than a study of ten years has."""


def _incomplete(problem: str) -> Fault:
    return Fault(RowCode.LABEL_INCOMPLETE, f"{problem}, so there is no label; complete it when it is known", "label")


def _contradiction(problem: str) -> Fault:
    message = f"{problem}; the label is held back and the features are taken. Correct the date that is wrong"
    return Fault(RowCode.LABEL_CONTRADICTION, message, "label")


_NO_STATUS = _incomplete("it is not known whether the case died")
_NO_ORIGIN = _incomplete("the day that days are counted from is not known")
_NOT_SEEN = _incomplete("it is not known when the case was last seen alive")
_NO_DEATH = _contradiction("the case died, and there is no date of death")
_DEATH_OF_LIVING = _contradiction("the case is alive, and there is a date of death")
_DEATH_BEFORE = _contradiction("the date of death is before the day that days are counted from")
_SEEN_BEFORE = _contradiction("the case was last seen alive before the day that days are counted from")
_SEEN_AFTER_DEATH = _contradiction("the case was seen alive after its death")


def _recurrence(problem: str) -> Fault:
    message = f"{problem}; rfs_event and rfs_days are left out, the other labels are given"
    return Fault(RowCode.RECURRENCE_CONTRADICTION, message, "value")


_NO_RECURRENCE_DATE = _recurrence("the tumour recurred, and there is no date of recurrence")
_DATE_WITHOUT_RECURRENCE = _recurrence("there is a date of recurrence, and the tumour did not recur")
_RECURRED_BEFORE = _recurrence("the date of recurrence is before the day that days are counted from")
_RECURRED_AFTER = _recurrence("the date of recurrence is after the case's death or last contact")


@dataclass(frozen=True)
class MadeLabels:
    """Labels of a batch; one element per row.

    Parameters
    ----------
    survival, recurrence_free : sequence of Pairs
        Labels as Feature Store takes them; empty for a row without any, or without those of recurrence.
    ends : iterable of (float, float, float)
        Whether the case died, and the days (ordinals) of death and last contact.
    columns : mapping
        The same labels as numbers, by name; None where there is none.
    """

    survival: Sequence[Pairs]
    recurrence_free: Sequence[Pairs]
    ends: Iterable[tuple[Fact, Fact, Fact]]
    columns: Mapping[str, Sequence[Fact]]


class SurvivalLabels:
    """Makes the labels of rows."""

    def __init__(self, labels: Survival) -> None:
        self._labels = labels
        names = [name for name, _ in labels.features]
        first = len(names) - 2 * (labels.recurrence is not None)
        self._survival = _Labels(names[:first], labels.horizons_days)
        self._recurrence_free = _Labels(names[first:], None)
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
        if self._labels.origin is None:
            keys = [self._undated(batch, index, died) for index, (_, died, *_rest) in enumerate(rows)]
        else:
            keys = [self._dated(batch, index, facts) for index, facts in enumerate(rows)]
        if batch.unlabelled:
            keys = [_NO_LABEL if index in batch.unlabelled else key for index, key in enumerate(keys)]
        survival, recurrence_free = zip(*keys, strict=True) if keys else ((), ())
        first, second = self._survival.of(survival), self._recurrence_free.of(recurrence_free)
        ends = zip(*self._of(batch, self._labels.died, self._labels.death, self._labels.last_alive), strict=True)
        return MadeLabels(first.pairs, second.pairs, ends, {**first.columns, **second.columns})

    def _undated(self, batch: Batch, index: int, died: Fact) -> Keys:
        if died is None and index not in batch.unlabelled:
            batch.note(index, self._labels.died, _NO_STATUS)
        return (None if died is None else (died, 0.0)), None

    def _facts(self, batch: Batch) -> list[Sequence[Fact]]:
        labels = self._labels
        dates = (labels.death, labels.last_alive, labels.recurrence, labels.recurrence_date)
        return self._of(batch, labels.died, *dates, self._stated)

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


def _agree(origin: float, died: float, death: Fact, seen: Fact) -> bool:
    """Return whether dates agree: no death or contact before day 0, no contact after death, no death of the living."""
    if not died:
        return death is None and seen is not None and seen >= origin
    return death is not None and death >= origin and (seen is None or origin <= seen <= death)


@dataclass(frozen=True)
class _Written:
    pairs: Sequence[Pairs]
    columns: Mapping[str, Sequence[Fact]]


class _Labels(dict[Key | None, tuple[Pairs, tuple[Fact, ...]]]):
    """Labels that follow from event and days; each combination is worked out once.

    Parameters
    ----------
    names : sequence of str
        The labels, in order.
    horizons : sequence of int or None
        For labels of survival; without them, the labels are event and days themselves.
    """

    def __init__(self, names: Sequence[str], horizons: Sequence[int] | None) -> None:
        super().__init__()
        self._names, self._horizons = names, horizons

    def of(self, keys: Sequence[Key | None]) -> _Written:
        if len(self) > _MAX_COMBINATIONS:
            self.clear()
        made = list(map(self.__getitem__, keys))
        by_name = zip(*(values for _, values in made), strict=True) if made else iter([()] * len(self._names))
        return _Written([pairs for pairs, _ in made], dict(zip(self._names, by_name, strict=True)))

    def __missing__(self, key: Key | None) -> tuple[Pairs, tuple[Fact, ...]]:
        values = self._values(key) if key else (None,) * len(self._names)
        named = zip(self._names, values, strict=True)
        made = self[key] = tuple((name, str(n)) for name, n in named if n is not None), values
        return made

    def _values(self, key: Key) -> Values:
        event, days = map(int, key)
        if self._horizons is None:
            return (event, days)[: len(self._names)]
        values = (event, event, days, *(horizon_of(event, days, n) for n in self._horizons))
        return values[: len(self._names)]


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
