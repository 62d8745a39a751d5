"""Final results into records, one maker for each modality."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from multimodal.domain.dataset import DatasetConfig
from multimodal.domain.errors import BadInputError, RetryableError
from multimodal.domain.expression import PanelValues, gene_ids, panel_values, read_tpm
from multimodal.domain.feature_group import FeatureGroupSpec
from multimodal.domain.feature_record import Record, build_record
from multimodal.domain.feature_schema import ParameterContract, imaging_group, rna_group
from multimodal.domain.features_document import FeaturesDocument
from multimodal.domain.reasons import Reason
from multimodal.domain.references import manifest_key, transcripts_key
from multimodal.domain.rna_record import assay_of, build_rna_record
from multimodal.domain.run_document import RunDocument
from multimodal.domain.units import LedgerItem, Unit
from multimodal.ports import Ledger, ObjectStore
from multimodal.services.assays import pin_assay


class RecordMaker(Protocol):
    """Makes a unit's record from its final result."""

    def parse(self, text: str | None) -> Mapping[str, Any]:
        """Return the result's document; ``FEATURES_INVALID`` when it is not one."""

    def make(self, item: LedgerItem, document: Mapping[str, Any], key: str) -> tuple[FeatureGroupSpec, Record]:
        """Return the group and the record of the result at ``key``."""


class ImagingRecords:
    """Records of ``features.json``.

    Parameters
    ----------
    processed
        Port.
    stack : str
        Stack name, the first part of a group's name.
    datasets, contracts : callable
        Name → dataset configuration, name → what a parameter file promises.
    """

    def __init__(
        self,
        processed: ObjectStore,
        stack: str,
        datasets: Callable[[str], DatasetConfig],
        contracts: Callable[[str], ParameterContract],
    ) -> None:
        self._processed, self._stack = processed, stack
        self._datasets, self._contracts = datasets, contracts

    def parse(self, text: str | None) -> Mapping[str, Any]:
        """Return the parsed ``features.json``."""
        return FeaturesDocument.parse(text)

    def make(self, item: LedgerItem, document: Mapping[str, Any], key: str) -> tuple[FeatureGroupSpec, Record]:
        """Return the imaging group and the study's record."""
        spec = self._spec_for(item.unit, document)
        return spec, build_record(document, item.unit, spec, self._processed.uri(key), uploaded_at(item))

    def _spec_for(self, unit: Unit, document: Mapping[str, Any]) -> FeatureGroupSpec:
        config = self._datasets(unit.dataset)
        assert config.imaging is not None  # noqa: S101 – units of datasets without imaging are never processed
        contract = self._contracts(config.imaging.params)
        found = document["provenance"]["params_hash"]
        if found != contract.params_hash:
            message = (
                f"the features were computed with other settings than {contract.name} of group version "
                f"{config.imaging.group_version}; deploy the matching image, or raise group_version"
            )
            raise BadInputError(Reason.PARAMS_MISMATCH, message, {"found": found, "expected": contract.params_hash})
        return imaging_group(self._stack, config, contract)


class RnaRecords:
    """Records of ``run.json`` and the gene table beside it.

    Parameters
    ----------
    ledger, processed
        Ports.
    stack : str
        Stack name, the first part of a group's name.
    datasets : callable
        Name → dataset configuration.
    """

    def __init__(
        self, ledger: Ledger, processed: ObjectStore, stack: str, datasets: Callable[[str], DatasetConfig]
    ) -> None:
        self._ledger, self._processed, self._stack, self._datasets = ledger, processed, stack, datasets

    def parse(self, text: str | None) -> Mapping[str, Any]:
        """Return the parsed ``run.json``."""
        return RunDocument.parse(text)

    def make(self, item: LedgerItem, document: Mapping[str, Any], key: str) -> tuple[FeatureGroupSpec, Record]:
        """Return the RNA-seq group and the case's record."""
        unit, config = item.unit, self._datasets(item.unit.dataset)
        spec, genes_key = rna_group(self._stack, config), unit.result_key(document["files"]["genes"])
        panel = self._panel(config, document, genes_key)
        uris = {"genes_uri": self._processed.uri(genes_key), "source_uri": self._processed.uri(key)}
        record = build_rna_record(document, unit, spec, panel, uris, uploaded_at(item))
        pin_assay(self._ledger, spec.name, assay_of(document))
        return spec, record

    def _panel(self, config: DatasetConfig, document: Mapping[str, Any], genes_key: str) -> PanelValues:
        assert config.genomics is not None  # noqa: S101 – cases of datasets without genomics are never processed
        panel, transcripts = config.genomics.panel, self._transcripts(document["assay"])
        table = self._processed.lines(genes_key)
        if transcripts is None or table is None:
            raise RetryableError("the gene table or the reference's table of transcripts is not there (yet)")
        ids = gene_ids(panel, transcripts)
        found = panel_values(panel, ids, read_tpm(table, {i for gene in ids.values() for i in gene}))
        if not found.values:
            # A record without any value would look like a result.
            message = (
                f"none of the panel's {len(panel)} genes is in the reference {document['assay']['reference']!r}; name "
                "them in the dataset's file as its annotation does, or quantify against another reference, then retry"
            )
            raise BadInputError(Reason.GENES_NOT_FOUND, message, {"panel": len(panel)})
        return found

    def _transcripts(self, assay: Mapping[str, Any]) -> Iterable[str] | None:
        manifest = self._processed.read_json(manifest_key(assay["reference"], assay["engine"]))
        if manifest is None:
            return None
        replaced = [name for name in ("genome", "annotation") if manifest.get(name, assay[name]) != assay[name]]
        if replaced:
            # Another annotation's gene ids would not be found in the case's table: each gene would look as if missing.
            message = f"the reference's {' and '.join(replaced)} changed while the case was quantified; retry the case"
            raise BadInputError(Reason.FEATURES_INVALID, message)
        return self._processed.lines(transcripts_key(assay["reference"], manifest))


def uploaded_at(item: LedgerItem) -> str:
    """Return when the unit's first object arrived, as an event time."""
    moment = datetime.fromtimestamp(item.times.get("received_at", 0), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
