"""A clinical table from its bytes to records, problems and reports."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from multimodal.clinical.case_rows import RowChoice, row_spool
from multimodal.clinical.config import ClinicalConfig, SeveralRows
from multimodal.clinical.encoder import Encoded, Encoder, collector_paused
from multimodal.clinical.phi import IdentifierGate
from multimodal.clinical.records import definitions
from multimodal.clinical.report.build import Counts, ProblemTally, Upload, build_refusal_report, build_report
from multimodal.clinical.report.leakage import leakage_hold
from multimodal.clinical.report.page import render_html
from multimodal.clinical.report.profile import Profile
from multimodal.clinical.rows import MAX_COLUMNS, known_names, match_header
from multimodal.ledger.errors import BadInputError, Reason
from multimodal.tables.rows import TableRows
from multimodal.tables.table import PROFILE_NAME, Definitions, RowProblem, TableBatch, TableVerdict, UploadContext

BATCH_ROWS, BATCH_CHARACTERS = 1_000, 2_000_000
"""A batch ends with either; it is what is held of a table at a time."""


class ClinicalTable:
    """Reads a clinical table once; implements `TableReader`.

    `chunks` are the table's content, `previous` the `profile.json` of the last upload that was taken.

    Examples
    --------
    >>> reader = ClinicalTable(config, "stack", "lung", chunks, upload)     # doctest: +SKIP
    >>> for batch in reader.batches(): write(batch.records)                 # doctest: +SKIP
    >>> reader.verdict().hold                                               # doctest: +SKIP
    """

    def __init__(
        self,
        config: ClinicalConfig,
        stack: str,
        dataset: str,
        chunks: Iterable[bytes],
        upload: UploadContext,
        previous: Mapping[str, Any] | None = None,
    ) -> None:
        self._config, self._stack, self._dataset = config, stack, dataset
        self._chunks, self._upload, self._previous = chunks, upload, previous
        self._profile, self._problems = Profile(config), ProblemTally()
        self._counts: Counter[str] = Counter()
        self._records: Counter[str] = Counter()
        self._source = Upload(dataset, upload.source_uri, upload.upload_id, upload.uploaded_at)

    def batches(self) -> Iterator[TableBatch]:
        """Yield the rows as records and problems.

        Raises
        ------
        BadInputError
            When the file is no such table (`multimodal.tables.rows`), its header is not the dataset's
            (`match_header`), it has no row, or cells could identify a person.
        """
        names, gate = known_names(self._config), IdentifierGate()
        with collector_paused():
            rows = TableRows(self._chunks, lambda header: sum(map(names.__contains__, header)), max_columns=MAX_COLUMNS)
            positions = match_header(rows.header, names, self._config)
            self._leave_out(positions)
            encoder = Encoder(self._config, self._stack, self._dataset, self._upload, positions, gate)
            yield from self._encoded(encoder, rows, positions)
        gate.check()
        if not self._counts["rows"]:
            raise BadInputError(Reason.TABLE_EMPTY, "the table has a header and no rows; upload it again")
        self._source = replace(self._source, encoding=rows.encoding, delimiter=rows.delimiter)

    def _leave_out(self, positions: Mapping[str, int]) -> None:
        """Leave out the columns that the table lacks and nothing needs."""
        used = self._config.without_unused(positions)
        if used is not self._config:
            self._config, self._profile = used, Profile(used)

    def _encoded(self, encoder: Encoder, rows: TableRows, positions: Mapping[str, int]) -> Iterator[TableBatch]:
        numbered = ((range(f, f + len(b)), b) for f, b in rows.batches(BATCH_ROWS, BATCH_CHARACTERS, encoder.stripped))
        if self._config.several_rows is None:
            for numbers, batch in numbered:
                yield self._counted(encoder.encode(numbers, batch))
        else:
            yield from self._one_row_a_case(encoder, numbered, positions, self._config.several_rows)

    def _one_row_a_case(
        self,
        encoder: Encoder,
        numbered: Iterable[tuple[Sequence[int], Sequence[Sequence[str]]]],
        positions: Mapping[str, int],
        rule: SeveralRows,
    ) -> Iterator[TableBatch]:
        with row_spool() as spool:
            for numbers, batch in numbered:
                left_out, kept = encoder.survey(numbers, batch)
                spool.add(kept)
                yield self._counted(left_out)
            cases, choice = spool.cases(), RowChoice(self._config, rule, positions)
            while several := list(islice(cases, BATCH_ROWS)):
                chosen = [(choice.of(rows), rows) for rows in several]
                whole = [row for row, _ in chosen if row is not None]
                yield self._counted(encoder.encode([r.number for r in whole], [r.cells for r in whole]))
                wrong = [p for row, rows in chosen if row is None for p in choice.problems(rows)]
                self._counts["combined"] += sum(len(rows) - 1 for row, rows in chosen if row is not None)
                yield self._counted(Encoded(len(wrong), problems=wrong, rejected=len(wrong)))

    def _counted(self, encoded: Encoded) -> TableBatch:
        self._counts.update(rows=encoded.rows, rejected=encoded.rejected, dropped=encoded.dropped)
        self._records.update(encoded.by_group)
        for problem in encoded.problems:
            self._problems.add(problem)
        if encoded.profiled is not None:
            self._profile.add(encoded.profiled)
        return TableBatch(encoded.rows, encoded.records, encoded.problems)

    def verdict(self, repeated: Iterable[RowProblem] = (), records: Mapping[str, int] | None = None) -> TableVerdict:
        """Return the reports, and whether the table must be looked at before anything of it is written."""
        before = self._problems.counts.total()
        for problem in repeated:
            self._problems.add(problem)
        again = self._problems.counts.total() - before
        self._counts["rejected"] += again
        if records is not None:
            self._records = Counter(records)
        summary = self._profile.finish()
        counts = Counts(
            self._counts["rows"],
            self._counts["rejected"],
            self._counts["dropped"],
            dict(self._records),
            again,
            self._counts["combined"],
        )
        report = build_report(self._config, self._source, summary, counts, self._problems, self._previous)
        reports = {**_reports(report), PROFILE_NAME: _json(summary.document(self._upload.upload_id))}
        numbers = {name: self._counts[name] for name in ("rows", "rejected", "dropped")}
        return TableVerdict(leakage_hold(report, self._config), reports, {**numbers, "records": self._records.total()})

    def refusal(self, error: BadInputError) -> Mapping[str, str]:
        """Return the reports of a table that `batches` refused."""
        return _reports(build_refusal_report(self._source, error.reason_code, error.message, error.details))


def _reports(report: Mapping[str, Any]) -> dict[str, str]:
    return {"report.json": _json(report), "report.html": render_html(report)}


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True)
class ClinicalTables:
    """`TableKind` of clinical tables: of a stack's datasets, each with the clinical section of its file."""

    stack: str
    configs: Mapping[str, ClinicalConfig]

    def definitions(self, dataset: str) -> Definitions:
        """Return what the features of the dataset's groups mean."""
        return definitions(self.stack, dataset, self.configs[dataset])

    def open(
        self, dataset: str, chunks: Iterable[bytes], upload: UploadContext, previous: Mapping[str, Any] | None
    ) -> ClinicalTable:
        """Return the reader of a table."""
        return ClinicalTable(self.configs[dataset], self.stack, dataset, chunks, upload, previous)

    def admit(self, dataset: str) -> None:
        """Do nothing: the groups' definitions say all."""
