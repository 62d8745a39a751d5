"""A ready expression matrix as records of the dataset's RNA group."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from multimodal.features.group import EVENT_TIME, EVENT_TIME_SOURCE, RECORD_ID, UPLOAD_TIME, Record, fit
from multimodal.genomics.config import GenomicsConfig
from multimodal.genomics.dates import SampleDates
from multimodal.genomics.expression import PanelValues, panel_values
from multimodal.genomics.gene_sets import set_feature, set_scores
from multimodal.genomics.groups import gene_feature, matrix_assay, pin_assay, rna_group
from multimodal.genomics.matrix_cases import CaseValues, MatrixCases
from multimodal.genomics.matrix_content import Preamble, plain_bytes
from multimodal.genomics.matrix_format import MAX_COLUMNS, NEGATIVE, PER_MILLION, combine_of
from multimodal.genomics.matrix_names import TX2GENE, is_quantification, path_below_dataset
from multimodal.genomics.matrix_scale import ScaleEvidence
from multimodal.genomics.matrix_source import check_width, matrix_cases
from multimodal.genomics.quantification import Genes, read_tx2gene
from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.ports import Ledger, ObjectStore
from multimodal.ledger.text import listed
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

_NEARLY_ALL = 0.9e6
"""A program's TPM of all genes add up to a million; less than this is a part of them."""

_LONGEST_LIST = 120
"""Characters of the names of genes in a warning."""


