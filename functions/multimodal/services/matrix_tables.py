"""Ready expression matrices as a kind of table."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from multimodal.domain.dataset import DatasetConfig
from multimodal.domain.expression_matrix import ExpressionMatrix, matrix_definitions
from multimodal.domain.feature_schema import rna_group
from multimodal.domain.matrix_header import MAX_COLUMNS
from multimodal.domain.rna_record import matrix_assay
from multimodal.domain.table import Definitions, TableReader, UploadContext
from multimodal.domain.table_rows import TableRows
from multimodal.ports import Ledger
from multimodal.services.assays import pin_assay

MAX_ROW = 8_000_000
"""Characters of the longest row: the widest header with names of forty."""
_ROWS, _CHARACTERS = 16, 1_000_000
"""What is read at once."""


class MatrixTables:
    """:class:`multimodal.domain.table.TableKind` of ``expression.csv``.

    Parameters
    ----------
    ledger
        Port; it keeps the assay of each group.
    stack : str
        Stack name, the first part of a group's name.
    datasets : mapping
        Name → configuration, for those datasets that take a matrix.
    """

    def __init__(self, ledger: Ledger, stack: str, datasets: Mapping[str, DatasetConfig]) -> None:
        self._ledger, self._stack, self._datasets = ledger, stack, datasets

    def takes(self, dataset: str) -> bool:
        """Return whether the dataset takes a matrix."""
        return dataset in self._datasets

    def definitions(self, dataset: str) -> Definitions:
        """Return what the panel's features mean."""
        return matrix_definitions(self._stack, self._datasets[dataset])

    def open(
        self, dataset: str, chunks: Iterable[bytes], upload: UploadContext, previous: Mapping[str, Any] | None
    ) -> TableReader:
        """Return the reader of a matrix; it is compared with no earlier one."""
        config = self._datasets[dataset]
        assert config.genomics is not None  # noqa: S101 – it takes a matrix
        panel = frozenset(config.genomics.panel)
        rows = TableRows(chunks, lambda cells: _score(cells, panel), max_columns=MAX_COLUMNS, max_record=MAX_ROW)
        return ExpressionMatrix(config, self._stack, rows.header, _numbered(rows), upload)

    def admit(self, dataset: str) -> None:
        """Refuse a matrix whose assay is not the group's (``ASSAY_MISMATCH``)."""
        config = self._datasets[dataset]
        assert config.genomics is not None and config.genomics.matrix is not None  # noqa: S101, PT018 – it takes one
        pin_assay(self._ledger, rna_group(self._stack, config).name, matrix_assay(config.genomics.matrix))


def _score(cells: Sequence[str], panel: frozenset[str]) -> int:
    """Prefer the delimiter that yields genes of the panel; where none does, the one that makes most cells."""
    return len(panel.intersection(cells)) * MAX_ROW + len(cells)


def _numbered(rows: TableRows) -> Iterator[tuple[int, list[str]]]:
    for first, batch in rows.batches(_ROWS, _CHARACTERS):
        yield from enumerate(batch, start=first)
