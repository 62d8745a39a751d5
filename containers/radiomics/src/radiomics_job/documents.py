"""What ``qc.json`` and ``features.json`` say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from radiomics_job.acquisition import acquired_at, acquired_on, describe_acquisition
from radiomics_job.errors import Detail
from radiomics_job.pairing import Pairing
from radiomics_job.qc import describe_ct
from radiomics_job.results import SCHEMA
from radiomics_job.rois import MeasuredRoi
from radiomics_job.series import SliceStack


@dataclass(frozen=True, eq=False)
class StudyCt:
    """The CT that was measured.

    Parameters
    ----------
    stack : SliceStack
        Its slices and grid.
    volume : ndarray of int16, shape (columns, rows, slices)
        Hounsfield units.
    pairing : Pairing
        Why this series was taken.
    candidates : int
        CT series in the study.
    surgery_date : datetime.date or None
        Where the job description knows.
    """

    stack: SliceStack
    volume: NDArray[np.int16]
    pairing: Pairing
    candidates: int
    surgery_date: date | None = None

    @cached_property
    def acquired(self) -> tuple[str | None, str | None]:
        """Acquisition time and the attribute that it came from."""
        return acquired_at(ct.dataset for ct in self.stack.slices)

    @cached_property
    def numbers(self) -> dict[str, Detail]:
        """The quality numbers of the CT itself."""
        return describe_ct(self.stack, self.volume)

    @cached_property
    def days_to_surgery(self) -> int | None:
        """Whole days from the CT to surgery, negative for a later CT; None where either date is unknown."""
        if self.surgery_date is None:
            return None
        scanned = acquired_on(ct.dataset for ct in self.stack.slices)
        return None if scanned is None else (self.surgery_date - scanned).days


def qc_document(
    subject: str, run: Mapping[str, str | None], ct: StudyCt, rois: Sequence[MeasuredRoi]
) -> dict[str, object]:
    """Give the content of ``qc.json``: the primary region's verdict and numbers, then every region's."""
    return {
        "schema": SCHEMA,
        "subject": subject,
        "run": dict(run),
        **_study_qc(ct, rois[0]),
        "findings": [finding.describe() for finding in rois[0].findings],
        "rois": [_roi_qc(roi) for roi in rois],
    }


def _study_qc(ct: StudyCt, primary: MeasuredRoi) -> dict[str, Detail]:
    return {
        "status": primary.status,
        "warnings": primary.warnings,
        **primary.numbers,
        **ct.numbers,
        "days_ct_to_surgery": ct.days_to_surgery,
        "pairing": ct.pairing.describe(ct.candidates),
    }


def _roi_qc(roi: MeasuredRoi) -> dict[str, object]:
    return {
        "label": roi.label,
        "source": roi.source,
        "status": roi.status,
        **roi.numbers,
        "findings": [finding.describe() for finding in roi.findings],
    }


def features_document(
    subject: str,
    run: Mapping[str, str | None],
    ct: StudyCt,
    rois: Sequence[MeasuredRoi],
    provenance: Mapping[str, object],
) -> dict[str, object]:
    """Give the content of ``features.json``; the primary region comes first."""
    time, source = ct.acquired
    first = ct.stack.slices[0]
    return {
        "schema": SCHEMA,
        "subject": subject,
        "study_uid": first.study_uid,
        "series_uid": first.series_uid,
        "acquired_at": time,
        "acquired_at_source": source,
        "run": dict(run),
        "rois": [_roi_features(roi, primary=index == 0) for index, roi in enumerate(rois)],
        "acquisition": describe_acquisition(ct.stack),
        "qc": _study_qc(ct, rois[0]),
        "provenance": dict(provenance),
    }


def _roi_features(roi: MeasuredRoi, *, primary: bool) -> dict[str, object]:
    return {
        "label": roi.label,
        "source": roi.source,
        "source_uid": roi.source_uid,
        "segment_number": roi.segment_number,
        "primary": primary,
        "voxels": roi.numbers["voxels"],
        "slices": roi.numbers["slices"],
        "volume_ml": roi.numbers["volume_ml"],
        "qc": {"status": roi.status, "warnings": roi.warnings},
        "features": roi.features.values,
        "missing": roi.features.missing,
    }
