"""Columns of a numbered series: measurements of one kind, or the same one at several visits."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from cli.draft.column import Draft
from cli.draft.guess import WHEN

_SERIES = 5


def take_measurements_as_early(columns: Sequence[Draft]) -> None:
    """Make features of columns in doubt that are a numbered series (`V1` … `V5`), or that would leave none."""
    doubtful = [column for column in columns if WHEN in column.checks and column.kind != "date"]
    series = Counter(re.sub(r"\d+", "#", column.source) for column in doubtful)
    known = any(c.kind not in ("drop", "date") and c.settings.get("feature", True) for c in columns)
    for column in doubtful:
        if (not known and _may_be_measured(column)) or series[re.sub(r"\d+", "#", column.source)] >= _SERIES:
            column.timepoint = "baseline"
            del column.settings["feature"]


def _may_be_measured(column: Draft) -> bool:
    """Whether a column is one of numbers or codes under a name that could be read, so that no word of it is late."""
    levels = [*column.settings.get("levels", ()), *column.settings.get("true", ()), *column.settings.get("false", ())]
    return re.search("[A-Za-z]", column.source) is not None and not any(map(_LETTER.search, levels))


_LETTER = re.compile(r"[^\W\d_]")


def ask_of_later_ones(columns: Sequence[Draft]) -> None:
    """Ask of features that are the second to last of a numbered few (`mri_1_mm` … `mri_4_mm`): visits, perhaps."""
    features = [c for c in columns if c.kind not in ("drop", "date") and c.settings.get("feature", True)]
    numbered = [(c, found) for c in features if (found := _NUMBERED_ONE.search(c.source))]
    members: dict[tuple[str, str], list[tuple[int, Draft]]] = defaultdict(list)
    for column, found in numbered:
        members[column.source[: found.start(1)], column.source[found.end(1) :]].append((int(found[1]), column))
    for series in members.values():
        first = min(number for number, _ in series)
        if first <= 1 < len(series) <= _FEW:
            for number, column in series:
                column.checks += [_LATER] if number > first else []


_NUMBERED_ONE = re.compile(r"(?:^|(?<!sigma)[\W_])(?:visit|mri|scan|[tvwm])?[\W_]?(\d{1,2})(?=[\W_]|$)", re.IGNORECASE)
_FEW = 8
_LATER = "is it measured later than the first of them? What is known after the treatment began tells the future"
