"""One study from files to results."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from radiomics_job.acquisition import acquired_at, describe_acquisition
from radiomics_job.candidates import Candidate, list_candidates
from radiomics_job.errors import Detail, HostFaultError, ReasonCode, StudyRejectedError
from radiomics_job.features import FeatureResult, extract_features
from radiomics_job.limits import Limits
from radiomics_job.nifti import write_nifti
from radiomics_job.overlay import render_overlay
from radiomics_job.pairing import Pairing, pair
from radiomics_job.params import Params
from radiomics_job.pixels import release
from radiomics_job.placement import PlacedMask
from radiomics_job.provenance import versions
from radiomics_job.qc import Finding, describe_ct, describe_mask, judge, refuse_if_needed
from radiomics_job.reading import StudyFiles, read_study
from radiomics_job.results import SCHEMA, publishing, rejection, rounded, write_json
from radiomics_job.roi import RoiPolicy, RoiRule, choose
from radiomics_job.series import CtSeries, SliceStack, group_series
from radiomics_job.sources import SourceCounts, read_source
from radiomics_job.stacking import stack_series

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


_Placed: TypeAlias = tuple[tuple[Candidate, ...], PlacedMask]
"""A region on the CT's grid and the segments it is made of: several for the policy union."""


@dataclass(frozen=True)
class StudyTask:
    """What to do with one study.

    Parameters
    ----------
    subject : str
        Subject key for results and log lines.
    source : Path
        The study's folder or zip archive.
    folder : Path
        Where its results go.
    scratch : Path
        A folder of its own on the same file system as ``folder``.
    params : Params
        The loaded parameter file.
    rule : RoiRule
        Which region to measure.
    run : mapping
        ``run_id``, ``job_id`` and ``generation``, repeated in the results.
    limits : Limits
        Budgets.
    """

    subject: str
    source: Path
    folder: Path
    scratch: Path
    params: Params
    rule: RoiRule = field(default_factory=RoiRule)
    run: Mapping[str, str | None] = field(default_factory=lambda: {"run_id": None, "job_id": None, "generation": None})
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, eq=False)
class MeasuredRoi:
    """A region on the CT's grid with its numbers and features."""

    label: str
    source: str
    source_uid: str
    segment_number: int | None
    placed: PlacedMask
    numbers: dict[str, Detail]
    features: FeatureResult


def process_study(task: StudyTask) -> str:
    """Process one study and write its results or its rejection.

    Parameters
    ----------
    task : StudyTask
        What to do.

    Returns
    -------
    str
        ``accept``, ``warn``, or the reason code of the rejection.

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
    """Write ``rejection.json`` as the study's only result."""
    with publishing(task.folder, task.scratch) as scratch:
        write_json(scratch / "rejection.json", rejection(task.subject, task.run, error))


def _measure(task: StudyTask) -> str:
    counts = SourceCounts()
    files = read_study(read_source(task.source, task.limits, counts), task.limits)
    series = group_series(files.ct)
    chosen, policy, pairing = _choose(files, series, task)
    for ct in set(files.ct) - set(pairing.ct.slices):
        release(ct)
    stack, volume = stack_series(pairing.ct, task.limits)
    rois = _measure_rois(_place(chosen, policy, stack), volume, stack, task.params)
    ct_numbers = describe_ct(stack, volume)
    findings = judge(ct_numbers, rois[0].numbers, pairing, task.params.qc)
    refuse_if_needed(findings)
    warnings: list[Detail] = [str(finding.warning) for finding in findings]
    qc: dict[str, Detail] = {
        "status": "warn" if warnings else "accept",
        "warnings": warnings,
        **rois[0].numbers,
        **ct_numbers,
        "pairing": pairing.describe(len({ct.uid for ct in series})),
    }
    with publishing(task.folder, task.scratch) as scratch:
        write_nifti(scratch / "ct.nii.gz", volume, stack.grid)
        write_nifti(scratch / "seg.nii.gz", _labels([roi.placed.mask for roi in rois]), stack.grid)
        render_overlay(volume, rois[0].placed.mask, stack.grid.affine, scratch / "overlay.png")
        write_json(scratch / "qc.json", _qc_document(task, qc, findings, rois))
        write_json(scratch / "features.json", _features_document(task, files, counts, stack, rois, qc))
    return str(qc["status"])


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
    choice = choose(usable, task.rule)
    found = [pairings[id(candidate.references)] for candidate in choice.chosen]
    for result in found:
        if isinstance(result, StudyRejectedError):
            raise result
    paired = [result for result in found if isinstance(result, Pairing)]
    if len({id(result.ct) for result in paired}) > 1:
        raise StudyRejectedError(
            ReasonCode.CT_AMBIGUOUS,
            "The matching regions were drawn on different CT series. Narrow the dataset's ROI pattern, or upload one "
            "CT series per study.",
            {"regions": len(choice.chosen), "ct_series": len({id(result.ct) for result in paired})},
        )
    return choice.chosen, choice.policy, paired[0]


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


