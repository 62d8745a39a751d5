"""Command line of the reference builder.

Exit codes: 0 when the reference is ready; a reason's own code when the source was refused (rejection.json says why); 1
for a fault of the machine; 2 for a job that is described wrongly.
"""

import argparse
import os
import re
import shutil
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
    rejecting_full_disk,
)
from rnaseq_job.output.results import REJECTION_FILE, Publisher, rejection
from rnaseq_job.reference.build import BUILDERS, Request, build_reference
from rnaseq_job.reference.source import as_prefix
from rnaseq_job.runtime import available_cpus, log
from rnaseq_job.storage import open_storage

COMMAND = "build-reference"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}")


def build(arguments: Sequence[str]) -> int:
    """Build a reference and give the exit code.

    Parameters
    ----------
    arguments : sequence of str
        Options, with or without the word `build-reference` before them.

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
        publisher = Publisher(open_storage(output), output.rstrip("/"), Path(folder))
        run = {"run_id": options.run_id, "job_id": options.job_id, "content_version": options.content_version}
        request = Request(options.name, as_prefix(options.source), output, options.threads, Path(folder))
        try:
            with rejecting_full_disk():
                build_reference(request, BUILDERS[options.engine]())
        except InputRejectedError as error:
            log("reference_rejected", name=options.name, reason=str(error.code), message=error.message)
            for used in (path for path in Path(folder).iterdir() if path.is_dir()):  # the disk may be full
                shutil.rmtree(used, ignore_errors=True)
            publisher.document(REJECTION_FILE, rejection(options.name, run, error))
            return EXIT_CODES[error.code]
    publisher.remove_outcome(REJECTION_FILE)  # of an earlier build: the manifest stands for this one
    return EXIT_OK


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
    add("--threads", type=int, default=available_cpus(), help="processor threads (default: those this process may use)")
    add("--scratch", type=Path, help="folder for intermediate files (default: the system's temporary folder)")
    add("--run-id", help="recorded in rejection.json")
    add("--job-id", default=os.environ.get("AWS_BATCH_JOB_ID"), help="recorded in rejection.json")
    add("--content-version", help="recorded in rejection.json")
    return parser
