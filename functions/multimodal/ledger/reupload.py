"""Whether an upload brought other bytes, or those that were processed before.

S3 gives an object that is encrypted with a KMS key another ETag at each upload, so that a content version says "other
upload", not "other content" (Amazon S3 API reference, Object). Checksums say it (decision `aws-15`).
"""

from dataclasses import replace

from multimodal.ledger.listing import Listing
from multimodal.ledger.ports import Ports
from multimodal.ledger.run_paths import RunPaths, listing_from
from multimodal.ledger.unit import LedgerItem


def is_same_content(ports: Ports, item: LedgerItem, listing: Listing) -> bool:
    """Return whether a unit's objects are byte for byte those of its last run.

    Parameters
    ----------
    ports : Ports
        RawBucket is asked for checksums, and only of objects whose ETag differs.
    item : LedgerItem
        A unit that ended; its run's listing says what was processed.
    listing : Listing
        The unit's objects now.

    Returns
    -------
    bool
        False wherever it cannot be told: another key or size, an object or version that is gone, no checksum.
    """
    stored = item.run_id and ports.processed.read_json(RunPaths(item.run_id).listing(item.unit.correlation_id))
    if not stored:
        return False
    before, now = listing_from(stored).objects, listing.objects
    if [(o.key, o.size) for o in before] != [(o.key, o.size) for o in now]:
        return False
    # What else makes a content version, such as a sample sheet's word, has to be equal too.
    if replace(listing, objects=before).content_version != item.content_version:
        return False
    return ports.raw.same_content([(old, new) for old, new in zip(before, now, strict=True) if old.etag != new.etag])
