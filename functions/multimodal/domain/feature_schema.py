"""Definitions of the feature groups: a pure function of a dataset's configuration and of a parameter file."""

from dataclasses import dataclass

from multimodal.domain.dataset import DatasetConfig, ExpressionUnit
from multimodal.domain.feature_group import (
    EVENT_TIME,
    EVENT_TIME_SOURCE,
    RECORD_ID,
    FeatureGroupSpec,
    FeatureType,
    check_group,
)


@dataclass(frozen=True)
class ParameterContract:
    """What a radiomics parameter file promises: the features it yields and the hash of its settings.

    The files under ``contracts/imaging_features/`` are written by ``make contracts`` from the container's parameter
    files; a contract test keeps both equal.
    """

    name: str
    params_hash: str
    features: tuple[str, ...]


LEADING: tuple[tuple[str, FeatureType], ...] = (
    (RECORD_ID, FeatureType.STRING),
    (EVENT_TIME, FeatureType.STRING),
    (EVENT_TIME_SOURCE, FeatureType.STRING),
    ("study_uid", FeatureType.STRING),
    ("series_uid", FeatureType.STRING),
    ("roi_label", FeatureType.STRING),
    ("roi_source", FeatureType.STRING),
    ("roi_count", FeatureType.INTEGRAL),
    ("roi_voxels", FeatureType.INTEGRAL),
    ("roi_slices", FeatureType.INTEGRAL),
    ("volume_ml", FeatureType.FRACTIONAL),
)
TRAILING: tuple[tuple[str, FeatureType], ...] = (
    ("manufacturer", FeatureType.STRING),
    ("model", FeatureType.STRING),
    ("kernel", FeatureType.STRING),
    ("kvp", FeatureType.FRACTIONAL),
    ("contrast", FeatureType.STRING),
    ("pixel_spacing_x_mm", FeatureType.FRACTIONAL),
    ("pixel_spacing_y_mm", FeatureType.FRACTIONAL),
    ("slice_spacing_mm", FeatureType.FRACTIONAL),
    ("slice_thickness_mm", FeatureType.FRACTIONAL),
    ("qc_status", FeatureType.STRING),
    ("qc_warnings", FeatureType.STRING),
    ("params_hash", FeatureType.STRING),
    ("input_hash", FeatureType.STRING),
    ("radiomics_job_version", FeatureType.STRING),
    ("pyradiomics_version", FeatureType.STRING),
    ("source_uri", FeatureType.STRING),
    ("correlation_id", FeatureType.STRING),
)


def imaging_group(stack: str, dataset: DatasetConfig, params: ParameterContract) -> FeatureGroupSpec:
    """Return the dataset's imaging group.

    Raises
    ------
    ConfigurationError
        When a name is not one that Feature Store takes; the message names it.
    """
    assert dataset.imaging is not None  # noqa: S101 – callers select datasets with imaging
    name = f"{stack}-{dataset.name}-imaging-v{dataset.imaging.group_version}"
    values = tuple((feature, FeatureType.FRACTIONAL) for feature in params.features)
    spec = FeatureGroupSpec(name, (*LEADING, *values, *TRAILING))
    check_group(spec)
    return spec


RNA_LEADING = LEADING[:3]
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


def rna_group(stack: str, dataset: DatasetConfig) -> FeatureGroupSpec:
    """Return the dataset's RNA-seq group.

    Raises
    ------
    ConfigurationError
        When a name is not one that Feature Store takes, or a gene is listed twice.
    """
    config = dataset.genomics
    assert config is not None  # noqa: S101 – callers select datasets with genomics
    name = f"{stack}-{dataset.name}-rna-v{config.group_version}"
    genes = tuple((gene_feature(gene, config.unit), FeatureType.FRACTIONAL) for gene in config.panel)
    spec = FeatureGroupSpec(name, (*RNA_LEADING, *genes, *(MATRIX_TRAILING if config.matrix else RNA_TRAILING)))
    check_group(spec)
    return spec
