"""What becomes of the rows of tables, told before they are uploaded."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from cli.ledger import describe_counts
from cli.sources.table_check import TableCheck
from cli.terminal import INDENT, plural, print_block, print_heading
from multimodal.planning.workload import RowFindings

_MOST = 5
"""Kinds of problems that are told of a table, the costliest first; its report has all."""

_OF_NO_COST = ("warning", "dropped")


def row_findings(check: TableCheck) -> RowFindings | None:
    """Return what would become of a table's rows; None where that is not known."""
    if check.problem:
        return RowFindings("not valid", f"Nothing of it would be written. {check.problem}")
    if not check.counts:
        return None
    counts = describe_counts(check.counts, written="to write")
    in_words = _of_a_matrix if check.is_matrix else _in_words
    losses = [in_words(problem) for problem in check.problems if problem["scope"] not in _OF_NO_COST]
    more = len(losses) - _MOST
    return RowFindings(
        counts if check.is_whole else f"the first {counts}; reading all of it takes too long",
        check.hold and f"Nothing of it would be written. {check.hold}",
        (*losses[:_MOST], *([f"and {plural(more, 'other problem')}"] if more > 0 else []), *check.warnings),
    )


def print_rows_of_tables(console: Console, tables: Mapping[str, RowFindings]) -> None:
    """Print of each table, by name, what would become of its rows."""
    if tables:
        print_heading(console, "Tables: rows and records")
    for name, found in tables.items():
        print_block(console, Text.assemble(name, "  ", (found.counts, "yellow" if found.lines else "dim")))
        for line in found.lines:
            print_block(console, Text(line), indent=INDENT + 2)


def _in_words(problem: Mapping[str, Any]) -> str:
    """Return a problem of `report.json` as a line, in the words of the report's page."""
    from multimodal.clinical.report.page import IMPACT  # its templates take time to import

    rows = ", ".join(map(str, problem["first_rows"])) + (" …" if problem["count"] > len(problem["first_rows"]) else "")
    row = "row" if problem["count"] == 1 else f"{problem['count']:,} rows:"
    return _line(problem, f"{IMPACT[problem['scope']]} ({row} {rows})")


def _of_a_matrix(problem: Mapping[str, Any]) -> str:
    """Return a problem of a matrix, whose cases may be its columns: its message says where."""
    return _line(problem, f"{plural(problem['count'], 'case')} rejected")


def _line(problem: Mapping[str, Any], impact: str) -> str:
    column = f" in {problem['column']!r}" if problem["column"] else ""
    return f"{problem['code']}{column}: {impact}: {problem['message']}"
