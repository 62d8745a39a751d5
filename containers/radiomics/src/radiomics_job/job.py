"""Which studies a job has: from ``job.json``, or every folder and archive of the input folder."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path, PurePosixPath
from uuid import uuid4

from radiomics_job.dicom.sources import printable
from radiomics_job.errors import InvalidJobError
from radiomics_job.limits import Limits
from radiomics_job.parameters import Params, ParamsError, load_params
from radiomics_job.roi.rule import RoiRule, read_rule
from radiomics_job.study import StudyTask

JOB_FILE = "job.json"
SCRATCH = f".radiomics-job-{uuid4().hex}"
"""Hidden folder inside the output folder, of this process alone: another job may write to the same output folder."""
_SCHEMA = 1

_NAME = re.compile(r"(?!\.{1,2}$)[^/\\\x00-\x1f\x7f\ud800-\udfff]+")
"""A folder name that stays where it is put: no path, no control character, nothing that is not text."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

Loader = Callable[[str], Params]


def plan_tasks(
    input_dir: Path,
    output_dir: Path,
    job_file: Path | None,
    params: str | None,
    rule: RoiRule,
    limits: Limits,
) -> list[StudyTask]:
    """List the studies of a job.

    Parameters
    ----------
    input_dir : Path
        Holds the studies, and ``job.json`` when none is given.
    output_dir : Path
        Results go to ``<dataset>/<subject>/<study>/`` with a ``job.json``, else to the study folder's own name.
    job_file : Path or None
        The job description.
    params : str or None
        Parameter file; overrides what the job description says. Without either: ``ct``.
    rule : RoiRule
        Which region to measure when there is no job description.
    limits : Limits
        Budgets of every study.

    Raises
    ------
    InvalidJobError
        When the job description or the parameter file cannot be used.
    """
    if not input_dir.is_dir():
        raise InvalidJobError(f"--input-dir {input_dir}: no such folder")
    load = cache(_load)
    described = job_file or (input_dir / JOB_FILE if (input_dir / JOB_FILE).is_file() else None)
    if described is not None:
        tasks = list(_described(_read_job(described), input_dir, output_dir, params, limits, load))
    else:
        tasks = list(_found(input_dir, output_dir, load(params or "ct"), rule, limits))
    _check_distinct(tasks)
    return tasks


def _load(name: str) -> Params:
    try:
        return load_params(name)
    except ParamsError as error:
        raise InvalidJobError(str(error)) from error


def _read_job(path: Path) -> Mapping[str, object]:
    try:
        job = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidJobError(f"{path}: not a readable job description: {error}") from error
    if not isinstance(job, dict) or job.get("schema") != _SCHEMA:
        raise InvalidJobError(f'{path}: expected a job description with "schema": {_SCHEMA}')
    return job


def _described(
    job: Mapping[str, object],
    input_dir: Path,
    output_dir: Path,
    params: str | None,
    limits: Limits,
    load: Loader,
) -> Iterator[StudyTask]:
    datasets = _mapping(job.get("datasets"), "datasets")
    units = job.get("units")
    if not isinstance(units, list):
        raise InvalidJobError("units: expected a list of studies")
    for number, item in enumerate(units):
        unit = _mapping(item, "units[]")
        dataset, subject, study = (_name(unit, key) for key in ("dataset", "subject", "study"))
        settings = _mapping(datasets.get(dataset), f"datasets.{dataset}")
        yield StudyTask(
            subject=subject,
            source=input_dir / _relative(unit),
            folder=output_dir / dataset / subject / study,
            scratch=output_dir / SCRATCH / str(number),
            params=load(params or str(settings.get("params") or "ct")),
            rule=read_rule(_mapping(settings.get("roi") or {}, f"datasets.{dataset}.roi")),
            run=_run_of(job, unit),
            surgery_date=_date(unit.get("surgery_date"), "units[].surgery_date"),
            limits=limits,
        )


def _run_of(job: Mapping[str, object], unit: Mapping[str, object]) -> dict[str, str | None]:
    """Name the run in the results, so that a result left over from another run is told apart."""
    return {
        "run_id": _text(job.get("run_id")),
        "job_id": _text(job.get("job_id")),
        "content_version": _text(unit.get("content_version")),
    }


def _found(input_dir: Path, output_dir: Path, params: Params, rule: RoiRule, limits: Limits) -> Iterator[StudyTask]:
    for number, path in enumerate(sorted(input_dir.iterdir())):
        name = path.name if path.is_dir() else path.stem
        if path.name.startswith(".") or not (path.is_dir() or path.suffix.lower() == ".zip"):
            continue
        if path.resolve() == output_dir.resolve():  # results of an earlier run
            continue
        scratch = output_dir / SCRATCH / str(number)
        yield StudyTask(printable(name), path, output_dir / name, scratch, params, rule, limits=limits)


def _check_distinct(tasks: list[StudyTask]) -> None:
    seen: set[Path] = set()
    for task in tasks:
        if task.folder in seen:
            raise InvalidJobError(f"two studies would both write to {task.folder.name}; rename one of them")
        seen.add(task.folder)


def _mapping(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise InvalidJobError(f"{where}: expected a mapping, found {type(value).__name__}")
    return value


def _name(unit: Mapping[str, object], key: str) -> str:
    """Read a key that becomes a folder name."""
    value = unit.get(key)
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise InvalidJobError(f"units[].{key}: expected a plain name, found {value!r}")
    return value


def _relative(unit: Mapping[str, object]) -> PurePosixPath:
    value = unit.get("path")
    path = PurePosixPath(value) if isinstance(value, str) and value and "\0" not in value else None
    if path is None or path.is_absolute() or ".." in path.parts or not path.parts:
        raise InvalidJobError(f"units[].path: expected a path inside the input folder, found {value!r}")
    return path


def _date(value: object, where: str) -> date | None:
    if value is None:
        return None
    try:
        if not _DATE.fullmatch(str(value)):
            raise ValueError("not of the form yyyy-mm-dd")
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise InvalidJobError(f"{where}: expected a date as yyyy-mm-dd, found {value!r}") from error


def _text(value: object) -> str | None:
    return None if value is None else str(value)
