"""Command line of the reference builder.

Exit codes: 0 when the reference is ready; a reason's own code when the source was refused (rejection.json says why); 1
for a fault of the machine; 2 for a job that is described wrongly.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rnaseq_job.errors import (
    EXIT_CODES,
    EXIT_HOST_FAULT,
    EXIT_INVALID_JOB,
    EXIT_OK,
    HostFaultError,
    InputRejectedError,
    InvalidJobError,
    full_disk_is_refused,
)
from rnaseq_job.output.results import REJECTION_FILE
from rnaseq_job.reference.build import BUILDERS, Request, build_reference
from rnaseq_job.reference.source import as_prefix
from rnaseq_job.runtime import log
from rnaseq_job.storage import open_storage

COMMAND = "build-reference"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}")


def build(arguments: Sequence[str]) -> int:
    """Build a reference and give the exit code.

    Parameters
    ----------
    arguments : sequence of str
        Options, with or without the word ``build-reference`` before them.

    Examples
    --------
    >>> build(["--engine", "salmon", "--name", "grch38", "--source", "files", "--output", "built"])  # doctest: +SKIP
    0
    """
    options = _parser().parse_args([word for word in arguments[:1] if word != COMMAND] + list(arguments[1:]))
    try:
        return _run(options)
    except InvalidJobError as error:
        log("invalid_job", message=str(error))
        return EXIT_INVALID_JOB
    except HostFaultError as error:
        log("host_fault", message=str(error))
        return EXIT_HOST_FAULT


def _run(options: argparse.Namespace) -> int:
    if not _NAME.fullmatch(options.name):
        raise InvalidJobError(f"{options.name!r} is no name for a reference: letters, digits, hyphen, underscore")
    if options.scratch:
        options.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="reference-", dir=options.scratch) as folder:
        output = as_prefix(options.output)
        request = Request(options.name, as_prefix(options.source), output, options.threads, Path(folder))
        try:
            with full_disk_is_refused():
                build_reference(request, BUILDERS[options.engine]())
        except InputRejectedError as error:
            log("reference_rejected", name=options.name, reason=str(error.code), message=error.message)
            _write_rejection(options, error, Path(folder), output)
            return EXIT_CODES[error.code]
    _remove_rejection(output)
    return EXIT_OK


def _remove_rejection(output: str) -> None:
    """Take away the verdict of an earlier build: the manifest stands for this one."""
    try:
        open_storage(output).remove(output + REJECTION_FILE)
    except InvalidJobError as error:  # a role that may not delete: run ids still tell the verdicts apart
        log("earlier_verdict_stays", file=REJECTION_FILE, reason=str(error))


def _write_rejection(options: argparse.Namespace, error: InputRejectedError, folder: Path, output: str) -> None:
    run = {"run_id": options.run_id, "job_id": options.job_id, "content_version": options.content_version}
    content = {
        "schema": 1,
        "subject": options.name,
        "run": run,
        "reason_code": str(error.code),
        "message": error.message,
        "details": error.details,
    }
    for used in (path for path in folder.iterdir() if path.is_dir()):  # the disk may be full
        shutil.rmtree(used, ignore_errors=True)
    path = folder / REJECTION_FILE
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    open_storage(output).upload(path, output + path.name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"rnaseq-job {COMMAND}",
        allow_abbrev=False,
        description="Build a reference for salmon or DRAGEN, once for all samples.",
    )
    add = parser.add_argument
    add("--engine", choices=sorted(BUILDERS), required=True, help="what will read the reference")
    add("--name", required=True, help="name of the reference")
    add("--source", required=True, help="s3://bucket/prefix or folder with genome and annotation")
    add("--output", required=True, help="s3://bucket/references/<name> or folder for the result")
    add("--threads", type=int, default=_cpus(), help="processor threads (default: those this process may use)")
    add("--scratch", type=Path, help="folder for intermediate files (default: the system's temporary folder)")
    add("--run-id", help="recorded in rejection.json")
    add("--job-id", default=os.environ.get("AWS_BATCH_JOB_ID"), help="recorded in rejection.json")
    add("--content-version", help="recorded in rejection.json")
    return parser


def _cpus() -> int:
    if sys.platform == "linux":  # what this process may use, not what the machine has
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
