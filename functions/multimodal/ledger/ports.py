"""Ports of the services, as protocols. Adapters in `multimodal.aws` implement them; tests use fakes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from multimodal.ledger.unit import LedgerItem, Unit

T = TypeVar("T")
R = TypeVar("R")

Changes = Mapping[str, Any]
"""Attribute → new value of a ledger item; None removes the attribute."""

Clock = Callable[[], int]
"""Returns epoch seconds."""


class Ledger(Protocol):
    """One item per unit; every change is one conditional write."""

    def record_arrival(self, unit: Unit, now: int, due_at: int, *, at_once: bool) -> bool:
        """Record that an object of the unit arrived; return whether the unit was new.

        A check that is scheduled already stays as it is, unless the unit is to be checked at once.
        """

    def request_rerun(self, unit: Unit, requested_at: int, due_at: int) -> bool:
        """Request another run of the unit; return False when this or a later request is already recorded."""

    def record_invalid_upload(
        self, unit: Unit, reason: str, message: str, details: Mapping[str, Any] | None = None
    ) -> None:
        """Record an upload that no run can take (a rejected key, a subject without a study)."""

    def record_ignored_upload(self, unit: Unit, message: str, details: Mapping[str, Any]) -> None:
        """Note that files were ignored, which is no failure."""

    def get(self, unit_id: str) -> LedgerItem | None:
        """Return the item as it is now (strongly consistent)."""

    def update(self, item: LedgerItem, changes: Changes) -> LedgerItem | None:
        """Apply changes if the item is still as it was read; return it as it is now, or None when it was not."""

    def due(self, now: int, limit: int) -> list[str]:
        """Return ids of up to `limit` units whose check is due, oldest first."""

    def open_units(self) -> Iterable[tuple[str, int]]:
        """Yield the id of every unit that has not ended, and when it was first seen."""

    def put_if_absent(self, name: str, value: Mapping[str, str]) -> Mapping[str, str]:
        """Store a value under a name unless it has one; return the stored value, perhaps another's."""

    def take_lease(self, name: str, holder: str, now: int, until: int) -> bool:
        """Take a named lease until a time, unless another holder has it; return whether it was taken."""

    def release_lease(self, name: str, holder: str) -> None:
        """Give a named lease back, if the holder still has it."""


@dataclass(frozen=True)
class StoredObject:
    """One object in S3: key, size in bytes, ETag, whether it must be restored before it is read, and when it came.

    `modified_at` is in epoch seconds, 0 where nobody needs it.
    """

    key: str
    size: int
    etag: str
    archived: bool = False
    modified_at: int = 0


@dataclass(frozen=True)
class OpenObject:
    """An object that is being read: its content, to be read once, and when it came (epoch seconds)."""

    chunks: Iterable[bytes]
    modified_at: int


class ObjectStore(Protocol):
    """Objects of one bucket."""

    def objects_under(self, prefix: str) -> Iterable[StoredObject]:
        """Yield the objects whose keys start with `prefix`."""

    def folders(self, prefix: str) -> tuple[list[str], list[str]]:
        """Return the folder names and the object names directly under `prefix`."""

    def read_json(self, key: str) -> Any | None:  # noqa: ANN401 – any JSON
        """Return a parsed object, or None when there is none."""

    def read_text(self, key: str) -> str | None:
        """Return an object's text, or None when there is none."""

    def lines(self, key: str) -> Iterable[str] | None:
        """Return an object's lines without holding all of them, or None when there is no such object.

        What is called `….gz` is decompressed.
        """

    def open(self, key: str, etag: str) -> OpenObject | None:
        """Open exactly this content of an object; None when the object is gone or another content took its place."""

    def same_content(self, pairs: Sequence[tuple[StoredObject, StoredObject]]) -> bool:
        """Return whether both of each pair, an earlier and a later version of a key, have the same known checksum."""

    def write_lines(self, key: str, lines: Iterable[str]) -> None:
        """Store lines without holding all of them; what is called `….gz` is compressed."""

    def write_text(self, key: str, text: str, media_type: str | None = None) -> None:
        """Store a text, plain unless a media type says what it is."""

    def write_if_absent(self, key: str, text: str) -> str:
        """Store a text unless there is an object; return the stored text, perhaps another's."""

    def write_json(self, key: str, document: Any) -> None:  # noqa: ANN401 – any JSON
        """Store a document."""

    def uri(self, key: str) -> str:
        """Return the `s3://` address of a key."""


class Runs(Protocol):
    """Executions of a state machine."""

    def start(self, run_id: str) -> None:
        """Start a run by name; a second start of the same name changes nothing."""

    def is_running(self, run_id: str) -> bool:
        """Return whether the run is still at work; False also when it never started."""


class BatchJobs(Protocol):
    """Jobs of the genomics path."""

    def submit(self, name: str, command: Sequence[str], *, builds_reference: bool) -> None:
        """Submit a job by name; a second submission of the same name changes nothing."""

    def is_running(self, name: str) -> bool:
        """Return whether the job waits or runs; False also when it was never submitted."""

    def count_open(self) -> Mapping[str, int]:
        """Return how many jobs of the queue, whoever submitted them, are in each state that is no end."""


class JobCounter(Protocol):
    """Processing jobs in flight."""

    def in_flight(self) -> int:
        """Return how many of this application's jobs are running."""


class ParallelMap(Protocol):
    """Applies a function to many items, concurrently where it can; results come in the items' order."""

    def __call__(self, action: Callable[[T], R], items: Iterable[T], /) -> Iterable[R]:
        """Return the results. The built-in `map` is one."""


class Metrics(Protocol):
    """Counters of the application."""

    def count(self, metric: str, value: float = 1, modality: str = "imaging") -> None:
        """Record a value of one of `multimodal.observability.Metric` for units of a modality."""


@dataclass(frozen=True)
class Ports:
    """Everything that the services need of the world.

    Parameters
    ----------
    ledger : Ledger
    raw, processed : ObjectStore
        RawBucket (uploads) and ProcessedBucket (results, run documents).
    clock : Clock
    metrics : Metrics
    parallel_map : ParallelMap
    """

    ledger: Ledger
    raw: ObjectStore
    processed: ObjectStore
    clock: Clock
    metrics: Metrics
    parallel_map: ParallelMap = map
