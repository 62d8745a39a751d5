"""Who is left out when the configuration drops rows."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from multimodal.clinical.cohorts import COHORT, Breakdown, Key
from multimodal.clinical.config import ClinicalConfig


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
