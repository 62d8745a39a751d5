"""From what and with which software a result was made."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from radiomics_job import __version__
from radiomics_job.dicom.acquisition import describe_acquisition
from radiomics_job.dicom.sources import SourceCounts, one_line
from radiomics_job.errors import Detail, StudyRejectedError
from radiomics_job.measurement import MeasuredRoi
from radiomics_job.parameters import Params
from radiomics_job.study_image import StudyImage

_DISTRIBUTIONS = {
    "pyradiomics": "pyradiomics-bhklab",
    "pydicom": "pydicom",
    "dcmstack": "dcmstack",
    "nibabel": "nibabel",
    "numpy": "numpy",
    "SimpleITK": "SimpleITK",
}


@cache
def versions() -> dict[str, str]:
    """Give the version of this package and of every library that a feature value depends on.

    Examples
    --------
    >>> versions()["pydicom"]
    '3.0.2'
    """
    return {"radiomics_job": __version__} | {name: _version(package) for name, package in _DISTRIBUTIONS.items()}


def provenance(params: Params, input_hash: str, counts: SourceCounts, formats: Mapping[str, str]) -> dict[str, object]:
    """Say from what, by which settings and with which software a result was made.

    Parameters
    ----------
    formats : mapping of str to str
        Of the `image` and the `mask`: `DICOM`, `NIFTI`, …; for any other image no DICOM vouches for units, orientation
        and patient.
    """
    return {
        "input_hash": input_hash,
        "params": params.name,
        "params_hash": params.hash,
        "versions": versions(),
        "files": {"dicom": counts.dicom, "volumes": counts.volumes, "ignored": counts.ignored},
        "formats": {**formats, "units_and_orientation": "DICOM" if formats["image"] == "DICOM" else "file header only"},
    }


def region_name(number: int | str, prefix: str = "") -> str:
    """Name the file of one region's mask; it is written where regions overlap."""
    return f"{prefix}seg_region_{number}.nii.gz"


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


RESULT_NAMES = (
    "ct.nii.gz",
    "seg.nii.gz",
    "overlay.png",
    "pet.nii.gz",
    "pet_seg.nii.gz",
    "pet_overlay.png",
    "robustness.json",
    "qc.json",
    "features.json",
    "rejection.json",
)
"""Everything a result folder may hold, in the order in which it is moved into place: the outcome comes last."""

SCHEMA = 1


def artifacts(folder: Path) -> list[dict[str, object]]:
    """Give name, bytes and SHA-256 of every file of a result that is not published yet.

    SageMaker uploads a job's files in no promised order: only whoever has this list can tell that all are there
    (decision `aws-13`).
    """
    found = []
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found.append({"name": path.name, "bytes": path.stat().st_size, "sha256": digest})
    return found


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write JSON whose bytes depend on the content only; not-a-number is refused.

    Raises
    ------
    ValueError
        For NaN and infinity, which JSON does not have.
    """
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


@contextmanager
def publishing(folder: Path, scratch: Path) -> Iterator[Path]:
    """Give a scratch folder whose files become the study's result when the block ends without an error.

    Parameters
    ----------
    folder : Path
        The study's result folder. Results of an earlier run are replaced; other files in it are left alone.
    scratch : Path
        A folder of the same file system that no one else uses; removed in the end.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
        folder.mkdir(parents=True, exist_ok=True)
        for name in reversed(RESULT_NAMES):
            (folder / name).unlink(missing_ok=True)
        for leftover in folder.glob(region_name("*", "*")):
            leftover.unlink()
        for name in (*sorted(path.name for path in scratch.glob(region_name("*", "*"))), *RESULT_NAMES):
            if (scratch / name).exists():
                (scratch / name).replace(folder / name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def rejection(subject: str, run: Mapping[str, object], error: StudyRejectedError) -> dict[str, object]:
    """Give the content of `rejection.json`."""
    return {
        "schema": SCHEMA,
        "subject": subject,
        "run": dict(run),
        "reason_code": str(error.code),
        "message": error.message,
        "details": error.details,
    }


def pet_rejection(error: StudyRejectedError) -> dict[str, object]:
    """Say why the PET beside a CT has no features, for `qc.json` and `features.json`."""
    return {"reason_code": str(error.code), "message": error.message, "details": error.details}


def qc_document(
    subject: str, run: Mapping[str, str | None], ct: StudyImage, rois: Sequence[MeasuredRoi]
) -> dict[str, object]:
    """Give the content of `qc.json`: the primary region's status and numbers, then every region's."""
    return {
        "schema": SCHEMA,
        "subject": subject,
        "run": dict(run),
        **_study_qc(ct, rois[0]),
        "findings": [finding.describe() for finding in rois[0].findings],
        "rois": [_roi_qc(roi, value) for value, roi in enumerate(rois, 1)],
    }


def _study_qc(ct: StudyImage, primary: MeasuredRoi) -> dict[str, Detail]:
    return {
        "status": primary.status,
        "warnings": primary.warnings,
        **primary.numbers,
        **ct.numbers,
        "days_ct_to_surgery": ct.days_to_surgery,
        "pairing": ct.pairing.describe(ct.candidates),
    }


def _roi_qc(roi: MeasuredRoi, value: int) -> dict[str, object]:
    return {
        "seg_value": value,
        "label": one_line(roi.label),
        "source": roi.source,
        "source_uid": roi.source_uid,
        "segment_number": roi.segment_number,
        "status": roi.status,
        **roi.numbers,
        "findings": [finding.describe() for finding in roi.findings],
    }


def features_document(
    subject: str,
    run: Mapping[str, str | None],
    ct: StudyImage,
    rois: Sequence[MeasuredRoi],
    provenance: Mapping[str, object],
) -> dict[str, object]:
    """Give the content of `features.json`; the primary region comes first."""
    time, source = ct.acquired
    first = ct.stack.slices[0]
    return {
        "schema": SCHEMA,
        "subject": subject,
        "modality": ct.modality,
        "study_uid": first.study_uid or None,
        "series_uid": first.series_uid or None,
        "acquired_at": time,
        "acquired_at_source": source,
        "run": dict(run),
        "rois": [_roi_features(roi, primary=index == 0) for index, roi in enumerate(rois)],
        "acquisition": describe_acquisition(ct.stack),
        **({"suv": {"rule": ct.suv.rule, **ct.suv.facts}} if ct.suv else {}),
        "qc": _study_qc(ct, rois[0]),
        "provenance": dict(provenance),
    }


def _roi_features(roi: MeasuredRoi, *, primary: bool) -> dict[str, object]:
    return {
        "label": one_line(roi.label),
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
