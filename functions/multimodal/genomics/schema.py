"""Definitions of the feature groups: a pure function of a dataset's configuration and of a parameter file."""

from multimodal.features.group import (
    EVENT_TIME,
    EVENT_TIME_SOURCE,
    RECORD_ID,
    FeatureGroupSpec,
    FeatureType,
    check_group,
)
from multimodal.genomics.config import ExpressionUnit, GenomicsConfig

RNA_LEADING: tuple[tuple[str, FeatureType], ...] = (
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

RNA_TRAILING: tuple[tuple[str, FeatureType], ...] = (
    *_PANEL,
    ("reads_total", FeatureType.INTEGRAL),
    ("mapped_percent", FeatureType.FRACTIONAL),
    ("library_type", FeatureType.STRING),
    ("library_conflict", FeatureType.INTEGRAL),
    ("compatible_fragment_ratio", FeatureType.FRACTIONAL),
    *_ASSAY,
    ("input_hash", FeatureType.STRING),
    ("rnaseq_job_version", FeatureType.STRING),
    ("genes_uri", FeatureType.STRING),
    ("source_uri", FeatureType.STRING),
    ("correlation_id", FeatureType.STRING),
)

MATRIX_TRAILING: tuple[tuple[str, FeatureType], ...] = (
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
    spec = FeatureGroupSpec(name, (*RNA_LEADING, *genes, *(MATRIX_TRAILING if config.matrix else RNA_TRAILING)))
    check_group(spec)
    return spec
