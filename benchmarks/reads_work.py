"""What the reads benchmark measures, as a process: `python -m benchmarks.reads_work checks|inflate FILE …`.

It prints what it found and the CPU seconds that this took, all threads, without start-up and imports: speeds are of
files a hundred times as large.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from isal import igzip

from rnaseq_job.errors import InputRejectedError
from rnaseq_job.reads.checks import LaneFiles, check_reads
from rnaseq_job.reads.records import PART
from rnaseq_job.reads.stream import ReadsFile


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the work; a rejection is a result, and is printed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=["checks", "inflate"])
    parser.add_argument("files", type=Path, nargs="+")
    options = parser.parse_args(arguments)
    started = time.process_time()
    found = _checks(options.files) if options.work == "checks" else _inflate(options.files)
    print(found, time.process_time() - started)
    return 0


def _checks(paths: Sequence[Path]) -> str:
    files = [ReadsFile(path, path.name) for path in paths]
    try:
        return str(check_reads([LaneFiles(files[0], files[1] if len(files) > 1 else None)]).fragments)
    except InputRejectedError as error:
        return str(error.code)


def _inflate(paths: Sequence[Path]) -> str:
    """Inflate as the checks do, and do nothing else."""
    size = 0
    for path in paths:
        with igzip.open(path, "rb") as content:  # type: ignore[no-untyped-call]
            while part := content.read1(PART):
                size += len(part)
    return str(size)


if __name__ == "__main__":
    sys.exit(main())
