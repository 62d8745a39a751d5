"""The volume files of a study: read, and given their roles."""

from radiomics_job.dicom.reading import StudyFiles
from radiomics_job.dicom.sources import FileKind
from radiomics_job.limits import Limits
from radiomics_job.volumes.nifti import read_nifti
from radiomics_job.volumes.nrrd import read_nrrd
from radiomics_job.volumes.roles import Roles, assign_roles


def read_volumes(files: StudyFiles, limits: Limits) -> Roles:
    """Read the headers of a study's NIfTI and NRRD files and say what each is.

    Raises
    ------
    StudyRejectedError
        `UNREADABLE_VOLUME`, `UNSUPPORTED_VOLUME`, `VOLUMES_AMBIGUOUS`, `INCOMPLETE_STUDY` or `INPUT_TOO_LARGE`.
    """
    volumes = [
        read_nifti(file, limits) if file.kind is FileKind.NIFTI else read_nrrd(file, files.data, limits)
        for file in files.volumes
    ]
    has_ct = any(not image.localizer for image in files.ct)
    return assign_roles(volumes, has_ct=has_ct)
