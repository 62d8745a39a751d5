"""A ready expression matrix (`expression.csv`) as records of the dataset's RNA group."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import compress
from typing import Any

from multimodal.features.group import EVENT_TIME, EVENT_TIME_SOURCE, RECORD_ID, UPLOAD_TIME, Record, fit
from multimodal.genomics.config import GenomicsConfig
from multimodal.genomics.dates import SampleDates
from multimodal.genomics.expression import PanelValues, panel_values
from multimodal.genomics.groups import gene_feature, matrix_assay, pin_assay, rna_group
from multimodal.genomics.keys import is_case_name
from multimodal.genomics.matrix_format import MAX_COLUMNS, CellError, MatrixHeader, combine_of, read_header, read_values
from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.ports import Ledger
from multimodal.tables.rows import TableRows
from multimodal.tables.table import (
    Definitions,
    RowProblem,
    TableBatch,
    TableReader,
    TableRecord,
    TableVerdict,
    UploadContext,
    refused_part,
)

ROWS_PER_BATCH = 20

WHOLE_TRANSCRIPTOME = 10_000
"""From so many genes on, some gene of some case is expressed strongly."""

STRONG = 25.0
"""As log2(value + 1) nothing is above it; on the linear scale, the strongest of thousands of genes always is."""


class ExpressionMatrix:
    """Reads a matrix once, a row at a time; implements `TableReader`.

    Parameters
    ----------
    dataset, config : str, GenomicsConfig
        Name and genomics section of a dataset that takes a matrix.
    stack : str
        Stack name, the first part of a group's name.
    first_row : sequence of str
        The header.
    rows : iterable of (int, list of str)
        The rows below: their number as a spreadsheet shows it, and their cells.
    upload : UploadContext
        Where the matrix came from.

    Examples
    --------
    >>> reader = ExpressionMatrix("d", config, "stack", header, rows, upload)  # doctest: +SKIP
    >>> [r.record["case_id"] for batch in reader.batches() for r in batch.records]  # doctest: +SKIP
    ['R01-003', 'R01-004']
    """

    def __init__(
        self,
        dataset: str,
        config: GenomicsConfig,
        stack: str,
        first_row: Sequence[str],
        rows: Iterable[tuple[int, Sequence[str]]],
        upload: UploadContext,
    ) -> None:
        self._genomics, self._matrix = config, config.require_matrix()
        self._spec, self._upload = rna_group(stack, dataset, config), upload
        self._first_row, self._rows = first_row, iter(rows)
        self._missing = frozenset({"", *self._matrix.missing})
        self._combine = combine_of(self._matrix)
        today, dated = date.fromisoformat(upload.uploaded_at[:10]), config.date_column
        self._dates = SampleDates(dated, today) if dated else None
        self._counts: Counter[str] = Counter()
        self._highest = 0.0
        self._first_problem: RowProblem | None = None

    @cached_property
    def _header(self) -> MatrixHeader:
        return read_header(self._first_row, self._genomics, (cells for _, cells in self._rows))

    def batches(self) -> Iterator[TableBatch]:
        """Yield the rows as records and problems.

        Raises
        ------
        BadInputError
            When the header is not valid (`read_header`), or there is no row.
        """
        self._header  # noqa: B018 – a header that is not valid ends the reading before the first row
        read: list[TableRecord | RowProblem] = []
        for number, cells in self._rows:
            if any(map(str.strip, cells)):
                read.append(self._read(number, cells))
            if len(read) == ROWS_PER_BATCH:
                yield self._batch(read)
                read = []
        yield self._batch(read)
        if not self._counts["rows"]:
            raise BadInputError(Reason.MATRIX_INVALID, "the matrix has a header and no rows; upload it again")

    def verdict(self, repeated: Iterable[RowProblem] = (), records: Mapping[str, int] | None = None) -> TableVerdict:
        """Return the report, and why the matrix is held: no row accepted, or values that look like logarithms."""
        self._counts["rejected"] += sum(1 for _ in repeated)
        if records is not None:
            self._counts["records"] = sum(records.values())
        hold = self._scale_suspected() or self._no_row_accepted()
        report = json.dumps(self._report(hold), indent=2, ensure_ascii=False)
        return TableVerdict(hold, {"report.json": report}, dict(self._counts))

    def refusal(self, error: BadInputError) -> Mapping[str, str]:
        """Return the report of a matrix that is rejected as a whole."""
        head = {"schema": 1, "kind": "expression_matrix", "group": self._spec.name}
        return {"report.json": json.dumps({**head, "refused": refused_part(error)}, indent=2, ensure_ascii=False)}

    def _no_row_accepted(self) -> tuple[str, str] | None:
        first = self._first_problem
        if self._counts["records"] or first is None:
            return None
        where = f", column {first.column}" if first.column else ""
        message = (
            f"no rows accepted of {self._counts['rows']}; the first (row {first.row}{where}): {first.message}. "
            "rejected.csv names the others; upload the matrix corrected"
        )
        return Reason.MATRIX_INVALID.value, message

    def _scale_suspected(self) -> tuple[str, str] | None:
        genes = len(self._header.genes)
        whole = genes >= WHOLE_TRANSCRIPTOME and self._counts["records"] > 0
        if not whole or self._matrix.scale != "linear" or self._highest > STRONG:
            return None
        message = (
            f"no value of {genes} genes is above {STRONG:g}, so the cells look like logarithms; set "
            "genomics.matrix.scale: log2_plus_1, raise group_version, deploy, then retry"
        )
        return Reason.SCALE_SUSPECTED.value, message

    def _batch(self, read: Sequence[TableRecord | RowProblem]) -> TableBatch:
        records = [r for r in read if isinstance(r, TableRecord)]
        problems = [r for r in read if isinstance(r, RowProblem)]
        self._first_problem = self._first_problem or next(iter(problems), None)
        self._counts.update(rows=len(read), records=len(records), rejected=len(problems))
        return TableBatch(len(read), records, problems)

    def _read(self, number: int, cells: Sequence[str]) -> TableRecord | RowProblem:
        header = self._header
        if len(cells) != header.width:
            return _wrong_length(number, len(cells), header.width)
        case = cells[header.id_at].strip()
        if not is_case_name(case):
            message = "a case's name must be letters, digits, - and _, at most 41, and begin with a letter or digit"
            return RowProblem(number, None, header.id_name, "CASE_NAME_INVALID", message)
        try:
            values = read_values(list(compress(cells, header.is_gene)), self._matrix, self._missing)
        except CellError as error:
            column = "" if error.at is None else header.genes[error.at]
            return RowProblem(number, case, column, error.code, error.message)
        try:
            dated = self._dated(cells)
        except ValueError as error:
            column = "" if header.date_at is None else self._first_row[header.date_at]
            return RowProblem(number, case, column, "DATE_INVALID", str(error))
        panel = self._panel(values)
        if not panel.values:
            return RowProblem(number, case, "", "NO_VALUES", "none of the panel's genes has a value in this row")
        self._highest = max(self._highest, max(v for v in values if v is not None))
        return TableRecord(self._spec.name, self._record(case, dated, panel, values), number)

    def _dated(self, cells: Sequence[str]) -> Record:
        """Return the event time and where it comes from; `ValueError` for a cell that is no day up to the upload's."""
        at, dates = self._header.date_at, self._dates
        day = dates.of(cells[at]) if dates is not None and at is not None else None
        if day is None or dates is None:
            return {EVENT_TIME: self._upload.uploaded_at, EVENT_TIME_SOURCE: UPLOAD_TIME}
        return {EVENT_TIME: day, EVENT_TIME_SOURCE: dates.rule.column}

    def _panel(self, values: Sequence[float | None]) -> PanelValues:
        columns_of = self._header.columns_of
        fill = 0.0 if self._matrix.when_missing == "zero" else None
        read = {at: values[at] if values[at] is not None else fill for ats in columns_of.values() for at in ats}
        # The sum of several columns is not known when one of them is not.
        whole = [ats for ats in columns_of.values() if all(read[at] is not None for at in ats)]
        present = {at: value for ats in whole for at in ats if (value := read[at]) is not None}
        unit = self._genomics.unit
        return panel_values(self._genomics.panel, columns_of, present, lambda g: gene_feature(g, unit), self._combine)

    def _record(self, case: str, dated: Record, panel: PanelValues, values: Sequence[float | None]) -> Record:
        without = values.count(None)
        content = {
            RECORD_ID: case,
            **dated,
            **panel.features(),
            "genes_measured": len(values) - without,
            "genes_detected": len(values) - without - values.count(0.0),
            "genes_without_value": without,
            **matrix_assay(self._matrix),
            "source_uri": self._upload.source_uri,
            "upload_id": self._upload.upload_id,
            "correlation_id": self._upload.correlation_id,
        }
        return fit(content, self._spec, "expression.csv")

    def _report(self, hold: tuple[str, str] | None) -> Mapping[str, Any]:
        header = self._header
        return {
            "schema": 1,
            "kind": "expression_matrix",
            "group": self._spec.name,
            "assay": matrix_assay(self._matrix),
            "scale": self._matrix.scale,
            "held": None if hold is None else {"reason_code": hold[0], "message": hold[1]},
            "counts": dict(self._counts),
            "genes": {
                "columns": len(header.genes),
                "panel": len(self._genomics.panel),
                "panel_missing": list(header.missing),
                "panel_ambiguous": list(header.ambiguous),
                "symbols_of_several_columns": header.repeated,
                "renamed_repeats": list(header.renamed),
                "made_dates_by_a_spreadsheet": list(header.dates),
            },
        }


