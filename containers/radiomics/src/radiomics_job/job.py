"""Which studies a job has: from `job.json`, or every folder and archive of the input folder."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import field
from datetime import date
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated
from uuid import uuid4

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from radiomics_job.dicom.sources import printable
from radiomics_job.dicom.study_folder import is_one_study
from radiomics_job.errors import InvalidJobError
from radiomics_job.limits import Limits
from radiomics_job.parameters import Params, explain, load_params, must, shown, whole, wrong
from radiomics_job.roi.rule import RoiRule
from radiomics_job.study import StudyTask

JOB_FILE = "job.json"
SCRATCH = f".radiomics-job-{uuid4().hex}"
"""Hidden folder inside the output folder, of this process alone: another job may write to the same output folder."""

_NAME = re.compile(r"(?!\.{1,2}$)[^/\\\x00-\x1f\x7f\ud800-\udfff]+")
"""A folder name that stays where it is put: no path, no control character, nothing that is not text."""

_STUDY = re.compile(r"(?:\d+\.){3,}\d+|\d{2}-\d{2}-\d{4}-.*")
"""A study's folder as archives name it, by UID or by date and description: the folder above it is the patient's."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def _stays_inside(value: object) -> bool:
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    path = PurePosixPath(value)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _day(value: object) -> date | None:
    if value is None:
        return None
    try:
        if _DATE.fullmatch(str(value)):  # fromisoformat alone would take other forms too
            return date.fromisoformat(str(value))
    except ValueError:
        pass
    raise wrong(f"expected a date as yyyy-mm-dd, found {shown(value)}")


_WHEN_READ = ConfigDict(defer_build=True)  # their schemas cost more than reading a study's header

Name = Annotated[str, must(lambda v: isinstance(v, str) and bool(_NAME.fullmatch(v)), "a plain name")]
InnerPath = Annotated[PurePosixPath, must(_stays_inside, "a path inside the input folder", PurePosixPath)]
Day = Annotated[date | None, BeforeValidator(_day)]
Text = Annotated[str | None, BeforeValidator(lambda v: None if v is None else str(v))]


@dataclass(frozen=True, config=_WHEN_READ)
class _Unit:
    """One study: its keys become the folders of its results."""

    dataset: Name
    subject: Name
    study: Name
    path: InnerPath
    content_version: Text = None
    surgery_date: Day = None
    correlation_id: Text = None


@dataclass(frozen=True, config=_WHEN_READ)
class _Dataset:
    """How the studies of a dataset are measured."""

    params: Annotated[str, BeforeValidator(lambda v: str(v or "ct"))] = "ct"
    roi: Annotated[RoiRule, BeforeValidator(lambda v: v or {})] = field(default_factory=RoiRule)
    pet: Text = None


@dataclass(frozen=True, config=_WHEN_READ)
class _Job:
    """What this package reads of `job.json`; other keys are for other readers."""

    schema: Annotated[int, whole(1, 1)]
    units: list[_Unit]
    datasets: dict[str, _Dataset]
    run_id: Text = None
    job_id: Text = None


def plan_tasks(
    input_dir: Path,
    output_dir: Path,
    job_file: Path | None,
    params: str | None,
    rule: RoiRule,
    limits: Limits,
    pet: str | None = None,
) -> list[StudyTask]:
    """List the studies of a job.

    Parameters
    ----------
    input_dir : Path
        Holds the studies, and `job.json` when none is given; or one study as a folder or zip archive.
    output_dir : Path
        Results go to `<dataset>/<subject>/<study>/` with a `job.json`, else to the study folder's own name.
    job_file : Path or None
        The job description.
    params : str or None
        Parameter file; overrides what the job description says. Without either: `ct`.
    rule : RoiRule
        Which region to measure when there is no job description.
    pet : str, optional
        Parameter file for PET images when there is no job description; without one they are left alone.

    Raises
    ------
    InvalidJobError
        When the input, the job description or the parameter file cannot be used.
    """
    if not (input_dir.is_dir() or (input_dir.is_file() and _is_zip(input_dir))):
        raise InvalidJobError(f"--input-dir {input_dir}: no such folder or zip archive")
    load = cache(load_params)
    described = description(input_dir, job_file)
    if described is not None:
        tasks = list(_described(_read_job(described), input_dir, output_dir, params, limits, load))
    else:
        ct = of_modality(load(params or "ct"), "CT")
        tasks = list(_found(input_dir, output_dir, ct, rule, limits, of_modality(load(pet), "PT") if pet else None))
        if not tasks:
            raise InvalidJobError(
                f"--input-dir {input_dir}: no study in it. Put each study (a CT and its segmentation) "
                "into a folder or zip archive of its own there"
            )
    _check_distinct(tasks)
    return tasks