class ExpressionMatrix:
    """Reads a matrix once, whichever way round it lies, in bounded memory; implements `TableReader`.

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
    genes : callable
        Returns what `tx2gene.tsv` of the dataset says of transcripts.
    about_genes : int
        Columns behind the first that a GCT's sizes say describe the gene.

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
        genes: Callable[[], Genes] = dict,
        about_genes: int = 0,
    ) -> None:
        self._genomics, self._matrix = config, config.require_matrix()
        self._spec, self._upload = rna_group(stack, dataset, config), upload
        self._first_row, self._rows, self._transcripts, self._about_genes = first_row, rows, genes, about_genes
        self._cases: MatrixCases | None = None
        self._combine = combine_of(self._matrix)
        today, dated = date.fromisoformat(upload.uploaded_at[:10]), config.date_column
        self._dates = SampleDates(dated, today) if dated else None
        self._counts: Counter[str] = Counter()
        self._scale = ScaleEvidence(self._matrix)
        self._first_problem: RowProblem | None = None
        self._part: float | None = None
        """What the values of a program's file add up to, if that is far below what the program writes."""

    def batches(self) -> Iterator[TableBatch]:
        """Yield the cases as records and problems.

        Raises
        ------
        BadInputError
            When the matrix is not valid (`matrix_cases`), or there is no case.
        """
        path = path_below_dataset(self._upload.source_uri)
        self._cases = matrix_cases(
            self._first_row, self._rows, self._genomics, path, self._transcripts, self._about_genes
        )
        read: list[TableRecord | RowProblem] = []
        for case in self._cases.cases():
            if isinstance(case, CaseValues) and self._is_part(path, case.total):
                self._part = case.total
            read.append(case if isinstance(case, RowProblem) else self._read(case))
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
        suspicion = self._scale.suspicion(self._cases.genes.count if self._cases else 0)
        hold = (Reason.SCALE_SUSPECTED.value, suspicion) if suspicion else self._no_row_accepted()
        report = json.dumps(self._report(hold), indent=2, ensure_ascii=False)
        return TableVerdict(hold, {"report.json": report}, dict(self._counts), tuple(self._warnings()))

    def _warnings(self) -> Iterator[str]:
        """Say which genes of the panel the matrix lacks, whose features are empty, or has under other names."""
        panel, genes = self._genomics.panel, self._cases and self._cases.genes
        missing = [gene for gene in genes.missing if gene in panel] if genes else []
        if genes and missing:
            named = listed(missing, _LONGEST_LIST)
            dates = f" {len(genes.dates)} names are dates, as spreadsheets make of genes." if genes.dates else ""
            yield f"{len(missing)} of the panel's {len(panel)} genes are not in the matrix: {named}.{dates}"
        if genes and genes.renamed:
            named = listed(genes.renamed, _LONGEST_LIST)
            yield f"Numbered names may be more of genes of the panel, and are not added up: {named}."
        if self._part is not None:
            total = f"{self._part:,.0f}"
            yield f"The values add up to {total}, not to a million: the file is cut short, or genes were left out."

    def _is_part(self, path: str, total: float) -> bool:
        is_whole = is_quantification(path.rpartition("/")[2]) and self._matrix.unit in PER_MILLION
        return is_whole and self._matrix.scale == "linear" and total < _NEARLY_ALL

    def refusal(self, error: BadInputError) -> Mapping[str, str]:
        """Return the report of a matrix that is rejected as a whole."""
        head = {"schema": 1, "kind": "expression_matrix", "group": self._spec.name}
        return {"report.json": json.dumps({**head, "refused": refused_part(error)}, indent=2, ensure_ascii=False)}

    def _no_row_accepted(self) -> tuple[str, str] | None:
        first = self._first_problem
        if self._counts["records"] or first is None:
            return None
        where = f", {first.column}" if first.column else ""
        place = "row" if self._cases and self._cases.genes.orientation == "cases" else "column"
        message = (
            f"no cases accepted of {self._counts['rows']}; the first ({place} {first.row}{where}): {first.message}. "
            "rejected.csv names the others; upload the matrix corrected"
        )
        return Reason.MATRIX_INVALID.value, message

    def _batch(self, read: Sequence[TableRecord | RowProblem]) -> TableBatch:
        records = [r for r in read if isinstance(r, TableRecord)]
        problems = [r for r in read if isinstance(r, RowProblem)]
        self._first_problem = self._first_problem or next(iter(problems), None)
        self._scale.negative += sum(problem.code == NEGATIVE for problem in problems)
        self._counts.update(rows=len(read), records=len(records), rejected=len(problems))
        return TableBatch(len(read), records, problems)

    def _read(self, case: CaseValues) -> TableRecord | RowProblem:
        panel = self._panel(case)
        if not panel.values:
            message = "none of the panel's genes has a value for the case"
            return RowProblem(case.place, case.case, "", "NO_VALUES", message)
        try:
            dated = self._dated(case)
        except ValueError as error:
            column = self._dates.rule.column if self._dates else ""
            return RowProblem(case.place, case.case, column, "DATE_INVALID", str(error))
        self._scale.add(case)
        return TableRecord(self._spec.name, self._record(case, dated, panel), case.place)

    def _scores(self, case: CaseValues) -> dict[str, float]:
        """Return the scores of the dataset's gene sets."""
        as_zero = self._matrix.when_missing == "zero"
        filled = {g: [0.0 if v is None and as_zero else v for v in values] for g, values in case.panel.items()}
        known = {
            g: [v for v in values if v is not None] for g, values in filled.items() if values and None not in values
        }
        values = {g: v[0] if len(v) == 1 else self._sum(v) for g, v in known.items()}
        measured = [*case.measured, *([0.0] * case.without if as_zero else ())]
        return set_scores(self._genomics.gene_sets, values, measured)

    def _sum(self, values: Sequence[float]) -> float:
        return sum(values) if self._matrix.scale == "linear" else self._combine(values)

    def _dated(self, case: CaseValues) -> Record:
        """Return the event time and where it comes from; `ValueError` for a cell that is no day up to the upload's."""
        day = self._dates.of(case.date) if self._dates else None
        if day is None or self._dates is None:
            return {EVENT_TIME: self._upload.uploaded_at, EVENT_TIME_SOURCE: UPLOAD_TIME}
        return {EVENT_TIME: day, EVENT_TIME_SOURCE: self._dates.rule.column}

    def _panel(self, case: CaseValues) -> PanelValues:
        fill = 0.0 if self._matrix.when_missing == "zero" else None
        filled = {gene: [fill if v is None else v for v in values] for gene, values in case.panel.items()}
        ids = {gene: [(gene, at) for at in range(len(values))] for gene, values in filled.items()}
        # The sum of several genes of one symbol is not known when one of them is not.
        whole = {gene: values for gene, values in filled.items() if None not in values}
        present = {(gene, at): v for gene, values in whole.items() for at, v in enumerate(values) if v is not None}
        unit = self._genomics.unit
        return panel_values(self._genomics.panel, ids, present, lambda g: gene_feature(g, unit), self._combine)

    def _record(self, case: CaseValues, dated: Record, panel: PanelValues) -> Record:
        content = {
            RECORD_ID: case.case,
            **dated,
            **panel.features(),
            **(self._scores(case) if self._genomics.gene_sets else {}),
            "genes_measured": case.genes - case.without,
            "genes_detected": case.genes - case.without - case.zeros,
            "genes_without_value": case.without,
            **matrix_assay(self._matrix),
            "source_uri": self._upload.source_uri,
            "upload_id": self._upload.upload_id,
            "correlation_id": self._upload.correlation_id,
        }
        return fit(content, self._spec, "the matrix")

    def _report(self, hold: tuple[str, str] | None) -> Mapping[str, Any]:
        genes = self._cases.genes if self._cases else None
        return {
            "schema": 1,
            "kind": "expression_matrix",
            "group": self._spec.name,
            "assay": matrix_assay(self._matrix),
            "scale": self._matrix.scale,
            "looks_like_logarithms": self._scale.looks_logarithmic,
            "held": None if hold is None else {"reason_code": hold[0], "message": hold[1]},
            "counts": dict(self._counts),
            "rows_are": genes and genes.orientation,
            "columns_left_out": list(genes.left_out) if genes else [],
            "genes": genes
            and {
                "columns": genes.count,
                "panel": len(self._genomics.panel),
                "panel_missing": [gene for gene in genes.missing if gene in self._genomics.panel],
                "panel_ambiguous": [gene for gene in genes.ambiguous if gene in self._genomics.panel],
                "symbols_of_several_columns": genes.repeated,
                "renamed_repeats": list(genes.renamed),
                "made_dates_by_a_spreadsheet": list(genes.dates),
            },
        }


