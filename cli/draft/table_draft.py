"""A clinical table as it will be written down in a dataset's file."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cli.draft.column import Draft
from cli.draft.facts import Facts
from cli.draft.written import Written


@dataclass
class TableDraft:
    """A clinical table as it will be written down.

    Parameters
    ----------
    rows : int
        Rows that were looked at.
    id_source, id_pattern : str
        The case's column and what its values look like.
    missing : list of str
        Cells that mean "not known" anywhere.
    written : Written
        How dates are written.
    id_checks : list of str
        What a person must decide on the ids.
    several_rows : dict
        As in the file, when a case is in several rows.
    repeated : int
        Cases in several rows.
    event_times : dict
        Timepoint → its event time, as in the file.
    columns : list of Draft
        All other columns, in the table's order.
    facts : dict
        Column → what it holds.
    units : dict
        Column that says units of time row by row → the units.
    labels, target : dict
        As in the file; empty when the table has nothing to make them of.
    """

    rows: int
    id_source: str
    id_pattern: str
    missing: list[str]
    written: Written
    id_checks: list[str] = field(default_factory=list)
    several_rows: dict[str, Any] = field(default_factory=dict)
    repeated: int = 0
    event_times: dict[str, Any] = field(default_factory=dict)
    columns: list[Draft] = field(default_factory=list)
    facts: dict[str, Facts] = field(default_factory=dict)
    units: dict[str, list[str]] = field(default_factory=dict)
    labels: dict[str, Any] = field(default_factory=dict)
    target: dict[str, Any] = field(default_factory=dict)

    @property
    def checks(self) -> int:
        """How many columns a person must decide on."""
        return sum(bool(column.checks) for column in self.columns)

    @property
    def identifying(self) -> list[str]:
        """Columns that seem to identify a person."""
        return [column.source for column in self.columns if column.identifying]

    def first(self, wanted: Callable[[Draft], bool]) -> Draft | None:
        """Return the first column that is wanted."""
        return next((column for column in self.columns if wanted(column)), None)
