"""The kinds of tables that the stack takes."""

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from multimodal.domain.errors import ConfigurationError
from multimodal.domain.table import Definitions, UploadContext


class NoTables:
    """A kind of table that no dataset is configured for."""

    def takes(self, dataset: str) -> bool:
        """Say that no dataset does."""
        return False

    def definitions(self, dataset: str) -> Definitions:
        """Return no features."""
        return {}

    def open(
        self, dataset: str, chunks: Iterable[bytes], upload: UploadContext, previous: Mapping[str, Any] | None
    ) -> NoReturn:
        """Refuse: a table of this kind is never claimed."""
        raise ConfigurationError(f"dataset {dataset!r} is not configured for this kind of table")

    def admit(self, dataset: str) -> None:
        """Do nothing."""