MAX_ROW = 8_000_000
"""Characters of the longest row: the widest header with names of forty."""

_ROWS, _CHARACTERS = 16, 1_000_000
"""What is read at once."""


@dataclass(frozen=True)
class MatrixTables:
    """`TableKind` of ready matrices and quantifications."""

    ledger: Ledger
    """Keeps the assay of each group."""
    stack: str
    """Stack name, the first part of a group's name."""
    datasets: Mapping[str, GenomicsConfig]
    """Name → configuration, for those datasets that take a matrix."""
    raw: ObjectStore | None = None
    """Uploads, where `tx2gene.tsv` of a dataset may lie."""

    def definitions(self, dataset: str) -> Definitions:
        """Return what the panel's features mean; the unit is in their names, the assay is kept beside the group."""
        config = self.datasets[dataset]
        matrix = config.require_matrix()
        meaning = {"scale": matrix.scale, "when_missing": matrix.when_missing}
        genes = {
            gene_feature(gene, config.unit): json.dumps({"gene": matrix.key_of(gene), **meaning}, sort_keys=True)
            for gene in config.panel
        }
        sets = {set_feature(n): json.dumps({"genes": sorted(g)}) for n, g in config.gene_sets.items()}
        return {rna_group(self.stack, dataset, config).name: genes | sets}

    def open(
        self, dataset: str, chunks: Iterable[bytes], upload: UploadContext, previous: Mapping[str, Any] | None
    ) -> TableReader:
        """Return the reader of a matrix; it is compared with no earlier one."""
        config = self.datasets[dataset]
        preamble = Preamble()
        chunks = preamble.without(plain_bytes(chunks))
        rows = TableRows(chunks, lambda cells: _score(cells, config), max_columns=MAX_COLUMNS, max_record=MAX_ROW)
        check_width(rows.header)
        return ExpressionMatrix(
            dataset,
            config,
            self.stack,
            rows.header,
            _numbered(rows),
            upload,
            lambda: self._genes_of(dataset),
            preamble.about_genes,
        )

    def _genes_of(self, dataset: str) -> Genes:
        """Return what the dataset's `tx2gene.tsv` says, nothing when there is none."""
        lines = self.raw.lines(f"genomics/{dataset}/{TX2GENE}") if self.raw else None
        return read_tx2gene(lines or ())

    def admit(self, dataset: str) -> None:
        """Reject a matrix whose assay is not the group's (`ASSAY_MISMATCH`)."""
        config = self.datasets[dataset]
        pin_assay(self.ledger, rna_group(self.stack, dataset, config).name, matrix_assay(config.require_matrix()))


def _score(cells: Sequence[str], config: GenomicsConfig) -> int:
    """Prefer the delimiter that yields genes of the panel; where none does, the one that makes most cells."""
    key_of = config.require_matrix().key_of
    wanted = {*map(key_of, config.genes)}
    return len(wanted.intersection(cells) or wanted.intersection(map(key_of, cells))) * MAX_ROW or len(cells)


def _numbered(rows: TableRows) -> Iterator[tuple[int, list[str]]]:
    for first, batch in rows.batches(_ROWS, _CHARACTERS):
        yield from enumerate(batch, start=first)
