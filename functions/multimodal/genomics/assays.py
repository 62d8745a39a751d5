"""Values of two assays never meet in one feature group."""

from collections.abc import Mapping

from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.ports import Ledger


def pin_assay(ledger: Ledger, group: str, assay: Mapping[str, str]) -> None:
    """Make the assay the group's own, unless it has one already.

    Parameters
    ----------
    ledger
        Port; it keeps the assay of each group.
    group : str
        Name of the feature group. Call this when a record is about to be written to it, not before.
    assay : mapping
        What makes values comparable.

    Raises
    ------
    BadInputError
        ``ASSAY_MISMATCH`` when the group holds values of another assay.
    """
    kept = ledger.put_if_absent(f"assay#{group}", assay)
    different = {n: [kept.get(n), assay[n]] for n in assay if kept.get(n) != assay[n]}
    if different:
        message = (
            f"values of another assay ({', '.join(different)}) are not mixed into {group}; raise group_version in "
            "the dataset's file, deploy, then retry everything that belongs to it"
        )
        raise BadInputError(Reason.ASSAY_MISMATCH, message, dict(different))
