"""One column of a batch: cells into values, values into features."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import reduce
from itertools import repeat
from operator import getitem, ior

from multimodal.clinical.cells import (
    MAX_KEPT,
    Fault,
    Memo,
    RowCode,
    dropped,
    levels,
)
from multimodal.clinical.column_config import (
    Column,
    DateDifference,
    FeatureColumn,
    Flag,
    Number,
    OneHot,
    Ordinal,
)
from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.dates import date_reading, format_of, latest_day, year_reading
from multimodal.clinical.numerals import is_within, number_reading, numeral_of, range_message
from multimodal.clinical.phi import IdentifierGate
from multimodal.clinical.rows import Batch, Numbers, count_suspicious, holds
from multimodal.features.group import FeatureType, Record, as_text, fractional_text
from multimodal.tables.table import Scope

Pairs = Record
"""Features with their values as Feature Store takes them; those without a value are left out. Never changed: records
are copies of shared ones."""

_CLOSED = (Flag, OneHot, Ordinal)

_MAX_COMBINATIONS = 2_000
"""Of cells of columns that are joined: few enough for most to be met again."""


def scopes_of(config: ClinicalConfig) -> dict[str, Scope]:
    """Return what a faulty cell of a column costs, where it is not the row.

    A column that only labels are made of costs the label, or one value of it.
    """
    labels = config.labels
    if labels is None:
        return {}
    known = config.by_source
    used = _used(config) | {source for source in labels.columns if config.is_feature(known[source])}
    whole = (labels.died, labels.time, labels.death, labels.last_alive)
    return {source: "label" if source in whole else "value" for source in labels.columns if source not in used}


def _used(config: ClinicalConfig) -> set[str | None]:
    """Return the columns that features or event times are made of, besides their own and labels."""
    dated = [timepoint.event_time for timepoint in config.timepoints.values() if timepoint.event_time != "upload"]
    differences = [c.to for c in config.columns if c.kind == "date_difference"]
    fills = [c.fill_when for c in config.columns if c.kind == "number" or c.kind == "date_difference"]
    conditions = [*fills, *(c.missing_when for c in config.columns)]
    used = {name for d in dated for name in (d.column, d.plus_days)} | set(differences)
    return used | {c.column for c in conditions if c is not None}


class ColumnReader:
    """Reads one column of batch after batch.

    Parameters
    ----------
    scope : str
        What a faulty cell costs.
    today : date
        Day of the upload: later dates are wrong.
    """

    def __init__(
        self,
        config: ClinicalConfig,
        column: Column,
        scope: Scope,
        today: date,
        gate: IdentifierGate,
    ) -> None:
        self.column = column
        self._gate = gate
        missing = config.missing_of(column)
        self._missing = missing
        self._clean = _clean_memo(column, missing, scope)
        self._values = _value_memo(config, column, today, scope)
        self._is_open = column.kind == "drop" or (column.kind == "one_hot" and column.unseen == "other")

    def read(self, batch: Batch) -> None:
        """Put the column's cells and values into the batch, and what is wrong with them."""
        source, raw = self.column.source, batch.raw[self.column.source]
        unknown = self.column.missing_when and holds(self.column.missing_when, batch)
        cells = self._plain(raw) if self._clean is None else self._known(batch, self._clean, unknown or None)
        if unknown:
            cells = [None if gone else cell for cell, gone in zip(cells, unknown, strict=True)]
        batch.cells[source] = cells
        if isinstance(self._values, Memo):
            self._values.shrink()
            batch.values[source] = list(map(self._values.__getitem__, cells))
            count_suspicious(self._gate, source, cells, self._values.faults)
            batch.note_faults(source, cells, self._values.faults, None)
        elif self._values is not None:
            batch.values[source] = list(map(self._values, cells))

    def _plain(self, raw: Sequence[str]) -> list[str | None]:
        """Return cells, of which only those that say nothing are another thing than what is written."""
        missing = self._missing
        return list(raw) if missing.isdisjoint(raw) else [None if cell in missing else cell for cell in raw]

    def _known(self, batch: Batch, clean: Memo[str], ignored: Sequence[bool] | None) -> list[str | None]:
        source, raw = self.column.source, batch.raw[self.column.source]
        clean.shrink()
        cells: list[str | None] = list(map(clean.__getitem__, raw))
        if self._is_open:
            self._gate.count_scanned(source, len(cells) - cells.count(None))
        count_suspicious(self._gate, source, raw, clean.faults)
        batch.note_faults(source, raw, clean.faults, ignored)
        return cells

    def complete(self, batch: Batch) -> None:
        """Fill in what a condition tells, and refuse rows without a value where one is needed."""
        column, source = self.column, self.column.source
        if (column.kind == "number" or column.kind == "date_difference") and column.fill_when:
            filled = holds(column.fill_when, batch)
            if filled:
                fill = column.fill_when.value
                # A cell that says something wrong is not one that says nothing.
                rows = zip(batch.values[source], batch.cells[source], filled, strict=True)
                batch.values[source] = [fill if held and cell is None else value for value, cell, held in rows]
        if column.kind == "date" or column.kind == "drop" or column.when_missing != "reject":
            return
        known = batch.values[source] if column.kind in ("number", "date_difference") else batch.cells[source]
        if None in known:
            for index, value in enumerate(known):
                if value is None and index not in batch.rejected:
                    batch.note(index, source, _MISSING_VALUE)


