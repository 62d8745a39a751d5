"""What the services need of the world, as protocols. Adapters implement them; tests use fakes."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from multimodal.features.group import FeatureGroupSpec, FeatureType
from multimodal.features.record import Record


class FeatureRecords(Protocol):
    """Records of feature groups."""

    def put(self, group: str, record: Record) -> None:
        """Write one record."""


class FeatureGroups(Protocol):
    """Feature groups."""

    def definitions(self, group: str) -> Sequence[Mapping[str, Any]] | None:
        """Return a group's feature definitions, or None when there is no such group."""

    def create(self, spec: FeatureGroupSpec) -> None:
        """Create a group and wait until it can be written to."""

    def add(self, group: str, additions: Sequence[tuple[str, FeatureType]]) -> None:
        """Add features to a group and wait until they can be written."""
