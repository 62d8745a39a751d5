"""The ledger as a person or a script reads it: every unit ever uploaded and where it stands."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.text import Text

from cli.deployment import Deployment
from cli.project import PROGRAM
from cli.terminal import (
    INDENT,
    STATUS_STYLES,
    duration,
    make_table,
    plural,
    print_block,
    print_heading,
    print_line,
    print_table,
    shorten,
    some,
    status_text,
)
from multimodal.ledger.text import size_text
from multimodal.ledger.unit import table_path
from multimodal.report.quality_checks import SHARED_STUDY, meaning, uid_of

STATUSES = ("RECEIVING", "READY", "PROCESSING", "PROCESSED", "COMPLETED", "QUARANTINED", "FAILED")
END_STATUSES = frozenset({"COMPLETED", "QUARANTINED", "FAILED"})
STATUSES_WITHOUT_FEATURES = frozenset({"QUARANTINED", "FAILED"})

_NO_UNITS = ("assay#", "lease#")
"""Begin the keys of what is no unit: the assay of a feature group, the lease of the running sweep."""

_NUMBER = re.compile(r"\b\d[\d.,]*\b")
"""A number, and none of a gene's name."""
_STUDY_WIDTH = 18
"""Characters of a study's name; every view shortens it alike, so that it can be looked for in another."""

_MOST_WARNED = 5
"""Units that a warning names; the cohort page has all."""

_MOST_NAMED, _MOST_MESSAGES = 20, 10
"""Units that a reason names, and different messages of a reason code."""

_TIMES = (
    "received_at",
    "last_arrival",
    "rerun_requested_at",
    "ready_at",
    "processing_at",
    "processed_at",
    "completed_at",
    "quarantined_at",
    "failed_at",
)


@dataclass(frozen=True)
class Unit:
    """One unit of work, as the ledger's item describes it.

    Parameters
    ----------
    item : mapping
        The item, with plain numbers.
    """

    item: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Return an attribute as text; empty when the item does not have it."""
        value = self.item.get(name)
        return "" if value is None else str(value)

    def number(self, name: str) -> int:
        """Return an attribute as a whole number; 0 when the item does not have it."""
        return int(self.item.get(name) or 0)

    @property
    def unit_id(self) -> str:
        """`imaging#<dataset>#<subject>#<study>`, `genomics#<dataset>#<case>` or `clinical#<dataset>#<file>`."""
        return self.text("unit_id")

    @property
    def status(self) -> str:
        """Where the unit stands."""
        return self.text("status")

    @property
    def is_rna(self) -> bool:
        """Whether it is of RNA-seq: reads of a case, or their reference."""
        return self.unit_id.startswith("genomics#") and not self.is_table

    @property
    def is_table(self) -> bool:
        """Whether it is a table of many cases: a clinical one, or a ready matrix."""
        return self.unit_id.startswith("clinical#") or (
            self.unit_id.startswith("genomics#") and self.unit_id.split("#")[-1].partition("/")[0] == "-expression"
        )

    @property
    def counts(self) -> Mapping[str, int]:
        """Rows and records of a table; empty before it was read."""
        found: Mapping[str, int] = self.item.get("counts") or {}
        return found

    @property
    def what(self) -> str:
        """The study's name, or what there is of RNA-seq or of tables."""
        if self.is_table:
            return "clinical table" if self.unit_id.startswith("clinical#") else "matrix"
        if not self.is_rna:
            return self.text("study")
        return "reference" if self.unit_id.startswith("genomics#_references#") else "RNA-seq"

    @property
    def is_settled(self) -> bool:
        """Whether it has ended and nothing has arrived since that would start it again."""
        return self.status in END_STATUSES and "due_at" not in self.item

    @property
    def is_note(self) -> bool:
        """Whether the item only tells of something that no run can take, such as a rejected key."""
        return self.text("kind") == "note"

    @property
    def waits_for_rest(self) -> bool:
        """Whether it was looked at and found to lack objects that may still come."""
        return self.status == "RECEIVING" and self.text("reason_code") == "INCOMPLETE_STUDY"

    @property
    def is_waiting_for_image(self) -> bool:
        """Whether the stack has no container image that could process it."""
        return self.text("reason_code") == "IMAGE_NOT_SET"

    @property
    def name(self) -> str:
        """Subject and study, short enough for one line."""
        return f"{self.subject} {self.short_what}"

    @property
    def short_what(self) -> str:
        """`what`, shortened as in every table and message."""
        return shorten(self.what, _STUDY_WIDTH)

    @property
    def subject(self) -> str:
        """The subject, the case or, shortened, the file."""
        return shorten(table_path(self.text("subject")), 32) if self.is_table else self.text("subject")

    @property
    def changed_at(self) -> int:
        """Epoch second of the last thing that happened to it."""
        return max((self.number(name) for name in _TIMES), default=0)


def read_units(deployment: Deployment) -> list[Unit]:
    """Return every unit of the ledger, in the order of the pipeline and then of their names."""
    table = deployment.ledger
    answer = table.scan(ConsistentRead=True)
    items = list(answer["Items"])
    while "LastEvaluatedKey" in answer:
        answer = table.scan(ConsistentRead=True, ExclusiveStartKey=answer["LastEvaluatedKey"])
        items.extend(answer["Items"])
    return sorted((Unit(plain(item)) for item in items if not str(item["unit_id"]).startswith(_NO_UNITS)), key=_order)


