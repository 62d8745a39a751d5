"""Writes studies to disk in the layout of a TCIA download: `<subject>/<study-uid>/<series-uid>/1-01.dcm`."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from local.synthetic.dicom import ct_slices, seg_dataset
from local.synthetic.phantom import Phantom, StudySpec, cohort_specs, make_phantom

_NOTE = "Generated for tests and demonstrations; not a patient. This file is not DICOM and is ignored.\n"
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # the archive's bytes must not depend on the clock


@dataclass(frozen=True, slots=True)
class StudyTruth:
    """What is known about a generated study.

    Attributes
    ----------
    subject, study
        Names of its folders; the study's is its StudyInstanceUID.
    path
        The study's folder, or its `.zip`.
    centre_lps_mm, semi_axes_mm
        The tumour's ellipsoid in the patient's frame.
    mask, affine
        Voxels of the tumour, indexed (i, j, k) = (column, row, slice from inferior to superior), and their
        4×4 matrix to RAS mm.
    volume_ml
        Voxels times the volume of one.
    acquired_at
        `yyyy-MM-ddTHH:mm:ssZ`.
    """

    subject: str
    study: str
    path: Path
    centre_lps_mm: tuple[float, float, float]
    semi_axes_mm: tuple[float, float, float]
    mask: NDArray[np.bool_]
    affine: NDArray[np.float64]
    voxels: int
    volume_ml: float
    acquired_at: str


def write_cohort(folder: Path, *, seed: int = 7, studies: int = 6, zip_last: bool = False) -> list[StudyTruth]:
    """Write a cohort of good studies.

    Parameters
    ----------
    folder
        Receives one folder per subject.
    seed
        The same seed gives the same bytes, UIDs included.
    studies
        How many; six of them show every layout once.
    zip_last
        Write the last study as `<subject>/<study-uid>.zip`.

    Returns
    -------
    list of StudyTruth
        In writing order.
    """
    specs = cohort_specs(seed, studies)
    return [write_study(folder, spec, zipped=zip_last and spec is specs[-1]) for spec in specs]


def write_study(
    folder: Path,
    spec: StudySpec,
    *,
    without_seg: bool = False,
    without_ct: bool = False,
    empty_mask: bool = False,
    seg_of_other_series: bool = False,
    missing_ct_slice: bool = False,
    zipped: bool = False,
) -> StudyTruth:
    """Write one study, good or with one thing wrong with it.

    Parameters
    ----------
    folder
        Receives `<subject>/<study-uid>/…`.
    spec
        What to generate.
    without_seg, without_ct
        Leave one of the two series out.
    empty_mask
        The SEG marks no voxel.
    seg_of_other_series
        The SEG references a CT series that is not there.
    missing_ct_slice
        One CT slice in the middle of the tumour is not there, though the SEG references it.
    zipped
        Write `<study-uid>.zip` instead of a folder.

    Raises
    ------
    ValueError
        When both series are left out: nothing would be written.
    """
    if without_seg and without_ct:
        raise ValueError("a study needs at least one series")
    phantom = make_phantom(spec)
    slices = [] if without_ct else ct_slices(spec, phantom)
    if missing_ct_slice:
        del slices[_middle_slice(phantom)]
    segmentations = (
        [] if without_seg else [seg_dataset(spec, phantom, empty=empty_mask, of_other_series=seg_of_other_series)]
    )
    files = {_file_name(spec, dataset): _encoded(dataset) for dataset in [*slices, *segmentations]}
    if spec.extensionless:
        files["notes.txt"] = _NOTE.encode()
    uid = str([*slices, *segmentations][0].StudyInstanceUID)
    return _truth(spec, phantom, _store(folder / spec.subject, uid, files, zipped=zipped))


def write_corrupt_study(folder: Path, *, seed: int = 7, subject: str = "R01-999") -> StudyTruth:
    """Write a study one of whose CT slices was cut short, as an interrupted copy leaves it."""
    template = cohort_specs(seed, 1)[0]
    spec = StudySpec(
        subject=subject,
        seed=template.seed + 500,
        matrix=128,
        slices=40,
        slice_spacing_mm=3.0,
        tumour_centre_mm=template.tumour_centre_mm,
        tumour_semi_axes_mm=template.tumour_semi_axes_mm,
        acquired_at=template.acquired_at.replace(year=template.acquired_at.year + 1),
    )
    truth = write_study(folder, spec)
    victim = sorted(truth.path.glob("*/1-20.dcm"))[0]
    content = victim.read_bytes()
    victim.write_bytes(content[: len(content) * 2 // 3])
    return truth


def _middle_slice(phantom: Phantom) -> int:
    covered = np.flatnonzero(phantom.mask.any(axis=(0, 1)))
    return int(covered[covered.size // 2])


def _file_name(spec: StudySpec, dataset: Dataset) -> str:
    ending = "" if spec.extensionless else ".dcm"
    width = 2 if dataset.Modality == "CT" else 1
    return f"{dataset.SeriesInstanceUID}/1-{int(dataset.InstanceNumber):0{width}d}{ending}"


def _encoded(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _store(subject_folder: Path, study: str, files: dict[str, bytes], *, zipped: bool) -> Path:
    subject_folder.mkdir(parents=True, exist_ok=True)
    if not zipped:
        for name, content in files.items():
            path = subject_folder / study / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return subject_folder / study
    archive_path = subject_folder / f"{study}.zip"
    with zipfile.ZipFile(archive_path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), content, zipfile.ZIP_DEFLATED, compresslevel=1)
    return archive_path


def _truth(spec: StudySpec, phantom: Phantom, path: Path) -> StudyTruth:
    voxels = int(phantom.mask.sum())
    return StudyTruth(
        subject=spec.subject,
        study=path.stem if path.suffix == ".zip" else path.name,
        path=path,
        centre_lps_mm=spec.tumour_centre_mm,
        semi_axes_mm=spec.tumour_semi_axes_mm,
        mask=phantom.mask,
        affine=phantom.affine,
        voxels=voxels,
        volume_ml=voxels * abs(float(np.linalg.det(phantom.affine[:3, :3]))) / 1000,
        acquired_at=spec.acquired_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
