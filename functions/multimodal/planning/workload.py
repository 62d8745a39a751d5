"""What a listing of files would become: studies, samples, tables, and names that no run would take."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from multimodal.genomics.keys import is_sheet
from multimodal.ledger.unit import MATRIX_CASE, REFERENCES, Modality, Unit
from multimodal.ledger.upload_key import KeyKind
from multimodal.pipeline.arrivals import parse_key

_TAKEN = frozenset({KeyKind.OBJECT, KeyKind.ARCHIVE, KeyKind.TABLE})


@dataclass(frozen=True)
class RowFindings:
    """What would become of a table's rows, in words: counts, why none would be written, what costs single ones."""

    counts: str
    hold: str = ""
    losses: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """What a person should know; empty where all would be taken."""
        return (self.hold, *self.losses) if self.hold else self.losses


@dataclass(frozen=True)
class File:
    """One object: its key in RawBucket, as it is or would be, and its bytes.

    Where they are known: why it would be refused, and what would become of its rows.
    """

    key: str
    size: int
    problem: str = ""
    rows: RowFindings | None = None


@dataclass(frozen=True)
class Refusal:
    """Files of a dataset that would be rejected for one reason, with an example."""

    dataset: str
    problem: str
    example: str
    files: int


@dataclass
class Workload:
    """Bytes of each unit by kind, what would be refused, and by key what would become of the rows of tables.

    Datasets that are not described (`unknown_datasets`) would have all their units quarantined.
    """

    studies: dict[Unit, int] = field(default_factory=dict)
    samples: dict[Unit, int] = field(default_factory=dict)
    references: dict[Unit, int] = field(default_factory=dict)
    tables: dict[Unit, int] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    unknown_datasets: list[str] = field(default_factory=list)
    rows: dict[str, RowFindings] = field(default_factory=dict)
    ignored: int = 0

    @property
    def is_taken(self) -> bool:
        """Whether nothing would be refused or held; single rows may be."""
        return not (self.refusals or self.unknown_datasets or any(found.hold for found in self.rows.values()))

    @property
    def is_empty(self) -> bool:
        """Whether nothing would run."""
        return not (self.studies or self.samples or self.references or self.tables)


def read_workload(files: Iterable[File], datasets: Iterable[str]) -> Workload:
    """Sort files into the units that the pipeline would make of them.

    Parameters
    ----------
    files : iterable of File
        In any order.
    datasets : iterable of str
        Names of the datasets that would be processed.
    """
    work, problems = Workload(), Counter[tuple[str, str]]()
    examples: dict[tuple[str, str], str] = {}
    for file in files:
        key = parse_key(file.key)
        if key.kind is KeyKind.REJECTED or file.problem:
            problem = (key.dataset, key.problem or file.problem)
            problems[problem] += 1
            examples.setdefault(problem, file.key)
        elif key.kind in _TAKEN and key.unit is not None:
            _add(work, key.unit, file.size)
            if file.rows is not None:
                work.rows[file.key] = file.rows
        else:
            work.ignored += 1
    work.refusals = [Refusal(*problem, examples[problem], count) for problem, count in problems.most_common()]
    units = [*work.studies, *work.samples, *work.tables]
    work.unknown_datasets = sorted({unit.dataset for unit in units} - set(datasets))
    return work


def made_up_studies(count: int, size: int, dataset: str) -> list[File]:
    """Return the files of a cohort that is not there yet: `count` zips of `size` bytes."""
    return [File(f"imaging/{dataset}/{number:05d}/study.zip", size) for number in range(1, count + 1)]


def _add(work: Workload, unit: Unit, size: int) -> None:
    place = _place(work, unit)
    if place is not None:
        place[unit] = place.get(unit, 0) + size


def _place(work: Workload, unit: Unit) -> dict[Unit, int] | None:
    if unit.modality == Modality.IMAGING:
        return work.studies
    if unit.modality == Modality.CLINICAL or unit.subject.partition("/")[0] == MATRIX_CASE:
        return work.tables
    if unit.dataset == REFERENCES:
        return work.references
    return None if is_sheet(unit) else work.samples
