"""One study from files to results."""

import errno
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from radiomics_job.dicom.ct_slice import hounsfield, release
from radiomics_job.dicom.reading import StudyFiles, read_study
from radiomics_job.dicom.series import CtSeries, SliceStack, group_series
from radiomics_job.dicom.sources import SourceCounts, read_source
from radiomics_job.dicom.stacking import stack_series
from radiomics_job.errors import HostFaultError, ReasonCode, StudyRejectedError
from radiomics_job.geometry.grid import Grid
from radiomics_job.limits import Limits
from radiomics_job.measurement import (
    MeasuredRoi,
    label_volume,
    overlap,
    place_regions,
)
from radiomics_job.output.documents import (
    artifacts,
    features_document,
    pet_rejection,
    provenance,
    publishing,
    qc_document,
    region_name,
    rejection,
    write_json,
)
from radiomics_job.output.nifti import write_nifti
from radiomics_job.output.overlay import render_overlay
from radiomics_job.parameters import Params
from radiomics_job.pet.measure import CtRegions, PetTask, measure_pet
from radiomics_job.quality.checks import Finding, QcWarning
from radiomics_job.robustness import ROBUSTNESS_FILE, Checks, robustness_document
from radiomics_job.roi.pairing import Pairing, on_own_planes, pair
from radiomics_job.roi.rule import Candidate, RoiPolicy, RoiRule, choose, list_candidates
from radiomics_job.study_image import StudyImage
from radiomics_job.volumes.image import slices_of, stack_volume_file
from radiomics_job.volumes.mask import mask_candidates
from radiomics_job.volumes.roles import Roles, is_called_pet, read_volumes

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


_NOTHING_FOUND = {ReasonCode.EMPTY_STUDY, ReasonCode.NO_CT, ReasonCode.NO_SEGMENTATION}

_PERHAPS_PET_ALONE = {ReasonCode.NO_CT, ReasonCode.NO_SEGMENTATION, ReasonCode.SEG_REFERENCES_OTHER_SERIES}
"""No region was drawn on a CT: it may have been on the PET."""

_NOT_OF_THIS_KIND = {ReasonCode.ROI_NOT_FOUND, ReasonCode.EMPTY_MASK, ReasonCode.SEG_REFERENCES_OTHER_SERIES}
"""Another kind of object may have what this one lacks: organs in a SEG beside the tumour in an RTSTRUCT."""


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
    subject_is_patient: bool = False
    """The subject is a key under which a patient was uploaded, not the name of any folder."""
    pet: Params | None = None
    """Parameter file for the PET images of a study; None leaves them alone."""
    correlation_id: str | None = None
    """What names the study in log lines instead of its subject, where the job description says it."""
    checks: Checks | None = None
    """Whether the primary region on the CT is measured again, perturbed or shuffled."""

    @property
    def log_name(self) -> dict[str, str]:
        """Name the study in a log line: SageMaker's log group is the whole account's, so without its subject there."""
        if self.correlation_id:
            return {"correlation_id": self.correlation_id}
        return {"subject": self.subject, "study": self.folder.name}


@dataclass(frozen=True, eq=False)
class _Measured:
    """An image with its regions, and how they were measured."""

    image: StudyImage
    rois: list[MeasuredRoi]
    params: Params
    formats: Mapping[str, str]

    def without_pet(self) -> Self:
        """Return the CT with the finding that the PET beside it was rejected."""
        finding = Finding(QcWarning.PET_NOT_MEASURED, refused=False, value=1, limit=0)
        rois = [roi if roi.status == "refuse" else roi.with_findings([*roi.findings, finding]) for roi in self.rois]
        return replace(self, rois=rois)


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
            raise HostFaultError(str(error.strerror)) from error
        raise


def write_rejection(task: StudyTask, error: StudyRejectedError) -> None:
    """Write `rejection.json` as the study's only result."""
    with publishing(task.folder, task.scratch) as scratch:
        write_json(scratch / "rejection.json", rejection(task.subject, task.run, error))


