"""When a table is ready, and the start of its run."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from multimodal.ledger.claim import UnitClaims
from multimodal.ledger.dataset_file import quarantine_unknown_dataset
from multimodal.ledger.errors import Reason
from multimodal.ledger.evaluate import ReadyUnit
from multimodal.ledger.listing import (
    Blocked,
    Complete,
    CompletionTimeouts,
    Decision,
    Listing,
    Quarantine,
    find,
    quarantine_archived,
    quarantine_removed,
)
from multimodal.ledger.ports import ObjectStore, Ports, Runs
from multimodal.ledger.unit import LedgerItem, Modality, Status, Unit, schedule_check
from multimodal.observability import logger
from multimodal.tables.run import MAX_TABLE_BYTES

NEXT_ROUND_SECONDS = 2
"""A table that has to wait for another is checked again by the next run of the sweep."""


@dataclass(frozen=True)
class TableRules:
    """`Rules` of clinical tables and expression matrices.

    Parameters
    ----------
    raw : ObjectStore
    datasets : mapping of str to collection of str
        Modality → the datasets that are configured for its tables.
    """

    raw: ObjectStore
    datasets: Mapping[str, Collection[str]]

    def list_objects(self, unit: Unit) -> Listing:
        """List the one object."""
        table = find(self.raw, unit.table_key)
        return Listing((table,) if table else ())

    def decide(self, item: LedgerItem, listing: Listing, timeouts: CompletionTimeouts, now: int) -> Decision:
        """Return `Complete` for what is there: an object is complete when it is listed."""
        if item.unit.dataset not in self.datasets[item.unit.modality]:
            return _not_configured(item.unit)
        if not listing.objects:
            return quarantine_removed()
        return quarantine_archived(listing) or _too_large(listing) or Complete()

    def blocked(self, unit: Unit) -> Blocked | None:
        """Return None: no image is needed."""
        return None


def _not_configured(unit: Unit) -> Quarantine:
    if unit.modality == Modality.CLINICAL:
        return quarantine_unknown_dataset(unit)
    message = (
        f"dataset {unit.dataset!r} takes no matrix; add genomics.matrix to functions/datasets/{unit.dataset}.yaml, "
        "deploy, then retry, or upload the reads"
    )
    return Quarantine(Reason.ROUTE_NOT_CONFIGURED, message, {})


def _too_large(listing: Listing) -> Quarantine | None:
    if listing.bytes <= MAX_TABLE_BYTES:
        return None
    message = (
        f"a table may have at most {MAX_TABLE_BYTES // 1024**2} MiB; split it by rows into files with the same "
        "header and upload them one by one"
    )
    return Quarantine(Reason.INPUT_TOO_LARGE, message, {"bytes": listing.bytes})


@dataclass(frozen=True)
class TableStarter:
    """Starts an execution of the state machine for one table of each dataset.

    Two tables of a dataset at once would compare themselves with the same state, and the later one would undo the
    other. Only the sweep starts tables, and it runs alone, so that it can decide.
    """

    ports: Ports
    runs: Runs
    claims: UnitClaims

    def start(self, ready: Sequence[ReadyUnit]) -> list[str]:
        """Start each dataset's next table, if none is at work; the others wait."""
        runs = []
        for _, group in groupby(sorted(ready, key=_place), key=lambda r: _group_of(r.item.unit)):
            first, *others = group
            run = None if self._must_wait(first.item) else self._start(first)
            runs += [run] if run else []
            for waiting in others if run else [first, *others]:
                self._check_next_round(waiting.item)
        return runs

    def is_running(self, run_id: str) -> bool:
        """Ask the state machine."""
        return self.runs.is_running(run_id)

    def _must_wait(self, candidate: LedgerItem) -> bool:
        """Whether another table of the dataset is at work, or came earlier and is ready too."""
        return any(
            other.status is Status.PROCESSING
            or (other.status is Status.READY and other.last_arrival < candidate.last_arrival)
            for other in self._others(candidate.unit)
        )

    def _others(self, unit: Unit) -> Iterable[LedgerItem]:
        prefix = f"{unit.modality}#{unit.dataset}#"
        for unit_id, _ in self.ports.ledger.open_units():
            item = self.ports.ledger.get(unit_id) if unit_id.startswith(prefix) and unit_id != unit.unit_id else None
            if item is not None and item.unit.is_table:
                yield item

    def _start(self, ready: ReadyUnit) -> str | None:
        run = self.claims.name_of([ready])
        if not self.claims.claim(run, [ready]):
            return None
        self.runs.start(run)
        logger().info("table started", correlation_id=ready.item.unit.correlation_id, run_id=run)
        return run

    def _check_next_round(self, item: LedgerItem) -> None:
        now = self.ports.ledger.get(item.unit_id)
        if now is not None and now.status is Status.READY:
            self.ports.ledger.update(now, schedule_check(item.unit, self.ports.clock() + NEXT_ROUND_SECONDS))


def _group_of(unit: Unit) -> tuple[str, str]:
    return unit.modality, unit.dataset


def _place(ready: ReadyUnit) -> tuple[tuple[str, str], int, str]:
    return _group_of(ready.item.unit), ready.item.last_arrival, ready.item.unit_id
