import gc
import os
import sys
from typing import NoReturn

_FEW_COLLECTIONS = 300_000
"""Objects between two searches for cycles: they are a tenth of a small study's CPU time and find next to nothing."""

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
"""Studies run side by side, one process each: threads inside a library only wait, and wait by spinning."""

_NOT_IN_THE_IMAGE = ("requests", "scipy")
"""pydicom and nibabel import them where they are installed, to fetch test files and for routines that are not used."""


def main() -> NoReturn:
    """Run the job as a program, and end with its exit code."""
    gc.set_threshold(_FEW_COLLECTIONS)
    for variable in _ONE_THREAD:
        os.environ.setdefault(variable, "1")
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # it would look through every package for some
    for library in _NOT_IN_THE_IMAGE:
        sys.modules.setdefault(library, None)  # type: ignore[arg-type]  # None: it cannot be imported
    from radiomics_job.cli import main as run  # after the threshold: imports make most objects

    code = run()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # every file is closed and every study's process joined: to take the libraries apart costs 0.1 s


if __name__ == "__main__":
    main()