def _measure(task: StudyTask) -> str:
    counts = SourceCounts()
    try:
        files = read_study(read_source(task.source, task.limits, counts), task.limits)
        _note_patient(files, task)
        ct, pet = _measured_images(files, task)
    except StudyRejectedError as error:
        if error.code in _NOTHING_FOUND:
            error.details["ignored_files"] = dict(counts.reasons)
        raise
    _publish(task, ct, pet, files.input_hash, counts)
    measured = ct if isinstance(ct, _Measured) else pet
    return measured.rois[0].status  # type: ignore[union-attr]  # a PET that stands alone was measured


def _measured_images(
    files: StudyFiles, task: StudyTask
) -> tuple[_Measured | None, _Measured | StudyRejectedError | None]:
    """Measure the CT, and the PET where the dataset asks for it; a PET stands alone when no region is on a CT."""
    wanted = task.pet is not None and bool(files.pet)
    if not wanted:
        files.pet.clear()  # their pixels are memory
    try:
        ct, regions = _measure_ct(files, task)
    except StudyRejectedError as error:
        if not wanted or error.code not in _PERHAPS_PET_ALONE:
            raise
        pet = _measure_pet(files, task, None)
        if isinstance(pet, StudyRejectedError):
            drawn = pet.code is not ReasonCode.NO_SEGMENTATION
            raise (pet if drawn or error.code is ReasonCode.NO_CT else error) from None
        return None, pet
    beside = _measure_pet(files, task, regions) if wanted else _pet_without_dicom(files, task)
    return (ct.without_pet() if isinstance(beside, StudyRejectedError) else ct), beside


def _pet_without_dicom(files: StudyFiles, task: StudyTask) -> StudyRejectedError | None:
    """Say why a PET that is asked for and here as NIfTI or NRRD is not measured."""
    volumes = sum(is_called_pet(file.name) for file in files.volumes)
    if task.pet is None or not volumes:
        return None
    return StudyRejectedError(
        ReasonCode.SUV_NOT_POSSIBLE,
        "The PET is a NIfTI or NRRD file, which holds neither dose nor weight nor times: nothing vouches for its SUV. "
        "Upload the PET as DICOM.",
        {"volumes": volumes},
    )


def _measure_pet(files: StudyFiles, task: StudyTask, ct: CtRegions | None) -> _Measured | StudyRejectedError:
    if task.pet is None:
        raise ValueError("no parameter file for PET")
    try:
        image, rois = measure_pet(files, PetTask(task.pet, task.rule, task.limits, task.surgery_date), ct)
    except StudyRejectedError as error:
        return error
    image = replace(image, patient_differs=_patient_differs(files, task))
    return _Measured(image, rois, task.pet, {"image": "DICOM", "mask": rois[0].source})


def _measure_ct(files: StudyFiles, task: StudyTask) -> tuple[_Measured, CtRegions]:
    roles = read_volumes(files, task.limits) if files.volumes else Roles()
    series = _ct_series(files, roles)
    chosen, policy, pairing = _choose(files, roles, series, task)
    needed = {id(image.dataset) for image in pairing.ct.slices}
    for image in files.ct:
        if id(image.dataset) not in needed:  # frames of one object share its pixels
            release(image)
    stack, volume = _stack(pairing.ct, roles, task)
    ct = StudyImage(
        stack,
        volume,
        pairing,
        len({each.uid for each in series}),
        task.surgery_date,
        unusable=len(files.unusable),
        patient_differs=_patient_differs(files, task),
        volume_file=roles.image,
    )
    regions = place_regions(chosen, policy, stack, pairing)
    rois = ct.measure(regions, task.params)
    formats = {"image": roles.image.format if roles.image else "DICOM", "mask": rois[0].source}
    return _Measured(ct, rois, task.params, formats), CtRegions(stack, regions)


