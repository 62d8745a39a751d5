"""One subject, one patient: the PatientIDs of a subject's studies are compared when all of a job are done.

A folder that is uploaded one level too high makes one subject of many patients (`features-15`). Identifiers are
compared and never kept: each study leaves a hash in the job's scratch folder, which is removed in the end.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from radiomics_job.errors import ReasonCode, StudyRejectedError
from radiomics_job.study import StudyTask, patient_note, write_rejection


def reject_mixed_subjects(tasks: Sequence[StudyTask]) -> list[StudyTask]:
    """Reject every study of a subject whose studies in this job belong to more than one patient.

    Returns
    -------
    list of StudyTask
        Those that were rejected; their features, if they had any, are gone.
    """
    by_subject: dict[Path, list[StudyTask]] = {}
    for task in tasks:
        if task.subject_is_patient:
            by_subject.setdefault(task.folder.parent, []).append(task)
    rejected = []
    for studies in by_subject.values():
        patients = set(_noted(studies))
        if len(patients) > 1:
            for task in studies:
                write_rejection(task, _mixed(len(patients), len(studies)))
            rejected += studies
    return rejected


def _noted(studies: Iterable[StudyTask]) -> Iterable[str]:
    for task in studies:
        note = patient_note(task)
        if note.is_file():
            yield note.read_text(encoding="ascii")


def _mixed(patients: int, studies: int) -> StudyRejectedError:
    return StudyRejectedError(
        ReasonCode.MIXED_PATIENTS,
        "The studies of this subject belong to more than one patient: the folder was perhaps uploaded one level too "
        "high. Upload each patient's studies under a subject of their own.",
        {"patients": patients, "studies": studies},
    )
