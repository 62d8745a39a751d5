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

_LEADING: tuple[tuple[str, FeatureType], ...] = (
    (RECORD_ID, FeatureType.STRING),
    (EVENT_TIME, FeatureType.STRING),
    (EVENT_TIME_SOURCE, FeatureType.STRING),
)

_PANEL: tuple[tuple[str, FeatureType], ...] = (
    ("genes_missing", FeatureType.INTEGRAL),
    ("genes_ambiguous", FeatureType.INTEGRAL),
)

_ASSAY: tuple[tuple[str, FeatureType], ...] = (
    ("engine", FeatureType.STRING),
    ("engine_version", FeatureType.STRING),
    ("reference", FeatureType.STRING),
    ("genome", FeatureType.STRING),
    ("annotation", FeatureType.STRING),
    ("unit", FeatureType.STRING),
)

ASSAY = tuple(name for name, _ in _ASSAY)
"""What makes values of two cases comparable; one group version holds one of each."""

_RNA_TRAILING: tuple[tuple[str, FeatureType], ...] = (
    *_PANEL,
    ("reads_total", FeatureType.INTEGRAL),
    ("mapped_percent", FeatureType.FRACTIONAL),
    ("library_type", FeatureType.STRING),
    ("library_conflict", FeatureType.INTEGRAL),
    ("compatible_fragment_ratio", FeatureType.FRACTIONAL),
    ("reads_without_mate", FeatureType.INTEGRAL),
    ("read_length_mean", FeatureType.FRACTIONAL),
    ("ribosomal_percent", FeatureType.FRACTIONAL),
    ("mitochondrial_percent", FeatureType.FRACTIONAL),
    *_ASSAY,
    ("input_hash", FeatureType.STRING),
    ("rnaseq_job_version", FeatureType.STRING),
    ("genes_uri", FeatureType.STRING),
    ("source_uri", FeatureType.STRING),
    ("correlation_id", FeatureType.STRING),
)

_MATRIX_TRAILING: tuple[tuple[str, FeatureType], ...] = (
    *_PANEL,
    ("genes_measured", FeatureType.INTEGRAL),
    ("genes_detected", FeatureType.INTEGRAL),
    ("genes_without_value", FeatureType.INTEGRAL),
    *_ASSAY,
    ("source_uri", FeatureType.STRING),
    ("upload_id", FeatureType.STRING),
    ("correlation_id", FeatureType.STRING),
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
