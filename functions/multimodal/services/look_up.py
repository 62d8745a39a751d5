"""A unit's objects, listed in S3."""

from multimodal.domain.completeness import read_marker
from multimodal.domain.listing import Listing, StoredObject, is_archive_of, make_listing
from multimodal.domain.units import Unit
from multimodal.ports import ObjectStore


def list_unit(raw: ObjectStore, unit: Unit) -> Listing:
    """List the unit's folder and its zip; S3 lists strongly consistently, so this is the truth."""
    stem = unit.archive[: -len(".zip")]
    archives = (o for o in raw.objects_under(stem + ".") if is_archive_of(unit, o.key))
    return make_listing(unit, [*_folder(raw, unit), *archives])


def _folder(raw: ObjectStore, unit: Unit) -> list[StoredObject]:
    return list(raw.objects_under(unit.folder))


def promised_objects(raw: ObjectStore, listing: Listing) -> int | None:
    """Return the number in the unit's marker, or None when there is no marker."""
    if listing.marker is None:
        return None
    text = raw.read_text(listing.marker.key)
    return None if text is None else read_marker(text)
