"""What a build needs of the world beside the services' usual ports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from multimodal.dataset.sql import Table


@dataclass(frozen=True)
class GroupVersion:
    """One feature group as it is now.

    Parameters
    ----------
    arn : str
    created_at : str
        When it was made, as `yyyy-MM-ddTHH:mm:ssZ`: a group that was deleted and made again has another.
    table : Table
        Its table in the Glue catalogue.
    definitions : mapping
        Type of each feature.
    """

    arn: str
    created_at: str
    table: Table
    definitions: Mapping[str, str]


class Catalogue(Protocol):
    """Feature groups as they are."""

    def version(self, group: str) -> GroupVersion | None:
        """Return a group's version, or None when there is no such group."""


class Files(Protocol):
    """Objects of ProcessedBucket as files."""

    def download(self, prefix: str, folder: Path) -> Sequence[Path]:
        """Store every object below a prefix in a folder, as `0.parquet`, `1.parquet` …; return the files."""

    def fetch(self, key: str, path: Path) -> None:
        """Store one object as a file; `RetryableError` when it is not there."""

    def upload(self, path: Path, key: str, media_type: str) -> None:
        """Store a file as an object."""