def _place(chosen: Sequence[Candidate], policy: RoiPolicy, stack: SliceStack) -> list[_Placed]:
    """Place the chosen regions and apply the policy; the primary region comes first."""
    placed: list[_Placed] = [((candidate,), candidate.place(stack.grid)) for candidate in chosen]
    if policy is RoiPolicy.UNION:
        union = np.logical_or.reduce([mask.mask for _, mask in placed])
        methods = sorted({mask.method for _, mask in placed})
        residual = max(mask.residual_mm for _, mask in placed)
        return [(tuple(chosen), PlacedMask(np.asfortranarray(union), "+".join(methods), residual))]
    by_size = sorted(placed, key=lambda item: -int(np.count_nonzero(item[1].mask)))
    return by_size[:1] if policy is RoiPolicy.LARGEST else by_size


def _measure_rois(
    placed: Sequence[_Placed],
    volume: NDArray[np.int16],
    stack: SliceStack,
    params: Params,
) -> list[MeasuredRoi]:
    return [_measure_roi(members, mask, volume, stack, params) for members, mask in placed]


def _measure_roi(
    members: tuple[Candidate, ...], placed: PlacedMask, volume: NDArray[np.int16], stack: SliceStack, params: Params
) -> MeasuredRoi:
    try:
        features = extract_features(volume, placed.mask, stack.grid.affine, params)
    except ValueError as error:
        raise StudyRejectedError(
            ReasonCode.FEATURES_FAILED,
            "The feature extractor refused the region. Look at the segmentation; report it if it looks right.",
            {"voxels": int(np.count_nonzero(placed.mask)), "extractor": str(error)[:200]},
        ) from error
    first = members[0]
    return MeasuredRoi(
        label=" + ".join(member.label for member in members),
        source=first.source,
        source_uid=first.source_uid,
        segment_number=first.number if len(members) == 1 else None,
        placed=placed,
        numbers=describe_mask(placed, volume, stack),
        features=features,
    )


def _labels(masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.uint8]:
    """Number the regions 1..n; where they overlap, the one nearer to the primary wins."""
    if len(masks) == 1:
        return masks[0].view(np.uint8)
    labels = np.zeros(masks[0].shape, np.uint8, order="F")
    for index in reversed(range(len(masks))):
        labels[masks[index]] = min(index + 1, 255)
    return labels


def _qc_document(
    task: StudyTask, qc: Mapping[str, Detail], findings: Sequence[Finding], rois: Sequence[MeasuredRoi]
) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "subject": task.subject,
        "run": dict(task.run),
        **qc,
        "findings": [
            {"check": str(finding.warning), "value": rounded(finding.value), "limit": rounded(finding.limit)}
            for finding in findings
        ],
        "rois": [{"label": roi.label, "source": roi.source, **roi.numbers} for roi in rois],
    }


def _features_document(
    task: StudyTask,
    files: StudyFiles,
    counts: SourceCounts,
    stack: SliceStack,
    rois: Sequence[MeasuredRoi],
    qc: Mapping[str, Detail],
) -> dict[str, object]:
    time, source = acquired_at(ct.dataset for ct in stack.slices)
    return {
        "schema": SCHEMA,
        "subject": task.subject,
        "study_uid": stack.slices[0].study_uid,
        "series_uid": stack.slices[0].series_uid,
        "acquired_at": time,
        "acquired_at_source": source,
        "run": dict(task.run),
        "rois": [_roi_document(roi, primary=index == 0) for index, roi in enumerate(rois)],
        "acquisition": describe_acquisition(stack),
        "qc": dict(qc),
        "provenance": {
            "input_hash": files.input_hash,
            "params": task.params.name,
            "params_hash": task.params.hash,
            "versions": versions(),
            "files": {"dicom": counts.dicom, "ignored": counts.ignored},
        },
    }


def _roi_document(roi: MeasuredRoi, *, primary: bool) -> dict[str, object]:
    return {
        "label": roi.label,
        "source": roi.source,
        "source_uid": roi.source_uid,
        "segment_number": roi.segment_number,
        "primary": primary,
        "voxels": roi.numbers["voxels"],
        "slices": roi.numbers["slices"],
        "volume_ml": roi.numbers["volume_ml"],
        "features": roi.features.values,
        "missing": roi.features.missing,
    }
