"""Reads a cohort: what the ledger says of a dataset's units, and the documents of those that were measured."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from multimodal.ledger.errors import BadInputError
from multimodal.ledger.ports import ParallelMap, StoredObject
from multimodal.ledger.unit import Modality, Status, Unit
from multimodal.observability import logger
from multimodal.report.cohort import Cohort, Document, Model, Upload
from multimodal.tables.state import DatasetState, StateEntry

LedgerRow = Mapping[str, Any]
"""Attributes of a ledger item (docs/reference/ledger.md)."""


ENDS = ("completed_at", "quarantined_at", "failed_at")
"""Times of the ledger at which an upload ended."""


class Documents(Protocol):
    """What a report reads of ProcessedBucket; a part of `multimodal.ledger.ports.ObjectStore`."""

    def objects_under(self, prefix: str) -> Iterable[StoredObject]:
        """Yield the objects whose keys start with `prefix`."""

    def read_json(self, key: str) -> Any | None:  # noqa: ANN401 – any JSON
        """Return a parsed object, or None when there is none."""

    def lines(self, key: str) -> Iterable[str] | None:
        """Return the lines of an object, decompressed, or None when there is none."""


@dataclass(frozen=True)
class CohortReader:
    """Reads cohorts from the processed bucket."""

    processed: Documents
    parallel_map: ParallelMap = map

    def read(self, dataset: str, rows: Iterable[LedgerRow]) -> Cohort:
        """Return the cohort of a dataset.

        Parameters
        ----------
        rows : iterable of mapping
            The ledger's items; those of other datasets and those that are no unit are left out.
        """
        rows = [row for row in rows if row.get("dataset") == dataset]
        own = [upload for row in rows if (upload := _upload(row, dataset))]
        uploads = sorted(self.parallel_map(self._with_documents, own), key=lambda upload: upload.name)
        return Cohort(
            dataset,
            studies=[u for u in uploads if u.unit.modality == Modality.IMAGING],
            samples=[u for u in uploads if _is_sample(u.unit)],
            tables=[u for u in uploads if u.unit.is_table],
            rows=self._rows(dataset),
            models=self.models(dataset),
            # A note without a reason is of something that went well: a sample sheet, a manifest that was corrected.
            notes=[row for row in rows if _is_note(row) and row.get("reason_code")],
            ended_at=max((int(row.get(name) or 0) for row in rows for name in ENDS), default=0),
        )

    def _with_documents(self, upload: Upload) -> Upload:
        unit = upload.unit
        if upload.status is Status.QUARANTINED and not unit.is_table:
            found = self._document(unit, "rejection.json")  # an earlier upload's may lie there
            return replace(upload, rejection=found) if found.get("reason_code") == upload.reason else upload
        if unit.is_table or not upload.is_measured:
            return upload
        result = self._document(unit, unit.result_name)
        quality = self._document(unit, "qc.json") if unit.modality == Modality.IMAGING else {}
        return replace(upload, result=result, quality=quality)

    def _document(self, unit: Unit, name: str) -> Document:
        """Return a result's document; one that is damaged is logged and left out, so that the others are shown."""
        try:
            found = self.processed.read_json(unit.result_key(name))
        except (ValueError, BadInputError):  # no JSON, or larger than any document is
            found = None
            logger().warning("document left out of the report", correlation_id=unit.correlation_id, document=name)
        return found if isinstance(found, dict) else {}

    def _rows(self, dataset: str) -> dict[str, frozenset[str]]:
        """Return the cases that the feature groups hold of tables."""
        cases: dict[str, set[str]] = {}
        for folder in (f"clinical/{dataset}/", f"genomics/{dataset}/-expression/"):
            state = DatasetState.from_document(self.processed.read_json(f"{folder}_state/state.json"))
            for line in (self.processed.lines(state.records) if state.records else None) or ():
                entry = StateEntry.from_line(line)
                cases.setdefault(_content(entry.group, dataset), set()).add(entry.case_id)
        return {group: frozenset(found) for group, found in cases.items()}

    def models(self, dataset: str) -> list[Model]:
        """Return comparisons of survival models, the newest last."""
        prefix, end = f"models/{dataset}/", "/report.html"
        keys = [stored.key for stored in self.processed.objects_under(prefix) if stored.key.endswith(end)]
        models = [Model(key.removeprefix(prefix).removesuffix(end), key) for key in keys]
        return sorted(models, key=lambda model: model.name.rpartition("/")[2])


def _is_sample(unit: Unit) -> bool:
    """Tell reads of a case from a sample sheet and a list of accessions, whose names begin with a hyphen."""
    return unit.modality == Modality.GENOMICS and not unit.subject.startswith("-")


def _content(group: str, dataset: str) -> str:
    """Return what a feature group `<stack>-<dataset>-<content>-v<version>` holds."""
    return group.partition(f"-{dataset}-")[2].rpartition("-v")[0] or group


def _is_note(row: LedgerRow) -> bool:
    return row.get("kind") == "note"


def _upload(row: LedgerRow, dataset: str) -> Upload | None:
    if _is_note(row):
        return None
    unit = Unit(dataset, str(row["subject"]), str(row.get("study") or ""), str(row["modality"]))
    return Upload(
        unit,
        Status(row["status"]),
        reason=str(row.get("reason_code") or ""),
        message=str(row.get("reason_message") or ""),
        started=bool(row.get("attempt")) or "processing_at" in row,
        content_version=str(row.get("content_version") or ""),
        counts={name: int(n) for name, n in (row.get("counts") or {}).items()},
        noted=tuple(map(str, row.get("warnings") or ())),
    )
