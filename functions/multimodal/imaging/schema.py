"""Definitions of the feature groups: a pure function of a dataset's configuration and of a parameter file."""

from dataclasses import dataclass

from multimodal.features.group import (
    FeatureGroupSpec,
    FeatureType,
    check_group,
)
from multimodal.features.schema import LEADING
from multimodal.pipeline.dataset import DatasetConfig


@dataclass(frozen=True)
class ParameterContract:
    """What a radiomics parameter file promises: the features it yields and the hash of its settings.

    The files under ``contracts/imaging_features/`` are written by ``make contracts`` from the container's parameter
    files; a contract test keeps both equal.
    """

    name: str
    params_hash: str
    features: tuple[str, ...]


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
