"""Clinical tables as a kind of table."""

from collections.abc import Iterable, Mapping
from typing import Any

from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.schema import definitions
from multimodal.clinical.table import ClinicalTable
from multimodal.tables.table import Definitions, UploadContext


class ClinicalTables:
    """:class:`multimodal.tables.table.TableKind` of clinical tables.

    Parameters
    ----------
    stack : str
        Stack name, the first part of a group's name.
    configs : mapping
        Dataset → clinical part of its file.
    """

    def __init__(self, stack: str, configs: Mapping[str, ClinicalConfig]) -> None:
        self._stack, self._configs = stack, configs

    def takes(self, dataset: str) -> bool:
        """Return whether the dataset has a clinical part."""
        return dataset in self._configs

    def definitions(self, dataset: str) -> Definitions:
        """Return what the features of the dataset's groups mean."""
        return definitions(self._stack, dataset, self._configs[dataset])

    def open(
        self, dataset: str, chunks: Iterable[bytes], upload: UploadContext, previous: Mapping[str, Any] | None
    ) -> ClinicalTable:
        """Return the reader of a table."""
        return ClinicalTable(self._configs[dataset], self._stack, dataset, chunks, upload, previous)

    def admit(self, dataset: str) -> None:
        """Do nothing: the groups' definitions say all."""
