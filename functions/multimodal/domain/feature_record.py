"""Results into Feature Store records: ``features.json``, and what fits any group."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from multimodal.domain.errors import BadInputError
from multimodal.domain.feature_group import (
    EVENT_TIME,
    EVENT_TIME_SOURCE,
    RECORD_ID,
    UPLOAD_TIME,
    FeatureGroupSpec,
    FeatureType,
)
from multimodal.domain.reasons import Reason
from multimodal.domain.units import Unit

EVENT_TIME_PATTERN = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")
"""The one form of event time that this project writes (Feature Store also takes milliseconds)."""

Record = dict[str, str]


def build_record(
    document: Mapping[str, Any], unit: Unit, spec: FeatureGroupSpec, source_uri: str, uploaded_at: str
) -> Record:
    """Return the unit's record: the primary ROI's features, how the scan was made, and where all of it came from.

    Parameters
    ----------
    document : mapping
        A valid ``features.json``.
    unit : Unit
        The study it belongs to; its subject is the record id.
    spec : FeatureGroupSpec
        The group the record must fit.
    source_uri : str
        S3 URI of ``features.json``, where every ROI and every reason for a missing value is.
    uploaded_at : str
        Event time to fall back on when the scan carries no date: when the study's first object arrived.

    Returns
    -------
    dict of str to str
        Values as Feature Store takes them; missing ones are left out.

    Raises
    ------
    BadInputError
        ``FEATURES_INVALID`` when a value does not fit the group.
    """
    values = {**_identity(document, unit, uploaded_at), **_measurements(document), **_origin(document, unit)}
    values["source_uri"] = source_uri
    return fit(values, spec, "features.json")


def fit(values: Mapping[str, Any], spec: FeatureGroupSpec, source: str) -> Record:
    """Return values as Feature Store takes them; missing ones are left out.

    Parameters
    ----------
    values : mapping
        Feature name → value.
    spec : FeatureGroupSpec
        The group the record must fit.
    source : str
        Name of the document the values came from, for the message.

    Raises
    ------
    BadInputError
        ``FEATURES_INVALID`` when a value does not fit the group.
    """
    unknown = sorted(name for name in values if name not in spec.types)
    if unknown:
        message = f"{source} has features the group {spec.name} lacks; redeploy with a grown configuration"
        raise BadInputError(Reason.FEATURES_INVALID, message, {"unknown": unknown[:10], "count": len(unknown)})
    return {n: as_text(n, v, spec.types[n], source) for n, v in values.items() if v is not None and v != ""}


def _primary(document: Mapping[str, Any]) -> Mapping[str, Any]:
    primary = [roi for roi in document["rois"] if roi["primary"]]
    if len(primary) != 1:
        message = f"features.json must name one primary ROI, not {len(primary)}"
        raise BadInputError(Reason.FEATURES_INVALID, message)
    return dict(primary[0])


def _identity(document: Mapping[str, Any], unit: Unit, uploaded_at: str) -> dict[str, Any]:
    acquired_at = document.get("acquired_at")
    event_time = acquired_at or uploaded_at
    if not EVENT_TIME_PATTERN.match(event_time):
        raise BadInputError(Reason.FEATURES_INVALID, "acquired_at is not of the form yyyy-MM-ddTHH:mm:ssZ")
    return {
        RECORD_ID: unit.subject,
        EVENT_TIME: event_time,
        EVENT_TIME_SOURCE: document.get("acquired_at_source") if acquired_at else UPLOAD_TIME,
        "study_uid": document.get("study_uid"),
        "series_uid": document.get("series_uid"),
    }


def _measurements(document: Mapping[str, Any]) -> dict[str, Any]:
    roi = _primary(document)
    return {
        "roi_label": roi.get("label"),
        "roi_source": roi.get("source"),
        "roi_count": len(document["rois"]),
        "roi_voxels": roi.get("voxels"),
        "roi_slices": roi.get("slices"),
        "volume_ml": roi.get("volume_ml"),
        **roi["features"],
    }


def _origin(document: Mapping[str, Any], unit: Unit) -> dict[str, Any]:
    provenance, qc, acquisition = document["provenance"], document["qc"], dict(document["acquisition"])
    spacing_x, spacing_y = acquisition.pop("pixel_spacing_mm") or (None, None)
    return {
        **acquisition,
        "pixel_spacing_x_mm": spacing_x,
        "pixel_spacing_y_mm": spacing_y,
        "qc_status": qc.get("status"),
        "qc_warnings": ",".join(qc.get("warnings") or []),
        "params_hash": provenance.get("params_hash"),
        "input_hash": provenance.get("input_hash"),
        "radiomics_job_version": provenance.get("versions", {}).get("radiomics_job"),
        "pyradiomics_version": provenance.get("versions", {}).get("pyradiomics"),
        "correlation_id": unit.correlation_id,
    }


def as_text(name: str, value: object, kind: FeatureType, source: str) -> str:
    """Return one value as Feature Store takes it.

    Raises
    ------
    BadInputError
        ``FEATURES_INVALID`` when the value is not of the feature's type.
    """
    if kind is FeatureType.STRING:
        return str(value)
    number_fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number_fits or (kind is FeatureType.INTEGRAL and value != int(value)):  # type: ignore[call-overload]
        raise BadInputError(Reason.FEATURES_INVALID, f"{name} in {source} is not a {kind.value} number")
    return str(int(value)) if kind is FeatureType.INTEGRAL else repr(float(value))  # type: ignore[call-overload,arg-type]


def record_hash(record: Record) -> str:
    """Return the name of exactly this record, by which a second delivery is recognised."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:32]