_MISSING_VALUE = Fault(RowCode.MISSING_VALUE, "a value is needed here; complete the cell")


def _clean_memo(column: Column, missing: frozenset[str], scope: Scope) -> Memo[str] | None:
    """Return how cells are looked at before they have values; None when blanks are all that is removed."""
    if column.kind == "drop":
        return dropped(missing)
    return levels(column, missing, scope) if isinstance(column, _CLOSED) else None


def _value_memo(
    config: ClinicalConfig, column: Column, today: date, scope: Scope
) -> Memo[float] | Callable[[str | None], float | None] | None:
    """Return how a column's clean cells become numbers; levels need no memory of their own."""
    numbers: dict[str | None, float] = {}
    if isinstance(column, Flag):
        numbers |= {**dict.fromkeys(column.true, 1.0), **dict.fromkeys(column.false, 0.0)}
    elif isinstance(column, Ordinal):
        numbers.update(column.levels)
    if numbers:
        return numbers.get
    if isinstance(column, Number):
        return Memo(number_reading(column, numeral_of(config, column), scope))
    if column.kind == "date" or (column.kind == "date_difference" and column.format == "date"):
        return Memo(date_reading(format_of(config, column), latest_day(config, today), scope))
    if column.kind == "date_difference":
        return Memo(year_reading(latest_day(config, today), scope))
    return None


class Differences:
    """Turns the dates of a date-difference column into differences."""

    def __init__(self, column: DateDifference) -> None:
        self._column = column
        self._scope: Scope = "row" if column.out_of_range == "reject" else "value"
        self._year_of = _YearOf()

    def make(self, batch: Batch) -> None:
        """Replace the column's days or years by differences to the other date."""
        column, source = self._column, self._column.source
        later: Sequence[float | None] = batch.values[column.to]
        earlier: Sequence[float | None] = batch.values[source]
        if column.unit == "years":
            pairs = zip(later, earlier, strict=True)
            later = [None if other is None else self._year_of[day] for day, other in pairs]
            if column.format == "date":
                earlier = list(map(self._year_of.__getitem__, earlier))
        made: Numbers = [None if a is None or b is None else a - b for a, b in zip(later, earlier, strict=True)]
        if column.floor is not None:
            floor = column.floor
            made = [floor if d is not None and d < floor else d for d in made]
        for index, difference in enumerate(made):
            if difference is not None and not is_within(difference, column.min, column.max):
                made[index] = None
                batch.note(index, source, self._outside(difference))
        batch.values[source] = made

    def _outside(self, difference: float) -> Fault:
        column = self._column
        outside = range_message(difference, column.min, column.max, column.unit)
        return Fault(RowCode.OUT_OF_RANGE, f"the difference to {column.to!r} is {outside}", self._scope)


class _YearOf(dict[float | None, float | None]):
    """Year of an ordinal."""

    def __missing__(self, day: float | None) -> float | None:
        year = None if day is None else float(date.fromordinal(int(day)).year)
        self[day] = year
        return year


