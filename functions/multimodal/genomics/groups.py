"""The RNA feature group of a dataset, and the one assay whose values it holds."""

from collections.abc import Mapping

from multimodal.features.group import (
    EVENT_TIME,
    EVENT_TIME_SOURCE,
    RECORD_ID,
    FeatureGroupSpec,
    FeatureType,
    check_group,
    of_type,
)
from multimodal.genomics.config import ExpressionUnit, GenomicsConfig, MatrixConfig
from multimodal.genomics.gene_sets import set_feature
from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.ports import Ledger

_LEADING = of_type(FeatureType.STRING, RECORD_ID, EVENT_TIME, EVENT_TIME_SOURCE)
_PANEL = of_type(FeatureType.INTEGRAL, "genes_missing", "genes_ambiguous")

ASSAY = ("engine", "engine_version", "reference", "genome", "annotation", "unit")
"""What makes values of two cases comparable; one group version holds one of each."""

_RNA_TRAILING = (
    *_PANEL,
    *of_type(FeatureType.INTEGRAL, "reads_total"),
    *of_type(FeatureType.FRACTIONAL, "mapped_percent"),
    *of_type(FeatureType.STRING, "library_type"),
    *of_type(FeatureType.INTEGRAL, "library_conflict"),
    *of_type(FeatureType.FRACTIONAL, "compatible_fragment_ratio"),
    *of_type(FeatureType.INTEGRAL, "reads_without_mate"),
    *of_type(FeatureType.FRACTIONAL, "read_length_mean", "ribosomal_percent", "mitochondrial_percent"),
    *of_type(FeatureType.STRING, *ASSAY, "input_hash", "rnaseq_job_version", "genes_uri"),
    *of_type(FeatureType.STRING, "source_uri", "correlation_id"),
)

_MATRIX_TRAILING = (
    *_PANEL,
    *of_type(FeatureType.INTEGRAL, "genes_measured", "genes_detected", "genes_without_value"),
    *of_type(FeatureType.STRING, *ASSAY, "source_uri", "upload_id", "correlation_id"),
)


def gene_feature(gene: str, unit: ExpressionUnit = "TPM") -> str:
    """Return the name of a gene's feature: log2(value + 1), with the value's unit in the name.

    Feature Store takes no dots, and hyphens make SQL awkward.
    """
    return f"log2{_in_names(unit).lower()}_{_in_names(gene)}"


def _in_names(text: str) -> str:
    return text.replace("-", "_").replace(".", "_")


def rna_group(stack: str, dataset: str, config: GenomicsConfig) -> FeatureGroupSpec:
    """Return the dataset's RNA-seq group.

    Raises
    ------
    ConfigurationError
        When a name is not one that Feature Store takes, or a gene is listed twice.
    """
    name = f"{stack}-{dataset}-rna-v{config.group_version}"
    genes = tuple((gene_feature(gene, config.unit), FeatureType.FRACTIONAL) for gene in config.panel)
    sets = of_type(FeatureType.FRACTIONAL, *map(set_feature, config.gene_sets))
    trailing = _MATRIX_TRAILING if config.matrix else _RNA_TRAILING
    spec = FeatureGroupSpec(name, (*_LEADING, *genes, *sets, *trailing))
    check_group(spec)
    return spec


def pin_assay(ledger: Ledger, group: str, assay: Mapping[str, str]) -> None:
    """Make the assay the group's own, unless it has one already; call it when a record is about to be written.

    Raises
    ------
    BadInputError
        `ASSAY_MISMATCH` when the group holds values of another assay.
    """
    kept = ledger.put_if_absent(f"assay#{group}", assay)
    different = {n: [kept.get(n), assay[n]] for n in assay if kept.get(n) != assay[n]}
    if different:
        message = (
            f"values of another assay ({', '.join(different)}) are not mixed into {group}; raise group_version in "
            "the dataset's file, deploy, then retry everything that belongs to it"
        )
        raise BadInputError(Reason.ASSAY_MISMATCH, message, dict(different))


def matrix_assay(matrix: MatrixConfig) -> dict[str, str]:
    """Return the identity of a matrix's assay, as the dataset's file states it."""
    stated = {**matrix.model_dump(), "reference": "matrix"}
    return {name: str(stated[name]) for name in ASSAY}