def _publish(
    task: StudyTask,
    ct: _Measured | None,
    pet: _Measured | StudyRejectedError | None,
    input_hash: str,
    counts: SourceCounts,
) -> None:
    """Write the result: of the CT with its PET beside it, or of a PET alone."""
    documents: dict[str, tuple[dict[str, object], dict[str, object]]] = {}
    with publishing(task.folder, task.scratch) as scratch:
        for measured in (ct, pet):
            if isinstance(measured, _Measured):
                if task.checks is not None and measured is ct:
                    write_json(scratch / ROBUSTNESS_FILE, _robustness(task.checks, task, measured))
                documents[measured.image.modality] = _write_image(scratch, task, measured, input_hash, counts)
        qc, features = documents.pop("CT" if ct else "PT")
        if isinstance(pet, StudyRejectedError):
            features["pet_rejection"] = qc["pet_rejection"] = pet_rejection(pet)
        for beside_qc, beside in documents.values():
            qc["pet"], features["pet"] = beside_qc, beside
        write_json(scratch / "qc.json", qc)
        write_json(scratch / "features.json", features | {"artifacts": artifacts(scratch)})


def _write_image(
    scratch: Path, task: StudyTask, measured: _Measured, input_hash: str, counts: SourceCounts
) -> tuple[dict[str, object], dict[str, object]]:
    """Write the volumes and the picture of an image; give what `qc.json` and `features.json` say of it."""
    image, rois = measured.image, measured.rois
    name, prefix = ("ct", "") if image.modality == "CT" else ("pet", "pet_")
    write_nifti(scratch / f"{name}.nii.gz", image.volume, image.stack.grid)
    _write_masks(scratch, [roi.placed.mask for roi in rois], image.stack.grid, prefix)
    render_overlay(image.volume, rois[0].placed.mask, image.stack.grid.affine, scratch / f"{prefix}overlay.png")
    origin = provenance(measured.params, input_hash, counts, measured.formats)
    return (
        qc_document(task.subject, task.run, image, rois),
        features_document(task.subject, task.run, image, rois, origin),
    )


def _robustness(checks: Checks, task: StudyTask, measured: _Measured) -> dict[str, object]:
    image, first = measured.image, measured.rois[0]
    again = robustness_document(
        checks, image.volume, first.placed.mask, image.stack.grid, measured.params, first.features.values
    )
    return {"subject": task.subject, "label": first.label, **again}


def _ct_series(files: StudyFiles, roles: Roles) -> list[CtSeries]:
    if roles.image is not None:
        return [slices_of(roles.image)]
    if files.unusable and all(image.localizer for image in files.ct):
        raise files.unusable[0].error
    return group_series(files.ct)


def _stack(ct: CtSeries, roles: Roles, task: StudyTask) -> tuple[SliceStack, NDArray[np.int16]]:
    if roles.image is not None:
        return stack_volume_file(roles.image, ct)
    return stack_series(ct, task.limits, task.params.geometry, hounsfield)


def _write_masks(folder: Path, masks: Sequence[NDArray[np.bool_]], grid: Grid, prefix: str) -> None:
    """Write one volume of numbered regions and, where they overlap, one for each region as well."""
    write_nifti(folder / f"{prefix}seg.nii.gz", label_volume(masks), grid)
    if overlap(masks):
        for number, mask in enumerate(masks, 1):
            write_nifti(folder / region_name(number, prefix), mask.view(np.uint8), grid)


def patient_note(task: StudyTask) -> Path:
    """Name the file in which a study leaves a hash of its PatientID, for `radiomics_job.patients`."""
    return task.scratch.with_name(f"{task.scratch.name}.patient")


def _note_patient(files: StudyFiles, task: StudyTask) -> None:
    if task.subject_is_patient:
        task.scratch.parent.mkdir(parents=True, exist_ok=True)
        for patient in files.patients:  # one: more have been rejected
            digest = hashlib.sha256(f"{task.scratch.parent} {_bare(patient)}".encode())
            patient_note(task).write_text(digest.hexdigest(), encoding="ascii")