class NumberTexts(dict[float | None, str | None]):
    """The one feature of a number column, `name`, as Feature Store takes it, for each of its values."""

    def __init__(self, column: FeatureColumn) -> None:
        super().__init__({None: None})
        self._source = column.source
        self.name, kind = column.features[0]
        self._is_fractional = kind is FeatureType.FRACTIONAL

    def of(self, batch: Batch) -> list[str | None]:
        """Return the feature of each row; None where it is left out."""
        if len(self) > MAX_KEPT:
            self.clear()
            self[None] = None
        return list(map(self.__getitem__, batch.values[self._source]))

    def __missing__(self, value: float) -> str:
        text = fractional_text(value) if self._is_fractional else as_text(self.name, value, _INTEGRAL, "the table")
        self[value] = text
        return text


_INTEGRAL = FeatureType.INTEGRAL
_ZERO, _ONE = (as_text("", number, _INTEGRAL, "") for number in (0.0, 1.0))


class FeaturePairs(dict[object, Pairs]):
    """Features of a column for each of its values, made when first asked for."""

    def __init__(self, column: FeatureColumn) -> None:
        super().__init__()
        self._column, self._features = column, column.features
        self._zeros = {name: _ZERO for name, _ in self._features} if isinstance(column, OneHot) else {}

    @property
    def levels(self) -> int:
        """How many different cells the column may have, none included; too many to join when nobody knows."""
        column = self._column
        is_closed = isinstance(column, _CLOSED) and column.unseen != "other"
        return len(column.values or ()) + 1 if is_closed else _MAX_COMBINATIONS

    def known(self, batch: Batch) -> Sequence[object]:
        """Return what the features are made of, for each row."""
        by_cell = isinstance(self._column, _CLOSED)
        return (batch.cells if by_cell else batch.values)[self._column.source]

    def __missing__(self, value: str | float | None) -> Pairs:
        if value is not None and isinstance(self._column, OneHot):
            name = self._column.levels.get(str(value), f"{self._column.name}_other")
            made = self[value] = {**self._zeros, name: _ONE}
            return made
        made = self[value] = self._texts(self._absent() if value is None else self._present(value))
        return made

    def _texts(self, numbers: Sequence[float | None]) -> Pairs:
        known = zip(self._features, numbers, strict=True)
        return {name: as_text(name, n, kind, "the table") for (name, kind), n in known if n is not None}

    def _absent(self) -> list[float | None]:
        policy = self._column.when_missing
        own = len(self._features) - (policy == "indicator")
        values: list[float | None] = [0.0 if policy == "zero" else None] * own
        return [*values, 1.0] if policy == "indicator" else values

    def _present(self, value: str | float) -> list[float]:
        own = self._own(value)
        return [*own, 0.0] if self._column.when_missing == "indicator" else own

    def _own(self, value: str | float) -> list[float]:
        column = self._column
        if isinstance(column, Ordinal):
            return [column.levels[str(value)]]
        if isinstance(column, Flag):
            return [float(value in column.true)]
        return [float(value)]


class JoinedPairs(dict[object, Pairs]):
    """Features of columns for each combination of their cells: one merge for a row instead of several."""

    def __init__(self, columns: Sequence[FeaturePairs], frame: Pairs) -> None:
        super().__init__()
        self._columns, self._frame = columns, frame

    def of(self, batch: Batch) -> list[Pairs]:
        """Return the columns' features for each row."""
        if len(self) > MAX_KEPT:
            self.clear()
            for column in self._columns:
                column.clear()
        known = [column.known(batch) for column in self._columns]
        return list(map(self.__getitem__, zip(*known, strict=True) if known else repeat((), len(batch.rows))))

    def __missing__(self, cells: tuple[object, ...]) -> Pairs:
        joined = self[cells] = reduce(ior, map(getitem, self._columns, cells), self._frame.copy())
        return joined


def features_of(columns: Iterable[FeatureColumn], frame: Pairs) -> tuple[list[JoinedPairs], list[NumberTexts]]:
    """Return what makes the features of columns: those with few combinations of cells joined, and single numbers.

    `frame` is in the first of the joined, of which there is at least one.
    """
    parts, texts, combinations = [list[FeaturePairs]()], list[NumberTexts](), 1
    for column in columns:
        if not isinstance(column, _CLOSED) and len(column.features) == 1 and column.when_missing != "zero":
            texts.append(NumberTexts(column))
            continue
        pairs = FeaturePairs(column)
        combinations *= pairs.levels
        if combinations <= _MAX_COMBINATIONS or not parts[-1]:
            parts[-1].append(pairs)
        else:
            parts.append([pairs])
            combinations = pairs.levels
    return [JoinedPairs(part, {} if n else frame) for n, part in enumerate(parts)], texts
