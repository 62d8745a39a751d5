"""Records of the RNA group from `run.json` and the gene table beside it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel

from multimodal.features.group import (
    EVENT_TIME,
    EVENT_TIME_SOURCE,
    RECORD_ID,
    UPLOAD_TIME,
    FeatureGroupSpec,
    Record,
    fit,
    uploaded_at,
)
from multimodal.genomics.config import GenomicsConfig, genomics_config
from multimodal.genomics.documents import RunDocument
from multimodal.genomics.expression import gene_ids, panel_values, read_tpm
from multimodal.genomics.gene_sets import set_scores
from multimodal.genomics.groups import ASSAY, pin_assay, rna_group
from multimodal.genomics.keys import manifest_key, transcripts_key
from multimodal.ledger.errors import BadInputError, Reason, RetryableError
from multimodal.ledger.ports import Ports
from multimodal.ledger.unit import LedgerItem


@dataclass(frozen=True)
class RnaRecords:
    """Makes the record of a sequenced case; `stack` is the first part of a group's name."""

    ports: Ports
    stack: str
    document_model: ClassVar[type[BaseModel]] = RunDocument

    def beside(
        self, item: LedgerItem, document: Mapping[str, Any], key: str
    ) -> Sequence[tuple[FeatureGroupSpec, Record]]:
        """Return nothing: a sample has one record."""
        return ()

    def make(self, item: LedgerItem, document: Mapping[str, Any], key: str) -> tuple[FeatureGroupSpec, Record]:
        """Return the RNA group and the case's record: log2(TPM + 1) of the panel, quality, assay and origin.

        The event time is the day that the sample sheet has, where the dataset's file names its column; else when the
        first of the reads arrived, which carry no date of their own.

        Raises
        ------
        BadInputError
            `FEATURES_INVALID` when a value does not fit the group, `GENES_NOT_FOUND` or `ASSAY_MISMATCH`.
        """
        unit, config = item.unit, genomics_config(item.unit.dataset)
        spec, genes_key = rna_group(self.stack, unit.dataset, config), unit.result_key(document["files"]["genes"])
        assay = {name: str(document["assay"][name]) for name in ASSAY}
        values = {
            RECORD_ID: unit.subject,
            **_dated(item, config),
            **self._expression(config, document, genes_key),
            **_quality(document),
            **assay,
            "input_hash": document["provenance"]["input_hash"],
            "rnaseq_job_version": document["provenance"]["rnaseq_job_version"],
            "genes_uri": self.ports.processed.uri(genes_key),
            "source_uri": self.ports.processed.uri(key),
            "correlation_id": unit.correlation_id,
        }
        record = fit(values, spec, "run.json")
        pin_assay(self.ports.ledger, spec.name, assay)
        return spec, record

    def _expression(
        self, config: GenomicsConfig, document: Mapping[str, Any], genes_key: str
    ) -> dict[str, float | int]:
        """Return the features of the panel and of the gene sets."""
        panel, transcripts = config.panel, self._transcripts(document["assay"])
        table = self.ports.processed.lines(genes_key)
        if transcripts is None or table is None:
            raise RetryableError("the gene table or the reference's table of transcripts is not there (yet)")
        ids = gene_ids(config.genes, transcripts)
        # Sets are scored by ranks among all genes; without any, only the panel's are read.
        tpm = read_tpm(table, None if config.gene_sets else {i for gene in ids.values() for i in gene})
        found = panel_values(panel, ids, tpm)
        if not found.values:
            # A record without any value would look like a result.
            message = (
                f"none of the panel's {len(panel)} genes is in the reference {document['assay']['reference']!r}; name "
                "them in the dataset's file as its annotation does, or quantify against another reference, then retry"
            )
            raise BadInputError(Reason.GENES_NOT_FOUND, message, {"panel": len(panel)})
        sums = {gene: sum(tpm[i] for i in own if i in tpm) for gene, own in ids.items() if any(i in tpm for i in own)}
        return found.features() | set_scores(config.gene_sets, sums, list(tpm.values()))

    def _transcripts(self, assay: Mapping[str, Any]) -> Iterable[str] | None:
        manifest = self.ports.processed.read_json(manifest_key(assay["reference"], assay["engine"]))
        if manifest is None:
            return None
        replaced = [name for name in ("genome", "annotation") if manifest.get(name, assay[name]) != assay[name]]
        if replaced:
            # Another annotation's gene ids would not be found in the case's table: each gene would look as if missing.
            message = f"the reference's {' and '.join(replaced)} changed while the case was quantified; retry the case"
            raise BadInputError(Reason.FEATURES_INVALID, message)
        return self.ports.processed.lines(transcripts_key(assay["reference"], manifest))


def _dated(item: LedgerItem, config: GenomicsConfig) -> dict[str, str]:
    if item.event_time and config.date_column:
        return {EVENT_TIME: item.event_time, EVENT_TIME_SOURCE: config.date_column.column}
    return {EVENT_TIME: uploaded_at(item), EVENT_TIME_SOURCE: UPLOAD_TIME}


def _quality(document: Mapping[str, Any]) -> dict[str, Any]:
    library, metrics, quality = document["library"], document["metrics"], document.get("qc") or {}
    return {
        "reads_total": metrics["total_reads"],
        "mapped_percent": metrics["mapped_percent"],
        "library_type": library["detected"] or library["declared"],
        "library_conflict": int(library["conflict"]),
        "compatible_fragment_ratio": library["compatible_fragment_ratio"],
        "reads_without_mate": document["reads"].get("without_mate", 0),
        "read_length_mean": quality.get("read_length", {}).get("mean"),
        "ribosomal_percent": quality.get("ribosomal_percent"),
        "mitochondrial_percent": quality.get("mitochondrial_percent"),
    }