def _patient_differs(files: StudyFiles, task: StudyTask) -> bool:
    """Tell whether the files are another patient's than the subject that they were uploaded as."""
    if not task.subject_is_patient:
        return False
    return any(_bare(patient) != _bare(task.subject) for patient in files.patients)


def _bare(identifier: str) -> str:
    return "".join(filter(str.isalnum, identifier)).casefold()


def _choose(
    files: StudyFiles, roles: Roles, series: Sequence[CtSeries], task: StudyTask
) -> tuple[tuple[Candidate, ...], RoiPolicy, Pairing]:
    """Choose regions of the first kind of object that has what is asked for."""
    errors = []
    for candidates in _kinds(files, roles, task):
        try:
            return _choose_among(candidates, files, series, task)
        except StudyRejectedError as error:
            if error.code not in _NOT_OF_THIS_KIND:
                raise
            errors.append(error)
    raise errors[0]


def _kinds(files: StudyFiles, roles: Roles, task: StudyTask) -> Iterator[list[Candidate]]:
    """List the regions of DICOM objects in the parameter file's order, then those of mask files."""
    params = task.params
    if files.segmentations or files.structure_sets or not roles.masks:
        yield from list_candidates(files, params.roi_source, task.limits, params.geometry.fractional_threshold)
    if roles.masks:
        yield mask_candidates(roles.masks, task.rule, roles.image)


def _choose_among(
    candidates: Sequence[Candidate], files: StudyFiles, series: Sequence[CtSeries], task: StudyTask
) -> tuple[tuple[Candidate, ...], RoiPolicy, Pairing]:
    """Choose regions among those that belong to a CT of this study, and insist on one CT for all."""
    least_found = task.params.qc.min_referenced_slices_fraction.refuse or 0.0
    pairings = {id(each): _paired(each, series, least_found, files) for each in candidates}
    foreign = [
        error
        for error in pairings.values()
        if isinstance(error, StudyRejectedError) and error.code is ReasonCode.SEG_REFERENCES_OTHER_SERIES
    ]
    usable = [candidate for candidate in candidates if pairings[id(candidate)] not in foreign]
    if foreign and not usable:
        raise foreign[0]
    chosen, policy = choose(usable, task.rule)
    found = [pairings[id(candidate)] for candidate in chosen]
    for result in found:
        if isinstance(result, StudyRejectedError):
            raise result
    paired = [result for result in found if isinstance(result, Pairing)]
    if len({result.ct.slices for result in paired}) > 1:
        raise StudyRejectedError(
            ReasonCode.CT_AMBIGUOUS,
            "The matching regions were drawn on different CT series. Narrow the dataset's ROI pattern, or upload one "
            "CT series per study.",
            {"regions": len(chosen), "ct_series": len({result.ct.slices for result in paired})},
        )
    elsewhere = sum(task.rule.matches(each) for each in candidates if each not in usable)
    return chosen, policy, replace(paired[0], regions_elsewhere=elsewhere)


def _paired(
    candidate: Candidate, series: Sequence[CtSeries], least_found: float, files: StudyFiles
) -> Pairing | StudyRejectedError:
    references = candidate.references
    try:
        for image in files.unusable:
            if image.instance_uid in references.instances:
                raise image.error
        if candidate.is_volume and len(series) == 1:
            return on_own_planes(Pairing(series[0], "only_image", 0, 0, None), candidate.fits)
        pairing = pair(references, series, candidate.fits, least_found, files.other_series)
        for image in files.unusable:
            # Beside images that are named one by one it is none of them; a screen save never is.
            if image.series_uid == pairing.ct.uid and not (references.instances or image.secondary):
                raise image.error
    except StudyRejectedError as error:
        return error
    return pairing
