"""Command line of the job.

Exit codes: 0 when the sample has results; 1 for a fault of the machine, the only one worth a retry; 2 for a job that is
described wrongly; 64 and up for a sample that is rejected, one code a reason (`rnaseq_job.errors.EXIT_CODES`).
"""

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from rnaseq_job import __version__
from rnaseq_job.errors import EXIT_HOST_FAULT, EXIT_INVALID_JOB, HostFaultError, InvalidJobError
from rnaseq_job.job import JobOptions, default_ports, run_job
from rnaseq_job.quantifiers.salmon import LIBRARY_TYPES, STRANDEDNESSES
from rnaseq_job.runtime import available_cpus, log
from rnaseq_job.storage import open_storage

BUILD_REFERENCE = "build-reference"

_NAMING_OPTION = "--sample"
_ARGUMENTS = "--arguments"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job and give its exit code.

    Examples
    --------
    >>> main(["--engine", "salmon", "--sample", "R01-023", "--fastq-list", "lanes.csv",  # doctest: +SKIP
    ...       "--reference", "references/grch38/", "--output", "results/R01-023/"])
    0
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    previous = signal.signal(signal.SIGTERM, _stop)  # so that the quantifier is ended and the scratch folder removed
    try:
        if given[:1] == [BUILD_REFERENCE]:
            return _build_reference(given[1:])
        if given[:1] == [_ARGUMENTS]:
            given = _read_arguments(given[1:])
        return _quantify(_parser().parse_args(list(_bound(given))))
    except InvalidJobError as error:
        log("invalid_job", message=str(error))
        return EXIT_INVALID_JOB
    except (HostFaultError, OSError) as error:
        log("host_fault", message=str(error), kind=type(error).__name__)
        return EXIT_HOST_FAULT
    finally:
        signal.signal(signal.SIGTERM, previous)


def _read_arguments(given: Sequence[str]) -> list[str]:
    """Return the arguments that a JSON array at an address holds: a command line is read by the whole account."""
    if len(given) != 1:
        raise InvalidJobError(f"{_ARGUMENTS} takes the address of a JSON array of arguments and nothing else")
    (uri,) = given
    with tempfile.TemporaryDirectory(prefix="rnaseq-job-") as folder:
        path = Path(folder) / "arguments.json"
        try:
            open_storage(uri).download(uri, path)
            arguments = json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError) as error:
            raise InvalidJobError(f"{uri}: there is no JSON array of arguments ({type(error).__name__})") from error
    if not isinstance(arguments, list) or not all(isinstance(word, str) for word in arguments):
        raise InvalidJobError(f"{uri}: expected a JSON array of strings")
    return arguments


def _build_reference(arguments: Sequence[str]) -> int:
    from rnaseq_job.reference.cli import build

    return build(arguments)


def _quantify(given: argparse.Namespace) -> int:
    options = JobOptions(
        engine=given.engine,
        sample=given.sample,
        fastq_list=given.fastq_list,
        reference=given.reference,
        output=given.output,
        library_type=given.library_type,
        strandedness=given.strandedness,
        run={"run_id": given.run_id, "job_id": given.job_id, "content_version": given.content_version},
        trim=given.trim,
        threads=given.threads,
        buckets=tuple(given.allowed_bucket),
        without_mate=tuple(given.without_mate),
    )
    ports = default_ports(options.engine)
    log("job_started", engine=options.engine, engine_version=ports.quantifier.version(), version=__version__)
    if given.scratch is not None:
        given.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rnaseq-job-", dir=given.scratch) as scratch:
        return run_job(options, ports, Path(scratch).resolve())


def _bound(arguments: Sequence[str]) -> Iterator[str]:
    """Tie the sample's name to its option, so that a name such as `--help` is rejected as a name, not obeyed."""
    rest = iter(arguments)
    for argument in rest:
        value = next(rest, None) if argument == _NAMING_OPTION else None
        yield argument if value is None else f"{argument}={value}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rnaseq-job",
        allow_abbrev=False,
        description="Turn the RNA-seq reads of one sample into expression tables.",
        epilog=f"rnaseq-job {BUILD_REFERENCE} --help: prepare a reference; "
        f"rnaseq-job {_ARGUMENTS} URI: take all arguments from a JSON array",
    )
    add = parser.add_argument
    add("--engine", choices=["salmon", "dragen"], required=True)
    add(_NAMING_OPTION, required=True, help="case whose reads these are; first part of the results' names")
    add("--fastq-list", required=True, help="CSV with RGID,RGSM,RGLB,Lane,Read1File,Read2File")
    add("--reference", required=True, help="prefix of a built reference")
    add("--output", required=True, help="prefix for the results")
    add("--library-type", choices=LIBRARY_TYPES, help="as salmon and DRAGEN name it (default: A, detect)")
    add("--strandedness", choices=STRANDEDNESSES, help="the same as a sample sheet says it")
    add("--trim", action="store_true", help="trim adapters and bases of low quality with fastp first")
    add("--allowed-bucket", action="append", default=[], help="reject reads from other buckets; may be repeated")
    add("--without-mate", action="append", default=[], help="reads to count only: mates of theirs were filtered out")
    add("--run-id", help="recorded in the results")
    add("--job-id", default=os.environ.get("AWS_BATCH_JOB_ID"), help="recorded in the results")
    add("--content-version", help="recorded in the results")
    add(
        "--threads",
        type=_positive,
        default=available_cpus(),
        help="of the quantifier (default: the processors of the machine)",
    )
    add("--scratch", type=Path, help="folder with room for the reads (default: the machine's temporary folder)")
    add("--version", action="version", version=__version__)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(f"{number} is not positive")
    return number


def _stop(*_: object) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)
