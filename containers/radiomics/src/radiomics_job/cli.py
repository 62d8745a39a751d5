"""Command line of the job.

Exit codes: 0 when every study has features or a rejection; 1 for a fault of the machine; 2 for a job that is described
wrongly; 3 when no study has features and no job description says who reads the rejections.
"""

import argparse
import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from radiomics_job import __version__
from radiomics_job.errors import InvalidJobError
from radiomics_job.isolation import Outcome, log, process_all
from radiomics_job.job import SCRATCH, description, plan_tasks
from radiomics_job.limits import MEBIBYTE, Limits
from radiomics_job.patients import reject_mixed_subjects
from radiomics_job.robustness import ROBUSTNESS_FILE, SUMMARY_FILE, Checks, summarise
from radiomics_job.roi.rule import RoiPolicy, read_rule
from radiomics_job.table import write_table

EXIT_OK, EXIT_HOST_FAULT, EXIT_INVALID_JOB, EXIT_NOTHING_MEASURED = 0, 1, 2, 3


INPUT_HELP = "folder of studies (folders or zips), or one study: a zip, a folder of its files or of its series' folders"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job and give its exit code.

    Examples
    --------
    >>> main(["--input-dir", "studies", "--output-dir", "results"])  # doctest: +SKIP
    0
    """
    options = _parser().parse_args(arguments)
    previous = signal.signal(signal.SIGTERM, _stop)  # so that the studies' processes are ended too
    try:
        return _run(options)
    except InvalidJobError as error:
        log("invalid_job", message=str(error))
        return EXIT_INVALID_JOB
    finally:
        signal.signal(signal.SIGTERM, previous)


def _run(options: argparse.Namespace) -> int:
    default = Limits()
    limits = Limits(
        seconds=options.time_limit or default.seconds,
        memory_bytes=options.memory_limit_mb * MEBIBYTE if options.memory_limit_mb else default.memory_bytes,
    )
    rule = read_rule(
        {"label": options.roi_label, "property_code": options.roi_property_code, "policy": options.roi_policy}
    )
    tasks = plan_tasks(options.input_dir, options.output_dir, options.job, options.params, rule, limits, options.pet)
    asked = options.perturb or options.negative_control
    checks = Checks(options.perturb, options.negative_control) if asked else None
    tasks = [replace(task, checks=checks) for task in tasks]
    log("job_started", studies=len(tasks), workers=options.workers, version=__version__)
    counts: Counter[str] = Counter()
    try:
        for outcome in process_all(tasks, options.workers):
            counts[outcome.status] += 1
            _report(outcome, sum(counts.values()), len(tasks))
        for task in reject_mixed_subjects(tasks):
            log("mixed_patients", **task.log_name)
        if checks:
            studies = summarise((task.folder for task in tasks), options.output_dir / SUMMARY_FILE)
            log("robustness_written", studies=studies)
    finally:
        shutil.rmtree(options.output_dir / SCRATCH, ignore_errors=True)
    by_hand = description(options.input_dir, options.job) is None
    table = write_table(tasks, options.output_dir) if by_hand else None
    log("job_ended", studies=len(tasks), **counts, results=options.output_dir, **({"table": table} if table else {}))
    if counts["host_fault"]:
        return EXIT_HOST_FAULT
    return EXIT_NOTHING_MEASURED if by_hand and counts["rejected"] == len(tasks) else EXIT_OK


def _report(outcome: Outcome, done: int, total: int) -> None:
    fields = {**outcome.task.log_name, "status": outcome.status, **_reason(outcome)}
    log("study_ended", **fields, seconds=outcome.seconds, done=done, of=total)


def _reason(outcome: Outcome) -> dict[str, str]:
    """Say why a study was rejected; messages name no file and no patient."""
    if outcome.status != "rejected":
        return {}
    document = json.loads((outcome.task.folder / "rejection.json").read_text(encoding="utf-8"))
    return {"reason_code": document["reason_code"], "message": document["message"]}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="radiomics-job", description="Turn CT studies with a tumour segmentation into NIfTI and radiomic features."
    )
    add = parser.add_argument
    add("--input-dir", type=Path, required=True, help=INPUT_HELP)
    add(
        "--output-dir",
        type=Path,
        required=True,
        help="folder for the results and, without a job description, features.csv",
    )
    add("--job", type=Path, help="job description (default: job.json in the input folder, if there is one)")
    add("--params", help="parameter file, by name (ct, ct_ibsi, ct_resampled) or path; overrides the job description")
    add("--pet", help="without a job description: parameter file for the PET images of a study, pet for instance")
    add("--workers", type=int, default=_cpus(), help="studies at a time (default: the processors of the machine)")
    add("--roi-label", help="without a job description: regular expression on the region's label")
    add("--roi-property-code", help="without a job description: regular expression on the region's property code")
    add("--roi-policy", choices=[str(policy) for policy in RoiPolicy], default="single", help="when several match")
    again = f"measure each region again, perturbed: {ROBUSTNESS_FILE}, {SUMMARY_FILE}"
    add("--perturb", action="store_true", help=again)
    add("--negative-control", action="store_true", help="and with the region's voxels shuffled")
    add("--time-limit", type=float, help=f"seconds per study (default {Limits().seconds:g})")
    add("--memory-limit-mb", type=int, help=f"memory per study (default {Limits().memory_bytes // MEBIBYTE})")
    add("--version", action="version", version=__version__)
    return parser


def _cpus() -> int:
    if sys.platform == "linux":  # what this process may use, not what the machine has
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _stop(*_: object) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)
