"""`features.json` as a record of the dataset's imaging group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel

from multimodal.features.group import (
    EVENT_TIME,
    EVENT_TIME_SOURCE,
    RECORD_ID,
    UPLOAD_TIME,
    FeatureGroupSpec,
    FeatureType,
    Record,
    check_group,
    event_time_of,
    fit,
    is_event_time,
    of_type,
    uploaded_at,
)
from multimodal.imaging.config import ImagingConfig, ParameterContract, PetConfig, imaging_config, load_contract
from multimodal.imaging.documents import FeaturesDocument
from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.ports import Ports
from multimodal.ledger.unit import LedgerItem, Unit


def build_record(
    document: Mapping[str, Any], unit: Unit, spec: FeatureGroupSpec, source_uri: str, uploaded_at: str
) -> Record:
    """Return the unit's record: the primary ROI's features, how the scan was made, and where all of it came from.

    Parameters
    ----------
    document : mapping
        A valid `features.json`.
    unit : Unit
        The study it belongs to; its subject is the record id.
    spec : FeatureGroupSpec
        The group the record must fit.
    source_uri : str
        S3 URI of `features.json`, where every ROI and every reason for a missing value is.
    uploaded_at : str
        Event time to fall back on when the scan carries no date: when the study's first object arrived.

    Returns
    -------
    dict of str to str
        Values as Feature Store takes them; missing ones are left out.

    Raises
    ------
    BadInputError
        `FEATURES_INVALID` when a value does not fit the group.
    """
    values = {**_identity(document, unit, uploaded_at), **_measurements(document), **_origin(document, unit)}
    values["source_uri"] = source_uri
    if document.get("suv"):
        values = {name: value for name, value in values.items() if name not in OF_CT_ONLY}
        values |= {_SUV_NAMES.get(name, name): value for name, value in document["suv"].items()}
    return fit(values, spec, "features.json")


def _primary(document: Mapping[str, Any]) -> Mapping[str, Any]:
    primary = [roi for roi in document["rois"] if roi["primary"]]
    if len(primary) != 1:
        message = f"features.json must name one primary ROI, not {len(primary)}"
        raise BadInputError(Reason.FEATURES_INVALID, message)
    return dict(primary[0])


def _identity(document: Mapping[str, Any], unit: Unit, uploaded_at: str) -> dict[str, Any]:
    acquired_at = document.get("acquired_at")
    if acquired_at and not is_event_time(acquired_at):
        raise BadInputError(Reason.FEATURES_INVALID, "acquired_at is no time of the form yyyy-MM-ddTHH:mm:ssZ")
    return {
        RECORD_ID: unit.subject,
        EVENT_TIME: acquired_at or uploaded_at,
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


LEADING = (
    *of_type(FeatureType.STRING, RECORD_ID, EVENT_TIME, EVENT_TIME_SOURCE),
    *of_type(FeatureType.STRING, "study_uid", "series_uid", "roi_label", "roi_source"),
    *of_type(FeatureType.INTEGRAL, "roi_count", "roi_voxels", "roi_slices"),
    *of_type(FeatureType.FRACTIONAL, "volume_ml"),
)

TRAILING = (
    *of_type(FeatureType.STRING, "manufacturer", "model", "kernel"),
    *of_type(FeatureType.FRACTIONAL, "kvp"),
    *of_type(FeatureType.STRING, "contrast"),
    *of_type(FeatureType.FRACTIONAL, "pixel_spacing_x_mm", "pixel_spacing_y_mm"),
    *of_type(FeatureType.FRACTIONAL, "slice_spacing_mm", "slice_thickness_mm"),
    *of_type(FeatureType.STRING, "qc_status", "qc_warnings", "params_hash", "input_hash"),
    *of_type(FeatureType.STRING, "radiomics_job_version", "pyradiomics_version", "source_uri", "correlation_id"),
)


_CLOCKS_AHEAD = 24 * 60 * 60
"""Seconds that a scanner's clock may be ahead: without a stated offset it is taken as UTC."""

OF_CT_ONLY = frozenset({"kernel", "kvp", "contrast"})

_SUV_NAMES = {"rule": "suv_rule"}

