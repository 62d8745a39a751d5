"""Rows by target, facets, strata and cohort together: what bias is measured on, and what dropping rows selects."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from multimodal.clinical.config import ClinicalConfig

COHORT = ""
"""Stands for the cohort among the names of columns; no column has this name."""

OTHER = "(other values)"

MAX_LEARNED = 50
"""Distinct values of a column without declared levels, and cohorts, that are told apart."""

Key = tuple[str | None, ...]
"""A value for each of `columns`."""


class Breakdown:
    """Counts rows by the columns that the configuration compares groups of.

    Attributes
    ----------
    columns : tuple of str
        Source columns, and `COHORT` when ids tell a cohort.
    kept : Counter
        Key → rows taken.
    dropped : dict
        Index of a row filter → counter like `kept`.
    """

    def __init__(self, config: ClinicalConfig) -> None:
        self.columns = (*compared_columns(config), *([COHORT] if config.id.cohort else []))
        self.kept: Counter[Key] = Counter()
        self.dropped: dict[int, Counter[Key]] = {}
        by_source = config.by_source
        levels = {source: by_source[source].values if source in by_source else None for source in self.columns}
        self._known = {source: {*(levels[source] or ()), *_named(config, source)} for source in self.columns}
        self._closed = {source for source in self.columns if levels[source] is not None}
        self._cohort = re.compile(config.id.cohort, re.ASCII) if config.id.cohort else None

    def add(self, case_ids: Sequence[str], cells: Mapping[str, Sequence[str | None]]) -> None:
        """Count rows that are taken."""
        self.kept.update(self._keys(case_ids, cells))

    def add_dropped(
        self, filters: Sequence[int], case_ids: Sequence[str], cells: Mapping[str, Sequence[str | None]]
    ) -> None:
        """Count rows that were left out, by the filter that did it."""
        for index, key in zip(filters, self._keys(case_ids, cells), strict=True):
            self.dropped.setdefault(index, Counter())[key] += 1

    def marginal(self, counts: Mapping[Key, int], source: str) -> dict[str | None, int]:
        """Return the counts by one column."""
        position = self.columns.index(source)
        sums: Counter[str | None] = Counter()
        for key, n in counts.items():
            sums[key[position]] += n
        return dict(sorted(sums.items(), key=lambda item: (item[0] is None, item[0] or "")))

    def _keys(self, case_ids: Sequence[str], cells: Mapping[str, Sequence[str | None]]) -> Iterator[Key]:
        nothing: Sequence[None] = [None] * len(case_ids)
        columns = {c: self._cohorts(case_ids) if c == COHORT else cells.get(c, nothing) for c in self.columns}
        told_apart = (self._told_apart(source, values) for source, values in columns.items())
        return zip(*told_apart, strict=True) if columns else iter([()] * len(case_ids))

    def _cohorts(self, case_ids: Sequence[str]) -> list[str | None]:
        match = self._cohort.match if self._cohort else lambda _: None
        return [found.group() if found else None for found in map(match, case_ids)]

    def _told_apart(self, source: str, values: Sequence[str | None]) -> Sequence[str | None]:
        """Return a column's values, those that are not told apart as `OTHER`."""
        known, others = self._known[source], set[str]()
        for value in dict.fromkeys(values):
            if value is None or value in known:
                continue
            if source in self._closed or len(known) >= MAX_LEARNED:
                others.add(value)
            else:
                known.add(value)
        return [OTHER if value in others else value for value in values] if others else values


def compared_columns(config: ClinicalConfig) -> tuple[str, ...]:
    """Return the columns by which groups of rows are compared."""
    names = [config.target.column] if config.target else []
    if config.bias:
        names += [facet.column for facet in config.bias.facets]
        names += [config.bias.group] if config.bias.group else []
        names += config.bias.strata
    return tuple(dict.fromkeys(names))


def _named(config: ClinicalConfig, source: str) -> Iterator[str]:
    """Yield the values of a column that target and facets name."""
    if config.target and config.target.column == source:
        yield from config.target.positive
    for facet in config.bias.facets if config.bias else []:
        if facet.column == source:
            yield from facet.disadvantaged


def selection_section(config: ClinicalConfig, breakdown: Breakdown) -> list[dict[str, Any]]:
    """Return for every row filter, and for all together, how the dropped rows differ from the kept ones.

    A row that several filters would drop counts for the first of them.
    """
    parts = [
        _part(breakdown, index, config.rows[index].reason, counts)
        for index, counts in sorted(breakdown.dropped.items())
    ]
    if len(parts) > 1:
        together: Counter[Key] = Counter()
        for counts in breakdown.dropped.values():
            together.update(counts)
        parts.append(_part(breakdown, None, "all filters together", together))
    return parts


def _part(breakdown: Breakdown, index: int | None, reason: str, dropped: Mapping[Key, int]) -> dict[str, Any]:
    return {
        "filter": index,
        "reason": reason,
        "dropped": sum(dropped.values()),
        "kept": sum(breakdown.kept.values()),
        "by": [_by(breakdown, column, dropped) for column in breakdown.columns],
    }


def _by(breakdown: Breakdown, column: str, dropped: Mapping[Key, int]) -> dict[str, Any]:
    kept, gone = breakdown.marginal(breakdown.kept, column), breakdown.marginal(dropped, column)
    values = sorted({**kept, **gone}, key=lambda value: (value is None, value or ""))
    return {
        "column": "cohort" if column == COHORT else column,
        "by_cohort": column == COHORT,
        "groups": [{"value": v, "kept": kept.get(v, 0), "dropped": gone.get(v, 0)} for v in values],
    }
