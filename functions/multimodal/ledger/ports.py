"""What the services need of the world, as protocols. Adapters implement them; tests use fakes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from multimodal.ledger.unit import LedgerItem, Unit

T = TypeVar("T")


R = TypeVar("R")


Changes = Mapping[str, Any]
"""Attribute → new value of a ledger item; None removes the attribute."""


class Clock(Protocol):
    """Tells the time."""

    def __call__(self) -> int:
        """Return epoch seconds."""


class Ledger(Protocol):
    """One item per unit; every change is one conditional write."""

    def touch(self, unit: Unit, now: int, due_at: int, *, at_once: bool) -> bool:
        """Note that something of the unit arrived; return whether the unit was new.

        A look that is owed already stays as it is, unless the unit is to be looked at at once.
        """

    def request(self, unit: Unit, requested_at: int, due_at: int) -> bool:
        """Ask for another run of the unit; return False when this or a later wish is already there."""

    def note(self, unit: Unit, changes: Changes) -> None:
        """Write what is known of a unit that no run can take (a refused key, a subject without a study)."""

    def get(self, unit_id: str) -> LedgerItem | None:
        """Return the item as it is now (strongly consistent)."""

    def update(self, item: LedgerItem, changes: Changes) -> bool:
        """Apply changes if the item is still as it was read; return whether they were applied."""

    def due(self, now: int, limit: int) -> list[str]:
        """Return ids of up to ``limit`` units whose look is owed, oldest first."""

    def open_units(self) -> Iterable[tuple[str, int]]:
        """Yield the id of every unit that has not ended, and when it was first seen."""

    def pin(self, name: str, value: Mapping[str, str]) -> Mapping[str, str]:
        """Keep a value under a name, once and for all; return what is kept, perhaps another's value."""


@dataclass(frozen=True)
class StoredObject:
    """One object in S3: its key, its size in bytes, its ETag, and whether it must be restored before it is read."""

    key: str
    size: int
    etag: str
    archived: bool = False


@dataclass(frozen=True)
class OpenObject:
    """An object that is being read: its content, to be read once, and when it came (epoch seconds)."""

    chunks: Iterable[bytes]
    modified_at: int


class ObjectStore(Protocol):
    """Objects of one bucket."""

    def objects_under(self, prefix: str) -> Iterable[StoredObject]:
        """Yield the objects whose keys start with ``prefix``."""

    def folders(self, prefix: str) -> tuple[list[str], list[str]]:
        """Return the folder names and the object names directly under ``prefix``."""

    def read_json(self, key: str) -> Any | None:  # noqa: ANN401 – any JSON
        """Return a parsed object, or None when there is none."""

    def read_text(self, key: str) -> str | None:
        """Return an object's text, or None when there is none."""

    def lines(self, key: str) -> Iterable[str] | None:
        """Return an object's lines without holding all of them, or None when there is no such object.

        What is called ``….gz`` is decompressed.
        """

    def open(self, key: str, etag: str) -> OpenObject | None:
        """Open exactly this content of an object; None when the object is gone or another content took its place."""

    def write_lines(self, key: str, lines: Iterable[str]) -> None:
        """Store lines without holding all of them; what is called ``….gz`` is compressed."""

    def write_text(self, key: str, text: str, media_type: str | None = None) -> None:
        """Store a text, plain unless a media type says what it is."""

    def write_json(self, key: str, document: Any) -> None:  # noqa: ANN401 – any JSON
        """Store a document."""

    def uri(self, key: str) -> str:
        """Return the ``s3://`` address of a key."""


class Runs(Protocol):
    """Executions of a state machine."""

    def start(self, run_id: str) -> None:
        """Start a run by name; a second start of the same name changes nothing."""

    def is_running(self, run_id: str) -> bool:
        """Return whether the run is still at work; False also when it never started."""


class BatchJobs(Protocol):
    """Jobs of the genomics path."""

    def submit(self, name: str, command: Sequence[str]) -> None:
        """Submit a job by name; a second submission of the same name changes nothing."""

    def is_running(self, name: str) -> bool:
        """Return whether the job waits or runs; False also when it was never submitted."""


class JobCounter(Protocol):
    """Processing jobs in flight."""

    def in_flight(self) -> int:
        """Return how many of this application's jobs are running."""


class ParallelMap(Protocol):
    """Does one thing for many items, side by side where it can; results come in the items' order."""

    def __call__(self, action: Callable[[T], R], items: Iterable[T], /) -> Iterable[R]:
        """Return the results. The built-in ``map`` is one."""


class Metrics(Protocol):
    """Counts what happens."""

    def __call__(self, metric: str, value: float = 1, modality: str = "imaging") -> None:
        """Record a value of one of :class:`multimodal.observability.Metric` for units of a modality."""