OF_PET_ONLY = (
    *of_type(FeatureType.STRING, "suv_rule", "radiopharmaceutical"),
    *of_type(FeatureType.FRACTIONAL, "injected_dose_mbq", "uptake_minutes"),
)


def pet_group(stack: str, dataset: str, config: PetConfig, params: ParameterContract) -> FeatureGroupSpec:
    """Return the group of a dataset's PET features.

    Raises
    ------
    ConfigurationError
        As `imaging_group`.
    """
    name = f"{stack}-{dataset}-pet-v{config.group_version}"
    values = of_type(FeatureType.FRACTIONAL, *params.features)
    trailing = tuple(feature for feature in TRAILING if feature[0] not in OF_CT_ONLY)
    spec = FeatureGroupSpec(name, (*LEADING, *values, *OF_PET_ONLY, *trailing))
    check_group(spec)
    return spec


def imaging_group(stack: str, dataset: str, config: ImagingConfig, params: ParameterContract) -> FeatureGroupSpec:
    """Return the dataset's imaging group.

    Raises
    ------
    ConfigurationError
        When a name is not one that Feature Store takes; the message names it.
    """
    name = f"{stack}-{dataset}-imaging-v{config.group_version}"
    values = of_type(FeatureType.FRACTIONAL, *params.features)
    spec = FeatureGroupSpec(name, (*LEADING, *values, *TRAILING))
    check_group(spec)
    return spec


@dataclass(frozen=True)
class ImagingRecords:
    """Records of `features.json`; `stack` is the first part of a group's name."""

    ports: Ports
    stack: str
    document_model: ClassVar[type[BaseModel]] = FeaturesDocument

    def make(self, item: LedgerItem, document: Mapping[str, Any], key: str) -> tuple[FeatureGroupSpec, Record]:
        """Return the group of the image that was measured, a CT or a PET alone, and the study's record."""
        spec = self._spec_for(item.unit, document)
        record = build_record(document, item.unit, spec, self.ports.processed.uri(key), uploaded_at(item))
        self._require_past(item.unit.dataset, record)
        return spec, record

    def beside(
        self, item: LedgerItem, document: Mapping[str, Any], key: str
    ) -> Sequence[tuple[FeatureGroupSpec, Record]]:
        """Return the record of the PET that was measured beside a CT."""
        pet = document.get("pet")
        return [self.make(item, pet, key)] if pet else []

    def _require_past(self, dataset: str, record: Record) -> None:
        """Reject a scan of the future: as its case's latest record it would hide every other (`dataset-43`)."""
        latest = event_time_of(self.ports.clock() + _CLOCKS_AHEAD)
        if record[EVENT_TIME] > latest and not imaging_config(dataset).shifted_calendar:
            message = (
                f"the scan's {record[EVENT_TIME_SOURCE]}, {record[EVENT_TIME][:10]}, is yet to come: correct it, or "
                "set shifted_calendar: true under imaging: in the dataset's file and deploy it; then retry"
            )
            raise BadInputError(Reason.FEATURES_INVALID, message)

    def _spec_for(self, unit: Unit, document: Mapping[str, Any]) -> FeatureGroupSpec:
        config = imaging_config(unit.dataset)
        if document.get("modality", "CT") == "CT":
            return imaging_group(self.stack, unit.dataset, config, _same_settings(config, document))
        if config.pet is None:
            message = "the study's PET was measured and the dataset's file has no imaging.pet; deploy it with one"
            raise BadInputError(Reason.PARAMS_MISMATCH, message)
        return pet_group(self.stack, unit.dataset, config.pet, _same_settings(config.pet, document))


def _same_settings(config: ImagingConfig | PetConfig, document: Mapping[str, Any]) -> ParameterContract:
    """Return the contract of the group's parameter file when the features were computed with it."""
    contract = load_contract(config.params)
    found = document["provenance"]["params_hash"]
    if found != contract.params_hash:
        message = (
            f"the features were computed with other settings than {contract.name} of group version "
            f"{config.group_version}; deploy the matching image, or raise group_version"
        )
        raise BadInputError(Reason.PARAMS_MISMATCH, message, {"found": found, "expected": contract.params_hash})
    return contract