def description(input_dir: Path, job_file: Path | None) -> Path | None:
    """Give the job description: the one that is named, else `job.json` in the input folder, else None."""
    return job_file or (input_dir / JOB_FILE if (input_dir / JOB_FILE).is_file() else None)


def of_modality(params: Params, modality: str) -> Params:
    """Return a parameter set when it is for images of this kind.

    Raises
    ------
    InvalidJobError
        When it is not: HU measured as SUV would look like features.
    """
    if params.modality != modality:
        raise InvalidJobError(f"{params.name}: modality: expected {modality} here, found {params.modality}")
    return params


@cache
def _reader() -> TypeAdapter[_Job]:
    return TypeAdapter(_Job)


def _read_job(path: Path) -> _Job:
    try:
        job = _reader().validate_python(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise InvalidJobError(f"{path}: {explain(error)}") from error
    except (OSError, ValueError) as error:
        raise InvalidJobError(f"{path}: not a readable job description: {error}") from error
    for missing in {unit.dataset for unit in job.units} - set(job.datasets):
        raise InvalidJobError(f"{path}: datasets.{missing}: missing; describe every dataset that a unit names")
    return job


def _described(
    job: _Job, input_dir: Path, output_dir: Path, params: str | None, limits: Limits, load: Callable[[str], Params]
) -> Iterator[StudyTask]:
    for number, unit in enumerate(job.units):
        dataset = job.datasets[unit.dataset]
        yield StudyTask(
            subject=unit.subject,
            source=input_dir / unit.path,
            folder=output_dir / unit.dataset / unit.subject / unit.study,
            scratch=output_dir / SCRATCH / str(number),
            params=of_modality(load(params or dataset.params), "CT"),
            pet=of_modality(load(dataset.pet), "PT") if dataset.pet else None,
            rule=dataset.roi,
            run={"run_id": job.run_id, "job_id": job.job_id, "content_version": unit.content_version},
            surgery_date=unit.surgery_date,
            limits=limits,
            subject_is_patient=True,
            correlation_id=unit.correlation_id,
        )


def _found(
    input_dir: Path, output_dir: Path, params: Params, rule: RoiRule, limits: Limits, pet: Params | None
) -> Iterator[StudyTask]:
    studies = {path: path.resolve().name if path.is_dir() else path.stem for path in _studies(input_dir, output_dir)}
    is_subject = all(map(_STUDY.fullmatch, studies.values()))
    for number, (path, name) in enumerate(studies.items()):
        subject = printable(path.resolve().parent.name if is_subject else name)
        scratch = output_dir / SCRATCH / str(number)
        yield StudyTask(subject, path, output_dir / name, scratch, params, rule, limits=limits, pet=pet)


def _studies(input_dir: Path, output_dir: Path) -> list[Path]:
    """List the folders and archives of a folder, unless it, or an archive, is a study itself."""
    if input_dir.is_file():
        return [input_dir]
    results = output_dir.resolve()  # of an earlier run
    shown = [
        path
        for path in sorted(input_dir.iterdir())
        if not path.name.startswith((".", "__MACOSX")) and path.resolve() != results
    ]
    studies = [path for path in shown if path.is_dir() or _is_zip(path)]
    if studies and not is_one_study(shown):
        return studies
    if shown and results.is_relative_to(input_dir.resolve()):
        raise InvalidJobError(
            f"--output-dir {output_dir}: lies in the study {input_dir.name}, whose files its results would become. "
            "Put it elsewhere"
        )
    return [input_dir][: len(shown)]


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip"


def _check_distinct(tasks: list[StudyTask]) -> None:
    seen: set[Path] = set()
    for task in tasks:
        if task.folder in seen:
            raise InvalidJobError(f"two studies would both write to {task.folder.name}; rename one of them")
        seen.add(task.folder)
