"""The objects of a unit, as S3 lists them: the truth that events only point at."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from multimodal.domain.units import Unit
from multimodal.domain.upload_key import MARKER_NAME

CONTENT_VERSION_LENGTH = 16


@dataclass(frozen=True)
class StoredObject:
    """One object in S3: its key, its size in bytes, its ETag, and whether it must be restored before it is read."""

    key: str
    size: int
    etag: str
    archived: bool = False


@dataclass(frozen=True)
class Listing:
    """The data objects of a unit, sorted by key, and whether a marker lies beside them."""

    objects: tuple[StoredObject, ...]
    marker: StoredObject | None = None

    @property
    def bytes(self) -> int:
        """Sum of the sizes in bytes."""
        return sum(o.size for o in self.objects)

    @property
    def content_version(self) -> str:
        """Name of exactly this content: a hash over every key, ETag and size.

        The same objects give the same content_version in any order of arrival; a late, replaced or removed object gives
        another. The marker does not count: it says something about the objects and is not one of them.
        """
        lines = (f"{o.key}\t{o.etag}\t{o.size}\n" for o in self.objects)
        return hashlib.sha256("".join(lines).encode()).hexdigest()[:CONTENT_VERSION_LENGTH]

    def archives_of(self, unit: Unit) -> int:
        """How many zips of the study are there; ``t.zip`` and ``t.ZIP`` are two."""
        return sum(is_archive_of(unit, o.key) for o in self.objects)

    def holds_folder_of(self, unit: Unit) -> bool:
        """Whether the study is there as a folder."""
        return any(o.key.startswith(unit.folder) for o in self.objects)


def is_archive_of(unit: Unit, key: str) -> bool:
    """Whether ``key`` is the unit's zip, whatever the case of its ending."""
    stem = unit.archive[: -len(".zip")]
    return key.startswith(stem) and key[len(stem) :].lower() == ".zip"


def make_listing(unit: Unit, found: Iterable[StoredObject]) -> Listing:
    """Sort what S3 listed into data objects and the marker; folder keys are dropped.

    Parameters
    ----------
    unit : Unit
        The unit that was listed.
    found : iterable of StoredObject
        Whatever was found under the unit's folder and at its archive key, in any order.
    """
    marker_key = unit.folder + MARKER_NAME
    by_key = {o.key: o for o in found if not o.key.endswith("/")}
    marker = by_key.pop(marker_key, None)
    return Listing(tuple(by_key[k] for k in sorted(by_key)), marker)