def _wrong_length(number: int, found: int, expected: int) -> RowProblem:
    hint = "; does the header lack the name of the first column?" if found == expected + 1 else ""
    message = f"the row has {found} cells, the header {expected}{hint}"
    return RowProblem(number, None, "", "ROW_LENGTH", message)


MAX_ROW = 8_000_000
"""Characters of the longest row: the widest header with names of forty."""

_ROWS, _CHARACTERS = 16, 1_000_000
"""What is read at once."""


@dataclass(frozen=True)
class MatrixTables:
    """`TableKind` of `expression.csv`."""

    ledger: Ledger
    """Keeps the assay of each group."""
    stack: str
    """Stack name, the first part of a group's name."""
    datasets: Mapping[str, GenomicsConfig]
    """Name → configuration, for those datasets that take a matrix."""

    def takes(self, dataset: str) -> bool:
        """Return whether the dataset takes a matrix."""
        return dataset in self.datasets

    def definitions(self, dataset: str) -> Definitions:
        """Return what the panel's features mean; the unit is in their names, the assay is kept beside the group."""
        config = self.datasets[dataset]
        matrix = config.require_matrix()
        meaning = {"scale": matrix.scale, "when_missing": matrix.when_missing}
        genes = {
            gene_feature(gene, config.unit): json.dumps({"gene": matrix.key_of(gene), **meaning}, sort_keys=True)
            for gene in config.panel
        }
        return {rna_group(self.stack, dataset, config).name: genes}

    def open(
        self, dataset: str, chunks: Iterable[bytes], upload: UploadContext, previous: Mapping[str, Any] | None
    ) -> TableReader:
        """Return the reader of a matrix; it is compared with no earlier one."""
        config = self.datasets[dataset]
        panel = frozenset(config.panel)
        rows = TableRows(chunks, lambda cells: _score(cells, panel), max_columns=MAX_COLUMNS, max_record=MAX_ROW)
        return ExpressionMatrix(dataset, config, self.stack, rows.header, _numbered(rows), upload)

    def admit(self, dataset: str) -> None:
        """Reject a matrix whose assay is not the group's (`ASSAY_MISMATCH`)."""
        config = self.datasets[dataset]
        pin_assay(self.ledger, rna_group(self.stack, dataset, config).name, matrix_assay(config.require_matrix()))


def _score(cells: Sequence[str], panel: frozenset[str]) -> int:
    """Prefer the delimiter that yields genes of the panel; where none does, the one that makes most cells."""
    return len(panel.intersection(cells)) * MAX_ROW + len(cells)


def _numbered(rows: TableRows) -> Iterator[tuple[int, list[str]]]:
    for first, batch in rows.batches(_ROWS, _CHARACTERS):
        yield from enumerate(batch, start=first)
