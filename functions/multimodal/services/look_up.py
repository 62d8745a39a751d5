"""A unit's objects, listed in S3."""

from itertools import islice

from multimodal.domain.completeness import MAX_OBJECTS, read_marker
from multimodal.domain.errors import BadInputError, ConfigurationError
from multimodal.domain.listing import Listing, StoredObject, is_archive_of, make_listing
from multimodal.domain.reasons import Reason
from multimodal.domain.units import Unit
from multimodal.ports import ObjectStore


def list_study(raw: ObjectStore, unit: Unit) -> Listing:
    """List the study's folder and its zip; S3 lists strongly consistently, so this is the truth."""
    stem = unit.archive[: -len(".zip")]
    archives = (o for o in raw.objects_under(stem + ".") if is_archive_of(unit, o.key))
    # One more than a study may have, and a marker: enough to know that there are too many.
    folder = islice(raw.objects_under(unit.folder), MAX_OBJECTS + 2)
    return make_listing(unit, [*folder, *islice(archives, 2)])


def promised_objects(raw: ObjectStore, listing: Listing) -> int | None:
    """Return the number in the unit's marker, or None when there is no marker.

    Raises
    ------
    BadInputError
        ``MARKER_INVALID`` when it cannot be read or promises nothing.
    """
    if listing.marker is None:
        return None
    try:
        text = raw.read_text(listing.marker.key)
    except ConfigurationError as error:
        message = "_COMPLETE.json cannot be read (is it encrypted with another key?); replace it"
        raise BadInputError(Reason.MARKER_INVALID, message) from error
    return None if text is None else read_marker(text)


def list_folder(raw: ObjectStore, unit: Unit) -> list[StoredObject]:
    """List a case's or a reference's folder, up to one object more than it may have."""
    return list(islice(raw.objects_under(unit.folder), MAX_OBJECTS + 2))


def find(objects: ObjectStore, key: str) -> StoredObject | None:
    """Return the object at exactly this key, or None; of all keys that start so, it is listed first."""
    first = next(iter(objects.objects_under(key)), None)
    return first if first is not None and first.key == key else None
