"""What was found of a subject: what of it is removed, what is written anew without it, and what is only named."""

from collections.abc import Callable
from dataclasses import dataclass

from cli.removal.objects import Version


@dataclass(frozen=True)
class Finding:
    """Objects that name the subject.

    Parameters
    ----------
    what : str
        What they are, as the operator reads it.
    remove : tuple of Version
        Versions that are removed.
    rewrite : Version, optional
        A latest version that holds other patients too.
    without : callable, optional
        Text of `rewrite` → the same without the subject.
    is_table : bool
        `rewrite` is an upload: it is written anew only when the operator asks for it.
    is_of_all : bool
        It holds every case, so it is no sign that the subject exists.
    """

    what: str
    remove: tuple[Version, ...] = ()
    rewrite: Version | None = None
    without: Callable[[bytes], bytes] | None = None
    is_table: bool = False
    is_of_all: bool = False

    @property
    def places(self) -> list[str]:
        """Addresses of the objects, without their versions, sorted."""
        versions = [*self.remove, *([self.rewrite] if self.rewrite else [])]
        return sorted({f"s3://{version.bucket}/{version.key}" for version in versions})


@dataclass(frozen=True)
class StoredRows:
    """Rows of a subject in a feature group's offline store.

    Parameters
    ----------
    group : str
        Name of the feature group.
    rows, live : int
        Rows that name the subject; 1 when the newest of them is no mark of a deletion, else 0.
    is_iceberg : bool
        Whether they can be erased.
    """

    group: str
    rows: int
    live: int
    is_iceberg: bool
