"""``run.json`` and the panel's values into a Feature Store record."""

from collections.abc import Mapping
from typing import Any

from multimodal.domain.dataset import MatrixConfig
from multimodal.domain.expression import PanelValues
from multimodal.domain.feature_group import EVENT_TIME, EVENT_TIME_SOURCE, RECORD_ID, UPLOAD_TIME, FeatureGroupSpec
from multimodal.domain.feature_record import Record, fit
from multimodal.domain.feature_schema import ASSAY
from multimodal.domain.units import Unit


def assay_of(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the assay's identity. The detected library type is the sample's own and not part of it."""
    return {name: str(document["assay"][name]) for name in ASSAY}


def matrix_assay(matrix: MatrixConfig) -> dict[str, str]:
    """Return the assay's identity of a ready matrix, as the dataset's file states it."""
    return {
        "engine": matrix.engine,
        "engine_version": matrix.engine_version,
        "reference": "matrix",
        "genome": matrix.genome,
        "annotation": matrix.annotation,
        "unit": matrix.unit,
    }


def build_rna_record(
    document: Mapping[str, Any],
    unit: Unit,
    spec: FeatureGroupSpec,
    panel: PanelValues,
    uris: Mapping[str, str],
    uploaded_at: str,
) -> Record:
    """Return the case's record: the panel, how well the reads fit the reference, the assay, and where all came from.

    Parameters
    ----------
    document : mapping
        A valid ``run.json``.
    unit : Unit
        The case; its name is the record id.
    spec : FeatureGroupSpec
        The group the record must fit.
    panel : PanelValues
        log2(TPM + 1) of the dataset's genes.
    uris : mapping
        ``genes_uri`` and ``source_uri``.
    uploaded_at : str
        Event time: when the first of the reads arrived. Reads carry no date of their own.

    Raises
    ------
    BadInputError
        ``FEATURES_INVALID`` when a value does not fit the group.
    """
    values = {
        RECORD_ID: unit.subject,
        EVENT_TIME: uploaded_at,
        EVENT_TIME_SOURCE: UPLOAD_TIME,
        **panel.values,
        "genes_missing": len(panel.missing),
        "genes_ambiguous": len(panel.ambiguous),
        **_quality(document),
        **assay_of(document),
        "input_hash": document["provenance"]["input_hash"],
        "rnaseq_job_version": document["provenance"]["rnaseq_job_version"],
        **uris,
        "correlation_id": unit.correlation_id,
    }
    return fit(values, spec, "run.json")


def _quality(document: Mapping[str, Any]) -> dict[str, Any]:
    library, metrics = document["library"], document["metrics"]
    return {
        "reads_total": metrics["total_reads"],
        "mapped_percent": metrics["mapped_percent"],
        "library_type": library["detected"] or library["declared"],
        "library_conflict": int(library["conflict"]),
        "compatible_fragment_ratio": library["compatible_fragment_ratio"],
    }
