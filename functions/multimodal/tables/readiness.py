"""When a table may be taken."""

from collections.abc import Callable

from multimodal.ledger.errors import Reason
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
    quarantine_unknown_dataset,
)
from multimodal.ledger.ports import ObjectStore
from multimodal.ledger.unit import LedgerItem, Modality, Unit
from multimodal.tables.limits import MAX_TABLE_BYTES
from multimodal.tables.table import TableKind


class TableRules:
    """:class:`multimodal.ledger.evaluate.Rules` of clinical tables and expression matrices.

    Parameters
    ----------
    raw : ObjectStore
        The bucket of uploads.
    kind_of : callable
        Unit → the kind of table it is.
    """

    def __init__(self, raw: ObjectStore, kind_of: Callable[[Unit], TableKind]) -> None:
        self._raw, self._kind_of = raw, kind_of

    def list_objects(self, unit: Unit) -> Listing:
        """List the one object."""
        table = find(self._raw, unit.table_key)
        return Listing((table,) if table else ())

    def decide(self, item: LedgerItem, listing: Listing, timeouts: CompletionTimeouts, now: int) -> Decision:
        """Take what is there: an object is complete when it is listed."""
        if not self._kind_of(item.unit).takes(item.unit.dataset):
            return _not_configured(item.unit)
        if not listing.objects:
            return quarantine_removed()
        return quarantine_archived(listing) or _refuse_large(listing) or Complete()

    def blocked(self, unit: Unit) -> Blocked | None:
        """Say nothing: no image is needed."""
        return None


def _not_configured(unit: Unit) -> Quarantine:
    if unit.modality == Modality.CLINICAL:
        return quarantine_unknown_dataset(unit)
    message = (
        f"dataset {unit.dataset!r} takes no matrix; add genomics.matrix to functions/datasets/{unit.dataset}.yaml, "
        "deploy, then retry, or upload the reads"
    )
    return Quarantine(Reason.ROUTE_NOT_CONFIGURED, message, {})


def _refuse_large(listing: Listing) -> Quarantine | None:
    if listing.bytes <= MAX_TABLE_BYTES:
        return None
    message = (
        f"a table may have {MAX_TABLE_BYTES // 1024**2} MiB; split it by rows into files with the same header and "
        "upload them one by one"
    )
    return Quarantine(Reason.INPUT_TOO_LARGE, message, {"bytes": listing.bytes})
