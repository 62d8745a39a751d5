"""One study from files to results."""

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from radiomics_job.dicom.pixels import release
from radiomics_job.dicom.reading import StudyFiles, read_study
from radiomics_job.dicom.series import CtSeries, group_series
from radiomics_job.dicom.sources import SourceCounts, read_source
from radiomics_job.dicom.stacking import stack_series
from radiomics_job.errors import HostFaultError, ReasonCode, StudyRejectedError
from radiomics_job.limits import Limits
from radiomics_job.measurement import MeasuredRoi, PlacedRegion, label_volume, measure_region, place_regions
from radiomics_job.output.documents import (
    StudyCt,
    features_document,
    provenance,
    publishing,
    qc_document,
    rejection,
    write_json,
)
from radiomics_job.output.nifti import write_nifti
from radiomics_job.output.overlay import render_overlay
from radiomics_job.parameters import Params
from radiomics_job.quality.checks import check_limits, refusal
from radiomics_job.roi.pairing import Candidate, Pairing, list_candidates, pair
from radiomics_job.roi.rule import RoiPolicy, RoiRule, choose

_HOST_FAULTS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.EACCES,
    errno.EPERM,
}


@dataclass(frozen=True)
class StudyTask:
    """What to do with one study."""

    subject: str
    """Subject key for results and log lines."""
    source: Path
    """The study's folder or zip archive."""
    folder: Path
    """Where its results go."""
    scratch: Path
    """A folder of its own on the same file system as `folder`."""
    params: Params
    """The loaded parameter file."""
    rule: RoiRule = field(default_factory=RoiRule)
    """Which region to measure."""
    run: Mapping[str, str | None] = field(
        default_factory=lambda: {"run_id": None, "job_id": None, "content_version": None}
    )
    """`run_id`, `job_id` and `content_version`, repeated in the results."""
    surgery_date: date | None = None
    """When the tumour was resected, where the job description knows."""
    limits: Limits = field(default_factory=Limits)
    """Budgets."""


def process_study(task: StudyTask) -> str:
    """Process one study and write its results or its rejection.

    Returns
    -------
    str
        `accept`, `warn`, or the reason code of the rejection.

    Raises
    ------
    HostFaultError
        When the machine failed (disk full, input/output error): nothing is written, so that a retry can succeed.
    """
    try:
        try:
            return _measure(task)
        except StudyRejectedError as error:
            write_rejection(task, error)
            return str(error.code)
    except OSError as error:
        if error.errno in _HOST_FAULTS:
            raise HostFaultError(f"{task.subject}: {error.strerror}") from error
        raise


def write_rejection(task: StudyTask, error: StudyRejectedError) -> None:
    """Write `rejection.json` as the study's only result."""
    with publishing(task.folder, task.scratch) as scratch:
        write_json(scratch / "rejection.json", rejection(task.subject, task.run, error))


def _measure(task: StudyTask) -> str:
    counts = SourceCounts()
    files = read_study(read_source(task.source, task.limits, counts), task.limits)
    series = group_series(files.ct)
    chosen, policy, pairing = _choose(files, series, task)
    for unused in set(files.ct) - set(pairing.ct.slices):
        release(unused)
    stack, volume = stack_series(pairing.ct, task.limits, task.params.geometry)
    ct = StudyCt(stack, volume, pairing, len({each.uid for each in series}), task.surgery_date)
    rois = [_checked_region(region, ct, task.params) for region in place_regions(chosen, policy, stack, pairing)]
    refused = refusal(rois[0].findings)
    if refused is not None:
        raise refused
    with publishing(task.folder, task.scratch) as scratch:
        write_nifti(scratch / "ct.nii.gz", volume, stack.grid)
        write_nifti(scratch / "seg.nii.gz", label_volume([roi.placed.mask for roi in rois]), stack.grid)
        render_overlay(volume, rois[0].placed.mask, stack.grid.affine, scratch / "overlay.png")
        write_json(scratch / "qc.json", qc_document(task.subject, task.run, ct, rois))
        write_json(
            scratch / "features.json",
            features_document(task.subject, task.run, ct, rois, provenance(task.params, files.input_hash, counts)),
        )
    return rois[0].status


def _checked_region(region: PlacedRegion, ct: StudyCt, params: Params) -> MeasuredRoi:
    roi = measure_region(region, ct.volume, ct.stack, params)
    return roi.with_findings(check_limits(ct.numbers, roi.numbers, ct.pairing, ct.days_to_surgery, params.qc))


def _choose(
    files: StudyFiles, series: Sequence[CtSeries], task: StudyTask
) -> tuple[tuple[Candidate, ...], RoiPolicy, Pairing]:
    """Choose regions among the objects that belong to a CT of this study, and insist on one CT for all."""
    params = task.params
    candidates = list_candidates(files, params.roi_source, task.limits, params.geometry.fractional_threshold)
    pairings = _pair_objects(candidates, series, params.qc.min_referenced_slices_fraction.refuse)
    foreign = [
        error
        for error in pairings.values()
        if isinstance(error, StudyRejectedError) and error.code is ReasonCode.SEG_REFERENCES_OTHER_SERIES
    ]
    usable = [c for c in candidates if pairings[id(c.references)] not in foreign]
    if not usable:
        raise foreign[0]
    chosen, policy = choose(usable, task.rule)
    found = [pairings[id(candidate.references)] for candidate in chosen]
    for result in found:
        if isinstance(result, StudyRejectedError):
            raise result
    paired = [result for result in found if isinstance(result, Pairing)]
    if len({id(result.ct) for result in paired}) > 1:
        raise StudyRejectedError(
            ReasonCode.CT_AMBIGUOUS,
            "The matching regions were drawn on different CT series. Narrow the dataset's ROI pattern, or upload one "
            "CT series per study.",
            {"regions": len(chosen), "ct_series": len({id(result.ct) for result in paired})},
        )
    return chosen, policy, paired[0]


def _pair_objects(
    candidates: Sequence[Candidate], series: Sequence[CtSeries], least_found: float | None
) -> dict[int, Pairing | StudyRejectedError]:
    """Pair each object once, by the identity of its references: two objects may share an instance UID."""
    results: dict[int, Pairing | StudyRejectedError] = {}
    for candidate in candidates:
        key = id(candidate.references)
        if key not in results:
            try:
                results[key] = pair(candidate.references, series, candidate.fits, least_found or 0.0)
            except StudyRejectedError as error:
                results[key] = error
    return results
