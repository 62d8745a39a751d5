"""Definitions of the feature groups: a pure function of a dataset's configuration and of a parameter file."""

from multimodal.features.group import EVENT_TIME, EVENT_TIME_SOURCE, RECORD_ID, FeatureType

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