def of_dataset(units: Iterable[Unit], dataset: str) -> list[Unit]:
    """Return the units of a dataset; all when none is named."""
    return [unit for unit in units if dataset in ("", unit.text("dataset"))]


def plain(value: Any) -> Any:  # noqa: ANN401 - an item holds whatever DynamoDB can
    """Return a value of DynamoDB's resource interface with numbers that JSON knows."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | set | tuple):
        return [plain(part) for part in value]
    return value


def _order(unit: Unit) -> tuple[int, str]:
    rank = STATUSES.index(unit.status) if unit.status in STATUSES else len(STATUSES)
    return rank, unit.unit_id


def count_statuses(units: Iterable[Unit]) -> dict[str, int]:
    """Return how many units stand where, in the order of the pipeline, without zeros."""
    counts = Counter(unit.status for unit in units)
    order = (*STATUSES, *sorted(set(counts) - set(STATUSES)))
    return {status: counts[status] for status in order if counts[status]}


def describe_units(units: Sequence[Unit]) -> str:
    """Say how many units stand where; references and notes, which the cohort page does not count, for themselves.

    Examples
    --------
    >>> ids = ["imaging#d#P1#s", "genomics#d#P1", "genomics#_references#human"]
    >>> describe_units([Unit({"unit_id": name, "status": "COMPLETED"}) for name in ids])
    '2 units: 2 COMPLETED; 1 reference COMPLETED'
    """
    parts = []
    for kind, members in by_kind(units).items():
        counts = count_statuses(members)
        own = f"{plural(len(members), kind)}: " + " · ".join(f"{count} {status}" for status, count in counts.items())
        parts += [own] if kind == "unit" else [f"{plural(n, kind)} {status}" for status, n in counts.items()]
    return "; ".join(parts)


def by_kind(units: Iterable[Unit]) -> dict[str, list[Unit]]:
    """Return the units, the references and the notes among some, without empty lists."""
    found: dict[str, list[Unit]] = {"unit": [], "reference": [], "note": []}
    for unit in units:
        found["note" if unit.is_note else "reference" if unit.what == "reference" else "unit"].append(unit)
    return {kind: members for kind, members in found.items() if members}


def as_document(deployment: Deployment, units: list[Unit]) -> dict[str, Any]:
    """Return the ledger in the form that scripts read (`status --json`).

    Returns
    -------
    dict
        `stack`, `counts` by status, and `units` with the attributes documented in docs/reference/ledger.md.
    """
    return {
        "stack": deployment.stack,
        "counts": count_statuses(units),
        "units": [dict(sorted(unit.item.items())) for unit in units],
    }


@dataclass(frozen=True)
class _Column:
    """A column of the table."""

    title: str
    cell: Callable[[Unit, float], Text | str]
    is_number: bool = False


def _ago(now: float, then: int) -> str:
    return f"{' '.join(duration(max(0.0, now - then)).split()[:2])} ago" if then else "–"


_COLUMNS = (
    _Column("Dataset", lambda unit, _: unit.text("dataset")),
    _Column("Subject", lambda unit, _: unit.subject),
    _Column("Study", lambda unit, _: unit.short_what),
    _Column("Status", lambda unit, _: status_text(unit.status)),
    _Column("Reason", lambda unit, _: unit.text("reason_code") or "–"),
    _Column("Objects", lambda unit, _: f"{unit.number('objects'):,}", is_number=True),
    _Column("Size", lambda unit, _: size_text(unit.number("bytes")), is_number=True),
    _Column("Arrived", lambda unit, now: _ago(now, unit.number("received_at"))),
    _Column("Changed", lambda unit, now: _ago(now, unit.changed_at)),
)
_DISPENSABLE = ("Arrived", "Objects", "Size", "Changed", "Reason", "Dataset")
"""Columns that are left out where there is no room, the first ones first."""


def print_units(console: Console, units: list[Unit]) -> None:
    """Print the ledger as a table, the reasons of what has no features below it, and a line of totals."""
    now = time.time()
    says = {"Dataset": _has_several_datasets(units), "Reason": any(unit.text("reason_code") for unit in units)}
    columns = [column for column in _COLUMNS if says.get(column.title, True)]
    table = make_table(*(c.title for c in columns), right=tuple(c.title for c in columns if c.is_number))
    for unit in units:
        table.add_row(*(column.cell(unit, now) for column in columns))
    print_table(console, table, _DISPENSABLE)
    print_findings(console, units)
    print_totals(console, units)


def _has_several_datasets(units: list[Unit]) -> bool:
    """Whether units are of several datasets; references, which all datasets share, are of none."""
    return len({unit.text("dataset") for unit in units if unit.what != "reference"}) > 1


def _called(unit: Unit, *, several: bool) -> str:
    return f"{unit.text('dataset')} {unit.name}" if several else unit.name


def print_findings(console: Console, units: list[Unit]) -> None:
    """Print what a person should know of some units: rows of tables, warnings of quality control, and reasons."""
    print_tables(console, units)
    print_warnings(console, units)
    print_reasons(console, units)


def print_warnings(console: Console, units: list[Unit]) -> None:
    """Print what quality control warns of in units with features, and which studies several subjects have."""
    several, warned = _has_several_datasets(units), dict[str, list[tuple[str, str]]]()
    for unit in units:
        if unit.status == "COMPLETED":
            for warning in unit.item.get("warnings") or ():
                kind = _NUMBER.sub("…", warning)  # each sample has a percentage of its own
                warned.setdefault(kind, []).append((warning, _called(unit, several=several)))
    if shared := _sharing(units):
        warned[SHARED_STUDY] = [(SHARED_STUDY, name) for name in shared]
    if warned:
        print_heading(console, "Warnings of quality control")
    for kind, found in warned.items():
        same = found[0][0] if len({warning for warning, _ in found}) == 1 else kind
        print_block(console, Text(some([name for _, name in found], _MOST_WARNED)))
        print_block(console, Text(meaning(same), style="yellow"), indent=INDENT + 2)


def _sharing(units: list[Unit]) -> list[str]:
    """Return the studies whose UID, where studies are named by it, lies under several subjects of a dataset."""
    of: dict[tuple[str, str], dict[str, str]] = {}
    for unit in units:
        if unit.unit_id.startswith("imaging#") and (uid := uid_of(unit.text("study"))):
            of.setdefault((unit.text("dataset"), uid), {})[unit.subject] = unit.name
    return [name for names in of.values() if len(names) > 1 for name in names.values()]


def print_reasons(console: Console, units: list[Unit]) -> None:
    """Print why each unit that carries a reason does so; a reason that several units share is told once."""
    several = _has_several_datasets(units)
    sharing: dict[tuple[str, str], dict[str, list[str]]] = {}
    for unit in units:
        example = (unit.item.get("reason_details") or {}).get("example_key") if unit.is_note else None
        message = unit.text("reason_message") + (f"; for example {example}" if example else "")
        if code := unit.text("reason_code"):
            told = sharing.setdefault((unit.status, code), {})
            told.setdefault(message, []).append(_called(unit, several=several))
    if sharing:
        print_heading(console, "Why")
    for (status, code), told in sharing.items():
        for message, names in list(told.items())[:_MOST_MESSAGES]:
            named = some(names, _MOST_NAMED)
            print_block(console, Text.assemble(named, "  ", (code, STATUS_STYLES.get(status, ""))))
            print_block(console, Text(message), indent=INDENT + 2)
        if more := sum(map(len, list(told.values())[_MOST_MESSAGES:])):
            rest = f"and {plural(more, 'more unit')} with {code}; `{PROGRAM} status --json` has each"
            print_block(console, Text(rest, style="dim"))


def print_tables(console: Console, units: list[Unit]) -> None:
    """Print what became of the rows of each table that was taken; of another version of it the counts say nothing."""
    read = [unit for unit in units if unit.is_table and unit.counts and unit.status == "COMPLETED"]
    if not read:
        return
    print_heading(console, "Tables: rows and records")
    several = _has_several_datasets(read)
    for unit in read:
        name = f"{unit.text('dataset')} {unit.subject}" if several else unit.subject
        style = "yellow" if _lost(unit.counts) else "dim"
        print_block(console, Text.assemble(name, "  ", (describe_counts(unit.counts), style)))
    if any(_lost(unit.counts) for unit in read):
        told = f"Which and why: rejected.csv, which `{PROGRAM} results DIR` saves."
        print_block(console, Text(told), indent=INDENT + 2)


def _lost(counts: Mapping[str, int]) -> int:
    """Return how many rows, records or labels of a table were not taken; what a filter leaves out is wanted."""
    return sum(counts.get(name, 0) for name in ("rejected_rows", "records_refused", "labels_held"))


def describe_counts(counts: Mapping[str, int], written: str = "written") -> str:
    """Say what became of a table's rows.

    Examples
    --------
    >>> describe_counts({"rows": 10, "written": 20, "unchanged": 0, "rejected_rows": 1})
    '10 rows: 20 records written, 1 row rejected'
    """
    parts = [f"{plural(counts.get('written', 0), 'record')} {written}"]
    words = (
        ("unchanged", "record", "unchanged"),
        ("records_refused", "record", "refused"),
        ("rejected_rows", "row", "rejected"),
        ("dropped_rows", "row", "filtered out"),
        ("labels_held", "label", "held back"),
    )
    parts += [f"{plural(counts[name], noun)} {what}" for name, noun, what in words if counts.get(name)]
    return f"{plural(counts.get('rows', 0), 'row')}: {', '.join(parts)}"


def print_totals(console: Console, units: list[Unit]) -> None:
    """Print one line with the number of units by status, and what they amount to."""
    objects = sum(unit.number("objects") for unit in units)
    size = sum(unit.number("bytes") for unit in units)
    console.print()
    print_line(console, f"{describe_units(units)}   ({plural(objects, 'object')}, {size_text(size)})")
