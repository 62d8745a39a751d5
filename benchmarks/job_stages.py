"""Runs the radiomics job with a clock around its stages; the job itself knows nothing of it.

`python -m benchmarks.job_stages --stages FILE -- <arguments of the job>`. The job's functions are replaced by timed
ones wherever its modules hold them, and the studies run in this process instead of a child. The totals of the benchmark
come from other runs, of the job as it is.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.stage_clock import FEATURES, NIFTI, OVERLAY, QUALITY, READ, SEGMENTATION, StageClock
from radiomics_job import cli, isolation, study

PACKAGE = "radiomics_job"

TIMED = {
    "dicom.reading.read_study": READ,
    "dicom.series.group_series": READ,
    "dicom.stacking.stack_series": READ,
    "roi.rule.list_candidates": SEGMENTATION,
    "roi.pairing.pair": SEGMENTATION,
    "measurement.place_regions": SEGMENTATION,
    "quality.checks.describe_image": QUALITY,
    "quality.checks.describe_mask": QUALITY,
    "quality.checks.check_limits": QUALITY,
    "output.nifti.write_nifti": NIFTI,
    "output.overlay.render_overlay": OVERLAY,
    "features.extract.extract_features": FEATURES,
}
"""The job's functions by module and name, and the stage that each is charged to."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job and write its stages; give the job's exit code."""
    clock = StageClock()
    parser = argparse.ArgumentParser()
    parser.add_argument("--stages", type=Path, required=True)
    parser.add_argument("job", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    instrument(clock)
    code = cli.main([argument for argument in options.job if argument != "--"])
    clock.write(options.stages)
    return code


def instrument(clock: StageClock) -> None:
    """Wrap the clock around the job's functions, in every module that has imported them."""
    for name, stage in TIMED.items():
        function = find(name)
        replace(function, clock.timed(stage, function))
    replace(isolation.process_all, _in_this_process)


def find(name: str) -> Callable[..., Any]:
    """Look up one of the job's functions."""
    module, _, function = name.rpartition(".")
    found: Callable[..., Any] = getattr(import_module(f"{PACKAGE}.{module}"), function)
    return found


def replace(old: object, new: object) -> None:
    """Replace an object in all modules of the job, whatever they call it."""
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] == PACKAGE]
    for module in modules:
        for name in [name for name, value in vars(module).items() if value is old]:
            setattr(module, name, new)


def _in_this_process(tasks: Sequence[study.StudyTask], _workers: int) -> Iterator[isolation.Outcome]:
    for task in tasks:
        started = time.monotonic()
        status = study.process_study(task)
        yield isolation.Outcome(task, status, time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
